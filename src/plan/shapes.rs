//! What is known of the outputs: the JSON Schema of every node, as far as it can be told before a run, and of what a reference reads.

use std::sync::Arc;

use serde_json::json;

use crate::{
    manifest::WorkflowManifest,
    model::Value,
    plan::{
        draft::{Code, Codes, KindDraft, NodeDraft, Read, Role, TreeDraft},
        resolve::{message, sent},
        scope::{STATE_FIELDS, Scope, Target},
    },
    schema::{Field, field},
};

/// The schema of what nothing is known of.
static UNKNOWN: Value = Value::Null;

/// Whether a schema says anything.
pub(super) fn says_something(schema: &Value) -> bool {
    schema.as_object().is_some_and(|schema| !schema.is_empty())
}

/// What is the same for all nodes of a workflow.
#[derive(Debug)]
pub(super) struct World<'w> {
    pub(super) workflow: &'w WorkflowManifest,
    pub(super) codes: &'w Codes,
    number: Value,
    text: Arc<Value>,
    state: Value,
    messages: Value,
}

impl<'w> World<'w> {
    pub(super) fn new(workflow: &'w WorkflowManifest, codes: &'w Codes) -> Self {
        let state = json!({
            "type": "object",
            "properties": {
                "status": {"type": "string", "enum": ["pending", "ready", "running", "waiting", "succeeded", "failed", "skipped", "cancelled"]},
                "output": {}, "error": {}, "attempts": {"type": "integer"}, "cost_usd": {"type": "number"}, "duration_ms": {"type": "integer"},
            },
            "required": STATE_FIELDS,
            "additionalProperties": false,
        });
        let messages = json!({"type": "array", "items": message(None)});
        Self { messages, workflow, codes, number: json!({"type": "integer"}), text: Arc::new(json!({"type": "string"})), state }
    }
}

/// What following a path found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape<'a> {
    /// It is there, as far as is known; `optional` counts the names up to the first field that may be absent.
    Known { schema: &'a Value, optional: Option<usize> },
    /// Its source has no such field.
    Missing {
        /// How many names of the path lead to what has no such field.
        at: usize,
        schema: &'a Value,
        /// The fields it has.
        fields: Vec<&'a str>,
    },
}

/// Fills in the schemas of a graph and of all graphs in it.
pub(super) fn fill(world: &World<'_>, scope: &Scope<'_, '_>) {
    let graph = scope.graph;
    for index in graph.links().order.iter().copied() {
        let node = &graph.nodes[index];
        let element = match &node.kind {
            KindDraft::Agent(agent) => Some(agent.output.clone().unwrap_or_else(|| Arc::clone(&world.text))),
            KindDraft::Tool(tool) => tool.output.clone(),
            KindDraft::Value(tree) => of_tree(world, scope, index, tree).map(Arc::new),
            KindDraft::Workflow { plan, .. } => plan.as_ref().map(|plan| Arc::new(plan.output_schema.clone())),
            KindDraft::Approval(approval) => Some(Arc::clone(&approval.output)),
            KindDraft::Wait(wait) => wait.output(),
            KindDraft::Send(_) => Some(sent()),
            KindDraft::Receive(receive) => Some(Arc::new(json!({"type": "array", "items": *receive.from.message}))),
            KindDraft::Broken => None,
            KindDraft::Graph(inner) => {
                fill(world, &Scope { graph: inner, outer: Some((scope, index)) });
                Some(Arc::new(of_graph(inner)))
            }
        };
        let output = match (&node.written.map, &element) {
            (None, element) => element.clone(),
            (Some(_), Some(element)) => Some(Arc::new(json!({"type": "array", "items": **element}))),
            (Some(_), None) => Some(Arc::new(json!({"type": "array"}))),
        };
        node.element.set(element).expect("a node's schema is found once");
        node.output.set(output).expect("a node's schema is found once");
    }
}

