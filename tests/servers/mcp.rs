//! A server of the Model Context Protocol, line by line by hand, that does what a script says.
//!
//! ```text
//! fault-server mcp [--log FILE] [--script FILE]
//! ```
//!
//! The script is JSON; all of it may be left out:
//!
//! ```json
//! {
//!   "start": "exit",
//!   "tools": [[{ "name": "a", "inputSchema": { "type": "object" } }], [{ "name": "b", "inputSchema": {} }]],
//!   "replies": { "a": [{ "text": "first" }, "hang"], "b": [{ "result": { "structuredContent": 1 } }] }
//! }
//! ```
//!
//! `tools` are the pages of the list; one page with `echo` is usual. `replies` are what calls of a tool get, one after the other, the last
//! one again and again; `echo`, which gives the arguments back, is usual. `--log` gets every line that comes, before anything is done
//! about it.

use std::{
    collections::BTreeMap,
    error::Error,
    fs::{self, File},
    io::{self, BufRead as _, StdinLock, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    start: Start,
    tools: Option<Vec<Vec<Value>>>,
    /// Resources and prompts are offered, too.
    documents: bool,
    replies: BTreeMap<String, Vec<Reply>>,
}

/// What becomes of the greeting.
#[derive(Default, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Start {
    #[default]
    Greet,
    /// A word on standard error, and the end.
    Exit,
    /// Nothing is said.
    Silent,
    /// An answer that is no message.
    Malformed,
    /// A banner on standard output comes first.
    Chatty,
}

/// What a call of a tool gets.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    /// The arguments.
    Echo,
    Text(String),
    Result(Value),
    /// An error of the protocol.
    Error {
        code: i64,
        message: String,
    },
    /// A line, whatever it is; `ID` stands for the id of the request.
    Line(String),
    Hang,
    Exit,
    /// Lines that are no messages, without end.
    Flood,
    /// Notifications without end.
    Chatter,
    /// A message that is that many bytes long.
    Long(usize),
    /// A request to the client, whose answer becomes the text of the result.
    Ask(String),
    /// From now on these are the tools, and the client is told.
    Change(Vec<Value>),
    /// The variables and the folder it was started with.
    Whereabouts,
    /// A process is started that outlives everything, and its id is told.
    Spawn,
}

struct Server {
    script: Script,
    log: Option<File>,
    input: StdinLock<'static>,
    calls: BTreeMap<String, usize>,
}

/// Serves until standard input is closed.
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let (mut script, mut log) = (Script::default(), None);
    while let Some(word) = words.next() {
        let value: PathBuf = words.next().ok_or_else(|| format!("`{word}` wants a value"))?.into();
        match word.as_str() {
            "--script" => script = serde_json::from_str(&fs::read_to_string(value)?)?,
            "--log" => log = Some(File::options().create(true).append(true).open(value)?),
            _ => return Err(format!("unknown argument `{word}`; known are --log, --script").into()),
        }
    }
    let mut server = Server { script, log, input: io::stdin().lock(), calls: BTreeMap::new() };
    while let Some(message) = server.read()? {
        server.answer(&message)?;
    }
    Ok(())
}

impl Server {
    fn read(&mut self) -> Result<Option<Value>, Box<dyn Error>> {
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(log) = &mut self.log {
            log.write_all(line.as_bytes())?;
        }
        Ok(Some(serde_json::from_str(&line)?))
    }

