//! `agentflow audit show`.

use std::time::Duration;

use crate::{
    app::audit::{AuditDecision, AuditDetail, AuditEvent, AuditRecord, ResultReport},
    cli::{
        args::ShowFormat,
        clean, json, numbers,
        page::Page,
        terminal::{BOLD, GREEN, RED, Terminal, YELLOW},
    },
    error::Result,
    model::{ToolOutcome, Value},
};

/// Shows a record with all that belongs to it.
pub(super) fn show(detail: &AuditDetail, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        return terminal.print(&clean::json(&json::document(detail)?));
    }
    let mut page = Page::default();
    facts(&detail.record, &mut page, terminal);
    let call = detail.call.as_ref().unwrap_or(&detail.record);
    list(&mut page, terminal, "touches", call.accesses.iter().map(ToString::to_string));
    list(&mut page, terminal, "permitted by", permitted_by(detail));
    if let Some(arguments) = &call.arguments {
        heading(&mut page, terminal, "arguments");
        page.block(&value(arguments)?);
    }
    if let Some(result) = &detail.result {
        came(&mut page, terminal, result)?;
    }
    heading(&mut page, terminal, "trail");
    for entry in &detail.trail {
        let here = if entry.id == detail.record.id { "*" } else { " " };
        let by = entry.by.as_ref().map(|by| format!("by {}", clean::one_line(by))).unwrap_or_default();
        page.line(&format!(
            "{here} {:<6} {}  {:<18}  {:<11}  {by}",
            entry.id.seq,
            numbers::moment(entry.at),
            entry.event.as_str(),
            entry.decision.as_str()
        ));
    }
    terminal.print(&page.into_text())
}

fn facts(record: &AuditRecord, page: &mut Page, terminal: &Terminal) {
    let style = match record.decision.as_str() {
        "allowed" | "approved" | "returned" => GREEN,
        "denied" | "rejected" | "failed" => RED,
        _ => YELLOW,
    };
    let line = |text: &Option<String>| text.as_deref().map(clean::one_line);
    let rows = [
        ("record", Some(record.id.to_string())),
        ("at", Some(record.at.to_string())),
        ("workflow", Some(clean::one_line(&record.workflow))),
        ("node", Some(format!("{}, attempt {}, step {}", record.node, record.attempt, record.step))),
        ("agent", record.agent.as_ref().map(ToString::to_string)),
        ("event", Some(record.event.as_str().to_owned())),
        ("tool", Some(clean::one_line(&record.tool))),
        ("effect", record.effect.map(|effect| effect.as_str().to_owned())),
        ("decision", Some(terminal.paint_out(style, record.decision.as_str()))),
        ("by", line(&record.by)),
        ("comment", line(&record.comment)),
        ("reason", line(&record.reason)),
        ("time", record.duration_ms.map(|ms| numbers::duration(Duration::from_millis(ms)))),
        ("cached", record.cached.then(|| "yes".to_owned())),
        ("key", line(&record.key)),
        ("call", record.fingerprint.as_ref().map(|hash| format!("sha256 {}", clean::one_line(hash)))),
        ("digest", record.digest.as_ref().map(|hash| format!("sha256 {}", clean::one_line(hash)))),
        ("hash", Some(record.hash.clone())),
    ];
    for (name, text) in rows {
        if let Some(text) = text {
            page.line(&format!("{name:<10}{text}"));
        }
    }
}

/// The rules and persons that permit the call of the step.
fn permitted_by(detail: &AuditDetail) -> Vec<String> {
    let mut named = Vec::new();
    for entry in &detail.trail {
        named.extend(entry.rules.iter().map(|rule| format!("rule `{rule}`")));
        let permits = matches!(entry.decision, AuditDecision::Approved | AuditDecision::Rerun);
        if let (AuditEvent::ApprovalGiven, true, Some(by)) = (entry.event, permits, &entry.by) {
            let comment = entry.comment.as_ref().map(|comment| format!(": {}", clean::one_line(comment))).unwrap_or_default();
            named.push(format!("{} ({}){comment}", clean::one_line(by), entry.decision.as_str()));
        }
    }
    let mut seen = std::collections::HashSet::new();
    named.retain(|name| seen.insert(name.clone()));
    named
}

fn came(page: &mut Page, terminal: &Terminal, report: &ResultReport) -> Result<()> {
    let untrusted = if report.result.untrusted { ", which strangers may have written" } else { "" };
    heading(page, terminal, &format!("result (record {}{untrusted})", report.id.seq));
    match &report.result.outcome {
        ToolOutcome::Output(output) => page.block(&value(output)?),
        ToolOutcome::Failed { told, error } => {
            page.line(&format!("failed: {}", clean::one_line(&error.message)));
            if *told != error.message {
                page.line(&format!("the model was told: {}", clean::one_line(told)));
            }
            error.hints.iter().for_each(|hint| page.line(&format!("hint: {}", clean::one_line(hint))));
        }
    }
    report.result.notes.iter().for_each(|note| page.line(&format!("note: {}", clean::one_line(note))));
    Ok(())
}

fn heading(page: &mut Page, terminal: &Terminal, name: &str) {
    page.gap();
    page.line(&terminal.paint_out(BOLD, name));
}

fn list(page: &mut Page, terminal: &Terminal, name: &str, entries: impl IntoIterator<Item = String>) {
    let mut entries = entries.into_iter().peekable();
    if entries.peek().is_some() {
        heading(page, terminal, name);
        entries.for_each(|entry| page.line(&format!("  {}", clean::one_line(&entry))));
    }
}

/// All of a value: what a terminal would act on is escaped.
fn value(value: &Value) -> Result<String> {
    Ok(clean::json(&json::document(value)?))
}
