//! Logs that cannot be read, in part or at all: how far each is good, what is wrong then, and how much is lost with it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentflow::{
    engine::{Inspection, inspect, read_run},
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, Owner, RunId, Seq, Value},
    store::{Digest, Epoch, InMemoryStore, Key, Record, Store, StreamId, Version, Versioned, Write, this_process},
};
use async_trait::async_trait;

use super::flow::{Flow, Watcher};

const CHAIN: &str = "
agents: { a: { model: mock/m } }
nodes:
  one: { agent: a, prompt: x }
  two: { agent: a, prompt: '{{ one }}' }
  three: { agent: a, prompt: '{{ two }}' }
";

/// A store in memory on a bad disk: some records cannot be read, nor any that are asked for together with one of them.
#[derive(Debug)]
struct Worn {
    inner: InMemoryStore,
    unreadable: BTreeSet<Seq>,
    /// So often it can be read from, then it is down.
    reads: AtomicUsize,
}

#[async_trait]
impl Store for Worn {
    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch> {
        self.inner.claim(stream, owner, lease).await
    }

    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()> {
        self.inner.renew(stream, epoch, lease).await
    }

    async fn append(&self, stream: &StreamId, epoch: Epoch, expected: Seq, records: &[Record]) -> Result<()> {
        self.inner.append(stream, epoch, expected, records).await
    }

