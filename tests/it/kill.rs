//! `kill -9` at every call of a run, judged by the server: it counts what it was asked, whatever the engine says.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::sync::mpsc;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// Three calls in a row, two at once, and one at the end.
const WORKFLOW: &str = r#"
agents: { a: { model: lab/small } }
nodes:
  one: { agent: a, prompt: "call one" }
  two: { agent: a, prompt: "call two after {{ one }}" }
  three: { agent: a, prompt: "call three after {{ two }}" }
  pair: { map: "[three, 'x']", agent: a, prompt: "call pair {{ index }} after {{ item }}" }
  last: { agent: a, prompt: "call last after {{ pair | join(' ') }}" }
outputs: { last: "{{ last }}" }
"#;
const CALLS: usize = 6;

/// Answers every question with the question, slowly enough to be killed meanwhile, and tells of each.
struct Echo {
    asked: Mutex<Vec<String>>,
    count: AtomicUsize,
    told: mpsc::UnboundedSender<usize>,
}

struct Shared(Arc<Echo>);

impl Respond for Shared {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: serde_json::Value = request.body_json().unwrap();
        let prompt = body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
        self.0.asked.lock().unwrap().push(prompt.clone());
        let count = self.0.count.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.told.send(count).unwrap();
        let chunk = serde_json::json!({
            "id": "c", "object": "chat.completion.chunk", "created": 0, "model": "small",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": format!("<{}>", prompt.len())}, "finish_reason": "stop"}],
        });
        ResponseTemplate::new(200)
            .set_body_raw(format!("data: {chunk}\n\ndata: [DONE]\n\n"), "text/event-stream")
            .set_delay(Duration::from_millis(40))
    }
}

fn agentflow(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_agentflow"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("AGENTFLOW_STORE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn project() -> (TempDir, MockServer, Arc<Echo>, mpsc::UnboundedReceiver<usize>) {
    let (told, calls) = mpsc::unbounded_channel();
    let echo = Arc::new(Echo { asked: Mutex::default(), count: AtomicUsize::new(0), told });
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Shared(Arc::clone(&echo))).mount(&server).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("flow.yaml"), WORKFLOW).unwrap();
    let manifest = format!("[providers.lab]\nkind = \"openai\"\nbase_url = \"{}/v1\"\n", server.uri());
    std::fs::write(folder.path().join("agents.toml"), manifest).unwrap();
    (folder, server, echo, calls)
}

/// Waits for a process without blocking the server.
async fn finish(child: Child) -> std::process::Output {
    tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_at_any_call_is_resumed_and_pays_each_recorded_call_once() {
    for victim in 1..=CALLS {
        let (folder, _server, echo, mut calls) = project().await;
        let mut child = agentflow(folder.path(), &["run", "flow.yaml"]);
        while calls.recv().await.unwrap() < victim {}
        child.kill().unwrap();
        finish(child).await;
        let answered = recorded(folder.path()).await;

        let output = finish(agentflow(folder.path(), &["resume", "last"])).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "killed at call {victim}: {errors}");
        assert!(!output.stdout.is_empty());

        let asked = echo.asked.lock().unwrap().clone();
        let mut different = asked.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), CALLS, "killed at call {victim}: every call was made, none with another prompt: {asked:?}");
        for prompt in &answered {
            let times = asked.iter().filter(|asked| asked.starts_with(prompt.as_str())).count();
            assert_eq!(times, 1, "killed at call {victim}: `{prompt}` was recorded, and paid again");
        }
        let in_flight = asked.len() - CALLS;
        assert!(in_flight <= 2, "killed at call {victim}: only what was in flight is asked again: {asked:?}");
    }
}

/// How the prompts begin whose answers are in the log.
async fn recorded(folder: &Path) -> Vec<String> {
    let output = finish(agentflow(folder, &["runs", "events", "last", "--format", "json"])).await;
    let events: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let prompt_of = |node: &str| match node {
        "pair[0]" => "call pair 0".to_owned(),
        "pair[1]" => "call pair 1".to_owned(),
        other => format!("call {other}"),
    };
    let responded = events.iter().filter(|event| event["type"] == "model_responded");
    responded.map(|event| prompt_of(event["node"].as_str().unwrap())).collect()
}
