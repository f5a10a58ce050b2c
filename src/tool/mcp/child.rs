//! The process of a server: started in a group of its own, ended with the whole group.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::tool::mcp::{fate::Fate, settings::INHERITED_VARIABLES};

/// Where programs are looked for when nothing else is said.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How long a process may take to end by itself once its input is closed, and then once it is asked to.
const LEAVE: Duration = Duration::from_millis(300);
const GRACE: Duration = Duration::from_secs(2);
/// How long what it said last is waited for when it has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How much of what it writes to standard error is kept, and the longest line of it that is logged.
const KEPT: usize = 8 * 1024;
const LINE: usize = 1_000;

/// What is to be started.
pub(super) struct Launch<'a> {
    pub(super) server: &'a str,
    pub(super) command: &'a [String],
    pub(super) env: &'a BTreeMap<String, SecretString>,
    pub(super) inherited: &'a BTreeMap<String, String>,
    pub(super) folder: &'a Path,
}

/// A process that was started. It is ended when this is dropped, or when `stop` is cancelled.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) stop: CancellationToken,
    stderr: Arc<Mutex<VecDeque<u8>>>,
}

impl Process {
    /// Starts one.
    pub(super) fn start(launch: &Launch<'_>, fate: &Fate) -> std::io::Result<(Self, ChildStdout, ChildStdin)> {
        let (program, arguments) = launch.command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", USUAL_PATH).current_dir(launch.folder);
        let inherited = launch.inherited.iter().filter(|(name, _)| INHERITED_VARIABLES.contains(&name.as_str()));
        command.envs(inherited).envs(launch.env.iter().map(|(name, value)| (name, value.expose_secret())));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn()?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let missing = || std::io::Error::other("the process has no pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let pipe = child.stderr.take().ok_or_else(missing)?;
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let listening = AbortOnDropHandle::new(tokio::spawn(listen(launch.server.to_owned(), pipe, Arc::clone(&stderr))));
        let stop = CancellationToken::new();
        tokio::spawn(keep(child, group, stop.clone(), listening, fate.clone()));
        Ok((Self { stop, stderr }, stdout, stdin))
    }

    /// The end of what it wrote to standard error.
    pub(super) fn last_words(&self) -> String {
        let mut kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A group of processes. All that is left of it is killed when this is dropped: at the latest with the runtime.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(id) = self.0
            && let Err(error) = kill_process_group(id, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, "cannot signal the processes of an MCP server");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Sees to it that the process ends, and tells how.
async fn keep(mut child: Child, group: Group, stop: CancellationToken, listening: AbortOnDropHandle<()>, fate: Fate) {
    let ended = tokio::select! {
        ended = child.wait() => Some(ended),
        () = stop.cancelled() => timeout(LEAVE, child.wait()).await.ok(),
    };
    if let Some(ended) = ended {
        // It had children perhaps, which have the pipe, too.
        group.signal(Signal::KILL);
        if timeout(LAST_WORDS, listening).await.is_err() {
            tracing::debug!("something still holds the standard error of an MCP server");
        }
        fate.tell(ended.map_or_else(|error| format!("cannot be waited for: {error}"), told));
        return;
    }
    fate.tell("closed its standard output");
    group.signal(Signal::TERM);
    if timeout(GRACE, child.wait()).await.is_err() {
        group.signal(Signal::KILL);
        if let Err(error) = child.wait().await {
            tracing::warn!(%error, "cannot wait for the process of an MCP server");
        }
    }
}

/// How a process ended, in words.
fn told(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Keeps the end of what comes, and logs its lines.
async fn listen(server: String, mut pipe: ChildStderr, kept: Arc<Mutex<VecDeque<u8>>>) {
    let mut chunk = vec![0; 4 * 1024];
    let mut line = Vec::new();
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        for byte in &chunk[..read] {
            if *byte == b'\n' {
                tracing::debug!(%server, "{}", String::from_utf8_lossy(&line).escape_debug());
                line.clear();
            } else if line.len() < LINE {
                line.push(*byte);
            }
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&chunk[..read]);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}
