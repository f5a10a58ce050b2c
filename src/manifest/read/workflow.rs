//! The tree of a workflow file → [`WorkflowManifest`].

use super::{
    agents::{agent, fallback, retry},
    memory,
    values::{count, count32, duration, entries, expression, number, on_ambiguous, text, texts},
    waits,
};
use crate::{
    diagnostic::{FileId, Spanned},
    manifest::{
        AgentChoice, CallsManifest, Entries, InputManifest, Join, LimitsManifest, LoopManifest, NodeKindManifest, NodeManifest,
        OnErrorManifest, RouteManifest, Schema, Tree, TreeKind, WorkflowManifest,
        check::Schemas,
        grammar::{Field, Kind, NODE},
        schema_shorthand,
    },
    model::Value,
};

/// `schemas` are those that the check of the same tree has made.
pub(super) fn workflow(tree: &Tree, file: FileId, mut schemas: Schemas) -> WorkflowManifest {
    let defaults = tree.get("defaults");
    WorkflowManifest {
        file,
        name: tree.get("name").and_then(text),
        description: tree.get("description").and_then(text),
        inputs: entries(tree.get("inputs"), |_, value| Some(input(value, &mut schemas))),
        limits: tree.get("limits").map(limits).unwrap_or_default(),
        default_retry: defaults.and_then(|defaults| defaults.get("retry")).map(retry),
        default_timeout: defaults.and_then(|defaults| defaults.get("timeout")).and_then(duration),
        agents: entries(tree.get("agents"), |_, value| Some(agent(value))),
        env: tree.get("env").map(texts).unwrap_or_default(),
        messages: entries(tree.get("messages"), |_, value| Some(schema(value, &mut schemas))),
        mailboxes: entries(tree.get("mailboxes"), |_, value| Some(waits::mailbox(value))),
        permissions: tree.get("permissions").map(texts),
        nodes: nodes(tree.get("nodes"), &mut schemas),
        outputs: entries(tree.get("outputs"), |_, value| Some(value.clone())),
    }
}

fn limits(tree: &Tree) -> LimitsManifest {
    LimitsManifest {
        timeout: tree.get("timeout").and_then(duration),
        max_cost_usd: tree.get("max_cost_usd").and_then(number),
        max_tokens: tree.get("max_tokens").and_then(count),
        concurrency: tree.get("concurrency").and_then(count32),
        nodes: tree.get("nodes").and_then(count),
        turns: tree.get("turns").and_then(count32),
        iterations: tree.get("iterations").and_then(count),
        tool_calls: tree.get("tool_calls").and_then(count),
    }
}

/// An input; what cannot be read of its type lets any value in, so that one mistake gives one problem.
fn input(tree: &Tree, schemas: &mut Schemas) -> InputManifest {
    let (written, is_long) = schema_shorthand::input_type(tree);
    let describing = is_long.then_some(tree);
    let made = schemas.remove(&tree.span).or_else(|| schema_shorthand::input_schema(tree, &mut Vec::new()));
    let json = made.unwrap_or_else(any);
    InputManifest {
        schema: Schema { json, span: written.span },
        default: describing.and_then(|tree| tree.get("default")).cloned(),
        description: describing.and_then(|tree| tree.get("description")).and_then(text),
        span: tree.span,
    }
}

fn schema(tree: &Tree, schemas: &mut Schemas) -> Schema {
    // A value behind an anchor is read more than once.
    let made = schemas.remove(&tree.span).or_else(|| schema_shorthand::to_json_schema(tree, &mut Vec::new()));
    Schema { json: made.unwrap_or_else(any), span: tree.span }
}

/// The schema that lets everything in.
fn any() -> Value {
    Value::Object(serde_json::Map::new())
}

/// All nodes. One whose id is invalid has been reported; it is kept, so that what names it is no second problem.
fn nodes(tree: Option<&Tree>, schemas: &mut Schemas) -> Entries<NodeManifest> {
    entries(tree, |_, value| Some(node(value, schemas)))
}

fn node(tree: &Tree, schemas: &mut Schemas) -> NodeManifest {
    NodeManifest {
        span: tree.span,
        kind: kind(tree, schemas).unwrap_or(NodeKindManifest::Broken),
        description: tree.get("description").and_then(text),
        needs: tree.get("needs").map(texts).unwrap_or_default(),
        edges: Vec::new(),
        when: tree.get("when").and_then(expression),
        join: tree.get("join").and_then(join),
        map: tree.get("map").and_then(text),
        map_as: tree.get("as").and_then(text),
        concurrency: tree.get("concurrency").and_then(count32),
        looped: tree.get("loop").and_then(|tree| {
            tree.as_map()?;
            Some(LoopManifest {
                until: tree.get("until").and_then(expression),
                max: tree.get("max").and_then(count32),
                span: tree.span,
            })
        }),
        route: tree.get("route").and_then(route),
        retry: tree.get("retry").map(retry),
        timeout: tree.get("timeout").and_then(duration),
        on_error: tree.get("on_error").and_then(on_error),
    }
}

