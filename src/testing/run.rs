//! What came of a test run, and what a test may ask of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    app::exit,
    engine::{self, RunResult},
    model::{AgentName, Event, EventBody, NodePath, RunId, RunStatus, ToolName, Value},
    plan::Plan,
};

/// A test run that has ended, or can do nothing but wait.
#[derive(Debug, Clone)]
pub struct TestRun {
    /// The workflow, as its author wrote it: without the mocks.
    pub plan: Arc<Plan>,
    /// The workflow as it was run: with something standing in for mocked nodes. The events fit this one.
    pub rehearsed: Arc<Plan>,
    /// Everything that happened.
    pub events: Vec<Event>,
    /// How it stands, with its outputs or its error.
    pub result: RunResult,
    /// The events of each run of an agent or a workflow that was called as a tool.
    pub called: Vec<Vec<Event>>,
    /// What nodes were given, in the order in which their attempts began; those of agents and workflows that were called as tools too.
    pub asked: Vec<Asked>,
    /// What was asked again after a crash although its answer was recorded: there must be nothing.
    pub asked_again: Vec<String>,
}

/// What a node was given in one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The run; of what is called as a tool, its own.
    pub run: RunId,
    /// The node instance.
    pub node: NodePath,
    /// From 1.
    pub attempt: u32,
    /// Whether a mock stood in for it.
    pub is_mocked: bool,
    /// The agent that was asked.
    pub agent: Option<AgentName>,
    /// The system prompt.
    pub system: Option<String>,
    /// The prompt.
    pub prompt: Option<String>,
    /// The tool that was called.
    pub tool: Option<ToolName>,
    /// With what.
    pub arguments: Option<Value>,
}

impl Asked {
    pub(super) fn of(attempt: &engine::Rehearsed<'_>) -> Self {
        Self {
            run: attempt.run,
            node: attempt.node.clone(),
            attempt: attempt.attempt,
            is_mocked: attempt.is_mocked,
            agent: attempt.agent.cloned(),
            system: attempt.system.map(str::to_owned),
            prompt: attempt.prompt.map(str::to_owned),
            tool: attempt.tool.cloned(),
            arguments: attempt.arguments.cloned(),
        }
    }
}

impl TestRun {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        self.result.status
    }

    /// What `agentflow run` would have exited with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        exit::of_run(self.result.status, self.result.error.as_ref().map(|error| error.kind))
    }

    /// An output of the run.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&Value> {
        self.result.outputs.get(name)
    }

    /// How long it took, in the time of the test.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let (Some(first), Some(last)) = (self.events.first(), self.events.last()) else { return Duration::ZERO };
        Duration::try_from(last.at.duration_since(first.at)).unwrap_or_default()
    }

    /// The instances of nodes that ran, whether they succeeded or failed, in the order in which they ended. A mapped node is told by its
    /// instances and, at last, by itself.
    pub fn ended(&self) -> impl Iterator<Item = &NodePath> {
        self.events.iter().filter_map(|event| match &event.body {
            EventBody::NodeSucceeded { node, .. } | EventBody::NodeFailed { node, .. } => Some(node),
            _ => None,
        })
    }

    /// How often each node ran, by its path without instances; of a mapped node the instances count, and not the node itself.
    #[must_use]
    pub fn executions(&self) -> BTreeMap<String, usize> {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        let mapped = self.mapped();
        for node in self.ended().filter(|node| !mapped.contains(node)) {
            *count.entry(node.without_instances()).or_default() += 1;
        }
        for node in mapped {
            count.entry(node.without_instances()).or_default();
        }
        count
    }

    /// Mapped nodes that began, as wholes.
    fn mapped(&self) -> Vec<&NodePath> {
        let mapped = |event: &'_ Event| matches!(&event.body, EventBody::AttemptStarted { elements: Some(_), .. });
        self.events.iter().filter(|event| mapped(event)).filter_map(|event| event.body.node()).collect()
    }

    /// The paths of nodes in the order in which they ended, each once, without instances.
    #[must_use]
    pub fn execution_order(&self) -> Vec<String> {
        let mut order = Vec::new();
        for path in self.ended().map(NodePath::without_instances) {
            if !order.contains(&path) {
                order.push(path);
            }
        }
        order
    }

    /// The prompts that the agent of a node was asked, of all its instances and attempts.
    pub fn prompts<'r>(&'r self, node: &'r str) -> impl Iterator<Item = &'r str> {
        let of_node = self.asked.iter().filter(move |asked| asked.node.without_instances() == node);
        of_node.filter_map(|asked| asked.prompt.as_deref())
    }

    /// Holds that the run succeeded.
    ///
    /// # Panics
    /// When it did not, with its error.
    #[track_caller]
    pub fn assert_succeeded(&self) {
        assert!(self.status() == RunStatus::Succeeded, "{}", self.story(&format!("the run is {}", self.status().as_str())));
    }

    /// Holds that a node ran so many times; instances of a map and iterations of a loop count each.
    ///
    /// # Panics
    /// When it did not, with what did run.
    #[track_caller]
    pub fn assert_executed(&self, node: &str, times: usize) {
        let ran = self.executions().get(node).copied().unwrap_or_default();
        assert!(ran == times, "{}", self.story(&format!("node `{node}` ran {ran} times, not {times}")));
    }

    /// Holds that a node did not run.
    ///
    /// # Panics
    /// When it did, with what else did.
    #[track_caller]
    pub fn assert_not_executed(&self, node: &str) {
        self.assert_executed(node, 0);
    }

    /// What is wrong, and what the run did, for the message of an assertion.
    fn story(&self, wrong: &str) -> String {
        let error = self.result.error.as_ref().map(|error| format!("\nits error: {}", error.message)).unwrap_or_default();
        format!("{wrong}\nit ran: {}{error}", self.execution_order().join(", "))
    }
}
