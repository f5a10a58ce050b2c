//! Figures of runs that are written down as stories.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Figures, Measurements, measure, stats};
use crate::{
    error::{Error, ErrorKind},
    model::{AgentName, AgentOverrides, ChatResponse, Cost, EventBody, NodePath, RunId, RunStatus, Spend, Value},
    store::{Digest, InMemoryStore, Record, Store, StreamId, Version, this_process},
};

fn created(run: RunId, settings: Value) -> EventBody {
    EventBody::RunCreated {
        run,
        workflow: "events".to_owned(),
        plan_digest: String::new(),
        sources: Vec::new(),
        inputs: IndexMap::new(),
        settings,
        agentflow: "0.1.0".to_owned(),
        owner: this_process(),
        origin: None,
        parent: None,
        nonce: None,
    }
}

fn started(node: &str, agent: &str, model: &str) -> EventBody {
    EventBody::AttemptStarted {
        node: NodePath::new(node),
        attempt: 1,
        agent: Some(AgentName::new(agent).unwrap()),
        chosen: None,
        model: Some(model.to_owned()),
        basis: None,
        elements: None,
        inputs: None,
    }
}

fn answered(node: &str, model: &str, cost: Cost, duration_ms: u64) -> EventBody {
    EventBody::ModelResponded {
        node: NodePath::new(node),
        attempt: 1,
        ordinal: 0,
        model: model.to_owned(),
        fingerprint: String::new(),
        response: ChatResponse::text("yes", "m"),
        cost,
        duration_ms,
        overrides: AgentOverrides::default(),
    }
}

fn succeeded(node: &str) -> EventBody {
    EventBody::NodeSucceeded {
        node: NodePath::new(node),
        attempt: 1,
        output: Value::Null,
        routed_to: None,
        notes: Vec::new(),
        reused: None,
    }
}

fn failed(node: &str, kind: ErrorKind) -> EventBody {
    EventBody::NodeFailed { node: NodePath::new(node), attempt: 1, error: Error::new(kind, "no").to_record(), handled: None }
}

fn finished() -> EventBody {
    EventBody::RunFinished { status: RunStatus::Succeeded, outputs: IndexMap::new(), error: None, spend: Spend::default() }
}

async fn write(store: &Arc<dyn Store>, run: RunId, at: Timestamp, events: &[EventBody]) {
    let stream = StreamId::run(run);
    let mut last = Digest::ZERO;
    let records: Vec<Record> = (0..)
        .zip(events)
        .map(|(seq, body)| {
            let record = Record::seal(last, &stream, seq, at, body.kind(), 1, serde_json::to_string(body).unwrap());
            last = record.hash;
            record
        })
        .collect();
    let epoch = store.claim(&stream, &this_process(), std::time::Duration::from_secs(9)).await.unwrap();
    store.append(&stream, epoch, 0, &records).await.unwrap();
}

fn memory() -> Arc<dyn Store> {
    Arc::new(InMemoryStore::default())
}

async fn measured(store: &Arc<dyn Store>) -> Measurements {
    measure(store, Timestamp::now()).await.unwrap()
}

#[tokio::test]
async fn calls_and_attempts_are_counted_for_the_agent_that_made_them() {
    let (store, run) = (memory(), RunId::generate());
    let retry = EventBody::AttemptFailed {
        node: NodePath::new("b"),
        attempt: 1,
        error: Error::new(ErrorKind::Timeout, "no").to_record(),
        retry_at: Timestamp::now(),
    };
    let events = [
        created(run, Value::Null),
        started("a", "writer", "openai/x"),
        started("b", "critic", "openai/x"),
        answered("a", "openai/x", Cost::Unpriced, 100),
        answered("a", "openai/x", Cost::Usd(0.1), 300),
        succeeded("a"),
        retry,
        started("b", "critic", "openai/y"),
        answered("b", "openai/y", Cost::Usd(0.1), 50),
        succeeded("b"),
        // Not the agent's fault.
        started("c", "writer", "openai/x"),
        failed("c", ErrorKind::Budget),
        started("d", "writer", "openai/x"),
        failed("d", ErrorKind::Schema),
        finished(),
    ];
    write(&store, run, Timestamp::now(), &events).await;
    let measured = measured(&store).await;
    let (writer, critic) = (&measured.agents["writer"].real, &measured.agents["critic"]);
    assert_eq!(*writer, Figures { calls: 2, calls_ms: 400, attempts: 2, failed: 1 });
    assert_eq!((writer.latency_ms(), writer.success_rate()), (Some(200), Some(0.5)));
    assert_eq!(critic.real, Figures { calls: 1, calls_ms: 50, attempts: 2, failed: 1 });
    assert_eq!(critic.by_model["openai/x"], Figures { calls: 0, calls_ms: 0, attempts: 1, failed: 1 });
    assert_eq!(critic.by_model["openai/y"].success_rate(), Some(1.0));
    assert_eq!((Figures::default().latency_ms(), Figures::default().success_rate()), (None, None));
}

