//! What `run` and `resume` write to standard output: the outputs of the run, or its events, and nothing else.

use std::{
    io::{self, Write as _},
    sync::mpsc::{Sender, channel},
    thread::JoinHandle,
};

use indexmap::IndexMap;

use crate::{
    cli::{
        clean,
        json::EventReport,
        page::Page,
        terminal::{BOLD, Terminal, cannot_print},
    },
    engine::Observer,
    error::Result,
    model::{Event, RunId, Value},
};

/// How many bytes of events are written at once, about.
const TOGETHER: usize = 64 * 1024;

/// The outputs to read: the one there is, or each below its name.
pub(super) fn text(terminal: &Terminal, outputs: &IndexMap<String, Value>) -> String {
    let mut page = Page::default();
    let alone = outputs.len() == 1;
    for (nth, (name, value)) in outputs.iter().enumerate() {
        if nth > 0 {
            page.gap();
        }
        if !alone {
            page.line(&terminal.paint_out(BOLD, &format!("{name}:")));
        }
        let harmless = terminal.out.is_terminal.then(|| harmless(value));
        match harmless.as_ref().unwrap_or(value) {
            Value::String(text) => page.block(text),
            value => outline(&mut page, value, 0),
        }
    }
    page.into_text()
}

/// The value without what could harm a terminal.
fn harmless(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean::block(text)),
        Value::Array(elements) => elements.iter().map(harmless).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (clean::one_line(name), harmless(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A value as an outline: fields as `name: value`, elements behind dashes, texts as they are.
fn outline(page: &mut Page, value: &Value, depth: usize) {
    match value {
        Value::Array(elements) if !elements.is_empty() => {
            for element in elements {
                entry(page, "-", element, depth);
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                entry(page, &format!("{name}:"), value, depth);
            }
        }
        value => page.line(&format!("{}{}", indent(depth), scalar(value))),
    }
}

/// One field or element: on the line of its name where it fits there, else below it.
fn entry(page: &mut Page, name: &str, value: &Value, depth: usize) {
    match value {
        Value::String(text) if text.trim_end().contains('\n') => {
            page.line(&format!("{}{name}", indent(depth)));
            for line in text.trim_end().lines() {
                page.line(&format!("{}{line}", indent(depth + 1)));
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            page.line(&format!("{}{name}", indent(depth)));
            outline(page, value, depth + 1);
        }
        // The fields of an element begin on the line of its dash.
        Value::Object(fields) if name == "-" && !fields.is_empty() => {
            let mut inner = Page::default();
            outline(&mut inner, value, depth + 1);
            let inner = inner.into_text();
            page.block(&format!("{}- {}", indent(depth), inner.trim_start()));
        }
        Value::Object(fields) if !fields.is_empty() => {
            page.line(&format!("{}{name}", indent(depth)));
            outline(page, value, depth + 1);
        }
        value => page.line(&format!("{}{name} {}", indent(depth), scalar(value))),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_end().to_owned(),
        Value::Null => "none".to_owned(),
        value => value.to_string(),
    }
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}

/// Writes every event as a line of JSON, in a thread of its own: a slow reader does not hold up the run, and one that has gone
/// away does not end it.
pub(super) struct EventLines {
    events: Sender<Option<(RunId, Event)>>,
    writer: JoinHandle<io::Result<()>>,
}

impl EventLines {
    /// Begins.
    pub(super) fn start() -> Self {
        let (events, receiver) = channel::<Option<(RunId, Event)>>();
        let writer = std::thread::spawn(move || {
            let mut lines = String::new();
            while let Ok(Some((run, event))) = receiver.recv() {
                push_line(&mut lines, run, &event);
                // What has come in the meantime is written together.
                let mut ended = false;
                while lines.len() < TOGETHER && !ended {
                    match receiver.try_recv() {
                        Ok(Some((run, event))) => push_line(&mut lines, run, &event),
                        Ok(None) => ended = true,
                        Err(_) => break,
                    }
                }
                let mut out = io::stdout().lock();
                out.write_all(lines.as_bytes()).and_then(|()| out.flush())?;
                lines.clear();
                if ended {
                    break;
                }
            }
            Ok(())
        });
        Self { events, writer }
    }

    /// What is to be told of the run.
    pub(super) fn observer(&self) -> Box<dyn Observer> {
        Box::new(Tap { events: self.events.clone() })
    }

    /// Waits until all is written.
    ///
    /// # Errors
    /// When the events could not be written for another reason than that the reader has gone away.
    pub(super) fn finish(self) -> Result<()> {
        drop(self.events.send(None));
        match self.writer.join() {
            Ok(Err(err)) if err.kind() != io::ErrorKind::BrokenPipe => Err(cannot_print(err)),
            _ => Ok(()),
        }
    }
}

fn push_line(lines: &mut String, run: RunId, event: &Event) {
    if let Ok(line) = EventReport::of(run, event).line() {
        lines.push_str(&line);
    }
}

struct Tap {
    events: Sender<Option<(RunId, Event)>>,
}

impl Observer for Tap {
    fn on_event(&self, run: RunId, event: &Event) {
        // The writer has gone: so has the reader.
        drop(self.events.send(Some((run, event.clone()))));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: &Value, expected: &str) {
        let mut page = Page::default();
        outline(&mut page, value, 0);
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn values_read_as_an_outline() {
        check(
            &json!({"choice": "wait", "steps": [{"step": "ask", "by": "Monday"}, {"step": "decide", "notes": ["a", "b"]}], "n": 3}),
            "choice: wait\nsteps:\n  - step: ask\n    by: Monday\n  - step: decide\n    notes:\n      - a\n      - b\nn: 3\n",
        );
        check(&json!(["a", ["b"], [], {}, null, true]), "- a\n-\n  - b\n- []\n- {}\n- none\n- true\n");
        check(&json!({"text": "one\ntwo\n", "rest": {"deep": "x"}}), "text:\n  one\n  two\nrest:\n  deep: x\n");
        check(&json!([{"text": "one\ntwo"}]), "- text:\n    one\n    two\n");
        check(&json!(12), "12\n");
    }

    #[test]
    fn what_could_harm_a_terminal_is_taken_out_everywhere() {
        assert_eq!(harmless(&json!({"a\u{1b}[31m": ["\u{7}x", {"b": "\u{202e}y"}]})), json!({"a": ["x", {"b": "y"}]}));
    }
}
