//! Coverage in text: a table of percentages, then what is missing.

use std::fmt::Write as _;

use super::one_line;
use crate::testing::coverage::{Coverage, FileCoverage, Tally, point::Sort, threshold::percent};

/// The report.
pub(super) fn render(coverage: &Coverage) -> String {
    let mut out = table(coverage);
    for file in coverage.files() {
        missing(&mut out, file);
    }
    writeln!(out, "\n{}", coverage.in_short()).expect("writing to a string cannot fail");
    out
}

fn table(coverage: &Coverage) -> String {
    let sorts: Vec<Sort> = Sort::ALL.into_iter().filter(|sort| coverage.tally(Some(*sort)).all > 0).collect();
    let mut rows = vec![heading(&sorts)];
    rows.extend(coverage.files().map(|file| {
        let name = one_line(&file.path.display().to_string());
        row(name, file.runs.to_string(), &sorts, |sort| file.tally(sort))
    }));
    if coverage.files().count() > 1 {
        rows.push(row("all".to_owned(), String::new(), &sorts, |sort| coverage.tally(sort)));
    }
    aligned(&rows)
}

fn heading(sorts: &[Sort]) -> Vec<String> {
    let names = sorts.iter().map(ToString::to_string);
    ["workflow", "runs"].map(str::to_owned).into_iter().chain(names).chain(["all".to_owned()]).collect()
}

fn row(name: String, runs: String, sorts: &[Sort], tally: impl Fn(Option<Sort>) -> Tally) -> Vec<String> {
    let cells = sorts.iter().map(|sort| cell(tally(Some(*sort)))).chain([cell(tally(None))]);
    [name, runs].into_iter().chain(cells).collect()
}

fn cell(tally: Tally) -> String {
    if tally.all == 0 { "-".to_owned() } else { format!("{} %", percent(tally.percent())) }
}

/// The first column to the left, all others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("  {cell:>width$}"),
        });
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn missing(out: &mut String, file: &FileCoverage) {
    let missing = file.missing();
    if missing.is_empty() {
        return;
    }
    let path = one_line(&file.path.display().to_string());
    out.push('\n');
    for point in missing {
        let (line, column, node) = (point.spot.line, point.spot.column, &point.node);
        writeln!(out, "{path}:{line}:{column}: {node}: {}", one_line(&point.in_words()))
            .expect("writing to a string cannot fail");
        writeln!(out, "    {}", one_line(&file.hint(point))).expect("writing to a string cannot fail");
    }
}
