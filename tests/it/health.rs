//! Models that fail: how they are left alone, tried again, and how processes with one store learn of it together. All on paused time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentflow::{
    Error, ErrorKind, Result,
    agent::{Call, CallLimits, Called, Models, ModelsSettings, Notice, ProviderLimits, health_of_all, reset_breakers},
    model::{CallRates, ChatRequest, ChatResponse, FinishReason, ModelRef, Owner, Price, ProviderName, Rate, Seq, Value},
    provider::{MockAnswer, MockProvider, MockSettings, OnText, Provider, Providers},
    resilience::{BreakerPolicy, Phase},
    store::{self, Epoch, InMemoryStore, Key, Record, Store, StreamId, Synchronous, Version, Versioned, Write},
};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::advance;

use crate::provider::request;

const SECOND: Duration = Duration::from_secs(1);

/// A server whose state is set by the test: it answers, or fails in one way.
#[derive(Debug, Default)]
struct Server {
    failure: Mutex<Option<(ErrorKind, Option<Duration>)>>,
    delay: Mutex<Duration>,
    asked: AtomicUsize,
}

impl Server {
    fn fails(&self, kind: ErrorKind) {
        *self.failure.lock().unwrap() = Some((kind, None));
    }

    fn fails_and_asks_for(&self, kind: ErrorKind, delay: Duration) {
        *self.failure.lock().unwrap() = Some((kind, Some(delay)));
    }

    fn is_well(&self) {
        *self.failure.lock().unwrap() = None;
    }

    fn takes(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    /// How often it was asked since the last time this was called.
    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl Provider for Server {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        if let Some((kind, delay)) = *self.failure.lock().unwrap() {
            return Err(Error::new(kind, "out of order").retry_after(delay));
        }
        Ok(ChatResponse {
            content: "yes".to_owned(),
            tool_requests: Vec::new(),
            finish: FinishReason::Stop,
            usage: None,
            model: request.model.clone(),
        })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }

    fn address(&self) -> Option<String> {
        Some("http://lab:80/v1".to_owned())
    }
}

/// What one process has: models that know the server, and share their health through a store.
struct Process {
    models: Models,
    notices: Mutex<Vec<Notice>>,
}

impl Process {
    fn with(server: &Arc<Server>, store: Option<&Arc<dyn Store>>, limits: ProviderLimits) -> Self {
        let mut providers = Providers::default();
        let lab = ProviderName::new("lab").unwrap();
        providers.register(lab.clone(), server.clone());
        let settings = ModelsSettings { providers: BTreeMap::from([(lab, limits)]), ..ModelsSettings::default() };
        let models = Models::new(providers, settings);
        if let Some(store) = store {
            models.share_health(store);
        }
        Self { models, notices: Mutex::default() }
    }

    fn new(server: &Arc<Server>, store: &Arc<dyn Store>) -> Self {
        Self::with(server, Some(store), ProviderLimits::default())
    }

    async fn call(&self) -> Result<Called> {
        self.call_model("lab/small").await
    }

    async fn call_model(&self, model: &str) -> Result<Called> {
        let (model, request): (ModelRef, _) = (model.parse().unwrap(), request("small"));
        let agent_limits = CallLimits::default();
        let call =
            Call { model: &model, agent_limits, timeout: SECOND * 60, patience: Duration::ZERO, request: &request, out: None };
        self.models.call(call, &|_| (), &|notice| self.notices.lock().unwrap().push(notice)).await
    }

    /// The kinds of what `times` calls in a row come to.
    async fn calls(&self, times: usize) -> Vec<Option<ErrorKind>> {
        let mut kinds = Vec::new();
        for _ in 0..times {
            kinds.push(self.call().await.err().map(|error| error.kind()));
        }
        kinds
    }

    fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap())
    }
}

fn in_memory() -> Arc<dyn Store> {
    Arc::new(InMemoryStore::default())
}

