//! Agents and workflows that are called as tools, `agent:NAME` and `workflow:FILE`: each becomes a plan of its own, found by the name
//! of the tool, and none can come to call itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use crate::{
    diagnostic::{Code, Diagnostic, FileId, Span, Spanned},
    manifest::{WorkflowManifest, read_workflow_text},
    model::{ToolName, ToolPattern},
    plan::{
        GraphPlan, NodeKind, Plan, Power,
        catalog::{Catalog, CatalogEntry, folder},
        compile::{Compiler, normal},
    },
    tool::Level,
};

/// How many agents and workflows may call one another in a row.
const MAX_DEPTH: usize = 8;
/// The input of an agent that is called as a tool.
const TASK: &str = "task";
/// The output of an agent that is called as a tool.
const ANSWER: &str = "answer";

/// The agents and workflows that are called as tools, by the names of the tools.
#[derive(Debug, Default)]
pub(super) struct Delegates {
    found: BTreeMap<ToolName, Delegate>,
    /// What the workflows among them may do, as it is known where one is named.
    pub(super) powers: BTreeMap<ToolName, Vec<Power>>,
    /// The workflows whose powers are being found out.
    open: Vec<PathBuf>,
    /// Workflows that were made here around an agent: in no file, and made again when they are needed.
    pub(super) made: BTreeSet<FileId>,
}

/// One of them.
#[derive(Debug)]
struct Delegate {
    target: Target,
    /// Where it was named first.
    span: Span,
    /// What the workflows ask for in which it is named: it is held to all of them.
    levels: Vec<Level>,
    /// How many of the levels its plan has, with the plan.
    compiled: Option<(usize, Option<Arc<Plan>>)>,
}

#[derive(Debug)]
enum Target {
    Agent {
        /// Where the agent is written.
        written_at: Span,
        /// The agents that it knows.
        catalog: Box<Catalog>,
        /// The workflow around it, once it is made.
        workflow: Option<Arc<WorkflowManifest>>,
    },
    Workflow {
        path: PathBuf,
    },
}

impl Target {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Agent { written_at: one, .. }, Self::Agent { written_at: other, .. }) => one == other,
            (Self::Workflow { path: one }, Self::Workflow { path: other }) => normal(one) == normal(other),
            (Self::Agent { .. }, Self::Workflow { .. }) | (Self::Workflow { .. }, Self::Agent { .. }) => false,
        }
    }
}

