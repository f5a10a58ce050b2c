//! The document of a run of which somebody wishes something.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{RunId, RunWish, Value},
    store::{Key, Store, Version, Versioned},
};

/// What the keys of these documents begin with; the run's id follows.
pub(super) const RUN_CONTROLS: &str = "control/run/";
/// The version of the format.
const VERSION: u32 = 1;
/// How often a change is tried that others cross.
const TRIES: u32 = 16;

/// What is wished of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunControl {
    version: u32,
    /// What.
    pub wish: RunWish,
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

impl RunControl {
    pub(super) fn of_value(key: &Key, value: &Value) -> Result<Self> {
        serde_json::from_value::<Self>(value.clone()).ok().filter(|control| control.version <= VERSION).ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, format!("document `{key}` cannot be read as what is wished of a run"))
                .hint("use the version of agentflow that wrote it, or a newer one")
        })
    }
}

fn key(run: RunId) -> Key {
    Key::new(format!("{RUN_CONTROLS}{run}"))
}

async fn read(store: &dyn Store, run: RunId) -> Result<Option<(RunControl, Version)>> {
    let key = key(run);
    let Some(Versioned { version, value }) = store.get(&key).await? else { return Ok(None) };
    Ok(Some((RunControl::of_value(&key, &value)?, version)))
}

/// What is wished of `run` at the moment.
///
/// # Errors
/// `Corrupt`; those of the store.
pub async fn run_control(store: &Arc<dyn Store>, run: RunId) -> Result<Option<RunControl>> {
    Ok(read(store.as_ref(), run).await?.map(|(control, _)| control))
}

/// Asks the process that holds `run` to pause it, to go on with it, or to cancel it. On return the wish is durable; the process records
/// it in the run within a second. Returns whether the wish is new; that a run goes on which nobody paused is none.
///
/// # Errors
/// `Invalid` for a run that is to be cancelled; `Corrupt`; those of the store.
pub async fn ask_run(store: &Arc<dyn Store>, run: RunId, wish: RunWish, by: &str) -> Result<bool> {
    for _ in 0..TRIES {
        let (known, version) =
            read(store.as_ref(), run).await?.map_or((None, Version::ABSENT), |(known, version)| (Some(known), version));
        match known.map(|known| known.wish) {
            Some(known) if known == wish => return Ok(false),
            None if wish == RunWish::GoOn => return Ok(false),
            Some(RunWish::Cancel) => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("run `{run}` is to be cancelled, which cannot be taken back"),
                ));
            }
            Some(RunWish::Pause | RunWish::GoOn) | None => {}
        }
        let control = RunControl { version: VERSION, wish, at: Timestamp::now(), by: by.to_owned() };
        let value = serde_json::to_value(control)
            .map_err(|error| Error::new(ErrorKind::Internal, "what is wished of a run is no JSON").source(error))?;
        crash_point!("run-control.in-hand");
        match store.put(&key(run), version, &value).await {
            Ok(_) => {
                crash_point!("run-control.durable");
                return Ok(true);
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("others change what is wished of run `{run}` all the time")).hint("try again"))
}

/// Forgets what is wished of `run`, which has ended.
///
/// # Errors
/// Those of the store.
pub async fn forget_wish(store: &Arc<dyn Store>, run: RunId) -> Result<()> {
    let Some(Versioned { version, .. }) = store.get(&key(run)).await? else { return Ok(()) };
    match store.delete(&key(run), version).await {
        // Who wishes something of it now will find that it has ended.
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::InMemoryStore;

    #[tokio::test]
    async fn a_pause_can_be_taken_back_and_a_cancellation_cannot() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let run = RunId::generate();
        assert!(!ask_run(&store, run, RunWish::GoOn, "ada").await.unwrap(), "nobody paused it");
        assert!(ask_run(&store, run, RunWish::Pause, "ada").await.unwrap());
        assert!(!ask_run(&store, run, RunWish::Pause, "bob").await.unwrap(), "it is wished already");
        assert_eq!(run_control(&store, run).await.unwrap().unwrap().by, "ada");
        assert!(ask_run(&store, run, RunWish::GoOn, "bob").await.unwrap());
        assert!(ask_run(&store, run, RunWish::Cancel, "bob").await.unwrap());
        for wish in [RunWish::Pause, RunWish::GoOn] {
            assert_eq!(ask_run(&store, run, wish, "ada").await.unwrap_err().kind(), ErrorKind::Invalid);
        }
        forget_wish(&store, run).await.unwrap();
        assert_eq!(run_control(&store, run).await.unwrap(), None);
    }
}
