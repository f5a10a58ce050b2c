//! MCP servers: one that does as a script says (`tests/servers/mcp.rs`), and real ones that others wrote.

mod hostile;
mod http;
mod pins;
mod processes;
pub(crate) mod real;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use agentflow::{
    Error, ErrorKind, Result,
    model::{Access, AccessClass, Effect, ToolName},
    tool::{
        CallContext, Grants, Level, Policy, Rules, Tool, ToolCall, ToolOutput, ToolSource as _, Verdict,
        mcp::{McpServer, McpSettings, McpTransport},
    },
};
use futures::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server that follows a script, with its log, in a folder of their own.
struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new(script: &Value) -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        lab.follow(script);
        lab
    }

    /// Changes the script for the next start.
    fn follow(&self, script: &Value) {
        fs::write(self.folder.path().join("script.json"), script.to_string()).unwrap();
    }

    fn command(&self) -> Vec<String> {
        let program = Path::new(env!("CARGO_BIN_EXE_agentflow")).parent().unwrap().join("examples/fault-server");
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let words = ["mcp".to_owned(), "--script".to_owned(), file("script.json"), "--log".to_owned(), file("log.jsonl")];
        [program.display().to_string()].into_iter().chain(words).collect()
    }

    fn settings(&self) -> McpSettings {
        stdio("s", self.command(), self.folder.path())
    }

    fn server(&self) -> McpServer {
        McpServer::new(self.settings()).unwrap()
    }

    /// What it was sent so far, over all its starts.
    fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("log.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn count(&self, method: &str) -> usize {
        self.log().iter().filter(|message| message["method"] == method).count()
    }
}

fn stdio(name: &str, command: Vec<String>, folder: &Path) -> McpSettings {
    let transport = McpTransport::Stdio { command, env: BTreeMap::new(), inherited: BTreeMap::new(), folder: folder.to_owned() };
    McpSettings::new(name, transport)
}

async fn tool(server: &McpServer, name: &str) -> Arc<dyn Tool> {
    let name = ToolName::new(format!("mcp:{}/{name}", server.name())).unwrap();
    let tools = server.tools().await.unwrap();
    tools.into_iter().find(|tool| tool.spec().name == name).unwrap_or_else(|| panic!("there is no tool {name}"))
}

const CONTEXT: CallContext<'_> =
    CallContext { idempotency_key: "af1-test", timeout: Duration::from_secs(30), max_output: 1024 * 1024, caller: None };

/// Calls a tool as somebody who may call all tools of its server.
async fn call_with(tool: &dyn Tool, arguments: Value, context: &CallContext<'_>) -> Result<ToolOutput> {
    let server = tool.spec().name.as_str().split_once('/').unwrap().0.parse().unwrap();
    let level = Level { owner: "test".to_owned(), permissions: vec![server] };
    let policy = Policy::new(Rules { allow: level.permissions.clone(), ..Rules::default() });
    let grants = Arc::new(Grants { levels: vec![level], always_ask: false });
    let call = ToolCall { tool: tool.spec().name.clone(), arguments };
    match policy.authorize(tool, call, &grants, None).unwrap() {
        Verdict::Allowed { call, .. } => tool.call(call, context).await,
        verdict => panic!("not allowed: {verdict:?}"),
    }
}

async fn call(tool: &dyn Tool, arguments: Value) -> Result<ToolOutput> {
    call_with(tool, arguments, &CONTEXT).await
}

/// The text of a result, read as JSON.
fn parsed(output: &ToolOutput) -> Value {
    serde_json::from_str(output.value.as_str().unwrap()).unwrap()
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let waiting = async {
        while !is_so() {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("not so in time: {what}"));
}

#[track_caller]
fn failed(result: Result<ToolOutput>, kind: ErrorKind, message: &str) -> Error {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.message()), (kind, message));
    error
}

