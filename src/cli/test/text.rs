//! Tests as people read them: a line each, and in the end all that did not hold.

use std::time::Duration;

use crate::{
    cli::{
        clean, numbers,
        page::Page,
        terminal::{BOLD, CYAN, DIM, GREEN, RED, Terminal, YELLOW},
    },
    testing::{
        suite::{CaseReport, Outcome, SuiteReport},
        unmet::Unmet,
    },
};

/// The line of a case; none for one that was not run, nor in silence for one that passed.
pub(super) fn line(report: &CaseReport, terminal: &Terminal) -> Option<String> {
    let (style, word) = match &report.outcome {
        Outcome::Passed if terminal.quiet && report.notes.is_empty() => return None,
        Outcome::Passed => (GREEN, "PASS"),
        Outcome::Failed => (RED, "FAIL"),
        Outcome::Skipped(_) if terminal.quiet => return None,
        Outcome::Skipped(_) => (YELLOW, "SKIP"),
        Outcome::NotRun => return None,
    };
    let (word, name) = (terminal.paint_out(style, word), clean::one_line(&report.name));
    let time = match &report.outcome {
        Outcome::Skipped(_) => "         ".to_owned(),
        _ => format!("{:>8}s", format!("{:.3}", report.took.as_secs_f64())),
    };
    let file = terminal.paint_out(DIM, &report.at.file);
    let why = match &report.outcome {
        Outcome::Skipped(why) => format!("  {}", terminal.paint_out(DIM, &clean::one_line(why))),
        _ => String::new(),
    };
    Some(format!("{word} {time}  {file}  {name}{why}\n"))
}

/// What did not hold, what there is to say, and how many came to what. `again` is put behind a command that runs one test again.
pub(super) fn summary(report: &SuiteReport, took: Duration, again: &str, terminal: &Terminal) -> String {
    let mut page = Page::default();
    for case in report.cases.iter().filter(|case| case.outcome == Outcome::Failed) {
        page.gap();
        failed(case, again, terminal, &mut page);
    }
    let notes = report.cases.iter().flat_map(|case| &case.notes).chain(&report.snapshots);
    let notes: Vec<String> =
        notes.map(|note| format!("{} {}", terminal.paint_out(YELLOW, "note:"), clean::one_line(note))).collect();
    if !notes.is_empty() {
        page.gap();
        for note in &notes {
            page.line(note);
        }
    }
    if !report.cases.is_empty() {
        page.gap();
    }
    page.line(&counted(report, took, terminal));
    page.into_text()
}

fn failed(case: &CaseReport, again: &str, terminal: &Terminal, page: &mut Page) {
    let name = clean::one_line(&case.name);
    page.line(&format!("{} {} {}", terminal.paint_out(RED, "failed:"), terminal.paint_out(BOLD, &name), case.at));
    for unmet in &case.unmet {
        page.line(&format!("  {}: {}", unmet.at, terminal.paint_out(BOLD, &clean::one_line(&unmet.what))));
        told(unmet, terminal, page);
    }
    if !case.route.is_empty() {
        let route = clean::one_line(&case.route.join(" → "));
        page.line(&format!("  {}  {route}", terminal.paint_out(DIM, "ran")));
    }
    let command = format!("agentflow test {} --filter {}{again}", quoted(&case.at.file), quoted(&case.name));
    page.line(&format!("  {}  {}", terminal.paint_out(DIM, "again"), clean::one_line(&command)));
}

fn told(unmet: &Unmet, terminal: &Terminal, page: &mut Page) {
    if unmet.difference.is_empty() {
        page.line(&format!("    expected  {}", terminal.paint_out(GREEN, &clean::one_line(&unmet.expected))));
        page.line(&format!("    found     {}", terminal.paint_out(RED, &clean::one_line(&unmet.actual))));
    } else {
        for line in &unmet.difference {
            let style = match line.as_bytes().first() {
                Some(b'-') => GREEN,
                Some(b'+') => RED,
                _ => DIM,
            };
            page.line(&format!("    {}", terminal.paint_out(style, &clean::block(line).replace('\n', " "))));
        }
        page.line(&format!("    {}", terminal.paint_out(DIM, "(- expected, + found)")));
    }
    if let Some(hint) = &unmet.hint {
        page.line(&format!("    {} {}", terminal.paint_out(CYAN, "hint:"), clean::one_line(hint)));
    }
}

fn counted(report: &SuiteReport, took: Duration, terminal: &Terminal) -> String {
    let passed = report.count(|outcome| *outcome == Outcome::Passed);
    let failed = report.count(|outcome| *outcome == Outcome::Failed);
    let skipped = report.count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let not_run = report.count(|outcome| *outcome == Outcome::NotRun);
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(terminal.paint_out(RED, &format!("{failed} failed")));
    }
    parts.push(terminal.paint_out(GREEN, &format!("{passed} passed")));
    if skipped > 0 {
        parts.push(terminal.paint_out(YELLOW, &format!("{skipped} skipped")));
    }
    if not_run > 0 {
        parts.push(terminal.paint_out(YELLOW, &format!("{not_run} not run")));
    }
    let left_out = if report.left_out > 0 { format!(", {} left out", report.left_out) } else { String::new() };
    let all = numbers::plural(report.cases.len() as u64, "test");
    format!("{all} in {:.2}s: {}{left_out}", took.as_secs_f64(), parts.join(", "))
}

/// A word of a command line: in quotes where the shell would see more in it.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