    async fn read(&self, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>> {
        let left = self.reads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_err(|_| Error::new(ErrorKind::StoreUnavailable, "reading or writing store `x` failed"))?;
        match self.unreadable.range(from..from.saturating_add(limit as Seq)).next() {
            Some(bad) => Err(Error::new(ErrorKind::Corrupt, format!("record {bad} of `{stream}` is no text"))),
            None => self.inner.read(stream, from, limit).await,
        }
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
        self.inner.commit(writes).await
    }
}

/// A run of the chain, and its events.
async fn chain() -> (Flow, Vec<Event>) {
    let flow = Flow::new(CHAIN);
    let events = flow.run().await.succeeded().events;
    (flow, events)
}

/// A store in which these events are the log of `run`, sealed one after the other, each as one of the version that `version` says.
async fn stored(run: RunId, events: &[Event], version: impl Fn(Seq) -> u16) -> InMemoryStore {
    let (store, stream) = (InMemoryStore::default(), StreamId::run(run));
    let epoch = store.claim(&stream, &this_process(), Duration::ZERO).await.unwrap();
    let mut last = Digest::ZERO;
    let seal = |(seq, event): (Seq, &Event)| {
        let body = serde_json::to_string(&event.body).unwrap();
        let record = Record::seal(last, &stream, seq, event.at, event.body.kind(), version(seq), body);
        last = record.hash;
        record
    };
    let records: Vec<_> = (0..).zip(events).map(seal).collect();
    store.append(&stream, epoch, 0, &records).await.unwrap();
    store
}

async fn of_this_version(run: RunId, events: &[Event]) -> Arc<dyn Store> {
    Arc::new(stored(run, events, |_| EventBody::VERSION).await)
}

/// Where a log is bad, why, how much is lost, and how many answers of models.
#[track_caller]
fn problem(inspection: &Inspection) -> (Seq, String, u64, u64) {
    let bad = inspection.problem.as_ref().expect("something is wrong");
    assert_eq!(bad.error.kind(), ErrorKind::Corrupt, "{}", bad.error);
    assert_eq!(inspection.good.len() as Seq, bad.seq);
    (bad.seq, bad.error.message().to_owned(), bad.lost, bad.lost_answers)
}

fn answers(events: &[Event]) -> u64 {
    events.iter().filter(|event| matches!(event.body, EventBody::ModelResponded { .. })).count() as u64
}

#[tokio::test(start_paused = true)]
async fn records_that_cannot_be_read_hide_none_before_them_and_all_behind_are_counted() {
    let (flow, events) = chain().await;
    let all = events.len() as Seq;
    for first in 0..all {
        for other in first..all {
            let inner = stored(flow.run, &events, |_| EventBody::VERSION).await;
            let unreadable = BTreeSet::from([first, other]);
            let worn: Arc<dyn Store> = Arc::new(Worn { inner, unreadable, reads: usize::MAX.into() });
            let inspection = inspect(&worn, flow.run).await.unwrap();
            let at = usize::try_from(first).unwrap();
            assert_eq!(inspection.good, events[..at]);
            let readable = events[at..].iter().filter(|event| event.seq != first && event.seq != other).cloned();
            let readable: Vec<_> = readable.collect();
            let message = format!("record {first} of `run/{}` is no text", flow.run);
            assert_eq!(problem(&inspection), (first, message, all - first, answers(&readable)));
            assert_eq!(read_run(&worn, flow.run).await.unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_down_meanwhile_is_told_and_is_no_damage() {
    let (flow, events) = chain().await;
    let mut failed = 0;
    loop {
        let inner = stored(flow.run, &events, |_| EventBody::VERSION).await;
        let worn: Arc<dyn Store> = Arc::new(Worn { inner, unreadable: BTreeSet::from([4, 6]), reads: failed.into() });
        match inspect(&worn, flow.run).await {
            Ok(inspection) => {
                assert_eq!(problem(&inspection).2, events.len() as u64 - 4);
                break;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "after {failed} reads"),
        }
        failed += 1;
    }
    // The page, each record up to the bad one by itself and with those behind it, and each behind it until there is none.
    assert_eq!(failed, 1 + 2 * 4 + 1 + (events.len() - 4) + 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_does_not_begin_with_the_creation_of_its_run_is_good_for_nothing() {
    let (flow, events) = chain().await;
    let (run, count) = (flow.run, events.len() as u64);
    let headless = of_this_version(run, &events[1..]).await;
    let inspection = inspect(&headless, run).await.unwrap();
    let misplaced = |seq: Seq, run: RunId| format!("record {seq} of `run/{run}` does not belong where it stands");
    assert_eq!(problem(&inspection), (0, misplaced(0, run), count - 1, 3));
    let error = read_run(&headless, run).await.unwrap_err();
    assert_eq!(error.message(), format!("the log of run `{run}` does not begin with its creation"));
    assert_eq!(error.kind(), ErrorKind::Corrupt);

    let other = RunId::generate();
    let strange = of_this_version(other, &events).await;
    assert_eq!(problem(&inspect(&strange, other).await.unwrap()), (0, misplaced(0, other), count, 3));
    let error = read_run(&strange, other).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Corrupt, &*format!("the log of run `{other}` is one of run `{run}`"))
    );

    let twice = of_this_version(run, &[&events[..5], &events[..1]].concat()).await;
    assert_eq!(problem(&inspect(&twice, run).await.unwrap()), (5, misplaced(5, run), 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_version_is_refused_by_its_number_with_what_to_do() {
    let (flow, events) = chain().await;
    let newer = |seq| EventBody::VERSION + u16::from(seq == 3);
    let store: Arc<dyn Store> = Arc::new(stored(flow.run, &events, newer).await);
    let version = EventBody::VERSION;
    let message =
        format!("record 3 of `run/{}` has format version {}, this program knows up to {version}", flow.run, version + 1);
    let error = read_run(&store, flow.run).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Corrupt, message.as_str()));
    assert_eq!(error.hints(), ["use the version of agentflow that recorded the run, or a newer one"]);
    let inspection = inspect(&store, flow.run).await.unwrap();
    assert_eq!(problem(&inspection), (3, message, events.len() as u64 - 3, answers(&events[3..])));
    let mut rest = Flow::new(CHAIN).store(store);
    rest.run = flow.run;
    let watcher = Arc::new(Watcher::default());
    assert_eq!(rest.try_resume(Arc::clone(&watcher)).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(watcher.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_of_which_nothing_is_recorded_is_not_found() {
    let run = RunId::generate();
    let store = of_this_version(run, &[]).await;
    let error = inspect(&store, run).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, &*format!("run `{run}` has no events")));
    assert!(error.hints()[0].contains("`agentflow runs rm` removes it"), "{error:?}");
    assert_eq!(read_run(&store, run).await.unwrap_err().kind(), ErrorKind::NotFound);
}
