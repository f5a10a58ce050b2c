//! A comparison of workflows, to read at a terminal.

use crate::{
    app::{
        line_diff::DiffLine,
        review::{Review, Reviews},
    },
    cli::{
        clean,
        diff::told::{about, line, long, rosters, spending, spends_otherwise},
        page::Page,
        table::table,
        terminal::{BOLD, DIM, GREEN, RED, Terminal, YELLOW},
    },
    plan::{ChangeKind, EdgeDifference},
};

/// The most lines shown of one text that is other.
const LINES: usize = 60;

/// All comparisons, one below the other.
pub(super) fn text(reviews: &Reviews, terminal: &Terminal) -> String {
    let mut page = Page::default();
    for (nth, review) in reviews.workflows.iter().enumerate() {
        if nth > 0 {
            page.gap();
        }
        one(review, &mut page, terminal);
    }
    if reviews.workflows.is_empty() {
        page.line("no workflow is other");
    }
    page.into_text()
}

fn one(review: &Review, page: &mut Page, terminal: &Terminal) {
    let change = review.change.map_or("the same", ChangeKind::as_str);
    let widened = if review.widened { terminal.paint_out(RED, ", and may touch more") } else { String::new() };
    let from = review.before_file.as_ref().map(|file| format!("{} → ", clean::one_line(file))).unwrap_or_default();
    page.line(&format!("{from}{}: {change}{widened}", terminal.paint_out(BOLD, &clean::one_line(&review.file))));
    if let Some(note) = &review.note {
        page.line(&format!("  {}", terminal.paint_out(YELLOW, &clean::one_line(note))));
    }
    if review.change.is_none() {
        return;
    }
    permissions(review, page, terminal);
    graph(review, page, terminal);
    let is_changed = review.change == Some(ChangeKind::Changed);
    if is_changed && !review.difference.workflow.is_empty() {
        section("workflow", page, terminal);
        for said in &review.difference.workflow {
            page.line(&format!("  ~ {}", line(said, clean::one_line, clean::one_line)));
        }
    }
    for (what, roster) in rosters(review) {
        section(what, page, terminal);
        for (mark, names) in [('+', &roster.added), ('-', &roster.removed)] {
            for name in names {
                page.line(&format!("  {mark} {}", clean::one_line(name)));
            }
        }
    }
    if spends_otherwise(review) {
        page.gap();
        let rows = spending(review).into_iter().map(|row| row.to_vec()).collect();
        page.block(&table(terminal, &["", "BEFORE", "AFTER"], rows));
    }
    for long in long(review) {
        section(&long.title(clean::one_line), page, terminal);
        lines(&long.lines, page, terminal);
    }
}

fn section(title: &str, page: &mut Page, terminal: &Terminal) {
    page.gap();
    page.line(&terminal.paint_out(BOLD, title));
}

fn permissions(review: &Review, page: &mut Page, terminal: &Terminal) {
    if review.permissions.is_empty() {
        return;
    }
    section("permissions", page, terminal);
    for change in &review.permissions {
        let (mark, style) = if change.is_wider { ('+', RED) } else { ('-', GREEN) };
        let told = format!("{mark} {}: {}", clean::one_line(&change.place), clean::one_line(&change.what));
        page.line(&format!("  {}", terminal.paint_out(style, &told)));
    }
}

fn graph(review: &Review, page: &mut Page, terminal: &Terminal) {
    if !review.difference.nodes.is_empty() {
        section("nodes", page, terminal);
    }
    for node in &review.difference.nodes {
        let name = terminal.paint_out(BOLD, &clean::one_line(&node.node));
        page.line(&format!("  {} {name}: {}", mark(node.change), about(node, clean::one_line, clean::one_line)));
    }
    if !review.difference.edges.is_empty() {
        section("edges", page, terminal);
    }
    for EdgeDifference { from, to, change, one, other } in &review.difference.edges {
        let taken = match (one, other) {
            (Some(one), Some(other)) => format!("{} → {}", clean::one_line(one), clean::one_line(other)),
            (one, other) => clean::one_line(one.as_ref().or(other.as_ref()).map_or("", String::as_str)),
        };
        page.line(&format!("  {} {from} → {to}: {taken}", mark(*change)));
    }
}

fn mark(change: ChangeKind) -> char {
    match change {
        ChangeKind::Added => '+',
        ChangeKind::Removed => '-',
        ChangeKind::Changed => '~',
    }
}

fn lines(lines: &[DiffLine], page: &mut Page, terminal: &Terminal) {
    for line in lines.iter().take(LINES) {
        let marked = clean::block(&line.marked());
        let painted = match line {
            DiffLine::Same(_) => marked,
            DiffLine::Removed(_) => terminal.paint_out(RED, &marked),
            DiffLine::Added(_) => terminal.paint_out(GREEN, &marked),
            DiffLine::Gap(_) => terminal.paint_out(DIM, &marked),
        };
        page.line(&format!("  {painted}"));
    }
    if lines.len() > LINES {
        page.line(&terminal.paint_out(DIM, &format!("  … {} more lines", lines.len() - LINES)));
    }
}