const DOWN: Option<ErrorKind> = Some(ErrorKind::Transient);
const LEFT_ALONE: Option<ErrorKind> = Some(ErrorKind::CircuitOpen);

#[tokio::test(start_paused = true)]
async fn an_outage_is_discovered_once_by_all_processes_with_one_store() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let (one, other) = (Process::new(&server, &store), Process::new(&server, &store));
    assert_eq!(other.calls(1).await, [None]);
    server.asked();
    server.fails(ErrorKind::Transient);
    assert_eq!(one.calls(7).await, [DOWN, DOWN, DOWN, DOWN, DOWN, LEFT_ALONE, LEFT_ALONE]);
    // What the other one knows is a second old at most.
    advance(SECOND).await;
    assert_eq!(other.calls(20).await, [LEFT_ALONE; 20]);
    assert_eq!(server.asked(), 5);
    assert_eq!(Process::new(&server, &store).calls(1).await, [LEFT_ALONE]);
}

#[tokio::test(start_paused = true)]
async fn failures_of_several_processes_add_up() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let processes: Vec<_> = (0..5).map(|_| Process::new(&server, &store)).collect();
    server.fails(ErrorKind::Timeout);
    for process in &processes {
        assert_eq!(process.calls(1).await, [Some(ErrorKind::Timeout)]);
    }
    advance(SECOND).await;
    assert_eq!(processes[0].calls(1).await, [LEFT_ALONE]);
}

#[tokio::test(start_paused = true)]
async fn failures_that_cross_each_other_in_the_store_add_up() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let (one, other) = (Process::new(&server, &store), Process::new(&server, &store));
    // Both have just looked, so the other one does not know of the failures when it has its own.
    assert_eq!([one.calls(1).await, other.calls(1).await], [[None], [None]]);
    server.fails(ErrorKind::Transient);
    assert_eq!(one.calls(3).await, [DOWN; 3]);
    assert_eq!(other.calls(3).await, [DOWN, DOWN, LEFT_ALONE]);
    assert_eq!(Process::new(&server, &store).calls(1).await, [LEFT_ALONE]);
}

