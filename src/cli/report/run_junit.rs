//! A run as JUnit XML: a suite, with a case for each node instance and one for the run as a whole.

use std::time::Duration;

use crate::{
    app::runs::{NodeSummary, RunSummary},
    cli::{
        numbers,
        report::{
            junit::{Case, Complaint, Outcome, Suite, document},
            run_report::RunReport,
        },
    },
    error::{ErrorRecord, Result},
    model::{Spend, Value},
};

/// The document.
pub(super) fn junit(report: &RunReport) -> Result<String> {
    let RunSummary { id, workflow, status, started_at, duration_ms, spend, .. } = &report.detail.summary;
    let took = Duration::from_millis(*duration_ms);
    let properties = [
        ("run", id.to_string()),
        ("status", (*status).to_owned()),
        ("calls", spend.calls.to_string()),
        ("tokens", Spend::from(*spend).tokens().to_string()),
        ("cost_usd", spend.cost_usd.to_string()),
    ];
    let cases = std::iter::once(whole(report)).chain(report.detail.nodes.iter().map(|node| case(node, report)));
    let suite = Suite {
        name: workflow.clone(),
        began: Some(*started_at),
        took,
        properties: properties.map(|(name, value)| (name.to_owned(), value)).into(),
        cases: cases.collect(),
    };
    document("agentflow run", &[suite])
}

/// A run that did not begin, because of `why`.
pub(super) fn not_begun(workflow: &str, why: &str) -> Result<String> {
    let message = why.lines().next().unwrap_or_default().to_owned();
    let complaint = Complaint { kind: "not begun".to_owned(), message, details: why.to_owned() };
    let case = Case {
        name: "run".to_owned(),
        class: workflow.to_owned(),
        took: Duration::ZERO,
        outcome: Outcome::Broken(complaint),
        output: String::new(),
    };
    let suite = Suite { name: workflow.to_owned(), began: None, took: Duration::ZERO, properties: Vec::new(), cases: vec![case] };
    document("agentflow run", &[suite])
}

/// The run as a whole, which may fail without any node: its time or its budget may be over.
fn whole(report: &RunReport) -> Case {
    let RunSummary { id, workflow, status, duration_ms, spend, error, .. } = &report.detail.summary;
    let complaint = |message: String| Complaint { kind: (*status).to_owned(), message, details: details(error.as_ref()) };
    let outcome = match *status {
        "succeeded" => Outcome::Passed,
        "failed" | "cancelled" => {
            let message = error.as_ref().map_or_else(|| format!("the run was {status}"), |error| error.message.clone());
            Outcome::Failed(Complaint { kind: kind(error.as_ref(), status), ..complaint(message) })
        }
        "waiting" | "paused" => Outcome::Skipped(format!("the run is {status}; see: agentflow runs show {id}")),
        _ => Outcome::Broken(complaint(format!("the run is {status}; go on with: agentflow resume {id}"))),
    };
    Case {
        name: "run".to_owned(),
        class: workflow.clone(),
        took: Duration::from_millis(*duration_ms),
        outcome,
        output: numbers::spend(&Spend::from(*spend)),
    }
}

fn case(node: &NodeSummary, report: &RunReport) -> Case {
    let reason = node.reason.clone().unwrap_or_default();
    let outcome = match node.status {
        "failed" if report.counts(node) => {
            let record = report.error(node);
            let details = record.map_or_else(|| reason.clone(), |record| details(Some(record)));
            Outcome::Failed(Complaint { kind: kind(record, "failed"), message: reason, details })
        }
        "succeeded" | "failed" => Outcome::Passed,
        "running" => {
            let message = "it was in hand when the process ended".to_owned();
            Outcome::Broken(Complaint { kind: "interrupted".to_owned(), message, details: reason })
        }
        status if reason.is_empty() => Outcome::Skipped(status.to_owned()),
        status => Outcome::Skipped(format!("{status}: {reason}")),
    };
    Case {
        name: node.node.to_string(),
        class: report.detail.summary.workflow.clone(),
        took: Duration::from_millis(node.duration_ms),
        outcome,
        output: output(node, report),
    }
}

/// Who did it and what it took, a line each.
fn output(node: &NodeSummary, report: &RunReport) -> String {
    let spend = Spend::from(node.spend);
    let mut lines = vec![report.status(node).to_owned()];
    lines.extend((node.attempts > 1).then(|| format!("{} attempts", node.attempts)));
    lines.extend(node.agent.iter().map(|agent| format!("agent {agent}")));
    lines.extend(node.model.iter().map(|model| format!("model {model}")));
    lines.extend((spend.calls > 0).then(|| numbers::spend(&spend)));
    lines.extend(node.notes.iter().cloned());
    if node.status == "failed" && !report.counts(node) {
        lines.extend(node.reason.clone());
    }
    lines.join("\n")
}

fn kind(record: Option<&ErrorRecord>, otherwise: &str) -> String {
    let kind = record.and_then(|record| serde_json::to_value(record.kind).ok());
    kind.as_ref().and_then(Value::as_str).unwrap_or(otherwise).to_owned()
}

fn details(record: Option<&ErrorRecord>) -> String {
    let Some(record) = record else { return String::new() };
    let hints = record.hints.iter().map(|hint| format!("hint: {hint}"));
    let answer = record.raw_text.iter().map(|text| format!("the answer that could not be used:\n{text}"));
    std::iter::once(record.message.clone()).chain(hints).chain(answer).collect::<Vec<_>>().join("\n")
}
