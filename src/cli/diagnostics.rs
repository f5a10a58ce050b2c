//! The problems of several files as one list: each problem once, over one set of sources.

use std::collections::HashSet;

use crate::{
    cli::numbers::plural,
    cli::terminal::{RED, Terminal, YELLOW},
    diagnostic::{Diagnostic, DiagnosticFormat, FileId, Severity, Sources, Span, render},
};

/// Problems and the files they are in.
#[derive(Debug, Default)]
pub(super) struct Problems {
    /// All problems, in the order in which they were added.
    pub(super) all: Vec<Diagnostic>,
    /// The files.
    pub(super) sources: Sources,
    seen: HashSet<(FileId, u32, u32, u16, String)>,
}

impl Problems {
    /// Adds the problems of one compilation; returns those that were not there yet, e.g. from a manifest that several workflows share.
    pub(super) fn add(&mut self, diagnostics: Vec<Diagnostic>, sources: &Sources) -> Vec<Diagnostic> {
        let ids: Vec<FileId> = sources.iter().map(|(_, file)| self.file(&file.path, &file.text)).collect();
        let moved = |span: Span| Span { file: ids.get(span.file.0 as usize).copied().unwrap_or(span.file), ..span };
        let mut new = Vec::new();
        for mut problem in diagnostics {
            problem.span = moved(problem.span);
            for label in &mut problem.related {
                label.span = moved(label.span);
            }
            let span = problem.span;
            if self.seen.insert((span.file, span.start, span.end, problem.code.0, problem.message.clone())) {
                new.push(problem);
            }
        }
        self.all.extend(new.iter().cloned());
        new
    }

    /// How many errors and warnings there are.
    pub(super) fn count(&self) -> (usize, usize) {
        let errors = self.all.iter().filter(|problem| problem.severity == Severity::Error).count();
        (errors, self.all.len() - errors)
    }

    fn file(&mut self, path: &std::path::Path, text: &str) -> FileId {
        let known = self.sources.iter().find(|(_, file)| file.path == path && file.text == text).map(|(id, _)| id);
        known.unwrap_or_else(|| self.sources.add(path.to_owned(), text.to_owned()))
    }
}

/// Tells the problems of a workflow on standard error before it is run or drawn; `-q` silences warnings.
pub(super) fn tell(terminal: &Terminal, diagnostics: &[Diagnostic], sources: &Sources) {
    let shown: Vec<Diagnostic> =
        diagnostics.iter().filter(|problem| problem.severity == Severity::Error || !terminal.quiet).cloned().collect();
    if shown.is_empty() {
        return;
    }
    let format = DiagnosticFormat::Text { color: terminal.err.color, width: terminal.width_err() };
    terminal.talk(render(&shown, sources, format).trim_end());
    let errors = shown.iter().filter(|problem| problem.severity == Severity::Error).count();
    if errors > 0 {
        terminal.talk(&format!("\n{}", counted(terminal, errors, shown.len() - errors)));
    }
}

/// `2 errors, 1 warning`, for standard error.
pub(super) fn counted(terminal: &Terminal, errors: usize, warnings: usize) -> String {
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(terminal.paint_err(RED, &plural(errors as u64, "error")));
    }
    if warnings > 0 {
        parts.push(terminal.paint_err(YELLOW, &plural(warnings as u64, "warning")));
    }
    if parts.is_empty() { "no problems".to_owned() } else { parts.join(", ") }
}