#[tokio::test(start_paused = true)]
async fn the_error_says_since_when_until_when_and_why() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let process = Process::new(&server, &store);
    server.fails(ErrorKind::Overloaded);
    process.calls(5).await;
    let error = process.call().await.unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("model `lab/small` failed too often and is left alone since 2"), "{message}");
    assert!(message.contains(" until 2") && message.ends_with("; the last error: out of order"), "{message}");
    assert!(error.requested_delay().unwrap() > SECOND * 26 && error.requested_delay().unwrap() <= SECOND * 33);
    assert_eq!(error.hints().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_call_at_a_time_tries_again_and_two_successes_end_it() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let (one, other) = (Process::new(&server, &store), Process::new(&server, &store));
    server.fails(ErrorKind::Transient);
    one.calls(5).await;
    server.asked();
    advance(SECOND * 34).await;
    server.is_well();
    server.takes(SECOND);
    for _ in 0..2 {
        let calls: Vec<_> = [&one, &other, &one, &other].into_iter().map(Process::call).collect();
        let ended = futures::future::join_all(calls).await;
        let kinds: Vec<_> = ended.into_iter().map(|called| called.err().map(|error| error.kind())).collect();
        assert_eq!((server.asked(), kinds.iter().filter(|kind| **kind == LEFT_ALONE).count()), (1, 3), "{kinds:?}");
    }
    advance(SECOND).await;
    assert_eq!(other.calls(3).await, [None; 3]);
    let changes: Vec<_> = [&one, &other].into_iter().flat_map(Process::notices).collect();
    let changes = changes.iter().filter_map(|notice| match notice {
        Notice::BreakerChanged { from, to, reason, .. } => Some(format!("{from} → {to}: {reason}")),
        Notice::Waited { .. } => None,
    });
    assert_eq!(
        changes.collect::<Vec<_>>(),
        [
            "closed → open: 5 calls in a row failed",
            "open → half-open: it has been left alone for long enough",
            "half-open → closed: 2 calls in a row succeeded"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_gives_its_place_back() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let (one, other) = (Process::new(&server, &store), Process::new(&server, &store));
    server.fails(ErrorKind::Transient);
    one.calls(5).await;
    advance(SECOND * 34).await;
    server.is_well();
    server.takes(SECOND * 30);
    tokio::time::timeout(SECOND, one.call()).await.unwrap_err();
    server.takes(Duration::ZERO);
    assert_eq!(one.calls(2).await, [None; 2]);
    // What its process cannot give back any more is free after twice the time a call may take.
    server.fails(ErrorKind::Transient);
    one.calls(5).await;
    advance(SECOND * 34).await;
    server.is_well();
    server.takes(SECOND * 30);
    tokio::time::timeout(SECOND, one.call()).await.unwrap_err();
    drop(one);
    server.takes(Duration::ZERO);
    assert_eq!(other.calls(1).await, [LEFT_ALONE]);
    advance(SECOND * 120).await;
    assert_eq!(other.calls(2).await, [None; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_spent_quota_is_not_asked_again_for_a_quarter_of_an_hour() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let process = Process::new(&server, &store);
    server.fails(ErrorKind::Quota);
    assert_eq!(process.calls(3).await, [Some(ErrorKind::Quota), LEFT_ALONE, LEFT_ALONE]);
    server.is_well();
    advance(SECOND * 899).await;
    assert_eq!(process.calls(1).await, [LEFT_ALONE]);
    advance(SECOND).await;
    assert_eq!(process.calls(3).await, [None; 3]);
}

#[tokio::test(start_paused = true)]
async fn what_says_nothing_about_the_server_opens_nothing_and_other_models_go_on() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let process = Process::new(&server, &store);
    for kind in [ErrorKind::Request, ErrorKind::Auth, ErrorKind::Refused, ErrorKind::NotReady, ErrorKind::ContextLength] {
        server.fails(kind);
        assert_eq!(process.calls(10).await, [Some(kind); 10]);
    }
    server.fails(ErrorKind::Transient);
    process.calls(6).await;
    server.is_well();
    assert_eq!(process.calls(1).await, [LEFT_ALONE]);
    assert!(process.call_model("lab/large").await.is_ok());
}

#[tokio::test]
async fn a_breaker_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("agentflow.db").display());
    let server = Arc::new(Server::default());
    server.fails(ErrorKind::Transient);
    let store = store::open(&url, Synchronous::Full).await.unwrap();
    Process::new(&server, &store).calls(5).await;
    drop(store);
    let store = store::open(&url, Synchronous::Full).await.unwrap();
    assert_eq!(Process::new(&server, &store).calls(3).await, [LEFT_ALONE; 3]);
    assert_eq!(server.asked(), 5);
    let health = health_of_all(&store).await.unwrap();
    assert_eq!(health.len(), 1);
    assert_eq!(health[0].target.model.to_string(), "lab/small");
    assert_eq!(health[0].target.address.as_deref(), Some("http://lab:80/v1"));
    assert_eq!((health[0].breaker.phase(), health[0].breaker.last_error()), (Phase::Open, Some("out of order")));
}

#[tokio::test(start_paused = true)]
async fn breakers_that_are_closed_by_hand_let_calls_through_at_once() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let process = Process::new(&server, &store);
    server.fails(ErrorKind::Transient);
    process.calls(5).await;
    store.put(&Key::new("breaker/lab/x/odd"), Version::ABSENT, &json!({"version": 1})).await.unwrap();
    let closed = reset_breakers(&store, Timestamp::now()).await.unwrap();
    assert_eq!(closed.iter().map(|target| target.model.to_string()).collect::<Vec<_>>(), ["lab/small"]);
    server.is_well();
    advance(SECOND).await;
    assert_eq!(process.calls(2).await, [None; 2]);
    assert!(reset_breakers(&store, Timestamp::now()).await.unwrap().is_empty());
    assert_eq!(store.list("breaker/", None, 10).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_ends_after_its_breaker_was_closed_by_hand_changes_nothing() {
    let (server, counting) = (Arc::new(Server::default()), Arc::new(Counting::default()));
    let store: Arc<dyn Store> = counting.clone();
    let process = Process::new(&server, &store);
    server.fails(ErrorKind::Transient);
    process.calls(5).await;
    advance(SECOND * 34).await;
    server.is_well();
    server.takes(SECOND * 5);
    let (probe, puts) = tokio::join!(process.call(), async {
        tokio::time::sleep(SECOND).await;
        reset_breakers(&store, Timestamp::now()).await.unwrap();
        tokio::time::sleep(SECOND).await;
        // This call learns that all is well again.
        process.call().await.unwrap();
        counting.puts.load(Ordering::SeqCst)
    });
    probe.unwrap();
    process.call().await.unwrap();
    assert_eq!(counting.puts.load(Ordering::SeqCst), puts);
    let health = health_of_all(&store).await.unwrap();
    assert_eq!((health[0].breaker.phase(), health[0].breaker.generation()), (Phase::Closed, 3));
}

#[tokio::test(start_paused = true)]
async fn more_targets_than_are_read_at_once_are_all_known_and_closed() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    server.fails(ErrorKind::Transient);
    Process::new(&server, &store).calls(5).await;
    let (_, document) = store.list("breaker/", None, 1).await.unwrap().remove(0);
    for number in 1..400 {
        store.put(&Key::new(format!("breaker/lab/copy-{number:03}/small")), Version::ABSENT, &document.value).await.unwrap();
    }
    for last in 400..402 {
        assert_eq!(health_of_all(&store).await.unwrap().len(), last);
        store.put(&Key::new(format!("breaker/lab/copy-{last}/small")), Version::ABSENT, &document.value).await.unwrap();
    }
    assert_eq!(reset_breakers(&store, Timestamp::now()).await.unwrap().len(), 402);
    assert!(health_of_all(&store).await.unwrap().iter().all(|health| health.breaker.phase() == Phase::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_document_of_a_newer_version_is_left_as_it_is() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    server.fails(ErrorKind::Transient);
    Process::new(&server, &store).calls(5).await;
    let (key, document) = store.list("breaker/", None, 1).await.unwrap().remove(0);
    let mut newer = document.value.clone();
    newer["version"] = json!(99);
    store.put(&key, document.version, &newer).await.unwrap();
    let process = Process::new(&server, &store);
    assert_eq!(process.calls(6).await, [DOWN, DOWN, DOWN, DOWN, DOWN, LEFT_ALONE]);
    assert_eq!(store.get(&key).await.unwrap().unwrap().value, newer);
}

/// A store that counts how often documents are read and written, and fails if it is told to.
#[derive(Debug, Default)]
struct Counting {
    inner: InMemoryStore,
    is_broken: AtomicBool,
    gets: AtomicUsize,
    puts: AtomicUsize,
}

impl Counting {
    fn check(&self) -> Result<()> {
        if self.is_broken.load(Ordering::SeqCst) {
            Err(Error::new(ErrorKind::StoreUnavailable, "the disk is full"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Store for Counting {
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
        self.inner.read(stream, from, limit).await
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamId>> {
        self.inner.streams(prefix).await
    }

    async fn remove_stream(&self, stream: &StreamId) -> Result<()> {
        self.inner.remove_stream(stream).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned<Value>>> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, expected: Version, value: &Value) -> Result<Version> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.inner.put(key, expected, value).await
    }

    async fn delete(&self, key: &Key, expected: Version) -> Result<()> {
        self.inner.delete(key, expected).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Versioned<Value>)>> {
        self.inner.list(prefix, after, limit).await
    }

    async fn commit(&self, writes: &[Write]) -> Result<()> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.inner.commit(writes).await
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_end_well_write_nothing_and_read_once_a_second() {
    let (server, counting) = (Arc::new(Server::default()), Arc::new(Counting::default()));
    let store: Arc<dyn Store> = counting.clone();
    let process = Process::new(&server, &store);
    for _ in 0..10 {
        process.calls(100).await;
        advance(SECOND).await;
    }
    assert_eq!((counting.puts.load(Ordering::SeqCst), counting.gets.load(Ordering::SeqCst)), (0, 10));
}

#[tokio::test(start_paused = true)]
async fn successes_count_when_failures_are_weighed() {
    let (server, store) = (Arc::new(Server::default()), in_memory());
    let process = Process::new(&server, &store);
    process.calls(20).await;
    // Many failures, but never five in a row and never half of all.
    for _ in 0..4 {
        server.fails(ErrorKind::Transient);
        process.calls(4).await;
        server.is_well();
        assert_eq!(process.calls(1).await, [None]);
    }
    let health = health_of_all(&store).await.unwrap();
    assert_eq!(health[0].breaker.recent(&BreakerPolicy::default(), Timestamp::now()), (40, 16));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_fails_no_call_and_the_breaker_works_in_memory() {
    let server = Arc::new(Server::default());
    let store: Arc<dyn Store> = Arc::new(Counting { is_broken: true.into(), ..Counting::default() });
    let process = Process::new(&server, &store);
    assert_eq!(process.calls(2).await, [None; 2]);
    server.fails(ErrorKind::Transient);
    assert_eq!(process.calls(6).await, [DOWN, DOWN, DOWN, DOWN, DOWN, LEFT_ALONE]);
    advance(SECOND * 34).await;
    server.is_well();
    assert_eq!(process.calls(3).await, [None; 3]);
}

#[tokio::test(start_paused = true)]
async fn what_a_process_could_not_write_down_is_not_forgotten_for_what_others_write_later() {
    let (server, counting) = (Arc::new(Server::default()), Arc::new(Counting::default()));
    let store: Arc<dyn Store> = counting.clone();
    let (one, other) = (Process::new(&server, &store), Process::new(&server, &store));
    server.fails(ErrorKind::Transient);
    counting.is_broken.store(true, Ordering::SeqCst);
    one.calls(5).await;
    counting.is_broken.store(false, Ordering::SeqCst);
    // The other one has seen a single failure, and writes it down.
    assert_eq!(other.calls(1).await, [DOWN]);
    advance(SECOND).await;
    server.asked();
    assert_eq!((one.calls(1).await, server.asked()), (vec![LEFT_ALONE], 0));
    advance(SECOND * 34).await;
    server.is_well();
    assert_eq!(one.calls(2).await, [None; 2]);
    let health = health_of_all(&store).await.unwrap();
    assert_eq!((health[0].breaker.phase(), health[0].breaker.generation()), (Phase::Closed, 3), "it is written down by now");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_is_off_lets_everything_through() {
    let server = Arc::new(Server::default());
    server.fails(ErrorKind::Transient);
    let process = Process::with(&server, None, ProviderLimits { breaker: None, ..ProviderLimits::default() });
    assert_eq!(process.calls(20).await, [DOWN; 20]);
}

#[tokio::test(start_paused = true)]
async fn simulated_models_are_always_well() {
    let counting = Arc::new(Counting::default());
    let store: Arc<dyn Store> = counting.clone();
    let failure = MockAnswer::from_value(json!({"error": {"status": 503}})).unwrap();
    let answers = BTreeMap::from([(request("small").origin.agent.to_string(), vec![failure; 10])]);
    let mut providers = Providers::default();
    providers.answer_everything_by(Arc::new(MockProvider::new(MockSettings { answers, ..MockSettings::default() })));
    let process = Process { models: Models::new(providers, ModelsSettings::default()), notices: Mutex::default() };
    process.models.share_health(&store);
    let kinds = process.calls(12).await;
    assert_eq!((&kinds[..10], &kinds[10..]), (&[DOWN; 10][..], &[None; 2][..]));
    assert_eq!((counting.puts.load(Ordering::SeqCst), counting.gets.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_a_delay_gets_it_from_everybody() {
    let server = Arc::new(Server::default());
    let process = Process::with(&server, None, ProviderLimits::default());
    server.fails_and_asks_for(ErrorKind::Throttle, SECOND * 7);
    assert_eq!(process.calls(1).await, [Some(ErrorKind::Throttle)]);
    server.is_well();
    let begun = tokio::time::Instant::now();
    let ended = futures::future::join_all((0..3).map(|_| process.call())).await;
    assert!(ended.iter().all(Result::is_ok));
    assert!(begun.elapsed() >= SECOND * 7, "{:?}", begun.elapsed());
    let longest = process.notices().into_iter().filter_map(|notice| match notice {
        Notice::Waited { duration, .. } => Some(duration),
        Notice::BreakerChanged { .. } => None,
    });
    assert_eq!(longest.max(), Some(SECOND * 7));
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_is_too_high_for_the_server_is_halved_for_a_while() {
    let server = Arc::new(Server::default());
    let rates = CallRates { requests: Some(Rate { amount: 10.0, per: SECOND }), tokens: None };
    let calls = CallLimits { rates, ..CallLimits::default() };
    let process = Process::with(&server, None, ProviderLimits { calls, ..ProviderLimits::default() });
    let hundred = async || {
        let begun = tokio::time::Instant::now();
        process.calls(100).await;
        begun.elapsed().as_secs()
    };
    assert_eq!(hundred().await, 9);
    server.fails(ErrorKind::Throttle);
    process.calls(1).await;
    server.is_well();
    advance(SECOND).await;
    assert!((16..20).contains(&hundred().await));
    advance(SECOND * 100).await;
    assert_eq!(hundred().await, 9);
}

#[tokio::test(start_paused = true)]
async fn no_place_is_held_while_a_call_waits_for_a_rate() {
    let server = Arc::new(Server::default());
    let rates = CallRates { requests: Some(Rate { amount: 1.0, per: SECOND * 60 }), tokens: None };
    let calls = CallLimits { rates, max_concurrent: Some(1) };
    let mut providers = Providers::default();
    let (slow, fast) = (ProviderName::new("slow").unwrap(), ProviderName::new("fast").unwrap());
    providers.register(slow.clone(), server.clone());
    providers.register(fast, server.clone());
    let limits = ProviderLimits { calls, ..ProviderLimits::default() };
    let settings = ModelsSettings { max_concurrent: Some(1), providers: BTreeMap::from([(slow, limits)]) };
    let process = Process { models: Models::new(providers, settings), notices: Mutex::default() };
    process.call_model("slow/m").await.unwrap();
    let begun = tokio::time::Instant::now();
    let (waiting, other) = futures::future::join(
        async {
            process.call_model("slow/m").await.unwrap();
            begun.elapsed()
        },
        async {
            process.call_model("fast/m").await.unwrap();
            begun.elapsed()
        },
    )
    .await;
    assert_eq!((waiting.as_secs(), other.as_secs()), (60, 0));
}

#[tokio::test(start_paused = true)]
async fn retries_are_bounded_by_the_calls_of_a_model() {
    let server = Arc::new(Server::default());
    let process = Process::with(&server, None, ProviderLimits::default());
    let model: ModelRef = "lab/small".parse().unwrap();
    assert!(process.models.may_retry(&"lab/never_asked".parse().unwrap()));
    process.calls(1_000).await;
    let granted = (0..1_000).filter(|_| process.models.may_retry(&model)).count();
    assert_eq!(granted, 200);
    advance(SECOND * 70).await;
    assert_eq!((0..1_000).filter(|_| process.models.may_retry(&model)).count(), 60);
}
