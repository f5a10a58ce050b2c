//! Whether what a log says of calls of tools can be true: no call without a permission, no result without a call, no result that is
//! another than the one that was kept. The chain of hashes shows that records were changed; this shows records that were never right.

use std::collections::{BTreeMap, HashMap};

use crate::{
    agent::result_digest,
    error::ErrorKind,
    model::{
        Approval, ApprovalRequest, Decision, Event, EventBody, NodePath, QuestionKind, StepId, ToolIntent, ToolOutcome,
        ToolResult,
    },
    tool::messages,
};

/// How tools begin that only let other agents and workflows act: what those do is permitted call by call.
const DELEGATES: [&str; 2] = ["agent:", "workflow:"];

/// Tools that are a part of how agents are run, besides those over mailboxes: what they change is kept beside the runs.
const INNER: [&str; 1] = ["conversation_append"];

/// Takes the events of a run in order.
#[derive(Debug, Default)]
pub(super) struct Proof {
    nodes: HashMap<NodePath, Acting>,
}

/// A node that is under way.
#[derive(Debug, Default)]
struct Acting {
    /// Whether an agent acts, and not the node itself.
    is_agent: bool,
    steps: BTreeMap<StepId, Step>,
}

/// What the events before say of a step.
#[derive(Debug, Default)]
struct Step {
    /// The fingerprint of the call that was last about to be made.
    intent: Option<String>,
    /// The fingerprint of the call that a person is asked about, and what is asked.
    question: Option<(String, QuestionKind)>,
    /// The fingerprint of the call that a person last decided about, and whether it may be made.
    permission: Option<(String, bool)>,
    /// Whether somebody did not permit a call.
    refused: bool,
}

impl Proof {
    /// Takes the next event.
    ///
    /// # Errors
    /// Why it cannot be true, in words.
    pub(super) fn take(&mut self, event: &Event) -> Result<(), String> {
        match &event.body {
            EventBody::ToolCalled { node, call, .. } => self.step(node, call.step).called(call),
            EventBody::ToolReturned { node, result, .. } => self.step(node, result.step).returned(result),
            EventBody::ToolDenied { node, denial, .. } => {
                self.step(node, denial.step).refused = true;
                Ok(())
            }
            EventBody::ApprovalRequested { node, request, .. } => {
                self.step(node, request.step).asked(request);
                Ok(())
            }
            EventBody::ApprovalGiven { node, approval, .. } => self.step(node, approval.step).answered(approval),
            EventBody::AttemptFailed { node, error, .. } | EventBody::FallbackTaken { node, error, .. } => {
                // The agent is asked anew, so what it then calls is permitted anew.
                if let Some(acting) = self.nodes.get_mut(node).filter(|acting| acting.is_agent && error.kind == ErrorKind::Schema)
                {
                    acting.steps.clear();
                }
                Ok(())
            }
            EventBody::NodeSucceeded { node, .. }
            | EventBody::NodeFailed { node, .. }
            | EventBody::NodeSkipped { node, .. }
            | EventBody::NodeCancelled { node } => {
                self.nodes.remove(node);
                Ok(())
            }
            EventBody::AttemptStarted { node, agent, .. } => {
                self.nodes.entry(node.clone()).or_default().is_agent = agent.is_some();
                Ok(())
            }
            EventBody::RunCreated { .. }
            | EventBody::RunResumed { .. }
            | EventBody::ModelResponded { .. }
            | EventBody::AttemptPaused { .. }
            | EventBody::IterationStarted { .. }
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
            | EventBody::RunFinished { .. } => Ok(()),
        }
    }

    fn step(&mut self, node: &NodePath, step: StepId) -> &mut Step {
        self.nodes.entry(node.clone()).or_default().steps.entry(step).or_default()
    }
}

impl Step {
    fn called(&mut self, call: &ToolIntent) -> Result<(), String> {
        let ToolIntent { tool, .. } = call;
        if let Some(access) = call.accesses.iter().find(|access| !call.rules.iter().any(|rule| rule.covers(access))) {
            return Err(format!("`{tool}` touches `{access}`, which none of its rules permits"));
        }
        let decided = self.permission.as_ref().filter(|(fingerprint, _)| *fingerprint == call.fingerprint);
        match decided.map(|(_, approved)| *approved) {
            None if call.approved => return Err(format!("`{tool}` counts as approved, and nobody approved this call before")),
            Some(false) => return Err(format!("`{tool}` is called, although a person rejected this call")),
            None | Some(true) => {}
        }
        let is_delegate = DELEGATES.iter().any(|prefix| tool.starts_with(prefix));
        let is_inner = INNER.contains(&tool.as_str()) || messages::NAMES.contains(&tool.as_str());
        if call.effect.changes() && call.accesses.is_empty() && !call.approved && !is_delegate && !is_inner {
            return Err(format!("`{tool}` changes the world, and neither a rule nor a person permits it"));
        }
        self.intent = Some(call.fingerprint.clone());
        Ok(())
    }

    fn returned(&mut self, result: &ToolResult) -> Result<(), String> {
        let ToolResult { tool, .. } = result;
        if result_digest(&result.outcome) != result.digest {
            return Err(format!("the result of `{tool}` is not the one that its digest was made of"));
        }
        self.question = None;
        if self.intent.as_ref() == Some(&result.fingerprint) {
            return Ok(());
        }
        match &result.outcome {
            ToolOutcome::Failed { error, .. } if result.duration_ms == 0 && !result.cached => {
                if error.kind == ErrorKind::Denied && !self.refused {
                    return Err(format!("`{tool}` was denied, and there is no record of who did so"));
                }
                Ok(())
            }
            ToolOutcome::Output(_) | ToolOutcome::Failed { .. } => {
                Err(format!("there is a result of `{tool}`, and no record of that call before"))
            }
        }
    }

