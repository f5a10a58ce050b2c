//! The kit for tests of workflows: mocked nodes, agents, tools and people, on a clock of their own.

use std::time::{Duration, Instant};

use agentflow::{
    ErrorKind,
    model::RunStatus,
    testing::{Failure, MockAgent, StepScript, TestRunner},
};
use serde_json::json;

fn failing(kind: ErrorKind, times: Option<u32>) -> StepScript {
    StepScript { fail: Some(Failure { times, ..Failure::of(kind) }), ..StepScript::output("at last") }
}

const REVIEW: &str = "
agents: { critic: { model: openai/gpt-5-mini } }
nodes:
  areas: { value: [auth, db, ui] }
  review: { map: areas, as: area, agent: critic, prompt: 'Review {{ area }}.', output: { risk: integer } }
  worst: { value: '{{ review | map(attribute=\"risk\") | max }}' }
outputs: { worst: '{{ worst }}' }
";

#[test]
fn a_mapped_node_is_mocked_as_a_whole_or_by_instance() {
    let whole = TestRunner::of_text(REVIEW).node("review", StepScript::output(json!([{ "risk": 3 }]))).run().unwrap();
    whole.assert_succeeded();
    whole.assert_executed("review", 1);
    assert_eq!(whole.output("worst"), Some(&json!(3)));
    assert_eq!(whole.prompts("review").count(), 0, "without an element there is nothing to ask");

    let step = StepScript { outputs: vec![json!({ "risk": 1 }), json!({ "risk": 9 }), json!({ "risk": 2 })], fail: None };
    let each = TestRunner::of_text(REVIEW).each("review", step).run().unwrap();
    each.assert_executed("review", 3);
    assert_eq!(each.output("worst"), Some(&json!(9)));
    assert_eq!(each.prompts("review").collect::<Vec<_>>(), ["Review auth.", "Review db.", "Review ui."]);
}

#[test]
fn a_mock_that_fails_is_tried_again_and_its_back_off_takes_no_time() {
    let flow = "
permissions: ['net:example.com']
nodes:
  call: { tool: http_get, args: { url: 'https://example.com' }, retry: { max_attempts: 4, initial: 1h, max: 4h, jitter: none }, timeout: 24h }
  after: { value: '{{ call }}' }
";
    let begun = Instant::now();
    let run = TestRunner::of_text(flow).node("call", failing(ErrorKind::Transient, Some(2))).run().unwrap();
    run.assert_succeeded();
    assert_eq!(run.asked.iter().filter(|asked| asked.node.as_str() == "call").count(), 3);
    assert_eq!(run.asked[0].arguments, Some(json!({ "url": "https://example.com" })));
    assert!(run.duration() >= Duration::from_secs(3 * 3600), "{:?}", run.duration());
    assert!(begun.elapsed() < Duration::from_secs(600), "an hour was waited for");
    let run = TestRunner::of_text(flow).node("call", failing(ErrorKind::Denied, None)).run().unwrap();
    assert_eq!((run.status(), run.exit_code()), (RunStatus::Failed, 6));
    run.assert_not_executed("after");
}

#[test]
fn a_container_and_a_loop_are_mocked_as_wholes_or_inside() {
    let flow = "
agents: { writer: { model: openai/gpt-5-mini }, critic: { model: openai/gpt-5-mini } }
nodes:
  improve:
    loop: { until: critique.score >= 8, max: 5 }
    nodes:
      draft: { agent: writer, prompt: 'Write.' }
      critique: { agent: critic, prompt: 'Score {{ draft }}.', output: { score: integer } }
outputs: { text: '{{ improve.draft }}' }
";
    let whole = TestRunner::of_text(flow).node("improve", StepScript::output(json!({ "draft": "done" }))).run().unwrap();
    assert_eq!(whole.output("text"), Some(&json!("done")));
    whole.assert_not_executed("improve.draft");
    let scores = StepScript { outputs: vec![json!({ "score": 3 }), json!({ "score": 9 })], fail: None };
    let inside = TestRunner::of_text(flow)
        .node("improve.critique", scores)
        .agent(MockAgent::new("writer").answers([json!("first"), json!("second")]))
        .run()
        .unwrap();
    assert_eq!(inside.output("text"), Some(&json!("second")));
    inside.assert_executed("improve.draft", 2);
    assert_eq!(inside.prompts("improve.critique").collect::<Vec<_>>(), ["Score first.", "Score second."]);
}

#[test]
fn a_looped_node_without_an_inner_graph_is_mocked_iteration_by_iteration() {
    let flow = "
agents: { writer: { model: openai/gpt-5-mini } }
nodes:
  guess: { agent: writer, prompt: 'Guess.', output: { n: integer }, loop: { until: guess.n == 7, max: 5 } }
outputs: { n: '{{ guess.n }}' }
";
    let guesses = StepScript { outputs: vec![json!({ "n": 1 }), json!({ "n": 7 })], fail: None };
    let run = TestRunner::of_text(flow).node("guess", guesses).run().unwrap();
    run.assert_succeeded();
    assert_eq!(run.output("n"), Some(&json!(7)));
}

