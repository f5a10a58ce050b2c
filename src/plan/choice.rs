//! Which of the agents that can do the same is taken: fits all capabilities, then not terminated, then not paused and
//! not draining, then its model not left alone, then cost,
//! then latency, then name. What is known of them comes from outside; the same knowledge gives the same choice.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    model::{AgentMode, AgentProfile, ModelRef},
    plan::{Catalog, CompileOptions},
};

/// How many agents a reason names.
const NAMED: usize = 5;

/// What is known of agents and models when one of several is chosen. What is not here is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standings {
    /// By agent name.
    pub agents: BTreeMap<String, AgentStanding>,
    /// By model.
    pub models: HashMap<ModelRef, ModelStanding>,
}

/// What is known of an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentStanding {
    /// Whether it may be asked, as people have said.
    pub mode: AgentMode,
    /// How long its calls took on average, when that was measured.
    pub latency: Option<Duration>,
}

/// What is known of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ModelStanding {
    /// Whether its circuit breaker is not closed.
    pub is_left_alone: bool,
    /// USD for 1,000 tokens, when that is known; see [`crate::model::Price::per_thousand`].
    pub usd_per_1k: Option<f64>,
}

/// A choice that was made: kept with the run, so that a resume makes the same, whatever was measured since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The file of the workflow that asks.
    pub workflow: String,
    /// For an agent with all of these.
    pub capabilities: Vec<String>,
    /// Who was chosen.
    pub agent: String,
    /// Why, for people.
    pub why: String,
    /// All that fit, with their models, best first. Not known of a choice that was taken over from an earlier time.
    #[serde(skip)]
    pub among: Vec<(String, Option<ModelRef>)>,
}

/// An agent that fits, with what its place depends on.
struct Candidate<'a> {
    name: &'a str,
    profile: &'a AgentProfile,
    model: Option<&'a ModelRef>,
    mode: AgentMode,
    is_left_alone: bool,
    usd_per_1k: Option<f64>,
    latency: Option<Duration>,
}

/// What sets two candidates apart.
enum Difference {
    Terminated,
    Paused,
    LeftAlone,
    Cost,
    Latency,
    Name,
}

impl Catalog {
    /// The agents that have all of `wanted`, the one that is chosen first. Without `wanted`, all agents.
    #[must_use]
    pub fn ranked<'a>(&'a self, wanted: &[&str], options: &'a CompileOptions) -> Vec<&'a AgentProfile> {
        self.candidates(wanted, options).into_iter().map(|candidate| candidate.profile).collect()
    }

    /// The agent that is chosen for `wanted` in `workflow`; `None` when nobody has all of it.
    #[must_use]
    pub fn choose(&self, workflow: &str, wanted: &[&str], options: &CompileOptions) -> Option<Choice> {
        let candidates = self.candidates(wanted, options);
        let first = candidates.first()?;
        Some(Choice {
            workflow: workflow.to_owned(),
            capabilities: wanted.iter().map(|&capability| capability.to_owned()).collect(),
            agent: first.name.to_owned(),
            why: reason(&candidates, wanted),
            among: candidates.iter().map(|candidate| (candidate.name.to_owned(), candidate.model.cloned())).collect(),
        })
    }

    /// Whether the agent called `name` has all of `wanted`.
    pub(super) fn has_all(&self, name: &str, wanted: &[&str]) -> bool {
        self.get(name).and_then(|entry| entry.profile()).is_some_and(|profile| has_all(profile, wanted))
    }

