//! Why the agents of a node were asked in a run, or were not: each instance against the run whose answers could be taken.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    app::{causes::Causes, facts::RunFacts, recorded, reuse, runs},
    engine::{invalidated, read_run},
    error::{ErrorKind, Result},
    model::{Basis, Event, NodePath, NodePattern, OriginKind, Reused, RunId},
    plan::{AgentNode, Plan},
    store::Store,
};

/// Why the agents of a node were asked.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The run.
    pub id: RunId,
    /// The node, as it was named.
    pub node: String,
    /// The run it is compared with; absent when there is none.
    pub against: Option<RunId>,
    /// Each instance, in the order in which they began.
    pub nodes: Vec<Reasons>,
}

/// Why the agent of a node instance was asked.
#[derive(Debug, Serialize)]
pub struct Reasons {
    /// The instance.
    pub node: NodePath,
    /// What came of it.
    pub answer: Answer,
    /// Why the agent was asked: all that speaks against the earlier answer.
    pub reasons: Vec<Reason>,
}

/// Where the output of an instance is from.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// Taken from the node instance of the run.
    Reused {
        /// The earlier run.
        run: RunId,
        /// The instance in it.
        node: NodePath,
    },
    /// An agent was asked.
    Asked,
    /// No agent was asked for this node.
    NotAsked {
        /// Its output is computed, or it did not run.
        why: String,
    },
}

/// What speaks against taking an earlier answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// There is no earlier run, or it has no answer for this instance.
    Nothing {
        /// What is there instead.
        there: String,
    },
    /// The user wanted it asked.
    Invalidated,
    /// The node is defined in another way.
    Definition {
        /// What differs; empty when that cannot be told any more.
        parts: Vec<String>,
    },
    /// The prompts are others.
    Input {
        /// What they are made of that differs.
        causes: Vec<String>,
    },
    /// Another model is asked.
    Model {
        /// The model of the earlier run.
        before: String,
        /// The model of this run.
        now: String,
    },
    /// Nothing that counts differs.
    Same {
        /// Why it was asked all the same.
        note: String,
    },
}

/// Explains the node `name` of `run`, against the run whose answers it took, the run before it, or the one that is named.
///
/// # Errors
/// `Invalid` when the workflow has no such node; those of [`read_run`].
pub async fn explain(store: &Arc<dyn Store>, run: RunId, name: &str, against: Option<RunId>) -> Result<Explanation> {
    let now = Side::read(store, run).await?;
    let facts = RunFacts::of(&now.events);
    let pattern = match &now.plan {
        Some(plan) => plan.check_nodes([name])?.remove(0),
        None => NodePattern::new(name),
    };
    let earlier = match (against, facts.origin.filter(|origin| origin.kind != OriginKind::Repair)) {
        (Some(run), _) => Some(run),
        (None, Some(origin)) => Some(origin.run),
        (None, None) => reuse::newest(store, facts.workflow, Some(run), None).await?,
    };
    let before = match earlier {
        Some(earlier) => match Side::read(store, earlier).await {
            // The run that it came from may have been removed since.
            Err(error) if error.kind() == ErrorKind::NotFound && against.is_none() => None,
            before => Some(before?),
        },
        None => None,
    };
    let before_facts = before.as_ref().map(|before| (before, RunFacts::of(&before.events)));
    let view = View { now: &now, facts: &facts, before: before_facts.as_ref().map(|(side, facts)| (*side, facts)) };
    let against = earlier.filter(|_| before.is_some());
    Ok(Explanation { id: run, node: name.to_owned(), against, nodes: view.reasons(&pattern) })
}

/// A run with the plan of its files, as far as this version can compile them.
pub(super) struct Side {
    run: RunId,
    pub(super) events: Vec<Event>,
    pub(super) plan: Option<Plan>,
}

impl Side {
    async fn read(store: &Arc<dyn Store>, run: RunId) -> Result<Self> {
        let events = read_run(store, run).await?.events;
        let plan = recorded::plan(run, &events)?;
        Ok(Self { run, events, plan })
    }

    /// The agent's node at `path`.
    fn agent(&self, path: &NodePath) -> Option<&AgentNode> {
        self.plan.as_ref()?.node_at(&path.without_instances())?.1.kind.agent()
    }
}

/// A run, and the one it is compared with.
struct View<'a> {
    now: &'a Side,
    facts: &'a RunFacts<'a>,
    before: Option<(&'a Side, &'a RunFacts<'a>)>,
}

