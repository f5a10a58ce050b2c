//! Whether the inputs and variables of a test fit its workflow.

use super::names::{listed, unknown};
use crate::{
    diagnostic::{Code, Diagnostic, nearest},
    plan::Plan,
    schema::Validator,
    testing::cases::Case,
};

pub(super) fn check(case: &Case, plan: &Plan, problems: &mut Vec<Diagnostic>) {
    for (name, tree) in &case.body.inputs {
        let Some(input) = plan.inputs.get(&name.value) else {
            let message = format!("workflow `{}` has no input `{}`", plan.name, name.value);
            let problem = Diagnostic::error(Code::TEST_INPUTS, name.span, message).label("unknown input");
            let known = || plan.inputs.keys().map(String::as_str);
            let near = nearest(&name.value, known()).map(|near| format!("did you mean `{near}`?"));
            problems.push(problem.hint(near.unwrap_or_else(|| listed("input", known()))));
            continue;
        };
        let found = Validator::new(&input.schema).map(|schema| schema.problems(&tree.to_value())).unwrap_or_default();
        for problem in found {
            let message = format!("input `{}`: {problem}", name.value);
            problems.push(Diagnostic::error(Code::TEST_INPUTS, tree.span, message));
        }
    }
    let given = |name: &str| case.body.inputs.iter().any(|(given, _)| given.value == name);
    for (name, input) in plan.inputs.iter().filter(|(name, input)| input.default.is_none() && !given(name)) {
        let about = input.description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
        let message = format!("test `{}` does not give the input `{name}`{about}", case.name);
        let problem = Diagnostic::error(Code::TEST_INPUTS, case.named_at, message);
        problems.push(problem.hint(format!("add `inputs: {{ {name}: … }}` to the test, or to `defaults` for all tests")));
    }
    for (name, _) in case.body.env.iter().filter(|(name, _)| !plan.env.contains(&name.value)) {
        let known = || plan.env.iter().map(String::as_str);
        problems.push(unknown(name, "environment variable", plan, nearest(&name.value, known()), known()));
    }
}
