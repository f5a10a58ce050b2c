//! Servers that mean harm: bodies and headers without end, bombs, noise and silence.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use agentflow::{Error, ErrorKind, Result, tool::ToolOutput, tool::web::WebClient};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
};

use super::{authorize, context, tool};

/// A server that says the same to everybody: `head`, then `piece` so many times; then it closes, or waits for the client to leave.
struct Server {
    origin: String,
    /// How many bytes of pieces it got rid of.
    sent: Arc<AtomicU64>,
    /// Told when a client is gone.
    left: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(head: impl Into<Vec<u8>>, piece: impl Into<Vec<u8>>, times: u64, waits: bool) -> Self {
        let (head, piece) = (head.into(), piece.into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (sent, left) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let task = tokio::spawn({
            let (sent, left) = (Arc::clone(&sent), Arc::clone(&left));
            async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let mut is_there = stream.read(&mut request).await.is_ok() && stream.write_all(&head).await.is_ok();
                for _ in 0..times {
                    is_there = is_there && stream.write_all(&piece).await.is_ok();
                    if !is_there {
                        break;
                    }
                    sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                }
                while waits && is_there {
                    is_there = stream.read(&mut request).await.is_ok_and(|read| read > 0);
                }
                left.notify_one();
            }
        });
        Self { origin, sent, left, task }
    }

    async fn get(&self, max_output: usize) -> Result<ToolOutput> {
        let get = tool("http_get", &WebClient::default());
        let call = authorize(&*get, json!({"url": self.origin}), &[&format!("net:{}", self.origin)])?;
        get.call(call, &context(max_output)).await
    }

    async fn failure(&self) -> Error {
        self.get(1024 * 1024).await.expect_err("the call was answered")
    }
}

const MEBIBYTE: u64 = 1024 * 1024;

#[tokio::test]
async fn of_a_body_of_100_mb_only_what_is_of_use_is_read() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", 100 * MEBIBYTE);
    let server = Server::start(head, vec![b'x'; 64 * 1024], 1_600, false).await;
    let output = server.get(256 * 1024).await.unwrap();
    assert_eq!(output.value["body"].as_str().unwrap().len(), 256 * 1024);
    assert_eq!(output.notes, ["the body has more than 262144 bytes; what follows was left out"]);
    server.left.notified().await;
    let sent = server.sent.load(Ordering::Relaxed);
    assert!(sent < 40 * MEBIBYTE, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_body_without_end_ends_with_the_call() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = Server::start(head, b"a\r\n[[[[[[[[[[\r\n".to_vec(), u64::MAX, false).await;
    let output = server.get(100_000).await.unwrap();
    assert_eq!(output.value["body"].as_str().unwrap().len(), 100_000);
    server.left.notified().await;
}

#[tokio::test]
async fn a_gzip_bomb_is_unpacked_no_further_than_is_of_use() {
    let bomb = zeros_in_gzip(100 * MEBIBYTE);
    assert!(bomb.len() < 700_000, "{}", bomb.len());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let server = Server::start(head, bomb, 1, false).await;
    let output = server.get(1024 * 1024).await.unwrap();
    assert_eq!(output.value["body"]["bytes"], 1024 * 1024);
    assert_eq!(output.notes[1], "it is at least 1048576 bytes of type `application/octet-stream`");
}

#[tokio::test]
async fn a_body_that_cannot_be_unpacked_is_malformed() {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\n";
    let error = Server::start(head, b"hello".to_vec(), 1, false).await.failure().await;
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(error.message().contains("cannot be unpacked"), "{error}");
}

#[tokio::test]
async fn headers_without_end_are_malformed() {
    let server = Server::start("HTTP/1.1 200 OK\r\nx: ", vec![b'y'; 1024], u64::MAX, false).await;
    assert_eq!(server.failure().await.kind(), ErrorKind::Malformed);
    server.left.notified().await;
    assert!(server.sent.load(Ordering::Relaxed) < 20 * MEBIBYTE);

    let server = Server::start("HTTP/1.1 200 OK\r\n", b"x: y\r\n".to_vec(), u64::MAX, false).await;
    assert_eq!(server.failure().await.kind(), ErrorKind::Malformed);
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_malformed() {
    let many = format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(150));
    assert_eq!(Server::start(many, "", 0, true).await.failure().await.kind(), ErrorKind::Malformed);
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "y".repeat(17 * 1024));
    let error = Server::start(large, "", 0, true).await.failure().await;
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(error.message().ends_with("answered with more than 16 KiB of headers"), "{error}");
}

#[tokio::test]
async fn noise_is_no_http_and_a_broken_body_is_cut_off() {
    let error = Server::start("SSH-2.0-OpenSSH_9.9\r\n", "", 0, false).await.failure().await;
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(error.message().contains("something that is no HTTP"), "{error}");
    let error = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "", 0, false).await.failure().await;
    assert_eq!(error.kind(), ErrorKind::Truncated);
    let error = Server::start("", "", 0, false).await.failure().await;
    assert_eq!(error.kind(), ErrorKind::Transient);
}

#[tokio::test]
async fn a_call_of_a_silent_server_ends_when_it_is_dropped() {
    for head in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let server = Server::start(head, "", 0, true).await;
        let cut = tokio::time::timeout(Duration::from_millis(50), server.get(1024)).await;
        assert!(cut.is_err(), "{cut:?}");
        server.left.notified().await;
    }
}

/// So many zeros by the simplest means of DEFLATE: one zero, and then "the last byte, 258 times" over and over.
///
/// # Source
/// RFC 1951, section 3.2.6; RFC 1952, section 2.3. The check at the end is left out: nobody reads that far.
fn zeros_in_gzip(count: u64) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let (mut last, mut filled) = (0_u8, 0);
    let mut push = |bits: &str| {
        for bit in bits.bytes() {
            last |= (bit - b'0') << filled;
            filled += 1;
            if filled == 8 {
                bytes.push(last);
                (last, filled) = (0, 0);
            }
        }
    };
    // The last block, with fixed codes; the code of a zero.
    push("110");
    push("00110000");
    for _ in 0..count / 258 {
        // The code of the length 258, and of the distance 1.
        push("1100010100000");
    }
    // The end of the block, filled up.
    push("000000000000000");
    bytes
}