#[tokio::test]
async fn simulated_answers_are_counted_apart() {
    let store = memory();
    let folder = json!({"folder": "/", "mock": {}});
    for (settings, model, cost) in [
        (folder, "openai/x", Cost::Simulated),
        (Value::Null, "mock/m", Cost::Simulated),
        (Value::Null, "lab/of-a-mock-by-another-name", Cost::Simulated),
        (Value::Null, "openai/x", Cost::Unpriced),
    ] {
        let run = RunId::generate();
        let events =
            [created(run, settings), started("a", "writer", model), answered("a", model, cost, 9), succeeded("a"), finished()];
        write(&store, run, Timestamp::now(), &events).await;
    }
    let measured = measured(&store).await;
    let writer = &measured.agents["writer"];
    assert_eq!((writer.real.calls, writer.real.attempts), (1, 1));
    assert_eq!((writer.simulated.calls, writer.simulated.attempts), (3, 3));
    assert_eq!(writer.by_model.len(), 1);
    assert_eq!(measured.window.runs, 4);
}

#[tokio::test]
async fn what_an_ended_run_has_shown_is_kept_and_an_open_one_is_read_again() {
    let (store, ended, open) = (memory(), RunId::generate(), RunId::generate());
    let events =
        |run| vec![created(run, Value::Null), started("a", "writer", "openai/x"), answered("a", "openai/x", Cost::Unpriced, 7)];
    let mut whole = events(ended);
    whole.extend([succeeded("a"), finished()]);
    write(&store, ended, Timestamp::now(), &whole).await;
    write(&store, open, Timestamp::now(), &events(open)).await;
    let first = measured(&store).await;
    assert_eq!(first.agents["writer"].real, Figures { calls: 2, calls_ms: 14, attempts: 1, failed: 0 });
    assert!(store.get(&stats::key(ended)).await.unwrap().is_some());
    assert!(store.get(&stats::key(open)).await.unwrap().is_none());
    // What is kept is what is told, and nothing of the log is read for it.
    let kept = store.get(&stats::key(ended)).await.unwrap().unwrap();
    let mut document = kept.value.clone();
    document["agents"][0]["calls"] = json!(41);
    let version = store.put(&stats::key(ended), kept.version, &document).await.unwrap();
    assert_eq!(measured(&store).await.agents["writer"].real.calls, 42);
    // A document of another version is made anew.
    document["version"] = json!(99);
    store.put(&stats::key(ended), version, &document).await.unwrap();
    assert_eq!(measured(&store).await, first);
    assert_eq!(store.get(&stats::key(ended)).await.unwrap().unwrap().value, kept.value);
}

#[tokio::test]
async fn old_runs_and_damaged_ones_are_not_counted() {
    let (store, old, damaged, good) = (memory(), RunId::generate(), RunId::generate(), RunId::generate());
    let events = |run| [created(run, Value::Null), started("a", "writer", "openai/x"), succeeded("a"), finished()];
    let month_ago = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * 31)).unwrap();
    write(&store, old, month_ago, &events(old)).await;
    write(&store, damaged, Timestamp::now(), &events(good)).await;
    write(&store, good, Timestamp::now(), &events(good)).await;
    let measured = measured(&store).await;
    assert_eq!(measured.agents["writer"].real.attempts, 1);
    assert_eq!((measured.window.runs, measured.window.not_counted), (1, 1));
    assert!(store.get(&stats::key(damaged)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_long_history_is_read_bit_by_bit() {
    let (store, run) = (memory(), RunId::generate());
    let events = [created(run, Value::Null), started("a", "writer", "openai/x"), succeeded("a"), finished()];
    write(&store, run, Timestamp::now(), &events).await;
    let mut budget = 3;
    assert_eq!(stats::count(&store, run, Version::ABSENT, &mut budget).await.unwrap(), None);
    assert_eq!(budget, 0, "nothing more is read for this answer");
    let mut budget = 4;
    assert!(stats::count(&store, run, Version::ABSENT, &mut budget).await.unwrap().is_some());
}
