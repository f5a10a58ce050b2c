//! JUnit XML, as CI servers read it: suites of cases, from plain data. Nothing here knows what a case is: a test, or a node of a run.

use std::time::Duration;

use jiff::Timestamp;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use crate::error::{Error, ErrorKind, Result};

/// Cases that belong together, e.g. those of one file.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Suite {
    /// What they belong to.
    pub(in crate::cli) name: String,
    /// When the first one began.
    pub(in crate::cli) began: Option<Timestamp>,
    /// How long all of them took.
    pub(in crate::cli) took: Duration,
    /// What else is known of all of them, by name.
    pub(in crate::cli) properties: Vec<(String, String)>,
    /// The cases, in the order in which they are to be shown.
    pub(in crate::cli) cases: Vec<Case>,
}

/// Something that can fail.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Case {
    /// Its name, other than that of any other case of its class.
    pub(in crate::cli) name: String,
    /// What CI servers group it by.
    pub(in crate::cli) class: String,
    /// How long it took.
    pub(in crate::cli) took: Duration,
    /// What came of it.
    pub(in crate::cli) outcome: Outcome,
    /// What there is to say of it, over several lines; nothing when empty.
    pub(in crate::cli) output: String,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) enum Outcome {
    /// As it should.
    Passed,
    /// Not as it should: what was tried was done, and something else came of it.
    Failed(Complaint),
    /// It could not be tried, or was not tried to its end.
    Broken(Complaint),
    /// It was not tried, and why.
    Skipped(String),
}

/// Why a case did not pass.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Complaint {
    /// The kind of failure, a word, e.g. `timeout`.
    pub(in crate::cli) kind: String,
    /// On one line.
    pub(in crate::cli) message: String,
    /// With all there is to know, over several lines.
    pub(in crate::cli) details: String,
}

/// The document; `name` says who wrote it.
///
/// # Errors
/// `Internal` when it cannot be written as XML.
pub(in crate::cli) fn document(name: &str, suites: &[Suite]) -> Result<String> {
    let mut report = Report::new(name);
    report.set_time(suites.iter().map(|suite| suite.took).sum());
    report.add_test_suites(suites.iter().map(suite));
    report.to_string().map_err(|err| Error::new(ErrorKind::Internal, "a report cannot be written as XML").source(err))
}

fn suite(suite: &Suite) -> TestSuite {
    let mut written = TestSuite::new(&suite.name);
    written.set_time(suite.took);
    if let Some(began) = suite.began {
        // Readers differ in what they make of fractions and zones: seconds of UTC are read by all.
        let began = began.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        written.extra.insert(XmlString::new("timestamp"), XmlString::new(began));
    }
    written.add_properties(suite.properties.iter().map(|(name, value)| Property::new(name.as_str(), value.as_str())));
    written.add_test_cases(suite.cases.iter().map(case));
    written
}

fn case(case: &Case) -> TestCase {
    let mut written = TestCase::new(&case.name, status(&case.outcome));
    written.set_classname(&case.class).set_time(case.took);
    if !case.output.is_empty() {
        written.set_system_out(&case.output);
    }
    written
}

fn status(outcome: &Outcome) -> TestCaseStatus {
    let unsuccessful = |kind, complaint: &Complaint| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(&complaint.kind).set_message(&complaint.message).set_description(&complaint.details);
        status
    };
    match outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Failed(complaint) => unsuccessful(NonSuccessKind::Failure, complaint),
        Outcome::Broken(complaint) => unsuccessful(NonSuccessKind::Error, complaint),
        Outcome::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, outcome: Outcome) -> Case {
        Case {
            name: name.to_owned(),
            class: "flow".to_owned(),
            took: Duration::from_millis(1_500),
            outcome,
            output: String::new(),
        }
    }

    fn complaint(message: &str) -> Complaint {
        Complaint { kind: "schema".to_owned(), message: message.to_owned(), details: format!("{message}\nhint: look") }
    }

    fn suites() -> Vec<Suite> {
        let cases = vec![
            Case { output: "1 call".to_owned(), ..case("draft", Outcome::Passed) },
            case("check", Outcome::Failed(complaint("`a` < \"b\" & \u{1b}[31mred\u{7}"))),
            case("send", Outcome::Broken(complaint("no answer"))),
            case("rest", Outcome::Skipped("`check` failed".to_owned())),
        ];
        let began = Some("2026-11-26T08:00:00.123Z".parse().unwrap());
        let properties = vec![("run".to_owned(), "0193".to_owned())];
        vec![Suite { name: "flow.yaml".to_owned(), began, took: Duration::from_secs(6), properties, cases }]
    }

    #[test]
    fn each_outcome_is_counted_and_told() {
        insta::assert_snapshot!(document("agentflow", &suites()).unwrap());
    }

    #[test]
    fn what_was_written_reads_back_with_the_same_counts() {
        let mut all = suites();
        all.push(Suite { name: "none".to_owned(), began: None, took: Duration::ZERO, properties: Vec::new(), cases: Vec::new() });
        let read = Report::deserialize_from_str(&document("agentflow", &all).unwrap()).unwrap();
        assert_eq!((read.tests, read.failures, read.errors, read.skipped), (4, 1, 1, 1));
        assert_eq!(read.test_suites.iter().map(|suite| suite.tests).collect::<Vec<_>>(), [4, 0]);
        assert_eq!(read.time, Some(Duration::from_secs(6)));
    }
}
