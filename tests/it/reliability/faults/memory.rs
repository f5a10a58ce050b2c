//! How much memory a process takes for answers that are made to take all of it.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::fault_server::FaultServer;

/// What it may take more than for an ordinary answer, in MiB.
pub(super) const LIMIT: u64 = 64;
/// How long a process may take until it asks the second question.
const PATIENCE: Duration = Duration::from_secs(60);

/// The second question is not answered, so that the process is still there when it is measured.
const WORKFLOW: &str = "
agents: { a: { model: lab/m } }
nodes:
  big: { agent: a, prompt: 'the big one', on_error: continue, retry: { initial: 1ms } }
  last: { agent: a, prompt: 'the last one', needs: big }
";

/// The answers that are tried, by name.
pub(super) fn bombs() -> Vec<(&'static str, Value)> {
    let huge = |form: &str, status: u16| json!({"huge": {"bytes": 1_000_000_000, "form": form, "status": status}});
    vec![
        ("a line of 1 GB", huge("line", 200)),
        ("events of 1 GB", huge("events", 200)),
        ("comments of 1 GB", huge("comments", 200)),
        ("a document of 1 GB", huge("json", 200)),
        ("an error of 1 GB", huge("json", 500)),
        ("a bomb of 1 GB", json!({"zip_bomb": {"bytes": 1_000_000_000}})),
        ("headers without end", json!("endless_headers")),
    ]
}

/// The most memory, in MiB, of a process whose first question is answered by `reply`; `None` where the system does not tell.
pub(super) fn peak(reply: &Value) -> Option<u64> {
    let server = FaultServer::start(&json!([{"match": "the big one", "reply": reply}, {"reply": "hang"}]));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("flow.yaml"), WORKFLOW).unwrap();
    let manifest = format!("[providers.lab]\nkind = \"openai\"\nbase_url = \"{}/v1\"\n", server.url());
    fs::write(folder.path().join("agents.toml"), manifest).unwrap();
    let mut process = agentflow(folder.path());
    let begun = Instant::now();
    while !server.asked().iter().any(|asked| asked.prompt.as_deref() == Some("the last one")) {
        assert!(begun.elapsed() < PATIENCE, "the process did not come to its second question");
        assert_eq!(process.try_wait().unwrap(), None, "the process ended before its second question");
        #[expect(clippy::disallowed_methods, reason = "a process is waited for, and there is no runtime")]
        thread::sleep(Duration::from_millis(5));
    }
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok();
    process.kill().unwrap();
    process.wait().unwrap();
    let line = status.as_ref()?.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

fn agentflow(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_agentflow"))
        .args(["run", "flow.yaml"])
        .current_dir(folder)
        .env_remove("AGENTFLOW_STORE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
