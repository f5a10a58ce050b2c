//! How far adding has come: a bar at a terminal, nothing elsewhere but what is wrong.

use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    cli::{
        clean, problem,
        terminal::{Terminal, YELLOW},
    },
    error::Error,
    memory::{AddObserver, AddStep},
};

/// What the bar looks like.
const TEMPLATE: &str = "{spinner} {pos}/{len} documents · {prefix} texts embedded {wide_bar} {elapsed} {wide_msg}";
/// How many columns of a name are shown beside the bar.
const NAME: usize = 40;

/// Told of each step.
pub(super) struct Progress<'a> {
    terminal: &'a Terminal,
    bar: Option<ProgressBar>,
    embedded: AtomicUsize,
    added: AtomicUsize,
}

impl<'a> Progress<'a> {
    /// Begins; there are so many documents.
    pub(super) fn start(terminal: &'a Terminal, documents: usize) -> Self {
        let is_live = terminal.err.is_terminal && terminal.draws && !terminal.quiet;
        let bar = is_live.then(|| {
            let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(documents as u64), ProgressDrawTarget::stderr()).with_style(style);
            bar.set_prefix("0");
            bar
        });
        Self { terminal, bar, embedded: AtomicUsize::new(0), added: AtomicUsize::new(0) }
    }

    /// How many documents were added so far.
    pub(super) fn added(&self) -> usize {
        self.added.load(Ordering::Relaxed)
    }

    /// Tells that a document could not be added.
    pub(super) fn fail(&self, source: &str, error: &Error) {
        self.say(&problem::text(self.terminal.err.color, &named(source, error)));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => self.terminal.talk(line),
        }
    }

    fn advance(&self, source: &str) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            bar.set_message(clean::short(source, NAME));
        }
    }
}

/// The error with the name of the document, where it does not say it itself.
fn named(source: &str, error: &Error) -> Error {
    let headline = error.headline();
    let text = if headline.contains(source) { headline } else { format!("`{source}`: {headline}") };
    let named = Error::new(error.kind(), text);
    error.hints().iter().cloned().fold(named, Error::hint)
}

impl AddObserver for Progress<'_> {
    fn on_step(&self, step: AddStep<'_>) {
        match step {
            AddStep::Unchanged { source } => self.advance(source),
            AddStep::Added { source, .. } => {
                self.added.fetch_add(1, Ordering::Relaxed);
                self.advance(source);
            }
            AddStep::Embedded { texts } => {
                let embedded = self.embedded.fetch_add(texts, Ordering::Relaxed) + texts;
                if let Some(bar) = &self.bar {
                    bar.set_prefix(embedded.to_string());
                    bar.tick();
                }
            }
            AddStep::Failed { source, error } => {
                self.fail(source, error);
                self.advance(source);
            }
            AddStep::Noted { source, note } if !self.terminal.quiet => {
                let label = self.terminal.paint_err(YELLOW, "note:");
                self.say(&format!("{label} `{}`: {}", clean::one_line(source), clean::one_line(note)));
            }
            AddStep::Noted { .. } => {}
        }
    }
}