    fn asked(&mut self, request: &ApprovalRequest) {
        self.question = Some((request.fingerprint.clone(), request.question.kind));
    }

    /// An answer counts for the question that is open, as it does for the run.
    fn answered(&mut self, approval: &Approval) -> Result<(), String> {
        let answers = |(fingerprint, kind): &mut (String, QuestionKind)| {
            *fingerprint == approval.fingerprint && approval.decision.fits(*kind)
        };
        let Some((fingerprint, kind)) = self.question.take_if(answers) else {
            return Err(format!("{} decided about a call that nobody asked about", approval.by));
        };
        self.refused |= approval.decision == Decision::Reject;
        if kind == QuestionKind::Permission {
            self.permission = Some((fingerprint, approval.decision == Decision::Approve));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        app::audit::script::{answered, asked, called, denied, events, failed, intent, node, result, returned, started},
        model::{Effect, ToolIntent},
    };

    /// The number of the first event that cannot be true, and why.
    fn first_lie(bodies: Vec<EventBody>) -> Option<(u64, String)> {
        let mut proof = Proof::default();
        events(bodies).iter().find_map(|event| proof.take(event).err().map(|why| (event.seq, why)))
    }

    #[track_caller]
    fn lies(bodies: Vec<EventBody>, at: u64, why: &str) {
        let (seq, told) = first_lie(bodies).expect("a lie is found");
        assert!(seq == at && told.contains(why), "{seq}: {told}");
    }

    fn output() -> ToolResult {
        result("t", ToolOutcome::Output(json!({"a": 0.1})))
    }

    fn unmade(kind: ErrorKind) -> ToolResult {
        ToolResult { duration_ms: 0, ..result("t", failed(kind)) }
    }

    fn writes() -> ToolIntent {
        ToolIntent { effect: Effect::Write, ..intent("t") }
    }

    fn approved() -> ToolIntent {
        ToolIntent { approved: true, ..writes() }
    }

    #[test]
    fn what_can_happen_is_believed() {
        let question = || asked("t", QuestionKind::Permission);
        let stories = [
            vec![called(intent("t")), returned(output())],
            // A call that the process died in is made again.
            vec![called(intent("t")), called(intent("t")), returned(output())],
            vec![denied("t"), returned(unmade(ErrorKind::Denied))],
            vec![returned(unmade(ErrorKind::NotFound))],
            vec![question(), answered(Decision::Approve, "f"), called(approved()), returned(output())],
            vec![question(), answered(Decision::Reject, "f"), returned(unmade(ErrorKind::Denied))],
            vec![called(writes()), asked("t", QuestionKind::Ambiguous), answered(Decision::AssumeDone, "f"), returned(output())],
            // A rerun does not take the permission back.
            vec![
                question(),
                answered(Decision::Approve, "f"),
                called(approved()),
                asked("t", QuestionKind::Ambiguous),
                answered(Decision::Rerun, "f"),
                called(approved()),
            ],
            // A delegate is permitted by what it does itself.
            vec![called(ToolIntent { accesses: Vec::new(), rules: Vec::new(), tool: "agent:critic".to_owned(), ..writes() })],
        ];
        for story in stories {
            assert_eq!(first_lie(story.clone()), None, "{story:?}");
        }
    }

    #[test]
    fn a_call_without_a_permission_is_found() {
        lies(vec![called(ToolIntent { rules: Vec::new(), ..intent("t") })], 0, "none of its rules permits");
        lies(vec![called(ToolIntent { rules: vec!["net:other.com".parse().unwrap()], ..intent("t") })], 0, "net:example.com");
        let nothing = ToolIntent { accesses: Vec::new(), rules: Vec::new(), ..writes() };
        lies(vec![called(nothing)], 0, "neither a rule nor a person");
    }

    #[test]
    fn an_approval_must_have_been_given_for_this_call_and_asked_for() {
        let question = || asked("t", QuestionKind::Permission);
        lies(vec![called(approved())], 0, "nobody approved");
        lies(vec![question(), called(approved())], 1, "nobody approved");
        lies(vec![answered(Decision::Approve, "f")], 0, "nobody asked");
        lies(vec![question(), answered(Decision::Approve, "other")], 1, "nobody asked");
        lies(vec![question(), answered(Decision::Rerun, "f")], 1, "nobody asked");
        lies(vec![question(), answered(Decision::Reject, "f"), called(writes())], 2, "rejected");
        let schema = EventBody::AttemptFailed {
            node: node(),
            attempt: 1,
            error: crate::error::Error::new(ErrorKind::Schema, "x").to_record(),
            retry_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let retried = |first: Vec<EventBody>| {
            [first, vec![question(), answered(Decision::Approve, "f"), schema.clone(), called(approved())]].concat()
        };
        lies(retried(vec![started()]), 4, "nobody approved");
        // What a node calls by itself stays approved.
        assert_eq!(first_lie(retried(Vec::new())), None);
    }

    #[test]
    fn a_result_without_its_call_or_its_digest_is_found() {
        lies(vec![returned(output())], 0, "no record of that call");
        let other = ToolIntent { fingerprint: "other".to_owned(), ..intent("t") };
        lies(vec![called(other), returned(output())], 1, "no record of that call");
        lies(vec![returned(result("t", failed(ErrorKind::Timeout)))], 0, "no record of that call");
        lies(vec![returned(unmade(ErrorKind::Denied))], 0, "who did so");
        let forged = ToolResult { outcome: ToolOutcome::Output(json!({"a": 0.2})), ..output() };
        lies(vec![called(intent("t")), returned(forged)], 1, "digest");
    }
}
