//! A run goes on with other files as long as nothing that has happened would be different.

use std::sync::Arc;

use agentflow::{
    engine::{Revision, Stop},
    error::{ErrorKind, Result},
    model::{EventBody, Value},
};

use super::{
    flow::{Flow, Watcher},
    recovery::store_of_runs,
};

const FLOW: &str = "
agents: { a: { model: mock/m } }
nodes:
  one: { agent: a, prompt: One }
  two: { agent: a, prompt: 'Two {{ one }}' }
  last: { agent: a, prompt: 'Three {{ two }}' }
outputs: { last: '{{ last }}' }
";

/// `FLOW` cut after `node` has succeeded, about to go on with `yaml`.
async fn cut_after(node: &str, yaml: &str) -> (Flow, Flow) {
    let flow = Flow::new(FLOW);
    let whole = flow.run().await.succeeded();
    let is_end = |body: &EventBody| matches!(body, EventBody::NodeSucceeded { node: ended, .. } if ended.as_str() == node);
    let cut = whole.events.iter().position(|event| is_end(&event.body)).unwrap() + 1;
    let mut rest = Flow::new(yaml).store(store_of_runs(&[(flow.run, &whole.events[..cut])]).await);
    rest.run = flow.run;
    (flow, rest)
}

async fn go_on(former: &Flow, rest: &Flow) -> Result<Vec<String>> {
    let mut options = rest.options();
    options.revision = Some(Revision { former: Arc::clone(&former.plan), settings: Value::Null });
    let watcher = Arc::new(Watcher::default());
    rest.engine().resume(Arc::clone(&rest.plan), options, watcher.clone(), Stop::default()).await?;
    Ok(watcher.calls())
}

#[tokio::test(start_paused = true)]
async fn nodes_that_have_not_begun_may_change_and_later_resumes_have_the_new_files() {
    let changed = FLOW.replace("Three", "Drei").replace("outputs:", "  more: { agent: a, prompt: 'Four {{ one }}' }\noutputs:");
    let (former, rest) = cut_after("two", &changed).await;
    let mut calls = go_on(&former, &rest).await.unwrap();
    calls.sort();
    assert_eq!(calls, ["last#0", "more#0"]);
    // The run has ended; its files are those it went on with.
    let ran = rest.resume().await.succeeded();
    assert!(ran.calls.is_empty());
    let mut old = Flow::new(FLOW).store(rest.store.clone());
    old.run = rest.run;
    assert_eq!(old.try_resume(Arc::new(Watcher::default())).await.unwrap_err().kind(), ErrorKind::Divergent);
}

#[tokio::test(start_paused = true)]
async fn another_model_is_used_from_there_on() {
    let (former, rest) = cut_after("one", &FLOW.replace("mock/m", "mock/n")).await;
    assert_eq!(go_on(&former, &rest).await.unwrap(), ["two#0", "last#0"]);
}

#[tokio::test(start_paused = true)]
async fn nodes_that_have_begun_may_not_change_and_nothing_is_recorded_then() {
    let changed = FLOW.replace("'Two", "'Deux").replace("prompt: One", "prompt: Un");
    let (former, rest) = cut_after("two", &changed).await;
    let before = agentflow::engine::read_run(&rest.store, rest.run).await.unwrap().events.len();
    let error = go_on(&former, &rest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("`one`, `two`"), "{error}");
    assert!(error.hints()[0].contains(&format!("fork {} --from one", rest.run)), "{:?}", error.hints());
    assert_eq!(agentflow::engine::read_run(&rest.store, rest.run).await.unwrap().events.len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_ended_may_not_go_away() {
    let (former, rest) = cut_after("one", "agents: { a: { model: mock/m } }\nnodes: { two: { agent: a, prompt: Two } }").await;
    let error = go_on(&former, &rest).await.unwrap_err();
    assert!(error.to_string().contains("`one`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_has_begun_counts_with_all_that_is_inside() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  box: { nodes: { within: { agent: a, prompt: In }, out: { agent: a, prompt: 'Out {{ within }}' } } }
";
    let flow = Flow::new(yaml);
    let whole = flow.run().await.succeeded();
    let mut rest = Flow::new(&yaml.replace("'Out", "'Aus")).store(store_of_runs(&[(flow.run, &whole.events[..2])]).await);
    rest.run = flow.run;
    let error = go_on(&flow, &rest).await.unwrap_err();
    assert!(error.to_string().contains("a node that has begun or ended in this run: `box`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_ended_takes_no_other_files() {
    let flow = Flow::new(FLOW);
    flow.run().await.succeeded();
    let mut rest = Flow::new(&FLOW.replace("Three", "Drei")).store(flow.store.clone());
    rest.run = flow.run;
    let error = go_on(&flow, &rest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("has ended"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn inputs_that_are_not_recorded_cannot_be_added() {
    let (former, rest) = cut_after("one", &format!("inputs: {{ tone: {{ type: string, default: dry }} }}{FLOW}")).await;
    let error = go_on(&former, &rest).await.unwrap_err();
    assert!(error.to_string().contains("add inputs"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_models_of_a_node_that_fell_back_stay_as_they_were() {
    let yaml = "
agents: { a: { model: mock/m, fallback: [mock/n] } }
nodes:
  one: { agent: a, prompt: One, retry: { max_attempts: 1 } }
  two: { agent: a, prompt: 'Two {{ one }}' }
";
    let flow = Flow::new(yaml).fail("one", 503, 1);
    let whole = flow.run().await.succeeded();
    let is_end = |body: &EventBody| matches!(body, EventBody::NodeSucceeded { node, .. } if node.as_str() == "one");
    let cut = whole.events.iter().position(|event| is_end(&event.body)).unwrap() + 1;
    assert!(whole.events[..cut].iter().any(|event| matches!(event.body, EventBody::FallbackTaken { .. })));
    let with = async |models: &str| {
        let mut rest = Flow::new(&yaml.replace("mock/n", models)).store(store_of_runs(&[(flow.run, &whole.events[..cut])]).await);
        rest.run = flow.run;
        go_on(&flow, &rest).await
    };
    let error = with("mock/o").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("`one`"), "{error}");
    assert_eq!(with("mock/n").await.unwrap(), ["two#0"]);
}
