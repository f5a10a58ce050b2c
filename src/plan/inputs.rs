//! The inputs of a workflow: defaults applied, every problem told.

use indexmap::IndexMap;

use super::Plan;
use crate::{
    diagnostic::nearest,
    error::{Error, ErrorKind, Result},
    model::Value,
    schema::Validator,
};

impl Plan {
    /// Completes `given` with the defaults, in the order of the workflow, and checks every value against its schema.
    ///
    /// # Errors
    /// `Invalid`, whose message tells all problems: unknown, missing and unfitting inputs.
    pub fn complete_inputs(&self, mut given: IndexMap<String, Value>) -> Result<IndexMap<String, Value>> {
        let mut problems = Vec::new();
        let mut complete = IndexMap::new();
        for (name, input) in &self.inputs {
            let Some(value) = given.shift_remove(name).or_else(|| input.default.clone()) else {
                let about = input.description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
                problems.push(format!("input `{name}` is missing{about}"));
                continue;
            };
            for problem in Validator::new(&input.schema)?.problems(&value) {
                problems.push(format!("input `{name}`: {problem}"));
            }
            complete.insert(name.clone(), value);
        }
        for name in given.keys() {
            let near = nearest(name, self.inputs.keys().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            problems.push(format!("there is no input `{}`{hint}", name.escape_default()));
        }
        if problems.is_empty() {
            return Ok(complete);
        }
        let known: Vec<_> = self.inputs.keys().map(|name| format!("`{name}`")).collect();
        let hint = if known.is_empty() {
            "the workflow takes no inputs".to_owned()
        } else {
            format!("its inputs are {}", known.join(", "))
        };
        Err(Error::new(ErrorKind::Invalid, problems.join("; ")).context(format!("workflow `{}`", self.name)).hint(hint))
    }
}