/// An object of the outputs of the inner nodes. One that may be absent is no required field.
fn of_graph(graph: &crate::plan::draft::GraphDraft<'_>) -> Value {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let schema = output(node).cloned().unwrap_or_else(|| json!({}));
        properties.insert(node.id.value.clone(), schema);
        if graph.certain().end.contains(index) {
            required.push(node.id.value.as_str());
        }
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn of_tree(world: &World<'_>, scope: &Scope<'_, '_>, index: usize, tree: &TreeDraft) -> Option<Value> {
    let reads = scope.graph.nodes[index].reads.get()?;
    of_data(
        tree,
        &|code| {
            let read = reads.iter().find(|read| read.site.code == code && read.role == Role::Body)?;
            Some((of_read(world, scope, Some(index), read)?, read))
        },
        world,
    )
}

/// The schema of an output of the workflow.
pub(super) fn of_output(world: &World<'_>, scope: &Scope<'_, '_>, tree: &TreeDraft, reads: &[Read]) -> Option<Value> {
    of_data(
        tree,
        &|code| {
            let read = reads.iter().find(|read| read.site.code == code)?;
            Some((of_read(world, scope, None, read)?, read))
        },
        world,
    )
}

type Looked<'a> = Option<(Shape<'a>, &'a Read)>;

fn of_data<'a>(tree: &TreeDraft, look: &dyn Fn(crate::plan::draft::CodeId) -> Looked<'a>, world: &World<'_>) -> Option<Value> {
    match tree {
        TreeDraft::Literal(value) => of_literal(value),
        TreeDraft::Broken => None,
        TreeDraft::Text(id) => {
            let code: &Code = world.codes.get(*id);
            if code.only_reference().is_some() {
                return match look(*id)?.0 {
                    Shape::Known { schema, optional: None } if says_something(schema) => Some(schema.clone()),
                    Shape::Known { .. } | Shape::Missing { .. } => None,
                };
            }
            // A text around the braces makes it a text; `{{ a + b }}` alone may be anything.
            let source = code.source();
            let single = source.starts_with("{{") && source.ends_with("}}") && source.matches("{{").count() == 1;
            (!single && source.contains("{{")).then(|| (*world.text).clone())
        }
        TreeDraft::List(items) => {
            let mut schemas = items.iter().map(|item| of_data(item, look, world));
            let first = schemas.next().flatten();
            let same = first.filter(|first| schemas.all(|other| other.as_ref() == Some(first)));
            Some(same.map_or_else(|| json!({"type": "array"}), |items| json!({"type": "array", "items": items})))
        }
        TreeDraft::Map(entries) => {
            let properties: serde_json::Map<String, Value> = entries
                .iter()
                .map(|(key, value)| (key.clone(), of_data(value, look, world).unwrap_or_else(|| json!({}))))
                .collect();
            let required: Vec<&String> = properties.keys().collect();
            Some(json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false}))
        }
    }
}

fn of_literal(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(json!({"type": "boolean"})),
        Value::Number(number) if number.is_f64() => Some(json!({"type": "number"})),
        Value::Number(_) => Some(json!({"type": "integer"})),
        Value::String(_) => Some(json!({"type": "string"})),
        Value::Array(items) => {
            let mut schemas = items.iter().map(of_literal);
            let first = schemas.next().flatten();
            let same = first.filter(|first| schemas.all(|other| other.as_ref() == Some(first)));
            Some(same.map_or_else(|| json!({"type": "array"}), |items| json!({"type": "array", "items": items})))
        }
        Value::Object(fields) => {
            let required: Vec<&String> = fields.keys().collect();
            let properties: serde_json::Map<String, Value> =
                fields.iter().map(|(key, value)| (key.clone(), of_literal(value).unwrap_or_else(|| json!({})))).collect();
            Some(json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false}))
        }
    }
}

/// Follows the path of a read from its source's schema; `None` when nothing is known of the source.
pub(super) fn of_read<'a>(world: &'a World<'_>, scope: &'a Scope<'a, '_>, node: Option<usize>, read: &Read) -> Option<Shape<'a>> {
    let path = &world.codes.reference(read.site).path;
    let (schema, taken) = source(world, scope, node, read)?;
    Some(follow(schema, path, taken.min(path.len())))
}

