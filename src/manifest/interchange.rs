//! The interchange form → a workflow as a person would have written it. It then goes through the same checks.

use super::{
    check::check,
    grammar::{EDGE, EXCHANGED_NODE, NODE},
    load::shown,
};
use std::collections::HashMap;

use crate::{
    diagnostic::{Code, Diagnostic, Span, Spanned, nearest},
    manifest::{EdgeManifest, Entries, Tree, TreeKind, WorkflowManifest, tree::MapBuilder},
};

/// An edge with the node it leads to.
pub(super) struct Edge {
    to: Spanned<String>,
    edge: EdgeManifest,
}

/// Whether a file is in the interchange form: its `nodes` are a list, and it has `edges`.
pub(super) fn is_interchange(tree: &Tree) -> bool {
    tree.get("nodes").is_some_and(|nodes| nodes.as_list().is_some()) && tree.get("edges").is_some()
}

/// Makes a workflow of it, with its edges apart. Nodes and edges that cannot be read are reported and left out.
pub(super) fn to_workflow(tree: &Tree, problems: &mut Vec<Diagnostic>) -> (Tree, Vec<Edge>) {
    let mut entries: Entries<Tree> = Vec::new();
    let mut edges = Vec::new();
    for (key, value) in tree.as_map().unwrap_or_default() {
        match key.value.as_str() {
            "nodes" => entries.push((key.clone(), nodes(value, problems))),
            "edges" => edges = read_edges(value, problems),
            "initial_state" => {}
            _ => entries.push((key.clone(), value.clone())),
        }
    }
    if let Some((key, state)) = tree.entry("initial_state") {
        add_inputs(&mut entries, key.span, state, problems);
    }
    (Tree::new(tree.span, TreeKind::Map(entries)), edges)
}

/// Hangs each edge on the node it leads to.
pub(super) fn attach(edges: Vec<Edge>, workflow: &mut WorkflowManifest, problems: &mut Vec<Diagnostic>) {
    for Edge { to, edge } in edges {
        if let Some((_, node)) = workflow.nodes.iter_mut().find(|(id, _)| id.value == to.value) {
            node.edges.push(edge);
            continue;
        }
        let problem = Diagnostic::error(Code::UNKNOWN_NODE, to.span, format!("there is no node `{}`", shown(&to.value)))
            .label("unknown node");
        problems.push(match nearest(&to.value, workflow.nodes.iter().map(|(id, _)| id.value.as_str())) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
}

fn nodes(list: &Tree, problems: &mut Vec<Diagnostic>) -> Tree {
    let mut nodes = MapBuilder::default();
    for item in list.as_list().unwrap_or_default() {
        // The keys of `config` are checked with the workflow, where their node has its name.
        check(&without_config(item), &EXCHANGED_NODE, problems);
        let (Some(id), Some((_, config))) = (item.get("node_id"), item.entry("config")) else { continue };
        let Some(name) = id.as_str() else { continue };
        if let (Some(kind), true) = (item.get("node_type"), config.as_map().is_some()) {
            check_type(kind, config, problems);
        }
        if let Err(first) = nodes.insert(Spanned::new(name.to_owned(), id.span), config.clone()) {
            problems.push(
                Diagnostic::error(Code::DUPLICATE_KEY, id.span, format!("the node `{}` is given twice", shown(name)))
                    .label("given again")
                    .related(first, "first given here"),
            );
        }
    }
    Tree::new(list.span, TreeKind::Map(nodes.into_entries()))
}

/// The same node with a `config` that has nothing wrong in it.
fn without_config(item: &Tree) -> Tree {
    let TreeKind::Map(entries) = &item.kind else {
        return item.clone();
    };
    let entries = entries
        .iter()
        .map(|(key, value)| {
            if key.value != "config" || value.as_map().is_none() {
                return (key.clone(), value.clone());
            }
            let kind = Spanned::new("value".to_owned(), key.span);
            (key.clone(), Tree::new(value.span, TreeKind::Map(vec![(kind, Tree::new(value.span, TreeKind::Null))])))
        })
        .collect();
    Tree::new(item.span, TreeKind::Map(entries))
}

fn check_type(kind: &Tree, config: &Tree, problems: &mut Vec<Diagnostic>) {
    let Some(name) = kind.as_str() else { return };
    let is_kind = |key: &str| NODE.kinds.iter().any(|kind| kind.field.name == key);
    let kinds = NODE.written_kinds(&|key| config.get(key).is_some());
    let written = kinds.first().and_then(|kind| config.entry(kind.field.name));
    // A config without any kind is reported by the grammar.
    if let (true, Some((key, _)), None) = (is_kind(name), written, kinds.iter().find(|kind| kind.field.name == name)) {
        let message = format!("`node_type` is `{name}`, but `config` has `{}`", key.value);
        problems.push(Diagnostic::error(Code::KEY_COMBINATION, kind.span, message).related(key.span, "the kind of the config"));
    }
}

fn read_edges(list: &Tree, problems: &mut Vec<Diagnostic>) -> Vec<Edge> {
    let Some(items) = list.as_list() else {
        problems.push(Diagnostic::error(
            Code::WRONG_TYPE,
            list.span,
            format!("`edges` must be a list, found {}", list.describe()),
        ));
        return Vec::new();
    };
    let text = |tree: &Tree| Some(Spanned::new(tree.as_str()?.to_owned(), tree.span));
    items
        .iter()
        .filter_map(|item| {
            check(item, &EDGE, problems);
            let condition = item.get("condition").and_then(|tree| match tree.kind {
                TreeKind::Bool(value) => Some(Spanned::new(value.to_string(), tree.span)),
                _ => text(tree),
            });
            let edge = EdgeManifest { from: text(item.get("from_node")?)?, condition };
            Some(Edge { to: text(item.get("to_node")?)?, edge })
        })
        .collect()
}

/// `initial_state`: each value is the default of an input, which may be any value where `inputs` does not tell more.
fn add_inputs(entries: &mut Entries<Tree>, key: Span, state: &Tree, problems: &mut Vec<Diagnostic>) {
    let Some(values) = state.as_map() else {
        problems.push(Diagnostic::error(
            Code::WRONG_TYPE,
            state.span,
            format!("`initial_state` must be a map, found {}", state.describe()),
        ));
        return;
    };
    let at = entries.iter().position(|(name, _)| name.value == "inputs").unwrap_or_else(|| {
        entries.push((Spanned::new("inputs".to_owned(), key), Tree::new(state.span, TreeKind::Map(Vec::new()))));
        entries.len() - 1
    });
    let TreeKind::Map(inputs) = &mut entries[at].1.kind else { return };
    let places: HashMap<String, usize> = inputs.iter().enumerate().map(|(at, (name, _))| (name.value.clone(), at)).collect();
    for (name, value) in values {
        let field = |text: &str, tree: Tree| (Spanned::new(text.to_owned(), name.span), tree);
        let default = field("default", value.clone());
        match places.get(&name.value).map(|at| &mut inputs[*at].1) {
            None => {
                let any = field("type", Tree::new(name.span, TreeKind::String("any".to_owned())));
                inputs.push((name.clone(), Tree::new(value.span, TreeKind::Map(vec![any, default]))));
            }
            Some(declared) if declared.get("type").is_some() => {
                if let TreeKind::Map(fields) = &mut declared.kind {
                    fields.retain(|(field, _)| field.value != "default");
                    fields.push(default);
                }
            }
            Some(declared) => {
                let written = field("type", declared.clone());
                declared.kind = TreeKind::Map(vec![written, default]);
            }
        }
    }
}
