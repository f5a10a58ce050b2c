//! Where a command writes: standard output for data, standard error for talk. A closed stream never ends a command.

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};

use crate::{
    cli::args::{ColorWhen, GlobalOptions},
    error::{Error, ErrorKind, Result},
};

/// Headings and names.
pub(super) const BOLD: Style = Style::new().bold();
/// What is less important.
pub(super) const DIM: Style = Style::new().dimmed();
/// Failures.
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
/// Successes.
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
/// Warnings.
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// Hints, and what runs.
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();

/// The width of a page when nothing tells it.
pub(super) const PAGE: usize = 100;

/// What the process is connected to, found out once.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    /// Standard output.
    pub(super) out: Stream,
    /// Standard error.
    pub(super) err: Stream,
    /// Whether standard input is a person who can be asked.
    pub(super) can_ask: bool,
    /// Whether what is on the screen can be drawn over.
    pub(super) draws: bool,
    /// Whether progress and notes are silenced.
    pub(super) quiet: bool,
}

/// A stream that a command writes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// Whether a person sees it as it is written.
    pub(super) is_terminal: bool,
    /// Whether colours go to it.
    pub(super) color: bool,
}

impl Terminal {
    /// Looks at the streams and at the options.
    pub(super) fn new(options: &GlobalOptions) -> Self {
        let dumb = is_dumb();
        let allowed = !dumb && !no_color();
        let stream = |is_terminal| Stream {
            is_terminal,
            color: match options.color {
                ColorWhen::Auto => is_terminal && allowed,
                ColorWhen::Always => true,
                ColorWhen::Never => false,
            },
        };
        Self {
            out: stream(io::stdout().is_terminal()),
            err: stream(io::stderr().is_terminal()),
            draws: !dumb,
            can_ask: io::stdin().is_terminal(),
            quiet: options.quiet,
        }
    }

    /// The columns of the terminal that shows standard output; a page when it is a file or a pipe.
    pub(super) fn width_out(&self) -> usize {
        if self.out.is_terminal { columns(&console::Term::stdout()) } else { PAGE }
    }

    /// The columns of the terminal that shows standard error; a page when it is a file or a pipe.
    pub(super) fn width_err(&self) -> usize {
        if self.err.is_terminal { columns(&console::Term::stderr()) } else { PAGE }
    }

    /// Writes data to standard output. A reader that has gone away is no error.
    ///
    /// # Errors
    /// When the data cannot be written for another reason, e.g. a full disk.
    #[expect(clippy::unused_self, reason = "who may write has a terminal")]
    pub(super) fn print(&self, text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(err) if err.kind() != io::ErrorKind::BrokenPipe => Err(cannot_print(err)),
            _ => Ok(()),
        }
    }

    /// Writes a line of talk to standard error. What cannot be said is not said.
    #[expect(clippy::unused_self, reason = "who may write has a terminal")]
    pub(super) fn talk(&self, line: &str) {
        let mut err = io::stderr().lock();
        drop(err.write_all(format!("{line}\n").as_bytes()));
    }

    /// Writes a line of talk that `-q` silences.
    pub(super) fn note(&self, line: &str) {
        if !self.quiet {
            self.talk(line);
        }
    }

    /// `text` in `style`, for standard output.
    pub(super) fn paint_out(&self, style: Style, text: &str) -> String {
        paint(self.out.color, style, text)
    }

    /// `text` in `style`, for standard error.
    pub(super) fn paint_err(&self, style: Style, text: &str) -> String {
        paint(self.err.color, style, text)
    }
}

/// `text` in `style`, or as it is.
pub(super) fn paint(color: bool, style: Style, text: &str) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// The error of standard output that cannot be written.
pub(super) fn cannot_print(err: io::Error) -> Error {
    Error::new(ErrorKind::Internal, "cannot write to standard output").source(err)
}

fn columns(term: &console::Term) -> usize {
    term.size_checked().map_or(PAGE, |(_, columns)| usize::from(columns).max(20))
}

/// `NO_COLOR` counts when it is not empty.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Whether the terminal knows no escape sequences.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
