//! What scorers may read: the row, and what its run put out.

use indexmap::IndexMap;
use serde_json::Map;

use crate::{
    model::Value,
    template::{Scope, Shared},
};

/// The names that expressions of an eval may read; after the run also each output by its own name, as long as it is none of these.
pub(in crate::eval) const KNOWN_NAMES: &[&str] = &["outputs", "inputs", "expected", "row"];

/// The facts about a row.
#[derive(Debug, Clone)]
pub struct Facts {
    outputs: Value,
    expected: Option<Value>,
    before: Scope,
    after: Scope,
}

impl Facts {
    /// What is known of a row before it is run.
    #[must_use]
    pub fn new(id: &str, line: usize, inputs: &IndexMap<String, Value>, expected: Option<&Value>) -> Self {
        let mut before = Scope::new();
        let inputs: Map<String, Value> = inputs.clone().into_iter().collect();
        before.set("inputs", Shared::new(&Value::Object(inputs)));
        before.set("expected", expected.map_or_else(Shared::none, Shared::new));
        before.set("row", Shared::new(&serde_json::json!({"id": id, "line": line})));
        Self { outputs: Value::Null, expected: expected.cloned(), after: before.child(), before }
    }

    /// The same after a run that put this out.
    #[must_use]
    pub fn with_outputs(mut self, outputs: &Value) -> Self {
        self.outputs = outputs.clone();
        let mut after = self.before.child();
        for (name, value) in outputs.as_object().into_iter().flatten().filter(|(name, _)| !KNOWN_NAMES.contains(&name.as_str())) {
            after.set(name, Shared::new(value));
        }
        after.set("outputs", Shared::new(outputs));
        self.after = after;
        self
    }

    /// Names of the row.
    #[must_use]
    pub fn before(&self) -> &Scope {
        &self.before
    }

    /// Names of the row and of the outputs.
    #[must_use]
    pub fn after(&self) -> &Scope {
        &self.after
    }

    /// What the run put out; the value itself when it is one only.
    #[must_use]
    pub fn outputs(&self) -> Value {
        match self.outputs.as_object() {
            Some(outputs) if outputs.len() == 1 => outputs.values().next().cloned().unwrap_or_default(),
            _ => self.outputs.clone(),
        }
    }

    /// What the row expects.
    #[must_use]
    pub fn expected(&self) -> Option<&Value> {
        self.expected.as_ref()
    }
}
