//! What is wrong with a test before anything is run: names that its workflow does not have, mocks that do not fit, matchers that make
//! no sense, expectations that exclude each other.

mod expected;
mod faults;
mod inputs;
mod mocks;
mod names;

use std::collections::{HashMap, HashSet};

use crate::{
    diagnostic::{Code, Diagnostic, Span},
    model::Value,
    plan::Plan,
    schema::Validator,
    testing::cases::Case,
};

use names::Names;

/// Checks the cases of a file against the workflow they are of. Each problem is told once, in however many cases it is.
#[derive(Debug)]
pub struct Checker<'a> {
    plan: &'a Plan,
    names: Names<'a>,
    /// Schemas of nodes, compiled: by node, and whether it is that of an element.
    validators: HashMap<(String, bool), Option<Validator>>,
    seen: HashSet<(Span, Code, String)>,
}

impl<'a> Checker<'a> {
    /// A checker of tests of `plan`.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, names: Names::of(plan), validators: HashMap::new(), seen: HashSet::new() }
    }

    /// What is wrong with `case` and was not told of an earlier one.
    pub fn check(&mut self, case: &Case) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        inputs::check(case, self.plan, &mut problems);
        mocks::check(&case.body, self, &mut problems);
        faults::check(&case.body.faults, &self.names, &mut problems);
        expected::check(&case.body.expect, &self.names, &mut problems);
        problems.retain(|problem| self.seen.insert((problem.span, problem.code, problem.message.clone())));
        problems
    }

    /// How `value` breaks the schema of the node `name`, or of its elements.
    fn breaks_schema(&mut self, name: &str, is_element: bool, value: &Value) -> Vec<String> {
        let plan = self.plan;
        let compiled = self.validators.entry((name.to_owned(), is_element)).or_insert_with(|| {
            let schema = plan.node_at(name)?.1.output_schema.clone()?;
            let schema = if is_element { schema.get("items")? } else { &*schema };
            Validator::new(schema).ok()
        });
        compiled.as_ref().map(|validator| validator.problems(value)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
