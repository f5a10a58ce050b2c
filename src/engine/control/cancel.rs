//! The end of a run that somebody cancelled and no process holds, written into its log from outside.

use std::{collections::HashSet, sync::Arc, time::Duration};

use indexmap::IndexMap;
use jiff::Timestamp;
use tracing::warn;

use super::forget_wish;
use crate::{
    crash::crash_point,
    engine::{
        RecordedRun,
        child::{CalledSpend, children_of},
        read_run,
    },
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, NodePath, Owner, RunId, RunStatus, Spend},
    store::{Store, StreamId},
};

/// Cancels a run that no process holds, and the runs that it called. What it cost so far stays said.
///
/// # Errors
/// `Locked` when a live process holds it: ask that one by [`super::ask_run`]. `Invalid` when it has ended; those of reading it and of the
/// store.
pub async fn cancel_unheld(store: &Arc<dyn Store>, run: RunId, owner: &Owner, lease: Duration, by: &str) -> Result<()> {
    let stream = StreamId::run(run);
    let epoch = store.claim(&stream, owner, lease).await?;
    let cancelled = cancel_claimed(store, run, epoch, owner, lease, by).await;
    let given_back = store.renew(&stream, epoch, Duration::ZERO).await;
    cancelled.and(given_back)?;
    forget_wish(store, run).await
}

async fn cancel_claimed(store: &Arc<dyn Store>, run: RunId, epoch: u64, owner: &Owner, lease: Duration, by: &str) -> Result<()> {
    let recorded = read_run(store, run).await?;
    if recorded.has_ended() {
        return Err(Error::new(ErrorKind::Invalid, format!("run `{run}` has ended, and cannot be cancelled")));
    }
    end_called(store, run, &recorded.events, owner, lease, by).await;
    let mut bodies = Vec::new();
    if !is_requested(&recorded.events) {
        bodies.push(EventBody::RunCancelRequested { by: by.to_owned() });
    }
    // What runs inside a node ends before it.
    bodies.extend(under_way(&recorded.events).into_iter().rev().map(|node| EventBody::NodeCancelled { node }));
    bodies.push(EventBody::RunFinished {
        status: RunStatus::Cancelled,
        outputs: IndexMap::new(),
        error: None,
        spend: spend(&recorded.events),
    });
    append(store, &recorded, epoch, bodies).await
}

/// Cancels the runs that `run`, which has these events, called and that have not ended. One that cannot be cancelled is left as it is:
/// nobody goes on with it.
pub(in crate::engine) async fn end_called(
    store: &Arc<dyn Store>,
    run: RunId,
    events: &[Event],
    owner: &Owner,
    lease: Duration,
    by: &str,
) {
    for child in children_of(run, events).into_iter().filter(|child| !child.has_returned) {
        match Box::pin(cancel_unheld(store, child.run, owner, lease, by)).await {
            Ok(()) => {}
            // It had ended, or had not begun.
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound) => {}
            Err(error) => warn!(run.id = %child.run, %error, "a run that was called could not be cancelled"),
        }
    }
}

fn is_requested(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event.body, EventBody::RunCancelRequested { .. }))
}

/// The nodes that have begun and not ended, in the order in which they began.
fn under_way(events: &[Event]) -> Vec<NodePath> {
    let mut open: Vec<&NodePath> = Vec::new();
    let mut known = HashSet::new();
    for event in events {
        match &event.body {
            EventBody::AttemptStarted { node, .. } if known.insert(node) => open.push(node),
            EventBody::NodeSucceeded { node, .. }
            | EventBody::NodeFailed { node, .. }
            | EventBody::NodeSkipped { node, .. }
            | EventBody::NodeCancelled { node } => {
                known.remove(node);
                open.retain(|other| *other != node);
            }
            // What was inside begins anew with the next attempt.
            EventBody::AttemptFailed { node, .. } | EventBody::FallbackTaken { node, .. } => {
                open.retain(|other| !is_inside(other, node) || !known.remove(other));
            }
            _ => {}
        }
    }
    open.into_iter().cloned().collect()
}

fn is_inside(inner: &NodePath, outer: &NodePath) -> bool {
    inner.as_str().strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with(['.', '[', '@', '!']))
}

/// What a run with these events cost.
fn spend(events: &[Event]) -> Spend {
    let (mut spend, mut called) = (Spend::default(), CalledSpend::default());
    let mut running = HashSet::new();
    for event in events {
        match &event.body {
            EventBody::ModelResponded { response, cost, .. } => spend += Spend::of_call(response.usage, *cost),
            EventBody::ToolCalled { .. } => spend.tool_calls += 1,
            EventBody::ToolReturned { node, result, .. } => spend += called.take(node, result),
            // Whether a call was under way when the process died is not known.
            EventBody::RunResumed { .. } => spend.lost_calls += std::mem::take(&mut running).len() as u64,
            EventBody::AttemptStarted { node, agent: Some(_), .. } => drop(running.insert(node)),
            EventBody::AttemptFailed { node, .. }
            | EventBody::FallbackTaken { node, .. }
            | EventBody::NodeSucceeded { node, .. }
            | EventBody::NodeFailed { node, .. }
            | EventBody::NodeCancelled { node }
            | EventBody::AttemptPaused { node, .. } => drop(running.remove(node)),
            _ => {}
        }
    }
    spend.lost_calls += running.len() as u64;
    spend
}

async fn append(store: &Arc<dyn Store>, recorded: &RecordedRun, epoch: u64, bodies: Vec<EventBody>) -> Result<()> {
    let records = recorded.following(bodies, Timestamp::now())?;
    crash_point!("cancel.in-hand");
    store.append(&StreamId::run(recorded.run), epoch, recorded.events.len() as u64, &records).await?;
    crash_point!("cancel.durable");
    Ok(())
}
