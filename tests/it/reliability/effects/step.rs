//! A call of a tool that a workload makes, and what may become of it.

use serde_json::{Value, json};

/// How long the effect server takes, in milliseconds: long enough that kills come upon a call that is out.
const TIME: u64 = 12;

/// A call, told apart by its mark: the last part of a URL, the last argument of a program, the name of a file.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) mark: &'static str,
    pub(crate) class: Class,
    pub(crate) seen: Seen,
    /// Whether a person has to permit it.
    pub(crate) is_asked: bool,
    /// How often the other side says 503 before it does it.
    pub(crate) late: usize,
    /// What it then says, instead of a number.
    pub(crate) says: Option<&'static str>,
}

/// What may be done with a call that was under way when the process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It is made again.
    Read,
    /// It is made again, with the same key.
    Idempotent,
    /// A write of which a person says what becomes of it.
    Asks(Answer),
    /// A write that the workflow has made again.
    Reruns,
    /// A write that the workflow takes for made.
    Assumes,
    /// It is not permitted, and never made.
    Denied,
}

/// What the suite answers when it is asked what became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Rerun,
    AssumeDone,
}

/// Who writes down that a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The effect server.
    Server,
    /// The program that is run.
    Program,
    /// Nobody.
    Nowhere,
}

impl Step {
    pub(crate) const fn new(mark: &'static str, class: Class) -> Self {
        Self { mark, class, seen: Seen::Server, is_asked: false, late: 0, says: None }
    }

    pub(crate) const fn asked(self) -> Self {
        Self { is_asked: true, ..self }
    }

    pub(crate) const fn late(self, late: usize) -> Self {
        Self { late, ..self }
    }

    pub(crate) const fn says(self, text: &'static str) -> Self {
        Self { says: Some(text), ..self }
    }

    pub(crate) const fn seen(self, seen: Seen) -> Self {
        Self { seen, ..self }
    }

    /// What the effect server does.
    pub(crate) fn rule(&self) -> Value {
        let mut replies = vec![json!({ "status": { "status": 503 } }); self.late];
        replies.push(json!({ "ok": { "delay_ms": TIME } }));
        let text = self.says.map(|text| json!({ "says": text }).to_string());
        json!({ "path": format!("/{}", self.mark), "text": text, "reply": { "sequence": replies } })
    }
}

/// The step that a call in the log is, by its arguments.
pub(crate) fn mark_of(arguments: &Value) -> &str {
    let path = ["url", "path"].iter().find_map(|name| arguments[*name].as_str());
    let word = || arguments["arguments"].as_array().and_then(|words| words.last()?.as_str());
    path.map(|path| path.rsplit('/').next().unwrap_or_default()).or_else(word).unwrap_or_default()
}
