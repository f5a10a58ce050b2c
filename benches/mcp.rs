//! Calls of a tool of an MCP server over pipes, and what our client adds to them: in turns with a bare client of the same library,
//! which speaks to a server of the same kind.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use agentflow::{
    model::ToolName,
    tool::{
        CallContext, Grants, Level, Policy, Rules, Tool, ToolCall, Toolbox, Verdict,
        mcp::{McpServer, McpSettings, McpTransport},
    },
};
use futures::{StreamExt as _, stream};
use rmcp::{
    RoleClient,
    model::CallToolRequestParams,
    service::{RunningService, serve_client},
    transport::TokioChildProcess,
};
use serde_json::json;

use crate::{
    engine::runtime,
    figure::Figure,
    measure::{quantile, rate, show},
    table::Table,
};

const CALLS: usize = 1_000;
const ROUNDS: usize = 5;
/// The least of the bare rate, in percent.
const LEAST: f64 = 70.0;

type Bare = RunningService<RoleClient, ()>;

pub(crate) fn run(table: &mut Table) {
    let runtime = runtime();
    let (bare, tool) = runtime.block_on(async { (bare().await, tool().await) });
    for (at_once, name) in [(1, "one by one"), (32, "32 at once")] {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(runtime.block_on(calls_of_bare(&bare, at_once)));
            ours.push(runtime.block_on(calls_of_tool(&*tool, at_once)));
        }
        table.keep(format!("calls-{at_once}-to-bare"), Figure::pairs(&ours, &theirs));
        let (theirs, ours) = (quantile(&mut theirs, 0.5), quantile(&mut ours, 0.5));
        let share = theirs.as_secs_f64() / ours.as_secs_f64() * 100.0;
        let what = format!("{CALLS} MCP calls over pipes, {name}");
        table.told(format!("{what}, bare client"), rate(CALLS, theirs));
        let each = show(ours / u32::try_from(CALLS).unwrap());
        table.wanted(&what, format!("≥ {LEAST} %"), format!("{}, {share:.0} %, {each} each", rate(CALLS, ours)), share >= LEAST);
    }
    runtime.block_on(async { bare.cancel().await.unwrap() });
}

/// The server that the tests have, too; without a log or a script.
fn program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_agentflow")).with_file_name("examples").join("fault-server")
}

async fn bare() -> Bare {
    let mut command = tokio::process::Command::new(program());
    command.arg("mcp");
    serve_client((), TokioChildProcess::new(command).unwrap()).await.unwrap()
}

async fn tool() -> Arc<dyn Tool> {
    let transport = McpTransport::Stdio {
        command: vec![program().display().to_string(), "mcp".to_owned()],
        env: BTreeMap::new(),
        inherited: BTreeMap::new(),
        folder: PathBuf::from("."),
    };
    let mut tools = Toolbox::default();
    tools.add_server("s", Arc::new(McpServer::new(McpSettings::new("s", transport)).unwrap()));
    tools.get(&ToolName::new("mcp:s/echo").unwrap()).await.unwrap()
}

async fn calls_of_bare(client: &Bare, at_once: usize) -> Duration {
    let start = Instant::now();
    let calls = stream::iter(0..CALLS).map(|number| async move {
        let arguments = json!({ "n": number }).as_object().unwrap().clone();
        client.peer().call_tool(CallToolRequestParams::new("echo").with_arguments(arguments)).await.unwrap().content.len()
    });
    assert_eq!(calls.buffer_unordered(at_once).fold(0, |sum, length| async move { sum + length }).await, CALLS);
    start.elapsed()
}

async fn calls_of_tool(tool: &dyn Tool, at_once: usize) -> Duration {
    let level = Level { owner: "bench".to_owned(), permissions: vec!["mcp:s".parse().unwrap()] };
    let policy = Policy::new(Rules { allow: level.permissions.clone(), ..Rules::default() });
    let grants = Arc::new(Grants { levels: vec![level], always_ask: false });
    let context =
        CallContext { idempotency_key: "af1-bench", timeout: Duration::from_secs(30), max_output: 1 << 20, caller: None };
    let start = Instant::now();
    let calls = stream::iter(0..CALLS).map(|number| {
        let (policy, grants, context) = (&policy, &grants, &context);
        async move {
            let call = ToolCall { tool: tool.spec().name.clone(), arguments: json!({ "n": number }) };
            let Verdict::Allowed { call, .. } = policy.authorize(tool, call, grants, None).unwrap() else { panic!("denied") };
            usize::from(tool.call(call, context).await.unwrap().value.is_string())
        }
    });
    assert_eq!(calls.buffer_unordered(at_once).fold(0, |sum, one| async move { sum + one }).await, CALLS);
    start.elapsed()
}
