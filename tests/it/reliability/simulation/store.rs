//! A store that fails, by a seed, and looks at everything that is written into it.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use agentflow::{
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, Owner, Seq, Value},
    store::{Digest, Epoch, InMemoryStore, Key, Record, Store, StreamId, Version, Versioned, Write, verify_chain},
};
use async_trait::async_trait;
use fastrand::Rng;
use tokio::time::{Instant, sleep};

/// Streams over the in-memory store, with leases by the runtime's clock and faults by a seed.
#[derive(Debug)]
pub(crate) struct SimulatedStore {
    inner: InMemoryStore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    /// Whether anything fails.
    is_calm: bool,
    holder: Option<(Owner, Instant)>,
    records: Vec<Record>,
    last: Digest,
    answers: HashSet<(String, u32, u32)>,
    has_ended: bool,
    violations: Vec<String>,
    faults: u64,
    fenced: u64,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Well,
    FailsBefore,
    FailsAfter,
}

impl SimulatedStore {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            rng: Rng::with_seed(seed),
            is_calm: false,
            holder: None,
            records: Vec::new(),
            last: Digest::ZERO,
            answers: HashSet::new(),
            has_ended: false,
            violations: Vec::new(),
            faults: 0,
            fenced: 0,
        };
        Self { inner: InMemoryStore::default(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on nothing fails.
    pub(crate) fn calm_down(&self) {
        self.state().is_calm = true;
    }

    /// The lease of whoever holds the run is over, as if that process had been stopped for long.
    pub(crate) fn let_lease_run_out(&self) {
        self.state().holder = None;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.state().records.clone()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    pub(crate) fn report(&self, violation: String) {
        self.state().violations.push(violation);
    }

    /// How often a call failed, and how often a process was told that another one has taken over.
    pub(crate) fn faults(&self) -> (u64, u64) {
        let state = self.state();
        (state.faults, state.fenced)
    }

    /// Whether this very event is stored.
    pub(crate) fn holds(&self, event: &Event) -> bool {
        let state = self.state();
        let record = usize::try_from(event.seq).ok().and_then(|seq| state.records.get(seq));
        record.is_some_and(|record| record.at == event.at && record.body == serde_json::to_string(&event.body).unwrap())
    }

    /// Draws what becomes of a call, of which `percent` fail, and waits the first part of the time that it takes.
    async fn begin(&self, percent: u8) -> (Fate, Duration) {
        let (fate, before, after) = {
            let mut guard = self.state();
            let state = &mut *guard;
            let fails = state.rng.u8(..100) < percent && !state.is_calm;
            let fate = match (fails, state.rng.bool()) {
                (false, _) => Fate::Well,
                (true, false) => Fate::FailsBefore,
                (true, true) => Fate::FailsAfter,
            };
            state.faults += u64::from(fails);
            let slow = if state.rng.u8(..20) == 0 { 5_000 } else { 20 };
            (fate, Duration::from_millis(state.rng.u64(..slow)), Duration::from_millis(state.rng.u64(..slow)))
        };
        sleep(before).await;
        (fate, after)
    }

    /// Waits the rest of the time.
    async fn end<T>(&self, (fate, after): (Fate, Duration), result: Result<T>) -> Result<T> {
        sleep(after).await;
        if fate == Fate::FailsAfter { result.and(Err(unavailable())) } else { result }
    }

    /// Looks at what was written.
    fn look_at(&self, stream: &StreamId, records: &[Record]) {
        let mut guard = self.state();
        let state = &mut *guard;
        let first = state.records.len() as Seq;
        match verify_chain(stream, first, state.last, records) {
            Ok(last) => state.last = last,
            Err(error) => state.violations.push(error.to_string()),
        }
        for record in records {
            if state.has_ended {
                state.violations.push(format!("record {} (`{}`) comes after the end of the run", record.seq, record.kind));
            }
            match serde_json::from_str(&record.body).unwrap() {
                EventBody::RunCreated { .. } if record.seq != 0 => state.violations.push("the run is created twice".to_owned()),
                EventBody::RunFinished { .. } => state.has_ended = true,
                EventBody::ModelResponded { node, attempt, ordinal, .. }
                    if !state.answers.insert((node.to_string(), attempt, ordinal)) =>
                {
                    state.violations.push(format!("call {ordinal} of attempt {attempt} of `{node}` is answered twice"));
                }
                _ => {}
            }
        }
        state.records.extend_from_slice(records);
    }
}

fn unavailable() -> Error {
    Error::new(ErrorKind::StoreUnavailable, "the simulated store fails")
}

#[async_trait]
impl Store for SimulatedStore {
    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch> {
        let fate = self.begin(8).await;
        if fate.0 == Fate::FailsBefore {
            return Err(unavailable());
        }
        let holder = self.state().holder.clone();
        if let Some((holder, until)) = holder
            && holder != *owner
            && until > Instant::now()
        {
            return Err(Error::new(ErrorKind::Locked, format!("`{stream}` is held by {holder}")));
        }
        // Leases are kept here, by the runtime's clock; the inner store knows only of those that have run out.
        let epoch = self.inner.claim(stream, owner, Duration::ZERO).await?;
        self.state().holder = Some((owner.clone(), Instant::now() + lease));
        self.end(fate, Ok(epoch)).await
    }

    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()> {
        let fate = self.begin(25).await;
        if fate.0 == Fate::FailsBefore {
            return Err(unavailable());
        }
        let renewed = self.inner.renew(stream, epoch, Duration::ZERO).await;
        {
            let mut guard = self.state();
            let state = &mut *guard;
            match (&renewed, &mut state.holder) {
                (Ok(()), Some((_, until))) => *until = Instant::now() + lease,
                (Ok(()), None) => {}
                (Err(_), _) => state.fenced += 1,
            }
        }
        self.end(fate, renewed).await
    }

    async fn append(&self, stream: &StreamId, epoch: Epoch, expected: Seq, records: &[Record]) -> Result<()> {
        let fate = self.begin(12).await;
        if fate.0 == Fate::FailsBefore {
            return Err(unavailable());
        }
        let appended = self.inner.append(stream, epoch, expected, records).await;
        match &appended {
            Ok(()) => self.look_at(stream, records),
            Err(_) => self.state().fenced += 1,
        }
        self.end(fate, appended).await
    }

    async fn read(&self, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>> {
        let fate = self.begin(6).await;
        if fate.0 == Fate::FailsBefore {
            return Err(unavailable());
        }
        let read = self.inner.read(stream, from, limit).await;
        self.end(fate, read).await
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
