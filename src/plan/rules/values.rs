//! Values that are known before a run must fit where they are given: lists for `map`, replacements, inputs of inner workflows.

use crate::{
    diagnostic::{Code, Diagnostic},
    manifest::{NodeKindManifest, OnErrorManifest},
    model::Value,
    plan::{
        compile::Compiler,
        draft::{KindDraft, NodeDraft, Role, TreeDraft},
        scope::Scope,
        shapes::{Shape, World, mapped_list, of_read},
    },
    schema::Validator,
};

/// Looks at one node.
pub(super) fn check(compiler: &mut Compiler<'_>, world: &World<'_>, scope: &Scope<'_, '_>, index: usize, node: &NodeDraft<'_>) {
    map(compiler, world, scope, index, node);
    replacement(compiler, node);
    inputs(compiler, world, scope, index, node);
}

fn map(compiler: &mut Compiler<'_>, world: &World<'_>, scope: &Scope<'_, '_>, index: usize, node: &NodeDraft<'_>) {
    let Some(written) = &node.written.map else { return };
    let constant = node.map.and_then(|code| world.codes.expression(code)?.constant());
    let kind = match (&constant, mapped_list(world, scope, index)) {
        (Some(Value::Array(_)), _) | (None, None) => return,
        (Some(value), _) => kind_of(value).to_owned(),
        (None, Some(schema)) => match schema.get("type").and_then(Value::as_str) {
            Some("array") | None => return,
            Some(other) => other.to_owned(),
        },
    };
    let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    let message = format!("`map` of `{}` needs a list, but `{}` is {article} {kind}", node.id.value, written.value.trim());
    let problem = Diagnostic::error(Code::MAP_OVER_NO_LIST, written.span, message);
    compiler.report(match kind.as_str() {
        "object" => problem.hint("a list of its keys and values is `… | items`"),
        "string" => problem.hint("a list of its lines is `… | lines`; or let its source give a list: `output: [string]`"),
        _ => problem.hint("let its source give a list, for example `output: [string]`"),
    });
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What a failed node gives instead is held against the schema of what it would have given.
fn replacement(compiler: &mut Compiler<'_>, node: &NodeDraft<'_>) {
    let (Some(TreeDraft::Literal(value)), OnErrorManifest::Use(tree)) = (&node.replacement, node.on_error()) else { return };
    let NodeKindManifest::Agent { output: Some(output), .. } = &node.written.kind else { return };
    let Ok(validator) = Validator::new(&output.json) else { return };
    let problems = validator.problems(value);
    if !problems.is_empty() {
        let message = format!("what `{}` gives when it fails breaks its `output`: {}", node.id.value, problems.join("; "));
        compiler.report(
            Diagnostic::error(Code::VALUE_BREAKS_SCHEMA, tree.span, message).related(output.span, "the output is written here"),
        );
    }
}

/// What is handed to an inner workflow as it is must have the type of the input.
fn inputs(compiler: &mut Compiler<'_>, world: &World<'_>, scope: &Scope<'_, '_>, index: usize, node: &NodeDraft<'_>) {
    let KindDraft::Workflow { plan: Some(plan), with } = &node.kind else { return };
    for (name, tree) in with {
        let (Some(input), TreeDraft::Text(code)) = (plan.inputs.get(&name.value), tree) else { continue };
        let Some(wanted) = input.schema.get("type").and_then(Value::as_str) else { continue };
        if world.codes.get(*code).only_reference().is_none() {
            continue;
        }
        let mut reads = node.reads.get().into_iter().flatten();
        let Some(read) = reads.find(|read| read.site.code == *code && read.role == Role::Body) else { continue };
        let found = match of_read(world, scope, Some(index), read) {
            Some(Shape::Known { schema, .. }) => schema.get("type").and_then(Value::as_str),
            Some(Shape::Missing { .. }) | None => None,
        };
        let Some(found) = found.filter(|found| *found != wanted && !(*found == "integer" && wanted == "number")) else {
            continue;
        };
        let message = format!("input `{}` is of type {wanted}, but this is of type {found}", name.value);
        let span = world.codes.whole(&compiler.sources, *code);
        compiler.report(Diagnostic::error(Code::INNER_INPUTS, span, message));
    }
}