    fn answer(&mut self, message: &Value) -> Result<(), Box<dyn Error>> {
        let id = &message["id"];
        match message["method"].as_str() {
            Some("initialize") => self.greet(id, &message["params"]["protocolVersion"]),
            Some("tools/list") => {
                let pages = self.script.tools.clone().unwrap_or_else(|| vec![vec![tool("echo")]]);
                let at = message["params"]["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap_or(0));
                let mut result = json!({ "tools": pages.get(at).cloned().unwrap_or_default() });
                if at + 1 < pages.len() {
                    result["nextCursor"] = (at + 1).to_string().into();
                }
                send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
            }
            Some("tools/call") => {
                let name = message["params"]["name"].as_str().unwrap_or_default().to_owned();
                let number = self.calls.entry(name.clone()).or_default();
                let replies = self.script.replies.get(&name).map_or(&[] as &[Reply], Vec::as_slice);
                let reply = replies.get(*number).or(replies.last()).cloned().unwrap_or(Reply::Echo);
                *number += 1;
                self.reply(&reply, id, &message["params"]["arguments"])
            }
            Some("resources/list") => {
                let resources = json!([{ "uri": "doc://one", "name": "one", "mimeType": "text/plain" }]);
                send(&json!({ "jsonrpc": "2.0", "id": id, "result": { "resources": resources } }))
            }
            Some("resources/read") if message["params"]["uri"] == "doc://one" => {
                let contents = json!([{ "uri": "doc://one", "text": "the document" }]);
                send(&json!({ "jsonrpc": "2.0", "id": id, "result": { "contents": contents } }))
            }
            Some("prompts/list") => {
                let arguments = json!([{ "name": "who", "required": true }]);
                let prompts = json!([{ "name": "greet", "description": "Greets.", "arguments": arguments }]);
                send(&json!({ "jsonrpc": "2.0", "id": id, "result": { "prompts": prompts } }))
            }
            Some("prompts/get") => {
                let text = format!("Hello {}", message["params"]["arguments"]["who"].as_str().unwrap_or("nobody"));
                let messages = json!([{ "role": "user", "content": { "type": "text", "text": text } }]);
                send(&json!({ "jsonrpc": "2.0", "id": id, "result": { "messages": messages } }))
            }
            Some(_) if !id.is_null() => {
                send(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32602, "message": "there is no such thing" } }))
            }
            _ => Ok(()),
        }
    }

    fn greet(&self, id: &Value, version: &Value) -> Result<(), Box<dyn Error>> {
        match self.script.start {
            Start::Exit => return Err("the key \u{1b}[31mis missing".into()),
            Start::Silent => return Ok(()),
            Start::Malformed => return line(&format!(r#"{{"jsonrpc":"2.0","id":{id},"answer":true}}"#)),
            Start::Chatty => line("Welcome to the server!\n{\"level\":\"info\"}")?,
            Start::Greet => {}
        }
        let mut capabilities = json!({ "tools": { "listChanged": true } });
        if self.script.documents {
            capabilities["resources"] = json!({});
            capabilities["prompts"] = json!({});
        }
        let info = json!({ "name": "fault-server", "version": "1" });
        let result = json!({ "protocolVersion": version, "capabilities": capabilities, "serverInfo": info });
        send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
    }

    fn reply(&mut self, reply: &Reply, id: &Value, arguments: &Value) -> Result<(), Box<dyn Error>> {
        let text = match reply {
            Reply::Echo => arguments.to_string(),
            Reply::Text(text) => text.clone(),
            Reply::Result(result) => return send(&json!({ "jsonrpc": "2.0", "id": id, "result": result })),
            Reply::Error { code, message } => {
                return send(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }));
            }
            Reply::Line(text) => return line(&text.replace("ID", &id.to_string())),
            Reply::Hang => return Ok(()),
            Reply::Exit => return Err("out of memory".into()),
            Reply::Flood => loop {
                line(&"noise ".repeat(100))?;
            },
            Reply::Chatter => loop {
                send(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": 1 } }))?;
            },
            Reply::Long(bytes) => "x".repeat(*bytes),
            Reply::Ask(method) => {
                send(&json!({ "jsonrpc": "2.0", "id": "ask", "method": method, "params": asked(method) }))?;
                loop {
                    let answer = self.read()?.ok_or("the client left")?;
                    if answer["id"] == "ask" {
                        break json!([answer["result"], answer["error"]["code"]]).to_string();
                    }
                }
            }
            Reply::Change(tools) => {
                self.script.tools = Some(vec![tools.clone()]);
                send(&json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }))?;
                "changed".to_owned()
            }
            Reply::Whereabouts => {
                #[expect(clippy::disallowed_methods, reason = "what it was given is what is asked")]
                let mut variables: BTreeMap<String, String> = std::env::vars().collect();
                // What counts lines sets this in its own process.
                variables.retain(|name, _| !name.starts_with("__LLVM_PROFILE"));
                json!({ "env": variables, "folder": std::env::current_dir()? }).to_string()
            }
            Reply::Spawn => {
                let mut child = Command::new("sleep");
                let child = child.arg("100000").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
                json!([std::process::id(), child.id()]).to_string()
            }
        };
        let content = json!([{ "type": "text", "text": text }]);
        send(&json!({ "jsonrpc": "2.0", "id": id, "result": { "content": content } }))
    }
}

/// A tool that takes anything.
fn tool(name: &str) -> Value {
    json!({ "name": name, "description": "Does what the script says.", "inputSchema": { "type": "object" } })
}

/// The parameters of a request to the client.
fn asked(method: &str) -> Value {
    match method {
        "sampling/createMessage" => {
            let message = json!({ "role": "user", "content": { "type": "text", "text": "what is the key?" } });
            json!({ "messages": [message], "maxTokens": 10 })
        }
        "elicitation/create" => {
            let schema = json!({ "type": "object", "properties": { "key": { "type": "string" } } });
            json!({ "message": "what is the key?", "requestedSchema": schema })
        }
        _ => json!({}),
    }
}

fn send(message: &Value) -> Result<(), Box<dyn Error>> {
    line(&message.to_string())
}

fn line(text: &str) -> Result<(), Box<dyn Error>> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.write_all(b"\n")?;
    Ok(output.flush()?)
}
