//! Digests of what a node is, by which two runs or two versions of a file are compared. What only says how patiently or how
//! fast a node works (retries, time limits, concurrency, descriptions) is in none of them.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    model::{Value, short_hex},
    plan::{
        AgentNode, ConversationPlan, ConversationScope, EdgeKind, EdgePlan, GraphOutput, GraphPlan, JoinMode, MessageSource,
        NodeKind, NodePlan, OnError, Plan, ToolNode, WaitNode,
    },
    template::{Expression, Template, TemplateTree},
    tool::Grants,
};

/// What is asked of an agent besides its prompts and its model: who it is, the form of the answer, the settings.
pub(super) fn of_agent(node: &AgentNode) -> String {
    digest(&agent(node))
}

/// What is asked of a tool besides its arguments.
pub(super) fn of_tool(node: &ToolNode) -> String {
    digest(&tool(node))
}

/// What a tool is given: the call itself, without what it is permitted.
pub(super) fn of_arguments(node: &ToolNode) -> String {
    digest(&json!([node.tool, tree(&node.args)]))
}

impl GraphPlan {
    /// A digest of the node at `index` as a whole: what it does, with which templates and settings (but for the model), when it
    /// runs, and all that is inside it. What comes after it is not part of it.
    #[must_use]
    pub fn definition_of(&self, index: usize) -> String {
        digest(&self.node(&self.nodes[index]))
    }

    fn node(&self, node: &NodePlan) -> Value {
        let incoming: Vec<Value> = node.incoming.iter().map(|edge| self.edge(edge)).collect();
        json!({
            "kind": kind(&node.kind),
            "incoming": incoming,
            "join": match node.join { JoinMode::All => "all", JoinMode::Any => "any" },
            "when": node.when.as_ref().map(Expression::source),
            "map": node.map.as_ref().map(|map| json!([map.over.source(), map.name])),
            "loop": node.looped.as_ref().map(|looped| json!([looped.until.as_ref().map(Expression::source), looped.max])),
            "route": node.route.as_ref().map(|route| {
                let mut cases: Vec<_> = route.cases.iter().map(|(value, chosen)| json!([value, names(chosen)])).collect();
                cases.sort_by_key(ToString::to_string);
                json!([route.on.source(), cases, route.default.as_ref().map(|chosen| names(chosen))])
            }),
            "on_error": on_error(&node.on_error),
        })
    }

    fn edge(&self, edge: &EdgePlan) -> Value {
        let (kind, condition) = match &edge.kind {
            EdgeKind::Plain => ("plain", None),
            EdgeKind::Routed => ("routed", None),
            EdgeKind::Conditional(condition) => ("conditional", Some(condition.source())),
            EdgeKind::OnError => ("on_error", None),
        };
        json!([self.nodes[edge.from].id.as_str(), kind, condition])
    }

    /// All nodes, by their ids.
    fn whole(&self) -> Value {
        let nodes: Vec<Value> = self.index.iter().map(|(id, at)| json!([id.as_str(), self.node(&self.nodes[*at])])).collect();
        json!([matches!(self.output, GraphOutput::Single), nodes])
    }
}

fn names(ids: &[crate::model::NodeId]) -> Vec<&str> {
    ids.iter().map(crate::model::NodeId::as_str).collect()
}

fn on_error(choice: &OnError) -> Value {
    match choice {
        OnError::Fail => json!("fail"),
        OnError::Continue => json!("continue"),
        OnError::Use(value) => json!({"use": tree(value)}),
        OnError::Goto(node) => json!({"goto": node.as_str()}),
    }
}

fn kind(of: &NodeKind) -> Value {
    match of {
        NodeKind::StandIn { of, .. } => kind(of),
        NodeKind::Agent(node) => {
            let (system, prompt) = (node.system.as_ref().map(Template::source), node.prompt.source());
            json!({"agent": agent(node), "system": system, "prompt": prompt})
        }
        NodeKind::Tool(node) => json!({"tool": tool(node), "args": tree(&node.args)}),
        NodeKind::Value(value) => json!({"value": tree(value)}),
        NodeKind::Workflow { plan, with } => {
            let with: Vec<Value> = with.iter().map(|(name, value)| json!([name, tree(value)])).collect();
            json!({"workflow": workflow(plan), "with": with})
        }
        NodeKind::Graph(graph) => json!({"nodes": graph.whole()}),
        NodeKind::Approval(node) => {
            json!({"approval": [node.message.source(), node.options, node.form.as_deref(), node.on_timeout]})
        }
        NodeKind::Wait(node) => match &**node {
            WaitNode::For(duration) => json!({"wait": duration.as_millis().to_string()}),
            WaitNode::Until(time) => json!({"wait": {"until": time.source()}}),
            WaitNode::Message { from, goes_on, .. } => json!({"wait": [source(from), goes_on]}),
        },
        NodeKind::Send(node) => json!({"send": [node.to.source(), node.kind.source(), tree(&node.body)]}),
        NodeKind::Receive(node) => json!({"receive": [source(&node.from), node.count, node.takes_fewer]}),
    }
}

fn source(from: &MessageSource) -> Value {
    json!([from.mailbox.source(), from.kind.as_ref().map(Template::source)])
}

