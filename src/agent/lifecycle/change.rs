//! Changes of an agent's document: what two do at once is both done, one after the other.

use std::sync::Arc;

use jiff::Timestamp;

use super::document::{self, AgentControl, ControlEntry};
use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{AgentMode, AgentName, AgentOverrides, AgentSetting},
    store::Store,
};

/// How often a change is tried that others cross.
const TRIES: u32 = 32;

/// What is done to an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentChange {
    /// Whether it may be asked.
    To(AgentMode),
    /// It is set to this, beside what it is set to already.
    Set(AgentOverrides),
    /// One setting, or all of them, are again as its author wrote them.
    Reset(Option<AgentSetting>),
}

impl AgentChange {
    /// The control with the change, and the words for it; `None` when that is how it is already.
    fn made_to(&self, control: &AgentControl) -> Option<(AgentControl, String)> {
        let mut changed = control.clone();
        let words = match self {
            Self::To(mode) => {
                changed.state = *mode;
                match mode {
                    AgentMode::Active => "resumed".to_owned(),
                    AgentMode::Paused | AgentMode::Draining | AgentMode::Terminated => mode.as_str().to_owned(),
                }
            }
            Self::Set(overrides) => {
                changed.overrides = control.overrides.with(overrides);
                overrides.to_string()
            }
            Self::Reset(Some(setting)) => {
                changed.overrides = control.overrides.without(*setting);
                format!("reset {}", setting.as_str())
            }
            Self::Reset(None) => {
                changed.overrides = AgentOverrides::default();
                "reset".to_owned()
            }
        };
        (changed != *control).then_some((changed, words))
    }
}

/// Changes how `agent` is steered, for all runs that have an agent of that name and use this store. On return it is durable; live runs
/// record it within a second. Returns how it is steered now, and whether that is new.
///
/// # Errors
/// `Invalid` for a value that no agent can have; `Corrupt`; those of the store; `Conflict` when others change it without a pause.
pub async fn change_agent(
    store: &Arc<dyn Store>,
    agent: &AgentName,
    change: &AgentChange,
    by: &str,
) -> Result<(AgentControl, bool)> {
    if let AgentChange::Set(overrides) = change {
        overrides.check()?;
    }
    for _ in 0..TRIES {
        let (control, version) = document::read(store.as_ref(), agent).await?;
        let Some((mut changed, words)) = change.made_to(&control) else { return Ok((control, false)) };
        changed.note(ControlEntry { at: Timestamp::now(), by: by.to_owned(), change: words });
        crash_point!("agent-control.in-hand");
        match store.put(&document::key(agent), version, &changed.to_value()?).await {
            Ok(_) => {
                crash_point!("agent-control.durable");
                return Ok((changed, true));
            }
            // Another process was faster: what it did stays.
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("agent `{agent}` is changed by others all the time")).hint("try again"))
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::{agent::lifecycle::agent_controls, store::InMemoryStore};

    fn agent() -> AgentName {
        AgentName::new("writer").unwrap()
    }

    fn heat(temperature: f64) -> AgentChange {
        AgentChange::Set(AgentOverrides { temperature: Some(temperature), ..AgentOverrides::default() })
    }

    #[tokio::test]
    async fn changes_add_up_and_are_told_with_who_made_them() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let places = AgentChange::Set(AgentOverrides { max_concurrent: Some(3), ..AgentOverrides::default() });
        let steps = [AgentChange::To(AgentMode::Paused), heat(0.5), places, AgentChange::Reset(Some(AgentSetting::Temperature))];
        for change in &steps {
            assert!(change_agent(&store, &agent(), change, "ada").await.unwrap().1, "{change:?}");
        }
        let control = agent_controls(&store).await.unwrap().remove(&agent()).unwrap();
        assert_eq!((control.state, control.overrides.to_string().as_str()), (AgentMode::Paused, "max_concurrent=3"));
        let told: Vec<_> = control.history.iter().map(|entry| (entry.by.as_str(), entry.change.as_str())).collect();
        assert_eq!(
            told,
            [("ada", "paused"), ("ada", "temperature=0.5"), ("ada", "max_concurrent=3"), ("ada", "reset temperature")]
        );
    }

    #[tokio::test]
    async fn what_changes_nothing_is_not_noted() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        for change in [AgentChange::To(AgentMode::Active), AgentChange::Reset(None)] {
            assert!(!change_agent(&store, &agent(), &change, "ada").await.unwrap().1);
        }
        assert!(agent_controls(&store).await.unwrap().is_empty());
        let error = change_agent(&store, &agent(), &heat(9.0), "ada").await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, "`temperature` cannot be 9"));
    }

    #[tokio::test]
    async fn what_many_change_at_once_is_all_done_and_the_history_stays_short() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let changes: Vec<_> = (0..30).map(|n| heat(f64::from(n) / 100.0)).collect();
        let name = agent();
        let done = join_all(changes.iter().map(|change| change_agent(&store, &name, change, "many"))).await;
        assert!(done.into_iter().all(|done| done.unwrap().1));
        let (control, version) = document::read(store.as_ref(), &name).await.unwrap();
        assert_eq!((control.history.len(), version.0), (20, 30), "each is written once");
    }
}
