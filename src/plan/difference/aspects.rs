//! What a workflow and a node say, aspect by aspect, named as in the format. What is as it is when nothing is said is left out.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::json;

use crate::{
    model::{Effect, Permission, Value},
    plan::{
        AgentNode, ApprovalNode, ConversationScope, InputPlan, JoinMode, Limits, MailboxPlan, MessageSource, NodeKind, NodePlan,
        OnError, Plan, Power, RoutePlan, ToolNode, WaitNode,
    },
    resilience::RetryPolicy,
    template::{Expression, Template, TemplateTree},
};

/// What something says, by aspect.
pub(super) type Aspects = IndexMap<String, Value>;

/// What a workflow says as a whole.
pub(super) fn of_workflow(plan: &Plan) -> Aspects {
    let mut said = Said::default();
    said.put("name", Some(&plan.name));
    said.put("description", plan.description.as_ref());
    for (name, input) in &plan.inputs {
        said.put(&format!("inputs.{name}"), Some(of_input(input)));
    }
    for (name, output) in &plan.outputs {
        said.put(&format!("outputs.{name}"), Some(written(output)));
    }
    limits(&mut said, &plan.limits);
    said.put("env", some(&plan.env));
    for (kind, schema) in &plan.messages {
        said.put(&format!("messages.{kind}"), Some(&**schema));
    }
    for (name, mailbox) in &plan.mailboxes {
        let MailboxPlan { subscribes, limit, ttl } = mailbox;
        let described = json!({"subscribes": subscribes, "limit": limit, "ttl": ttl.map(duration)});
        said.put(&format!("mailboxes.{name}"), Some(described));
    }
    said.0
}

/// What a node says. `written` is the node that its author wrote, where `compile` made a graph around it.
pub(super) fn of_node(node: &NodePlan, written: Option<&NodePlan>) -> Aspects {
    let mut said = Said::default();
    let inner = written.unwrap_or(node);
    said.put("kind", Some(inner.kind.word()));
    said.put("description", node.description.as_ref());
    of_kind(&mut said, &inner.kind);
    said.put("when", node.when.as_ref().map(Expression::source));
    said.put("map", node.map.as_ref().map(|map| json!({"over": map.over.source(), "as": map.name})));
    said.put("concurrency", node.map.as_ref().and_then(|map| map.concurrency));
    let looped = node.looped.as_ref();
    said.put("loop", looped.map(|looped| json!({"max": looped.max, "until": looped.until.as_ref().map(Expression::source)})));
    said.put("join", (node.join == JoinMode::Any).then_some("any"));
    said.put("route", node.route.as_ref().map(route));
    said.put("on_error", on_error(&node.on_error));
    said.put("retry", retry(&inner.retry));
    said.put("timeout", inner.timeout.map(duration));
    if written.is_some() {
        said.put("timeout of all iterations", node.timeout.map(duration));
    }
    said.0
}

/// Collects aspects; what is not said is not there.
#[derive(Default)]
struct Said(Aspects);

impl Said {
    fn put(&mut self, aspect: &str, value: Option<impl serde::Serialize>) {
        let value = value.and_then(|value| serde_json::to_value(value).ok());
        if let Some(value) = value {
            self.0.insert(aspect.to_owned(), value);
        }
    }
}

fn of_input(input: &InputPlan) -> Value {
    json!({"schema": input.schema, "default": input.default, "description": input.description})
}

fn limits(said: &mut Said, limits: &Limits) {
    let Limits { timeout, max_cost_usd, max_tokens, concurrency, nodes, turns, iterations, tool_calls } = limits;
    said.put("limits.timeout", timeout.map(duration));
    said.put("limits.max_cost_usd", *max_cost_usd);
    said.put("limits.max_tokens", *max_tokens);
    said.put("limits.concurrency", Some(concurrency));
    said.put("limits.nodes", Some(nodes));
    said.put("limits.turns", Some(turns));
    said.put("limits.iterations", Some(iterations));
    said.put("limits.tool_calls", Some(tool_calls));
}

fn of_kind(said: &mut Said, kind: &NodeKind) {
    match kind {
        NodeKind::StandIn { of, .. } => of_kind(said, of),
        NodeKind::Agent(node) => agent(said, node),
        NodeKind::Tool(node) => tool(said, node),
        NodeKind::Value(value) => said.put("value", Some(written(value))),
        NodeKind::Workflow { plan, with } => {
            said.put("workflow", Some(&plan.name));
            said.put("with", some(&trees(with)));
            let inputs: IndexMap<&String, Value> = plan.inputs.iter().map(|(name, input)| (name, of_input(input))).collect();
            said.put("inputs of the workflow", some(&inputs));
            said.put("outputs of the workflow", some(&trees(&plan.outputs)));
        }
        NodeKind::Graph(_) => {}
        NodeKind::Approval(node) => approval(said, node),
        NodeKind::Wait(node) => match &**node {
            WaitNode::For(time) => said.put("for", Some(duration(*time))),
            WaitNode::Until(time) => said.put("until", Some(time.source())),
            WaitNode::Message { from, timeout, goes_on } => {
                said.put("from", Some(source(from)));
                said.put("timeout of the wait", timeout.map(duration));
                said.put("goes on without a message", goes_on.then_some(true));
            }
        },
        NodeKind::Send(node) => {
            said.put("to", Some(node.to.source()));
            said.put("type", Some(node.kind.source()));
            said.put("body", Some(written(&node.body)));
            said.put("ttl", node.ttl.map(duration));
        }
        NodeKind::Receive(node) => {
            said.put("from", Some(source(&node.from)));
            said.put("count", Some(node.count));
            said.put("timeout of the wait", node.timeout.map(duration));
            said.put("takes fewer messages", node.takes_fewer.then_some(true));
        }
    }
}

