//! What the log holds of a conversation: answers that were paid, and how far its calls of tools have come.

use std::collections::BTreeMap;

use crate::{
    agent::CallRecord,
    model::{Approval, ApprovalRequest, QuestionKind, StepId, ToolIntent, ToolOutcome, ToolResult},
};

/// What is recorded of the conversation of a node, over all attempts that go on with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    calls: Vec<CallRecord>,
    steps: BTreeMap<StepId, StepRecord>,
}

/// How far a call of a tool has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StepRecord {
    /// It was about to be made; without a result, nobody knows whether it was.
    pub(super) intent: Option<ToolIntent>,
    /// A person is asked, and has not answered.
    pub(super) question: Option<ApprovalRequest>,
    /// Whether it may be made, said by a person to this question.
    pub(super) permission: Option<(ApprovalRequest, Approval)>,
    /// What is done about the last intent, said by a person.
    pub(super) ambiguity: Option<Approval>,
    /// What came of it.
    pub(super) result: Option<ToolResult>,
}

impl Recorded {
    /// An answer of a model.
    pub fn take_call(&mut self, call: CallRecord) {
        self.calls.push(call);
    }

    /// A call of a tool is about to be made. What a person said about an earlier try of it does not hold for this one.
    pub fn take_intent(&mut self, intent: ToolIntent) {
        let step = self.steps.entry(intent.step).or_default();
        step.ambiguity = None;
        step.intent = Some(intent);
    }

    /// A person is asked.
    pub fn take_question(&mut self, request: ApprovalRequest) {
        let step = self.steps.entry(request.step).or_default();
        step.question = Some(request);
    }

    /// A person has answered; an answer to another question than the one that is open changes nothing.
    pub fn take_approval(&mut self, approval: Approval) {
        let Some(step) = self.steps.get_mut(&approval.step) else { return };
        let answers = |request: &ApprovalRequest| {
            request.fingerprint == approval.fingerprint && approval.decision.fits(request.question.kind)
        };
        let Some(request) = step.question.take_if(|request| answers(request)) else { return };
        match request.question.kind {
            QuestionKind::Permission => step.permission = Some((request, approval)),
            QuestionKind::Ambiguous => step.ambiguity = Some(approval),
            // A conversation is asked for no choice.
            QuestionKind::Choice => {}
        }
    }

    /// A call has its result.
    pub fn take_result(&mut self, result: ToolResult) {
        let step = self.steps.entry(result.step).or_default();
        step.question = None;
        step.result = Some(result);
    }

    /// The questions that no person has answered, in the order of their steps.
    pub fn questions(&self) -> impl Iterator<Item = &ApprovalRequest> {
        self.steps.values().filter_map(|step| step.question.as_ref())
    }

    /// Forgets calls that failed, so that the next attempt makes them anew. What a person approved stays approved.
    pub fn forget_failures(&mut self) {
        for step in self.steps.values_mut() {
            if matches!(&step.result, Some(ToolResult { outcome: ToolOutcome::Failed { .. }, .. })) {
                step.result = None;
                step.intent = None;
            }
        }
    }

    /// Forgets everything: the next attempt begins the conversation anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The answer to call `ordinal`.
    pub(super) fn call(&self, ordinal: u32) -> Option<&CallRecord> {
        self.calls.iter().find(|call| call.ordinal == ordinal)
    }

    /// How far a step has come.
    pub(super) fn step(&self, id: StepId) -> Option<&StepRecord> {
        self.steps.get(&id)
    }
}
