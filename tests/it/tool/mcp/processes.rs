//! The processes of servers: what they are given, and that none of them stays behind.

use std::{collections::BTreeMap, fs};

use agentflow::tool::mcp::{McpServer, McpTransport};
use serde_json::json;

use super::{Lab, call, parsed, tool, until};

/// Whether a process is there; one that only waits to be buried is not.
fn is_alive(id: u64) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// A server that has started a process of its own, and the ids of both.
async fn family(server: &McpServer) -> Vec<u64> {
    let output = call(&*tool(server, "echo").await, json!({})).await.unwrap();
    let family: Vec<u64> = serde_json::from_value(parsed(&output)).unwrap();
    assert!(family.len() == 2 && family.iter().all(|id| is_alive(*id)));
    family
}

fn spawning() -> Lab {
    Lab::new(&json!({ "replies": { "echo": ["spawn"] } }))
}

#[tokio::test]
async fn a_server_gets_what_it_is_given_and_nothing_else() {
    let lab = Lab::new(&json!({ "replies": { "echo": ["whereabouts"] } }));
    let mut settings = lab.settings();
    let McpTransport::Stdio { env, inherited, .. } = &mut settings.transport else { unreachable!() };
    env.insert("TOKEN".to_owned(), "t".into());
    *inherited = BTreeMap::from([("HOME", "/h"), ("AWS_SECRET_ACCESS_KEY", "k"), ("LD_PRELOAD", "x.so")])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let server = McpServer::new(settings).unwrap();
    let told = parsed(&call(&*tool(&server, "echo").await, json!({})).await.unwrap());
    assert_eq!(told["env"], json!({ "HOME": "/h", "PATH": "/usr/local/bin:/usr/bin:/bin", "TOKEN": "t" }));
    assert_eq!(told["folder"], lab.folder.path().canonicalize().unwrap().to_str().unwrap());
}

#[tokio::test]
async fn a_server_that_is_dropped_ends_with_its_children() {
    let lab = spawning();
    let server = lab.server();
    let family = family(&server).await;
    drop(server);
    until("both have ended", || !family.iter().any(|id| is_alive(*id))).await;
}

#[tokio::test]
async fn a_server_that_does_not_want_to_end_is_killed_with_its_children() {
    let lab = spawning();
    let mut settings = lab.settings();
    let McpTransport::Stdio { command, .. } = &mut settings.transport else { unreachable!() };
    // It ignores the wish to end, and the end of its input, too: `cat` holds another one open.
    let script = format!("trap '' TERM; \"$@\"; exec sleep 100000 # {}", command.len());
    let words = ["sh", "-c", &script, "sh"].map(str::to_owned);
    *command = words.into_iter().chain(command.clone()).collect();
    let server = McpServer::new(settings).unwrap();
    let family = family(&server).await;
    drop(server);
    until("both have ended", || !family.iter().any(|id| is_alive(*id))).await;
}

#[test]
fn no_process_outlives_the_runtime() {
    let lab = spawning();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = lab.server();
    let family = runtime.block_on(family(&server));
    drop(runtime);
    // Nobody is left to wait for it: it is dead once the signal is delivered.
    let observer = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    observer.block_on(until("both have ended", || !family.iter().any(|id| is_alive(*id))));
    drop(server);
}

#[tokio::test]
async fn a_server_that_is_stopped_in_its_start_ends() {
    let lab = Lab::new(&json!({ "start": "silent" }));
    let server = lab.server();
    tokio::select! {
        tools = agentflow::tool::ToolSource::tools(&server) => panic!("started: {tools:?}"),
        () = until("it was greeted", || lab.count("initialize") == 1) => {}
    }
    let script = lab.folder.path().join("script.json").display().to_string();
    let is_there = || {
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
        processes.map(|line| String::from_utf8_lossy(&line).into_owned()).any(|line| line.contains(&script))
    };
    until("it has ended", || !is_there()).await;
}
