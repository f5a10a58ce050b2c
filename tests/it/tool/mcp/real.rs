//! Servers that nobody here wrote. `scripts/servers start` installs them and prints the variables that name them; what is not named is
//! not tried, and the tests say so.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use agentflow::{
    ErrorKind,
    tool::{
        ToolSource as _,
        mcp::{McpServer, McpSettings, McpTransport},
    },
};
use serde_json::{Value, json};

use super::{call, tool};

/// What the environment names for this test; what is missing is told.
#[expect(clippy::disallowed_methods, reason = "the environment names the server of this test")]
pub(crate) fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        eprintln!("skipped: {name} is not set");
    }
    value
}

/// A server named by a variable, which is started with `arguments` in `folder`.
#[expect(clippy::disallowed_methods, reason = "programs are found as the shell finds them")]
fn started(name: &str, arguments: &[&str], folder: &Path) -> Option<McpServer> {
    let program = variable(&format!("AGENTFLOW_TEST_MCP_{}", name.to_uppercase()))?;
    let interpreter = Path::new(&program).extension().is_some_and(|extension| extension == "js").then(|| "node".to_owned());
    let arguments = arguments.iter().map(|&argument| argument.to_owned());
    let command = interpreter.into_iter().chain([program]).chain(arguments).collect();
    let inherited = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect();
    let transport = McpTransport::Stdio { command, env: BTreeMap::new(), inherited, folder: folder.to_owned() };
    Some(McpServer::new(McpSettings::new(name, transport)).unwrap())
}

async fn said(server: &McpServer, name: &str, arguments: Value) -> String {
    let output = call(&*tool(server, name).await, arguments).await.unwrap();
    output.value.as_str().map_or_else(|| output.value.to_string(), str::to_owned)
}

/// What is tried of `server-everything`, whichever way it is reached.
async fn round(server: &McpServer) {
    let names: Vec<_> = server.tools().await.unwrap().iter().map(|tool| tool.spec().name.to_string()).collect();
    assert!(names.len() > 5, "{names:?}");
    assert_eq!(said(server, "echo", json!({ "message": "grüße" })).await, "Echo: grüße");
    assert!(said(server, "get-sum", json!({ "a": 2, "b": 40 })).await.contains("42"));

    let weather = call(&*tool(server, "get-structured-content").await, json!({ "location": "Chicago" })).await.unwrap();
    assert!(weather.value["temperature"].is_number() && weather.notes.is_empty(), "{weather:?}");
    let image = call(&*tool(server, "get-tiny-image").await, json!({})).await.unwrap();
    assert!(image.notes[0].starts_with("image/png, ") && image.notes[0].ends_with(" bytes, not shown"), "{image:?}");
    assert!(!image.value.to_string().contains("iVBOR"), "{image:?}");

    let wrong = call(&*tool(server, "get-sum").await, json!({ "a": "x" })).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Request, "{wrong}");

    let resources = server.resources().await.unwrap();
    let text = resources.iter().find(|resource| resource.mime_type.as_deref() == Some("text/markdown")).unwrap();
    assert!(!server.resource(&text.uri, 10_000).await.unwrap().value.as_str().unwrap().is_empty());
    let listed = said(server, "list_resources", json!({})).await;
    assert!(listed.contains(&text.uri), "{listed}");

    let prompts = server.prompts().await.unwrap();
    assert!(prompts.iter().any(|prompt| prompt.name == "simple-prompt"), "{prompts:?}");
    let arguments = BTreeMap::from([("city".to_owned(), "Paris".to_owned())]);
    let messages = server.prompt("args-prompt", &arguments).await.unwrap();
    assert!(messages[0].content.contains("Paris"), "{messages:?}");
}

#[tokio::test]
async fn everything_over_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("everything", &[], folder.path()) else { return };
    round(&server).await;
    assert_eq!(server.definition().await.unwrap(), server.definition().await.unwrap(), "it is the same each time");
}

#[tokio::test]
async fn everything_over_http() {
    let Some(url) = variable("AGENTFLOW_TEST_MCP_URL") else { return };
    let transport = McpTransport::Http { url, headers: BTreeMap::new() };
    round(&McpServer::new(McpSettings::new("everything", transport)).unwrap()).await;
}

#[tokio::test]
async fn filesystem_reads_in_its_folder_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::write(root.join("note.txt"), "remember the milk").unwrap();
    let Some(server) = started("filesystem", &[root.to_str().unwrap()], &root) else { return };
    assert!(said(&server, "list_directory", json!({ "path": root })).await.contains("note.txt"));
    let text = said(&server, "read_text_file", json!({ "path": root.join("note.txt") })).await;
    assert!(text.contains("remember the milk"), "{text}");
    let refused = call(&*tool(&server, "read_text_file").await, json!({ "path": "/etc/passwd" })).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Request);
    assert!(refused.message().contains("Access denied"), "{refused}");
    assert!(server.resources().await.unwrap().is_empty() && server.prompts().await.unwrap().is_empty());
}

#[tokio::test]
async fn memory_keeps_what_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = variable("AGENTFLOW_TEST_MCP_MEMORY") else { return };
    let file = folder.path().join("memory.jsonl").display().to_string();
    let transport = McpTransport::Stdio {
        command: vec!["node".to_owned(), program],
        env: BTreeMap::from([("MEMORY_FILE_PATH".to_owned(), file.clone().into())]),
        inherited: BTreeMap::new(),
        folder: folder.path().to_owned(),
    };
    let server = McpServer::new(McpSettings::new("memory", transport)).unwrap();
    let entity = json!({ "name": "Ada", "entityType": "person", "observations": ["likes engines"] });
    said(&server, "create_entities", json!({ "entities": [entity] })).await;
    let graph = call(&*tool(&server, "read_graph").await, json!({})).await.unwrap().value;
    assert_eq!(graph["entities"][0]["observations"], json!(["likes engines"]));
    assert!(fs::read_to_string(file).unwrap().contains("likes engines"), "the variable reached it");
}

#[tokio::test]
async fn time_converts_between_zones() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("time", &[], folder.path()) else { return };
    let arguments = json!({ "source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Tokyo" });
    let said = said(&server, "convert_time", arguments).await;
    assert!(said.contains("19:00") || said.contains("20:00"), "{said}");
    let wrong = json!({ "source_timezone": "Nowhere/Land", "time": "12:00", "target_timezone": "Asia/Tokyo" });
    assert_eq!(call(&*tool(&server, "convert_time").await, wrong).await.unwrap_err().kind(), ErrorKind::Request);
}

#[tokio::test]
async fn git_tells_of_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("git", &["--repository", folder.path().to_str().unwrap()], folder.path()) else { return };
    for words in [
        &["init", "-q"][..],
        &["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "the first step"],
    ] {
        assert!(Command::new("git").current_dir(folder.path()).args(words).status().unwrap().success());
    }
    let log = said(&server, "git_log", json!({ "repo_path": folder.path() })).await;
    assert!(log.contains("the first step"), "{log}");
}
