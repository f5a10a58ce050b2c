//! To whom messages can go within a run of a workflow: the mailboxes that there are by what is written.

use std::collections::BTreeSet;

use crate::{
    model::{Mailbox, MailboxName},
    plan::{GraphPlan, MessageSource, NodeKind, Plan, WaitNode},
    template::TemplateTree,
};

/// The mailboxes of a workflow: those it describes, those of its agents, and those from which its nodes take.
#[derive(Debug, Clone, Default)]
pub struct Addressees {
    names: BTreeSet<MailboxName>,
    /// Whether a node takes from a mailbox whose name only the run tells: it may be any.
    is_open: bool,
}

impl Addressees {
    /// Whether somebody may read what goes to this mailbox.
    #[must_use]
    pub fn has(&self, name: &MailboxName) -> bool {
        self.is_open || self.names.contains(name)
    }

    /// The names that are known.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(MailboxName::as_str)
    }

    fn add(&mut self, graph: &GraphPlan) {
        for node in &graph.nodes {
            match node.kind.written() {
                NodeKind::Agent(agent) => self.names.extend(MailboxName::new(agent.agent.name.as_str())),
                NodeKind::Receive(receive) => self.add_source(&receive.from),
                NodeKind::Wait(wait) => {
                    if let WaitNode::Message { from, .. } = &**wait {
                        self.add_source(from);
                    }
                }
                NodeKind::Graph(inner) => self.add(inner),
                // What runs in another workflow has mailboxes of its own.
                NodeKind::Workflow { .. }
                | NodeKind::Tool(_)
                | NodeKind::Value(_)
                | NodeKind::Approval(_)
                | NodeKind::Send(_)
                | NodeKind::StandIn { .. } => {}
            }
        }
    }

    fn add_source(&mut self, from: &MessageSource) {
        let name = from.mailbox.source();
        match name.parse() {
            Ok(Mailbox::Run(name)) => {
                self.names.insert(name);
            }
            Ok(Mailbox::Project(_)) => {}
            Err(_) => self.is_open |= TemplateTree::is_template(name),
        }
    }
}

impl Plan {
    /// To whom messages can go in a run of this workflow; inner workflows have mailboxes of their own.
    #[must_use]
    pub fn addressees(&self) -> Addressees {
        let mut all = Addressees { names: self.mailboxes.keys().cloned().collect(), is_open: false };
        all.add(&self.graph);
        all
    }
}
