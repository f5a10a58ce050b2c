//! Engines whose models are down: who has a chain goes on with it at once, also in a process that never asked the dead one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentflow::{
    Error, ErrorKind, Result,
    agent::{Models, ModelsSettings},
    engine::{Engine, EngineSettings, RunOptions, RunResult, Stop},
    model::{ChatRequest, ChatResponse, FinishReason, Price, ProviderName, RunStatus},
    provider::{OnText, Provider, Providers},
    store::{self, InMemoryStore, Store, Synchronous},
};
use async_trait::async_trait;
use indexmap::IndexMap;
use tokio::time::Instant;

use super::flow::{Watcher, plan};

/// A server that is down until so many calls have failed.
#[derive(Debug)]
struct Server {
    failing: usize,
    asked: AtomicUsize,
}

impl Server {
    fn down_for(failing: usize) -> Arc<Self> {
        Arc::new(Self { failing, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Provider for Server {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.failing {
            return Err(Error::new(ErrorKind::Transient, "server answered 503"));
        }
        Ok(ChatResponse {
            content: request.model.clone(),
            tool_requests: Vec::new(),
            finish: FinishReason::Stop,
            usage: None,
            model: request.model.clone(),
        })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }
}

/// Runs in a process of its own, as far as engines can tell.
async fn run(yaml: &str, first: &Arc<Server>, spare: &Arc<Server>, store: &Arc<dyn Store>) -> RunResult {
    let mut providers = Providers::default();
    for (name, server) in [("vllm", first), ("ollama", spare)] {
        providers.register(ProviderName::new(name).unwrap(), server.clone());
    }
    let models = Models::new(providers, ModelsSettings::default());
    let engine = Engine::new(Arc::clone(store), Arc::new(models), EngineSettings::default());
    let options = RunOptions::new(IndexMap::new());
    engine.run(plan(yaml), options, Arc::new(Watcher::default()), Stop::default()).await.unwrap()
}

const CHAIN: &str = "
agents: { a: { model: vllm/small, fallback: [ollama/large] } }
nodes:
  one: { agent: a, prompt: x }
  two: { agent: a, prompt: '{{ one }}' }
outputs: { answer: '{{ two }}' }
";

#[tokio::test(start_paused = true)]
async fn an_outage_that_one_engine_found_costs_another_one_nothing() {
    let (dead, spare) = (Server::down_for(usize::MAX), Server::down_for(0));
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    let first = run(CHAIN, &dead, &spare, &store).await;
    assert_eq!(first.status, RunStatus::Succeeded, "{:?}", first.error);
    // Four attempts of the first node, one of the second, which opens the breaker.
    assert_eq!((dead.asked(), spare.asked()), (5, 2));
    let begun = Instant::now();
    let second = run(CHAIN, &dead, &spare, &store).await;
    assert_eq!((second.status, second.outputs["answer"].as_str()), (RunStatus::Succeeded, Some("large")));
    assert_eq!((dead.asked(), spare.asked()), (5, 4));
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

const ALONE: &str = "
agents: { a: { model: vllm/small } }
nodes: { ask: { agent: a, prompt: x, retry: { max_attempts: 1 } } }
";

#[tokio::test]
async fn a_breaker_survives_the_process_that_opened_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("agentflow.db").display());
    let (dead, spare) = (Server::down_for(usize::MAX), Server::down_for(0));
    // Each run stands for a process: five of them find the outage together, the others leave the model alone.
    for process in 0..7 {
        let store = store::open(&url, Synchronous::Normal).await.unwrap();
        let error = run(ALONE, &dead, &spare, &store).await.error.unwrap();
        let expected = if process < 5 { ErrorKind::Transient } else { ErrorKind::CircuitOpen };
        assert_eq!(error.kind, expected, "{error:?}");
        assert!(error.message.contains("server answered 503"), "{}", error.message);
    }
    assert_eq!(dead.asked(), 5);
}
