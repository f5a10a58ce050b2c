//! `agentflow audit list`.

use std::{sync::Arc, time::Duration};

use super::{args::AuditListArgs, end, open};
use crate::{
    app::audit::{AuditEvent, AuditReader, AuditRecord},
    cli::{args::ShowFormat, clean, json, numbers, table::table, terminal::Terminal},
    error::Result,
    model::AgentName,
    store::Store,
};

/// How many rows are aligned with each other, and kept for that.
const ROWS: usize = 1_000;
/// How many columns are shown of arguments, and of what else may be long.
const SHORT: usize = 80;
/// How many digits of a digest are shown.
const DIGITS: usize = 12;

/// Lists records, newest last.
pub(super) async fn list(store: Option<&Arc<dyn Store>>, args: &AuditListArgs, terminal: &Terminal) -> Result<u8> {
    let mut reader = open(store, args.run.as_ref(), &args.filter, args.limit).await?;
    match args.format {
        ShowFormat::Json => print_json(reader.as_mut(), terminal).await?,
        ShowFormat::Text => print_table(reader.as_mut(), terminal).await?,
    }
    Ok(end(reader.as_ref(), terminal))
}

/// One document, written as it is read.
async fn print_json(mut reader: Option<&mut AuditReader>, terminal: &Terminal) -> Result<()> {
    let mut opening = "[\n";
    while let Some(records) = next(&mut reader).await? {
        for record in &records {
            terminal.print(&format!("{opening}{}", clean::json(json::document(record)?.trim_end())))?;
            opening = ",\n";
        }
    }
    terminal.print(if opening == "[\n" { "[]\n" } else { "\n]\n" })
}

async fn print_table(mut reader: Option<&mut AuditReader>, terminal: &Terminal) -> Result<()> {
    let print = |rows: Vec<Vec<String>>| {
        terminal.print(&table(terminal, &["RECORD", "AT", "NODE", "AGENT", "TOOL", "DECISION", "WHAT"], rows))
    };
    let (mut rows, mut any) = (Vec::new(), false);
    while let Some(records) = next(&mut reader).await? {
        any = true;
        rows.extend(records.iter().map(row));
        if rows.len() >= ROWS {
            print(std::mem::take(&mut rows))?;
        }
    }
    if !any {
        terminal.note("there is no such record");
    }
    if rows.is_empty() { Ok(()) } else { print(rows) }
}

async fn next(reader: &mut Option<&mut AuditReader>) -> Result<Option<Vec<AuditRecord>>> {
    let Some(reader) = reader else { return Ok(None) };
    let records = reader.next().await?;
    Ok(Some(records).filter(|records| !records.is_empty()))
}

fn row(record: &AuditRecord) -> Vec<String> {
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    vec![
        record.id.to_string(),
        numbers::moment(record.at),
        record.node.to_string(),
        dash(record.agent.as_ref().map(AgentName::as_str).unwrap_or_default()),
        dash(&clean::short(&record.tool, SHORT)),
        record.decision.as_str().to_owned(),
        what(record),
    ]
}

/// What is to be known of a record, in a line.
fn what(record: &AuditRecord) -> String {
    let arguments = record.arguments.as_ref().map(|arguments| clean::short(&clean::json(&arguments.to_string()), SHORT));
    let reason = record.reason.as_ref().map(|reason| clean::short(reason, SHORT));
    let by = record.by.as_ref().map(|by| format!("by {}", clean::short(by, SHORT)));
    let comment = record.comment.as_ref().map(|comment| clean::short(comment, SHORT));
    let came = (record.event == AuditEvent::ToolReturned).then(|| {
        let digest = record.digest.as_deref().unwrap_or_default();
        let how = if record.cached {
            "from the cache".to_owned()
        } else {
            numbers::duration(Duration::from_millis(record.duration_ms.unwrap_or_default()))
        };
        format!("{how}, sha256 {}", &digest.get(..DIGITS).unwrap_or(digest))
    });
    [arguments, by, came, reason, comment].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}
