//! Plays a script: for nodes and for tools. Notes what they were given.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    faults::{Faults, Site},
    run::Asked,
    script::{NodeScript, StepScript},
};
use crate::{
    agent::WrapTool,
    engine::{Rehearsed, StandIns},
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, AgentName, Effect, NodePath, ToolName, ToolSpec, Value},
    plan::Plan,
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput, messages::MailboxRequest},
};

/// Stands in for the nodes of a script.
#[derive(Debug)]
pub(super) struct MockedNodes {
    nodes: BTreeMap<String, StepScript>,
    /// Which turn each instance has, by node.
    turns: Mutex<HashMap<String, HashMap<NodePath, usize>>>,
    asked: Mutex<Vec<Asked>>,
    faults: Arc<Faults>,
}

impl MockedNodes {
    pub(super) fn new(nodes: &BTreeMap<String, NodeScript>, faults: Arc<Faults>) -> Self {
        let step = |(path, script): (&String, &NodeScript)| match script {
            NodeScript::Whole(step) | NodeScript::Each(step) => Some((path.clone(), step.clone())),
            NodeScript::Answer(_) => None,
        };
        let nodes = nodes.iter().filter_map(step).collect();
        Self { nodes, turns: Mutex::default(), asked: Mutex::default(), faults }
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

    /// Lets an attempt of a mocked node meet what goes wrong in the test.
    async fn goes_well(&self, attempt: Rehearsed<'_>) -> Result<()> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let model = attempt.model.filter(|_| attempt.agent.is_some()).map(ToString::to_string);
        let (agent, tool) = (attempt.agent.map(AgentName::as_str), attempt.tool.map(ToolName::as_str));
        let site = Site { node: attempt.node, agent, model: model.as_deref(), tool };
        self.faults.denies(site).map_or(Ok(()), Err)?;
        self.faults.before(site).await
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
        if let Err(error) = self.goes_well(attempt).await {
            return Some(Err(error));
        }
        Some(step.play(self.turn(&path, attempt.node), attempt.attempt, &format!("node `{}`", attempt.node)))
    }
}

/// Puts the mocks of a script in place of tools.
#[derive(Debug)]
pub(super) struct MockedTools {
    tools: BTreeMap<ToolName, Arc<ToolTurns>>,
    faults: Arc<FaultsOfTools>,
}

/// What goes wrong with tools, and which agent each node asks.
#[derive(Debug)]
struct FaultsOfTools {
    faults: Arc<Faults>,
    agents: HashMap<String, String>,
}

impl FaultsOfTools {
    fn site<'a>(&'a self, node: &'a NodePath, tool: &'a ToolName) -> Site<'a> {
        let agent = self.agents.get(&node.without_instances()).map(String::as_str);
        Site { node, agent, model: None, tool: Some(tool.as_str()) }
    }
}

/// The script of a tool, and how often it was called.
#[derive(Debug)]
struct ToolTurns {
    step: StepScript,
    calls: Mutex<usize>,
}

impl MockedTools {
    pub(super) fn new(tools: &BTreeMap<ToolName, StepScript>, faults: Arc<Faults>, plan: &Plan) -> Self {
        let turns = |step: &StepScript| Arc::new(ToolTurns { step: step.clone(), calls: Mutex::default() });
        let agent = |path: String| {
            let agent = plan.node_at(&path)?.1.kind.agent()?.agent.name.to_string();
            Some((path, agent))
        };
        let agents = if faults.is_empty() { HashMap::new() } else { plan.node_paths().into_iter().filter_map(agent).collect() };
        let tools = tools.iter().map(|(name, step)| (name.clone(), turns(step))).collect();
        Self { tools, faults: Arc::new(FaultsOfTools { faults, agents }) }
    }
}

impl WrapTool for MockedTools {
    fn wrap(&self, tool: Arc<dyn Tool>) -> Arc<dyn Tool> {
        let mocked: Arc<dyn Tool> = match self.tools.get(&tool.spec().name) {
            Some(turns) => {
                let spec = ToolSpec { effect: Effect::Pure, ..tool.spec().clone() };
                Arc::new(MockedTool { spec, is_untrusted: tool.is_untrusted(), turns: Arc::clone(turns) })
            }
            None => tool,
        };
        if self.faults.faults.is_empty() {
            return mocked;
        }
        Arc::new(FaultyTool { inner: mocked, faults: Arc::clone(&self.faults) })
    }

    fn denies(&self, node: &NodePath, tool: &ToolName) -> Option<Error> {
        self.faults.faults.denies(self.faults.site(node, tool))
    }
}

/// A tool of which calls go wrong.
#[derive(Debug)]
struct FaultyTool {
    inner: Arc<dyn Tool>,
    faults: Arc<FaultsOfTools>,
}

#[async_trait]
impl Tool for FaultyTool {
    fn spec(&self) -> &ToolSpec {
        self.inner.spec()
    }

    fn effect(&self, arguments: &Value) -> Effect {
        self.inner.effect(arguments)
    }

    fn reach(&self) -> &[AccessClass] {
        self.inner.reach()
    }

    fn is_untrusted(&self) -> bool {
        self.inner.is_untrusted()
    }

    fn is_inner(&self) -> bool {
        self.inner.is_inner()
    }

    fn usual_timeout(&self) -> Duration {
        self.inner.usual_timeout()
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        self.inner.accesses(arguments)
    }

    fn asks_mailboxes(&self, call: &Authorized<ToolCall>) -> Option<Result<MailboxRequest>> {
        self.inner.asks_mailboxes(call)
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        if let Some(caller) = context.caller {
            self.faults.faults.before(self.faults.site(caller.node, &self.spec().name)).await?;
        }
        self.inner.call(call, context).await
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
