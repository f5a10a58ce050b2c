//! Tests as CI servers read them: a suite for each file.

use crate::{
    cli::report::junit::{self, Case, Complaint, Suite},
    error::Result,
    testing::suite::{CaseReport, Outcome, SuiteReport},
};

/// The document in JUnit XML.
pub(super) fn document(report: &SuiteReport) -> Result<String> {
    let mut suites: Vec<Suite> = Vec::new();
    for case in &report.cases {
        if suites.last().is_none_or(|suite| suite.name != case.at.file) {
            let properties = vec![("workflow".to_owned(), case.workflow.display().to_string())];
            let name = case.at.file.clone();
            suites.push(Suite { name, began: None, took: std::time::Duration::ZERO, properties, cases: Vec::new() });
        }
        if let Some(suite) = suites.last_mut() {
            suite.took += case.took;
            suite.cases.push(of_case(case));
        }
    }
    junit::document("agentflow test", &suites)
}

fn of_case(case: &CaseReport) -> Case {
    let outcome = match &case.outcome {
        Outcome::Passed => junit::Outcome::Passed,
        Outcome::Failed if case.status.is_none() => junit::Outcome::Broken(complaint(case)),
        Outcome::Failed => junit::Outcome::Failed(complaint(case)),
        Outcome::Skipped(why) => junit::Outcome::Skipped(why.clone()),
        Outcome::NotRun => junit::Outcome::Skipped("not run: the suite had ended".to_owned()),
    };
    let notes = case.notes.iter().map(|note| format!("note: {note}"));
    let route = (!case.route.is_empty()).then(|| format!("ran: {}", case.route.join(" → ")));
    let output: Vec<String> = route.into_iter().chain(notes).collect();
    Case { name: case.name.clone(), class: case.at.file.clone(), took: case.took, outcome, output: output.join("\n") }
}

fn complaint(case: &CaseReport) -> Complaint {
    let first = case.unmet.first();
    let message = first.map(|unmet| format!("{}: expected {}, found {}", unmet.what, unmet.expected, unmet.actual));
    let details: Vec<String> = case.unmet.iter().map(ToString::to_string).collect();
    Complaint {
        kind: first.map_or_else(String::new, |unmet| unmet.what.split(['.', ':', '[']).next().unwrap_or_default().to_owned()),
        message: message.unwrap_or_default().replace('\n', " "),
        details: details.join("\n"),
    }
}
