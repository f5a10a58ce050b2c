//! `agentflow audit`: what agents did with tools, and who permitted it.

pub mod args;
mod csv;
mod export;
mod list;
mod show;
mod verify;

use std::sync::Arc;

use args::{AuditCommand, AuditFilterArgs};
use jiff::Timestamp;

use crate::{
    app::{
        self, Settings,
        audit::{self, AuditFilter, AuditReader},
        runs,
    },
    cli::{exit, problem, terminal::Terminal},
    error::{Error, ErrorKind, Result},
    store::Store,
};

/// Does what the sub-command says with the store of the folder.
pub(super) async fn audit(command: &AuditCommand, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let store = app::open_existing_store(settings).await?;
    match command {
        AuditCommand::List(args) => list::list(store.as_ref(), args, terminal).await,
        AuditCommand::Show(args) => {
            let store = store.ok_or_else(no_store)?;
            show::show(&audit::show(&store, &args.record).await?, args.format, terminal)?;
            Ok(exit::SUCCEEDED)
        }
        AuditCommand::Verify(args) => verify::verify(store.as_ref(), args, terminal).await,
        AuditCommand::Export(args) => export::export(store.as_ref(), args, terminal).await,
    }
}

fn no_store() -> Error {
    Error::new(ErrorKind::NotFound, "there is no run yet").hint("`--store URL` names another store")
}

/// The records that `args`, and the run that is named besides, ask for; `None` when there is no store to look at.
async fn open(
    store: Option<&Arc<dyn Store>>,
    run: Option<&String>,
    args: &AuditFilterArgs,
    limit: usize,
) -> Result<Option<AuditReader>> {
    let names: Vec<_> = run.into_iter().chain(&args.runs).collect();
    let Some(store) = store else {
        return if names.is_empty() { Ok(None) } else { Err(no_store()) };
    };
    let mut filter = AuditFilter {
        runs: Vec::with_capacity(names.len()),
        agent: args.agent.clone(),
        tools: args.tools.clone(),
        decisions: args.decisions.iter().map(|decision| (*decision).into()).collect(),
        since: args.since.map(|since| since.from(Timestamp::now())),
    };
    for name in names {
        filter.runs.push(runs::find(store, name).await?);
    }
    AuditReader::open(store, filter, limit).await.map(Some)
}

/// Tells which runs are damaged, and gives the exit code that follows from it.
fn end(reader: Option<&AuditReader>, terminal: &Terminal) -> u8 {
    let damage = reader.map(AuditReader::damage).unwrap_or_default();
    for damage in damage {
        problem::tell(terminal, &damage.error);
    }
    if damage.is_empty() { exit::SUCCEEDED } else { exit::CORRUPT }
}
