//! Progress on standard error while a run goes on: a live tree at a terminal, plain lines elsewhere, nothing with `-q`.
//!
//! A thread of its own draws, so that a slow terminal never holds up a run.

mod board;
mod draw;
mod note;
mod outline;
mod plain;

#[cfg(test)]
mod tests;

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use crate::{
    cli::terminal::Terminal,
    engine::{Observer, Progress},
    model::{Event, RunId, RunStatus, Spend},
    plan::Plan,
};

use board::Board;
use draw::Canvas;
use note::Note;
use outline::Outline;
use plain::Plain;

/// The time between two pictures.
const FRAME: Duration = Duration::from_millis(100);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A tree that is drawn over.
    Live,
    /// One line for each event.
    Plain,
    /// Not at all.
    Silent,
}

/// The display of one run.
pub(super) struct Ui {
    notes: Sender<Message>,
    drawer: Option<JoinHandle<()>>,
    terminal: Terminal,
    name: String,
    began: Instant,
}

/// What the drawing thread is told.
enum Message {
    /// Something happened.
    Note(Note),
    /// Somebody else has a line to say.
    Say(String),
    /// The run has ended.
    End,
}

impl Ui {
    /// Begins to show a run of `plan`. `past` is what has happened to it before, when it is resumed.
    pub(super) fn start(plan: &Plan, terminal: &Terminal, style: Style, past: &[Event]) -> Self {
        let (notes, receiver) = channel();
        let copy = terminal.clone();
        let past: Vec<Note> = past.iter().filter_map(Note::of_event).collect();
        let drawer = match style {
            Style::Silent => None,
            Style::Live => {
                let board = Board::new(Outline::of(plan), Timestamp::now());
                Some(std::thread::spawn(move || live(&receiver, board, past, &copy)))
            }
            Style::Plain => Some(std::thread::spawn(move || tell(&receiver, past, &copy))),
        };
        Self { notes, drawer, terminal: terminal.clone(), name: plan.name.clone(), began: Instant::now() }
    }

    /// What is to be told of the run; `None` when nothing is shown.
    pub(super) fn observer(&self) -> Option<Box<dyn Observer>> {
        self.drawer.is_some().then(|| Box::new(Watcher { notes: self.notes.clone() }) as Box<dyn Observer>)
    }

    /// A voice for those who have something to say while the display is drawn.
    pub(super) fn speaker(&self) -> Speaker {
        Speaker { notes: self.drawer.is_some().then(|| self.notes.clone()), terminal: self.terminal.clone() }
    }

    /// Tells on one line how the run as a whole went.
    pub(super) fn sum_up(&self, run: RunId, status: RunStatus, spend: &Spend) {
        let text = draw::summary(&self.name, status, self.began.elapsed(), spend, &run.to_string(), self.terminal.err.color);
        self.terminal.note(&text);
    }

    /// Ends the display; its finished lines stay.
    pub(super) fn close(&mut self) {
        drop(self.notes.send(Message::End));
        if let Some(drawer) = self.drawer.take() {
            // A display that broke is no reason to lose the run's result.
            drop(drawer.join());
        }
    }
}

/// Says lines on standard error without getting in the way of the display.
pub(super) struct Speaker {
    notes: Option<Sender<Message>>,
    terminal: Terminal,
}

impl Speaker {
    /// Says a line.
    pub(super) fn say(&self, line: String) {
        match &self.notes {
            Some(notes) => drop(notes.send(Message::Say(line))),
            None => self.terminal.talk(&line),
        }
    }
}

/// Passes on what it sees.
struct Watcher {
    notes: Sender<Message>,
}

impl Watcher {
    fn send(&self, note: Option<Note>) {
        if let Some(note) = note {
            drop(self.notes.send(Message::Note(note)));
        }
    }
}

impl Observer for Watcher {
    fn on_event(&self, _run: RunId, event: &Event) {
        self.send(Note::of_event(event));
    }

    fn on_progress(&self, _run: RunId, progress: &Progress<'_>) {
        self.send(Note::of_progress(progress, Timestamp::now()));
    }
}

/// Tells each note on a line, until there are no more.
fn tell(notes: &Receiver<Message>, past: Vec<Note>, terminal: &Terminal) {
    let mut plain = Plain::default();
    for note in past {
        drop(plain.line(&note));
    }
    loop {
        match notes.recv() {
            Ok(Message::Note(note)) => {
                if let Some(line) = plain.line(&note) {
                    terminal.talk(&line);
                }
            }
            Ok(Message::Say(line)) => terminal.talk(&line),
            Ok(Message::End) | Err(_) => return,
        }
    }
}

/// Draws the board again and again, until there are no more notes; then what it ended with.
fn live(notes: &Receiver<Message>, mut board: Board, past: Vec<Note>, terminal: &Terminal) {
    for note in past {
        board.apply(note);
    }
    let color = terminal.err.color;
    let began = Instant::now();
    // Made at the first picture: a run that is over before it needs none.
    let mut bar: Option<ProgressBar> = None;
    let mut next = began + FRAME;
    loop {
        match notes.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Message::Note(note)) => {
                board.apply(note);
                if Instant::now() < next {
                    continue;
                }
            }
            Ok(Message::Say(line)) => match &bar {
                Some(bar) => bar.println(line),
                None => terminal.talk(&line),
            },
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
        }
        let tick = usize::try_from(began.elapsed().as_millis() / FRAME.as_millis()).unwrap_or(0);
        let (height, width) = console::Term::stderr().size();
        let canvas = Canvas { width: usize::from(width).max(20), height: usize::from(height), color };
        let now = Timestamp::now();
        let bar = bar.get_or_insert_with(new_bar);
        let done = board.take_finished();
        let done = draw::finished(&board, done, canvas, now);
        if !done.is_empty() {
            bar.println(done.join("\n"));
        }
        bar.set_message(draw::frame(&board, canvas, now, tick).join("\n"));
        next = Instant::now() + FRAME;
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let canvas = Canvas { width: terminal.width_err(), height: usize::MAX, color };
    let rest = draw::finished(&board, board.rest(), canvas, Timestamp::now());
    if !rest.is_empty() {
        terminal.talk(&rest.join("\n"));
    }
}

/// A bar that shows nothing but its message.
fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}
