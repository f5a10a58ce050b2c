//! Runs that have not ended: who holds them, where they stand, what they cost so far.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    app::{
        registry::stats,
        runs::{self, NodeSummary, RunDetail, SpendReport},
        steer::Steered,
    },
    engine::read_run,
    error::{ErrorKind, Result},
    model::{AgentMode, Event, EventBody, NodePath, Owner, RunId},
    store::{Store, is_gone, this_process},
};

/// How many of the newest runs are looked at.
pub const LOOKED_AT: usize = 1_000;

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveRun {
    /// The run.
    pub id: RunId,
    /// Its workflow's name.
    pub workflow: String,
    /// `running`, `waiting`, `paused` or `interrupted`.
    pub state: &'static str,
    /// Since when it is so: since its process took it over, or its last event.
    pub since: Timestamp,
    /// When it was created.
    pub started_at: Timestamp,
    /// The innermost nodes that have begun and not ended.
    pub nodes: Vec<NodePath>,
    /// How many attempts of each agent are under way, when its process is there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<String, usize>,
    /// Agents that may not begin anything in it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub held_agents: BTreeMap<String, AgentMode>,
    /// Who ran it last.
    pub owner: Owner,
    /// Whether that process is still there.
    pub holder: Holder,
    /// What it cost so far.
    #[serde(flatten)]
    pub spend: SpendReport,
}

/// Whether the process that ran a run is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// It is.
    Alive,
    /// It is not.
    Gone,
    /// It is a process of another machine.
    Elsewhere,
}

impl Holder {
    /// What is known of the process `owner`.
    #[must_use]
    pub fn of(owner: &Owner) -> Self {
        if owner.host != this_process().host {
            Self::Elsewhere
        } else if is_gone(owner) {
            Self::Gone
        } else {
            Self::Alive
        }
    }

    /// The word that tables show.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Gone => "gone",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// The runs that have not ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LiveRuns {
    /// The runs, newest first.
    pub runs: Vec<LiveRun>,
    /// How many older runs were not looked at.
    pub older: usize,
    /// Runs whose log is damaged.
    pub damaged: Vec<RunId>,
}

/// The runs among the newest [`LOOKED_AT`] that have not ended. Those that others called as tools are among them only if `called` are
/// wanted.
///
/// # Errors
/// Those of the store.
pub async fn live(store: &Arc<dyn Store>, called: bool) -> Result<LiveRuns> {
    let all = runs::all(store).await?;
    let newest = &all[all.len().saturating_sub(LOOKED_AT)..];
    let mut live = LiveRuns { older: all.len() - newest.len(), ..LiveRuns::default() };
    let Some(oldest) = newest.first() else { return Ok(live) };
    // What figures are kept of has ended.
    let ended = stats::ended_since(store, *oldest).await?;
    for run in newest.iter().rev().filter(|run| !ended.contains(&run.to_string())) {
        match open(store, *run).await {
            Ok(Some(detail)) if called || detail.0.parent.is_none() => live.runs.push(of(detail)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Corrupt => live.damaged.push(*run),
            // Its process ended before it began.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(live)
}

/// The run, if it has not ended, and since when it is as it is.
async fn open(store: &Arc<dyn Store>, run: RunId) -> Result<Option<(RunDetail, Timestamp, Steered)>> {
    if runs::has_ended(store, run).await? {
        return Ok(None);
    }
    let events = read_run(store, run).await?.events;
    Ok(runs::detail(run, &events).filter(|detail| detail.summary.ended_at.is_none()).map(|detail| {
        let since = since(&events, Holder::of(&detail.owner));
        (detail, since, Steered::of(&events))
    }))
}

fn since(events: &[Event], holder: Holder) -> Timestamp {
    let taken_over = |event: &&Event| matches!(event.body, EventBody::RunCreated { .. } | EventBody::RunResumed { .. });
    let decisive = match holder {
        Holder::Alive | Holder::Elsewhere => events.iter().rev().find(taken_over),
        Holder::Gone => events.last(),
    };
    decisive.map_or(Timestamp::MIN, |event| event.at)
}

fn of((detail, since, steered): (RunDetail, Timestamp, Steered)) -> LiveRun {
    let RunDetail { summary, owner, nodes, .. } = detail;
    let under_way: Vec<&NodeSummary> = nodes.iter().filter(|node| matches!(node.status, "running" | "waiting")).collect();
    let encloses = |outer: &NodePath, inner: &NodePath| {
        inner.as_str().strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with(['.', '[', '@', '!']))
    };
    let innermost = under_way
        .iter()
        .filter(|node| !under_way.iter().any(|inner| encloses(&node.node, &inner.node)))
        .map(|node| node.node.clone());
    let holder = Holder::of(&owner);
    let mut agents = BTreeMap::new();
    for agent in
        under_way.iter().filter(|node| node.status == "running" && holder != Holder::Gone).filter_map(|node| node.agent.as_ref())
    {
        *agents.entry(agent.clone()).or_default() += 1;
    }
    LiveRun {
        id: summary.id,
        workflow: summary.workflow,
        state: summary.status,
        since,
        started_at: summary.started_at,
        nodes: innermost.collect(),
        agents,
        held_agents: steered.agents,
        holder,
        owner,
        spend: summary.spend,
    }
}
