//! Calls of tools under permissions, as the dispatcher makes them.

use std::{sync::Arc, time::Duration};

use agentflow::{
    Error, ErrorKind,
    model::{Permission, Value},
    tool::{CallContext, Grants, Level, Policy, Rules, Tool, ToolCall, ToolOutput, Verdict},
};

/// How much a call may give in these tests, in bytes.
pub(super) const MAX_OUTPUT: usize = 64 * 1024;

/// Calls `tool` when the operator and the workflow permit `permissions`; a denial is an error like any other.
pub(super) async fn call(tool: &dyn Tool, permissions: &[&str], arguments: Value) -> Result<ToolOutput, Error> {
    let permissions: Vec<Permission> = permissions.iter().map(|text| text.parse().unwrap()).collect();
    let grants =
        Grants { levels: vec![Level { owner: "the test".to_owned(), permissions: permissions.clone() }], always_ask: false };
    let policy = Policy::new(Rules { allow: permissions, ..Rules::default() });
    let call = ToolCall { tool: tool.spec().name.clone(), arguments };
    let authorized = match policy.authorize(tool, call, &Arc::new(grants), None)? {
        Verdict::Allowed { call, .. } => call,
        Verdict::Denied(denial) => return Err(denial.into()),
        Verdict::Ask { reason, .. } => return Err(Error::new(ErrorKind::Waiting, reason)),
    };
    let context =
        CallContext { idempotency_key: "af1-test", timeout: Duration::from_secs(60), max_output: MAX_OUTPUT, caller: None };
    tool.call(authorized, &context).await
}
