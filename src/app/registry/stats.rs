//! What ended runs have shown of agents, kept: a small document for each run, made the first time somebody asks.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::figures::{AgentFigures, Count};
use crate::{
    engine::EventPages,
    error::{ErrorKind, Result},
    model::{EventBody, RunId, Value},
    store::{Key, Store, Version},
};

/// What the keys of these documents begin with.
const PREFIX: &str = "stats/run/";
/// The version of the format.
const VERSION: u32 = 1;
/// How many documents are read at once.
const PAGE: usize = 200;

/// What a run has shown of its agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunFigures {
    version: u32,
    /// When the run began.
    pub(super) at: Timestamp,
    pub(super) agents: Vec<AgentFigures>,
}

/// The key of the document of `run`.
pub(in crate::app) fn key(run: RunId) -> Key {
    Key::new(format!("{PREFIX}{run}"))
}

/// The documents there are of `oldest` and all later runs, as far as they can be read, with the versions of all.
pub(super) async fn since(store: &Arc<dyn Store>, oldest: RunId) -> Result<HashMap<String, (Version, Option<RunFigures>)>> {
    let mut found = HashMap::new();
    let id = oldest.to_string();
    // A key that sorts just before that of the oldest.
    let mut after = Key::new(format!("{PREFIX}{}", &id[..id.len() - 1]));
    loop {
        let page = store.list(PREFIX, Some(&after), PAGE).await?;
        let is_last = page.len() < PAGE;
        for (key, document) in page {
            let run = key.as_str().trim_start_matches(PREFIX).to_owned();
            found.insert(run, (document.version, read(&document.value)));
            after = key;
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// The ids of `oldest` and all later runs of which figures are kept: they have ended.
pub(in crate::app) async fn ended_since(store: &Arc<dyn Store>, oldest: RunId) -> Result<HashSet<String>> {
    Ok(since(store, oldest).await?.into_keys().collect())
}

/// A document of this version; `None` for one that has to be made anew.
fn read(value: &Value) -> Option<RunFigures> {
    serde_json::from_value::<RunFigures>(value.clone()).ok().filter(|figures| figures.version == VERSION)
}

/// Counts what the log of `run` says, and keeps it in place of version `known` if the run has ended. `budget` is how many events may
/// still be read; `None` when they were not enough, or the log cannot be read.
pub(super) async fn count(store: &Arc<dyn Store>, run: RunId, known: Version, budget: &mut usize) -> Result<Option<RunFigures>> {
    let mut pages = EventPages::new(store, run);
    let (mut count, mut began, mut has_ended) = (Count::default(), None, false);
    loop {
        let page = match pages.next().await {
            Ok(page) => page,
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(None),
            Err(error) => return Err(error),
        };
        if page.is_empty() {
            break;
        }
        if page.len() > *budget {
            *budget = 0;
            return Ok(None);
        }
        *budget -= page.len();
        for (event, _) in &page {
            began.get_or_insert(event.at);
            has_ended = matches!(event.body, EventBody::RunFinished { .. });
            count.take(event);
        }
    }
    let Some(at) = began else { return Ok(None) };
    let figures = RunFigures { version: VERSION, at, agents: count.into_figures() };
    if has_ended && let Ok(value) = serde_json::to_value(&figures) {
        // Another process may have written it, and a store that cannot be written is read all the same.
        drop(store.put(&key(run), known, &value).await);
    }
    Ok(Some(figures))
}
