//! Nodes that no task works on, and mailboxes.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Assembler, CHECKED};
use crate::{
    manifest::WorkflowManifest,
    model::{MailboxName, MessageType, Value},
    plan::{
        ApprovalNode, MailboxPlan, MessageSource, ReceiveNode, SendNode, WaitNode,
        resolve::{ApprovalDraft, ReceiveDraft, SendDraft, SourceDraft, WaitDraft},
    },
};

impl Assembler<'_> {
    pub(super) fn approval(&self, draft: &ApprovalDraft) -> ApprovalNode {
        ApprovalNode {
            rehearsed: None,
            message: self.template(draft.message),
            options: draft.options.clone(),
            form: draft.form.clone(),
            timeout: draft.timeout,
            on_timeout: draft.on_timeout.clone(),
        }
    }

    pub(super) fn wait(&self, draft: &WaitDraft) -> WaitNode {
        match draft {
            WaitDraft::For(duration) => WaitNode::For(*duration),
            WaitDraft::Until(time) => WaitNode::Until(self.template(*time)),
            WaitDraft::Message { from, timeout, goes_on } => {
                WaitNode::Message { from: self.source(from), timeout: *timeout, goes_on: *goes_on }
            }
        }
    }

    pub(super) fn send(&self, draft: &SendDraft) -> SendNode {
        SendNode { to: self.template(draft.to), kind: self.template(draft.kind), body: self.tree(&draft.body), ttl: draft.ttl }
    }

    pub(super) fn receive(&self, draft: &ReceiveDraft) -> ReceiveNode {
        ReceiveNode { from: self.source(&draft.from), count: draft.count, timeout: draft.timeout, takes_fewer: draft.takes_fewer }
    }

    fn source(&self, draft: &SourceDraft) -> MessageSource {
        MessageSource { mailbox: self.template(draft.mailbox), kind: draft.kind.map(|kind| self.template(kind)) }
    }
}

/// The schemas of bodies, by type.
pub(super) fn messages(workflow: &WorkflowManifest) -> IndexMap<MessageType, Arc<Value>> {
    let one = |name: &str| MessageType::new(name).expect(CHECKED);
    workflow.messages.iter().map(|(name, schema)| (one(&name.value), Arc::new(schema.json.clone()))).collect()
}

/// The mailboxes that the workflow describes.
pub(super) fn mailboxes(workflow: &WorkflowManifest) -> IndexMap<MailboxName, MailboxPlan> {
    let mailboxes = workflow.mailboxes.iter().map(|(name, written)| {
        let types = written.subscribe.iter().map(|name| MessageType::new(name.value.as_str()).expect(CHECKED));
        let plan = MailboxPlan {
            subscribes: types.collect(),
            limit: written.limit.as_ref().map(|limit| limit.value),
            ttl: written.ttl.as_ref().map(|ttl| ttl.value),
        };
        (MailboxName::new(name.value.as_str()).expect(CHECKED), plan)
    });
    mailboxes.collect()
}
