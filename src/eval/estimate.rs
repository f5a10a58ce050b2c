//! What an eval may cost before it begins: the sum over its rows, variants, repeats and judges.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::Serialize;

use crate::{
    app::{
        estimate::{Calls, Costs, estimate as estimate_run},
        providers::Prices,
    },
    eval::evaluation::{Evaluation, Side},
    model::Value,
};

/// What an eval may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalEstimate {
    /// Its name.
    pub name: String,
    /// How many rows are run.
    pub rows: usize,
    /// The variants, by name.
    pub variants: Vec<String>,
    /// How often each row is run.
    pub repeats: u32,
    /// Runs of rows.
    pub runs: usize,
    /// Runs of judges at most.
    pub judgments: usize,
    /// All model calls.
    pub calls: Calls,
    /// All money. `most` is what the workflows' own budgets allow all runs together, or `max_cost_usd` with what may be under way when
    /// it is reached; `None` when nothing bounds it.
    pub cost_usd: Costs,
    /// Models whose price is not known; their calls are not in the cost.
    pub unpriced: Vec<String>,
    /// Whether answers are simulated: nothing is paid then.
    pub simulated: bool,
}

/// Estimates all runs of `evaluation`.
#[must_use]
pub fn estimate(evaluation: &Evaluation) -> EvalEstimate {
    let mut sum =
        Sum { least: 0, expected: 0.0, most: 0, costs: Costs { most: Some(0.0), ..Costs::default() }, unpriced: BTreeSet::new() };
    let repeats = evaluation.spec.repeats;
    // The most that one row may cost, with its judges.
    let mut dearest: Option<f64> = Some(0.0);
    let judges = || evaluation.scorers.iter().filter_map(|scorer| evaluation.judges.get(scorer.judge()?.0));
    for row in &evaluation.rows {
        for (variant, inputs) in evaluation.variants.iter().zip(&row.inputs) {
            let mut most = sum.add(&variant.side, inputs, repeats);
            for judge in judges() {
                let of_judge = sum.add(judge, &IndexMap::new(), repeats);
                most = most.zip(of_judge).map(|(run, judge)| run + judge);
            }
            dearest = dearest.zip(most).map(|(dearest, most)| dearest.max(most));
        }
    }
    let runs = evaluation.runs();
    let at_once = f64::from(evaluation.spec.concurrency).min(as_f64(runs));
    let bound = evaluation.spec.max_cost_usd.zip(dearest).map(|(max, dearest)| max + at_once * dearest);
    let most = match (sum.costs.most, bound) {
        (Some(most), Some(bound)) => Some(most.min(bound)),
        (most, bound) => most.or(bound),
    };
    EvalEstimate {
        name: evaluation.spec.name.clone(),
        rows: evaluation.rows.len(),
        variants: evaluation.variants.iter().map(|variant| variant.spec.name.clone()).collect(),
        repeats,
        runs,
        judgments: evaluation.judgments(),
        calls: Calls { least: sum.least, expected: sum.expected, most: sum.most },
        cost_usd: Costs { most, ..sum.costs },
        unpriced: sum.unpriced.into_iter().collect(),
        simulated: evaluation.simulated,
    }
}

struct Sum {
    least: u64,
    expected: f64,
    most: u64,
    costs: Costs,
    unpriced: BTreeSet<String>,
}

impl Sum {
    /// Adds `times` runs of a plan; returns the most that one of them may cost.
    fn add(&mut self, side: &Side, inputs: &IndexMap<String, Value>, times: u32) -> Option<f64> {
        let prices = Prices::new(side.manifest.as_ref().map(|(_, manifest)| manifest));
        let one = estimate_run(&side.plan, inputs, &|model| prices.of(model));
        let many = f64::from(times);
        self.least = self.least.saturating_add(one.calls.least.saturating_mul(u64::from(times)));
        self.expected += one.calls.expected * many;
        self.most = self.most.saturating_add(one.calls.most.saturating_mul(u64::from(times)));
        self.costs.least += one.cost_usd.least * many;
        self.costs.expected += one.cost_usd.expected * many;
        self.costs.most = self.costs.most.zip(one.cost_usd.most).map(|(sum, most)| sum + most * many);
        self.unpriced.extend(one.unpriced);
        one.cost_usd.most
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of runs are far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
