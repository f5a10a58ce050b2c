//! Problems as people read them in a terminal.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::diagnostic::{Diagnostic, Severity, SourceFile, Sources, Span};

/// A related place at most this many lines away is shown in the same excerpt.
const NEAR: usize = 12;
/// The longest line that is looked at for an excerpt, in bytes; of a longer one, a few characters are quoted.
const LONG_LINE: usize = 20_000;
/// How much of a place is marked or quoted, in characters.
const MARKED: usize = 60;

pub(super) fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool, width: usize) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(width.max(40));
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(&renderer.render(&report(diagnostic, sources)));
        out.push('\n');
    }
    out
}

/// The excerpt with its places, then a group for each related place that is too far away for it.
fn report<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(normalize_untrusted_str(&diagnostic.message)).id(diagnostic.code.to_string());
    let mut excerpt = Excerpt::new(diagnostic.span, sources);
    if excerpt.is_too_long() {
        let quoted = format!("there stands: {}…", sources.text(diagnostic.span).chars().take(MARKED).collect::<String>());
        let parts = [Some((Level::NOTE, quoted)), diagnostic.hint.clone().map(|hint| (Level::HELP.with_name("hint"), hint))];
        let parts = parts.into_iter().flatten().map(|(level, text)| level.message(normalize_untrusted_str(&text)));
        return vec![Group::with_title(title).element(excerpt.origin()).elements(parts)];
    }
    let (near, far): (Vec<_>, Vec<_>) = diagnostic.related.iter().partition(|label| excerpt.is_near(label.span));
    for label in &near {
        excerpt.hold(label.span);
    }
    let mut snippet = excerpt.snippet(diagnostic.span, diagnostic.label.as_deref());
    for label in near {
        let annotation = AnnotationKind::Context.span(excerpt.place(label.span));
        snippet = snippet.annotation(annotation.label(normalize_untrusted_str(&label.message)));
    }
    let mut groups = vec![Group::with_title(title).element(snippet)];
    for label in far {
        let group = Group::with_title(Level::NOTE.secondary_title(normalize_untrusted_str(&label.message)));
        let excerpt = Excerpt::new(label.span, sources);
        let too_long = excerpt.is_too_long();
        groups.push(if too_long { group.element(excerpt.origin()) } else { group.element(excerpt.snippet(label.span, None)) });
    }
    let hint = diagnostic.hint.as_deref().map(|hint| Level::HELP.with_name("hint").message(normalize_untrusted_str(hint)));
    if let Some(last) = groups.pop() {
        groups.push(last.elements(hint));
    }
    groups
}

/// Some lines of a file.
struct Excerpt<'a> {
    of: Span,
    file: &'a SourceFile,
    first_line: usize,
    last_line: usize,
}

impl<'a> Excerpt<'a> {
    /// The line in which `span` begins.
    fn new(span: Span, sources: &'a Sources) -> Self {
        let file = sources.get(span.file);
        let (line, _) = file.line_and_column(span.start as usize);
        Self { of: span, file, first_line: line, last_line: line }
    }

    fn is_near(&self, span: Span) -> bool {
        let (line, _) = self.file.line_and_column(span.start as usize);
        let is_short = self.file.line(line).len() <= LONG_LINE;
        span.file == self.of.file && line.abs_diff(self.first_line) <= NEAR && is_short
    }

    fn is_too_long(&self) -> bool {
        self.shown().len() > LONG_LINE
    }

    fn origin(&self) -> Origin<'a> {
        let (line, column) = self.file.line_and_column(self.of.start as usize);
        Origin::path(normalize_untrusted_str(&self.file.path.to_string_lossy())).line(line).char_column(column)
    }

    fn hold(&mut self, span: Span) {
        let (line, _) = self.file.line_and_column(span.start as usize);
        self.first_line = self.first_line.min(line);
        self.last_line = self.last_line.max(line);
    }

    /// The bytes of the file that are shown.
    fn shown(&self) -> Range<usize> {
        let offset = |line: &str| line.as_ptr() as usize - self.file.text.as_ptr() as usize;
        let (first, last) = (self.file.line(self.first_line), self.file.line(self.last_line));
        offset(first)..offset(last) + last.len()
    }

    fn snippet(&self, span: Span, label: Option<&str>) -> Snippet<'a, Annotation<'a>> {
        Snippet::source(&self.file.text[self.shown()])
            .line_start(self.first_line)
            .path(normalize_untrusted_str(&self.file.path.to_string_lossy()))
            .fold(true)
            .annotation(AnnotationKind::Primary.span(self.place(span)).label(label.map(normalize_untrusted_str)))
    }

    /// Where `span` stands in what is shown. Of several lines, the first one is marked.
    fn place(&self, span: Span) -> Range<usize> {
        let shown = self.shown();
        let boundary = |offset: usize| (0..=offset).rev().find(|at| self.file.text.is_char_boundary(*at)).unwrap_or(0);
        let start = boundary((span.start as usize).clamp(shown.start, shown.end)).max(shown.start);
        let end = boundary((span.end as usize).clamp(start, shown.end)).max(start);
        let marked = self.file.text[start..end].lines().next().unwrap_or_default().trim_end();
        let length = marked.char_indices().nth(MARKED).map_or(marked.len(), |(at, _)| at);
        start - shown.start..start - shown.start + length
    }
}
