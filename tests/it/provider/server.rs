//! A server that does exactly what a test says, byte by byte, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// What happens after a request was read.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// These bytes, each piece flushed on its own; then the connection is closed.
    Bytes(Vec<Vec<u8>>),
    /// These bytes; then silence until the client goes away.
    Hang(Vec<u8>),
}

/// What a client asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The request line and the headers, in lower case.
    pub(super) head: String,
    /// The body.
    pub(super) body: Value,
}

/// A server on a free port of this host; it ends with the test.
pub(super) struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Told when a client left a silent connection.
    left: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Gives `replies` in turn, one to each connection; the last one again and again.
    pub(super) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::new(Notify::new());
        let task = tokio::spawn({
            let (asked, left) = (asked.clone(), left.clone());
            async move {
                let mut number = 0;
                loop {
                    let Ok((stream, _)) = listener.accept().await else { return };
                    let reply = replies[number.min(replies.len() - 1)].clone();
                    number += 1;
                    tokio::spawn(serve(stream, reply, asked.clone(), left.clone()));
                }
            }
        });
        Self { url, asked, left, task }
    }

    /// Where it listens, without a path.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until a client has left a silent connection.
    pub(super) async fn client_left(&self) {
        self.left.notified().await;
    }
}

async fn serve(mut stream: TcpStream, reply: Reply, asked: Arc<Mutex<Vec<Asked>>>, left: Arc<Notify>) {
    stream.set_nodelay(true).unwrap();
    let Some(request) = read(&mut stream).await else { return };
    asked.lock().unwrap().push(request);
    match reply {
        Reply::Bytes(pieces) => {
            for piece in pieces {
                // A client that has heard enough may be gone.
                if stream.write_all(&piece).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
        }
        Reply::Hang(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            stream.flush().await.unwrap();
            let mut rest = [0; 64];
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
            left.notify_one();
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked { head, body: serde_json::from_slice(&bytes[end + 4..]).unwrap() })
}

/// A whole answer with `status`, further header lines and a body.
pub(super) fn reply(status: &str, headers: &[&str], body: &str) -> Reply {
    let length = format!("content-length: {}", body.len());
    let lines = [headers, &["connection: close", &length]].concat().join("\r\n");
    let head = format!("HTTP/1.1 {status}\r\n{lines}\r\n\r\n");
    Reply::Bytes(vec![head.into_bytes(), body.as_bytes().to_vec()])
}

/// A JSON answer with `status`.
pub(super) fn json_reply(status: &str, body: &Value) -> Reply {
    reply(status, &["content-type: application/json"], &body.to_string())
}

/// The head of a stream whose end is the end of the connection.
pub(super) const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A stream that ends well for HTTP, whatever its events say.
pub(super) fn stream_reply(events: &str) -> Reply {
    Reply::Bytes(vec![STREAM_HEAD.as_bytes().to_vec(), events.as_bytes().to_vec()])
}

/// A stream in chunks of `size` bytes each, by the chunked transfer coding; without its last chunk when it is `cut`.
pub(super) fn chunked_reply(events: &str, size: usize, cut: bool) -> Reply {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut pieces = vec![head.as_bytes().to_vec()];
    for chunk in events.as_bytes().chunks(size) {
        pieces.push([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    if !cut {
        pieces.push(b"0\r\n\r\n".to_vec());
    }
    Reply::Bytes(pieces)
}
