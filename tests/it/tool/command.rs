//! The tool that runs programs: what it gives, and what nobody gets it to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    time::Duration,
};

use agentflow::{
    Error, ErrorKind,
    model::Value,
    tool::{
        Tool, ToolOutput,
        command::{Command, CommandSettings, Limits},
    },
};
use rustix::process::{Pid, WaitId, WaitIdOptions, test_kill_process, waitid};
use serde_json::json;
use tempfile::TempDir;

use crate::tool::permitted::{MAX_OUTPUT, call};

/// A project with a home beside it, and a shell that may be run: as an example of a program that can do anything.
struct Project {
    folder: TempDir,
    settings: CommandSettings,
}

const SHELL: &[&str] = &["run:sh -c"];

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        fs::create_dir_all(root.join("inner")).unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        let settings = CommandSettings {
            root,
            home: folder.path().join("home"),
            path: CommandSettings::USUAL_PATH.iter().map(PathBuf::from).collect(),
            interpreters: BTreeSet::from(["sh".to_owned()]),
            free_options: BTreeSet::new(),
            environment: BTreeMap::new(),
            limits: Limits::default(),
        };
        Self { folder, settings }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.settings.root.join(path)
    }

    async fn call(&self, permissions: &[&str], arguments: Value) -> Result<ToolOutput, Error> {
        let command = Command::new(self.settings.clone()).unwrap();
        call(&command, permissions, arguments).await
    }

    /// Runs a line of shell.
    async fn shell(&self, line: &str) -> Result<ToolOutput, Error> {
        self.call(SHELL, json!({ "program": "sh", "arguments": ["-c", line] })).await
    }
}

fn result(exit_code: i32, stdout: &str, stderr: &str) -> Value {
    json!({ "exit_code": exit_code, "stdout": stdout, "stderr": stderr })
}

