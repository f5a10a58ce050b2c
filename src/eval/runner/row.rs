//! One row: its run, and the scores of what came of it.

use indexmap::IndexMap;

use super::{
    Job, Runner,
    seat::{Outcome, Reach},
};
use crate::{
    error::Result,
    eval::{
        evaluation::EvalRow,
        report::RowResult,
        scorers::{Facts, Score, Scorer, judged},
    },
    model::{RunId, Spend, Value},
};

impl Runner<'_> {
    /// Runs and scores one row; `None` when that did not come to its end.
    pub(super) async fn row(&self, job: Job, reach: Reach) -> Result<Option<RowResult>> {
        let (Some(row), Some(variant)) = (self.evaluation.rows.get(job.row), self.evaluation.variants.get(job.variant)) else {
            return Ok(None);
        };
        let run = self.run_of(&variant.spec.name, row, job.repeat, None);
        let inputs = row.inputs.get(job.variant).cloned().unwrap_or_default();
        let Some(outcome) = self.variants[job.variant].outcome(run, inputs, reach).await? else { return Ok(None) };
        let mut result = RowResult {
            row: row.id.clone(),
            line: row.line,
            digest: row.digest.clone(),
            variant: variant.spec.name.clone(),
            repeat: job.repeat,
            run,
            status: outcome.status.to_owned(),
            error: outcome.error.clone(),
            outputs: outcome.outputs.clone(),
            scores: IndexMap::new(),
            spend: outcome.spend,
            judge_spend: Spend::default().into(),
            duration_ms: outcome.duration_ms,
        };
        let mut judges = Spend::default();
        for scorer in &self.evaluation.scorers {
            let Some(score) = self.score(scorer, row, job, &outcome, &mut judges, reach).await? else { return Ok(None) };
            result.scores.insert(scorer.name.clone(), score);
        }
        result.judge_spend = judges.into();
        Ok(Some(result))
    }

    /// What a scorer says of a run; `None` when its judge has not come to an end.
    async fn score(
        &self,
        scorer: &Scorer,
        row: &EvalRow,
        job: Job,
        outcome: &Outcome,
        judges: &mut Spend,
        reach: Reach,
    ) -> Result<Option<Score>> {
        let Some(outputs) = &outcome.outputs else {
            let why = outcome.error.as_deref().unwrap_or("it put nothing out");
            return Ok(Some(scorer.failed(format!("the run did not succeed: {why}"))));
        };
        let facts = row.facts(job.variant).with_outputs(outputs);
        let Some((agent, rubric)) = scorer.judge() else { return Ok(Some(scorer.score(&facts))) };
        let asked = match asked(scorer, rubric, &facts, row.inputs.get(job.variant)) {
            Ok(asked) => asked,
            Err(why) => return Ok(Some(scorer.scored(0.0, Some(why)))),
        };
        let Some(seat) = self.judges.get(agent) else { return Ok(Some(scorer.failed(format!("there is no judge `{agent}`")))) };
        let run = self.run_of(&self.evaluation.variants[job.variant].spec.name, row, job.repeat, Some(&scorer.name));
        let Some(judge) = seat.outcome(run, asked, reach).await? else { return Ok(None) };
        *judges += judge.spend.into();
        let score = match (&judge.outputs, &judge.error) {
            (Some(outputs), _) => judged(scorer, outputs),
            (None, why) => scorer.failed(format!("the judge did not succeed: {}", why.as_deref().unwrap_or(judge.status))),
        };
        Ok(Some(Score { judge_run: Some(run), ..score }))
    }

    /// The id of a run, or of the run of its judge: the same for the same eval, variant, row, repeat and scorer, and for no others.
    fn run_of(&self, variant: &str, row: &EvalRow, repeat: u32, judge: Option<&str>) -> RunId {
        // An id made from another one keeps its time only, so that all that tells runs apart stands in the key.
        self.id.child(&serde_json::json!([self.id, variant, row.id, repeat, judge]).to_string())
    }
}

/// What a judge is told.
fn asked(
    scorer: &Scorer,
    rubric: &str,
    facts: &Facts,
    inputs: Option<&IndexMap<String, Value>>,
) -> std::result::Result<IndexMap<String, Value>, String> {
    let given = inputs.cloned().unwrap_or_default();
    // Nothing need be expected: then it is judged by the rubric alone.
    let expected = scorer.expected(facts).unwrap_or_default();
    let asked = [
        ("rubric", Value::from(rubric)),
        ("given", Value::Object(given.into_iter().collect())),
        ("expected", expected),
        ("actual", scorer.actual(facts)?),
    ];
    Ok(asked.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
