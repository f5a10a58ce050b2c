//! Looks at what is wished, for all runs of a process together: one list of the store, however many runs there are.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::warn;

use super::wish::{RUN_CONTROLS, RunControl};
use crate::{
    agent::{AGENT_CONTROLS, AgentControl},
    error::Result,
    model::{AgentName, RunId, RunWish},
    store::{Key, Store, Version, Versioned},
};

/// How often a run looks at what is wished, unless set otherwise.
pub(in crate::engine) const LOOK_EVERY: Duration = Duration::from_millis(400);
/// What the keys of all documents begin with that steer runs.
const CONTROLS: &str = "control/";
/// How many documents are read at once.
const PAGE: usize = 500;

/// Everything that is wished.
#[derive(Debug, Default)]
pub(in crate::engine) struct Wishes {
    /// Of agents, by name.
    pub(in crate::engine) agents: BTreeMap<AgentName, AgentControl>,
    runs: HashMap<RunId, RunControl>,
}

/// The lookout of a process.
#[derive(Debug, Default)]
pub(in crate::engine) struct Lookout {
    /// What was found last. Held while somebody looks, so that others wait for what is found.
    last: tokio::sync::Mutex<Option<Found>>,
    /// The runs of this process that were called as tools, with those that called them.
    callers: Mutex<HashMap<RunId, RunId>>,
}

#[derive(Debug)]
struct Found {
    at: Instant,
    versions: Vec<(Key, Version)>,
    wishes: Arc<Wishes>,
}

/// A run that is known to have been called by another one, until it is dropped.
#[derive(Debug)]
pub(in crate::engine) struct Called {
    lookout: Arc<Lookout>,
    run: RunId,
}

impl Drop for Called {
    fn drop(&mut self) {
        self.lookout.callers.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
    }
}

impl Lookout {
    /// What is wished, as it was found a moment ago at most.
    pub(in crate::engine) async fn look(&self, store: &Arc<dyn Store>) -> Result<Arc<Wishes>> {
        let mut last = self.last.lock().await;
        if let Some(found) = last.as_ref().filter(|found| found.at.elapsed() < LOOK_EVERY / 4) {
            return Ok(Arc::clone(&found.wishes));
        }
        self.look_now(store, &mut last).await
    }

    /// What is wished now.
    pub(in crate::engine) async fn look_again(&self, store: &Arc<dyn Store>) -> Result<Arc<Wishes>> {
        let mut last = self.last.lock().await;
        self.look_now(store, &mut last).await
    }

    async fn look_now(&self, store: &Arc<dyn Store>, last: &mut Option<Found>) -> Result<Arc<Wishes>> {
        let at = Instant::now();
        let mut documents = store.list(CONTROLS, None, PAGE).await?;
        let mut is_last = documents.len() < PAGE;
        while !is_last {
            let page = store.list(CONTROLS, documents.last().map(|(key, _)| key), PAGE).await?;
            is_last = page.len() < PAGE;
            documents.extend(page);
        }
        let known = last.as_ref().filter(|found| {
            let now = documents.iter().map(|(key, document)| (key, document.version));
            found.versions.iter().map(|(key, version)| (key, *version)).eq(now)
        });
        let wishes = match known {
            Some(found) => Arc::clone(&found.wishes),
            None => Arc::new(Wishes::read(&documents)),
        };
        let versions = documents.into_iter().map(|(key, document)| (key, document.version)).collect();
        *last = Some(Found { at, versions, wishes: Arc::clone(&wishes) });
        Ok(wishes)
    }

    /// Notes that `run` was called by `caller`: what holds for the one, holds for the other.
    pub(in crate::engine) fn called(self: &Arc<Self>, run: RunId, caller: RunId) -> Called {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner).insert(run, caller);
        Called { lookout: Arc::clone(self), run }
    }

    /// What is wished of `run`, or of the run that called it, and so on; what is wished of it itself comes first.
    pub(in crate::engine) fn wish_for(&self, wishes: &Wishes, run: RunId) -> Option<RunControl> {
        let callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let line = std::iter::successors(Some(run), |run| callers.get(run).copied());
        let own_first: Vec<_> = line.filter_map(|run| wishes.runs.get(&run)).collect();
        own_first.iter().find(|control| control.wish == RunWish::Cancel).or(own_first.first()).copied().cloned()
    }
}

