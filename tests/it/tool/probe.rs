//! A tool for tests.

use std::{collections::VecDeque, sync::Mutex};

use agentflow::{
    Result,
    model::{Access, AccessClass, Effect, ToolName, ToolSpec, Value},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput},
};
use async_trait::async_trait;
use serde_json::json;

/// A tool that does what the test wants, and remembers how it was called.
#[derive(Debug)]
pub(crate) struct Probe {
    spec: ToolSpec,
    access: Option<Access>,
    outcomes: Mutex<VecDeque<Result<ToolOutput>>>,
    hangs: bool,
    called: Mutex<Vec<(Value, String)>>,
}

impl Probe {
    pub(crate) fn new(name: &str, effect: Effect) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {"n": {"type": "integer"}},
            "required": ["n"],
            "additionalProperties": false,
        });
        Self {
            spec: ToolSpec { name: ToolName::new(name).unwrap(), description: "A probe.".to_owned(), parameters, effect },
            // What changes something has to say what.
            access: effect.changes().then(|| Access::Net { secure: true, host: "x.example".to_owned(), port: 443 }),
            outcomes: Mutex::default(),
            hangs: false,
            called: Mutex::default(),
        }
    }

    /// The schema of its arguments, instead of one number `n`.
    pub(crate) fn takes(mut self, parameters: Value) -> Self {
        self.spec.parameters = parameters;
        self
    }

    /// Never answers.
    pub(crate) fn hangs(self) -> Self {
        Self { hangs: true, ..self }
    }

    pub(crate) fn touches(self, access: Access) -> Self {
        Self { access: Some(access), ..self }
    }

    pub(crate) fn gives(self, outcomes: impl IntoIterator<Item = Result<ToolOutput>>) -> Self {
        Self { outcomes: Mutex::new(outcomes.into_iter().collect()), ..self }
    }

    pub(crate) fn calls(&self) -> Vec<Value> {
        self.called.lock().unwrap().iter().map(|(arguments, _)| arguments.clone()).collect()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.called.lock().unwrap().iter().map(|(_, key)| key.clone()).collect()
    }
}

#[async_trait]
impl Tool for Probe {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(self.access.iter().cloned().collect())
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        self.called.lock().unwrap().push((call.arguments.clone(), context.idempotency_key.to_owned()));
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let got = call.arguments.get("n").or_else(|| call.arguments.get("json"));
        self.outcomes.lock().unwrap().pop_front().unwrap_or_else(|| Ok(ToolOutput::new(json!({"got": got}))))
    }
}
