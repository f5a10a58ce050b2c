//! Runs the rows of an eval: each is a run of its own in the store, found again by its id.
//!
//! The id follows from the eval, the variant, the row and the repeat, and that of a judge's run from the run that is judged: what has
//! ended is read, what was begun goes on, and only what is not there is begun.

mod meter;
mod row;
mod seat;

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, stream::FuturesUnordered};

use self::{
    meter::Meter,
    seat::{Reach, Seat},
};
use crate::{
    engine::Stop,
    error::Result,
    eval::{
        evaluation::{Evaluation, Ready},
        report::RowResult,
    },
    model::RunId,
    store::Store,
};

/// How far an eval has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The row that has just been scored.
    pub result: &'a RowResult,
    /// How many are scored.
    pub done: usize,
    /// Of how many.
    pub all: usize,
    /// Whether it was found in the store.
    pub is_recorded: bool,
}

/// How an eval ended.
#[derive(Debug)]
pub struct Ended {
    /// The rows that were scored, by variant, row and repeat.
    pub results: Vec<RowResult>,
    /// Whether that is all of them.
    pub is_complete: bool,
    /// Whether the money was spent before all of them were begun.
    pub is_spent: bool,
}

/// Runs the rows of an eval.
pub struct Runner<'a> {
    evaluation: &'a Evaluation,
    id: RunId,
    variants: Vec<Seat<'a>>,
    judges: BTreeMap<&'a str, Seat<'a>>,
    stop: Stop,
    meter: Arc<Meter>,
}

/// One run of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Job {
    variant: usize,
    row: usize,
    repeat: u32,
}

impl<'a> Runner<'a> {
    /// For the eval `id` over `store`, with what its runs need; `stop` ends it.
    #[must_use]
    pub fn new(evaluation: &'a Evaluation, ready: &'a Ready, id: RunId, store: &Arc<dyn Store>, stop: Stop) -> Self {
        let meter = Arc::default();
        let seat = |prepared| Seat::new(prepared, store, &stop, &meter);
        let variants = ready.variants.iter().map(seat).collect();
        let judges = ready.judges.iter().map(|(agent, prepared)| (agent.as_str(), seat(prepared))).collect();
        Self { evaluation, id, variants, judges, stop, meter }
    }

    /// Runs and scores all rows that are not recorded, as many at once as the eval says. `tell` hears of each that is scored.
    ///
    /// # Errors
    /// What keeps runs from being recorded. A run that fails is a result.
    pub async fn run(&self, tell: &dyn Fn(Progress<'_>)) -> Result<Ended> {
        let jobs = self.jobs();
        let all = jobs.len();
        let mut results: Vec<(Job, RowResult)> = Vec::with_capacity(all);
        let mut open = Vec::new();
        // What has ended costs nothing more, and says how much is spent.
        for job in jobs {
            let Some(result) = self.row(job, Reach::Recorded).await? else {
                open.push(job);
                continue;
            };
            results.push((job, result));
            tell(Progress { result: &results[results.len() - 1].1, done: results.len(), all, is_recorded: true });
        }
        let mut open = open.into_iter().peekable();
        let (mut running, mut failure, mut is_spent) = (FuturesUnordered::new(), None, false);
        loop {
            while running.len() < self.evaluation.spec.concurrency as usize && failure.is_none() && !self.stop.is_asked() {
                is_spent = open.peek().is_some() && self.is_spent();
                let Some(job) = open.next_if(|_| !is_spent) else { break };
                running.push(async move { (job, Box::pin(self.row(job, Reach::All)).await) });
            }
            match running.next().await {
                None => break,
                Some((job, Ok(Some(result)))) => {
                    results.push((job, result));
                    tell(Progress { result: &results[results.len() - 1].1, done: results.len(), all, is_recorded: false });
                }
                Some((_, Ok(None))) => {}
                Some((_, Err(error))) => {
                    // What is under way is recorded, and found again.
                    self.stop.gracefully();
                    failure.get_or_insert(error);
                }
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        results.sort_by_key(|(job, _)| *job);
        let is_complete = results.len() == all;
        Ok(Ended { results: results.into_iter().map(|(_, result)| result).collect(), is_complete, is_spent })
    }

    fn is_spent(&self) -> bool {
        self.evaluation.spec.max_cost_usd.is_some_and(|max| self.meter.usd() >= max)
    }

    /// All runs, row by row, so that both sides of a row are there when an eval ends early.
    fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::with_capacity(self.evaluation.runs());
        for repeat in 1..=self.evaluation.spec.repeats {
            for row in 0..self.evaluation.rows.len() {
                jobs.extend((0..self.variants.len()).map(|variant| Job { variant, row, repeat }));
            }
        }
        jobs
    }
}
