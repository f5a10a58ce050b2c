//! A reference must name a field that its source has.

use crate::{
    diagnostic::{Code, Diagnostic, nearest},
    model::Value,
    plan::{
        compile::Compiler,
        draft::Read,
        scope::{Scope, Target, listed, path_text},
        shapes::{Shape, World, of_read},
    },
};

/// Reports a field that is not there.
pub(super) fn check(compiler: &mut Compiler<'_>, world: &World<'_>, scope: &Scope<'_, '_>, node: Option<usize>, read: &Read) {
    let Some(Shape::Missing { at, schema, fields }) = of_read(world, scope, node, read) else { return };
    let path = &world.codes.reference(read.site).path;
    let (source, name) = (path_text(&path[..at]), &path[at]);
    let span = world.codes.span(&compiler.sources, read.site);
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or("value");
    let problem = if fields.is_empty() && kind != "object" {
        let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
        let what = if kind == "array" { "a list".to_owned() } else { format!("{article} {kind}") };
        Diagnostic::error(Code::UNKNOWN_FIELD, span, format!("`{source}` is {what} and has no field `{name}`"))
    } else {
        Diagnostic::error(Code::UNKNOWN_FIELD, span, format!("`{source}` has no field `{name}`"))
    };
    let hint = match nearest(name, fields.iter().copied()) {
        Some(near) => Some(format!("did you mean `{source}.{near}`?")),
        None if kind == "array" => Some(format!(
            "read one element, `{source}[0]`, that field of all, `{source} | map(attribute=\"{name}\")`, or use `map`"
        )),
        None if !fields.is_empty() => Some(format!("it has {}", listed(fields.iter().copied()))),
        None => None,
    };
    let problem = match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    };
    compiler.report(match written_at(world, scope, read.target) {
        Some((span, what)) => problem.related(span, what),
        None => problem,
    });
}

/// Where the schema is written that says which fields there are.
fn written_at(world: &World<'_>, scope: &Scope<'_, '_>, target: Target) -> Option<(crate::diagnostic::Span, String)> {
    use crate::manifest::NodeKindManifest;
    match target {
        Target::Node { up, index } => {
            let node = scope.node(up, index);
            let NodeKindManifest::Agent { output: Some(output), .. } = &node.written.kind else { return None };
            Some((output.span, format!("the output of `{}` is written here", node.id.value)))
        }
        Target::Input(index) => {
            let (name, input) = &world.workflow.inputs[index];
            Some((input.schema.span, format!("the type of `inputs.{}` is written here", name.value)))
        }
        Target::State { .. }
        | Target::Element { .. }
        | Target::Previous { .. }
        | Target::Inputs
        | Target::Number
        | Target::Text
        | Target::Messages
        | Target::Other => None,
    }
}
