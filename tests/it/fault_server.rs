//! The fault server (`tests/servers`) as a process of a test, and what it does by itself.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server that ends with the test, with its log and its scenario in a folder of their own.
pub(crate) struct FaultServer {
    url: String,
    folder: TempDir,
    process: Child,
    /// It serves until this is closed.
    _stdin: ChildStdin,
}

/// A request, as the server wrote it down before it answered.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Asked {
    pub(crate) n: u64,
    pub(crate) at_ms: i64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) prompt: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body_sha256: String,
    pub(crate) reply: String,
    #[serde(default)]
    pub(crate) repeat: bool,
}

impl FaultServer {
    /// Starts one that follows `scenario`, a list of rules.
    pub(crate) fn start(scenario: &Value) -> Self {
        Self::start_with(scenario, &[])
    }

    /// The same with further arguments, e.g. `--latency 20`.
    pub(crate) fn start_with(scenario: &Value, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scenario.json"), scenario.to_string()).unwrap();
        let mut process = Self::command(folder.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`cargo build --example fault-server` builds the server that this test needs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening ").expect("the server says where it listens").to_owned();
        let stdin = process.stdin.take().unwrap();
        Self { url, folder, process, _stdin: stdin }
    }

    fn command(folder: &Path) -> Command {
        // Cargo puts examples beside the binaries, and builds them with every test.
        let program = Path::new(env!("CARGO_BIN_EXE_agentflow")).parent().unwrap().join("examples/fault-server");
        let mut command = Command::new(program);
        command.arg("--log").arg(folder.join("log.jsonl")).arg("--scenario").arg(folder.join("scenario.json"));
        command
    }

    /// Where it listens, without a path.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked so far, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let text = fs::read_to_string(self.folder.path().join("log.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line.get("done").is_none()).map(|line| serde_json::from_value(line).unwrap()).collect()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Sends one request and reads until the server closes the connection, or breaks it.
fn exchange(server: &FaultServer, method: &str, path: &str, headers: &str, body: &str) -> Result<String, std::io::ErrorKind> {
    let mut stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n{body}").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map_err(|err| err.kind())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn ask(server: &FaultServer, prompt: &str) -> Result<String, std::io::ErrorKind> {
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": prompt}]});
    exchange(server, "POST", "/v1/chat/completions", "", &body.to_string())
}

#[test]
fn a_question_is_written_down_and_answered_with_its_length() {
    let server = FaultServer::start(&json!([]));
    let answer = ask(&server, "how long?").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"), "{answer}");
    assert!(answer.contains(r#""content":"<""#) && answer.contains(r#""content":"9>""#), "{answer}");
    assert!(answer.ends_with("data: [DONE]\n\n"), "{answer}");
    let asked = &server.asked()[0];
    assert_eq!((asked.n, asked.method.as_str(), asked.path.as_str()), (1, "POST", "/v1/chat/completions"));
    assert_eq!((asked.prompt.as_deref(), asked.reply.as_str()), (Some("how long?"), "ok"));
    assert!(asked.at_ms > 1_700_000_000_000 && asked.body_sha256.len() == 64);
}

#[test]
fn an_effect_with_a_known_key_is_not_done_again() {
    let server = FaultServer::start(&json!([{"match": "/broken", "times": 1, "reply": {"status": {"status": 503}}}]));
    let put = |path: &str, headers: &str| {
        let answer = exchange(&server, "PUT", path, headers, "x").unwrap();
        answer.split("\r\n\r\n").nth(1).unwrap().to_owned()
    };
    assert_eq!(put("/orders", "idempotency-key: a\r\n"), r#"{"n":1}"#);
    assert_eq!(put("/orders", "Idempotency-Key: a\r\n"), r#"{"n":1}"#);
    assert_eq!(put("/orders", ""), r#"{"n":3}"#);
    assert!(put("/broken", "idempotency-key: b\r\n").contains("error"));
    assert_eq!(put("/broken", "idempotency-key: b\r\n"), r#"{"n":5}"#, "what was refused was not done");
    let asked = server.asked();
    assert_eq!(asked.iter().map(|asked| asked.repeat).collect::<Vec<_>>(), [false, true, false, false, false]);
    assert_eq!(asked[1].idempotency_key.as_deref(), Some("a"));
}

#[test]
fn rules_hold_in_order_and_as_often_as_they_say() {
    let server = FaultServer::start(&json!([
        {"match": "one", "times": 1, "reply": "reset"},
        {"match": "one", "reply": {"sequence": [{"status": {"status": 429, "retry_in_date": 7}}, {"ok": {"text": "fine"}}]}},
        {"match": "two", "reply": {"flapping": {"up": 1, "down": 2}}},
        {"match": "three", "text": "a long answer", "reply": {"cut": {"after_bytes": 10}}},
    ]));
    assert_eq!(ask(&server, "one"), Err(std::io::ErrorKind::ConnectionReset));
    assert!(ask(&server, "one").unwrap().contains("retry-after: "));
    assert!(ask(&server, "one").unwrap().contains("\"ne\""));
    assert!(ask(&server, "one").unwrap().contains("\"ne\""), "the last of a sequence holds on");
    for status in ["200", "503", "503", "200"] {
        assert!(ask(&server, "two").unwrap().starts_with(&format!("HTTP/1.1 {status} ")));
    }
    assert_eq!(ask(&server, "three").unwrap().split("\r\n\r\n").nth(1), Some("data: {\"id"));
    assert!(ask(&server, "four").unwrap().contains("[DONE]"));
}

#[test]
fn a_scenario_that_is_not_understood_is_refused() {
    for (scenario, expected) in [
        (json!([{"reply": "rest"}]), "rule 1: unknown variant `rest`, expected one of `ok`, `status`, `reset`"),
        (
            json!([{"reply": "ok"}, {"reply": {"ok": {"delay": 1}}}]),
            "rule 2: unknown field `delay`, expected one of `text`, `tool_calls`, `delay_ms`",
        ),
        (json!([{"reply": "ok", "time": 1}]), "rule 1: unknown field `time`, expected one of `match`, `prompt`, `path`, `times`"),
        (json!([{"reply": {"sequence": []}}]), "rule 1: a `sequence` or `conversation` needs a reply"),
        (json!([{"reply": {"ok": {"tool_calls": [{}]}}}]), "rule 1: missing field `name`"),
        (json!({}), "no list of rules"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scenario.json"), scenario.to_string()).unwrap();
        let output = FaultServer::command(folder.path()).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{scenario}: {said}");
    }
}
