//! From single runs to figures. Repeats of a row are averaged first, and what failed is never left out.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::{Baseline, EvalReport, FORMAT, Latency, RowResult, ScorerReport, VariantReport};
use crate::{
    eval::{
        compare::{Comparison, RowScore, compare},
        evaluation::{Evaluation, Variant},
        figures::{interval_of_scores, mean, percentile, wilson},
        runner::Ended,
        scorers::Scorer,
    },
    model::{RunId, Spend},
};

/// The report of an eval that has ended; it is held against `baseline`, too.
#[must_use]
pub fn report(
    evaluation: &Evaluation,
    id: RunId,
    started_at: Timestamp,
    ended: Ended,
    baseline: Option<&Baseline>,
) -> EvalReport {
    let spec = &evaluation.spec;
    let variants = evaluation.variants.iter().map(|variant| figures(evaluation, variant, &ended.results)).collect();
    EvalReport {
        format: FORMAT,
        id,
        name: spec.name.clone(),
        description: spec.description.clone(),
        started_at,
        agentflow: env!("CARGO_PKG_VERSION"),
        simulated: evaluation.simulated,
        complete: ended.is_complete,
        data: spec.data.display().to_string(),
        data_digest: evaluation.data_digest.clone(),
        rows: evaluation.rows.len(),
        repeats: spec.repeats,
        seed: spec.seed,
        variants,
        comparisons: comparisons(evaluation, &ended.results, baseline),
        results: ended.results,
    }
}

fn figures(evaluation: &Evaluation, variant: &Variant, results: &[RowResult]) -> VariantReport {
    let own: Vec<&RowResult> = results.iter().filter(|result| result.variant == variant.spec.name).collect();
    let (mut spend, mut judge_spend) = (Spend::default(), Spend::default());
    for result in &own {
        spend += result.spend.into();
        judge_spend += result.judge_spend.into();
    }
    let per_run = |value: f64| (!own.is_empty()).then(|| value / as_f64(own.len()));
    let is_priced = spend.calls > 0 && spend.unpriced_calls == 0 && spend.simulated_calls == 0;
    let times: Vec<u64> = own.iter().filter_map(|result| result.duration_ms).collect();
    let text = |path: &std::path::Path| path.display().to_string();
    VariantReport {
        name: variant.spec.name.clone(),
        workflow: text(&variant.spec.workflow),
        models: variant.spec.models.iter().map(|(agent, model)| (agent.clone(), model.to_string())).collect(),
        files: variant.spec.files.iter().map(|(file, other)| (text(file), text(other))).collect(),
        rows: by_row(&own, |_| 0.0).len(),
        runs: own.len(),
        failed_runs: own.iter().filter(|result| result.outputs.is_none()).count(),
        scorers: evaluation
            .scorers
            .iter()
            .zip(&evaluation.spec.scorers)
            .map(|(scorer, spec)| of_scorer(evaluation, scorer, spec.kind.word(), &own))
            .collect(),
        spend: spend.into(),
        judge_spend: judge_spend.into(),
        cost_per_run_usd: per_run(spend.usd).filter(|_| is_priced),
        tokens_per_run: per_run(as_f64(usize::try_from(spend.tokens()).unwrap_or(usize::MAX))),
        latency: Latency { runs: times.len(), p50_ms: percentile(&times, 0.5), p95_ms: percentile(&times, 0.95) },
    }
}

fn of_scorer(evaluation: &Evaluation, scorer: &Scorer, kind: &'static str, own: &[&RowResult]) -> ScorerReport {
    let of = |result: &RowResult| result.scores.get(&scorer.name).cloned();
    let row_scores: Vec<f64> = by_row(own, |result| of(result).map_or(0.0, |score| score.score)).into_values().collect();
    let passed: Vec<f64> =
        by_row(own, |result| f64::from(u8::from(of(result).is_some_and(|score| score.passed)))).into_values().collect();
    let pass_rate = mean(&passed);
    ScorerReport {
        name: scorer.name.clone(),
        kind,
        pass: scorer.pass,
        mean: mean(&row_scores),
        mean_interval: interval_of_scores(&row_scores, evaluation.spec.seed),
        pass_rate,
        pass_interval: pass_rate.and_then(|rate| wilson(rate, passed.len())),
        failed: own.iter().filter(|result| of(result).is_some_and(|score| score.failed)).count(),
        fail_under: scorer.fail_under.or(evaluation.spec.fail_under),
    }
}

/// The mean of a value over the repeats of each row, by row.
fn by_row<'a>(results: &[&'a RowResult], value: impl Fn(&RowResult) -> f64) -> IndexMap<&'a str, f64> {
    let mut rows: IndexMap<&str, Vec<f64>> = IndexMap::new();
    for result in results {
        rows.entry(&result.row).or_default().push(value(result));
    }
    rows.into_iter().filter_map(|(row, values)| Some((row, mean(&values)?))).collect()
}

/// Every other variant against the first one, and each against what a baseline has of it.
fn comparisons(evaluation: &Evaluation, results: &[RowResult], baseline: Option<&Baseline>) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    let seed = evaluation.spec.seed;
    for scorer in &evaluation.scorers {
        let side = |variant: &Variant| side(results, &variant.spec.name, &scorer.name);
        if let [first, others @ ..] = evaluation.variants.as_slice() {
            let before = side(first);
            for other in others {
                let (from, to) = ((first.spec.name.as_str(), &before), (other.spec.name.as_str(), &side(other)));
                comparisons.push(compare(&scorer.name, from, to, seed));
            }
        }
        for variant in &evaluation.variants {
            if let Some((name, before)) = baseline.and_then(|baseline| baseline.side(&variant.spec.name, &scorer.name)) {
                let from = format!("baseline {name}");
                comparisons.push(compare(&scorer.name, (&from, &before), (&variant.spec.name, &side(variant)), seed));
            }
        }
    }
    comparisons
}

/// The scores of a variant by a scorer, row by row.
fn side(results: &[RowResult], variant: &str, scorer: &str) -> IndexMap<String, RowScore> {
    let own: Vec<&RowResult> = results.iter().filter(|result| result.variant == variant).collect();
    let row_scores = by_row(&own, |result| result.scores.get(scorer).map_or(0.0, |score| score.score));
    let digest = |row: &str| own.iter().find(|result| result.row == row).map(|result| result.digest.clone()).unwrap_or_default();
    row_scores.into_iter().map(|(row, score)| (row.to_owned(), RowScore { digest: digest(row), score })).collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of runs and tokens are far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
