//! What `run` and `resume` write to standard output: the outputs of the run, or its events, and nothing else.

use std::{
    io::{self, Write as _},
    sync::mpsc::{Sender, channel},
    thread::JoinHandle,
};

use indexmap::IndexMap;

use crate::{
    cli::{
        clean, json,
        terminal::{BOLD, Terminal, cannot_print},
    },
    engine::Observer,
    error::Result,
    model::{Event, RunId, Value},
};

/// The outputs to read: the one there is, or each below its name.
pub(super) fn text(terminal: &Terminal, outputs: &IndexMap<String, Value>) -> Result<String> {
    if let [value] = outputs.values().collect::<Vec<_>>()[..] {
        return value_text(terminal, value);
    }
    let mut text = String::new();
    for (name, value) in outputs {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&terminal.paint_out(BOLD, &format!("{name}:")));
        text.push('\n');
        text.push_str(&value_text(terminal, value)?);
    }
    Ok(text)
}

/// A string as it is, anything else as JSON; ends with a line break. For a terminal, what could harm it is taken out.
fn value_text(terminal: &Terminal, value: &Value) -> Result<String> {
    let Value::String(text) = value else { return json::document(value) };
    let mut text = if terminal.out.is_terminal { clean::block(text) } else { text.clone() };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Writes every event as a line of JSON, in a thread of its own: a slow reader does not hold up the run, and one that has gone
/// away does not end it.
pub(super) struct EventLines {
    events: Sender<Option<Event>>,
    writer: JoinHandle<io::Result<()>>,
}

impl EventLines {
    /// Begins.
    pub(super) fn start() -> Self {
        let (events, receiver) = channel::<Option<Event>>();
        let writer = std::thread::spawn(move || {
            while let Ok(Some(event)) = receiver.recv() {
                let Ok(line) = json::event(&event) else { continue };
                let mut out = io::stdout().lock();
                out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush())?;
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

struct Tap {
    events: Sender<Option<Event>>,
}

impl Observer for Tap {
    fn on_event(&self, _run: RunId, event: &Event) {
        // The writer has gone: so has the reader.
        drop(self.events.send(Some(event.clone())));
    }
}
