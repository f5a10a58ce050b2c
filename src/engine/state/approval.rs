//! Nodes with `approval`: what they ask, and what follows from the answer or from there being none.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{RunState, parts::InstanceId};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Approval, ApprovalRequest, EventBody, Gate, NodeStatus, Question, StepId, Value},
    plan::{ApprovalNode, RehearsedAnswer},
    provider::made_up,
    store::Digest,
};

/// The only step of an attempt that asks.
const STEP: StepId = StepId { turn: 0, index: 0 };

/// What was chosen, by whom and when.
struct Chosen<'a> {
    option: &'a str,
    comment: Option<&'a str>,
    form: Option<&'a Value>,
    by: Option<&'a str>,
    at: Timestamp,
}

impl RunState {
    /// The next event of a node that asks: the question, the wait, what follows from the answer.
    pub(super) fn examine_approval(&self, id: InstanceId, node: &ApprovalNode, now: Timestamp) -> Result<Option<EventBody>> {
        let instance = self.instance(id);
        let Some(request) = &instance.standing.asked else {
            return self.question(id, node, now).map(Some);
        };
        if let Some((approval, at)) = &instance.standing.answer {
            return self.answered(id, approval, *at).map(Some);
        }
        let Some(gate) = &request.question.gate else {
            return Err(Error::new(ErrorKind::Internal, "the question has no options"));
        };
        if instance.status == NodeStatus::Running {
            return Ok(Some(self.paused(id, gate.until, false)));
        }
        if self.is_due(id, now) { self.unanswered(id, gate, now).map(Some) } else { Ok(None) }
    }

    fn question(&self, id: InstanceId, node: &ApprovalNode, now: Timestamp) -> Result<EventBody> {
        let message = node.message.render_text(&self.scope_at(id, node.message.references(), None));
        let message = message.map_err(|error| error.context("`message`"))?;
        let open = node.timeout.and_then(|timeout| SignedDuration::try_from(timeout).ok());
        let gate = Gate {
            options: node.options.clone(),
            form: node.form.as_deref().cloned(),
            // People read it.
            until: open.and_then(|open| Timestamp::from_millisecond(now.checked_add(open).ok()?.as_millisecond()).ok()),
            on_timeout: node.on_timeout.clone(),
        };
        let question = Question::at_gate(message, gate);
        let text = serde_json::to_string(&question)
            .map_err(|error| Error::new(ErrorKind::Internal, "a question cannot be written as JSON").source(error))?;
        let request = ApprovalRequest { step: STEP, fingerprint: Digest::of(text.as_bytes()).to_string(), question };
        Ok(EventBody::ApprovalRequested { node: self.path(id).clone(), attempt: self.instance(id).attempt, request })
    }

    fn answered(&self, id: InstanceId, approval: &Approval, at: Timestamp) -> Result<EventBody> {
        let Some(option) = approval.option.as_deref() else {
            return Err(Error::new(ErrorKind::Internal, "the answer names no option"));
        };
        if option == Gate::REJECT {
            let why = approval.comment.as_ref().map(|comment| format!(": {comment}")).unwrap_or_default();
            return Err(Error::new(ErrorKind::Denied, format!("{} rejected it{why}", approval.by)));
        }
        let chosen =
            Chosen { option, comment: approval.comment.as_deref(), form: approval.form.as_ref(), by: Some(&approval.by), at };
        self.chosen(id, &chosen, None)
    }

    /// What follows when the time to answer is over: what the workflow says, and failure where it says nothing.
    fn unanswered(&self, id: InstanceId, gate: &Gate, now: Timestamp) -> Result<EventBody> {
        let until = gate.until.unwrap_or(now);
        match gate.on_timeout.as_deref() {
            Some(Gate::REJECT) => {
                Err(Error::new(ErrorKind::Denied, format!("nobody answered until {until}, which counts as `reject`")))
            }
            Some(option) => {
                let chosen = Chosen { option, comment: None, form: None, by: None, at: now };
                self.chosen(id, &chosen, Some(format!("nobody answered until {until}: `{option}` is taken")))
            }
            None => Err(Error::new(ErrorKind::Timeout, format!("nobody answered until {until}"))
                .hint("raise the `timeout` of the approval, or name an option as `on_timeout`")),
        }
    }

    /// The answer of a simulated run: the one that is rehearsed, or the first option that does not reject; and a made-up form.
    pub(super) fn simulated_answer(&self, id: InstanceId, node: &ApprovalNode, now: Timestamp) -> Result<EventBody> {
        let made_up = || node.form.as_deref().map(|form| made_up(form, self.node(id).id.as_str())).transpose();
        if let Some(RehearsedAnswer::Chosen { option, comment, form }) = &node.rehearsed {
            if option == Gate::REJECT {
                let why = comment.as_ref().map(|comment| format!(": {comment}")).unwrap_or_default();
                return Err(Error::new(ErrorKind::Denied, format!("it was rejected in the rehearsal{why}")));
            }
            let form = if form.is_some() { form.clone() } else { made_up()? };
            let chosen = Chosen { option, comment: comment.as_deref(), form: form.as_ref(), by: Some("rehearsal"), at: now };
            return self.chosen(id, &chosen, Some("mocked".to_owned()));
        }
        let agrees = node.options.iter().find(|option| *option != Gate::REJECT);
        let Some(option) = agrees else {
            return Err(Error::new(ErrorKind::Denied, "there is nothing to choose but `reject`"));
        };
        let form = made_up()?;
        let chosen = Chosen { option, comment: None, form: form.as_ref(), by: None, at: now };
        self.chosen(id, &chosen, Some(format!("simulated: nobody was asked, `{option}` is taken")))
    }

    fn chosen(&self, id: InstanceId, chosen: &Chosen<'_>, note: Option<String>) -> Result<EventBody> {
        let output = json!({
            "option": chosen.option,
            "approved": chosen.option == Gate::APPROVE,
            "comment": chosen.comment,
            "form": chosen.form,
            "by": chosen.by,
            "at": chosen.at.to_string(),
        });
        self.stood(id, output, note)
    }
}
