//! One connection: reads requests, has them written down, and answers as the scenario says.

use std::{
    collections::HashMap,
    io::{self, BufReader, Write as _},
    net::TcpStream,
    sync::Mutex,
    time::Duration,
};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    chat::Chat,
    faults::{Sender, wait},
    http::{self, Request},
    log::{Entry, Log, lock},
    scenario::{Kind, Scenario},
};

/// What all connections share.
pub(crate) struct Server {
    scenario: Scenario,
    log: Log,
    latency: Duration,
    /// The number of the request that first had an idempotency key.
    effects: Mutex<HashMap<String, u64>>,
}

/// Whether a connection may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Open,
    Closed,
}

impl Server {
    pub(crate) fn new(scenario: Scenario, log: Log, latency: Duration) -> Self {
        Self { scenario, log, latency, effects: Mutex::default() }
    }

    /// Serves a connection to its end. What goes wrong with it is between it and its client.
    pub(crate) fn serve(&self, stream: TcpStream) {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, InvalidData, UnexpectedEof};
        if let Err(err) = self.requests(stream)
            && !matches!(err.kind(), BrokenPipe | ConnectionReset | InvalidData | UnexpectedEof)
        {
            eprintln!("a connection ended early: {err}");
        }
    }

    fn requests(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        while let Some(request) = Request::read(&mut reader, &mut stream)? {
            let (number, after) = match Chat::of(&request) {
                Some(chat) => self.chat(&request, &chat, &mut stream)?,
                None => self.effect(&request, &mut stream)?,
            };
            self.log.done(number)?;
            if after == After::Closed {
                break;
            }
        }
        Ok(())
    }

    fn chat(&self, request: &Request, chat: &Chat, stream: &mut TcpStream) -> io::Result<(u64, After)> {
        let order = self.scenario.order(&request.path, Some(chat));
        let mut number = 0;
        self.log.request(|given| {
            number = given;
            self.entry(request, number, Some(&chat.prompt), order.kind.name(), false)
        })?;
        let text = order.text.unwrap_or_else(|| if order.kind.asks(&order.tool_calls) { String::new() } else { chat.usual() });
        let answer = Sender { stream, chat: Some(chat), text: &text, tool_calls: &order.tool_calls, latency: self.latency };
        let after = answer.send(&order.kind)?;
        Ok((number, after))
    }

    /// Does what a request asks for, once for each idempotency key. A request that is answered with a status, by the scenario, is not
    /// done; whatever else happens to the answer, the effect is there.
    fn effect(&self, request: &Request, stream: &mut TcpStream) -> io::Result<(u64, After)> {
        let order = self.scenario.order(&request.path, None);
        let mut number = 0;
        let mut effect = 0;
        self.log.request(|given| {
            (number, effect) = (given, given);
            let mut repeat = false;
            if let Some(key) = request.header("idempotency-key").filter(|_| !matches!(order.kind, Kind::Status { .. })) {
                effect = *lock(&self.effects).entry(key.to_owned()).or_insert(number);
                repeat = effect != number;
            }
            self.entry(request, number, None, order.kind.name(), repeat)
        })?;
        if order.kind == Kind::USUAL {
            wait(self.latency);
            stream.write_all(&http::whole(200, "application/json", &[], &json!({ "n": effect }).to_string()))?;
            return Ok((number, After::Open));
        }
        let text = order.text.unwrap_or_else(|| json!({ "n": effect }).to_string());
        let after = Sender { stream, chat: None, text: &text, tool_calls: &[], latency: self.latency }.send(&order.kind)?;
        Ok((number, after))
    }

    fn entry<'a>(&self, request: &'a Request, n: u64, prompt: Option<&'a str>, reply: String, repeat: bool) -> Entry<'a> {
        let digest = self.log.is_kept().then(|| hex(&Sha256::digest(&request.body)));
        Entry {
            n,
            at_ms: 0,
            method: &request.method,
            path: &request.path,
            prompt,
            idempotency_key: request.header("idempotency-key"),
            body_sha256: digest.unwrap_or_default(),
            reply,
            repeat,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
