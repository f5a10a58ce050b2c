//! Edges: references, needs, `when`, `route`, `join`, skipping.

use serde_json::json;

use super::flow::Flow;

#[tokio::test(start_paused = true)]
async fn values_flow_along_references() {
    let flow = Flow::new(
        "
inputs: { name: string }
nodes:
  b: { value: { text: 'hello {{ a.who }}', count: '{{ a.who | length }}' } }
  a: { value: { who: '{{ inputs.name }}' } }
outputs: { all: '{{ b }}' }
",
    );
    flow.input("name", "world")
        .run()
        .await
        .succeeded()
        .output("all", json!({"text": "hello world", "count": 5}))
        .ended(&["a succeeded", "b succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_answers_by_its_schema_and_feeds_the_next() {
    let flow = Flow::new(
        "
agents: { judge: { model: mock/m }, writer: { model: mock/m } }
nodes:
  verdict: { agent: judge, prompt: 'Is it good?', output: { good: boolean, why: string } }
  letter: { agent: writer, prompt: 'Because {{ verdict.why }}' }
",
    );
    let flow = flow.answer("judge", json!({"good": true, "why": "it works"})).answer("letter", "Dear all");
    flow.run().await.succeeded().output("letter", "Dear all").ended(&["verdict succeeded", "letter succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_false_when_skips_the_node_and_what_only_hangs_on_it() {
    let flow = Flow::new(
        "
nodes:
  a: { value: 1 }
  b: { value: '{{ a + 1 }}', when: a > 5 }
  c: { value: '{{ b + 1 }}' }
  d: { value: \"{{ b | default('nothing') }}{{ a }}\" }
outputs: { d: '{{ d }}' }
",
    );
    flow.run().await.succeeded().output("d", "nothing1").ended_in_any_order(&[
        "a succeeded",
        "b skipped",
        "c skipped",
        "d succeeded",
    ]);
}

const ROUTED: &str = "
inputs: { kind: string }
nodes:
  triage: { value: { kind: '{{ inputs.kind }}' }, route: { on: triage.kind, cases: { bug: fix, idea: [plan, note] }, default: other } }
  fix: { value: 'fix {{ triage.kind }}' }
  plan: { value: plan }
  note: { value: note }
  other: { value: other }
  reply: { value: \"{{ fix | default(plan) | default(other) }}\" }
outputs: { reply: '{{ reply }}' }
";

#[tokio::test(start_paused = true)]
async fn a_route_takes_the_case_and_skips_the_others() {
    let ran = Flow::new(ROUTED).input("kind", "bug").run().await.succeeded().output("reply", "fix bug");
    ran.ended_in_any_order(&[
        "fix succeeded",
        "note skipped",
        "other skipped",
        "plan skipped",
        "reply succeeded",
        "triage succeeded",
    ]);
}

#[tokio::test(start_paused = true)]
async fn a_route_case_may_name_several_nodes_and_the_default_takes_the_rest() {
    Flow::new(ROUTED).input("kind", "idea").run().await.succeeded().output("reply", "plan").ended_in_any_order(&[
        "fix skipped",
        "note succeeded",
        "other skipped",
        "plan succeeded",
        "reply succeeded",
        "triage succeeded",
    ]);
    Flow::new(ROUTED).input("kind", "?").run().await.succeeded().output("reply", "other");
}

#[tokio::test(start_paused = true)]
async fn join_any_starts_at_the_first_edge_that_is_taken() {
    let flow = Flow::new(
        "
agents: { slow: { model: mock/m } }
nodes:
  fast: { value: fast }
  late: { agent: slow, prompt: think }
  first: { value: \"{{ late | default(fast) }}\", join: any }
outputs: { first: '{{ first }}' }
",
    );
    let ran = flow.latency(std::time::Duration::from_secs(5)).run().await.succeeded().output("first", "fast");
    ran.ended(&["fast succeeded", "first succeeded", "late succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn needs_orders_without_data() {
    let flow = Flow::new("nodes: { b: { value: 2, needs: [a] }, a: { value: 1 } }");
    flow.run().await.succeeded().ended(&["a succeeded", "b succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn an_inner_workflow_sees_only_its_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let inner = "
inputs: { n: integer, more: { type: integer, default: 10 } }
nodes: { sum: { value: '{{ inputs.n + inputs.more }}' } }
outputs: { total: '{{ sum }}' }
";
    std::fs::write(folder.path().join("inner.yaml"), inner).unwrap();
    let path = folder.path().join("inner.yaml");
    let flow = Flow::new(&format!(
        "
nodes:
  a: {{ value: 5 }}
  sub: {{ workflow: '{}', with: {{ n: '{{{{ a }}}}' }} }}
outputs: {{ total: '{{{{ sub.total }}}}' }}
",
        path.display()
    ));
    flow.run().await.succeeded().output("total", 15).ended(&["a succeeded", "sub.sum succeeded", "sub succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_joins_any_goes_on_seeing_what_it_saw_when_it_started() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  fast: { value: fast }
  late: { agent: a, prompt: think }
  first: { agent: a, prompt: \"{{ late | default(fast) }} {{ nodes.late.status }}\", output: integer, join: any }
outputs: { first: '{{ first }}' }
",
    );
    // The second attempt takes the answer that the first one got, and asks on from there; meanwhile `late` has ended.
    let flow = flow.answer("late", "at last").answer("first", "nonsense").fail("first", 503, 1).answer("first", 7);
    flow.latency(std::time::Duration::from_secs(1)).run().await.succeeded().output("first", 7).attempts("first", 2);
}
