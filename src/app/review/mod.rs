//! Two versions of a workflow side by side, as somebody needs them who has to agree to the change: what is other in the graph, what
//! may be touched now and could not before, who is asked and called, and what it may cost.

mod permissions;
mod reach;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, path::Path};

use indexmap::IndexMap;
use serde::Serialize;

use crate::{
    app::{
        Settings, WorkflowSource, compile_from,
        estimate::{Calls, Costs, Estimate, estimate},
        project::manifest_choice,
        providers::Prices,
        tools::Wanted,
    },
    diagnostic::Files,
    error::Result,
    model::{AgentName, ModelRef, ToolPattern},
    plan::{ChangeKind, Compiled, ManifestChoice, Plan, PlanDifference},
};

pub use permissions::PermissionChange;

/// All workflows that were compared.
#[derive(Debug, Serialize)]
pub struct Reviews {
    /// Whether nothing is other.
    pub same: bool,
    /// Whether something may be touched that could not be touched before.
    pub widened: bool,
    /// Those that are other, and those that were named; in the order of their names.
    pub workflows: Vec<Review>,
}

/// A workflow in two versions.
#[derive(Debug, Serialize)]
pub struct Review {
    /// Its file.
    pub file: String,
    /// The file of the first version, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_file: Option<String>,
    /// Whether it is new, gone or another; absent when nothing is other.
    pub change: Option<ChangeKind>,
    /// Whether something may be touched that could not be touched before.
    pub widened: bool,
    /// What is to be known about the comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What is other in its graph.
    #[serde(flatten)]
    pub difference: PlanDifference,
    /// What may be touched now and could not before, and the other way round.
    pub permissions: Vec<PermissionChange>,
    /// The agents that are asked.
    pub agents: Roster,
    /// The models that may answer.
    pub models: Roster,
    /// The tools that may be called, as patterns.
    pub tools: Roster,
    /// What the first version may do and cost.
    pub before: Option<Totals>,
    /// What the second one may.
    pub after: Option<Totals>,
    /// The second version, for pictures.
    #[serde(skip)]
    pub plan: Option<Plan>,
}

/// Who or what is new, and who or what is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Roster {
    /// In the second version only.
    pub added: Vec<String>,
    /// In the first version only.
    pub removed: Vec<String>,
}

/// What a version may do and cost in all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Totals {
    /// Model calls.
    pub calls: Calls,
    /// Money.
    pub cost_usd: Costs,
    /// Models whose price is not known; their calls are not in the cost.
    pub unpriced: Vec<String>,
}

impl Reviews {
    /// Those together.
    #[must_use]
    pub fn of(workflows: Vec<Review>) -> Self {
        Self {
            same: workflows.iter().all(|review| review.change.is_none()),
            widened: workflows.iter().any(|review| review.widened),
            workflows,
        }
    }
}

impl Review {
    /// Compares two versions of the workflow in `file`. One that is not there, or is none, has nothing.
    #[must_use]
    pub fn of(file: String, one: Option<Compiled>, other: Option<Compiled>) -> Self {
        let (one, other) = (Version::of(one), Version::of(other));
        let (before, after) = (one.plan.as_ref(), other.plan.as_ref());
        let difference = PlanDifference::between(before, after);
        let permissions = permissions::changes(&one, &other);
        let change = match (before, after) {
            (None, Some(_)) => Some(ChangeKind::Added),
            (Some(_), None) => Some(ChangeKind::Removed),
            _ if difference.is_none() && permissions.is_empty() => None,
            _ => Some(ChangeKind::Changed),
        };
        Self {
            file,
            before_file: None,
            change,
            widened: permissions.iter().any(|change| change.is_wider),
            note: None,
            permissions,
            agents: Roster::of(before, after, |plan| plan.agents_asked().map(AgentName::to_string).collect()),
            models: Roster::of(before, after, |plan| plan.models().map(ModelRef::to_string).collect()),
            tools: Roster::of(before, after, |plan| match Wanted::by(plan) {
                Wanted::Named(patterns) => patterns.iter().map(ToolPattern::to_string).collect(),
                Wanted::All => BTreeSet::new(),
            }),
            before: one.totals(),
            after: other.totals(),
            difference,
            plan: other.plan,
        }
    }
}

impl Roster {
    fn of(one: Option<&Plan>, other: Option<&Plan>, names: fn(&Plan) -> BTreeSet<String>) -> Self {
        let [one, other] = [one, other].map(|plan| plan.map(names).unwrap_or_default());
        Self { added: other.difference(&one).cloned().collect(), removed: one.difference(&other).cloned().collect() }
    }

    /// Whether nobody is new and nobody is gone.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// A version, as far as it could be compiled.
struct Version {
    plan: Option<Plan>,
    manifest: Option<crate::manifest::Manifest>,
}

impl Version {
    fn of(compiled: Option<Compiled>) -> Self {
        let (plan, manifest) = compiled.map(|compiled| (compiled.plan, compiled.manifest)).unwrap_or_default();
        Self { manifest: manifest.filter(|_| plan.is_some()), plan }
    }

    fn totals(&self) -> Option<Totals> {
        let prices = Prices::new(self.manifest.as_ref());
        let Estimate { calls, cost_usd, unpriced, .. } =
            estimate(self.plan.as_ref()?, &IndexMap::new(), &|model| prices.of(model));
        Some(Totals { calls, cost_usd, unpriced })
    }
}

/// Compiles the workflow at `path` of `files`, with the manifest of `settings` if it is among them. Where agents are chosen by what
/// they can do, what was learned of them in runs does not count: both versions are to choose alike.
///
/// # Errors
/// `NotFound` when a manifest was named that is nowhere.
pub fn compile_version(files: &dyn Files, path: &Path, settings: &Settings) -> Result<Compiled> {
    let choice = match settings.manifest.as_deref() {
        Some(named) if files.exists(named) => ManifestChoice::At(named.to_owned()),
        named => match manifest_choice(named)? {
            // It is there now, and was not there then.
            ManifestChoice::At(_) => ManifestChoice::None,
            choice => choice,
        },
    };
    Ok(compile_from(files, &WorkflowSource::File(path.to_owned()), &choice, settings.compile_options(), None))
}
