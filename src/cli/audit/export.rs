//! `agentflow audit export`.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    sync::Arc,
};

use serde::Serialize;

use super::{
    args::{AuditExportArgs, ExportFormat},
    csv, end, open,
};
use crate::{
    app::audit::AuditRecord,
    cli::{clean, numbers, terminal::Terminal},
    error::{Error, ErrorKind, Result},
    store::Store,
};

/// Writes all records that fit, as they are read.
pub(super) async fn export(store: Option<&Arc<dyn Store>>, args: &AuditExportArgs, terminal: &Terminal) -> Result<u8> {
    let mut reader = open(store, None, &args.filter, 0).await?;
    let mut target = match &args.output {
        Some(path) => Target::File(BufWriter::new(File::create(path).map_err(|err| cannot_write(path, err))?), path),
        None => Target::Terminal(terminal),
    };
    if args.format == ExportFormat::Csv {
        target.write(&csv::header())?;
    }
    let mut written = 0;
    if let Some(reader) = &mut reader {
        loop {
            let records = reader.next().await?;
            if records.is_empty() {
                break;
            }
            written += records.len() as u64;
            let lines = records.iter().map(|record| line(record, args.format)).collect::<Result<String>>()?;
            target.write(&lines)?;
        }
    }
    target.close()?;
    if let Some(path) = &args.output {
        terminal.note(&format!("wrote {} to {}", numbers::plural(written, "record"), path.display()));
    }
    Ok(end(reader.as_ref(), terminal))
}

fn line(record: &AuditRecord, format: ExportFormat) -> Result<String> {
    match format {
        ExportFormat::Jsonl => Ok(compact(record)? + "\n"),
        ExportFormat::Csv => csv::row(record),
    }
}

/// `value` as JSON on one line, in which all is to be seen.
pub(super) fn compact(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)
        .map_err(|err| Error::new(ErrorKind::Internal, "a record cannot be written as JSON").source(err))?;
    Ok(clean::json(&text))
}

/// Where records go.
enum Target<'a> {
    Terminal(&'a Terminal),
    File(BufWriter<File>, &'a Path),
}

impl Target<'_> {
    fn write(&mut self, lines: &str) -> Result<()> {
        match self {
            // A person who looks at it gets no escape sequences; a program gets what was recorded.
            Self::Terminal(terminal) if terminal.out.is_terminal => terminal.print(&clean::block(lines)),
            Self::Terminal(terminal) => terminal.print(lines),
            Self::File(file, path) => file.write_all(lines.as_bytes()).map_err(|err| cannot_write(path, err)),
        }
    }

    fn close(self) -> Result<()> {
        match self {
            Self::Terminal(_) => Ok(()),
            Self::File(mut file, path) => {
                file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|err| cannot_write(path, err))
            }
        }
    }
}

