//! Messages over the pipes of a process: a line each, bounded in length, and bounded in how much of it is none.

use std::{future::Future, io, sync::Arc, time::Duration};

use rmcp::{
    RoleClient,
    model::{ErrorCode, ErrorData, JsonRpcMessage, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::Mutex,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::tool::mcp::{failure::MALFORMED, fate::Fate};

/// The longest message, in bytes.
const MAX_LINE: usize = 16 * 1024 * 1024;
/// How many bytes may come that are no messages, until one comes that is. Servers greet, and print what belongs into a log.
const MAX_NOISE: usize = 1024 * 1024;
/// How many messages that nobody asked for may come within [`WINDOW`].
const MAX_UNASKED: u32 = 10_000;
const WINDOW: Duration = Duration::from_secs(10);

/// The pipes of a process.
pub(super) struct Wire {
    read: BufReader<ChildStdout>,
    /// What has come of the line that is being read; kept here, as reading may be broken off at any time.
    line: Vec<u8>,
    write: Arc<Mutex<Option<ChildStdin>>>,
    noise: usize,
    unasked: u32,
    window: Instant,
    fate: Fate,
    /// Ends the process once the connection is closed.
    stop: CancellationToken,
}

impl Wire {
    pub(super) fn new(stdout: ChildStdout, stdin: ChildStdin, fate: Fate, stop: CancellationToken) -> Self {
        Self {
            read: BufReader::with_capacity(64 * 1024, stdout),
            line: Vec::new(),
            write: Arc::new(Mutex::new(Some(stdin))),
            noise: 0,
            unasked: 0,
            window: Instant::now(),
            fate,
            stop,
        }
    }

    /// Reads on to the end of the line; `None` when there is none.
    async fn read_line(&mut self) -> Option<()> {
        loop {
            let piece = self.read.fill_buf().await.ok().filter(|piece| !piece.is_empty())?;
            let end = piece.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(piece.len(), |at| at + 1);
            if self.line.len() + taken > MAX_LINE {
                self.fate.tell(format!("sent a message of more than {} MiB", MAX_LINE >> 20));
                return None;
            }
            self.line.extend_from_slice(&piece[..taken]);
            self.read.consume(taken);
            if end.is_some() {
                return Some(());
            }
        }
    }

    /// Counts a message; `None` when there are too many that nobody asked for.
    fn count(&mut self, message: RxJsonRpcMessage<RoleClient>) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.noise = 0;
        if matches!(message, JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)) {
            if self.window.elapsed() > WINDOW {
                (self.window, self.unasked) = (Instant::now(), 0);
            }
            self.unasked += 1;
            if self.unasked > MAX_UNASKED {
                self.fate.tell(format!("sent more than {MAX_UNASKED} messages that nobody asked for"));
                return None;
            }
        }
        Some(message)
    }
}

/// The message that a line is; `None` for one that is none.
fn parse(line: &[u8]) -> Option<RxJsonRpcMessage<RoleClient>> {
    if let Ok(message) = serde_json::from_slice(line) {
        return Some(message);
    }
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(line) else { return None };
    let id: RequestId = serde_json::from_value(object.get("id")?.clone()).ok()?;
    // An answer that is none: whoever waits for it is told at once.
    let is_answer = !object.contains_key("method");
    is_answer.then(|| JsonRpcMessage::error(ErrorData::new(ErrorCode::PARSE_ERROR, MALFORMED, None), Some(id)))
}

impl Transport<RoleClient> for Wire {
    type Error = io::Error;

    fn send(&mut self, item: TxJsonRpcMessage<RoleClient>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let write = Arc::clone(&self.write);
        async move {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            let mut write = write.lock().await;
            let pipe = write.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            pipe.write_all(&line).await?;
            pipe.flush().await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            self.read_line().await?;
            let parsed = parse(self.line.trim_ascii());
            let length = self.line.len();
            self.line.clear();
            // What was long once need not stay so.
            self.line.shrink_to(MAX_NOISE);
            if let Some(message) = parsed {
                return self.count(message);
            }
            tracing::debug!(bytes = length, "an MCP server wrote a line that is no message");
            self.noise += length;
            if self.noise > MAX_NOISE {
                self.fate.tell("floods its standard output with what is no message");
                return None;
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.stop.cancel();
        // Somebody may be stuck writing to a process that does not read; the end of the process frees them.
        if let Ok(mut write) = self.write.try_lock() {
            drop(write.take());
        }
        Ok(())
    }
}