/// What the node does, when exactly one kind is written and it can be read.
fn kind(tree: &Tree, schemas: &mut Schemas) -> Option<NodeKindManifest> {
    let [Kind { field: Field { name: kind, .. }, .. }] = NODE.written_kinds(&|key| tree.get(key).is_some())[..] else {
        return None;
    };
    let kind = *kind;
    let value = tree.get(kind)?;
    Some(match kind {
        "agent" => NodeKindManifest::Agent {
            agent: agent_choice(value)?,
            prompt: tree.get("prompt").and_then(text),
            prompt_file: tree.get("prompt_file").and_then(text),
            output: tree.get("output").map(|output| schema(output, schemas)),
            model: tree.get("model").and_then(text),
            fallback: tree.get("fallback").and_then(fallback),
            temperature: tree.get("temperature").and_then(number),
            max_tokens: tree.get("max_tokens").and_then(count32),
            max_turns: tree.get("max_turns").and_then(count32),
            tools: tree.get("tools").map(texts),
            calls: calls(tree),
            memory: memory::of_agent(tree),
        },
        "tool" => NodeKindManifest::Tool {
            tool: text(value)?,
            args: entries(tree.get("args"), |_, value| Some(value.clone())),
            output: tree.get("output").map(|output| schema(output, schemas)),
            calls: calls(tree),
        },
        "workflow" => {
            NodeKindManifest::Workflow { path: text(value)?, with: entries(tree.get("with"), |_, value| Some(value.clone())) }
        }
        "recall" => NodeKindManifest::Recall(memory::recall(value).filter(|recall| recall.query.is_some())?),
        "remember" => {
            let remember = memory::remember(value).filter(|remember| remember.documents.is_some())?;
            NodeKindManifest::Remember { remember, calls: calls(tree) }
        }
        "approval" => {
            let form = value.get("form").map(|form| schema(form, schemas));
            NodeKindManifest::Approval(waits::approval(value, form)?)
        }
        "wait" => NodeKindManifest::Wait(waits::wait(value)?),
        "send" => NodeKindManifest::Send(waits::send(value)?),
        "receive" => NodeKindManifest::Receive(waits::receive(value)?),
        "nodes" => {
            value.as_map()?;
            NodeKindManifest::Nodes(nodes(Some(value), schemas))
        }
        _ => NodeKindManifest::Value(value.clone()),
    })
}

fn calls(tree: &Tree) -> CallsManifest {
    CallsManifest {
        permissions: tree.get("permissions").map(texts),
        approve: tree.get("approve").filter(|approve| approve.as_str() == Some("human")).map(|approve| approve.span),
        on_ambiguous: tree.get("on_ambiguous").and_then(on_ambiguous),
    }
}

fn agent_choice(tree: &Tree) -> Option<AgentChoice> {
    if let Some(name) = text(tree) {
        return Some(AgentChoice::Name(name));
    }
    Some(AgentChoice::Capabilities(texts(tree.get("capability")?)))
        .filter(|choice| matches!(choice, AgentChoice::Capabilities(names) if !names.is_empty()))
}

fn join(tree: &Tree) -> Option<Spanned<Join>> {
    let join = match tree.as_str()? {
        "all" => Join::All,
        "any" => Join::Any,
        _ => return None,
    };
    Some(Spanned::new(join, tree.span))
}

fn route(tree: &Tree) -> Option<RouteManifest> {
    Some(RouteManifest {
        on: expression(tree.get("on")?)?,
        cases: entries(tree.get("cases"), |_, value| Some(texts(value))),
        default: tree.get("default").map(texts),
        span: tree.span,
    })
}

fn on_error(tree: &Tree) -> Option<Spanned<OnErrorManifest>> {
    let value = match &tree.kind {
        TreeKind::String(word) if word == "fail" => OnErrorManifest::Fail,
        TreeKind::String(word) if word == "continue" => OnErrorManifest::Continue,
        _ => match tree.get("use") {
            Some(value) => OnErrorManifest::Use(value.clone()),
            None => OnErrorManifest::Goto(text(tree.get("goto")?)?),
        },
    };
    Some(Spanned::new(value, tree.span))
}
