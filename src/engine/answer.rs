//! What people are asked about a run, and their answers: events of the run like all others, written while no process runs it, or by the one
//! that does.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use tokio::time::{Instant, sleep};

use super::{
    inbox::{Inbox, Left},
    recover::read_run,
};
use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{Approval, ApprovalRequest, Event, EventBody, Gate, NodePath, Owner, RunId, Value},
    schema::Validator,
    store::{Store, StreamId},
};

/// A question that nobody has answered yet.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenQuestion {
    /// The node that waits for the answer.
    pub node: NodePath,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// What is asked.
    pub request: ApprovalRequest,
}

/// The open questions of a run, in the order in which they were asked.
#[must_use]
pub fn open_questions(events: &[Event]) -> Vec<OpenQuestion> {
    let mut open: Vec<OpenQuestion> = Vec::new();
    for event in events {
        match &event.body {
            EventBody::ApprovalRequested { node, attempt, request } => {
                open.retain(|question| question.node != *node || question.request.step != request.step);
                open.push(OpenQuestion { node: node.clone(), attempt: *attempt, request: request.clone() });
            }
            EventBody::ApprovalGiven { node, approval, .. } => {
                open.retain(|question| question.node != *node || !answers(approval, &question.request));
            }
            EventBody::ToolReturned { node, result, .. } => {
                open.retain(|question| question.node != *node || question.request.step != result.step);
            }
            EventBody::NodeSucceeded { node, .. } | EventBody::NodeFailed { node, .. } | EventBody::NodeCancelled { node } => {
                open.retain(|question| question.node != *node);
            }
            EventBody::RunFinished { .. } => open.clear(),
            _ => {}
        }
    }
    open
}

/// The last answer that was given to one of the nodes that `is_meant`.
#[must_use]
pub fn last_answer(events: &[Event], is_meant: impl Fn(&NodePath) -> bool) -> Option<(&NodePath, &Approval)> {
    events.iter().rev().find_map(|event| match &event.body {
        EventBody::ApprovalGiven { node, approval, .. } if is_meant(node) => Some((node, approval)),
        _ => None,
    })
}

/// Checks an answer against the question that it is to, at the time it is given.
///
/// # Errors
/// `Invalid` for an option that there is none of, a form that is not filled in as it is to be, and when the time is over.
pub fn check_answer(question: &OpenQuestion, approval: &Approval, now: Timestamp) -> Result<()> {
    let node = &question.node;
    let Some(gate) = &question.request.question.gate else { return Ok(()) };
    if let Some(until) = gate.until.filter(|_| gate.is_over(now)) {
        return Err(Error::new(ErrorKind::Invalid, format!("the time to answer node `{node}` was over at {until}"))
            .hint(format!("{}: the run takes that when it goes on", gate.default_in_words())));
    }
    let Some(option) = approval.option.as_deref() else {
        return Err(Error::new(ErrorKind::Invalid, format!("the answer to node `{node}` names no option"))
            .hint(format!("there are {}", gate.options_in_words())));
    };
    if !gate.has(option) {
        return Err(Error::new(ErrorKind::Invalid, format!("`{}` is no option of node `{node}`", option.escape_debug()))
            .hint(format!("there are {}", gate.options_in_words())));
    }
    check_form(node, gate, option, approval.form.as_ref())
}

/// Who rejects need fill nothing in.
fn check_form(node: &NodePath, gate: &Gate, option: &str, filled: Option<&Value>) -> Result<()> {
    match (&gate.form, filled) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Error::new(ErrorKind::Invalid, format!("node `{node}` has no form that could be filled in"))),
        (Some(_), None) if option == Gate::REJECT => Ok(()),
        (Some(schema), filled) => {
            let problems = Validator::new(schema)?.problems(filled.unwrap_or(&Value::Null));
            match (problems.as_slice(), filled) {
                ([], _) => Ok(()),
                (_, None) => Err(Error::new(ErrorKind::Invalid, format!("node `{node}` wants its form filled in"))),
                (problems, Some(_)) => {
                    let problems = problems.join("; ");
                    Err(Error::new(ErrorKind::Invalid, format!("the form of node `{node}` is not filled in right: {problems}")))
                }
            }
        }
    }
}

/// Why an answer to a question that is not open counts for nothing.
fn not_open(run: RunId, events: &[Event], node: &NodePath, approval: &Approval) -> Error {
    let earlier = last_answer(events, |other| other == node).map(|(_, given)| given);
    match earlier.filter(|given| given.step == approval.step && given.fingerprint == approval.fingerprint) {
        Some(given) => Error::new(
            ErrorKind::Invalid,
            format!("node `{node}` has its answer already: `{}` by {}", given.in_a_word(), given.by),
        )
        .hint("the first answer counts"),
        None => Error::new(ErrorKind::Invalid, format!("node `{node}` does not wait for an answer about call {}", approval.step))
            .hint(format!("`agentflow approve {run}` shows what is asked")),
    }
}

/// Whether an answer is one to this question.
fn answers(approval: &Approval, request: &ApprovalRequest) -> bool {
    approval.step == request.step && approval.fingerprint == request.fingerprint && approval.decision.fits(request.question.kind)
}

