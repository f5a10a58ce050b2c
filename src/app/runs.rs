//! What the store knows of runs: found by name, listed, shown. Everything is read from their events.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    app::{lost_calls::Attempts, registry::stats, steer::Steered},
    engine::{CalledSpend, Child, OpenQuestion, children_of, forget_wish, open_questions, open_waits, read_run},
    error::{Error, ErrorKind, ErrorRecord, Result},
    model::{ApprovalRequest, Event, EventBody, NodePath, Origin, Owner, Parent, RunId, RunStatus, Seq, Spend, ToolName, Value},
    store::{Store, StreamId, is_gone},
};

/// How many runs are named when a prefix fits several.
const NAMED: usize = 5;

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// Its workflow's name.
    pub workflow: String,
    /// `running`, `waiting`, `paused`, `interrupted`, `succeeded`, `failed` or `cancelled`.
    pub status: &'static str,
    /// When it was created.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// From its creation to its end, or to its last event, in milliseconds.
    pub duration_ms: u64,
    /// What it cost so far.
    #[serde(flatten)]
    pub spend: SpendReport,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRecord>,
}

/// Calls, tokens and money, as JSON shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SpendReport {
    /// Model calls that were answered.
    pub calls: u64,
    /// Of them, calls without a known price.
    pub unpriced_calls: u64,
    /// Of them, calls answered by the mock provider.
    pub simulated_calls: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Money for the priced calls.
    pub cost_usd: f64,
    /// Calls that may have been under way when a process died, and were made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_calls: Option<u64>,
    /// Calls of tools that were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    /// Calls that were answered by a cassette.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed_calls: Option<u64>,
    /// What these cost when they were recorded; it is not in `cost_usd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed_usd: Option<f64>,
}

impl From<Spend> for SpendReport {
    fn from(spend: Spend) -> Self {
        Self {
            calls: spend.calls,
            unpriced_calls: spend.unpriced_calls,
            simulated_calls: spend.simulated_calls,
            input_tokens: spend.input_tokens,
            output_tokens: spend.output_tokens,
            cost_usd: spend.usd,
            lost_calls: Some(spend.lost_calls).filter(|lost| *lost > 0),
            tool_calls: Some(spend.tool_calls).filter(|calls| *calls > 0),
            replayed_calls: Some(spend.replayed_calls).filter(|calls| *calls > 0),
            replayed_usd: Some(spend.replayed_usd).filter(|_| spend.replayed_calls > 0),
        }
    }
}

impl From<SpendReport> for Spend {
    fn from(report: SpendReport) -> Self {
        Self {
            calls: report.calls,
            unpriced_calls: report.unpriced_calls,
            simulated_calls: report.simulated_calls,
            input_tokens: report.input_tokens,
            output_tokens: report.output_tokens,
            usd: report.cost_usd,
            lost_calls: report.lost_calls.unwrap_or_default(),
            tool_calls: report.tool_calls.unwrap_or_default(),
            replayed_calls: report.replayed_calls.unwrap_or_default(),
            replayed_usd: report.replayed_usd.unwrap_or_default(),
        }
    }
}

/// A run with all its nodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDetail {
    /// The run.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// What it was given.
    pub inputs: Value,
    /// Its outputs, when it succeeded.
    pub outputs: Option<Value>,
    /// Who ran it last.
    pub owner: Owner,
    /// The earlier run it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The call that it was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The agents and workflows that it called as tools, each by a run of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub called: Vec<CalledRun>,
    /// Its node instances, in the order in which they began.
    pub nodes: Vec<NodeSummary>,
    /// What people were asked and have not answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<QuestionReport>,
}

/// A question that nobody has answered yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuestionReport {
    /// The node that waits for the answer.
    pub node: NodePath,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// What is asked.
    #[serde(flatten)]
    pub request: ApprovalRequest,
}

impl From<OpenQuestion> for QuestionReport {
    fn from(OpenQuestion { node, attempt, request }: OpenQuestion) -> Self {
        Self { node, attempt, request }
    }
}

/// A run that another one called as a tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalledRun {
    /// The run.
    pub run: RunId,
    /// The tool: `agent:NAME` or `workflow:FILE`.
    pub tool: ToolName,
    /// The node instance that called it.
    pub node: NodePath,
    /// Whether the caller has its result.
    pub returned: bool,
}

impl From<Child> for CalledRun {
    fn from(child: Child) -> Self {
        Self { run: child.run, tool: child.tool, node: child.node, returned: child.has_returned }
    }
}