#[test]
fn people_say_what_the_test_has_them_say() {
    let flow = "
nodes:
  gate: { approval: { message: 'Publish?', options: [approve, later, reject], timeout: 24h, on_timeout: later } }
  done: { value: '{{ gate.option }}' }
outputs: { done: '{{ done }}' }
";
    let decided = |option: &str| TestRunner::of_text(flow).decide("gate", option).run().unwrap();
    assert_eq!(decided("later").output("done"), Some(&json!("later")));
    assert_eq!(decided("approve").output("done"), Some(&json!("approve")));
    let rejected = decided("reject");
    assert_eq!((rejected.status(), rejected.exit_code()), (RunStatus::Failed, 6));
    let silent = TestRunner::of_text(flow).silence("gate").run().unwrap();
    assert_eq!(silent.output("done"), Some(&json!("later")), "{:?}", silent.result);
    assert_eq!(silent.duration().as_secs(), 24 * 3600);
    let for_ever = TestRunner::of_text(flow.replace(", timeout: 24h, on_timeout: later", "")).silence("gate").run().unwrap();
    assert_eq!((for_ever.status(), for_ever.exit_code()), (RunStatus::Waiting, 3));
    let unknown = TestRunner::of_text(flow).decide("gate", "maybe").run().unwrap_err();
    assert_eq!(unknown.to_string(), "node `gate` has no option `maybe`, only `approve`, `later`, `reject`");
}

#[test]
fn messages_are_mocked_like_any_other_work() {
    let flow = "
messages: { finding: { text: string } }
nodes:
  look: { send: { to: desk, type: finding, body: { text: odd } } }
  take: { receive: { mailbox: desk, type: finding, count: 1 }, needs: [look] }
  word: { wait: { message: { mailbox: project:news, timeout: 1h } } }
  late: { wait: { for: 48h } }
outputs: { text: '{{ take[0].body.text }}' }
";
    let real = TestRunner::of_text(flow).node("word", StepScript::output(json!({}))).run().unwrap();
    real.assert_succeeded();
    assert_eq!(real.output("text"), Some(&json!("odd")));
    let mocked = TestRunner::of_text(flow)
        .node("look", StepScript::output(json!({ "id": "m" })))
        .node("take", StepScript::output(json!([{ "body": { "text": "even" } }])))
        .node("word", StepScript::output(json!({})))
        .run()
        .unwrap();
    mocked.assert_succeeded();
    assert_eq!(mocked.output("text"), Some(&json!("even")));
}

#[test]
fn a_tool_that_is_mocked_gives_what_it_is_told_to_an_agent() {
    let flow = "
agents: { scout: { model: openai/gpt-5-mini, tools: [web_search], permissions: ['net:api.tavily.com'] } }
nodes: { look: { agent: scout, prompt: 'Look.' } }
";
    let calls = json!({ "tools": [{ "name": "web_search", "arguments": { "query": "rust" } }] });
    let run = TestRunner::of_text(flow)
        .agent(MockAgent::new("scout").answers([calls, json!("found it")]))
        .tool("web_search", StepScript::output(json!([{ "title": "Rust" }])))
        .unwrap()
        .run()
        .unwrap();
    run.assert_succeeded();
    let log = serde_json::to_string(&run.events.iter().map(|event| &event.body).collect::<Vec<_>>()).unwrap();
    assert!(log.contains(r#""title":"Rust""#) && log.contains("mocked"), "{log}");
}

#[test]
fn the_same_script_gives_the_same_log() {
    let run = || {
        let run = TestRunner::of_text(REVIEW).run().unwrap();
        run.events.iter().map(|event| format!("{} {} {:?}", event.seq, event.at, event.body)).collect::<Vec<_>>()
    };
    assert_eq!(run().len(), run().len());
    assert_eq!(run()[1..], run()[1..]);
}

#[test]
fn what_does_not_fit_the_workflow_is_told() {
    let unknown = TestRunner::of_text(REVIEW).node("reviw", StepScript::default()).run().unwrap_err();
    assert!(unknown.to_string().contains("has no node `reviw`"), "{unknown}");
    assert_eq!(unknown.hints(), ["did you mean `review`?"]);
    let no_map = TestRunner::of_text(REVIEW).each("worst", StepScript::default()).run().unwrap_err();
    assert_eq!(no_map.to_string(), "node `worst` is not mapped: it has no instances");
    let broken = TestRunner::of_text("nodes: { a: { value: '{{ b }}' } }").run().unwrap_err();
    assert!(broken.to_string().starts_with("the workflow has errors\nerror[AF"), "{broken}");
}
