//! Tools, called as the program calls them: a policy permits the call, or there is none.

mod command;
mod files;
pub(crate) mod mcp;
mod permitted;
pub(crate) mod probe;
mod steps;
mod web;

use std::{sync::Arc, time::Duration};

use agentflow::{
    Result,
    model::Permission,
    tool::{Authorized, CallContext, Grants, Level, Policy, Rules, Tool, ToolCall, ToolOutput, Verdict},
};
use serde_json::Value;

/// What surrounds a call, with so much room for its result.
fn context(max_output: usize) -> CallContext<'static> {
    CallContext { idempotency_key: "af1-0123456789abcdef", timeout: Duration::from_secs(30), max_output, caller: None }
}

/// The call as an operator and a workflow permit it that both say `allow`.
fn authorize(tool: &dyn Tool, arguments: Value, allow: &[&str]) -> Result<Authorized<ToolCall>> {
    let permissions: Vec<Permission> = allow.iter().map(|text| text.parse().unwrap()).collect();
    let levels = vec![Level { owner: "the workflow".to_owned(), permissions: permissions.clone() }];
    let grants = Arc::new(Grants { levels, always_ask: false });
    let policy = Policy::new(Rules { allow: permissions, ..Rules::default() });
    match policy.authorize(tool, ToolCall { tool: tool.spec().name.clone(), arguments }, &grants, None)? {
        Verdict::Allowed { call, .. } => Ok(call),
        Verdict::Denied(denial) => Err(denial.into()),
        Verdict::Ask { .. } => panic!("nobody is to be asked"),
    }
}

/// Makes a call that is permitted by `allow`.
async fn call(tool: &dyn Tool, arguments: Value, allow: &[&str]) -> Result<ToolOutput> {
    let call = authorize(tool, arguments, allow)?;
    tool.call(call, &context(1024 * 1024)).await
}