/// A node instance of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeSummary {
    /// Its path, e.g. `review[3]` or `improve@2.draft`.
    pub node: NodePath,
    /// `running`, `waiting`, `succeeded`, `failed`, `skipped` or `cancelled`.
    pub status: &'static str,
    /// Attempts begun.
    pub attempts: u32,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Why it is that agent, when it was chosen by what it can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// The model that was asked last, `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// From its beginning to its end or its last event, in milliseconds.
    pub duration_ms: u64,
    /// What it cost.
    #[serde(flatten)]
    pub spend: SpendReport,
    /// Why it failed or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The earlier run its output was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<RunId>,
    /// What was overlooked or left out to get its output.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Until when it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Finds a run by its id, a unique beginning of it, or `last`.
///
/// # Errors
/// `NotFound`; `Invalid` when several runs fit; those of the store.
pub async fn find(store: &Arc<dyn Store>, name: &str) -> Result<RunId> {
    let none = |message: String| {
        Error::new(ErrorKind::NotFound, message)
            .hint("`agentflow runs list` shows the runs of this store; `--store URL` names another")
    };
    let last = name == "last";
    let prefix = if last { String::new() } else { name.to_ascii_lowercase() };
    let streams = store.streams(&format!("{}{prefix}", StreamId::RUNS)).await?;
    if last {
        for stream in streams.iter().rev() {
            if !is_called(store, stream).await? {
                return run_of(stream);
            }
        }
    }
    // Ids sort by the time of creation.
    match streams.as_slice() {
        [] if last => Err(none("there is no run yet".to_owned())),
        [] => Err(none(format!("there is no run `{}`", name.escape_default()))),
        [only] => run_of(only),
        [first, ..] if first.as_str().len() == StreamId::RUNS.len() + prefix.len() => run_of(first),
        several => {
            let more = several.len().saturating_sub(NAMED);
            let mut names: Vec<String> = several
                .iter()
                .rev()
                .take(NAMED)
                .map(|stream| stream.as_str().trim_start_matches(StreamId::RUNS).to_owned())
                .collect();
            if more > 0 {
                names.push(format!("{more} more"));
            }
            Err(Error::new(ErrorKind::Invalid, format!("{} runs begin with `{prefix}`", several.len()))
                .hint(format!("give more of the id: {}", names.join(", "))))
        }
    }
}

/// All runs, oldest first.
///
/// # Errors
/// Those of the store.
pub async fn all(store: &Arc<dyn Store>) -> Result<Vec<RunId>> {
    store.streams(StreamId::RUNS).await?.iter().map(run_of).collect()
}

/// Whether a run waits: for an answer, for a time, or with a run that it called.
fn waits(run: RunId, events: &[Event]) -> bool {
    let paused = events.iter().rev().find_map(|event| match event.body {
        EventBody::AttemptPaused { .. } => Some(true),
        EventBody::RunResumed { .. } | EventBody::RunFinished { .. } => Some(false),
        _ => None,
    });
    let with_child = || paused == Some(true) && children_of(run, events).iter().any(|child| !child.has_returned);
    !open_questions(events).is_empty() || !open_waits(events).is_empty() || with_child()
}

/// Whether the last event of a run is its end.
///
/// # Errors
/// Those of the store; `Corrupt` for a log that cannot be read.
pub async fn has_ended(store: &Arc<dyn Store>, run: RunId) -> Result<bool> {
    let ends = read_ends(store, &StreamId::run(run)).await?;
    Ok(ends.is_some_and(|(_, last)| matches!(last.body, EventBody::RunFinished { .. })))
}

/// Whether the store has anything of a run.
///
/// # Errors
/// Those of the store.
pub async fn exists(store: &Arc<dyn Store>, run: RunId) -> Result<bool> {
    Ok(!store.read(&StreamId::run(run), 0, 1).await?.is_empty())
}

/// Removes what is kept of a run besides its log.
///
/// # Errors
/// Those of the store.
pub async fn forget(store: &Arc<dyn Store>, run: RunId) -> Result<()> {
    forget_wish(store, run).await?;
    let key = stats::key(run);
    match store.get(&key).await? {
        Some(document) => store.delete(&key, document.version).await,
        None => Ok(()),
    }
}

/// Whether a run was called as a tool by another one. What cannot be read was not.
async fn is_called(store: &Arc<dyn Store>, stream: &StreamId) -> Result<bool> {
    let first = store.read(stream, 0, 1).await?.pop();
    let body = first.and_then(|record| serde_json::from_str(&record.body).ok());
    Ok(matches!(body, Some(EventBody::RunCreated { parent: Some(_), .. })))
}

