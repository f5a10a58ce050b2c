//! An agent of the registry as front ends show it: what its author wrote, what it costs, what was measured, how it stands.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{Measured, Measurements, figures::Figures};
use crate::{
    agent::{AgentControl, ControlEntry},
    app::providers::Prices,
    diagnostic::{Sources, Span},
    model::{AgentMode, AgentName, AgentOverrides, AgentProfile, FallbackModel, ModelRef, Price},
    plan::{Catalog, CatalogEntry},
};

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentReport {
    /// Its name, which is its id.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it can be asked for by capability.
    pub capabilities: Vec<String>,
    /// How it stands.
    pub state: AgentState,
    /// What it is set to, instead of what its author wrote.
    #[serde(skip_serializing_if = "AgentOverrides::is_empty")]
    pub overrides: AgentOverrides,
    /// What people changed of it, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<ControlEntry>,
    /// The model it speaks to.
    pub model: Option<ModelRef>,
    /// The models that stand in when that one fails.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<FallbackModel>,
    /// What it costs.
    pub cost: AgentCost,
    /// What runs with real models have shown.
    pub measured: FiguresReport,
    /// The same by model, when there were several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub measured_by_model: BTreeMap<String, FiguresReport>,
    /// What runs with simulated answers have shown.
    #[serde(skip_serializing_if = "FiguresReport::is_nothing")]
    pub simulated: FiguresReport,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// The most tokens of one answer.
    pub max_tokens: Option<u32>,
    /// The most model calls in one attempt.
    pub max_turns: Option<u32>,
    /// The tools it may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// What its tools may touch at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// How long one model call may take.
    pub timeout_ms: Option<u64>,
    /// How many of its calls may be in flight at once.
    pub max_concurrent: Option<u32>,
    /// The system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Where it is written, `file:line`.
    pub defined_at: String,
    /// Where the agent of the manifest is written that it stands in for, because the workflow has one of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hides: Option<String>,
}

/// How an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// It may be asked.
    Active,
    /// Its model failed too often: calls wait, or go to the models that stand in.
    LeftAlone,
    /// Somebody paused it: it takes no further step.
    Paused,
    /// It goes on with what it has begun, and begins nothing.
    Draining,
    /// Nodes that ask it fail.
    Terminated,
}

impl AgentState {
    /// The state as tables show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::LeftAlone => "left alone",
            Self::Paused => AgentMode::Paused.as_str(),
            Self::Draining => AgentMode::Draining.as_str(),
            Self::Terminated => AgentMode::Terminated.as_str(),
        }
    }
}

/// What an agent costs by the model it speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "price", rename_all = "snake_case")]
pub enum AgentCost {
    /// As the manifest or the price table says, in USD for 1,000 tokens.
    Known {
        /// Read.
        read_usd_per_1k: f64,
        /// Written.
        written_usd_per_1k: f64,
        /// Three in four read, one written: what agents are compared by.
        usd_per_1k: f64,
    },
    /// Nobody says what its model charges. It is not free.
    Unpriced,
    /// A simulated model answers, which nobody is paid for.
    Simulated,
    /// It has no model.
    NoModel,
}

impl AgentCost {
    /// What agents are compared by, as far as it is known.
    #[must_use]
    pub fn usd_per_1k(self) -> Option<f64> {
        match self {
            Self::Known { usd_per_1k, .. } => Some(usd_per_1k),
            Self::Simulated => Some(0.0),
            Self::Unpriced | Self::NoModel => None,
        }
    }
}

/// Figures with what follows from them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct FiguresReport {
    /// Calls of models that were answered.
    pub calls: u64,
    /// How long one took on average.
    pub latency_ms: Option<u64>,
    /// Attempts that came to their end.
    pub attempts: u64,
    /// Of them, attempts that failed.
    pub failed: u64,
    /// The part that did not fail, from 0 to 1.
    pub success_rate: Option<f64>,
}

