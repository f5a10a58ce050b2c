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
    /// How many calls still fail.
    left: AtomicUsize,
    calls: AtomicUsize,
}

impl Default for Outage {
    fn default() -> Self {
        Self { kind: ErrorKind::Transient, left: AtomicUsize::new(usize::MAX), calls: AtomicUsize::new(0) }
    }
}

impl Outage {
    fn of(kind: ErrorKind) -> Arc<Self> {
        Arc::new(Self { kind, ..Self::default() })
    }
}

#[async_trait]
impl Provider for Outage {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        if request.model != "up" {
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
        let fails = || self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if request.model != "up" && fails() {
            return Err(Error::new(self.kind, "no connection"));
        }
        Ok(ChatResponse {
            content: "here".to_owned(),
            tool_requests: Vec::new(),
            finish: FinishReason::Stop,
            usage: None,
            model: "up".to_owned(),
        })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }
}

fn flow(outage: &Arc<Outage>, at_once: u32, count: u32, fallback: &str, retry: u32) -> Flow {
    let flow = Flow::new(&format!(
        "
agents: {{ a: {{ model: ollama/down, fallback: [{fallback}] }} }}
nodes:
  each:
    map: range({count}) | list
    concurrency: {at_once}
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
    let ran = flow(&outage, 1, 20, "", 1).run().await.succeeded();
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
    let ran = flow(&outage, 1, 20, "ollama/up", 1).run().await.succeeded();
    assert_eq!(outage.calls.load(Ordering::Relaxed), 5);
    assert_eq!(ran.result.spend.calls, 20, "every element has its answer");
    assert!(began.elapsed().as_millis() < 100, "nothing is waited for: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_is_sat_out_where_no_other_model_is_to_be_asked() {
    // Five calls fail, which opens the breaker; by its first probe the model is back.
    let outage = Arc::new(Outage { kind: ErrorKind::Transient, left: AtomicUsize::new(5), ..Outage::default() });
    let ran = flow(&outage, 8, 8, "", 4).run().await.succeeded();
    assert_eq!(ran.result.spend.calls, 8, "{:?}", ran.endings());
    assert_eq!(outage.calls.load(Ordering::Relaxed), 13);
    let waits: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::CallWaited { reason, duration_ms, .. } if reason == "breaker" => Some(*duration_ms / 1_000),
            _ => None,
        })
        .collect();
    assert!(!waits.is_empty() && waits.iter().all(|seconds| *seconds <= 60), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_is_told_soon() {
    let outage = Outage::of(ErrorKind::Transient);
    let began = tokio::time::Instant::now();
    let ran = flow(&outage, 8, 8, "", 4).run().await;
    assert_eq!(ran.endings().iter().filter(|ending| ending.ends_with("] failed")).count(), 8, "{:?}", ran.endings());
    let seconds = began.elapsed().as_secs();
    assert!((25..=100).contains(&seconds), "one opening of the breaker is sat out, not {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_fifth_of_the_calls_of_a_model_at_most() {
    // Failures that no breaker counts: nothing else keeps retries in bounds.
    let outage = Outage::of(ErrorKind::NotReady);
    let ran = flow(&outage, 1, 100, "ollama/up", 2).run().await.succeeded();
    let retries = ran.events.iter().filter(|event| matches!(event.body, EventBody::AttemptFailed { .. })).count();
    assert_eq!(outage.calls.load(Ordering::Relaxed), 100 + retries);
    let minute = ran.events.last().unwrap().at.duration_since(ran.events[0].at).as_secs() / 60;
    assert_eq!(minute, 0, "the retries of one minute are looked at");
    assert_eq!(retries, 60, "one a second, since that is more than a fifth of the calls");
    assert_eq!(ran.result.spend.calls, 100, "what is not tried again is asked of the next model");
}