fn cannot_write(path: &Path, err: std::io::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("cannot write the records to `{}`", path.display())).source(err)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

    use super::*;
    use crate::{
        app::audit::{AuditDecision, AuditEvent, RecordId},
        model::{Access, AgentName, Effect, NodePath, Permission, RunId, StepId, Value},
    };

    /// Texts in which everything is that has a meaning in one of the forms.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[=+@'\",;\\r\\n\\t \\-a\u{1b}\u{202e}é]{0,12}"]
    }

    fn some_text() -> impl Strategy<Value = Option<String>> {
        prop::option::of(text().prop_filter("an empty text is none", |text| !text.is_empty()))
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((text(), inner), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    fn record() -> impl Strategy<Value = AuditRecord> {
        let numbers = (any::<u32>(), any::<u32>(), 0..u64::MAX, prop::option::of(any::<u64>()), any::<bool>());
        let texts = (text(), text(), some_text(), some_text(), some_text());
        let values = (prop::option::of(json()), prop::collection::vec(text(), 0..3), 0..4_usize, any::<bool>());
        let at = -1_000_000_000_000_000..1_000_000_000_000_000_i64;
        (numbers, texts, values, at).prop_map(|((turn, attempt, seq, duration_ms, cached), texts, values, at)| {
            let (workflow, tool, by, comment, reason) = texts;
            let (arguments, paths, rules, has_agent) = values;
            let run: RunId = "0193a2b4-7c8d-7e9f-8a0b-1c2d3e4f5061".parse().unwrap();
            let rule: Permission = "run:git log --format=*".parse().unwrap();
            AuditRecord {
                id: RecordId { run, seq },
                at: Timestamp::from_microsecond(at).unwrap(),
                run,
                workflow,
                node: NodePath::new("review[3]"),
                attempt,
                agent: has_agent.then(|| AgentName::new("writer").unwrap()),
                step: StepId { turn, index: 0 },
                event: AuditEvent::ToolCalled,
                tool,
                effect: has_agent.then_some(Effect::Idempotent),
                decision: AuditDecision::AssumeDone,
                accesses: paths.into_iter().map(|path| Access::Read { path }).collect(),
                rules: vec![rule; rules],
                arguments,
                fingerprint: comment.clone(),
                key: None,
                digest: by.clone(),
                duration_ms,
                cached,
                by,
                comment,
                reason,
                hash: "00".repeat(32),
            }
        })
    }

    /// The cells of one line of CSV, by RFC 4180, without the marks that keep them from being formulas.
    fn cells(line: &str) -> Vec<String> {
        let mut cells = Vec::new();
        let mut rest = line.strip_suffix("\r\n").unwrap();
        loop {
            let (cell, after) = if let Some(quoted) = rest.strip_prefix('"') {
                let mut end = 0;
                while !quoted[end..].starts_with('"') || quoted[end..].starts_with("\"\"") {
                    let is_quote = quoted[end..].starts_with('"');
                    end += if is_quote { 2 } else { quoted[end..].chars().next().unwrap().len_utf8() };
                }
                (quoted[..end].replace("\"\"", "\""), &quoted[end + 1..])
            } else {
                let end = rest.find(',').unwrap_or(rest.len());
                assert!(!rest[..end].contains(['"', '\r', '\n']), "{rest:?}");
                (rest[..end].to_owned(), &rest[end..])
            };
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?} is a formula");
            let guarded = cell.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r']);
            cells.push(if guarded { cell[1..].to_owned() } else { cell });
            let Some(next) = after.strip_prefix(',') else {
                assert_eq!(after, "");
                return cells;
            };
            rest = next;
        }
    }

    /// The record in a line of CSV, by the names of the columns.
    fn from_csv(line: &str) -> AuditRecord {
        let mut object = serde_json::Map::new();
        for (name, cell) in cells(&csv::header()).into_iter().zip(cells(line)) {
            let is_text =
                !["attempt", "accesses", "rules", "arguments", "duration_ms", "cached", "step"].contains(&name.as_str());
            let must_be = ["workflow", "tool"].contains(&name.as_str());
            if name == "step" {
                let (turn, index) = cell.split_once('.').unwrap();
                let number = |text: &str| text.parse::<u32>().unwrap();
                object.insert(name, serde_json::json!({"turn": number(turn), "index": number(index)}));
            } else if is_text && (must_be || !cell.is_empty()) {
                object.insert(name, Value::from(cell));
            } else if !cell.is_empty() {
                object.insert(name, serde_json::from_str(&cell).unwrap());
            }
        }
        serde_json::from_value(Value::Object(object)).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_exported_is_read_back_as_it_was(record in record()) {
            let jsonl = line(&record, ExportFormat::Jsonl).unwrap();
            assert_eq!(jsonl.matches('\n').count(), 1);
            assert!(!jsonl.trim_end().contains(|c: char| c.is_control()), "{jsonl:?}");
            assert_eq!(serde_json::from_str::<AuditRecord>(&jsonl).unwrap(), record);
            assert_eq!(from_csv(&line(&record, ExportFormat::Csv).unwrap()), record);
        }
    }
}