impl View<'_> {
    /// The reasons of every instance of an agent that the pattern covers; if there is none, why no agent was asked.
    fn reasons(&self, pattern: &NodePattern) -> Vec<Reasons> {
        let covered: Vec<_> = self.facts.nodes.iter().filter(|(path, _)| pattern.covers(path)).collect();
        let asked = self.to_be_asked();
        let agents: Vec<Reasons> = covered
            .iter()
            .filter_map(|(path, node)| {
                let (basis, path) = (node.basis?, (**path).clone());
                if let Some(Reused { run, node, .. }) = node.reused {
                    let answer = Answer::Reused { run: *run, node: node.clone() };
                    return Some(Reasons { node: path, answer, reasons: Vec::new() });
                }
                let reasons = self.why_asked(&path, basis, &asked);
                Some(Reasons { node: path, answer: Answer::Asked, reasons })
            })
            .collect();
        if !agents.is_empty() {
            return agents;
        }
        let (path, why) = match covered.first() {
            Some((path, node)) => ((**path).clone(), node.reason.unwrap_or("its output is computed in every run")),
            None => (NodePath::new(pattern.as_str()), "the run did not come to it"),
        };
        vec![Reasons { node: path, answer: Answer::NotAsked { why: why.to_owned() }, reasons: Vec::new() }]
    }

    /// The earlier run is the one whose answers could be taken.
    fn is_origin(&self) -> bool {
        self.facts.origin.zip(self.before).is_some_and(|(origin, (before, _))| origin.run == before.run)
    }

    /// The nodes whose answers were not to be taken.
    fn to_be_asked(&self) -> Vec<NodePattern> {
        match (self.facts.origin, &self.now.plan) {
            (Some(origin), Some(plan)) if self.is_origin() => invalidated(origin, plan),
            _ => Vec::new(),
        }
    }

    /// All that speaks against the answer of the earlier run.
    fn why_asked(&self, path: &NodePath, basis: &Basis, to_be_asked: &[NodePattern]) -> Vec<Reason> {
        let Some((before, before_facts)) = self.before else {
            return vec![Reason::Nothing { there: "there is no earlier run of the workflow in the store".to_owned() }];
        };
        let mut reasons = Vec::new();
        if to_be_asked.iter().any(|pattern| pattern.covers(path)) {
            reasons.push(Reason::Invalidated);
        }
        let earlier = before_facts.nodes.get(path);
        let Some(earlier_basis) = earlier.filter(|node| node.succeeded).and_then(|node| node.basis) else {
            let there = match earlier.map(|node| node.reason) {
                None => "the earlier run has no such instance".to_owned(),
                Some(Some(reason)) => format!("it has no answer there: {reason}"),
                Some(None) => "it has no answer there".to_owned(),
            };
            reasons.push(Reason::Nothing { there });
            return reasons;
        };
        let agents = self.now.agent(path).zip(before.agent(path));
        if basis.definition != earlier_basis.definition {
            reasons.push(Reason::Definition { parts: agents.map(|(now, before)| parts(before, now)).unwrap_or_default() });
        }
        if basis.input != earlier_basis.input {
            let causes = Causes { now: self.now, now_facts: self.facts, before_facts };
            reasons.push(Reason::Input { causes: agents.map(|(now, before)| causes.of(path, before, now)).unwrap_or_default() });
        }
        if basis.model != earlier_basis.model {
            reasons.push(Reason::Model { before: earlier_basis.model.clone(), now: basis.model.clone() });
        }
        if reasons.is_empty() {
            let note = if self.is_origin() {
                "its earlier answer was given to another instance"
            } else {
                "the answer could have been taken with `--reuse`"
            };
            reasons.push(Reason::Same { note: note.to_owned() });
        }
        reasons
    }
}

/// What of the definition differs.
fn parts(before: &AgentNode, now: &AgentNode) -> Vec<String> {
    let differing = [
        ("the agent", before.agent.name != now.agent.name),
        ("`output`", before.output != now.output),
        ("`temperature`", before.temperature != now.temperature),
        ("`max_tokens`", before.max_tokens != now.max_tokens),
        ("`max_turns`", before.max_turns != now.max_turns),
    ];
    differing.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part.to_owned()).collect()
}

/// Finds the run that `name` means, or none if no name is given.
///
/// # Errors
/// As [`runs::find`].
pub async fn find_other(store: &Arc<dyn Store>, name: Option<&str>) -> Result<Option<RunId>> {
    match name {
        Some(name) => runs::find(store, name).await.map(Some),
        None => Ok(None),
    }
}
