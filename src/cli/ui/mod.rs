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
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
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
    voice: Sender<Message>,
    drawer: Option<JoinHandle<()>>,
    watcher: Option<Watcher>,
    terminal: Terminal,
    name: String,
    began: Instant,
}

/// What the drawing thread is told.
enum Message {
    /// Somebody has lines to say.
    Say(String),
    /// The run has ended.
    End,
}

impl Ui {
    /// Begins to show a run of `plan`. `past` is what has happened to it before, when it is resumed.
    pub(super) fn start(plan: &Plan, terminal: &Terminal, style: Style, past: &[Event]) -> Self {
        Self::start_at(plan, terminal, style, past, Timestamp::now())
    }

    /// The same for a run that began at some other time.
    pub(super) fn start_at(plan: &Plan, terminal: &Terminal, style: Style, past: &[Event], began: Timestamp) -> Self {
        let (voice, messages) = channel();
        let copy = terminal.clone();
        let past = past.iter().filter_map(Note::of_event);
        let (drawer, watcher) = match style {
            Style::Silent => (None, None),
            Style::Live => {
                let mut board = Board::new(Outline::of(plan), began);
                past.for_each(|note| board.apply(note));
                let board = Arc::new(Mutex::new(board));
                let watcher = Watcher::Live(Arc::clone(&board));
                (Some(std::thread::spawn(move || live(&messages, &board, &copy))), Some(watcher))
            }
            Style::Plain => {
                let mut teller = Plain::default();
                past.for_each(|note| drop(teller.line(&note)));
                let watcher = Watcher::Plain(Arc::new(Mutex::new(teller)), voice.clone());
                (Some(std::thread::spawn(move || tell(&messages, &copy))), Some(watcher))
            }
        };
        Self { voice, drawer, watcher, terminal: terminal.clone(), name: plan.name.clone(), began: Instant::now() }
    }

    /// What is to be told of the run; `None` when nothing is shown.
    pub(super) fn observer(&self) -> Option<Box<dyn Observer>> {
        self.watcher.clone().map(|watcher| Box::new(watcher) as Box<dyn Observer>)
    }

    /// A voice for those who have something to say while the display is drawn.
    pub(super) fn speaker(&self) -> Speaker {
        Speaker { voice: self.drawer.is_some().then(|| self.voice.clone()), terminal: self.terminal.clone() }
    }

    /// Tells on one line how the run as a whole went.
    pub(super) fn sum_up(&self, run: RunId, status: RunStatus, spend: &Spend) {
        self.sum_up_in(self.began.elapsed(), run, status, spend);
    }

    /// The same for a run that took `time`.
    pub(super) fn sum_up_in(&self, time: Duration, run: RunId, status: RunStatus, spend: &Spend) {
        let text = draw::summary(&self.name, status, time, spend, &run.to_string(), self.terminal.err.color);
        self.terminal.note(&text);
    }

    /// Ends the display; its finished lines stay.
    pub(super) fn close(&mut self) {
        drop(self.voice.send(Message::End));
        if let Some(drawer) = self.drawer.take() {
            // A display that broke is no reason to lose the run's result.
            drop(drawer.join());
        }
    }
}

/// Says lines on standard error without getting in the way of the display.
pub(super) struct Speaker {
    voice: Option<Sender<Message>>,
    terminal: Terminal,
}

impl Speaker {
    /// One for when nothing is drawn.
    pub(super) fn plain(terminal: &Terminal) -> Self {
        Self { voice: None, terminal: terminal.clone() }
    }

    /// Says a line.
    pub(super) fn say(&self, line: String) {
        match &self.voice {
            Some(voice) => drop(voice.send(Message::Say(line))),
            None => self.terminal.talk(&line),
        }
    }
}

/// Takes in what happens, and keeps no more of it than is shown: a run of many nodes does not fill the memory.
#[derive(Clone)]
enum Watcher {
    /// For the tree, which is drawn from the board again and again.
    Live(Arc<Mutex<Board>>),
    /// For lines, which are said as they come.
    Plain(Arc<Mutex<Plain>>, Sender<Message>),
}

impl Watcher {
    fn take(&self, note: Option<Note>) {
        let Some(note) = note else { return };
        match self {
            Self::Live(board) => lock(board).apply(note),
            Self::Plain(plain, voice) => {
                if let Some(line) = lock(plain).line(&note) {
                    drop(voice.send(Message::Say(line)));
                }
            }
        }
    }
}

impl Observer for Watcher {
    fn on_event(&self, _run: RunId, event: &Event) {
        self.take(Note::of_event(event));
    }

    fn on_progress(&self, _run: RunId, progress: &Progress<'_>) {
        self.take(Note::of_progress(progress, Timestamp::now()));
    }
}

/// A lock that is held for a moment only: never while a terminal is written to.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says each line as it comes.
fn tell(messages: &Receiver<Message>, terminal: &Terminal) {
    while let Ok(Message::Say(line)) = messages.recv() {
        terminal.talk(&line);
    }
}

/// Draws the board again and again until the run has ended; then what it ended with.
fn live(messages: &Receiver<Message>, board: &Mutex<Board>, terminal: &Terminal) {
    let color = terminal.err.color;
    let began = Instant::now();
    // Made at the first picture: a run that is over before it needs none.
    let mut bar: Option<ProgressBar> = None;
    let mut next = began + FRAME;
    loop {
        match messages.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Message::Say(line)) => {
                match &bar {
                    Some(bar) => bar.println(line),
                    None => terminal.talk(&line),
                }
                continue;
            }
            Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let tick = usize::try_from(began.elapsed().as_millis() / FRAME.as_millis()).unwrap_or(0);
        let (height, width) = console::Term::stderr().size();
        let canvas = Canvas { width: usize::from(width).max(20), height: usize::from(height), color };
        let now = Timestamp::now();
        let (done, frame) = {
            let mut board = lock(board);
            let done = board.take_finished();
            (draw::finished(&board, done, canvas, now), draw::frame(&board, canvas, now, tick))
        };
        let bar = bar.get_or_insert_with(new_bar);
        if !done.is_empty() {
            bar.println(done.join("\n"));
        }
        bar.set_message(frame.join("\n"));
        next = Instant::now() + FRAME;
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let canvas = Canvas { width: terminal.width_err(), height: usize::MAX, color };
    let rest = {
        let board = lock(board);
        draw::finished(&board, board.rest(), canvas, Timestamp::now())
    };
    if !rest.is_empty() {
        terminal.talk(&rest.join("\n"));
    }
}

/// A bar that shows nothing but its message.
fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}
