//! Rows held against the inputs of a workflow, before a token is spent.

use indexmap::IndexMap;

use super::DataRow;
use crate::{
    app::inputs,
    diagnostic::{Code, Diagnostic, Span, nearest},
    manifest::TreeKind,
    model::Value,
    plan::{InputPlan, Plan},
};

/// The inputs of a run of `plan` for a row, with those that all rows have; every problem is added to `problems`.
pub(in crate::eval) fn inputs_of(
    plan: &Plan,
    row: &DataRow,
    common: &IndexMap<String, Value>,
    problems: &mut Vec<Diagnostic>,
) -> IndexMap<String, Value> {
    let mut values: IndexMap<String, Value> = common
        .iter()
        .filter(|(name, _)| plan.inputs.contains_key(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, tree) in &row.inputs {
        let Some(wanted) = plan.inputs.get(&name.value) else {
            problems.push(unknown(plan, &name.value, name.span));
            continue;
        };
        let value = match &tree.kind {
            TreeKind::String(text) if row.is_text => inputs::value_of(wanted, text.clone()),
            _ => tree.to_value(),
        };
        for problem in inputs::check(wanted, &value) {
            let message = format!("input `{}`: {problem}", name.value);
            problems.push(Diagnostic::error(Code::VALUE_BREAKS_SCHEMA, tree.span, message).label(type_of(wanted)));
        }
        values.insert(name.value.clone(), value);
    }
    for (name, input) in &plan.inputs {
        if input.default.is_none() && !values.contains_key(name) {
            let message = format!("the row has no input `{name}`, which workflow `{}` needs", plan.name);
            let start = Span { end: row.span.start, ..row.span };
            problems.push(Diagnostic::error(Code::MISSING_KEY, start, message).label(type_of(input)));
        }
    }
    values
}

fn type_of(input: &InputPlan) -> String {
    format!("expected {}", inputs::type_of(&input.schema))
}

fn unknown(plan: &Plan, name: &str, span: Span) -> Diagnostic {
    let message = format!("workflow `{}` has no input `{}`", plan.name, name.escape_debug());
    let problem = Diagnostic::error(Code::UNKNOWN_KEY, span, message);
    match nearest(name, plan.inputs.keys().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(match plan.inputs.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().as_slice() {
            [] => "it takes no inputs".to_owned(),
            names => format!("its inputs are {}", names.join(", ")),
        }),
    }
}
