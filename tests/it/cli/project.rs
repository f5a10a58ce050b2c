//! A project in a folder of its own, and the program run in it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A workflow of one node, with its own agent.
pub(super) const HELLO: &str = "\
name: hello
inputs:
  name: { type: string, default: world, description: Whom to greet }
agents:
  writer: { model: openai/gpt-5-mini, system: Be brief. }
nodes:
  greet: { agent: writer, prompt: 'Say hello to {{ inputs.name }}' }
outputs:
  greeting: '{{ greet }}'
";

/// Two nodes, one after the other.
pub(super) const CHAIN: &str = "\
name: chain
agents:
  writer: { model: openai/gpt-5-mini }
nodes:
  first: { agent: writer, prompt: One }
  second: { agent: writer, prompt: 'Two after {{ first }}' }
outputs:
  text: '{{ second }}'
";

/// What stands for the variables of the machine that tests run on.
const CLEARED: [&str; 14] = [
    "CI",
    "AGENTFLOW_MANIFEST",
    "AGENTFLOW_STORE",
    "AGENTFLOW_POLICY",
    "AGENTFLOW_QUIET",
    "AGENTFLOW_VERBOSE",
    "AGENTFLOW_COLOR",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "RUST_BACKTRACE",
    "RUST_LOG",
];

/// A folder with files, and one with the settings of the person.
pub(super) struct Project {
    folder: TempDir,
    settings: TempDir,
}

impl Project {
    pub(super) fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), settings: TempDir::new().unwrap() }
    }

    /// Adds a file.
    pub(super) fn with(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The policy file in the person's settings.
    pub(super) fn policy_path(&self) -> PathBuf {
        self.settings.path().join("agentflow/policy.toml")
    }

    /// Adds a policy file to the person's settings, which nobody else may write.
    pub(super) fn with_policy(self, text: &str) -> Self {
        let path = self.policy_path();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    /// The program, about to be run in the folder.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("agentflow"));
        command.args(args).current_dir(self.folder.path()).env("TZ", "UTC").env("TERM", "xterm-256color").stdin(Stdio::null());
        for name in CLEARED {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", self.settings.path());
        // No test downloads a model, or looks at those of the person.
        command.env("AGENTFLOW_MODELS", self.settings.path().join("models")).env("AGENTFLOW_OFFLINE", "1");
        command
    }

    /// Runs the program to its end.
    pub(super) fn run(&self, args: &[&str]) -> Ran {
        self.ran(self.command(args))
    }

    /// Runs the program to its end with `text` on standard input.
    pub(super) fn run_with_stdin(&self, args: &[&str], text: impl Into<Vec<u8>>) -> Ran {
        let mut command = assert_cmd::Command::from_std(self.command(args));
        let output = command.write_stdin(text.into()).output().unwrap();
        self.told(&output)
    }

    pub(super) fn ran(&self, mut command: Command) -> Ran {
        let output = command.output().unwrap();
        self.told(&output)
    }

    pub(super) fn told(&self, output: &std::process::Output) -> Ran {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.replace(&*self.folder.path().canonicalize().unwrap().to_string_lossy(), "[folder]")
                .replace(&*self.folder.path().to_string_lossy(), "[folder]")
                .replace(&*self.settings.path().to_string_lossy(), "[settings]")
        };
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Starts the program and waits until a line of its standard error contains `until`.
    pub(super) fn start(&self, args: &[&str], until: &str) -> Started {
        let mut child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        while !seen.contains(until) {
            let read = stderr.read_line(&mut seen).unwrap();
            assert!(read > 0, "the program ended without saying {until:?}:\n{seen}");
        }
        Started { child, stderr, seen }
    }

    /// The ids of the runs in the store, newest first.
    pub(super) fn run_ids(&self) -> Vec<String> {
        let runs = self.run(&["runs", "list", "--format", "json", "-n", "0"]);
        let runs: serde_json::Value = serde_json::from_str(&runs.stdout).unwrap();
        runs.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The nodes of the last run whose answers are recorded, in the order of the answers.
    pub(super) fn asked(&self) -> Vec<String> {
        let events = self.run(&["runs", "events", "last", "--format", "json"]).json();
        let answers = events.as_array().unwrap().iter().filter(|event| event["type"] == "model_responded");
        answers.map(|event| event["node"].as_str().unwrap().to_owned()).collect()
    }

    /// The status of the newest run.
    pub(super) fn last_status(&self) -> String {
        let shown = self.run(&["runs", "show", "last", "--format", "json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        shown["status"].as_str().unwrap().to_owned()
    }
}

/// A program that runs.
pub(super) struct Started {
    pub(super) child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    seen: String,
}

impl Started {
    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits until standard error contains `until`.
    pub(super) fn wait_for(&mut self, until: &str) {
        while !self.seen.contains(until) {
            assert!(self.stderr.read_line(&mut self.seen).unwrap() > 0, "ended without {until:?}:\n{}", self.seen);
        }
    }

    /// Waits for the end.
    pub(super) fn end(mut self) -> Ran {
        self.stderr.read_to_string(&mut self.seen).unwrap();
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).unwrap();
        }
        Ran { code: self.child.wait().unwrap().code(), stdout, stderr: self.seen }
    }
}

/// What came of a run of the program.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    #[track_caller]
    pub(super) fn exit(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        // Whatever happens, nobody sees a panic.
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("defect of agentflow"), "{self}");
        self
    }

    #[track_caller]
    pub(super) fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "not said: {text:?}\n{self}");
        self
    }

    #[track_caller]
    pub(super) fn prints(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text), "not printed: {text:?}\n{self}");
        self
    }

    #[track_caller]
    pub(super) fn prints_nothing(&self) -> &Self {
        assert_eq!(self.stdout, "", "{self}");
        self
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}\n{self}"))
    }
}

/// All of it, with ids, times and the machine taken out.
impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        write!(f, "exit {code}\n--- stdout\n{}--- stderr\n{}", redact(&self.stdout), redact(&self.stderr))
    }
}

/// Replaces run ids, times and process numbers; columns stay where they are as far as they can.
pub(super) fn redact(text: &str) -> String {
    text.split_inclusive('\n').map(redact_line).collect()
}

fn redact_line(line: &str) -> String {
    let mut told = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let at_start = told.chars().last().is_none_or(|c| !c.is_ascii_alphanumeric() && c != '.' && c != '$');
        if let Some(length) = at_start.then(|| matched(rest)).flatten() {
            let (what, kind) = length;
            told.push_str(kind);
            rest = &rest[what..];
        } else {
            told.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    told
}

/// How many bytes at the beginning of `text` are to be replaced, and by what.
fn matched(text: &str) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let is_id = bytes.len() >= 36
        && bytes[..36].iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_id {
        return Some((36, "[run]"));
    }
    if bytes.len() >= 19 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && bytes[7] == b'-' && bytes[13] == b':'
    {
        let end = bytes[19..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.' || **byte == b'Z').count();
        return Some((19 + end, "[at]"));
    }
    if let Some(rest) = text.strip_prefix("process ") {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let host = rest[digits..].strip_prefix(" on ")?;
        let host = host.bytes().take_while(|byte| !byte.is_ascii_whitespace() && *byte != b',').count();
        return (digits > 0).then_some(("process ".len() + digits + " on ".len() + host, "process [id] on [host]"));
    }
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let unit = &text[digits..];
    let unit = ["ms", "s"]
        .into_iter()
        .find(|known| unit.strip_prefix(known).is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric())))?;
    (digits > 0).then_some((digits + unit.len(), "[time]"))
}
