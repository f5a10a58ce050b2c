//! `agentflow runs verify` and `runs repair`: whether runs are whole, and what can be saved of one that is not.

use std::sync::Arc;

use crate::{
    app::{
        runs,
        verify::{self, Verdict},
    },
    cli::{
        args::{RunsVerifyArgs, ShowFormat},
        clean, exit, json, numbers,
        page::Page,
        terminal::{GREEN, RED, Terminal},
    },
    error::{Error, ErrorKind, Result},
    store::Store,
};

/// How many digits of a hash are shown to people.
const DIGITS: usize = 16;

/// Looks at runs; the exit code tells whether all of them are good.
pub(super) async fn verify(store: Option<&Arc<dyn Store>>, args: &RunsVerifyArgs, terminal: &Terminal) -> Result<u8> {
    let mut verdicts = Vec::new();
    if let Some(store) = store {
        for run in verify::choose(store, &args.runs).await? {
            let verdict = verify::verify(store, run).await?;
            if let (Some(verdict), ShowFormat::Text) = (&verdict, args.format) {
                // Each as soon as it is known: a large store takes its time.
                terminal.print(&text(verdict, terminal))?;
            }
            verdicts.extend(verdict);
        }
    } else if !args.all {
        return Err(Error::new(ErrorKind::NotFound, "there is no run yet").hint("`--store URL` names another store"));
    }
    let bad = verdicts.iter().filter(|verdict| !verdict.ok).count() as u64;
    match args.format {
        ShowFormat::Json => terminal.print(&json::document(&verdicts)?)?,
        ShowFormat::Text => {
            terminal.note(&format!("{}, {bad} damaged", numbers::plural(verdicts.len() as u64, "run")));
            if let Some(first) = verdicts.iter().find(|verdict| !verdict.ok) {
                terminal.talk(&format!("hint: `agentflow runs repair {}` saves what comes before the bad record", first.id));
            }
        }
    }
    Ok(if bad == 0 { exit::SUCCEEDED } else { exit::CORRUPT })
}

fn text(verdict: &Verdict, terminal: &Terminal) -> String {
    let mut page = Page::default();
    let events = numbers::plural(verdict.events, "event");
    match &verdict.problem {
        None => page.line(&format!(
            "{} {}  {events}  hash {}",
            terminal.paint_out(GREEN, "ok "),
            verdict.id,
            &verdict.hash[..DIGITS.min(verdict.hash.len())]
        )),
        Some(problem) => page.line(&format!(
            "{} {}  {events} good, bad from record {} on: {}",
            terminal.paint_out(RED, "bad"),
            verdict.id,
            problem.record,
            clean::one_line(&problem.message)
        )),
    }
    page.into_text()
}

/// Saves the good part of a run.
pub(super) async fn repair(store: &Arc<dyn Store>, name: &str, terminal: &Terminal) -> Result<()> {
    let run = runs::find(store, name).await?;
    let repaired = verify::repair(store, run).await?;
    terminal.print(&format!("{}\n", repaired.run))?;
    terminal.note(&format!(
        "saved {} of run {run} as run {}; {} lost",
        numbers::plural(repaired.events, "event"),
        repaired.run,
        match repaired.lost {
            1 => "1 record is".to_owned(),
            lost => format!("{lost} records are"),
        }
    ));
    if repaired.lost_answers > 0 {
        let answers = numbers::plural(repaired.lost_answers, "answer");
        terminal.note(&format!("{answers} of models among them will be asked and paid for again"));
    }
    terminal.note(&format!("go on with: agentflow resume {}", repaired.run));
    Ok(())
}