impl Wishes {
    /// Whether anything is wished of `run` itself.
    pub(in crate::engine) fn has(&self, run: RunId) -> bool {
        self.runs.contains_key(&run)
    }

    /// What cannot be read wishes nothing.
    fn read(documents: &[(Key, Versioned)]) -> Self {
        let mut wishes = Self::default();
        for (key, document) in documents {
            let text = key.as_str();
            let read = if let Some(name) = text.strip_prefix(AGENT_CONTROLS) {
                AgentName::new(name).and_then(|name| Ok((name, AgentControl::of_value(key, &document.value)?))).map(
                    |(name, control)| {
                        wishes.agents.insert(name, control);
                    },
                )
            } else if let Some(run) = text.strip_prefix(RUN_CONTROLS) {
                run.parse().and_then(|run| Ok((run, RunControl::of_value(key, &document.value)?))).map(|(run, control)| {
                    wishes.runs.insert(run, control);
                })
            } else {
                Ok(())
            };
            if let Err(error) = read {
                warn!(%key, %error, "what is wished cannot be read");
            }
        }
        wishes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agent::{AgentChange, change_agent},
        engine::control::ask_run,
        model::{AgentMode, RunWish, Value},
        store::InMemoryStore,
    };

    #[tokio::test(start_paused = true)]
    async fn many_runs_look_once_and_what_is_new_is_seen_after_a_moment() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let lookout = Lookout::default();
        let first = lookout.look(&store).await.unwrap();
        let writer = AgentName::new("writer").unwrap();
        change_agent(&store, &writer, &AgentChange::To(AgentMode::Paused), "ada").await.unwrap();
        assert!(Arc::ptr_eq(&first, &lookout.look(&store).await.unwrap()), "it was looked at just now");
        tokio::time::advance(LOOK_EVERY).await;
        let second = lookout.look(&store).await.unwrap();
        assert_eq!(second.agents[&writer].state, AgentMode::Paused);
        assert!(Arc::ptr_eq(&second, &lookout.look_again(&store).await.unwrap()), "nothing has changed");
    }

    #[tokio::test]
    async fn what_is_wished_of_a_run_holds_for_those_that_it_calls() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let lookout = Arc::new(Lookout::default());
        let [outer, inner, innermost, other] = [(); 4].map(|()| RunId::generate());
        let wish = |wishes: &Wishes, run| lookout.wish_for(wishes, run).map(|control| control.wish);
        let first = lookout.called(inner, outer);
        let second = lookout.called(innermost, inner);
        ask_run(&store, outer, RunWish::Pause, "ada").await.unwrap();
        let wishes = lookout.look_again(&store).await.unwrap();
        assert_eq!([outer, inner, innermost].map(|run| wish(&wishes, run)), [Some(RunWish::Pause); 3]);
        assert_eq!(wish(&wishes, other), None);
        ask_run(&store, inner, RunWish::Cancel, "ada").await.unwrap();
        let wishes = lookout.look_again(&store).await.unwrap();
        assert_eq!([outer, innermost].map(|run| wish(&wishes, run)), [Some(RunWish::Pause), Some(RunWish::Cancel)]);
        drop((first, second));
        assert_eq!(wish(&wishes, innermost), None, "nobody calls it any more");
    }

    #[tokio::test]
    async fn documents_that_make_no_sense_wish_nothing() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        for key in ["control/agent/a", "control/agent/NO NAME", "control/run/none", "control/else"] {
            store.put(&Key::new(key), Version::ABSENT, &Value::from(7)).await.unwrap();
        }
        let wishes = Lookout::default().look(&store).await.unwrap();
        assert!(wishes.agents.is_empty() && wishes.runs.is_empty());
    }
}
