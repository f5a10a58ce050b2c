//! What a `tool` node gives to a built-in tool is held to what the tool takes, as far as it is known before a run.

use crate::{
    diagnostic::{Code, Diagnostic, Spanned, nearest},
    manifest::{Entries, NodeKindManifest, Tree},
    model::Value,
    plan::{
        compile::Compiler,
        draft::{KindDraft, NodeDraft, TreeDraft},
        scope::listed,
    },
    schema::Validator,
};

/// Looks at one node.
pub(super) fn check(compiler: &mut Compiler<'_>, node: &NodeDraft<'_>) {
    let (KindDraft::Tool(draft), NodeKindManifest::Tool { tool, args, .. }) = (&node.kind, &node.written.kind) else { return };
    let Some(schema) = draft.tool.as_ref().and_then(|name| compiler.tools.arguments(name)) else { return };
    let problems = problems(tool, args, &draft.args, schema);
    compiler.problems.extend(problems);
}

fn problems(
    tool: &Spanned<String>,
    written: &Entries<Tree>,
    drafts: &[(Spanned<String>, TreeDraft)],
    schema: &Value,
) -> Vec<Diagnostic> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let (mut problems, mut meant) = (Vec::new(), Vec::new());
    for ((name, tree), (_, draft)) in written.iter().zip(drafts) {
        let Some(wanted) = properties.get(&name.value) else {
            let names = properties.keys().map(String::as_str);
            // What is given is no second candidate.
            let open = names.clone().filter(|known| written.iter().all(|(given, _)| given.value != *known));
            let near = nearest(&name.value, open);
            meant.extend(near);
            let hint = near.map_or_else(|| format!("it takes {}", listed(names)), |near| format!("did you mean `{near}`?"));
            let message = format!("tool `{}` takes no argument `{}`", tool.value, name.value);
            problems.push(Diagnostic::error(Code::TOOL_ARGUMENTS, name.span, message).hint(hint));
            continue;
        };
        if let TreeDraft::Literal(value) = draft
            && let Ok(validator) = Validator::new(wanted)
            && let wrong = validator.problems(value)
            && !wrong.is_empty()
        {
            let message = format!("argument `{}` of tool `{}`: {}", name.value, tool.value, wrong.join("; "));
            problems.push(Diagnostic::error(Code::TOOL_ARGUMENTS, tree.span, message));
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if !meant.contains(&name) && written.iter().all(|(given, _)| given.value != name) {
            let message = format!("tool `{}` needs the argument `{name}`", tool.value);
            problems
                .push(Diagnostic::error(Code::TOOL_ARGUMENTS, tool.span, message).hint(format!("add `args: {{ {name}: … }}`")));
        }
    }
    problems
}