/// The newest `limit` runs, newest first; all for 0. Those that others called as tools are among them only if `called` are wanted.
///
/// # Errors
/// Those of the store; `Corrupt` for a log that cannot be read.
pub async fn list(store: &Arc<dyn Store>, limit: usize, called: bool) -> Result<Vec<RunSummary>> {
    let streams = store.streams(StreamId::RUNS).await?;
    let limit = if limit == 0 { streams.len() } else { limit };
    let mut runs = Vec::with_capacity(limit.min(streams.len()));
    for stream in streams.iter().rev() {
        if runs.len() >= limit {
            break;
        }
        if !called && is_called(store, stream).await? {
            continue;
        }
        let run = run_of(stream)?;
        let ends = read_ends(store, stream).await?;
        let summary = match ends {
            Some((first, last)) if matches!(last.body, EventBody::RunFinished { .. }) => summarize(run, [&first, &last], false),
            // A run that has not ended says what it cost only with all its events; one that was never begun has none.
            _ => match read_run(store, run).await {
                Ok(recorded) => summarize(run, &recorded.events, waits(run, &recorded.events)),
                Err(err) if err.kind() == ErrorKind::NotFound => continue,
                Err(err) => return Err(err),
            },
        };
        runs.extend(summary);
    }
    Ok(runs)
}

/// A run with its nodes, from its events.
#[must_use]
pub fn detail(run: RunId, events: &[Event]) -> Option<RunDetail> {
    let questions: Vec<QuestionReport> = open_questions(events).into_iter().map(QuestionReport::from).collect();
    let summary = summarize(run, events, waits(run, events))?;
    let EventBody::RunCreated { inputs, owner, origin, parent, .. } = &events.first()?.body else { return None };
    let mut owner = owner.clone();
    let mut outputs = None;
    for event in events {
        match &event.body {
            EventBody::RunResumed { owner: next, .. } => owner = next.clone(),
            EventBody::RunFinished { status: RunStatus::Succeeded, outputs: given, .. } => {
                outputs = Some(Value::Object(given.clone().into_iter().collect()));
            }
            _ => {}
        }
    }
    let inputs = Value::Object(inputs.clone().into_iter().collect());
    let called = children_of(run, events).into_iter().map(CalledRun::from).collect();
    let (origin, parent) = (origin.clone(), parent.clone());
    Some(RunDetail { summary, inputs, outputs, owner, origin, parent, called, nodes: nodes(events), questions })
}

/// The id of the run whose events are in `stream`.
fn run_of(stream: &StreamId) -> Result<RunId> {
    stream
        .as_str()
        .trim_start_matches(StreamId::RUNS)
        .parse()
        .map_err(|_| Error::new(ErrorKind::Corrupt, format!("the store holds a stream `{stream}`, which is no run")))
}

/// The first and the last event of a stream, found without reading what is between them.
async fn read_ends(store: &Arc<dyn Store>, stream: &StreamId) -> Result<Option<(Event, Event)>> {
    let Some(first) = store.read(stream, 0, 1).await?.pop() else { return Ok(None) };
    // INVARIANT: `low` is there; `high` is not, once it is found.
    let (mut low, mut high): (Seq, Seq) = (0, 1);
    let mut last = first.clone();
    while let Some(record) = store.read(stream, high, 1).await?.pop() {
        last = record;
        low = high;
        high *= 2;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match store.read(stream, middle, 1).await?.pop() {
            Some(record) => {
                last = record;
                low = middle;
            }
            None => high = middle,
        }
    }
    let read = |record: crate::store::Record| {
        let body = serde_json::from_str(&record.body).map_err(|err| {
            Error::new(ErrorKind::Corrupt, format!("record {} of `{stream}` cannot be read", record.seq))
                .source(err)
                .hint("a newer version of agentflow may have written it")
        })?;
        Ok::<_, Error>(Event { seq: record.seq, at: record.at, body })
    };
    Ok(Some((read(first)?, read(last)?)))
}

/// What a list tells of a run, which may be asking people something; `None` unless the first event is its creation.
fn summarize<'a>(run: RunId, events: impl IntoIterator<Item = &'a Event>, asks: bool) -> Option<RunSummary> {
    let mut events = events.into_iter();
    let first = events.next()?;
    let EventBody::RunCreated { workflow, owner, .. } = &first.body else { return None };
    let mut owner = owner;
    let mut spend = Spend::default();
    let (mut end, mut last) = (None, first.at);
    let (mut attempts, mut called) = (Attempts::default(), CalledSpend::default());
    let mut steered = Steered::default();
    for event in events {
        steered.take(event);
        last = event.at;
        spend.lost_calls += attempts.take(event).len() as u64;
        match &event.body {
            EventBody::ModelResponded { response, cost, .. } => spend += Spend::of_call(response.usage, *cost),
            EventBody::ToolCalled { .. } => spend.tool_calls += 1,
            EventBody::ToolReturned { node, result, .. } => spend += called.take(node, result),
            EventBody::RunResumed { owner: next, .. } => owner = next,
            EventBody::RunFinished { status, error, spend: all, .. } => {
                spend = *all;
                end = Some((event.at, *status, error.clone()));
            }
            _ => {}
        }
    }
    let status = match &end {
        Some((_, status, _)) => status.as_str(),
        None if steered.paused_by.is_some() => "paused",
        None if is_gone(owner) && (asks || steered.holding().next().is_some()) => RunStatus::Waiting.as_str(),
        None if is_gone(owner) => "interrupted",
        None => RunStatus::Running.as_str(),
    };
    Some(RunSummary {
        id: run,
        workflow: workflow.clone(),
        status,
        started_at: first.at,
        ended_at: end.as_ref().map(|(at, ..)| *at),
        duration_ms: ms_between(first.at, last),
        spend: spend.into(),
        error: end.and_then(|(_, _, error)| error),
    })
}

