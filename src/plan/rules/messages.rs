//! Messages must be able to arrive: to a mailbox that somebody reads, of a type that is described, with the body that it wants.

use std::collections::BTreeSet;

use crate::{
    diagnostic::{Code, Diagnostic, Spanned, nearest},
    manifest::{NodeKindManifest, SendManifest, WaitManifest, WorkflowManifest},
    model::{Mailbox, MailboxName, Recipient, ToolName, Value},
    plan::{
        compile::Compiler,
        draft::{GraphDraft, KindDraft, NodeDraft, Read, Site, TreeDraft},
        rules::Checked,
        scope::{Target, listed},
    },
    schema::Validator,
    template::TemplateTree,
    tool::messages::{BROADCAST, NAMES, SEND, SUBSCRIBE},
};

/// What the nodes of a workflow have to do with messages.
#[derive(Default)]
struct Traffic<'d> {
    /// The mailboxes that somebody reads or could read.
    known: BTreeSet<String>,
    /// Whether a node reads a mailbox whose name only the run tells.
    is_open: bool,
    sends: Vec<&'d SendManifest>,
    /// The bodies of `sends`.
    bodies: Vec<&'d TreeDraft>,
    /// The mailboxes that nodes take from or wait at, and the types they want.
    takes: Vec<(&'d Spanned<String>, Option<&'d Spanned<String>>)>,
    /// The mailboxes that templates read, and where.
    reads: Vec<(String, Site)>,
    /// The tools over messages that an agent has.
    tools: BTreeSet<&'static str>,
    /// Nodes that call by themselves what only agents can.
    calls: Vec<Diagnostic>,
}

/// Looks at all messages of a workflow.
pub(super) fn check(compiler: &mut Compiler<'_>, checked: &Checked<'_, '_>) {
    let workflow = checked.world.workflow;
    let mut traffic = Traffic::default();
    traffic.known.extend(workflow.mailboxes.iter().map(|(name, _)| name.value.clone()));
    traffic.add(checked, &checked.draft.graph);
    traffic.add_reads(checked, checked.output_reads);
    let mut problems = std::mem::take(&mut traffic.calls);
    for (send, body) in traffic.sends.iter().zip(&traffic.bodies) {
        problems.extend(traffic.recipient(&send.to));
        problems.extend(kind(workflow, &send.kind));
        problems.extend(wrong_body(workflow, send, body));
    }
    for (mailbox, wanted) in &traffic.takes {
        problems.extend(wanted.and_then(|wanted| kind(workflow, wanted)));
        problems.extend(traffic.in_vain(workflow, mailbox));
    }
    for (_, mailbox) in &workflow.mailboxes {
        problems.extend(mailbox.subscribe.iter().filter_map(|name| kind(workflow, name)));
    }
    for (name, site) in traffic.reads.iter().filter(|(name, _)| !traffic.has(name)) {
        let span = checked.world.codes.span(&compiler.sources, *site);
        let problem = Diagnostic::error(Code::UNKNOWN_MAILBOX, span, format!("there is no mailbox `{name}` in this workflow"));
        problems.push(traffic.with_hint(name, problem));
    }
    compiler.problems.extend(problems);
}

impl<'d> Traffic<'d> {
    fn add(&mut self, checked: &Checked<'_, '_>, graph: &'d GraphDraft<'_>) {
        for node in &graph.nodes {
            self.add_reads(checked, node.reads.get().map_or(&[], Vec::as_slice));
            match (&node.kind, &node.written.kind) {
                (KindDraft::Graph(inner), _) => self.add(checked, inner),
                (KindDraft::Agent(agent), _) => {
                    self.known.extend(agent.agent.clone());
                    let has = |name: &&str| {
                        ToolName::new(*name).is_ok_and(|name| agent.tools.iter().any(|pattern| pattern.covers(&name)))
                    };
                    self.tools.extend(NAMES.into_iter().filter(has));
                }
                (KindDraft::Send(send), NodeKindManifest::Send(written)) => {
                    self.sends.push(written);
                    self.bodies.push(&send.body);
                }
                (KindDraft::Receive(_), NodeKindManifest::Receive(written)) => {
                    self.take(&written.mailbox, written.kind.as_ref());
                }
                (KindDraft::Wait(_), NodeKindManifest::Wait(WaitManifest::Message(written))) => {
                    self.take(&written.mailbox, written.kind.as_ref());
                }
                (KindDraft::Tool(_), NodeKindManifest::Tool { tool, .. }) => self.calls.extend(only_for_agents(node, tool)),
                _ => {}
            }
        }
    }

    fn take(&mut self, mailbox: &'d Spanned<String>, kind: Option<&'d Spanned<String>>) {
        match mailbox.value.parse() {
            Ok(Mailbox::Run(name)) => {
                self.known.insert(name.to_string());
            }
            Ok(Mailbox::Project(_)) => {}
            Err(_) => self.is_open |= TemplateTree::is_template(&mailbox.value),
        }
        self.takes.push((mailbox, kind));
    }

