//! The processes of servers: what they are given, and that none of them stays behind.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
};

use agentflow::tool::mcp::{McpServer, McpTransport};
use rustix::process::{Pid, Signal, kill_process};
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
    // The leader of the group and all it starts ignore the wish to end; the leader stays when the server has left.
    let words = ["sh", "-c", "trap '' TERM; \"$@\"; exec sleep 100000", "sh"].map(str::to_owned);
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

/// Whether a server of the lab runs.
fn is_there(lab: &Lab) -> bool {
    let script = lab.folder.path().join("script.json").display().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    processes.map(|line| String::from_utf8_lossy(&line).into_owned()).any(|line| line.contains(&script))
}

#[tokio::test]
async fn a_server_that_is_stopped_in_its_start_ends() {
    let lab = Lab::new(&json!({ "start": "silent" }));
    let server = lab.server();
    tokio::select! {
        tools = agentflow::tool::ToolSource::tools(&server) => panic!("started: {tools:?}"),
        () = until("it was greeted", || lab.count("initialize") == 1) => {}
    }
    until("it has ended", || !is_there(&lab)).await;
}

/// The program, told to end while a call of a tool hangs.
async fn ends_with_the_program(signals: &[Signal]) {
    let lab = Lab::new(&json!({ "replies": { "echo": ["hang"] } }));
    let folder = lab.folder.path();
    let workflow = json!({ "name": "w", "permissions": ["mcp:s"], "nodes": { "a": { "tool": "mcp:s/echo" } } });
    fs::write(folder.join("w.json"), workflow.to_string()).unwrap();
    fs::write(folder.join("agents.json"), json!({ "mcp": { "s": { "command": lab.command() } } }).to_string()).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_agentflow"))
        .current_dir(folder)
        .args(["run", "w.json", "--allow", "mcp:s"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the tool was called", || lab.count("tools/call") == 1).await;
    assert!(is_there(&lab));
    for signal in signals {
        kill_process(Pid::from_child(&program), *signal).unwrap();
        // The second of two is another wish only once the first has arrived.
        let id = program.id();
        until("the signal has arrived", || program.try_wait().unwrap().is_some() || !is_pending(id)).await;
    }
    until("the program has ended", || program.try_wait().unwrap().is_some()).await;
    until("the server has ended", || !is_there(&lab)).await;
}

/// Whether a signal waits for a process.
fn is_pending(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let mut pending = status.lines().filter(|line| line.starts_with("SigPnd:") || line.starts_with("ShdPnd:"));
    pending.any(|line| line.bytes().skip(7).any(|digit| matches!(digit, b'1'..=b'9' | b'a'..=b'f')))
}

#[tokio::test]
async fn a_server_ends_with_a_program_that_is_told_to_end() {
    ends_with_the_program(&[Signal::TERM, Signal::TERM]).await;
}

#[tokio::test]
async fn a_server_ends_with_a_program_that_is_killed() {
    ends_with_the_program(&[Signal::KILL]).await;
}
