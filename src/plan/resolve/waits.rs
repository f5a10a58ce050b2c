//! Nodes that no task works on: approvals, waits, and those that send and receive messages.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;

use super::{Diagnostic, Resolver, TreeDraft};
use crate::{
    diagnostic::{Code, Spanned, nearest},
    manifest::{ApprovalManifest, ReceiveManifest, SendManifest, WaitManifest},
    model::{Mailbox, MessageType, Recipient, Value},
    plan::{
        ApprovalNode,
        draft::{CodeId, KindDraft, Place},
    },
    template::TemplateTree,
};

/// A node that waits for a person.
#[derive(Debug)]
pub(in crate::plan) struct ApprovalDraft {
    pub(in crate::plan) message: CodeId,
    pub(in crate::plan) options: Vec<String>,
    pub(in crate::plan) form: Option<Arc<Value>>,
    pub(in crate::plan) timeout: Option<Duration>,
    pub(in crate::plan) on_timeout: Option<String>,
    /// JSON Schema of its output.
    pub(in crate::plan) output: Arc<Value>,
}

/// A node that waits.
#[derive(Debug)]
pub(in crate::plan) enum WaitDraft {
    For(Duration),
    Until(CodeId),
    Message { from: SourceDraft, timeout: Option<Duration>, goes_on: bool },
}

/// Where messages are looked for.
#[derive(Debug)]
pub(in crate::plan) struct SourceDraft {
    pub(in crate::plan) mailbox: CodeId,
    pub(in crate::plan) kind: Option<CodeId>,
    /// JSON Schema of a message from there.
    pub(in crate::plan) message: Arc<Value>,
}

/// A node that sends a message.
#[derive(Debug)]
pub(in crate::plan) struct SendDraft {
    pub(in crate::plan) to: CodeId,
    pub(in crate::plan) kind: CodeId,
    pub(in crate::plan) body: TreeDraft,
    pub(in crate::plan) ttl: Option<Duration>,
}

/// A node that takes messages.
#[derive(Debug)]
pub(in crate::plan) struct ReceiveDraft {
    pub(in crate::plan) from: SourceDraft,
    pub(in crate::plan) count: u32,
    pub(in crate::plan) timeout: Option<Duration>,
    pub(in crate::plan) takes_fewer: bool,
}