#[tokio::test]
async fn tools_are_offered_by_their_server_and_called() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let hints = json!({ "readOnlyHint": true });
    let add = json!({ "name": "add", "description": "Adds.", "inputSchema": schema, "annotations": hints });
    let pages = json!([[add], [{ "name": "no good", "inputSchema": {} }], [{ "name": "get_x", "inputSchema": {} }]]);
    let lab = Lab::new(&json!({ "tools": pages, "replies": { "get_x": [{ "result": { "structuredContent": { "x": 1 } } }] } }));
    let mut settings = lab.settings();
    settings.effects = vec![("get_*".to_owned(), Effect::Read)];
    let server = McpServer::new(settings).unwrap();
    assert!(lab.log().is_empty(), "it is started when it is needed");

    let tools = server.tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.spec().name.as_str()).collect();
    assert_eq!(names, ["mcp:s/add", "mcp:s/get_x"]);
    assert_eq!((tools[0].spec().description.as_str(), &tools[0].spec().parameters), ("Adds.", &schema));
    assert_eq!(tools.iter().map(|tool| tool.spec().effect).collect::<Vec<_>>(), [Effect::Write, Effect::Read]);
    assert_eq!((tools[0].reach(), tools[0].is_untrusted()), (&[AccessClass::Mcp][..], true));
    let access = Access::Mcp { server: "s".to_owned(), tool: "add".to_owned() };
    assert_eq!(tools[0].accesses(&json!({})).unwrap(), [access]);

    assert_eq!(call(&*tools[0], json!({ "n": 7 })).await.unwrap().value, r#"{"n":7}"#);
    assert_eq!(call(&*tools[1], json!({})).await.unwrap().value, json!({ "x": 1 }));
    server.tools().await.unwrap();
    assert_eq!((lab.count("initialize"), lab.count("tools/list")), (1, 3), "what is known is not asked again");
}

#[tokio::test]
async fn calls_at_once_share_one_process_and_get_their_own_answers() {
    let lab = Lab::new(&json!({}));
    let server = lab.server();
    let echo = tool(&server, "echo").await;
    let outputs = join_all((0..200).map(|n| call(&*echo, json!({ "n": n })))).await;
    for (n, output) in outputs.into_iter().enumerate() {
        assert_eq!(parsed(&output.unwrap()), json!({ "n": n }));
    }
    assert_eq!(lab.count("initialize"), 1);
}

#[tokio::test]
async fn resources_and_prompts_can_be_read() {
    let lab = Lab::new(&json!({ "documents": true }));
    let server = lab.server();
    let resources = server.resources().await.unwrap();
    assert_eq!((resources[0].uri.as_str(), resources[0].mime_type.as_deref()), ("doc://one", Some("text/plain")));
    assert_eq!(server.resource("doc://one", 100).await.unwrap().value, "the document");
    assert_eq!(server.resource("doc://two", 100).await.unwrap_err().kind(), ErrorKind::Request);
    let prompts = server.prompts().await.unwrap();
    assert_eq!((prompts[0].name.as_str(), prompts[0].arguments[0].required), ("greet", true));
    let arguments = BTreeMap::from([("who".to_owned(), "Ada".to_owned())]);
    let messages = server.prompt("greet", &arguments).await.unwrap();
    assert_eq!(messages, [agentflow::model::ChatMessage::new(agentflow::model::Role::User, "Hello Ada")]);

    let list = call(&*tool(&server, "list_resources").await, json!({})).await.unwrap();
    assert!(list.value.as_str().unwrap().starts_with("doc://one (one) [text/plain]"), "{list:?}");
    let read = tool(&server, "read_resource").await;
    assert_eq!(read.spec().effect, Effect::Read);
    assert_eq!(call(&*read, json!({ "uri": "doc://one" })).await.unwrap().value, "the document");
}

#[tokio::test]
async fn a_tool_of_the_server_goes_before_ours_of_the_same_name() {
    let own = json!({ "name": "read_resource", "description": "Mine.", "inputSchema": { "type": "object" } });
    let lab = Lab::new(&json!({ "documents": true, "tools": [[own, own]] }));
    let tools = lab.server().tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| (tool.spec().name.as_str(), tool.spec().effect)).collect();
    assert_eq!(names, [("mcp:s/read_resource", Effect::Write), ("mcp:s/list_resources", Effect::Read)]);
}

#[tokio::test]
async fn a_list_that_has_changed_is_read_again() {
    let new = json!({ "name": "new", "inputSchema": { "type": "object" } });
    let lab = Lab::new(&json!({ "replies": { "echo": [{ "change": [new] }] } }));
    let server = lab.server();
    let echo = tool(&server, "echo").await;
    call(&*echo, json!({})).await.unwrap();
    call(&*tool(&server, "new").await, json!({})).await.unwrap();
    failed(call(&*echo, json!({})).await, ErrorKind::Denied, "tool `mcp:s/echo` is gone since it was offered");
    assert_eq!(lab.count("initialize"), 1);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let lab = Lab::new(&json!({}));
    let refused = |change: &dyn Fn(&mut McpSettings)| {
        let mut settings = lab.settings();
        change(&mut settings);
        McpServer::new(settings).unwrap_err().message().to_owned()
    };
    assert_eq!(refused(&|settings| settings.name = "a/b".to_owned()), "`a/b` is no name of an MCP server");
    let pattern = |settings: &mut McpSettings| settings.effects = vec![("a b".to_owned(), Effect::Pure)];
    assert_eq!(refused(&pattern), "MCP server `s`: `a b` names no tools of it");
}
