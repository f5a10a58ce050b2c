//! A store that is down for a while, for good, or does not say whether it did what it was asked. All on paused time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentflow::{
    engine::{Observer, Progress, Stop},
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, Owner, RunId, Seq, Value},
    store::{Epoch, InMemoryStore, Key, Record, Store, StreamId, Version, Versioned, Write, this_process},
};
use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::flow::Flow;

const CHAIN: &str = "
agents: { a: { model: mock/m } }
nodes:
  one: { agent: a, prompt: x }
  two: { agent: a, prompt: '{{ one }}' }
  three: { agent: a, prompt: '{{ two }}' }
";

/// A store in memory that can be made to fail.
#[derive(Debug, Default)]
struct Flaky {
    inner: InMemoryStore,
    down: AtomicBool,
    /// Does the next append and says that it failed.
    loses_answer: AtomicBool,
    damages: AtomicBool,
    /// When anything was appended, or tried to be.
    tries: Mutex<Vec<Instant>>,
}

impl Flaky {
    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn check(&self) -> Result<()> {
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::StoreUnavailable, "no space is left for store `x`"));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Flaky {
    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch> {
        self.inner.claim(stream, owner, lease).await
    }

    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()> {
        self.check()?;
        self.inner.renew(stream, epoch, lease).await
    }

    async fn append(&self, stream: &StreamId, epoch: Epoch, expected: Seq, records: &[Record]) -> Result<()> {
        self.tries.lock().unwrap().push(Instant::now());
        self.check()?;
        self.inner.append(stream, epoch, expected, records).await?;
        if self.loses_answer.swap(false, Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::StoreUnavailable, "reading or writing store `x` failed"));
        }
        Ok(())
    }

    async fn read(&self, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>> {
        let mut records = self.inner.read(stream, from, limit).await?;
        if self.damages.load(Ordering::SeqCst)
            && let Some(record) = records.iter_mut().find(|record| record.seq == 1)
        {
            record.body.push(' ');
        }
        Ok(records)
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamId>> {
        self.inner.streams(prefix).await
    }

    async fn remove_stream(&self, stream: &StreamId) -> Result<()> {
        self.inner.remove_stream(stream).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned<Value>>> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, expected: Version, value: &Value) -> Result<Version> {
        self.inner.put(key, expected, value).await
    }

    async fn delete(&self, key: &Key, expected: Version) -> Result<()> {
        self.inner.delete(key, expected).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Versioned<Value>)>> {
        self.inner.list(prefix, after, limit).await
    }

    async fn commit(&self, writes: &[Write]) -> Result<()> {
        self.check()?;
        self.inner.commit(writes).await
    }
}

/// Notes when calls begin, and what is told of the store.
#[derive(Default)]
struct Times {
    calls: Mutex<Vec<(String, Instant)>>,
    told: Mutex<Vec<&'static str>>,
    shown: Mutex<Vec<Event>>,
}

impl Observer for Times {
    fn on_event(&self, _run: RunId, event: &Event) {
        self.shown.lock().unwrap().push(event.clone());
    }

    fn on_progress(&self, _run: RunId, progress: &Progress<'_>) {
        match progress {
            Progress::CallStarted { node, .. } => self.calls.lock().unwrap().push((node.to_string(), Instant::now())),
            Progress::StoreWaiting { .. } => self.told.lock().unwrap().push("waiting"),
            Progress::StoreBack => self.told.lock().unwrap().push("back"),
            _ => {}
        }
    }
}

/// A flow over a store that can fail, with calls of two seconds.
struct Case {
    flow: Flow,
    store: Arc<Flaky>,
    times: Arc<Times>,
    stop: Stop,
    began: Instant,
}

impl Case {
    fn new(yaml: &str) -> Self {
        let store = Arc::new(Flaky::default());
        let flow = Flow::new(yaml).latency(Duration::from_secs(2)).store(store.clone());
        Self { flow, store, times: Arc::default(), stop: Stop::default(), began: Instant::now() }
    }

    async fn run(&self) -> Result<agentflow::engine::RunResult> {
        let plan = Arc::clone(&self.flow.plan);
        self.flow.engine().run(plan, self.flow.options(), self.times.clone(), self.stop.clone()).await
    }

    /// The calls with the second in which each began.
    fn calls(&self) -> Vec<(String, u64)> {
        let calls = self.times.calls.lock().unwrap().clone();
        calls.into_iter().map(|(node, at)| (node, (at - self.began).as_secs())).collect()
    }

    fn told(&self) -> Vec<&'static str> {
        self.times.told.lock().unwrap().clone()
    }

    async fn after(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }
}

