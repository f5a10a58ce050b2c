//! What the display needs to know of an event: small, so that nothing of a run's data is copied for it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::{clean, numbers},
    engine::Progress,
    model::{Event, EventBody, NodePath, Spend},
};

/// Something that happened to a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    /// When.
    pub(super) at: Timestamp,
    /// To which node.
    pub(super) node: NodePath,
    /// What.
    pub(super) what: What,
}

/// What happened to a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// An attempt begins.
    Started { attempt: u32, agent: Option<String>, model: Option<String>, elements: Option<usize> },
    /// A piece of an answer arrived.
    Text,
    /// A model answered.
    Answered(Spend),
    /// A new iteration of a loop begins.
    Iteration(u32),
    /// An attempt failed; another one is due at the time given. The error is empty when it was told before.
    AttemptFailed { attempt: u32, error: String, retry_at: Timestamp },
    /// An attempt failed; the next one asks another model at once.
    FellBack { attempt: u32, error: String, to: String },
    /// A call waits for its turn.
    Waits { model: String, reason: String, duration: Duration },
    /// The circuit breaker of a model has changed.
    Breaker { model: String, to: String, reason: String },
    /// The output is there.
    Succeeded,
    /// A tool is called.
    Calls(String),
    /// A message was sent, or messages were taken, in words.
    Mail(String),
    /// A person is asked something.
    Asks(String),
    /// It waits until a time.
    WaitsUntil(Timestamp),
    /// The output is there, taken from an earlier run.
    Reused,
    /// Failed for good; `handled` when the workflow goes on all the same.
    Failed { error: String, handled: bool },
    /// Not run, and why.
    Skipped(String),
    /// Given up because the run ended.
    Cancelled,
}

impl Note {
    /// What an event tells, if it is about a node.
    pub(super) fn of_event(event: &Event) -> Option<Self> {
        let what = match &event.body {
            EventBody::AttemptStarted { attempt, agent, model, elements, .. } => What::Started {
                attempt: *attempt,
                agent: agent.as_ref().map(|agent| agent.as_str().to_owned()),
                model: model.clone(),
                elements: *elements,
            },
            EventBody::ModelResponded { response, cost, .. } => What::Answered(Spend::of_call(response.usage, *cost)),
            EventBody::IterationStarted { iteration, .. } => What::Iteration(*iteration),
            EventBody::AttemptFailed { attempt, error, retry_at, .. } => {
                What::AttemptFailed { attempt: *attempt, error: error.message.clone(), retry_at: *retry_at }
            }
            EventBody::FallbackTaken { attempt, error, to, .. } => {
                What::FellBack { attempt: *attempt, error: error.message.clone(), to: to.clone() }
            }
            EventBody::BreakerChanged { model, to, reason, .. } => {
                What::Breaker { model: model.clone(), to: to.clone(), reason: reason.clone() }
            }
            EventBody::NodeSucceeded { reused: Some(_), .. } => What::Reused,
            EventBody::NodeSucceeded { .. } => What::Succeeded,
            EventBody::NodeFailed { error, handled, .. } => {
                What::Failed { error: error.message.clone(), handled: handled.is_some() }
            }
            EventBody::NodeSkipped { reason, .. } => What::Skipped(reason.clone()),
            EventBody::NodeCancelled { .. } => What::Cancelled,
            EventBody::CallWaited { model, reason, duration_ms, .. } => {
                What::Waits { model: model.clone(), reason: reason.clone(), duration: Duration::from_millis(*duration_ms) }
            }
            EventBody::ToolCalled { call, .. } => What::Calls(call.tool.clone()),
            EventBody::MessageSent { message, .. } => What::Mail(format!("sent {} to {}", message.kind, message.to)),
            EventBody::MessagesTaken { mailbox, messages, .. } => {
                What::Mail(format!("took {} from {mailbox}", numbers::plural(messages.len() as u64, "message")))
            }
            EventBody::MessagesCame { mailbox, messages, .. } => {
                What::Mail(format!("took {} from project:{mailbox}", numbers::plural(messages.len() as u64, "message")))
            }
            EventBody::MessageDead { mailbox, reason, .. } => {
                What::Mail(format!("a message in {mailbox} is given up: {}", reason.in_words()))
            }
            EventBody::ApprovalRequested { request, .. } => What::Asks(request.question.in_words()),
            EventBody::AttemptPaused { until: Some(until), .. } => What::WaitsUntil(*until),
            EventBody::RunCreated { .. }
            | EventBody::RunResumed { .. }
            | EventBody::ToolReturned { .. }
            | EventBody::ToolDenied { .. }
            | EventBody::AttemptPaused { .. }
            | EventBody::RunPaused { .. }
            | EventBody::RunContinued { .. }
            | EventBody::RunCancelRequested { .. }
            | EventBody::AgentPaused { .. }
            | EventBody::AgentResumed { .. }
            | EventBody::AgentDraining { .. }
            | EventBody::AgentTerminated { .. }
            | EventBody::AgentChanged { .. }
            | EventBody::ApprovalGiven { .. }
            | EventBody::SubscriptionChanged { .. }
            | EventBody::RunFinished { .. } => return None,
        };
        Some(Self { at: event.at, node: event.body.node()?.clone(), what })
    }

    /// What goes on between events.
    pub(super) fn of_progress(progress: &Progress<'_>, at: Timestamp) -> Option<Self> {
        let (node, what) = match progress {
            Progress::AttemptStarted { node, attempt, agent } => (
                *node,
                What::Started {
                    attempt: *attempt,
                    agent: agent.map(|(agent, _)| agent.to_owned()),
                    model: agent.map(|(_, model)| model.to_owned()),
                    elements: None,
                },
            ),
            Progress::Text { node, .. } => (*node, What::Text),
            Progress::RetryWaiting { node, attempt, delay } => {
                let due = SignedDuration::try_from(*delay).ok().and_then(|delay| at.checked_add(delay).ok());
                let attempt = attempt.saturating_sub(1);
                (*node, What::AttemptFailed { attempt, error: String::new(), retry_at: due.unwrap_or(at) })
            }
            Progress::CallStarted { .. } | Progress::StoreWaiting { .. } | Progress::StoreBack | Progress::ManyEvents { .. } => {
                return None;
            }
        };
        Some(Self { at, node: node.clone(), what })
    }
}

/// Shorter waits are not told on the screen.
pub(super) const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// What a call waits for, in words.
pub(super) fn why_it_waits(model: &str, reason: &str) -> String {
    let model = clean::one_line(model);
    match reason {
        "breaker" => format!("{model} is left alone after failures"),
        "pause" => format!("the server of {model} asked for a pause"),
        "permit" => "other calls are in flight".to_owned(),
        _ => format!("the rate of {model} is used up"),
    }
}