fn source<'a>(world: &'a World<'_>, scope: &'a Scope<'a, '_>, node: Option<usize>, read: &Read) -> Option<(&'a Value, usize)> {
    let names = read.target.names();
    let schema = match read.target {
        Target::Node { up, index } => {
            let target = scope.node(up, index);
            // A looped node without an inner graph reads the iteration's output in `until`.
            if up == 0 && node == Some(index) && read.role == Role::Until { element(target)? } else { output(target)? }
        }
        Target::State { up, index } => {
            let path = &world.codes.reference(read.site).path;
            match (path.get(2).map(String::as_str), output(scope.node(up, index))) {
                (Some("output"), Some(output)) => return Some((output, 3)),
                (Some("error"), _) => return None,
                _ => &world.state,
            }
        }
        Target::Element { up, index } => items(world, scope, up, index)?,
        Target::Previous { up, index, inner } => {
            let looped = scope.node(up, index);
            match (inner, looped.inner()) {
                (Some(inner), Some(graph)) => output(&graph.nodes[inner])?,
                _ => element(looped)?,
            }
        }
        Target::Input(index) => &world.workflow.inputs[index].1.schema.json,
        Target::Number => return Some((&world.number, number_names(world, read))),
        Target::Text => return Some((&world.text, 2)),
        Target::Messages => &world.messages,
        Target::Inputs | Target::Other => return None,
    };
    Some((schema, names))
}

/// `index` is one name, `loop.iteration` two.
fn number_names(world: &World<'_>, read: &Read) -> usize {
    if world.codes.reference(read.site).path.first().is_some_and(|name| name == "loop") { 2 } else { 1 }
}

fn output<'a>(node: &'a NodeDraft<'_>) -> Option<&'a Value> {
    node.output.get()?.as_deref()
}

fn element<'a>(node: &'a NodeDraft<'_>) -> Option<&'a Value> {
    node.element.get()?.as_deref()
}

/// The schema of the elements that a mapped node runs over.
fn items<'a>(world: &'a World<'_>, scope: &'a Scope<'a, '_>, up: usize, index: usize) -> Option<&'a Value> {
    let list = mapped_list(world, scope.at(up), index)?;
    list.get("items")
}

/// The schema of what a mapped node runs over, when its `map` is a plain reference.
pub(super) fn mapped_list<'a>(world: &'a World<'_>, scope: &'a Scope<'a, '_>, index: usize) -> Option<&'a Value> {
    let node = &scope.graph.nodes[index];
    let code = node.map?;
    world.codes.get(code).only_reference()?;
    let read = node.reads.get()?.iter().find(|read| read.site.code == code)?;
    match of_read(world, scope, Some(index), read)? {
        Shape::Known { schema, .. } => Some(schema),
        Shape::Missing { .. } => None,
    }
}

fn follow<'a>(schema: &'a Value, path: &[String], from: usize) -> Shape<'a> {
    let (mut schema, mut optional) = (schema, None);
    for (at, name) in path.iter().enumerate().skip(from) {
        let is_list = schema.get("type").is_some_and(|kind| kind == "array");
        schema = match field(schema, name) {
            Field::Required(found) => found,
            Field::Optional(found) => {
                // Whether a list is long enough is not known from its schema, and not asked.
                if !is_list {
                    optional = optional.or(Some(at + 1));
                }
                found
            }
            Field::Unknown => return Shape::Known { schema: &UNKNOWN, optional },
            Field::Missing(fields) => return Shape::Missing { at, schema, fields },
        };
    }
    Shape::Known { schema, optional }
}

/// The values an output can have, when they are known: those of an enum, and `true` and `false`.
pub(super) fn closed_values(schema: &Value) -> Option<Vec<Value>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.clone());
    }
    if let Some(value) = schema.get("const") {
        return Some(vec![value.clone()]);
    }
    schema.get("type").is_some_and(|kind| kind == "boolean").then(|| vec![Value::Bool(true), Value::Bool(false)])
}