fn at(calls: &[(&str, u64)]) -> Vec<(String, u64)> {
    calls.iter().map(|(node, second)| ((*node).to_owned(), *second)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_a_store_that_is_down_and_begins_no_call_meanwhile() {
    let case = Case::new(CHAIN);
    let (result, ()) = tokio::join!(case.run(), async {
        case.after(1).await;
        case.store.set_down(true);
        case.after(20).await;
        case.store.set_down(false);
    });
    assert_eq!(result.unwrap().status, agentflow::model::RunStatus::Succeeded);
    // The answer of the first call comes in the second second, and is recorded in the twenty-first or twenty-second.
    let calls = case.calls();
    assert_eq!(calls[0], ("one".to_owned(), 0));
    assert!(calls.len() == 3 && (21..=22).contains(&calls[1].1), "{calls:?}");
    assert_eq!(case.told(), ["waiting", "back"]);
    let tries = case.store.tries.lock().unwrap().len();
    assert!((20..40).contains(&tries), "about once a second: {tries}");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_ends_while_the_store_is_down_and_is_recorded_later() {
    let case = Case::new(
        "
agents: { a: { model: mock/m } }
nodes:
  one: { agent: a, prompt: x }
  other: { agent: a, prompt: y }
  next: { agent: a, prompt: '{{ one }} {{ other }}' }
",
    );
    let (result, ()) = tokio::join!(case.run(), async {
        case.after(1).await;
        case.store.set_down(true);
        case.after(10).await;
        case.store.set_down(false);
    });
    assert_eq!(result.unwrap().spend.calls, 3);
    let calls = case.calls();
    assert!(calls.len() == 3 && (11..=12).contains(&calls[2].1), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_down_ends_the_run_after_a_while_with_nothing_treated_as_done() {
    let case = Case::new(CHAIN);
    let (result, ()) = tokio::join!(case.run(), async {
        case.after(3).await;
        case.store.set_down(true);
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
    // Down when the second answer came in, in the fourth second.
    assert_eq!(case.began.elapsed().as_secs(), 34);
    let hint = error.hints().last().unwrap();
    assert!(hint.starts_with("1 answer of models and 2 other events were in hand"), "{hint}");
    let answers = |events: &[Event]| events.iter().filter(|event| matches!(event.body, EventBody::ModelResponded { .. })).count();
    assert_eq!(answers(&case.times.shown.lock().unwrap()), 1, "what is not recorded is not shown");
    case.store.set_down(false);
    let resumed = case.flow.resume().await.succeeded();
    assert_eq!(resumed.calls, ["two#0", "three#0"]);
}

#[tokio::test(start_paused = true)]
async fn an_append_whose_answer_was_lost_is_found_and_not_made_again() {
    for lost_after in 0..6 {
        let case = Case::new(CHAIN);
        let (result, ()) = tokio::join!(case.run(), async {
            case.after(lost_after).await;
            // The first append of a run is not waited for: there is nothing to lose yet.
            tokio::task::yield_now().await;
            case.store.loses_answer.store(true, Ordering::SeqCst);
        });
        let result = result.unwrap();
        assert_eq!(result.spend.calls, 3);
        let ran = case.flow.resume().await.succeeded();
        assert_eq!(ran.events, *case.times.shown.lock().unwrap(), "each event is there once, and was shown once");
        assert_eq!(case.calls().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_taken_over_while_the_store_was_down_writes_nothing_more() {
    let case = Case::new(CHAIN);
    let (result, ()) = tokio::join!(case.run(), async {
        case.after(1).await;
        case.store.set_down(true);
        case.after(5).await;
        let stream = StreamId::run(case.flow.run);
        case.store.inner.claim(&stream, &this_process(), Duration::ZERO).await.unwrap();
        case.store.set_down(false);
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Fenced);
    assert_eq!(at(&[("one", 0)]), case.calls());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_damaged_is_not_written_to() {
    let case = Case::new(CHAIN);
    let (result, ()) = tokio::join!(case.run(), async {
        case.after(3).await;
        case.store.set_down(true);
        case.after(5).await;
        case.store.damages.store(true, Ordering::SeqCst);
        case.store.set_down(false);
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("record 1 of `run/"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_be_recorded_at_all_ends_at_once() {
    let case = Case::new(CHAIN);
    case.store.set_down(true);
    assert_eq!(case.run().await.unwrap_err().kind(), ErrorKind::StoreUnavailable);
    assert_eq!(case.began.elapsed().as_secs(), 0);
    assert!(case.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_the_wait_for_the_store() {
    let case = Case::new(CHAIN);
    let (result, ()) = tokio::join!(case.run(), async {
        case.after(1).await;
        case.store.set_down(true);
        case.after(4).await;
        case.stop.gracefully();
        case.after(5).await;
        case.stop.at_once();
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::StoreUnavailable);
    assert_eq!(case.began.elapsed().as_secs(), 10);
}

/// Has the store down as soon as the last event is durable.
struct Last(Arc<Times>, Arc<Flaky>);
impl Observer for Last {
    fn on_event(&self, run: RunId, event: &Event) {
        self.0.on_event(run, event);
        self.1.set_down(matches!(event.body, EventBody::RunFinished { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_recorded_whole_has_its_result_though_the_claim_cannot_be_given_back() {
    let case = Case::new("nodes: { a: { value: 1 } }");
    let shown = Arc::clone(&case.times);
    let store = Arc::clone(&case.store);
    let observer = Arc::new(Last(shown, store));
    let result = case.flow.engine().run(Arc::clone(&case.flow.plan), case.flow.options(), observer, Stop::default()).await;
    assert_eq!(result.unwrap().status, agentflow::model::RunStatus::Succeeded);
}