    /// Notes the mailboxes that templates read.
    fn add_reads(&mut self, checked: &Checked<'_, '_>, reads: &[Read]) {
        let named = reads.iter().filter(|read| read.target == Target::Messages).filter_map(|read| {
            let name = checked.world.codes.reference(read.site).path.get(1)?;
            Some((name.clone(), read.site))
        });
        self.reads.extend(named);
    }

    fn has(&self, name: &str) -> bool {
        self.is_open || self.known.contains(name)
    }

    fn with_hint(&self, name: &str, problem: Diagnostic) -> Diagnostic {
        let known = || self.known.iter().map(String::as_str);
        problem.hint(match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.known.is_empty() => "describe it under `mailboxes`, or take from it with `receive`".to_owned(),
            None => format!("the mailboxes are {}", listed(known())),
        })
    }

    /// A recipient whom nobody knows.
    fn recipient(&self, to: &Spanned<String>) -> Option<Diagnostic> {
        let Ok(Recipient::Mailbox(Mailbox::Run(name))) = to.value.parse() else { return None };
        if self.has(name.as_str()) {
            return None;
        }
        let message = format!("there is no mailbox `{name}`: nobody would read the message");
        Some(self.with_hint(name.as_str(), Diagnostic::error(Code::UNKNOWN_MAILBOX, to.span, message)))
    }

    /// A mailbox that is taken from, and that nobody sends to.
    fn in_vain(&self, workflow: &WorkflowManifest, mailbox: &Spanned<String>) -> Option<Diagnostic> {
        let Ok(Mailbox::Run(name)) = mailbox.value.parse() else { return None };
        let described = workflow.mailboxes.iter().find(|(known, _)| known.value == name.as_str());
        let gets_all = described.is_some_and(|(_, mailbox)| !mailbox.subscribe.is_empty()) || self.tools.contains(SUBSCRIBE);
        let sends = |send: &&SendManifest| match send.to.value.parse() {
            Ok(Recipient::Mailbox(Mailbox::Run(to))) => to == name,
            Ok(Recipient::Mailbox(Mailbox::Project(_))) => false,
            Ok(Recipient::Subscribers) => gets_all,
            Err(_) => true,
        };
        if self.tools.contains(SEND) || (self.tools.contains(BROADCAST) && gets_all) || self.sends.iter().any(sends) {
            return None;
        }
        let message = format!("nobody sends to the mailbox `{name}`");
        let problem = Diagnostic::warning(Code::NOBODY_SENDS, mailbox.span, message);
        let named: BTreeSet<MailboxName> = self.sends.iter().filter_map(|send| send.to.value.parse().ok()).collect();
        Some(problem.hint(match nearest(name.as_str(), named.iter().map(MailboxName::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("send to it with `send: {{ to: {name}, … }}`, or let an agent have the tool `{SEND}`"),
        }))
    }
}

/// A type of messages that is not described, where some are.
fn kind(workflow: &WorkflowManifest, written: &Spanned<String>) -> Option<Diagnostic> {
    let names = || workflow.messages.iter().map(|(name, _)| name.value.as_str());
    let is_known = names().next().is_none() || names().any(|name| name == written.value);
    if is_known || TemplateTree::is_template(&written.value) {
        return None;
    }
    let message = format!("there are no messages of type `{}`", written.value);
    Some(Diagnostic::error(Code::UNKNOWN_MAILBOX, written.span, message).hint(match nearest(&written.value, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the types under `messages` are {}; describe it there, too", listed(names())),
    }))
}

/// A body that is known before a run, and is not what its type wants.
fn wrong_body(workflow: &WorkflowManifest, send: &SendManifest, body: &TreeDraft) -> Option<Diagnostic> {
    let (_, schema) = workflow.messages.iter().find(|(name, _)| name.value == send.kind.value)?;
    let problems = Validator::new(&schema.json).ok()?.problems(&literal(body)?);
    if problems.is_empty() {
        return None;
    }
    let span = send.body.as_ref().map_or(send.span, |body| body.span);
    let message = format!("the body is no `{}`: {}", send.kind.value, problems.join("; "));
    Some(Diagnostic::error(Code::VALUE_BREAKS_SCHEMA, span, message).related(schema.span, "the type is written here"))
}

/// The value of a tree without templates.
fn literal(tree: &TreeDraft) -> Option<Value> {
    match tree {
        TreeDraft::Literal(value) => Some(value.clone()),
        TreeDraft::List(items) => items.iter().map(literal).collect(),
        TreeDraft::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| Some((key.clone(), literal(value)?)));
            entries.collect::<Option<_>>().map(Value::Object)
        }
        TreeDraft::Text(_) | TreeDraft::Broken => None,
    }
}

/// A node that calls what only agents can: it has no mailbox.
fn only_for_agents(node: &NodeDraft<'_>, tool: &Spanned<String>) -> Option<Diagnostic> {
    if !NAMES.contains(&tool.value.as_str()) {
        return None;
    }
    let message = format!("`{}` is a tool for agents: `{}` is none", tool.value, node.id.value);
    let problem = Diagnostic::error(Code::UNKNOWN_TOOL, tool.span, message);
    Some(problem.hint("a node sends with `send: { to: …, type: …, body: … }` and takes with `receive: { mailbox: … }`"))
}