impl Compiler<'_> {
    /// Notes the agents and the workflow that `pattern` means, if it means some. It is written at `span`; a file is looked for beside
    /// the file `base`.
    pub(super) fn note_delegates(&mut self, pattern: &ToolPattern, span: Span, base: FileId, agents: &Catalog) {
        match pattern.as_str().split_once(':') {
            Some(("agent", _)) => {
                for (name, entry) in agents.entries() {
                    let Ok(tool) = ToolName::new(format!("agent:{name}")) else { continue };
                    if pattern.covers(&tool) {
                        let catalog = Box::new(agents.clone());
                        self.note_delegate(tool, Target::Agent { written_at: entry.span(), catalog, workflow: None }, span);
                    }
                }
            }
            Some(("workflow", file)) => {
                if let Some(tool) = pattern.as_name() {
                    let path = folder(&self.sources.get(base).path).join(file);
                    self.note_delegate(tool, Target::Workflow { path }, span);
                    return;
                }
                let problem = Diagnostic::error(Code::UNKNOWN_TOOL, span, format!("tool `{pattern}`: a workflow is one file"));
                self.report(problem.hint("name each file, without `*`"));
            }
            _ => {}
        }
    }

    /// Finds out what the workflows may do that are among `tools`, and among those of the agents these delegate to. Each is compiled
    /// under the levels of now; one that comes to call itself has nothing to add, and is reported later.
    pub(super) fn learn_powers(&mut self, tools: &[Spanned<ToolPattern>], agents: &Catalog) {
        let patterns: Vec<ToolPattern> = tools.iter().map(|tool| tool.value.clone()).collect();
        let delegates = agents.delegates(&patterns);
        let theirs = delegates.keys().filter_map(|name| agents.get(name)).flat_map(CatalogEntry::tools);
        for Spanned { value: pattern, span } in tools.iter().chain(theirs) {
            let Some((tool, file)) = pattern.as_name().and_then(|tool| Some((tool, pattern.as_str().strip_prefix("workflow:")?)))
            else {
                continue;
            };
            let path = folder(&self.sources.get(span.file).path).join(file);
            let key = normal(&path);
            if self.delegates.open.len() >= MAX_DEPTH || self.delegates.open.contains(&key) {
                continue;
            }
            self.delegates.open.push(key);
            let powers = self.other_workflow(&path, *span).map(|plan| plan.powers_as(file));
            self.delegates.open.pop();
            self.delegates.powers.insert(tool, powers.unwrap_or_default());
        }
    }

    fn note_delegate(&mut self, tool: ToolName, target: Target, span: Span) {
        let levels = self.levels.clone();
        let Some(known) = self.delegates.found.get_mut(&tool) else {
            self.delegates.found.insert(tool, Delegate { target, span, levels, compiled: None });
            return;
        };
        if known.target.is(&target) {
            known.levels.extend(levels.into_iter().filter(|level| !known.levels.contains(level)).collect::<Vec<_>>());
            return;
        }
        let message = format!("`{tool}` means something else here than at another place of the workflow");
        let problem = Diagnostic::error(Code::UNKNOWN_TOOL, span, message).related(known.span, "the other place is here");
        self.report(problem.hint("give one of them another name: in a run, a tool is found by its name"));
    }

    /// Compiles all that are called as tools, from `plan` or from one another, and puts them into it.
    pub(super) fn compile_delegates(&mut self, plan: &mut Plan) {
        // Each may name others, and bring further levels to those that are known.
        while let Some(tool) = self.delegates.found.iter().find(|(_, found)| found.is_open()).map(|(tool, _)| tool.clone()) {
            let compiled = self.compile_delegate(&tool);
            if let Some(found) = self.delegates.found.get_mut(&tool) {
                found.compiled = Some(compiled);
            }
        }
        let plans = self.delegates.found.iter().filter_map(|(tool, found)| {
            let (_, plan) = found.compiled.as_ref()?;
            Some((tool.clone(), Arc::clone(plan.as_ref()?)))
        });
        plan.delegates = plans.collect();
        self.check_delegates(plan);
        let agents = plan.delegates.values().flat_map(|delegate| &delegate.agents);
        let agents: Vec<_> = agents.map(|(name, profile)| (name.clone(), Arc::clone(profile))).collect();
        for (name, profile) in agents {
            plan.agents.entry(name).or_insert(profile);
        }
    }

    /// Compiles one of them under the levels that are known so far.
    fn compile_delegate(&mut self, tool: &ToolName) -> (usize, Option<Arc<Plan>>) {
        let Some(found) = self.delegates.found.get(tool) else { return (0, None) };
        let (span, levels) = (found.span, found.levels.clone());
        let count = levels.len();
        let around = std::mem::replace(&mut self.levels, levels);
        let plan = match &found.target {
            Target::Workflow { path } => {
                let path = path.clone();
                self.other_workflow(&path, span)
            }
            Target::Agent { catalog, workflow, .. } => {
                let (catalog, workflow) = (catalog.clone(), workflow.clone());
                let base = std::mem::replace(&mut self.catalog, *catalog);
                let workflow = workflow.or_else(|| self.around_agent(tool));
                let plan = workflow.as_ref().and_then(|workflow| self.made_workflow(workflow));
                self.catalog = base;
                if let Some(Delegate { target: Target::Agent { workflow: kept, .. }, .. }) = self.delegates.found.get_mut(tool) {
                    *kept = workflow;
                }
                plan.map(|plan| Arc::new(named(tool, plan)))
            }
        };
        self.levels = around;
        (count, plan)
    }

    /// A workflow that asks the agent that `tool` names, and nothing else.
    fn around_agent(&mut self, tool: &ToolName) -> Option<Arc<WorkflowManifest>> {
        let agent = tool.agent()?;
        let text = json!({
            "inputs": {TASK: {"type": "string", "description": "What is to be done, with everything that is needed to do it."}},
            "nodes": {ANSWER: {"agent": agent, "prompt": format!("{{{{ inputs.{TASK} }}}}")}},
            "outputs": {ANSWER: format!("{{{{ {ANSWER} }}}}")},
        });
        let path = format!("<{tool}>");
        let workflow = read_workflow_text(Path::new(&path), text.to_string(), &mut self.sources, &mut self.problems)?;
        self.delegates.made.insert(workflow.file);
        Some(Arc::new(workflow))
    }

    /// Reports agents and workflows that come to call themselves, and chains that are too long.
    fn check_delegates(&mut self, plan: &Plan) {
        let calls: BTreeMap<&ToolName, Vec<&ToolName>> =
            plan.delegates.iter().map(|(tool, inner)| (tool, called(&inner.graph, plan))).collect();
        let mut problems = Vec::new();
        let mut heights = BTreeMap::new();
        for tool in plan.delegates.keys() {
            walk(tool, &calls, &mut Vec::new(), &mut heights, &mut |way| problems.push(way));
        }
        for way in problems {
            let Some(first) = self.delegates.found.get(way[0]) else { continue };
            let shown = way.iter().map(|tool| format!("`{tool}`")).collect::<Vec<_>>().join(" \u{2192} ");
            let problem = Diagnostic::error(Code::SELF_CALL, first.span, format!("`{}` comes to call itself: {shown}", way[0]));
            self.report(problem.hint("take one of these tools away from the agent that has it"));
        }
        if let Some((tool, height)) = heights.iter().find(|(_, height)| **height > MAX_DEPTH) {
            let Some(found) = self.delegates.found.get(*tool) else { return };
            let message = format!("from `{tool}` on, {height} agents and workflows call one another as tools; {MAX_DEPTH} may");
            self.report(Diagnostic::error(Code::TOO_COMPLEX, found.span, message));
        }
    }
}

