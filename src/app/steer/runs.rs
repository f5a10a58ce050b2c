//! Pausing, cancelling and going on with a run that another process may hold.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::Steered;
use crate::{
    app::{environment, live::Holder, runs},
    engine::{ask_run, cancel_unheld, read_run, run_control},
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, Owner, RunId, RunWish},
    store::{Store, this_process},
};

/// The time between two looks at a run that is about to go on.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it is waited for the process of a run to go on with it, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// The run has ended by it: no process held it.
    Ended,
    /// This process holds it, and is asked to end it.
    Asked(Owner),
}

/// Who goes on with a run that was paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenUp {
    /// The process that holds it.
    ByHolder(Owner),
    /// Nobody yet.
    ByNobody,
}

/// Asks the process that holds `run` to pause it. Returns whether that is new.
///
/// # Errors
/// `Invalid` when it has ended, or no process holds it; those of reading it and of the store.
pub async fn pause(store: &Arc<dyn Store>, run: RunId) -> Result<bool> {
    let events = read_run(store, run).await?.events;
    refuse_ended(run, &events, "paused")?;
    let Some(detail) = runs::detail(run, &events) else { return Err(no_creation(run)) };
    if Holder::of(&detail.owner) == Holder::Gone {
        if Steered::of(&events).paused_by.is_some() {
            return Ok(false);
        }
        let status = detail.summary.status;
        return Err(Error::new(ErrorKind::Invalid, format!("no process works on run `{run}`: it is {status}"))
            .hint(format!("it goes on only when somebody resumes it; `agentflow cancel {run}` ends it for good")));
    }
    ask_run(store, run, RunWish::Pause, &environment::user()).await
}

/// Cancels `run`: at once when no process holds it, otherwise by asking the process that does.
///
/// # Errors
/// `Invalid` when it has ended; those of reading it and of the store.
pub async fn cancel(store: &Arc<dyn Store>, run: RunId) -> Result<Cancelled> {
    let recorded = read_run(store, run).await?;
    refuse_ended(run, &recorded.events, "cancelled")?;
    let (by, lease) = (environment::user(), environment::engine_settings().lease);
    match cancel_unheld(store, run, &this_process(), lease, &by).await {
        Ok(()) => Ok(Cancelled::Ended),
        Err(error) if error.kind() == ErrorKind::Locked => {
            ask_run(store, run, RunWish::Cancel, &by).await?;
            let owner = runs::detail(run, &recorded.events).ok_or_else(|| no_creation(run))?.owner;
            Ok(Cancelled::Asked(owner))
        }
        Err(error) => Err(error),
    }
}

/// Takes back that `run` is to pause, if anybody wishes so. Returns whether anybody did.
///
/// # Errors
/// Those of the store; `Invalid` when it is to be cancelled.
pub async fn go_on(store: &Arc<dyn Store>, run: RunId) -> Result<bool> {
    match run_control(store, run).await? {
        Some(control) if control.wish == RunWish::Pause => ask_run(store, run, RunWish::GoOn, &environment::user()).await,
        _ => Ok(false),
    }
}

/// Waits until it is clear who goes on with a run that is not to pause any more: the process that holds it, or whoever resumes it.
///
/// # Errors
/// Those of reading the run.
pub async fn taken_up(store: &Arc<dyn Store>, run: RunId) -> Result<TakenUp> {
    let until = Instant::now() + PATIENCE;
    loop {
        let events = read_run(store, run).await?.events;
        let Some(owner) = runs::detail(run, &events).map(|detail| detail.owner) else { return Err(no_creation(run)) };
        let has_ended = matches!(events.last().map(|event| &event.body), Some(EventBody::RunFinished { .. }));
        if has_ended || Holder::of(&owner) == Holder::Gone || Instant::now() >= until {
            return Ok(TakenUp::ByNobody);
        }
        if Steered::of(&events).paused_by.is_none() {
            return Ok(TakenUp::ByHolder(owner));
        }
        sleep(PAUSE).await;
    }
}

fn refuse_ended(run: RunId, events: &[Event], what: &str) -> Result<()> {
    match events.last().map(|event| &event.body) {
        Some(EventBody::RunFinished { status, .. }) => {
            Err(Error::new(ErrorKind::Invalid, format!("run `{run}` has {}, and cannot be {what}", past(status.as_str())))
                .hint("`agentflow ps` lists the runs that have not ended"))
        }
        _ => Ok(()),
    }
}

/// `succeeded`, `failed`, `been cancelled`.
fn past(status: &str) -> String {
    if status == "cancelled" { "been cancelled".to_owned() } else { status.to_owned() }
}

fn no_creation(run: RunId) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the log of run `{run}` does not begin with its creation"))
}
