//! Tools that only pretend: for runs in which a simulated model answers. What computes really computes.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use crate::{
    error::Result,
    model::{Access, AccessClass, Effect, ToolName, ToolPattern, ToolSpec, Value},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput, Toolbox},
};

/// The tools that the patterns mean, as far as they can be known without asking anybody.
pub(super) async fn select(toolbox: &Toolbox, patterns: &[ToolPattern]) -> Result<Vec<Arc<dyn Tool>>> {
    let (served, own): (Vec<_>, Vec<_>) = patterns.iter().cloned().partition(|pattern| pattern.server().is_some());
    let real = toolbox.select(&own).await?.into_iter();
    let own = real.map(|tool| if tool.is_safe_to_simulate() { tool } else { Simulated::of(tool.as_ref()) as Arc<dyn Tool> });
    let named = served.iter().filter_map(ToolPattern::as_name).map(|name| Simulated::unknown(name) as Arc<dyn Tool>);
    Ok(own.chain(named).collect())
}

/// What pretends to be `tool`.
pub(super) fn pretend(tool: &dyn Tool) -> Arc<dyn Tool> {
    Simulated::of(tool)
}

/// A tool of a server that is not asked, as it was offered once.
pub(super) fn offered(spec: ToolSpec, untrusted: bool) -> Arc<dyn Tool> {
    Arc::new(Simulated { spec, output: None, untrusted })
}

/// Pretends to be a tool.
#[derive(Debug)]
struct Simulated {
    spec: ToolSpec,
    output: Option<Value>,
    untrusted: bool,
}

impl Simulated {
    fn of(tool: &dyn Tool) -> Arc<Self> {
        let spec = ToolSpec { effect: Effect::Pure, ..tool.spec().clone() };
        Arc::new(Self { output: tool.sample(), untrusted: tool.is_untrusted(), spec })
    }

    /// A tool of which nothing is known but its name.
    fn unknown(name: ToolName) -> Arc<Self> {
        let spec = ToolSpec {
            description: format!("A simulated `{name}`."),
            parameters: json!({"type": "object"}),
            effect: Effect::Pure,
            name,
        };
        Arc::new(Self { spec, output: None, untrusted: true })
    }
}

#[async_trait]
impl Tool for Simulated {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn is_untrusted(&self) -> bool {
        self.untrusted
    }

    /// It is no tool: what it gives says nothing.
    fn is_safe_to_simulate(&self) -> bool {
        false
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(Vec::new())
    }

    async fn call(&self, call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        let value = self.output.clone().unwrap_or_else(|| Value::String(format!("simulated result of {}", call.arguments)));
        Ok(ToolOutput { value, notes: vec!["simulated".to_owned()] })
    }
}
