//! An eval that can be run: everything read, compiled, checked and found.

use std::{collections::BTreeMap, sync::Arc};

use indexmap::IndexMap;

use crate::{
    app::Prepared,
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

/// A plan with what it needs to run.
#[derive(Debug)]
pub struct Side {
    /// All of it.
    pub prepared: Prepared,
    /// The manifest, for prices.
    pub manifest: Option<Manifest>,
}

impl Side {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.prepared.plan
    }
}

impl Evaluation {
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