/// Waits until a file holds a process id, and gives it.
async fn process_in(file: PathBuf) -> Pid {
    loop {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if let Some(id) = text.strip_suffix('\n').and_then(|id| Pid::from_raw(id.parse().ok()?)) {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until there is no such process any more: neither running nor left unburied.
async fn is_gone(process: Pid) {
    while test_kill_process(process).is_ok() && !is_zombie_of_somebody_else(process) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A grandchild is buried by the first process of the system, which takes its time or, in a container, does not do it at all.
fn is_zombie_of_somebody_else(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_pid())).unwrap_or_default();
    let is_ours = status.contains(&format!("PPid:\t{}\n", std::process::id()));
    status.contains("State:\tZ") && !is_ours
}

/// Waits until this process has no child that has ended and was not waited for.
async fn no_zombie_is_left() {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::All, look).is_ok_and(|found| found.is_some()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_program_gets_its_arguments_as_they_are() {
    let project = Project::new();
    let arguments = ["a b", "$HOME", "*", "; touch x", "`id`", "", "ü\n"];
    let output = project.call(
        &["run:printf"],
        json!({ "program": "printf", "arguments": ["<%s>", "a b", "$HOME", "*", "; touch x", "`id`", "", "ü\n"] }),
    );
    let expected: String = arguments.iter().flat_map(|argument| ["<", argument, ">"]).collect();
    assert_eq!(output.await.unwrap(), ToolOutput::new(result(0, &expected, "")));
}

#[tokio::test]
async fn an_exit_code_is_a_result() {
    let project = Project::new();
    let output = project.shell("echo out; echo err >&2; exit 3").await.unwrap();
    assert_eq!(output, ToolOutput::new(result(3, "out\n", "err\n")));
}

#[tokio::test]
async fn a_program_reads_what_it_is_given_and_otherwise_nothing() {
    let project = Project::new();
    let text = "line\n".repeat(50_000);
    let count = project.call(&["run:wc"], json!({ "program": "wc", "arguments": [], "stdin": text })).await.unwrap();
    assert!(count.value["stdout"].as_str().unwrap().contains("250000"), "{count:?}");
    assert_eq!(project.call(&["run:cat"], json!({ "program": "cat" })).await.unwrap().value, result(0, "", ""));
    // One that does not read is not waited for.
    let ignores = json!({ "program": "true", "stdin": text });
    assert_eq!(project.call(&["run:true"], ignores).await.unwrap().value, result(0, "", ""));
}

#[tokio::test]
async fn a_program_knows_no_more_than_it_is_told() {
    let mut project = Project::new();
    project.settings.environment.insert("TOKEN".to_owned(), "t0ken".to_owned());
    project.settings.environment.insert("PATH".to_owned(), "/evil".to_owned());
    let output = project.shell("cat /proc/$$/environ").await.unwrap();
    let mut variables: Vec<_> = output.value["stdout"].as_str().unwrap().split("AGENTFLOW").map(str::to_owned).collect();
    let environment = variables.remove(0) + "AGENTFLOW" + &variables.remove(0);
    for part in
        ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC", "TOKEN=t0ken", "AGENTFLOW_IDEMPOTENCY_KEY=af1-test"]
    {
        assert!(environment.contains(part), "{environment}");
    }
    assert!(environment.contains(&format!("HOME={}", project.folder.path().join("home").display())), "{environment}");
    assert!(!environment.contains("/evil") && !environment.contains("CARGO"), "{environment}");
    assert!(!format!("{:?}", Command::new(project.settings.clone()).unwrap()).contains("t0ken"));
    // Nor does it hold any file that is open here.
    let open = fs::File::create(project.path("open.txt")).unwrap();
    let files = project.shell("ls -l /proc/self/fd").await.unwrap().value["stdout"].as_str().unwrap().to_owned();
    assert!(files.contains("pipe:") && !files.contains("open.txt"), "{files}");
    drop(open);
}

#[tokio::test]
async fn a_program_runs_in_a_folder_of_the_project() {
    let project = Project::new();
    symlink("/", project.path("out")).unwrap();
    symlink("inner", project.path("alias")).unwrap();
    let pwd = async |folder: &str| project.call(&["run:pwd"], json!({ "program": "pwd", "folder": folder })).await;
    let inner = fs::canonicalize(project.path("inner")).unwrap();
    for folder in ["inner", "alias"] {
        assert_eq!(pwd(folder).await.unwrap().value["stdout"], format!("{}\n", inner.display()));
    }
    for (folder, kind) in
        [("..", ErrorKind::Invalid), ("/", ErrorKind::Invalid), ("out", ErrorKind::Denied), ("nothing", ErrorKind::NotFound)]
    {
        assert_eq!(pwd(folder).await.unwrap_err().kind(), kind, "{folder}");
    }
}

#[tokio::test]
async fn cve_2025_6514_no_shell() {
    let mut project = Project::new();
    project.settings.interpreters.clear();
    let pwned = project.path("pwned");
    for line in ["echo $(touch pwned)", "echo; touch pwned", "echo `touch pwned`", "echo | touch pwned", "echo && touch pwned"] {
        let whole = project.call(&["run:echo"], json!({ "program": line })).await.unwrap_err();
        assert!(whole.kind() == ErrorKind::Invalid && whole.message().contains("no shell"), "{whole}");
        let (program, rest) = line.split_at(4);
        let said = project.call(&["run:echo"], json!({ "program": program, "arguments": [rest] })).await.unwrap();
        assert_eq!(said.value["stdout"], format!("{rest}\n"));
    }
    // Even a policy that permits a shell does not, unless the settings say that this is meant.
    for program in ["sh", "bash", "dash"] {
        let error = project.call(&["run:sh", "run:bash", "run:dash"], json!({ "program": program })).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("whatever"), "{error}");
    }
    assert!(!pwned.exists());
}

#[tokio::test]
async fn cve_2024_6091_denylist_beaten_by_path() {
    let project = Project::new();
    fs::copy("/bin/true", project.path("whoami")).unwrap();
    for program in
        ["/bin/./whoami", "/usr/bin/whoami", "./whoami", "bin/../whoami", "..", ".", "-", "whoami\0", "who\u{ad}ami", "$SHELL"]
    {
        let error = project.call(&["run:whoami"], json!({ "program": program })).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{program:?}: {error}");
    }
    // What is permitted is one program, by its name, and it is not the one that lies about in the project.
    let error = project.call(&["run:id"], json!({ "program": "whoami" })).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let who = project.call(&["run:whoami"], json!({ "program": "whoami" })).await.unwrap();
    assert_ne!(who.value["stdout"], "");
}

#[tokio::test]
async fn cve_2025_68144_argument_injection() {
    let project = Project::new();
    let git = async |permissions: &[&str], words: &str| {
        let arguments: Vec<_> = words.split(' ').collect();
        project.call(permissions, json!({ "program": "git", "arguments": arguments })).await
    };
    git(&["run:git init -q"], "init -q").await.unwrap();
    for words in [
        "diff --output=pwned",
        "diff --output pwned",
        "diff --outp=pwned",
        "-c core.pager=x diff",
        "diff --no-index a b --output=pwned",
    ] {
        let error = git(&["run:git"], words).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("may not be given to `git`"), "{error}");
    }
    // Stars in the place of a word do not let options in.
    assert!(git(&["run:git *"], "--exec-path=/tmp").await.is_err());
    assert!(!project.path("pwned").exists());
    assert_eq!(git(&["run:git status --short"], "status --short").await.unwrap().value, result(0, "", ""));
}

#[tokio::test]
async fn free_options_are_free_but_for_those_that_run_or_write() {
    let mut project = Project::new();
    project.settings.free_options.insert("find".to_owned());
    let find = async |words: &str| {
        let arguments: Vec<_> = words.split(' ').collect();
        project.call(&["run:find"], json!({ "program": "find", "arguments": arguments })).await
    };
    assert_eq!(find(". -name inner -type d").await.unwrap().value, result(0, "./inner\n", ""));
    for words in [". -delete", ". -exec touch pwned ;", ". -fprint pwned"] {
        assert_eq!(find(words).await.unwrap_err().kind(), ErrorKind::Denied, "{words}");
    }
    assert!(project.path("inner").exists() && !project.path("pwned").exists());
}

#[tokio::test]
async fn cve_2026_40933_npx_c() {
    let project = Project::new();
    for (program, arguments) in [
        ("npx", json!(["-c", "touch pwned"])),
        ("env", json!(["touch", "pwned"])),
        ("xargs", json!(["touch", "pwned"])),
        ("python3", json!(["-c", "open('pwned', 'w')"])),
        ("timeout", json!(["9", "touch", "pwned"])),
        ("awk", json!(["BEGIN { system(\"touch pwned\") }"])),
    ] {
        // Spelled in the policy or not.
        let permissions = ["run:npx -c", "run:env", "run:xargs", "run:python3 -c", "run:timeout", "run:awk"];
        let error = project.call(&permissions, json!({ "program": program, "arguments": arguments })).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("whatever"), "{program}: {error}");
    }
    assert!(!project.path("pwned").exists());
}

