//! From the events of a run to the records of its audit. Events say what happened at a step; who acts there, and who permitted it, is
//! known from the events before.

use std::collections::{BTreeMap, HashMap};

use super::record::{AuditDecision, AuditEvent, AuditRecord, RecordId};
use crate::{
    model::{AgentName, Approval, Decision, Effect, Event, EventBody, Gate, NodePath, RunId, StepId, ToolOutcome},
    store::Digest,
};

/// Reads a run's events in order.
#[derive(Debug)]
pub(super) struct Trail {
    run: RunId,
    workflow: String,
    /// The nodes that are under way.
    nodes: HashMap<NodePath, Acting>,
}

/// Who acts at a node, and what is known of its steps.
#[derive(Debug, Default)]
struct Acting {
    agent: Option<AgentName>,
    steps: BTreeMap<StepId, Known>,
}

/// What earlier events of a step say.
#[derive(Debug, Default)]
struct Known {
    tool: String,
    effect: Option<Effect>,
    /// The person who approved the call with that fingerprint.
    approval: Option<(String, String)>,
}

impl Trail {
    /// Before the first event of `run`.
    pub(super) fn new(run: RunId) -> Self {
        Self { run, workflow: String::new(), nodes: HashMap::new() }
    }

    /// Takes the next event, whose record has this hash, and gives what the audit tells of it.
    pub(super) fn take(&mut self, event: &Event, hash: Digest) -> Option<AuditRecord> {
        match &event.body {
            EventBody::RunCreated { workflow, .. } => self.workflow.clone_from(workflow),
            EventBody::AttemptStarted { node, agent, .. } => {
                self.nodes.entry(node.clone()).or_default().agent.clone_from(agent);
            }
            EventBody::ToolCalled { node, call, .. } => {
                let mut record = self.record(event, hash, node, call.step, AuditEvent::ToolCalled);
                let known = self.step(node, call.step);
                known.tool.clone_from(&call.tool);
                known.effect = Some(call.effect);
                let approval = known.approval.as_ref().filter(|(of, _)| call.approved && *of == call.fingerprint);
                record.by = approval.map(|(_, by)| by.clone());
                record.tool.clone_from(&call.tool);
                record.effect = Some(call.effect);
                record.decision = if call.approved { AuditDecision::Approved } else { AuditDecision::Allowed };
                record.accesses.clone_from(&call.accesses);
                record.rules.clone_from(&call.rules);
                record.arguments = Some(call.arguments.clone());
                record.fingerprint = Some(call.fingerprint.clone());
                record.key = Some(call.key.clone());
                return Some(record);
            }
            EventBody::ToolReturned { node, result, .. } => {
                let mut record = self.record(event, hash, node, result.step, AuditEvent::ToolReturned);
                record.tool.clone_from(&result.tool);
                (record.decision, record.reason) = match &result.outcome {
                    ToolOutcome::Output(_) => (AuditDecision::Returned, text(&result.notes.join("; "))),
                    ToolOutcome::Failed { error, .. } => (AuditDecision::Failed, text(&error.message)),
                };
                record.fingerprint = Some(result.fingerprint.clone());
                record.digest = Some(result.digest.clone());
                record.duration_ms = Some(result.duration_ms);
                record.cached = result.cached;
                return Some(record);
            }
            EventBody::ToolDenied { node, denial, .. } => {
                let mut record = self.record(event, hash, node, denial.step, AuditEvent::ToolDenied);
                record.tool.clone_from(&denial.tool);
                record.decision = AuditDecision::Denied;
                record.arguments = Some(denial.arguments.clone());
                record.reason = text(&denial.error.message);
                return Some(record);
            }
            EventBody::ApprovalRequested { node, request, .. } => {
                let mut record = self.record(event, hash, node, request.step, AuditEvent::ApprovalRequested);
                let question = &request.question;
                let known = self.step(node, request.step);
                known.tool.clone_from(&question.tool);
                known.effect = Some(question.effect).filter(|_| question.gate.is_none());
                record.tool.clone_from(&question.tool);
                record.effect = Some(question.effect).filter(|_| question.gate.is_none());
                record.decision = AuditDecision::Asked;
                record.accesses.clone_from(&question.accesses);
                record.arguments = Some(question.arguments.clone()).filter(|_| question.gate.is_none());
                record.fingerprint = Some(request.fingerprint.clone());
                record.reason = text(&question.in_words());
                return Some(record);
            }
            EventBody::ApprovalGiven { node, approval, .. } => {
                let mut record = self.record(event, hash, node, approval.step, AuditEvent::ApprovalGiven);
                if approval.decision == Decision::Approve {
                    self.step(node, approval.step).approval = Some((approval.fingerprint.clone(), approval.by.clone()));
                }
                record.decision = decided(approval);
                record.reason = approval.option.as_ref().map(|option| format!("chose `{option}`"));
                record.fingerprint = Some(approval.fingerprint.clone());
                record.by = text(&approval.by);
                record.comment = approval.comment.as_deref().and_then(text);
                return Some(record);
            }
            EventBody::NodeSucceeded { node, .. }
            | EventBody::NodeFailed { node, .. }
            | EventBody::NodeSkipped { node, .. }
            | EventBody::NodeCancelled { node } => {
                self.nodes.remove(node);
            }
            EventBody::RunResumed { .. }
            | EventBody::ModelResponded { .. }
            | EventBody::AttemptPaused { .. }
            | EventBody::IterationStarted { .. }
            | EventBody::AttemptFailed { .. }
            | EventBody::FallbackTaken { .. }
            | EventBody::CallWaited { .. }
            | EventBody::BreakerChanged { .. }
            | EventBody::MessageSent { .. }
            | EventBody::MessagesTaken { .. }
            | EventBody::MessagesCame { .. }
            | EventBody::MessageDead { .. }
            | EventBody::SubscriptionChanged { .. }
            | EventBody::RunPaused { .. }
            | EventBody::RunContinued { .. }
            | EventBody::RunCancelRequested { .. }
            | EventBody::AgentPaused { .. }
            | EventBody::AgentResumed { .. }
            | EventBody::AgentDraining { .. }
            | EventBody::AgentTerminated { .. }
            | EventBody::AgentChanged { .. }
            | EventBody::RunFinished { .. } => {}
        }
        None
    }

