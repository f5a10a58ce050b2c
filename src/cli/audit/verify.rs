//! `agentflow audit verify`.

use std::sync::Arc;

use super::{args::AuditVerifyArgs, no_store};
use crate::{
    app::{
        audit::{self, AuditVerdict, Heads},
        verify::choose,
    },
    cli::{
        args::ShowFormat,
        clean, exit, json, numbers,
        page::Page,
        terminal::{GREEN, RED, Terminal},
    },
    error::Result,
    store::Store,
};

/// Looks at the audit of runs; the exit code tells whether all of it is good.
pub(super) async fn verify(store: Option<&Arc<dyn Store>>, args: &AuditVerifyArgs, terminal: &Terminal) -> Result<u8> {
    let kept = match &args.head {
        Some(path) if path.exists() => Heads::read(path)?,
        _ => Heads::default(),
    };
    // Heads that are to be replaced are compared with first: what they tell would be lost.
    let before = match &args.against {
        Some(path) => Heads::read(path)?,
        None => kept.clone(),
    };
    let mut verdicts = Vec::new();
    let mut tell = |verdict: AuditVerdict| -> Result<()> {
        if args.format == ShowFormat::Text {
            // Each as soon as it is known: a large store takes its time.
            terminal.print(&text(&verdict, terminal))?;
        }
        verdicts.push(verdict);
        Ok(())
    };
    let mut expected = before.clone();
    if let Some(store) = store {
        let chosen = choose(store, &args.runs).await?;
        if !args.all {
            expected.runs.retain(|run, _| chosen.contains(run));
        }
        for run in chosen {
            if let Some(verdict) = audit::verify(store, run, before.runs.get(&run)).await? {
                tell(verdict)?;
            }
        }
    } else if !args.all {
        return Err(no_store());
    }
    for verdict in audit::missing(store, &expected).await? {
        tell(verdict)?;
    }
    let bad = verdicts.iter().filter(|verdict| !verdict.ok).count() as u64;
    if args.format == ShowFormat::Json {
        terminal.print(&clean::json(&json::document(&verdicts)?))?;
    } else {
        terminal.note(&format!("{}, {bad} bad", numbers::plural(verdicts.len() as u64, "run")));
    }
    if bad > 0 {
        return Ok(exit::CORRUPT);
    }
    if let Some(path) = &args.head {
        let mut heads = if args.all { Heads::default() } else { kept };
        heads.runs.extend(verdicts.iter().map(|verdict| (verdict.id, verdict.head())));
        heads.write(path)?;
        terminal.note(&format!("wrote {} to {}", numbers::plural(heads.runs.len() as u64, "head"), path.display()));
    }
    Ok(exit::SUCCEEDED)
}

fn text(verdict: &AuditVerdict, terminal: &Terminal) -> String {
    let mut page = Page::default();
    match &verdict.problem {
        None => page.line(&format!(
            "{} {}  {}, {} of the audit  hash {}",
            terminal.paint_out(GREEN, "ok "),
            verdict.id,
            numbers::plural(verdict.events, "event"),
            verdict.records,
            verdict.hash
        )),
        Some(problem) => {
            page.line(&format!("{} {}  {}", terminal.paint_out(RED, "bad"), problem.record, clean::one_line(&problem.message)));
        }
    }
    page.into_text()
}
