//! What a run does about a model that is down: events, no calls while its breaker is open, the next model at once, few retries.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use agentflow::{
    Error, ErrorKind, Result,
    model::{ChatRequest, ChatResponse, EventBody, FinishReason, Price},
    provider::{OnText, Provider},
};
use async_trait::async_trait;

use super::flow::Flow;

/// A model called `up` answers; all others are down.
#[derive(Debug)]
struct Outage {
    kind: ErrorKind,
    calls: AtomicUsize,
}

impl Outage {
    fn of(kind: ErrorKind) -> Arc<Self> {
        Arc::new(Self { kind, calls: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Provider for Outage {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        if request.model != "up" {
            self.calls.fetch_add(1, Ordering::Relaxed);
            return Err(Error::new(self.kind, "no connection"));
        }
        Ok(ChatResponse { content: "here".to_owned(), finish: FinishReason::Stop, usage: None, model: "up".to_owned() })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }
}

fn flow(outage: &Arc<Outage>, count: u32, fallback: &str, retry: u32) -> Flow {
    let flow = Flow::new(&format!(
        "
agents: {{ a: {{ model: ollama/down, fallback: [{fallback}] }} }}
nodes:
  each:
    map: range({count}) | list
    concurrency: 1
    agent: a
    prompt: '{{{{ item }}}}'
    retry: {{ max_attempts: {retry} }}
    on_error: continue
"
    ));
    flow.provider(Arc::clone(outage) as Arc<dyn Provider>)
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_down_is_asked_five_times_and_then_left_alone() {
    let outage = Outage::of(ErrorKind::Transient);
    let ran = flow(&outage, 20, "", 1).run().await.succeeded();
    assert_eq!(outage.calls.load(Ordering::Relaxed), 5, "all other calls were refused by the breaker");
    let changes: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::BreakerChanged { node, model, from, to, .. } => Some(format!("{node}: {model} {from} → {to}")),
            _ => None,
        })
        .collect();
    assert_eq!(changes, ["each[4]: ollama/down closed → open"]);
    let refused: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::NodeFailed { error, .. } if error.kind == ErrorKind::CircuitOpen => Some(&error.message),
            _ => None,
        })
        .collect();
    assert_eq!(refused.len(), 15);
    assert!(refused[0].contains("ollama/down") && refused[0].contains("no connection"), "{}", refused[0]);
}

#[tokio::test(start_paused = true)]
async fn the_next_model_is_asked_at_once_while_a_breaker_is_open() {
    let outage = Outage::of(ErrorKind::Transient);
    let began = tokio::time::Instant::now();
    let ran = flow(&outage, 20, "ollama/up", 1).run().await.succeeded();
    assert_eq!(outage.calls.load(Ordering::Relaxed), 5);
    assert_eq!(ran.result.spend.calls, 20, "every element has its answer");
    assert!(began.elapsed().as_millis() < 100, "nothing is waited for: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_fifth_of_the_calls_of_a_model_at_most() {
    // Failures that no breaker counts: nothing else keeps retries in bounds.
    let outage = Outage::of(ErrorKind::NotReady);
    let ran = flow(&outage, 100, "ollama/up", 2).run().await.succeeded();
    let retries = ran.events.iter().filter(|event| matches!(event.body, EventBody::AttemptFailed { .. })).count();
    assert_eq!(outage.calls.load(Ordering::Relaxed), 100 + retries);
    let minute = ran.events.last().unwrap().at.duration_since(ran.events[0].at).as_secs() / 60;
    assert_eq!(minute, 0, "the retries of one minute are looked at");
    assert_eq!(retries, 60, "one a second, since that is more than a fifth of the calls");
    assert_eq!(ran.result.spend.calls, 100, "what is not tried again is asked of the next model");
}
