//! Plays a script: for nodes and for tools. Notes what they were given.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{
    run::Asked,
    script::{NodeScript, StepScript},
};
use crate::{
    agent::WrapTool,
    engine::{Rehearsed, StandIns},
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, NodePath, ToolName, ToolSpec, Value},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput},
};

/// Stands in for the nodes of a script.
#[derive(Debug)]
pub(super) struct MockedNodes {
    nodes: BTreeMap<String, StepScript>,
    /// Which turn each instance has, by node.
    turns: Mutex<HashMap<String, HashMap<NodePath, usize>>>,
    asked: Mutex<Vec<Asked>>,
}

impl MockedNodes {
    pub(super) fn new(nodes: &BTreeMap<String, NodeScript>) -> Self {
        let step = |(path, script): (&String, &NodeScript)| match script {
            NodeScript::Whole(step) | NodeScript::Each(step) => Some((path.clone(), step.clone())),
            NodeScript::Answer(_) => None,
        };
        Self { nodes: nodes.iter().filter_map(step).collect(), turns: Mutex::default(), asked: Mutex::default() }
    }

    /// What nodes were given until now.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which turn an instance has among those of its node: the one it had in an earlier attempt, or the next.
    fn turn(&self, path: &str, node: &NodePath) -> usize {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let of_node = turns.entry(path.to_owned()).or_default();
        let next = of_node.len();
        *of_node.entry(node.clone()).or_insert(next)
    }

    /// The script of a node. A looped node without an inner graph of its own is mocked by its own path, and runs one deeper.
    fn step(&self, path: &str) -> Option<&StepScript> {
        let around =
            || path.rsplit_once('.').filter(|(around, id)| around.rsplit('.').next() == Some(*id)).map(|(around, _)| around);
        self.nodes.get(path).or_else(|| self.nodes.get(around()?))
    }
}

#[async_trait]
impl StandIns for MockedNodes {
    async fn perform(&self, attempt: Rehearsed<'_>) -> Option<Result<Value>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked::of(&attempt));
        if !attempt.is_mocked {
            return None;
        }
        let path = attempt.node.without_instances();
        let Some(step) = self.step(&path) else {
            let text = format!("node `{}` is mocked, but the script has nothing for it", attempt.node);
            return Some(Err(Error::new(ErrorKind::Internal, text)));
        };
        Some(step.play(self.turn(&path, attempt.node), attempt.attempt, &format!("node `{}`", attempt.node)))
    }
}

/// Puts the mocks of a script in place of tools.
#[derive(Debug)]
pub(super) struct MockedTools {
    tools: BTreeMap<ToolName, Arc<ToolTurns>>,
}

/// The script of a tool, and how often it was called.
#[derive(Debug)]
struct ToolTurns {
    step: StepScript,
    calls: Mutex<usize>,
}

impl MockedTools {
    pub(super) fn new(tools: &BTreeMap<ToolName, StepScript>) -> Self {
        let turns = |step: &StepScript| Arc::new(ToolTurns { step: step.clone(), calls: Mutex::default() });
        Self { tools: tools.iter().map(|(name, step)| (name.clone(), turns(step))).collect() }
    }
}

impl WrapTool for MockedTools {
    fn wrap(&self, tool: Arc<dyn Tool>) -> Arc<dyn Tool> {
        let Some(turns) = self.tools.get(&tool.spec().name) else { return tool };
        let spec = ToolSpec { effect: Effect::Pure, ..tool.spec().clone() };
        Arc::new(MockedTool { spec, is_untrusted: tool.is_untrusted(), turns: Arc::clone(turns) })
    }
}

/// A tool that gives what its script says.
#[derive(Debug)]
struct MockedTool {
    spec: ToolSpec,
    is_untrusted: bool,
    turns: Arc<ToolTurns>,
}

#[async_trait]
impl Tool for MockedTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn is_untrusted(&self) -> bool {
        self.is_untrusted
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(Vec::new())
    }

    async fn call(&self, _call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        let turn = {
            let mut calls = self.turns.calls.lock().unwrap_or_else(PoisonError::into_inner);
            *calls += 1;
            *calls - 1
        };
        // Calls that fail come before the outputs, and take none of their turns.
        let failing = self.turns.step.fail.as_ref().and_then(|fail| fail.times).unwrap_or_default();
        let attempt = u32::try_from(turn + 1).unwrap_or(u32::MAX);
        let turn = turn.saturating_sub(usize::try_from(failing).unwrap_or(usize::MAX));
        let output = self.turns.step.play(turn, attempt, &format!("tool `{}`", self.spec.name))?;
        Ok(ToolOutput { value: output, notes: vec!["mocked".to_owned()] })
    }
}
