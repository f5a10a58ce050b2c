//! A `route` must lead somewhere for every value it can meet, and name no value it cannot meet.

use crate::{
    diagnostic::{Code, Diagnostic, nearest},
    model::Value,
    plan::{
        compile::Compiler,
        draft::{NodeDraft, Role},
        scope::{Scope, listed},
        shapes::{Shape, World, closed_values, of_read},
    },
};

/// Compares the cases with the values that the expression can have, as far as they are known.
pub(super) fn check(compiler: &mut Compiler<'_>, world: &World<'_>, scope: &Scope<'_, '_>, index: usize, node: &NodeDraft<'_>) {
    let Some(route) = &node.written.route else { return };
    let Some(values) = values(world, scope, index, node) else { return };
    let values: Vec<String> = values.iter().map(as_text).collect();
    let mut meant = Vec::new();
    for (case, _) in &route.cases {
        if values.contains(&case.value) {
            continue;
        }
        let message = format!("case `{}` can never be taken", case.value);
        let problem = Diagnostic::error(Code::ROUTE_CASE_IMPOSSIBLE, case.span, message);
        let known = || values.iter().map(String::as_str);
        compiler.report(problem.hint(match nearest(&case.value, known()) {
            Some(near) => {
                meant.push(near);
                format!("did you mean `{near}`?")
            }
            None => format!("`{}` is one of {}", route.on.value.trim(), listed(known())),
        }));
    }
    if route.default.is_some() {
        return;
    }
    // A value that a misspelt case means is not missing.
    let has_case = |value: &str| meant.contains(&value) || route.cases.iter().any(|(case, _)| case.value == value);
    let missing: Vec<&str> = values.iter().map(String::as_str).filter(|value| !has_case(value)).collect();
    if !missing.is_empty() {
        let message = format!("the route of `{}` leads nowhere for {}", node.id.value, listed(missing.iter().copied()));
        let what = if missing.len() == 1 { "a case for it" } else { "a case for each" };
        compiler.report(
            Diagnostic::error(Code::ROUTE_NOT_EXHAUSTIVE, route.on.span, message).hint(format!("add {what}, or a `default`")),
        );
    }
}

fn values(world: &World<'_>, scope: &Scope<'_, '_>, index: usize, node: &NodeDraft<'_>) -> Option<Vec<Value>> {
    let code = node.route?;
    if world.codes.expression(code)?.is_condition() {
        return Some(vec![Value::Bool(true), Value::Bool(false)]);
    }
    world.codes.get(code).only_reference()?;
    let read = node.reads.get()?.iter().find(|read| read.site.code == code && read.role == Role::Route)?;
    match of_read(world, scope, Some(index), read)? {
        Shape::Known { schema, .. } => closed_values(schema),
        Shape::Missing { .. } => None,
    }
}

/// A value as a case writes it: text as it is, others as JSON.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