fn ms_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

fn nodes(events: &[Event]) -> Vec<NodeSummary> {
    let mut nodes: indexmap::IndexMap<&NodePath, NodeSummary> = indexmap::IndexMap::new();
    let (mut attempts, mut called) = (Attempts::default(), CalledSpend::default());
    for event in events {
        for lost in attempts.take(event) {
            if let Some(node) = nodes.get_mut(lost) {
                node.spend.lost_calls = Some(node.spend.lost_calls.unwrap_or_default() + 1);
            }
        }
        let Some(path) = event.body.node() else { continue };
        let node = nodes.entry(path).or_insert_with(|| NodeSummary {
            node: path.clone(),
            status: "running",
            attempts: 0,
            agent: None,
            chosen: None,
            model: None,
            started_at: event.at,
            duration_ms: 0,
            spend: SpendReport::default(),
            reason: None,
            reused_from: None,
            notes: Vec::new(),
            until: None,
        });
        // A message may be given up long after the node that sent it.
        if !matches!(event.body, EventBody::MessageDead { .. }) {
            node.duration_ms = ms_between(node.started_at, event.at);
            node.until = None;
        }
        match &event.body {
            EventBody::AttemptStarted { attempt, agent, chosen, model, .. } => {
                node.status = "running";
                node.attempts = *attempt;
                node.agent = agent.as_ref().map(ToString::to_string);
                node.chosen.clone_from(chosen);
                node.model = model.clone().or(node.model.take());
            }
            EventBody::ModelResponded { model, response, cost, .. } => {
                let mut spend = Spend::from(node.spend);
                spend += Spend::of_call(response.usage, *cost);
                node.spend = spend.into();
                node.model = Some(model.clone());
            }
            EventBody::ToolCalled { .. } => {
                let mut spend = Spend::from(node.spend);
                spend.tool_calls += 1;
                node.spend = spend.into();
            }
            EventBody::ToolReturned { node: path, result, .. } => {
                let mut spend = Spend::from(node.spend);
                spend += called.take(path, result);
                node.spend = spend.into();
            }
            EventBody::ApprovalRequested { request, .. } => node.reason = Some(request.question.in_words()),
            EventBody::AttemptPaused { until, .. } => {
                node.status = "waiting";
                node.until = *until;
            }
            EventBody::ApprovalGiven { .. } => node.reason = None,
            EventBody::AttemptFailed { error, .. } | EventBody::FallbackTaken { error, .. } => {
                node.status = "waiting";
                node.reason = Some(error.message.clone());
            }
            EventBody::NodeSucceeded { reused, notes, .. } => {
                node.status = "succeeded";
                node.notes.clone_from(notes);
                node.reused_from = reused.as_ref().map(|reused| reused.run);
                node.reason = None;
            }
            EventBody::NodeFailed { error, .. } => {
                node.status = "failed";
                node.reason = Some(error.message.clone());
            }
            EventBody::NodeSkipped { reason, .. } => {
                node.status = "skipped";
                node.reason = Some(reason.clone());
            }
            EventBody::NodeCancelled { .. } => node.status = "cancelled",
            EventBody::IterationStarted { .. }
            | EventBody::ToolDenied { .. }
            | EventBody::CallWaited { .. }
            | EventBody::BreakerChanged { .. }
            | EventBody::MessageSent { .. }
            | EventBody::MessagesTaken { .. }
            | EventBody::MessagesCame { .. }
            | EventBody::MessageDead { .. }
            | EventBody::SubscriptionChanged { .. }
            | EventBody::RunCreated { .. }
            | EventBody::RunResumed { .. }
            | EventBody::RunPaused { .. }
            | EventBody::RunContinued { .. }
            | EventBody::RunCancelRequested { .. }
            | EventBody::AgentPaused { .. }
            | EventBody::AgentResumed { .. }
            | EventBody::AgentDraining { .. }
            | EventBody::AgentTerminated { .. }
            | EventBody::AgentChanged { .. }
            | EventBody::RunFinished { .. } => {}
        }
    }
    nodes.into_values().collect()
}