    fn step(&mut self, node: &NodePath, step: StepId) -> &mut Known {
        self.nodes.entry(node.clone()).or_default().steps.entry(step).or_default()
    }

    /// What every record has, and what is known of the step from before.
    fn record(&self, event: &Event, hash: Digest, node: &NodePath, step: StepId, kind: AuditEvent) -> AuditRecord {
        let acting = self.nodes.get(node);
        let known = acting.and_then(|acting| acting.steps.get(&step));
        AuditRecord {
            id: RecordId { run: self.run, seq: event.seq },
            at: event.at,
            run: self.run,
            workflow: self.workflow.clone(),
            node: node.clone(),
            attempt: event.body.attempt(),
            agent: acting.and_then(|acting| acting.agent.clone()),
            step,
            event: kind,
            tool: known.map(|known| known.tool.clone()).unwrap_or_default(),
            effect: known.and_then(|known| known.effect),
            decision: AuditDecision::Allowed,
            accesses: Vec::new(),
            rules: Vec::new(),
            arguments: None,
            fingerprint: None,
            key: None,
            digest: None,
            duration_ms: None,
            cached: false,
            by: None,
            comment: None,
            reason: None,
            hash: hash.to_string(),
        }
    }
}

/// What was decided: approving and rejecting are options of a node that asks.
fn decided(approval: &Approval) -> AuditDecision {
    match approval.option.as_deref() {
        Some(Gate::APPROVE) => AuditDecision::Approved,
        Some(Gate::REJECT) => AuditDecision::Rejected,
        _ => approval.decision.into(),
    }
}

/// A text, unless there is nothing in it.
fn text(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        app::audit::script::{answered, asked, called, created, denied, events, failed, intent, node, result, returned, started},
        error::ErrorKind,
        model::QuestionKind,
    };

    fn records(bodies: Vec<EventBody>) -> Vec<AuditRecord> {
        let run = RunId::generate();
        let mut trail = Trail::new(run);
        let all = [vec![created(run), started()], bodies].concat();
        events(all).iter().filter_map(|event| trail.take(event, Digest::ZERO)).collect()
    }

    #[test]
    fn each_record_says_who_acts_where_and_what_was_decided() {
        let records = records(vec![
            called(intent("web_fetch")),
            returned(result("web_fetch", ToolOutcome::Output(json!("text")))),
            denied("command"),
            returned(result("command", failed(ErrorKind::Denied))),
        ]);
        let told: Vec<_> = records.iter().map(|record| (record.id.seq, record.tool.as_str(), record.decision.as_str())).collect();
        let expected =
            [(2, "web_fetch", "allowed"), (3, "web_fetch", "returned"), (4, "command", "denied"), (5, "command", "failed")];
        assert_eq!(told, expected);
        for record in &records {
            assert_eq!(record.agent.as_ref().map(AgentName::as_str), Some("writer"));
            assert_eq!((record.workflow.as_str(), record.node.as_str(), record.attempt), ("research", "fetch", 1));
        }
        assert_eq!(records[0].rules[0].as_str(), "net:*.com");
        assert_eq!((records[1].effect, records[1].duration_ms), (Some(Effect::Read), Some(12)));
        assert_eq!(records[3].reason.as_deref(), Some("it was not made"));
    }

    #[test]
    fn a_call_that_a_person_approved_names_the_person() {
        let mut call = intent("http_post");
        call.approved = true;
        let bodies = vec![asked("http_post", QuestionKind::Permission), answered(Decision::Approve, "f"), called(call)];
        let records = records(bodies);
        let told: Vec<_> = records.iter().map(|record| (record.event.as_str(), record.decision.as_str())).collect();
        assert_eq!(told, [("approval_requested", "asked"), ("approval_given", "approved"), ("tool_called", "approved")]);
        // The answer itself does not say which tool it is about; the question did.
        assert_eq!((records[1].tool.as_str(), records[1].comment.as_deref()), ("http_post", Some("once")));
        assert_eq!(records[2].by.as_deref(), Some("alice"));
    }

    #[test]
    fn what_is_known_of_a_step_ends_with_its_node() {
        let end = EventBody::NodeCancelled { node: node() };
        let records = records(vec![called(intent("web_fetch")), end, answered(Decision::Reject, "f")]);
        assert_eq!((records[1].tool.as_str(), records[1].agent.as_ref()), ("", None));
    }
}