impl Delegate {
    /// Whether it has to be compiled, for the first time or for further levels.
    fn is_open(&self) -> bool {
        self.compiled.as_ref().is_none_or(|(levels, _)| *levels < self.levels.len())
    }
}

/// The plan around an agent, called as the tool is.
fn named(tool: &ToolName, plan: Plan) -> Plan {
    let description = tool.agent().and_then(|agent| plan.agents.get(agent)?.description.clone());
    Plan { name: tool.to_string(), description, ..plan }
}

/// The agents and workflows that the nodes of a graph may call as tools.
fn called<'p>(graph: &GraphPlan, plan: &'p Plan) -> Vec<&'p ToolName> {
    let mut found = BTreeSet::new();
    let mut graphs = vec![graph];
    while let Some(graph) = graphs.pop() {
        for node in &graph.nodes {
            graphs.extend(node.inside().map(|inside| &**inside));
            match &node.kind {
                NodeKind::Agent(agent) => {
                    let summarizer = agent.conversation.as_ref().and_then(|conversation| conversation.summarizer.as_ref());
                    let has = |tool: &&ToolName| {
                        agent.tools.iter().any(|pattern| pattern.covers(tool))
                            || summarizer.is_some_and(|name| tool.agent() == Some(name.as_str()))
                    };
                    found.extend(plan.delegates.keys().filter(has));
                }
                NodeKind::Tool(tool) => found.extend(plan.delegates.get_key_value(&tool.tool).map(|(name, _)| name)),
                NodeKind::Value(_)
                | NodeKind::StandIn { .. }
                | NodeKind::Approval(_)
                | NodeKind::Wait(_)
                | NodeKind::Send(_)
                | NodeKind::Receive(_)
                | NodeKind::Workflow { .. }
                | NodeKind::Graph(_) => {}
            }
        }
    }
    found.into_iter().collect()
}

/// Notes how long the longest chain of calls from `tool` on is, and tells each way on which a tool comes back to itself.
fn walk<'p>(
    tool: &'p ToolName,
    calls: &BTreeMap<&'p ToolName, Vec<&'p ToolName>>,
    way: &mut Vec<&'p ToolName>,
    heights: &mut BTreeMap<&'p ToolName, usize>,
    comes_back: &mut impl FnMut(Vec<&'p ToolName>),
) -> usize {
    if let Some(at) = way.iter().position(|before| *before == tool) {
        comes_back(way[at..].iter().copied().chain([tool]).collect());
        return 0;
    }
    if let Some(known) = heights.get(tool) {
        return *known;
    }
    way.push(tool);
    let longest = calls.get(tool).into_iter().flatten().map(|next| walk(next, calls, way, heights, comes_back)).max();
    way.pop();
    let height = longest.unwrap_or(0) + 1;
    heights.insert(tool, height);
    height
}