impl Resolver<'_, '_, '_> {
    pub(super) fn approval(&mut self, written: &ApprovalManifest) -> KindDraft<'static> {
        for (at, option) in written.options.iter().enumerate() {
            if let Some(first) = written.options[..at].iter().find(|first| first.value == option.value) {
                let problem =
                    Diagnostic::error(Code::DUPLICATE_KEY, option.span, format!("the option `{}` is given twice", option.value));
                self.report(problem.related(first.span, "the other one is here"));
            }
        }
        let options: Vec<String> = written.options.iter().map(|option| option.value.clone()).collect();
        let on_timeout = match &written.on_timeout {
            Some(word) if word.value == "fail" => None,
            Some(word) if options.contains(&word.value) => Some(word.value.clone()),
            Some(word) => {
                let message = format!("`{}` is no option of the approval", word.value);
                let known = || options.iter().map(String::as_str).chain(["fail"]);
                let names: Vec<String> = known().map(|name| format!("`{name}`")).collect();
                self.report(Diagnostic::error(Code::OUT_OF_RANGE, word.span, message).hint(
                    match nearest(&word.value, known()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("there are {}", names.join(", ")),
                    },
                ));
                None
            }
            None => options.iter().find(|option| *option == ApprovalNode::REJECT).cloned(),
        };
        let form = written.form.as_ref().map(|form| Arc::new(form.json.clone()));
        let Some(message) = self.text_of(&written.message) else { return KindDraft::Broken };
        let output = Arc::new(decided(&options, form.as_deref()));
        let timeout = span_of(written.timeout.as_ref());
        KindDraft::Approval(ApprovalDraft { message, options, form, timeout, on_timeout, output })
    }

    pub(super) fn wait(&mut self, written: &WaitManifest) -> KindDraft<'static> {
        let draft = match written {
            WaitManifest::For(duration) => Some(WaitDraft::For(duration.value)),
            WaitManifest::Until(time) => {
                if !TemplateTree::is_template(&time.value) && time.value.parse::<Timestamp>().is_err() {
                    let problem = Diagnostic::error(Code::OUT_OF_RANGE, time.span, format!("`{}` is no time", time.value));
                    self.report(problem.hint("write it with its offset, for example `2027-01-31T09:00:00Z`"));
                }
                self.text_of(time).map(WaitDraft::Until)
            }
            WaitManifest::Message(message) => {
                self.source(&message.mailbox, message.kind.as_ref()).map(|from| WaitDraft::Message {
                    from,
                    timeout: span_of(message.timeout.as_ref()),
                    goes_on: message.on_timeout.as_ref().is_some_and(|word| word.value == "continue"),
                })
            }
        };
        draft.map_or(KindDraft::Broken, KindDraft::Wait)
    }

    pub(super) fn send(&mut self, written: &SendManifest) -> KindDraft<'static> {
        self.check_literal::<Recipient>(&written.to);
        self.check_literal::<MessageType>(&written.kind);
        let body = written.body.as_ref().map_or(TreeDraft::Literal(Value::Null), |body| self.tree(body));
        let (Some(to), Some(kind)) = (self.text_of(&written.to), self.text_of(&written.kind)) else { return KindDraft::Broken };
        KindDraft::Send(SendDraft { to, kind, body, ttl: span_of(written.ttl.as_ref()) })
    }

    pub(super) fn receive(&mut self, written: &ReceiveManifest) -> KindDraft<'static> {
        let Some(from) = self.source(&written.mailbox, written.kind.as_ref()) else { return KindDraft::Broken };
        KindDraft::Receive(ReceiveDraft {
            from,
            count: written.count.as_ref().map_or(1, |count| count.value),
            timeout: span_of(written.timeout.as_ref()),
            takes_fewer: written.on_timeout.as_ref().is_some_and(|word| word.value == "take"),
        })
    }

    fn source(&mut self, mailbox: &Spanned<String>, kind: Option<&Spanned<String>>) -> Option<SourceDraft> {
        self.check_literal::<Mailbox>(mailbox);
        if let Some(kind) = kind {
            self.check_literal::<MessageType>(kind);
        }
        let schemas = &self.workflow.messages;
        let body = kind.and_then(|kind| schemas.iter().find(|(name, _)| name.value == kind.value));
        let message = Arc::new(message(body.map(|(_, schema)| &schema.json)));
        let mailbox = self.text_of(mailbox)?;
        let kind = match kind {
            Some(kind) => Some(self.text_of(kind)?),
            None => None,
        };
        Some(SourceDraft { mailbox, kind, message })
    }

    /// Reports a text without templates that is not what it must be.
    fn check_literal<T: std::str::FromStr<Err = crate::error::Error>>(&mut self, text: &Spanned<String>) {
        if TemplateTree::is_template(&text.value) {
            return;
        }
        if let Err(error) = text.value.parse::<T>() {
            let problem = Diagnostic::error(Code::INVALID_NAME, text.span, error.message());
            self.report(match error.hints().first() {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        }
    }

    fn text_of(&mut self, text: &Spanned<String>) -> Option<CodeId> {
        self.template(&text.value, Place::Text(text.span))
    }
}

fn span_of(written: Option<&Spanned<Duration>>) -> Option<Duration> {
    written.map(|written| written.value)
}

/// What a person's decision gives, as JSON Schema.
fn decided(options: &[String], form: Option<&Value>) -> Value {
    let optional_text = json!({"type": ["string", "null"]});
    json!({
        "type": "object",
        "properties": {
            "option": {"type": "string", "enum": options},
            "approved": {"type": "boolean"},
            "comment": optional_text,
            "form": form.cloned().unwrap_or_else(|| json!({"type": "null"})),
            "by": optional_text,
            "at": {"type": "string"},
        },
        "required": ["option", "approved", "comment", "form", "by", "at"],
        "additionalProperties": false,
    })
}

impl SourceDraft {
    /// Its templates.
    pub(in crate::plan) fn codes(&self) -> impl Iterator<Item = CodeId> {
        std::iter::once(self.mailbox).chain(self.kind)
    }
}

impl WaitDraft {
    /// JSON Schema of what it gives.
    pub(in crate::plan) fn output(&self) -> Option<Arc<Value>> {
        match self {
            Self::For(_) | Self::Until(_) => Some(Arc::new(json!({
                "type": "object",
                "properties": {"until": {"type": "string"}},
                "required": ["until"],
                "additionalProperties": false,
            }))),
            Self::Message { goes_on: true, .. } => None,
            Self::Message { from, .. } => Some(Arc::clone(&from.message)),
        }
    }
}

/// What sending gives, as JSON Schema.
pub(in crate::plan) fn sent() -> Arc<Value> {
    Arc::new(json!({
        "type": "object",
        "properties": {"id": {"type": "string"}, "mailboxes": {"type": "array", "items": {"type": "string"}}},
        "required": ["id", "mailboxes"],
        "additionalProperties": false,
    }))
}

/// A message as templates see it, as JSON Schema: `Message`, its body as known.
pub(in crate::plan) fn message(body: Option<&Value>) -> Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "properties": {
            "id": text,
            "from": {
                "type": "object",
                "properties": {"run": text, "node": text, "agent": text, "person": text},
                "additionalProperties": false,
            },
            "to": text,
            "type": text,
            "body": body.cloned().unwrap_or_else(|| json!({})),
            "at": text,
            "expires_at": text,
        },
        "required": ["id", "from", "to", "type", "body", "at"],
        "additionalProperties": false,
    })
}