#[tokio::test]
async fn a_call_that_is_given_up_takes_all_its_processes_with_it() {
    let project = Project::new();
    // The child asks not to be ended, and so does what it starts.
    let line = "trap '' TERM; sh -c 'echo $$ > grandchild; sleep 600; :' & echo $$ > child; wait";
    let (child, grandchild) = {
        let call = project.shell(line);
        tokio::pin!(call);
        tokio::select! {
            ended = &mut call => panic!("{ended:?}"),
            found = async { (process_in(project.path("child")).await, process_in(project.path("grandchild")).await) } => found,
        }
    };
    assert_ne!(child, grandchild);
    is_gone(child).await;
    is_gone(grandchild).await;
    no_zombie_is_left().await;
}

#[tokio::test]
async fn a_program_that_is_given_up_may_tidy_up() {
    let project = Project::new();
    {
        let call = project.shell("trap 'echo bye > tidy; exit' TERM; echo $$ > child; while :; do sleep 0.01; done");
        tokio::pin!(call);
        tokio::select! {
            ended = &mut call => panic!("{ended:?}"),
            _ = process_in(project.path("child")) => {}
        }
    }
    while fs::read_to_string(project.path("tidy")).unwrap_or_default() != "bye\n" {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn a_runtime_that_ends_takes_the_processes_with_it() {
    let project = Project::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let child = runtime.block_on(async {
        let call = project.shell("trap '' TERM; echo $$ > child; while :; do sleep 600; done");
        tokio::pin!(call);
        tokio::select! {
            ended = &mut call => panic!("{ended:?}"),
            child = process_in(project.path("child")) => child,
        }
    });
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        while fs::read_to_string(format!("/proc/{}/status", child.as_raw_pid())).is_ok_and(|status| !status.contains("State:\tZ"))
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let project = Project::new();
    let output = project.shell("sleep 600 & echo $! > left; echo done").await.unwrap();
    assert_eq!(output, ToolOutput::new(result(0, "done\n", "")));
    is_gone(process_in(project.path("left")).await).await;
    no_zombie_is_left().await;
}

#[tokio::test]
async fn a_flood_of_100_mb_is_cut_and_ended() {
    let project = Project::new();
    for line in ["head -c 100000000 /dev/zero | tr '\\0' x", "head -c 100000000 /dev/zero | tr '\\0' x >&2", "yes"] {
        let output = project.shell(line).await.unwrap();
        let written = output.value["stdout"].as_str().unwrap().len() + output.value["stderr"].as_str().unwrap().len();
        assert_eq!(written, MAX_OUTPUT);
        assert!(output.value["exit_code"].is_null() && output.notes[0].contains("was ended"), "{:?}", output.notes);
    }
    no_zombie_is_left().await;
}

#[tokio::test]
async fn a_program_that_dies_by_a_signal_is_an_error_with_its_last_words() {
    let project = Project::new();
    let error = project.shell("echo 'I am\u{1b}[31m lost' >&2; kill -ABRT $$").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    assert_eq!(
        error.message(),
        "`sh` was ended by signal 6 (it gave up by itself); the last it wrote to standard error: I am lost"
    );
}

#[tokio::test]
async fn bytes_and_escape_codes_come_out_as_text() {
    let project = Project::new();
    let output = project.shell(r"printf 'a\033[31mb\033]0;title\007c\377\000d\r\n'").await.unwrap();
    assert_eq!(output.value, result(0, "abc\u{fffd}d\n", ""));
    assert_eq!(output.notes, ["not all it wrote is text: some bytes were replaced"]);
}

#[tokio::test]
async fn programs_have_bounds() {
    let mut project = Project::new();
    project.settings.limits = Limits { cpu_seconds: 1, memory: 1 << 30, file_size: 4096, open_files: 32, processes: 4000 };
    // The bounds come a moment after the beginning; they are there before what the shell starts next.
    let bounds = project
        .shell("until [ $(ulimit -n) = 32 ]; do :; done; ulimit -c; ulimit -t; ulimit -v; ulimit -f; ulimit -n")
        .await
        .unwrap();
    assert_eq!(bounds.value["stdout"], "0\n1\n1048576\n8\n32\n");
    let spins = project.shell("while :; do :; done").await.unwrap_err();
    assert!(spins.message().contains("ended by signal"), "{spins}");
    let fills = project.shell("until [ $(ulimit -n) = 32 ]; do :; done; head -c 100000 /dev/zero > big; echo $?").await.unwrap();
    assert_ne!(fills.value["stdout"], "0\n");
    assert!(fs::metadata(project.path("big")).unwrap().len() <= 4096);
}

#[tokio::test]
async fn programs_that_are_not_there_and_arguments_that_cannot_be_are_refused() {
    let project = Project::new();
    let error = project.call(&["run:no-such-program"], json!({ "program": "no-such-program" })).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "there is no program `no-such-program`"));
    for arguments in [json!(["a\0b"]), json!(["x".repeat(200_000)]), json!([1]), json!("a b")] {
        let error = project.call(&["run:echo"], json!({ "program": "echo", "arguments": arguments })).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    let error = project.call(&[], json!({ "program": "echo" })).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn many_programs_run_at_once() {
    let project = Project::new();
    let command = Command::new(project.settings.clone()).unwrap();
    let command: &dyn Tool = &command;
    let calls =
        (0..40).map(|number| call(command, SHELL, json!({ "program": "sh", "arguments": ["-c", format!("echo {number}")] })));
    for (number, output) in futures::future::join_all(calls).await.into_iter().enumerate() {
        assert_eq!(output.unwrap().value["stdout"], format!("{number}\n"));
    }
    no_zombie_is_left().await;
}
