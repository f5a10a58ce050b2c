//! Which of the things that a prompt is made of differ between two runs.

use indexmap::IndexSet;

use crate::{
    app::{facts::RunFacts, why::Side},
    model::{NodePath, Value},
    plan::{AgentNode, GraphPlan, NodeKind, NodePlan},
    template::{Reference, Template},
};

/// Two runs in which the same instance was asked.
pub(super) struct Causes<'a> {
    pub(super) now: &'a Side,
    pub(super) now_facts: &'a RunFacts<'a>,
    pub(super) before_facts: &'a RunFacts<'a>,
}

/// A place from which names are looked up: an instance, the graph it is in, and what stands before its name in its path.
struct Place<'a> {
    prefix: String,
    graph: &'a GraphPlan,
    node: &'a NodePlan,
    /// Whether the node runs another workflow, whose inside sees nothing but its inputs.
    is_workflow: bool,
    path: NodePath,
}

impl Causes<'_> {
    /// What differs of the things that the prompts of the agent at `path` are made of, in words.
    pub(super) fn of(&self, path: &NodePath, before: &AgentNode, now: &AgentNode) -> Vec<String> {
        let mut found = IndexSet::new();
        let source = |template: &Template| template.source().to_owned();
        if before.prompt.source() != now.prompt.source() {
            found.insert("`prompt` is written differently".to_owned());
        }
        if before.system.as_ref().map(source) != now.system.as_ref().map(source) {
            found.insert("`system` is written differently".to_owned());
        }
        let references = now.prompt.references().iter().chain(now.system.iter().flat_map(Template::references));
        let places = self.places(path);
        for reference in references {
            self.look_at(&places, 0, reference, &mut found);
        }
        found.into_iter().collect()
    }

    /// The instance at `path` and all that it is in, from the inside to the outside.
    fn places(&self, path: &NodePath) -> Vec<Place<'_>> {
        let mut places = Vec::new();
        let mut graph = self.now.plan.as_ref().map(|plan| &*plan.graph);
        let mut prefix = String::new();
        for segment in path.as_str().split('.') {
            let name = NodePath::new(segment).without_instances();
            let Some((here, index)) = graph.and_then(|graph| Some((graph, *graph.index.get(name.as_str())?))) else { break };
            let node = &here.nodes[index];
            let path = NodePath::new(format!("{prefix}{segment}"));
            let is_workflow = matches!(node.kind, NodeKind::Workflow { .. });
            places.push(Place { prefix: prefix.clone(), graph: here, node, is_workflow, path });
            prefix = format!("{prefix}{segment}.");
            graph = node.inside().map(|inside| &**inside);
        }
        places.reverse();
        places
    }

    /// Adds what differs of one thing that is read at the place number `from`, counted from the inside.
    fn look_at(&self, places: &[Place<'_>], from: usize, reference: &Reference, found: &mut IndexSet<String>) {
        let Some(root) = reference.path.first() else { return };
        let second = reference.path.get(1);
        match (root.as_str(), second) {
            ("inputs", name) => self.look_at_input(places, from, name, found),
            ("env", Some(name)) => {
                found.insert(format!("`env.{name}` may differ; the environment is not recorded"));
            }
            ("run", Some(name)) => {
                found.insert(format!("`run.{name}` is another in every run"));
            }
            ("nodes", Some(node)) => self.look_at_name(places, from, node, found),
            ("loop", _) => {
                found.insert("`loop` may differ: what the iteration before gave".to_owned());
            }
            (name, _) => self.look_at_name(places, from, name, found),
        }
    }

    fn look_at_input(&self, places: &[Place<'_>], from: usize, name: Option<&String>, found: &mut IndexSet<String>) {
        // The place itself may run a workflow; its own templates read the inputs of what it is in.
        let inner = places.iter().skip(from + 1).find(|place| place.is_workflow).map(|place| &place.path);
        let inputs = |facts: &RunFacts<'_>| -> Option<Value> {
            let inputs = match inner {
                Some(path) => facts.nodes.get(path)?.inputs?,
                None => facts.inputs?,
            };
            match name {
                Some(name) => inputs.get(name).cloned(),
                None => serde_json::to_value(inputs).ok(),
            }
        };
        if inputs(self.now_facts) != inputs(self.before_facts) {
            let name = name.map_or_else(|| "the inputs".to_owned(), |name| format!("input `{name}`"));
            let of = inner.map(|path| format!(" of `{path}`")).unwrap_or_default();
            found.insert(format!("{name}{of} differs"));
        }
    }

    /// A name is an element of a map, or a node, whichever is nearer.
    fn look_at_name(&self, places: &[Place<'_>], from: usize, name: &str, found: &mut IndexSet<String>) {
        for (at, place) in places.iter().enumerate().skip(from) {
            let map = place.node.map.as_ref().filter(|map| map.name == name && place.path.as_str().ends_with(']'));
            if let Some(map) = map {
                let before = found.len();
                for reference in map.over.references() {
                    self.look_at(places, at, reference, found);
                }
                if found.len() == before {
                    found.insert(format!("`{name}`, the element, differs"));
                }
                return;
            }
            if place.graph.index.contains_key(name) {
                let node = NodePath::new(format!("{}{name}", place.prefix));
                if self.now_facts.output(&node) != self.before_facts.output(&node) {
                    found.insert(format!("the output of `{node}` differs"));
                }
                return;
            }
            if places.get(at + 1).is_some_and(|outer| outer.is_workflow) {
                return;
            }
        }
    }
}