impl FiguresReport {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Figures> for FiguresReport {
    fn from(figures: Figures) -> Self {
        Self {
            calls: figures.calls,
            latency_ms: figures.latency_ms(),
            attempts: figures.attempts,
            failed: figures.failed,
            success_rate: figures.success_rate(),
        }
    }
}

/// What models cost, each looked up once.
pub(super) struct Costs<'a> {
    prices: Prices<'a>,
    known: HashMap<ModelRef, AgentCost>,
}

impl<'a> Costs<'a> {
    pub(super) fn new(prices: Prices<'a>) -> Self {
        Self { prices, known: HashMap::new() }
    }

    pub(super) fn of(&mut self, model: &ModelRef) -> AgentCost {
        if let Some(cost) = self.known.get(model) {
            return *cost;
        }
        let cost = if self.prices.is_simulated(model) {
            AgentCost::Simulated
        } else {
            self.prices.of(model).map_or(AgentCost::Unpriced, known)
        };
        self.known.insert(model.clone(), cost);
        cost
    }
}

fn known(price: Price) -> AgentCost {
    AgentCost::Known {
        read_usd_per_1k: price.input / 1_000.0,
        written_usd_per_1k: price.output / 1_000.0,
        usd_per_1k: price.per_thousand(),
    }
}

/// The agents of `catalog`, by name. `left_alone` tells whether the breaker of a model is not closed.
pub(super) fn reports(
    catalog: &Catalog,
    sources: &Sources,
    costs: &mut Costs<'_>,
    measurements: &Measurements,
    controls: &BTreeMap<AgentName, AgentControl>,
    left_alone: &dyn Fn(&ModelRef) -> bool,
) -> Vec<AgentReport> {
    let place = |span: Span| {
        let at = sources.position(span);
        format!("{}:{}", at.path.display(), at.line)
    };
    let nothing = Measured::default();
    let mut report = |(name, entry): (&str, &CatalogEntry)| {
        let profile = entry.profile()?;
        let control = controls.get(&profile.name).cloned().unwrap_or_default();
        let model = control.overrides.model.as_ref().or(profile.model.as_ref());
        let cost = model.map_or(AgentCost::NoModel, |model| costs.of(model));
        let is_left_alone = model.is_some_and(left_alone);
        let measured = measurements.agents.get(name).unwrap_or(&nothing);
        let state = match control.state {
            AgentMode::Active if is_left_alone => AgentState::LeftAlone,
            AgentMode::Active => AgentState::Active,
            AgentMode::Paused => AgentState::Paused,
            AgentMode::Draining => AgentState::Draining,
            AgentMode::Terminated => AgentState::Terminated,
        };
        let report = of(profile, (state, cost), measured, place(entry.span()), entry.hides().map(place));
        Some(AgentReport { overrides: control.overrides, history: control.history, ..report })
    };
    catalog.entries().filter_map(&mut report).collect()
}

fn of(
    profile: &AgentProfile,
    (state, cost): (AgentState, AgentCost),
    measured: &Measured,
    defined_at: String,
    hides: Option<String>,
) -> AgentReport {
    let by_model = measured.by_model.iter().filter(|_| measured.by_model.len() > 1);
    AgentReport {
        name: profile.name.to_string(),
        description: profile.description.clone(),
        capabilities: profile.capabilities.clone(),
        state,
        overrides: AgentOverrides::default(),
        history: Vec::new(),
        model: profile.model.clone(),
        fallback: profile.fallback.clone(),
        cost,
        measured: measured.real.into(),
        measured_by_model: by_model.map(|(model, figures)| (model.clone(), FiguresReport::from(*figures))).collect(),
        simulated: measured.simulated.into(),
        temperature: profile.temperature,
        max_tokens: profile.max_tokens,
        max_turns: profile.max_turns,
        tools: profile.tools.iter().map(ToString::to_string).collect(),
        permissions: profile.permissions.as_ref().map(|asked| asked.iter().map(ToString::to_string).collect()),
        timeout_ms: profile.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        max_concurrent: profile.max_concurrent,
        system: profile.system.clone(),
        defined_at,
        hides,
    }
}
