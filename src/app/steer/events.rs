//! How a run and its agents are steered, as the run's events tell.

use std::collections::BTreeMap;

use crate::model::{AgentMode, Event, EventBody};

/// How a run is steered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steered {
    /// Who paused it, if it is paused.
    pub paused_by: Option<String>,
    /// Agents that may not begin anything, by name.
    pub agents: BTreeMap<String, AgentMode>,
}

impl Steered {
    /// As these events tell, which begin with the first.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut steered = Self::default();
        events.into_iter().for_each(|event| steered.take(event));
        steered
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        if let Some((agent, mode, _)) = event.body.agent_mode() {
            match mode {
                AgentMode::Active => drop(self.agents.remove(agent.as_str())),
                AgentMode::Paused | AgentMode::Draining | AgentMode::Terminated => {
                    self.agents.insert(agent.to_string(), mode);
                }
            }
            return;
        }
        match &event.body {
            EventBody::RunPaused { by } => self.paused_by = Some(by.clone()),
            EventBody::RunContinued { .. } => self.paused_by = None,
            EventBody::RunFinished { .. } => *self = Self::default(),
            _ => {}
        }
    }

    /// The agents whose nodes wait until somebody lets them go on.
    pub fn holding(&self) -> impl Iterator<Item = (&str, AgentMode)> {
        let holds = |mode: &AgentMode| matches!(mode, AgentMode::Paused | AgentMode::Draining);
        self.agents.iter().filter(move |(_, mode)| holds(mode)).map(|(agent, mode)| (agent.as_str(), *mode))
    }

    /// What holds nodes of the run, for a table: `paused`, or `writer paused, critic draining`; empty when nothing does.
    #[must_use]
    pub fn in_words(&self) -> String {
        if self.paused_by.is_some() {
            return "paused".to_owned();
        }
        self.agents.iter().map(|(agent, mode)| format!("{agent} {}", mode.as_str())).collect::<Vec<_>>().join(", ")
    }
}
