//! The crash points between the moment an event is durable and the moment it is shown: one for each kind of event.

use crate::{
    crash::crash_point,
    model::{Event, EventBody},
};

/// Is called for each event that has become durable, before anybody sees it.
pub(super) fn on_durable(event: &Event) {
    match &event.body {
        EventBody::RunCreated { .. } => crash_point!("durable.run-created"),
        EventBody::RunResumed { .. } => crash_point!("durable.run-resumed"),
        EventBody::NodeSkipped { .. } => crash_point!("durable.node-skipped"),
        EventBody::AttemptStarted { elements: Some(_), .. } => crash_point!("durable.fan-out"),
        EventBody::AttemptStarted { inputs: Some(_), .. } => crash_point!("durable.inner-workflow"),
        EventBody::AttemptStarted { .. } => crash_point!("durable.attempt-started"),
        EventBody::ModelResponded { .. } => crash_point!("durable.model-responded"),
        EventBody::ToolCalled { .. } => crash_point!("durable.tool-called"),
        EventBody::ToolReturned { .. } => crash_point!("durable.tool-returned"),
        EventBody::ToolDenied { .. } => crash_point!("durable.tool-denied"),
        EventBody::ApprovalRequested { .. } => crash_point!("durable.approval-requested"),
        EventBody::AttemptPaused { .. } => crash_point!("durable.attempt-paused"),
        EventBody::ApprovalGiven { .. } => {}
        EventBody::IterationStarted { .. } => crash_point!("durable.iteration-started"),
        // From here on the node is in back-off.
        EventBody::AttemptFailed { .. } => crash_point!("durable.attempt-failed"),
        EventBody::FallbackTaken { .. } => crash_point!("durable.fallback-taken"),
        EventBody::CallWaited { .. } => crash_point!("durable.call-waited"),
        EventBody::BreakerChanged { .. } => crash_point!("durable.breaker-changed"),
        EventBody::MessageSent { .. } => crash_point!("durable.message-sent"),
        EventBody::MessagesTaken { .. } => crash_point!("durable.messages-taken"),
        EventBody::MessagesCame { .. } => crash_point!("durable.messages-came"),
        EventBody::MessageDead { .. } => crash_point!("durable.message-dead"),
        EventBody::SubscriptionChanged { .. } => crash_point!("durable.subscription-changed"),
        EventBody::NodeSucceeded { .. } => crash_point!("durable.node-succeeded"),
        EventBody::NodeFailed { .. } => crash_point!("durable.node-failed"),
        EventBody::NodeCancelled { .. } => crash_point!("durable.node-cancelled"),
        EventBody::RunPaused { .. } => crash_point!("durable.run-paused"),
        EventBody::RunContinued { .. } => crash_point!("durable.run-continued"),
        EventBody::RunCancelRequested { .. } => crash_point!("durable.cancel-requested"),
        EventBody::AgentPaused { .. } => crash_point!("durable.agent-paused"),
        EventBody::AgentResumed { .. } => crash_point!("durable.agent-resumed"),
        EventBody::AgentDraining { .. } => crash_point!("durable.agent-draining"),
        EventBody::AgentTerminated { .. } => crash_point!("durable.agent-terminated"),
        EventBody::AgentChanged { .. } => crash_point!("durable.agent-changed"),
        EventBody::RunFinished { .. } => crash_point!("durable.run-finished"),
    }
}
