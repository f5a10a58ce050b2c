//! What recorded runs show of agents, over a window: the newest runs of the last days. Simulated answers are counted apart.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{figures::Figures, stats};
use crate::{
    app::runs,
    error::Result,
    store::{Store, Version},
};

/// How many runs are looked at, at most.
pub const MOST_RUNS: usize = 200;
/// How old they are, at most, in days.
pub const MOST_DAYS: i64 = 30;
/// How many events are read for one answer, at most: the rest is read for the next one.
const MOST_EVENTS: usize = 100_000;

/// What was measured of an agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measured {
    /// With real models.
    pub real: Figures,
    /// The same by `provider/model`.
    pub by_model: BTreeMap<String, Figures>,
    /// With simulated answers.
    pub simulated: Figures,
}

/// Over what it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// How many runs were looked at.
    pub runs: usize,
    /// When the oldest of them began.
    pub since: Option<Timestamp>,
    /// How many runs are looked at, at most.
    pub most_runs: usize,
    /// How old they are, at most, in days.
    pub most_days: i64,
    /// Runs of the window that are not counted: their logs are damaged, or have yet to be read.
    pub not_counted: usize,
}

/// The usual bounds, and nothing looked at.
impl Default for Window {
    fn default() -> Self {
        Self { runs: 0, since: None, most_runs: MOST_RUNS, most_days: MOST_DAYS, not_counted: 0 }
    }
}

/// What was measured of all agents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measurements {
    /// By agent name.
    pub agents: BTreeMap<String, Measured>,
    /// Over what.
    pub window: Window,
}

/// Measures what the runs of the store show, seen from `now`.
///
/// # Errors
/// Those of the store.
pub async fn measure(store: &Arc<dyn Store>, now: Timestamp) -> Result<Measurements> {
    let mut measured = Measurements::default();
    let all = runs::all(store).await?;
    let newest = &all[all.len().saturating_sub(MOST_RUNS)..];
    let Some(oldest) = newest.first() else { return Ok(measured) };
    let mut known = stats::since(store, *oldest).await?;
    let begin = now.checked_sub(SignedDuration::from_hours(24 * MOST_DAYS)).unwrap_or(Timestamp::MIN);
    let mut budget = MOST_EVENTS;
    for run in newest.iter().rev() {
        let figures = match known.remove(&run.to_string()) {
            Some((_, Some(figures))) => Some(figures),
            Some((version, None)) => stats::count(store, *run, version, &mut budget).await?,
            None => stats::count(store, *run, Version::ABSENT, &mut budget).await?,
        };
        let Some(figures) = figures else {
            measured.window.not_counted += 1;
            continue;
        };
        // Ids sort by time: all that come now are older.
        if figures.at < begin {
            break;
        }
        measured.window.runs += 1;
        measured.window.since = Some(measured.window.since.map_or(figures.at, |since| since.min(figures.at)));
        for agent in figures.agents {
            let of = measured.agents.entry(agent.agent).or_default();
            if agent.simulated {
                of.simulated.add(&agent.figures);
                continue;
            }
            of.real.add(&agent.figures);
            if let Some(model) = agent.model {
                of.by_model.entry(model).or_default().add(&agent.figures);
            }
        }
    }
    Ok(measured)
}