/// How long a process that holds the run is given to take an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two looks whether it has.
const LOOK: Duration = Duration::from_millis(100);

/// Who recorded an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The one who gave it: no process held the run.
    ByGiver,
    /// The process that holds the run, which goes on with it.
    ByHolder,
}

/// Records answers to open questions of a run: all of them or none. The first answer to a question counts. A live process that holds the
/// run records them itself.
///
/// # Errors
/// `Locked` when a live process holds the run and does not take them; `Invalid` for an answer to a question that is not open (any more) or one that
/// [`check_answer`] refuses, in which cases none is recorded; those of reading the run and of the store.
pub async fn answer(
    store: &Arc<dyn Store>,
    run: RunId,
    owner: &Owner,
    lease: Duration,
    given: &[(NodePath, u32, Approval)],
) -> Result<Taken> {
    match store.claim(&StreamId::run(run), owner, lease).await {
        Ok(epoch) => record(store, run, epoch, given).await,
        Err(error) if error.kind() == ErrorKind::Locked => hand_over(store, run, owner, lease, given, error).await,
        Err(error) => Err(error),
    }
}

async fn record(store: &Arc<dyn Store>, run: RunId, epoch: u64, given: &[(NodePath, u32, Approval)]) -> Result<Taken> {
    let stream = StreamId::run(run);
    crash_point!("answer.claimed");
    let written = write(store, run, &stream, epoch, given).await;
    crash_point!("answer.recorded");
    let given_back = store.renew(&stream, epoch, Duration::ZERO).await;
    written.and(given_back).map(|()| Taken::ByGiver)
}

/// Leaves the answers for the process that holds the run, and waits until it has taken them, or until it holds the run no more.
async fn hand_over(
    store: &Arc<dyn Store>,
    run: RunId,
    owner: &Owner,
    lease: Duration,
    given: &[(NodePath, u32, Approval)],
    held: Error,
) -> Result<Taken> {
    check_all(run, &read_run(store, run).await?.events, given, Timestamp::now())?;
    let left: Vec<_> = given
        .iter()
        .map(|(node, attempt, approval)| Left { node: node.clone(), attempt: *attempt, approval: approval.clone() })
        .collect();
    Inbox::leave(store, run, &left).await?;
    let until = Instant::now() + PATIENCE;
    loop {
        sleep(LOOK).await;
        let events = read_run(store, run).await?.events;
        if given.iter().all(|answer| is_recorded(&events, answer)) {
            return Ok(Taken::ByHolder);
        }
        let open = open_questions(&events);
        let lost = given.iter().find(|(node, _, approval)| !is_open(&open, node, approval));
        if let Some((node, _, approval)) = lost.filter(|answer| !is_recorded(&events, answer)) {
            Inbox::withdraw(store, run, &left).await?;
            return Err(not_open(run, &events, node, approval));
        }
        if let Ok(epoch) = store.claim(&StreamId::run(run), owner, lease).await {
            Inbox::withdraw(store, run, &left).await?;
            // It may have recorded some with its last breath.
            let events = read_run(store, run).await?.events;
            let rest: Vec<_> = given.iter().filter(|answer| !is_recorded(&events, answer)).cloned().collect();
            return record(store, run, epoch, &rest).await;
        }
        if Instant::now() >= until {
            Inbox::withdraw(store, run, &left).await?;
            return Err(held.hint("the process that holds the run did not take the answer; try again later"));
        }
    }
}

fn is_recorded(events: &[Event], (node, _, approval): &(NodePath, u32, Approval)) -> bool {
    events.iter().rev().any(|event| match &event.body {
        EventBody::ApprovalGiven { node: other, approval: given, .. } => other == node && given == approval,
        _ => false,
    })
}

fn is_open(open: &[OpenQuestion], node: &NodePath, approval: &Approval) -> bool {
    open.iter().any(|question| question.node == *node && answers(approval, &question.request))
}

/// Checks all answers against the questions that are open.
fn check_all(run: RunId, events: &[Event], given: &[(NodePath, u32, Approval)], now: Timestamp) -> Result<()> {
    let open = open_questions(events);
    given.iter().try_for_each(|(node, _, approval)| {
        let question = open.iter().find(|question| question.node == *node && answers(approval, &question.request));
        check_answer(question.ok_or_else(|| not_open(run, events, node, approval))?, approval, now)
    })
}

async fn write(
    store: &Arc<dyn Store>,
    run: RunId,
    stream: &StreamId,
    epoch: u64,
    given: &[(NodePath, u32, Approval)],
) -> Result<()> {
    let recorded = read_run(store, run).await?;
    let now = Timestamp::now();
    check_all(run, &recorded.events, given, now)?;
    let bodies = given.iter().map(|(node, attempt, approval)| EventBody::ApprovalGiven {
        node: node.clone(),
        attempt: *attempt,
        approval: approval.clone(),
    });
    let records = recorded.following(bodies, now)?;
    store.append(stream, epoch, recorded.events.len() as u64, &records).await
}