    fn candidates<'a>(&'a self, wanted: &[&str], options: &'a CompileOptions) -> Vec<Candidate<'a>> {
        let CompileOptions { standings, model_overrides, .. } = options;
        let fitting = self.entries().filter_map(|(name, entry)| {
            let profile = entry.profile().filter(|profile| has_all(profile, wanted))?;
            let agent = standings.agents.get(name).copied().unwrap_or_default();
            let asked = model_overrides.get(name).or(profile.model.as_ref());
            let model = asked.and_then(|model| standings.models.get(model)).copied().unwrap_or_default();
            Some(Candidate {
                name,
                profile,
                model: asked,
                mode: agent.mode,
                is_left_alone: model.is_left_alone,
                usd_per_1k: model.usd_per_1k,
                latency: agent.latency,
            })
        });
        let mut candidates: Vec<_> = fitting.collect();
        candidates.sort_by(|one, other| compare(one, other).0);
        candidates
    }
}

fn has_all(profile: &AgentProfile, wanted: &[&str]) -> bool {
    wanted.iter().all(|capability| profile.capabilities.iter().any(|has| has == capability))
}

/// Who of two is taken, and by what.
fn compare(one: &Candidate<'_>, other: &Candidate<'_>) -> (Ordering, Difference) {
    let is_terminated = |candidate: &Candidate<'_>| candidate.mode == AgentMode::Terminated;
    let is_held = |candidate: &Candidate<'_>| matches!(candidate.mode, AgentMode::Paused | AgentMode::Draining);
    let terminated = is_terminated(one).cmp(&is_terminated(other));
    let paused = is_held(one).cmp(&is_held(other));
    let left_alone = one.is_left_alone.cmp(&other.is_left_alone);
    let cost = known_first(one.usd_per_1k, other.usd_per_1k, f64::total_cmp);
    let latency = known_first(one.latency, other.latency, Duration::cmp);
    let decided = [
        (terminated, Difference::Terminated),
        (paused, Difference::Paused),
        (left_alone, Difference::LeftAlone),
        (cost, Difference::Cost),
        (latency, Difference::Latency),
    ];
    let decisive = decided.into_iter().find(|(order, _)| order.is_ne());
    decisive.unwrap_or_else(|| (one.name.cmp(other.name), Difference::Name))
}

