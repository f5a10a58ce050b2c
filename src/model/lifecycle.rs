//! How agents and runs are steered while runs go on: whether an agent may be asked, what it is set to for now, what is wished of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind},
    model::ModelRef,
};

/// Whether an agent may be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentMode {
    /// It may.
    #[default]
    Active,
    /// It takes no further step, in any run, until it may again.
    Paused,
    /// What it has begun goes to its end, and it begins nothing.
    Draining,
    /// Nodes that ask it fail.
    Terminated,
}

impl AgentMode {
    /// The mode as written in files, tables and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Terminated => "terminated",
        }
    }
}

/// What an agent is set to instead of what its author wrote. Nothing here permits anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentOverrides {
    /// The model that it speaks to; those that stand in for it stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// Sampling temperature, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How many of its calls may be in flight at once, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
}

/// One thing that an agent can be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentSetting {
    /// The model that it speaks to.
    Model,
    /// Sampling temperature.
    Temperature,
    /// How many of its calls may be in flight at once.
    MaxConcurrent,
}

impl AgentSetting {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Model, Self::Temperature, Self::MaxConcurrent];

    /// The setting as written on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Temperature => "temperature",
            Self::MaxConcurrent => "max_concurrent",
        }
    }
}

impl AgentOverrides {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same with what `other` sets.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            model: other.model.clone().or_else(|| self.model.clone()),
            temperature: other.temperature.or(self.temperature),
            max_concurrent: other.max_concurrent.or(self.max_concurrent),
        }
    }

    /// The same without one setting.
    #[must_use]
    pub fn without(&self, setting: AgentSetting) -> Self {
        let mut left = self.clone();
        match setting {
            AgentSetting::Model => left.model = None,
            AgentSetting::Temperature => left.temperature = None,
            AgentSetting::MaxConcurrent => left.max_concurrent = None,
        }
        left
    }

    /// Says what cannot be set.
    ///
    /// # Errors
    /// `Invalid`, naming the value and what it may be. Whether there is such a model is not known here.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(temperature) = self.temperature.filter(|value| !(0.0..=2.0).contains(value)) {
            return Err(Error::new(ErrorKind::Invalid, format!("`temperature` cannot be {temperature}"))
                .hint("write a number from 0 to 2"));
        }
        if self.max_concurrent == Some(0) {
            return Err(Error::new(ErrorKind::Invalid, "`max_concurrent` cannot be 0")
                .hint("write 1 or more; `agentflow agents pause` holds an agent"));
        }
        Ok(())
    }
}

/// `model=openai/gpt-5-mini temperature=0.2`; empty when nothing is set.
impl fmt::Display for AgentOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.model.as_ref().map(|model| format!("model={model}"));
        let temperature = self.temperature.map(|temperature| format!("temperature={temperature}"));
        let places = self.max_concurrent.map(|places| format!("max_concurrent={places}"));
        let set: Vec<String> = [model, temperature, places].into_iter().flatten().collect();
        f.write_str(&set.join(" "))
    }
}

/// What somebody wishes of a run that another process makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunWish {
    /// It begins nothing, and its process ends when what is in flight has ended. It can be gone on with.
    Pause,
    /// It goes on, after a pause.
    GoOn,
    /// It ends now, for good.
    Cancel,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_later_wins_and_what_is_taken_away_is_gone() {
        let first = AgentOverrides { temperature: Some(0.5), max_concurrent: Some(2), ..AgentOverrides::default() };
        let second = AgentOverrides { temperature: Some(1.0), model: "lab/small".parse().ok(), ..AgentOverrides::default() };
        let both = first.with(&second);
        assert_eq!(both.to_string(), "model=lab/small temperature=1 max_concurrent=2");
        let left = AgentSetting::ALL.into_iter().fold(both, |left, setting| left.without(setting));
        assert!(left.is_empty());
    }

    #[test]
    fn what_no_agent_can_have_is_refused() {
        for temperature in [-0.1, 2.1, f64::NAN, f64::INFINITY] {
            let error = AgentOverrides { temperature: Some(temperature), ..AgentOverrides::default() }.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{temperature}");
        }
        assert!(AgentOverrides { max_concurrent: Some(0), ..AgentOverrides::default() }.check().is_err());
        assert!(AgentOverrides { temperature: Some(2.0), max_concurrent: Some(1), ..AgentOverrides::default() }.check().is_ok());
    }
}
