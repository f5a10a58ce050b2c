//! What a template of a node may read, looked up only as far as it is read.

use indexmap::IndexMap;
use serde_json::json;

use super::{
    RunState,
    mail::as_value,
    parts::{FrameId, InstanceId},
};
use crate::{
    model::{MailboxName, NodeStatus, Value},
    template::{Reference, Scope, Shared},
    tool::Secrets,
};

impl RunState {
    /// The scope of a node's own templates. `own` is its output where that is visible (`route.on`).
    pub(super) fn scope_at<'a>(
        &self,
        id: InstanceId,
        references: impl IntoIterator<Item = &'a Reference>,
        own: Option<&Shared>,
    ) -> Scope {
        self.scope(self.instance(id).frame, Some(id), references, own)
    }

    /// The scope of templates that look at a frame from inside: `until` and the outputs.
    pub(super) fn scope_inside<'a>(&self, frame: FrameId, references: impl IntoIterator<Item = &'a Reference>) -> Scope {
        self.scope(frame, None, references, None)
    }

    fn scope<'a>(
        &self,
        frame: FrameId,
        at: Option<InstanceId>,
        references: impl IntoIterator<Item = &'a Reference>,
        own: Option<&Shared>,
    ) -> Scope {
        let mut scope = Scope::new();
        let mut asked_nodes: Option<IndexMap<String, Shared>> = None;
        let mut asked_secrets: Option<IndexMap<String, Shared>> = None;
        let mut asked_messages: Option<IndexMap<String, Shared>> = None;
        for reference in references {
            let Some(name) = reference.path.first() else { continue };
            match (name.as_str(), reference.path.get(1)) {
                ("inputs", _) => scope.set("inputs", self.frame(frame).inputs.clone()),
                ("env", _) => scope.set("env", self.env.clone()),
                ("run", _) => scope.set("run", self.run_names()),
                ("secrets", Some(name)) => {
                    asked_secrets.get_or_insert_default().insert(name.clone(), self.secret_name(name));
                }
                ("messages", Some(mailbox)) => {
                    asked_messages.get_or_insert_default().insert(mailbox.clone(), self.messages_in(frame, at, mailbox));
                }
                ("nodes", Some(node)) => {
                    if let Some((reader, id)) = self.visible_node(frame, at, node) {
                        asked_nodes.get_or_insert_default().insert(node.clone(), self.node_names(reader, id));
                    }
                }
                ("nodes", None) => asked_nodes.get_or_insert_default().extend(self.all_visible_nodes(frame, at)),
                ("loop", _) => scope.set("loop", self.loop_names(frame)),
                (name, _) => {
                    let is_own = own.is_some() && at.is_some_and(|at| self.node(at).id.as_str() == name);
                    let value = if is_own { own.cloned() } else { self.named(frame, at, name) };
                    if let Some(value) = value {
                        scope.set(name, value);
                    }
                }
            }
        }
        if let Some(secrets) = asked_secrets {
            scope.set("secrets", Shared::object(secrets));
        }
        if let Some(messages) = asked_messages {
            scope.set("messages", Shared::object(messages));
        }
        if let Some(nodes) = asked_nodes {
            scope.set("nodes", Shared::object(nodes));
        }
        scope
    }

    /// A node's output or a map's element, by name, from the inside to the outside.
    fn named(&self, frame: FrameId, at: Option<InstanceId>, name: &str) -> Option<Shared> {
        self.visible_frames(frame, at).find_map(|(frame, at)| {
            at.and_then(|at| self.element_name(at, name)).or_else(|| {
                let id = self.node_in(frame, name)?;
                Some(if self.had_ended(at, id) { self.instance(id).output.clone() } else { Shared::none() })
            })
        })
    }

    /// Whether `reader` sees how `id` ended. A node that starts at its first edge goes on seeing what it saw when it started:
    /// another attempt and a resume ask the same again.
    fn had_ended(&self, reader: Option<InstanceId>, id: InstanceId) -> bool {
        let source = self.instance(id);
        let Some(reader) = reader.map(|reader| self.instance(reader).element.as_ref().map_or(reader, |element| element.parent))
        else {
            return true;
        };
        let began = self.instance(reader).began;
        reader == id || (source.status.is_final() && began.is_none_or(|began| source.horizon < began))
    }

    /// `item` (or its `as` name) and `index` of a mapped node's element.
    fn element_name(&self, id: InstanceId, name: &str) -> Option<Shared> {
        let element = self.instance(id).element.as_ref()?;
        if name == "index" {
            return Some(Shared::new(&json!(element.index)));
        }
        let map = self.node(id).map.as_ref()?;
        (map.name == name).then(|| element.item.clone())
    }

    fn node_in(&self, frame: FrameId, name: &str) -> Option<InstanceId> {
        let frame = self.frame(frame);
        frame.graph.index.get(name).map(|index| frame.nodes[*index])
    }

    /// The frames whose nodes a template may name that `at` (in `frame`) reads, from the inside to the outside; each with the
    /// instance in it that reads.
    fn visible_frames(&self, frame: FrameId, at: Option<InstanceId>) -> impl Iterator<Item = (FrameId, Option<InstanceId>)> {
        std::iter::successors(Some((frame, at)), |(frame, _)| {
            let frame = self.frame(*frame);
            frame.owner.filter(|_| frame.sees_outside).map(|owner| (self.instance(owner).frame, Some(owner)))
        })
    }

    fn visible_node(&self, frame: FrameId, at: Option<InstanceId>, name: &str) -> Option<(Option<InstanceId>, InstanceId)> {
        self.visible_frames(frame, at).find_map(|(frame, reader)| Some((reader, self.node_in(frame, name)?)))
    }

    fn all_visible_nodes(&self, frame: FrameId, at: Option<InstanceId>) -> Vec<(String, Shared)> {
        let names = |(frame, reader): (FrameId, Option<InstanceId>)| {
            let ids = self.frame(frame).nodes.iter();
            ids.map(|id| (self.node(*id).id.to_string(), self.node_names(reader, *id))).collect::<Vec<_>>()
        };
        self.visible_frames(frame, at).flat_map(names).collect()
    }

    /// `secrets.NAME`: what stands for the secret until the call is made.
    fn secret_name(&self, name: &str) -> Shared {
        Shared::new(&json!(Secrets::placeholder(self.secret_key.as_bytes(), name)))
    }

    /// `messages.MAILBOX`: what waits there. A node that has begun goes on seeing what waited then: another attempt and a resume ask the
    /// same again.
    fn messages_in(&self, frame: FrameId, at: Option<InstanceId>, mailbox: &str) -> Shared {
        let frame = self.workflow_around(frame);
        let found = MailboxName::new(mailbox).ok().and_then(|name| self.mailboxes.find(frame, &name));
        let began = at.and_then(|at| self.instance(at).began);
        let seen = found.map(|found| self.mailboxes.get(found).seen(began)).unwrap_or_default();
        Shared::list(seen.into_iter().map(|(_, message)| Shared::new(&as_value(message))))
    }

    /// `run`: `id` and `started_at`.
    fn run_names(&self) -> Shared {
        let id = self.run.map(|run| run.to_string());
        Shared::new(&json!({"id": id, "started_at": self.started_at.to_string()}))
    }

    /// `loop`: `iteration` and `previous`, of the innermost loop.
    fn loop_names(&self, frame: FrameId) -> Shared {
        let looped = self.visible_frames(frame, None).find(|(frame, _)| self.frame(*frame).iteration.is_some());
        let Some(frame) = looped.map(|(frame, _)| self.frame(frame)) else { return Shared::none() };
        let iteration = Shared::new(&json!(frame.iteration));
        Shared::object(
            [("iteration".to_owned(), iteration), ("previous".to_owned(), frame.previous.clone())].into_iter().collect(),
        )
    }

    /// `nodes.ID`, as `reader` sees it.
    fn node_names(&self, reader: Option<InstanceId>, id: InstanceId) -> Shared {
        let instance = self.instance(id);
        let facts = if self.had_ended(reader, id) {
            let duration = match (instance.started_at, instance.ended_at) {
                (Some(started), Some(ended)) => Value::from((ended.as_millisecond() - started.as_millisecond()).max(0)),
                _ => Value::Null,
            };
            json!({
                "status": instance.status.as_str(),
                "error": instance.error.as_ref().map(|error| error.message.as_str()),
                "attempts": instance.attempt,
                "cost_usd": instance.spend.worth_usd(),
                "duration_ms": duration,
                "output": Value::Null,
            })
        } else {
            json!({"status": NodeStatus::Pending.as_str(), "error": null, "attempts": 0, "cost_usd": 0.0, "duration_ms": null, "output": null})
        };
        let mut names: IndexMap<String, Shared> =
            facts.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), Shared::new(value))).collect();
        if self.had_ended(reader, id) {
            names.insert("output".to_owned(), instance.output.clone());
        }
        Shared::object(names)
    }
}
