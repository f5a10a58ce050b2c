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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Decision, Effect, Question, Value};

    const STEP: StepId = StepId { turn: 0, index: 1 };

    fn asked(kind: QuestionKind) -> Recorded {
        let question = Question {
            kind,
            tool: "send".to_owned(),
            arguments: Value::Null,
            effect: Effect::Write,
            accesses: Vec::new(),
            reason: String::new(),
            gate: None,
        };
        let mut recorded = Recorded::default();
        recorded.take_question(ApprovalRequest { step: STEP, fingerprint: "this call".to_owned(), question });
        recorded
    }

    fn said(decision: Decision) -> Approval {
        Approval {
            step: STEP,
            fingerprint: "this call".to_owned(),
            decision,
            option: None,
            form: None,
            by: "somebody".to_owned(),
            comment: None,
        }
    }

    #[test]
    fn an_answer_to_another_question_than_the_open_one_changes_nothing() {
        let of_another_step = Approval { step: StepId { turn: 1, index: 1 }, ..said(Decision::Approve) };
        let of_another_call = Approval { fingerprint: "another call".to_owned(), ..said(Decision::Approve) };
        for approval in [of_another_step, of_another_call, said(Decision::Rerun), said(Decision::Choose)] {
            let mut recorded = asked(QuestionKind::Permission);
            recorded.take_approval(approval.clone());
            assert_eq!(recorded, asked(QuestionKind::Permission), "{approval:?}");
        }
        let mut unasked = Recorded::default();
        unasked.take_approval(said(Decision::Approve));
        assert_eq!(unasked, Recorded::default());
    }

    #[test]
    fn the_first_answer_closes_the_question_and_counts() {
        let mut recorded = asked(QuestionKind::Permission);
        recorded.take_approval(said(Decision::Reject));
        recorded.take_approval(said(Decision::Approve));
        assert_eq!(recorded.questions().count(), 0);
        let (_, counts) = recorded.step(STEP).and_then(|step| step.permission.clone()).unwrap();
        assert_eq!(counts.decision, Decision::Reject);

        let mut perhaps_made = asked(QuestionKind::Ambiguous);
        perhaps_made.take_approval(said(Decision::AssumeDone));
        let step = perhaps_made.step(STEP).unwrap();
        assert_eq!(step.ambiguity.as_ref().map(|approval| approval.decision), Some(Decision::AssumeDone));
        assert_eq!((step.permission.is_none(), step.question.is_none()), (true, true));
    }
}
