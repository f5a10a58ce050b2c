//! An eval that can be run: everything read, compiled, checked and found.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use indexmap::IndexMap;

use crate::{
    app::{self, Prepared, Settings, WorkflowSource},
    error::Result,
    eval::{
        scorers::{Facts, Scorer},
        spec::{EvalSpec, VariantSpec},
    },
    manifest::Manifest,
    model::Value,
    plan::Plan,
};

/// An eval that can be run.
#[derive(Debug)]
pub struct Evaluation {
    /// What it does.
    pub spec: EvalSpec,
    /// A digest of the data set.
    pub data_digest: String,
    /// The rows that are run, in order.
    pub rows: Vec<EvalRow>,
    /// What is run over them.
    pub variants: Vec<Variant>,
    /// How outputs are scored.
    pub scorers: Vec<Scorer>,
    /// The agents that judge, by name.
    pub judges: BTreeMap<String, Side>,
    /// Whether answers are simulated.
    pub simulated: bool,
}

/// A row that is run.
#[derive(Debug, Clone)]
pub struct EvalRow {
    /// Its id.
    pub id: String,
    /// Its line in the data set.
    pub line: usize,
    /// A digest of what it says.
    pub digest: String,
    /// What is expected.
    pub expected: Option<Value>,
    /// The inputs of its run, for each variant.
    pub inputs: Vec<IndexMap<String, Value>>,
}

impl EvalRow {
    /// What scorers know of it before its run of a variant.
    #[must_use]
    pub fn facts(&self, variant: usize) -> Facts {
        let none = IndexMap::new();
        Facts::new(&self.id, self.line, self.inputs.get(variant).unwrap_or(&none), self.expected.as_ref())
    }
}

/// A workflow that is run over the rows.
#[derive(Debug)]
pub struct Variant {
    /// What is different in it.
    pub spec: VariantSpec,
    /// What is run.
    pub side: Side,
}

/// A plan, and what it is made ready with.
#[derive(Debug)]
pub struct Side {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its workflow.
    pub source: WorkflowSource,
    /// Its manifest.
    pub manifest: Option<(PathBuf, Manifest)>,
    /// What it was compiled with.
    pub settings: Settings,
}

impl Side {
    /// Finds what the plan needs to run.
    ///
    /// # Errors
    /// As [`app::prepare`].
    fn ready(&self) -> Result<Prepared> {
        let manifest = self.manifest.as_ref().map(|(path, manifest)| (path.as_path(), manifest));
        app::prepare(Plan::clone(&self.plan), &self.source, manifest, &self.settings)
    }
}

/// All that the runs of an eval need.
#[derive(Debug)]
pub struct Ready {
    /// The variants, in their order.
    pub variants: Vec<Prepared>,
    /// The agents that judge, by name.
    pub judges: BTreeMap<String, Prepared>,
}

impl Evaluation {
    /// Finds what the runs need: models with their keys, tools with what is permitted to them.
    ///
    /// # Errors
    /// As [`app::prepare`].
    pub fn ready(&self) -> Result<Ready> {
        Ok(Ready {
            variants: self.variants.iter().map(|variant| variant.side.ready()).collect::<Result<_>>()?,
            judges: self.judges.iter().map(|(agent, side)| Ok((agent.clone(), side.ready()?))).collect::<Result<_>>()?,
        })
    }

    /// How many runs there are, without those of judges.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.rows.len() * self.variants.len() * self.spec.repeats as usize
    }

    /// How many runs of judges there are at most.
    #[must_use]
    pub fn judgments(&self) -> usize {
        self.runs() * self.scorers.iter().filter(|scorer| scorer.judge().is_some()).count()
    }
}