fn agent(said: &mut Said, node: &AgentNode) {
    said.put("agent", Some(&node.agent.name));
    said.put("model", node.model.as_ref().map(ToString::to_string));
    said.put("fallback", some(&node.fallback));
    said.put("system", node.system.as_ref().map(Template::source));
    said.put("prompt", Some(node.prompt.source()));
    said.put("output", node.output.as_deref());
    said.put("temperature", node.temperature);
    said.put("max_tokens", node.max_tokens);
    said.put("max_turns", Some(node.max_turns));
    said.put("timeout of a call", Some(duration(node.call_timeout)));
    said.put("tools", some(&node.tools));
    said.put("on_ambiguous", node.on_ambiguous);
    touches(said, &node.powers, node.grants.always_ask);
    let recall = node.recall.as_ref();
    said.put("recall", recall.map(|recall| json!({"args": written(&recall.args), "max_tokens": recall.max_tokens})));
    said.put("remember", node.remember.as_ref().map(|remember| written(&remember.args)));
    let conversation = node.conversation.as_ref().map(|conversation| {
        let scope = match conversation.scope {
            ConversationScope::Workflow => "workflow",
            ConversationScope::Project => "project",
            ConversationScope::Run => "run",
        };
        json!({
            "name": conversation.name.source(),
            "scope": scope,
            "max_tokens": conversation.max_tokens,
            "keep": conversation.keep,
            "summarizer": conversation.summarizer,
        })
    });
    said.put("conversation", conversation);
}

fn tool(said: &mut Said, node: &ToolNode) {
    said.put("tool", Some(&node.tool));
    said.put("args", Some(written(&node.args)));
    said.put("secrets", some(&node.secrets.iter().collect::<Vec<_>>()));
    said.put("output", node.output.as_deref());
    said.put("on_ambiguous", node.on_ambiguous);
    said.put("timeout of a call", node.call_timeout.map(duration));
    touches(said, &node.powers, node.grants.always_ask);
}

/// What tools may do here.
fn touches(said: &mut Said, powers: &[Power], always_ask: bool) {
    let mut permissions: Vec<&str> = powers.iter().flat_map(|power| &power.permissions).map(Permission::as_str).collect();
    permissions.sort_unstable();
    permissions.dedup();
    said.put("permissions", some(&permissions));
    said.put("effect", powers.iter().map(|power| power.effect).max().map(Effect::as_str));
    said.put("approved by a person", always_ask.then_some(true));
}

fn approval(said: &mut Said, node: &ApprovalNode) {
    said.put("message", Some(node.message.source()));
    said.put("options", Some(&node.options));
    said.put("form", node.form.as_deref());
    said.put("timeout of the question", node.timeout.map(duration));
    said.put("on_timeout", node.on_timeout.as_ref());
}

fn source(from: &MessageSource) -> Value {
    json!({"mailbox": from.mailbox.source(), "type": from.kind.as_ref().map(Template::source)})
}

fn route(route: &RoutePlan) -> Value {
    json!({"on": route.on.source(), "cases": route.cases, "default": route.default})
}

fn on_error(choice: &OnError) -> Option<Value> {
    match choice {
        OnError::Fail => None,
        OnError::Continue => Some(json!("continue")),
        OnError::Use(value) => Some(json!({"use": written(value)})),
        OnError::Goto(node) => Some(json!({"goto": node})),
    }
}

/// How often it is tried; nothing where it is tried once.
fn retry(policy: &RetryPolicy) -> Option<Value> {
    let RetryPolicy { max_attempts, initial, factor, max, jitter } = policy;
    (*max_attempts > 1).then(|| {
        json!({
            "max_attempts": max_attempts,
            "initial": duration(*initial),
            "factor": factor,
            "max": duration(*max),
            "jitter": jitter,
        })
    })
}

/// `500ms`, `1.5s`, `900s`.
fn duration(time: Duration) -> String {
    format!("{time:?}")
}

/// A list or map, where there is something in it.
fn some<T: serde::Serialize>(all: &T) -> Option<Value> {
    let value = serde_json::to_value(all).ok()?;
    let is_empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty);
    (!is_empty).then_some(value)
}

fn trees(trees: &IndexMap<String, TemplateTree>) -> IndexMap<&String, Value> {
    trees.iter().map(|(name, tree)| (name, written(tree))).collect()
}

/// As it was written: templates as their source.
fn written(tree: &TemplateTree) -> Value {
    match tree {
        TemplateTree::Literal(value) => value.clone(),
        TemplateTree::Text(template) => template.source().into(),
        TemplateTree::List(items) => items.iter().map(written).collect(),
        TemplateTree::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), written(value))).collect(),
    }
}
