//! A run that ended anywhere goes on from its log: the same outcome, and no recorded call made again.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use agentflow::{
    engine::RunState,
    error::ErrorKind,
    model::{Event, EventBody, Owner, RunId},
    store::{Digest, InMemoryStore, Record, Store, StreamId, this_process},
};

use super::flow::{Flow, Watcher};

/// Every sort of node and event, with agents that answer by their schema.
pub(super) const EVERYTHING: &str = "
inputs: { topic: { type: string, default: bridges } }
agents: { writer: { model: mock/m }, critic: { model: mock/m } }
nodes:
  parts: { agent: writer, prompt: 'Parts of {{ inputs.topic }}', output: [string] }
  each: { map: parts, as: part, concurrency: 2, agent: writer, prompt: 'Write on {{ part }}' }
  improve:
    loop: { until: critique.score > 10, max: 2 }
    nodes:
      draft: { agent: writer, prompt: \"{{ each | join('; ') }} {{ loop.previous.draft | default('', true) }}\" }
      critique: { agent: critic, prompt: 'Judge {{ draft }}', output: { score: integer } }
  kind: { value: long, route: { on: kind, cases: { long: shorten, short: keep } } }
  shorten: { agent: writer, prompt: 'Shorten {{ improve.draft }}' }
  keep: { value: '{{ improve.draft }}' }
  final: { value: \"{{ shorten | default(keep) }}\" }
outputs: { final: '{{ final }}', parts: '{{ parts }}' }
";

fn outcome(flow_events: &[Event]) -> String {
    match &flow_events.last().unwrap().body {
        EventBody::RunFinished { status, outputs, .. } => format!("{status:?} {}", serde_json::to_string(outputs).unwrap()),
        other => panic!("the run has not ended: {other:?}"),
    }
}

/// A store that holds the first `count` events of a run, as if the process had died then.
pub(super) async fn store_of(flow: &Flow, events: &[Event]) -> Arc<dyn Store> {
    store_of_runs(&[(flow.run, events)]).await
}

/// A store that holds these events of these runs.
pub(super) async fn store_of_runs(runs: &[(RunId, &[Event])]) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    for (run, events) in runs {
        let stream = StreamId::run(*run);
        let epoch = store.claim(&stream, &this_process(), Duration::ZERO).await.unwrap();
        let mut last = Digest::ZERO;
        let mut records = Vec::new();
        for event in *events {
            let body = serde_json::to_string(&event.body).unwrap();
            let record = Record::seal(last, &stream, event.seq, event.at, event.body.kind(), EventBody::VERSION, body);
            last = record.hash;
            records.push(record);
        }
        store.append(&stream, epoch, 0, &records).await.unwrap();
    }
    store
}

fn recorded_calls(events: &[Event]) -> BTreeSet<String> {
    let call = |event: &Event| match &event.body {
        EventBody::ModelResponded { node, ordinal, .. } => Some(format!("{node}#{ordinal}")),
        _ => None,
    };
    events.iter().filter_map(call).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_cut_after_any_event_ends_the_same_and_repeats_no_recorded_call() {
    let flow = Flow::new(EVERYTHING);
    let whole = flow.run().await.succeeded();
    let all_calls = recorded_calls(&whole.events);
    for cut in 1..whole.events.len() {
        let prefix = &whole.events[..cut];
        let mut rest = Flow::new(EVERYTHING).store(store_of(&flow, prefix).await);
        rest.run = flow.run;
        let resumed = rest.resume().await;
        assert_eq!(outcome(&resumed.events), outcome(&whole.events), "cut after {cut} events");
        let recorded = recorded_calls(prefix);
        for call in &resumed.calls {
            assert!(!recorded.contains(call), "cut after {cut} events: `{call}` was made again");
        }
        let after: BTreeSet<_> = recorded.into_iter().chain(resumed.calls).collect();
        assert_eq!(after, all_calls, "cut after {cut} events");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_gives_the_state_of_the_live_run() {
    let flow = Flow::new(EVERYTHING);
    let ran = flow.run().await.succeeded();
    let env = std::collections::BTreeMap::new();
    let replayed = RunState::replay(Arc::clone(&flow.plan), &env, &ran.events).unwrap();
    assert_eq!(replayed.ending().unwrap().outputs, ran.result.outputs);
    assert_eq!(replayed.spend(), ran.result.spend);
    assert_eq!(replayed.next_seq(), ran.events.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_ended_gives_its_result_again_and_changes_nothing() {
    let flow = Flow::new(EVERYTHING);
    let first = flow.run().await.succeeded();
    let again = flow.resume().await.succeeded();
    assert_eq!(again.result, first.result);
    assert_eq!(again.events, first.events);
    assert!(again.calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_a_live_process_holds_is_not_taken() {
    let flow = Flow::new("nodes: { a: { value: 1 } }");
    let events = flow.run().await.succeeded().events;
    let mut held = Flow::new("nodes: { a: { value: 1 } }").store(store_of(&flow, &events[..1]).await);
    held.run = flow.run;
    let holder = Owner { host: "another-host".to_owned(), process: 4711, started: 1 };
    held.store.claim(&StreamId::run(flow.run), &holder, Duration::from_secs(3600)).await.unwrap();
    let error = held.try_resume(Arc::new(Watcher::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("4711"), "{error}");
}

/// `events`, and then `times` processes that took the run over and died in the call of its only node.
fn taken_over(flow: &Flow, events: &[Event], times: u64) -> Vec<Event> {
    let mut all = events.to_vec();
    let started = all.pop().unwrap();
    assert!(matches!(started.body, EventBody::AttemptStarted { .. }));
    let mut push = |body| all.push(Event { seq: all.len() as u64, at: started.at, body });
    push(started.body.clone());
    for _ in 0..times {
        push(EventBody::RunResumed { owner: flow.options().owner, revised: None });
        push(started.body.clone());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_taken_over_ten_times_in_vain_is_given_up() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes: { only: { agent: a, prompt: x } }
";
    let flow = Flow::new(yaml);
    let events = flow.run().await.succeeded().events;
    for (times, ends) in [(9, true), (10, false)] {
        let mut rest = Flow::new(yaml).store(store_of(&flow, &taken_over(&flow, &events[..2], times)).await);
        rest.run = flow.run;
        let resumed = rest.resume().await;
        assert_eq!(resumed.result.spend.lost_calls, times + 1);
        if ends {
            resumed.succeeded();
        } else {
            assert!(resumed.calls.is_empty());
            assert!(resumed.result.error.as_ref().unwrap().hints[0].contains("fork"));
            resumed.failed("the run was resumed 10 times in a row, and no step was recorded in between");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_have_been_under_way_is_counted_as_lost() {
    let flow = Flow::new(EVERYTHING);
    let whole = flow.run().await.succeeded();
    assert_eq!(whole.result.spend.lost_calls, 0);
    for cut in 1..whole.events.len() {
        let prefix = &whole.events[..cut];
        let mut rest = Flow::new(EVERYTHING).store(store_of(&flow, prefix).await);
        rest.run = flow.run;
        let mut running = BTreeSet::new();
        for event in prefix {
            match &event.body {
                EventBody::AttemptStarted { node, agent: Some(_), .. } => running.insert(node.clone()),
                body => body.node().is_some_and(|node| {
                    let goes_on = matches!(body, EventBody::ModelResponded { .. } | EventBody::IterationStarted { .. });
                    !goes_on && running.remove(node)
                }),
            };
        }
        let resumed = rest.resume().await.succeeded();
        assert_eq!(resumed.result.spend.lost_calls, running.len() as u64, "cut after {cut} events");
        assert_eq!(resumed.result.spend.calls, whole.result.spend.calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_workflow_does_not_resume() {
    let flow = Flow::new("nodes: { a: { value: 1 }, b: { value: '{{ a }}' } }");
    let events = flow.run().await.succeeded().events;
    let mut other = Flow::new("nodes: { a: { value: 2 }, b: { value: '{{ a }}' } }").store(store_of(&flow, &events[..2]).await);
    other.run = flow.run;
    let error = other.try_resume(Arc::new(Watcher::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Divergent);
}

#[tokio::test(start_paused = true)]
async fn time_limits_hold_after_a_resume() {
    let workflow = "
agents: { a: { model: mock/m } }
nodes:
  group: { timeout: 3s, on_error: continue, nodes: { slow: { agent: a, prompt: x } } }
  after: { value: '{{ nodes.group.status }}' }
outputs: { after: '{{ after }}' }
";
    let flow = Flow::new(workflow).latency(Duration::from_secs(60));
    let events = flow.run().await.succeeded().events;
    let is_start = |event: &Event| matches!(&event.body, EventBody::AttemptStarted { node, .. } if node.as_str() == "group.slow");
    let cut = events.iter().position(is_start).unwrap() + 1;
    let mut rest = Flow::new(workflow).latency(Duration::from_secs(60)).store(store_of(&flow, &events[..cut]).await);
    rest.run = flow.run;
    let began = tokio::time::Instant::now();
    rest.resume().await.succeeded().output("after", "failed");
    assert_eq!(began.elapsed().as_secs(), 3);
}
