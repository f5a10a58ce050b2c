//! How good a workflow is: run over the rows of a data set, scored, with honest figures and what it cost.
//!
//! `spec` says what an eval does; `data_set` reads its rows; [`prepare`] checks all of it before a token is spent; [`Runner`] runs each
//! row as a run of its own, whose id follows from the eval, so that what is recorded is never asked for again; `scorers` score what
//! comes out; `figures` and [`compare`] say what it means; `report` is what came of it. Nothing here prints.

mod compare;
mod data_set;
mod estimate;
mod evaluation;
mod figures;
mod prepare;
mod record;
mod report;
mod runner;
mod scorers;
mod spec;

pub use compare::{Comparison, RowScore, Verdict, compare};
pub use data_set::{DataRow, DataSet};
pub use estimate::{EvalEstimate, estimate};
pub use evaluation::{EvalRow, Evaluation, Ready, Side, Variant};
pub use figures::{Interval, bootstrap, interval_of_scores, mean, percentile, sign_flip, wilson};
pub use prepare::{Found, prepare};
pub use record::{EvalRecord, find_record, is_known, keep};
pub use report::{Baseline, EvalReport, Latency, RowResult, ScorerReport, VariantReport, report};
pub use runner::{Ended, Progress, Runner};
pub use scorers::{Facts, Part, Score, Scorer, ScorerProblem};
pub use spec::{
    EvalOptions, EvalSpec, Places, ScoreOption, ScorerKind, ScorerSpec, VariantChange, VariantOption, VariantSpec, from_file,
    is_eval_file,
};