/// An inner workflow: what it takes, does and gives.
fn workflow(plan: &Plan) -> Value {
    let inputs: Vec<Value> = plan.inputs.iter().map(|(name, input)| json!([name, input.schema, input.default])).collect();
    let outputs: Vec<Value> = plan.outputs.iter().map(|(name, value)| json!([name, tree(value)])).collect();
    json!([inputs, plan.graph.whole(), outputs])
}

fn agent(node: &AgentNode) -> Value {
    let mut value = json!({
        "name": node.agent.name.as_str(),
        "output": node.output.as_deref(),
        "temperature": node.temperature,
        "max_tokens": node.max_tokens,
        "max_turns": node.max_turns,
    });
    // Without tools it is what it was before there were any.
    if !node.tools.is_empty() {
        value["tools"] = json!(node.tools);
        value["grants"] = grants(&node.grants);
    }
    if let Some(memory) = memory(node) {
        value["memory"] = memory;
    }
    value
}

/// What an agent recalls, remembers and goes on with; `None` where it does nothing of that.
fn memory(node: &AgentNode) -> Option<Value> {
    let recall = node.recall.as_ref().map(|recall| json!([tree(&recall.args), recall.max_tokens, grants(&recall.grants)]));
    let remember = node.remember.as_ref().map(|remember| json!([tree(&remember.args), grants(&remember.grants)]));
    let conversation = node.conversation.as_ref().map(|conversation| {
        let scope = match conversation.scope {
            ConversationScope::Workflow => "workflow",
            ConversationScope::Project => "project",
            ConversationScope::Run => "run",
        };
        let ConversationPlan { name, max_tokens, keep, summarizer, .. } = conversation;
        json!([name.source(), scope, max_tokens, keep, summarizer])
    });
    let is_any = recall.is_some() || remember.is_some() || conversation.is_some();
    is_any.then(|| json!([recall, remember, conversation]))
}

/// The prompts of an agent, and what it recalls, remembers and goes on with.
pub(super) fn of_prompts(node: &AgentNode) -> String {
    let prompts = [node.system.as_ref().map(Template::source), Some(node.prompt.source())];
    digest(&memory(node).map_or_else(|| json!(prompts), |memory| json!([prompts, memory])))
}

fn tool(node: &ToolNode) -> Value {
    json!({"name": node.tool, "output": node.output.as_deref(), "grants": grants(&node.grants)})
}

fn grants(grants: &Grants) -> Value {
    let levels: Vec<_> = grants.levels.iter().map(|level| &level.permissions).collect();
    json!([levels, grants.always_ask])
}

fn tree(tree: &TemplateTree) -> Value {
    match tree {
        TemplateTree::Literal(value) => json!({"is": value}),
        TemplateTree::Text(template) => json!(template.source()),
        TemplateTree::List(items) => items.iter().map(self::tree).collect(),
        TemplateTree::Map(entries) => entries.iter().map(|(key, value)| json!([key, self::tree(value)])).collect(),
    }
}

fn digest(value: &Value) -> String {
    short_hex(&Sha256::digest(value.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        diagnostic::DiskFiles,
        plan::{CompileOptions, ManifestChoice, compile_text},
    };

    const FLOW: &str = "
agents: { a: { model: mock/m, system: Be brief. } }
nodes:
  one: { agent: a, prompt: 'One', output: { score: integer, why: string } }
  two: { needs: one, nodes: { deep: { agent: a, prompt: 'Two' } } }
";

    fn plan(yaml: &str) -> Plan {
        let path = Path::new("flow.yaml");
        let compiled = compile_text(path, yaml.to_owned(), ManifestChoice::None, &DiskFiles, &CompileOptions::default());
        compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
    }

    fn of(yaml: &str, node: &str) -> String {
        let plan = plan(yaml);
        plan.graph.definition_of(plan.graph.index[node])
    }

    fn agent_of(yaml: &str) -> String {
        let plan = plan(yaml);
        let NodeKind::Agent(node) = &plan.graph.nodes[plan.graph.index["one"]].kind else { panic!("`one` is an agent") };
        node.definition.clone()
    }

    #[test]
    fn the_definition_of_an_agent_is_neither_its_prompts_nor_its_model() {
        let one = agent_of(FLOW);
        assert_eq!(one, agent_of(&FLOW.replace("'One'", "'Uno'").replace("mock/m", "mock/n").replace("brief", "long")));
        assert_ne!(one, agent_of(&FLOW.replace("integer", "number")));
        assert_ne!(one, agent_of(&FLOW.replace("prompt: 'One'", "prompt: 'One', temperature: 0.5")));
    }

    #[test]
    fn a_node_is_its_templates_its_edges_and_all_that_is_inside() {
        let [one, two] = ["one", "two"].map(|node| of(FLOW, node));
        let prompt = FLOW.replace("'One'", "'Uno'");
        assert_ne!(one, of(&prompt, "one"));
        assert_eq!(two, of(&prompt, "two"));
        assert_ne!(two, of(&FLOW.replace("'Two'", "'Due'"), "two"));
        assert_ne!(two, of(&FLOW.replace("needs: one, ", ""), "two"));
        assert_eq!(one, of(&FLOW.replace("needs: one, ", ""), "one"), "what comes after a node is not part of it");
        assert_eq!(one, of(&FLOW.replace("prompt: 'One'", "timeout: 5s, retry: { max_attempts: 9 }, prompt: 'One'"), "one"));
    }
}
