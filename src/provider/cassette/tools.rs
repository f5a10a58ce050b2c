//! A call of a tool: taken from the cassette, or kept in it; and the tools that servers offered.

use std::collections::HashSet;

use super::{
    Cassette,
    deck::Found,
    entry::{Offer, Outcome, at_step},
    key,
    volatile::{Volatile, settle, settle_value},
};
use crate::{
    error::{ErrorRecord, Result},
    model::{Effect, NodePath, RunId, StepId, ToolName, ToolOutcome, ToolPattern, ToolSpec, Value},
};

/// A call of a tool, as a cassette knows it.
#[derive(Debug, Clone, Copy)]
pub struct TapedCall<'a> {
    /// The run that calls.
    pub run: RunId,
    /// The node that calls.
    pub node: &'a NodePath,
    /// As which step of it.
    pub step: StepId,
    /// The tool.
    pub tool: &'a ToolName,
    /// With these arguments.
    pub arguments: &'a Value,
}

/// A result from a cassette.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayedResult {
    /// What came of the call then.
    pub outcome: ToolOutcome,
    /// What was overlooked then, in words.
    pub notes: Vec<String>,
    /// Whether strangers may have written it.
    pub untrusted: bool,
}

impl Cassette {
    /// What the cassette has for this call; `None` when it is to be really made.
    ///
    /// # Errors
    /// `Unrecorded`, with the nearest that was recorded, when it has nothing and nothing may be called.
    pub fn result(&self, call: TapedCall<'_>) -> Result<Option<PlayedResult>> {
        if !self.mode.plays() {
            return Ok(None);
        }
        let mut state = self.state();
        let state = &mut *state;
        let place = state.places.get(&call.run).map_or_else(|| call.node.to_string(), |to| format!("{to} > {}", call.node));
        let mut volatile = Volatile::new(call.run, self.scrub.as_ref(), &state.settled);
        let (key, called) = key::of_call(call.tool, call.arguments, &mut volatile);
        match state.calls.take(&key, &called, &place, at_step(call.step)) {
            Found::Answer(outcome) => {
                state.played += 1;
                Ok(Some(outcome.played(&volatile)))
            }
            missing if self.mode.asks_nobody() => {
                let given = if let Found::UsedUp(count) = missing { Some(count) } else { None };
                state.missed += 1;
                let who = format!("node `{place}`, step {}", call.step);
                let what = format!("call of `{}`", call.tool);
                let same_tool: Vec<_> =
                    state.calls.entries().iter().filter(|entry| entry.asked.tool == called.tool).cloned().collect();
                Err(self.miss(&who, &what, given, &same_tool, &called, &place))
            }
            Found::UsedUp(_) | Found::Nothing => {
                state.missed += 1;
                Ok(None)
            }
        }
    }

    /// Keeps what came of a call.
    pub fn keep_result(&self, call: TapedCall<'_>, outcome: &ToolOutcome, notes: &[String], untrusted: bool) {
        if !self.mode.records() {
            return;
        }
        let mut state = self.state();
        let place = state.place(call.run, call.node);
        let (key, called, kept) = {
            let mut volatile = Volatile::new(call.run, self.scrub.as_ref(), &state.settled);
            let (key, called) = key::of_call(call.tool, call.arguments, &mut volatile);
            (key, called, Outcome::kept(call.step, outcome, notes, untrusted, &mut volatile))
        };
        kept.settle(&mut state.settled);
        state.calls.keep(key, &place, called, kept);
        state.recorded += 1;
        self.save(&mut state);
    }

    /// Notes a tool that a server offers.
    pub fn keep_offer(&self, spec: &ToolSpec, untrusted: bool) {
        if !self.mode.records() {
            return;
        }
        let offer = Offer {
            tool: spec.name.to_string(),
            description: self.scrub.redact(&spec.description).into_owned(),
            parameters: Volatile::value(&spec.parameters, &mut |text| self.scrub.redact(text).into_owned()),
            untrusted,
        };
        let mut state = self.state();
        if state.offers.get(&offer.tool) != Some(&offer) {
            state.offers.insert(offer.tool.clone(), offer);
            state.writing.is_due = true;
        }
    }

    /// The tools of servers that `pattern` means, as they were offered, each with whether strangers may have written its results.
    #[must_use]
    pub fn offers(&self, pattern: &ToolPattern) -> Vec<(ToolSpec, bool)> {
        let state = self.state();
        let spec = |offer: &Offer| {
            let name = ToolName::new(offer.tool.clone()).ok().filter(|name| pattern.covers(name))?;
            let (description, parameters) = (offer.description.clone(), offer.parameters.clone());
            Some((ToolSpec { name, description, parameters, effect: Effect::Pure }, offer.untrusted))
        };
        state.offers.values().filter_map(spec).collect()
    }
}

impl Outcome {
    fn kept(step: StepId, outcome: &ToolOutcome, notes: &[String], untrusted: bool, volatile: &mut Volatile<'_>) -> Self {
        let notes = notes.iter().map(|note| volatile.answered(note)).collect();
        let kept = Self { step: step.to_string(), output: Value::Null, notes, untrusted, told: None, error: None };
        match outcome {
            ToolOutcome::Output(value) => Self { output: Volatile::value(value, &mut |text| volatile.answered(text)), ..kept },
            ToolOutcome::Failed { told, error } => {
                let mut text = |text: &str| volatile.answered(text);
                let error = ErrorRecord {
                    message: text(&error.message),
                    hints: error.hints.iter().map(|hint| text(hint)).collect(),
                    raw_text: error.raw_text.as_deref().map(&mut text),
                    ..error.clone()
                };
                let told = Some(text(told)).filter(|told| *told != error.message);
                Self { told, error: Some(error), ..kept }
            }
        }
    }

    fn played(&self, volatile: &Volatile<'_>) -> PlayedResult {
        let outcome = match &self.error {
            Some(error) => {
                let error = ErrorRecord { message: volatile.played(&error.message), ..error.clone() };
                let told = self.told.as_deref().map_or_else(|| error.message.clone(), |told| volatile.played(told));
                ToolOutcome::Failed { told, error }
            }
            None => ToolOutcome::Output(Volatile::value(&self.output, &mut |text| volatile.played(text))),
        };
        PlayedResult { outcome, notes: self.notes.clone(), untrusted: self.untrusted }
    }

    /// Notes what stays as it is, because it comes from the cassette.
    pub(super) fn settle(&self, settled: &mut HashSet<String>) {
        settle_value(&self.output, settled);
        self.notes.iter().chain(&self.told).for_each(|text| settle(text, settled));
        if let Some(error) = &self.error {
            settle(&error.message, settled);
        }
    }
}
