//! Records as CSV (RFC 4180), in which no cell is a formula.

use crate::{app::audit::AuditRecord, error::Result};

/// The columns, in an order that stays.
const COLUMNS: [&str; 24] = [
    "id",
    "at",
    "run",
    "workflow",
    "node",
    "attempt",
    "agent",
    "step",
    "event",
    "tool",
    "effect",
    "decision",
    "accesses",
    "rules",
    "arguments",
    "fingerprint",
    "key",
    "digest",
    "duration_ms",
    "cached",
    "by",
    "comment",
    "reason",
    "hash",
];

/// The first line.
pub(super) fn header() -> String {
    line(COLUMNS.map(str::to_owned))
}

/// A record as a line. Accesses, rules and arguments are JSON in their cells; what there is not is an empty cell.
pub(super) fn row(record: &AuditRecord) -> Result<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let list = |is_empty: bool, json: Result<String>| if is_empty { Ok(String::new()) } else { json };
    Ok(line([
        record.id.to_string(),
        record.at.to_string(),
        record.run.to_string(),
        record.workflow.clone(),
        record.node.to_string(),
        record.attempt.to_string(),
        record.agent.as_ref().map(ToString::to_string).unwrap_or_default(),
        record.step.to_string(),
        record.event.as_str().to_owned(),
        record.tool.clone(),
        record.effect.map(|effect| effect.as_str().to_owned()).unwrap_or_default(),
        record.decision.as_str().to_owned(),
        list(record.accesses.is_empty(), super::export::compact(&record.accesses))?,
        list(record.rules.is_empty(), super::export::compact(&record.rules))?,
        record.arguments.as_ref().map(super::export::compact).transpose()?.unwrap_or_default(),
        text(&record.fingerprint),
        text(&record.key),
        text(&record.digest),
        record.duration_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        record.cached.to_string(),
        text(&record.by),
        text(&record.comment),
        text(&record.reason),
        record.hash.clone(),
    ]))
}

fn line<const N: usize>(cells: [String; N]) -> String {
    let mut line = cells.map(|cell| quoted(guarded(cell))).join(",");
    line.push_str("\r\n");
    line
}

/// Spreadsheets take a cell that begins so for a formula: a `'` before it says that it is text. A `'` that stood there gets another one,
/// so that whoever reads the file can take off the first `'` before one of these, and has what it was.
fn guarded(cell: String) -> String {
    if cell.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

fn quoted(cell: String) -> String {
    if cell.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_divides_cells_is_quoted() {
        assert_eq!(
            line(["a".to_owned(), "b,c".to_owned(), "say \"hi\"\nthere".to_owned()]),
            "a,\"b,c\",\"say \"\"hi\"\"\nthere\"\r\n"
        );
    }

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1"] {
            assert_eq!(guarded(formula.to_owned()), format!("'{formula}"));
        }
        for text in ["", "a=1", "'a", "1-1", "[\"=1\"]"] {
            assert_eq!(guarded(text.to_owned()), text);
        }
    }
}