/// What is known comes before what is not.
fn known_first<T>(one: Option<T>, other: Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => compare(&one, &other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}

/// Why the first of `candidates` is taken, in words: by what it is set apart from the second.
fn reason(candidates: &[Candidate<'_>], wanted: &[&str]) -> String {
    let asked = wanted.iter().map(|capability| format!("`{capability}`")).collect::<Vec<_>>().join(" and ");
    let [first, second, ..] = candidates else { return format!("the only agent with {asked}") };
    let how = match (compare(first, second).1, first.usd_per_1k, first.latency) {
        (Difference::Terminated, ..) => "the best that is not terminated",
        (Difference::Paused, ..) => "the best that is not paused",
        (Difference::LeftAlone, ..) => "the best whose model is not left alone",
        (Difference::Cost, Some(usd), _) => &format!("the cheapest (${usd:.6} for 1,000 tokens)"),
        (Difference::Latency, _, Some(latency)) => {
            let cost = if first.usd_per_1k.is_some() { " of the cheapest" } else { "" };
            &format!("the fastest{cost} ({} ms a call)", latency.as_millis())
        }
        (Difference::Cost | Difference::Latency | Difference::Name, ..) => "the first by name",
    };
    let mut names: Vec<String> = candidates.iter().take(NAMED).map(|candidate| format!("`{}`", candidate.name)).collect();
    if candidates.len() > NAMED {
        names.push(format!("{} more", candidates.len() - NAMED));
    }
    format!("{how} of {} agents with {asked}: {}", candidates.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diagnostic::Sources, diagnostic::StoredFiles, manifest::read_manifest, model::StoredSource, plan::catalog};

    /// Agents that all can `work`, each with a model of its own name.
    fn agents(names: &[&str]) -> Catalog {
        let texts = names.iter().map(|name| format!("[agents.{name}]\ncapabilities = [\"work\"]\nmodel = \"mock/{name}\"\n"));
        let source = StoredSource { path: "agents.toml".to_owned(), text: texts.collect() };
        let (files, mut sources, mut problems) = (StoredFiles::new(vec![source]), Sources::default(), Vec::new());
        let manifest = read_manifest("agents.toml".as_ref(), &files, &mut sources, &mut problems).unwrap();
        let catalog = catalog(&manifest, &files, &mut sources, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        catalog
    }

    /// Paused, left alone, USD for 1,000 tokens, milliseconds.
    type Facts = (bool, bool, Option<f64>, Option<u64>);

    fn options(facts: &[(&str, Facts)]) -> CompileOptions {
        let mut standings = Standings::default();
        for (name, (is_paused, is_left_alone, usd_per_1k, ms)) in facts {
            let mode = if *is_paused { AgentMode::Paused } else { AgentMode::Active };
            let agent = AgentStanding { mode, latency: ms.map(Duration::from_millis) };
            standings.agents.insert((*name).to_owned(), agent);
            let model = ModelStanding { is_left_alone: *is_left_alone, usd_per_1k: *usd_per_1k };
            standings.models.insert(format!("mock/{name}").parse().unwrap(), model);
        }
        CompileOptions { standings, ..CompileOptions::default() }
    }

    #[track_caller]
    fn check(facts: &[(&str, Facts)], order: &[&str], why: &str) {
        let names: Vec<_> = facts.iter().map(|(name, _)| *name).collect();
        let (catalog, options) = (agents(&names), options(facts));
        let ranked: Vec<_> = catalog.ranked(&["work"], &options).iter().map(|agent| agent.name.as_str()).collect();
        let choice = catalog.choose("flow.yaml", &["work"], &options).unwrap();
        assert_eq!((&ranked[..], choice.agent.as_str()), (order, order[0]));
        assert!(choice.why.starts_with(why), "{}", choice.why);
    }

    #[test]
    fn each_criterion_counts_when_those_before_it_are_equal() {
        check(&[("b", (false, false, None, None)), ("a", (false, false, None, None))], &["a", "b"], "the first by name of 2");
        check(
            &[("a", (false, false, Some(0.1), Some(900))), ("b", (false, false, Some(0.1), Some(300)))],
            &["b", "a"],
            "the fastest of the cheapest (300 ms a call) of 2",
        );
        check(
            &[("a", (false, false, Some(0.2), Some(1))), ("b", (false, false, Some(0.1), Some(9)))],
            &["b", "a"],
            "the cheapest ($0.100000 for 1,000 tokens) of 2",
        );
        check(
            &[("a", (false, true, Some(0.1), None)), ("b", (false, false, Some(0.2), None))],
            &["b", "a"],
            "the best whose model is not left alone of 2",
        );
        check(
            &[("a", (true, false, Some(0.1), None)), ("b", (false, true, Some(0.2), None))],
            &["b", "a"],
            "the best that is not paused of 2",
        );
    }

    #[test]
    fn what_is_not_known_comes_last() {
        check(
            &[
                ("a", (false, false, None, Some(1))),
                ("b", (false, false, Some(9.0), None)),
                ("c", (false, false, Some(9.0), Some(5))),
            ],
            &["c", "b", "a"],
            "the fastest of the cheapest (5 ms a call) of 3 agents with `work`: `c`, `b`, `a`",
        );
    }

    #[test]
    fn a_reason_names_a_few_of_many() {
        let names: Vec<String> = (0..1_000).map(|n| format!("a{n:03}")).collect();
        let catalog = agents(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let choice = catalog.choose("flow.yaml", &["work"], &CompileOptions::default()).unwrap();
        assert_eq!((choice.agent.as_str(), choice.among.len()), ("a000", 1_000));
        assert!(choice.why.ends_with("`a003`, `a004`, 995 more"), "{}", choice.why);
        assert!(catalog.choose("flow.yaml", &["work", "play"], &CompileOptions::default()).is_none());
    }
}
