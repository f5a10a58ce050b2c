//! `map` and `loop`.

use serde_json::json;

use super::flow::Flow;

#[tokio::test(start_paused = true)]
async fn a_map_keeps_the_order_of_its_elements() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  list: { value: [x, y, z] }
  each: { map: list, as: letter, agent: a, prompt: '{{ index }}: {{ letter }}' }
outputs: { each: '{{ each }}' }
",
    );
    let flow = flow.answer("each[2]", "third").answer("each[0]", "first").answer("each[1]", "second");
    let ran = flow.run().await.succeeded().output("each", json!(["first", "second", "third"]));
    ran.ended_in_any_order(&["each succeeded", "each[0] succeeded", "each[1] succeeded", "each[2] succeeded", "list succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_map_over_nothing_gives_an_empty_list() {
    let flow = Flow::new("nodes: { list: { value: [] }, each: { map: list, value: '{{ item }}' } }");
    flow.run().await.succeeded().output("each", json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_map_over_an_inner_graph_gives_each_element_its_own_scope() {
    let flow = Flow::new(
        "
nodes:
  list: { value: [1, 2] }
  each: { map: list, as: n, nodes: { double: { value: '{{ n * 2 }}' }, more: { value: '{{ double + index }}' } } }
outputs: { each: \"{{ each | map(attribute='more') | list }}\" }
",
    );
    let ran = flow.run().await.succeeded().output("each", json!([2, 5]));
    assert!(ran.endings().contains(&"each[1].more succeeded".to_owned()), "{:?}", ran.endings());
}

#[tokio::test(start_paused = true)]
async fn an_element_that_fails_fails_the_map_unless_the_node_says_otherwise() {
    let yaml = |on_error: &str| {
        format!(
            "
agents: {{ a: {{ model: mock/m }} }}
nodes:
  list: {{ value: [x, y] }}
  each: {{ map: list, agent: a, prompt: '{{{{ item }}}}'{on_error} }}
outputs: {{ each: \"{{{{ each | default([], true) }}}}\" }}
"
        )
    };
    let ran = Flow::new(&yaml("")).fail("each[1]", 400, 1).answer("each[0]", "ok").run().await;
    assert!(ran.result.error.as_ref().unwrap().message.starts_with("node `each[1]`: "), "{:?}", ran.result.error);
    let ran = Flow::new(&yaml(", on_error: continue")).fail("each[1]", 400, 1).answer("each[0]", "ok").run().await;
    ran.succeeded().output("each", json!(["ok", null]));
    let ran = Flow::new(&yaml(", on_error: { use: none given }")).fail("each[1]", 400, 1).answer("each[0]", "ok").run().await;
    ran.succeeded().output("each", json!(["ok", "none given"]));
}

const IMPROVE: &str = "
agents: { writer: { model: mock/m }, critic: { model: mock/m } }
nodes:
  improve:
    loop: { until: critique.score >= 8, max: 3 }
    nodes:
      draft: { agent: writer, prompt: \"Better than {{ loop.previous.draft | default('nothing', true) }} ({{ loop.iteration }})\" }
      critique: { agent: critic, prompt: 'Judge {{ draft }}', output: { score: integer } }
outputs: { draft: '{{ improve.draft }}', score: '{{ improve.critique.score }}' }
";

#[tokio::test(start_paused = true)]
async fn a_loop_ends_when_its_condition_holds() {
    let flow = Flow::new(IMPROVE).answer("draft", "one").answer("critique", json!({"score": 3}));
    let flow = flow.answer("draft", "two").answer("critique", json!({"score": 9}));
    let ran = flow.run().await.succeeded().output("draft", "two").output("score", 9);
    ran.ended(&[
        "improve@1.draft succeeded",
        "improve@1.critique succeeded",
        "improve@2.draft succeeded",
        "improve@2.critique succeeded",
        "improve succeeded",
    ]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_ends_at_its_bound_with_the_last_iteration() {
    let flow =
        (1..=4).fold(Flow::new(IMPROVE), |flow, n| flow.answer("draft", format!("d{n}")).answer("critique", json!({"score": 1})));
    let ran = flow.run().await.succeeded().output("draft", "d3");
    assert_eq!(ran.calls.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_looped_node_without_inner_graph_is_its_own_iteration() {
    let flow = Flow::new(
        "
nodes:
  n: { value: '{{ loop.previous.n | default(1, true) * 2 }}', loop: { until: n >= 10, max: 9 } }
outputs: { n: '{{ n }}' }
",
    );
    let ran = flow.run().await.succeeded().output("n", 16);
    ran.ended(&["n@1.n succeeded", "n@2.n succeeded", "n@3.n succeeded", "n@4.n succeeded", "n succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn map_and_loop_go_together_map_outside() {
    let flow = Flow::new(
        "
nodes:
  list: { value: [1, 5] }
  grow: { map: list, as: n, value: '{{ loop.previous.grow | default(n, true) + 1 }}', loop: { until: grow >= 4, max: 9 } }
outputs: { grow: '{{ grow }}' }
",
    );
    flow.run().await.succeeded().output("grow", json!([4, 6]));
}
