//! A model server and an effect server for tests: it fails in every way a scenario asks for, and writes down each request before it
//! answers, so that what an engine says of itself can be held against it. A process of its own; raw sockets, a thread each.
//!
//! ```text
//! fault-server [--log FILE] [--scenario FILE] [--latency MS] [--no-sync]
//! ```
//!
//! It listens on a free port of 127.0.0.1, prints `listening http://127.0.0.1:PORT`, and serves until standard input is closed.
//!
//! - `POST …/chat/completions` and `POST …/messages` speak OpenAI's and Anthropic's protocol, streamed or not. The answer is the
//!   length of the prompt, `<12>`, or the smallest document that follows the schema that is asked for.
//! - Any other path is an effect: the answer is `{"n": 1}`, the number of the request. An `Idempotency-Key` that was seen before
//!   gets its first answer again, and the log says `"repeat": true`.
//! - `--log` gets a line of JSON for each request, on disk before the answer, and a second one, `{"n": 1, "done": true}`, once the
//!   answer could be sent. `--no-sync` leaves out the flush to disk.
//! - `--latency` is how long an answer takes that the scenario says nothing else of.
//! - `--scenario` is described in [`scenario`].
//!
//! `fault-server mcp` is another server: one of the Model Context Protocol over standard input and output, see [`mcp`].

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]

mod bomb;
mod chat;
mod connection;
mod document;
mod faults;
mod http;
mod log;
mod mcp;
mod scenario;

use std::{
    error::Error,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use connection::Server;
use log::Log;
use scenario::Scenario;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let started = if words.next_if(|word| word == "mcp").is_some() { mcp::serve(words) } else { start(words) };
    match started {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::from(2)
        }
    }
}

/// What the command line says.
#[derive(Default)]
struct Arguments {
    log: Option<PathBuf>,
    scenario: Option<PathBuf>,
    latency: Duration,
    no_sync: bool,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` wants a value"));
            match word.as_str() {
                "--log" => arguments.log = Some(value()?.into()),
                "--scenario" => arguments.scenario = Some(value()?.into()),
                "--latency" => {
                    let value = value()?;
                    let number = value.parse().map_err(|_| format!("`--latency` wants milliseconds, not `{value}`"))?;
                    arguments.latency = Duration::from_millis(number);
                }
                "--no-sync" => arguments.no_sync = true,
                _ => return Err(format!("unknown argument `{word}`; known are --log, --scenario, --latency, --no-sync").into()),
            }
        }
        Ok(arguments)
    }
}

fn start(words: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read(words)?;
    let scenario = match &arguments.scenario {
        Some(path) => Scenario::read(path)?,
        None => Scenario::default(),
    };
    let log = match &arguments.log {
        Some(path) => Log::open(path, !arguments.no_sync)?,
        None => Log::nowhere(),
    };
    let server = Arc::new(Server::new(scenario, log, arguments.latency));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = Arc::clone(&server);
            // A client that goes away ends its connection and nothing else.
            thread::spawn(move || server.serve(stream));
        }
    });
    let mut stdin = std::io::stdin().lock();
    while stdin.read(&mut [0; 64])? > 0 {}
    Ok(())
}
