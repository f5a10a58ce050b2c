//! Tests as programs read them.

use std::time::Duration;

use serde_json::json;

use crate::{
    cli::json,
    error::Result,
    model::Value,
    testing::suite::{Outcome, SuiteReport},
};

/// All cases, and how many came to what.
pub(super) fn document(report: &SuiteReport, took: Duration) -> Result<String> {
    let count = |is: fn(&Outcome) -> bool| report.count(is);
    json::document(&json!({
        "passed": count(|outcome| *outcome == Outcome::Passed),
        "failed": count(|outcome| *outcome == Outcome::Failed),
        "skipped": count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        "not_run": count(|outcome| *outcome == Outcome::NotRun),
        "left_out": report.left_out,
        "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "tests": report.cases,
        "snapshots": report.snapshots,
    }))
}

/// What is wrong with the files, from the problems as JSON.
pub(super) fn of_problems(problems: &str) -> Result<String> {
    let problems: Value = serde_json::from_str(problems).unwrap_or_default();
    json::document(&json!({ "problems": problems }))
}
