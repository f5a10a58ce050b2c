//! A run as a summary in Markdown: how it ended, its graph, what each node took, and why it failed.

use std::time::Duration;

use crate::{
    app::runs::{NodeSummary, RunSummary},
    cli::{
        json, numbers, problem,
        report::{
            markdown::{add, block, code, details, table},
            run_report::RunReport,
        },
    },
    error::Result,
    model::Spend,
    plan::draw_marked,
};

/// The most nodes in the table.
const ROWS: usize = 200;
/// The most text of a graph that is drawn.
const LONGEST_GRAPH: usize = 19_000;

/// The summary.
pub(super) fn summary(report: &RunReport) -> Result<String> {
    let RunSummary { id, workflow, status, duration_ms, spend, error, .. } = &report.detail.summary;
    let spent = Spend::from(*spend);
    let mut text = format!("## {} {}: {status}\n\n", sign(status), code(workflow));
    let took = numbers::duration(Duration::from_millis(*duration_ms));
    add(&mut text, &format!("Run {} · {took} · {}\n\n", code(&id.to_string()), numbers::spend(&spent)));
    for question in &report.detail.questions {
        add(&mut text, &format!("⏸️ {} asks: {}\n\n", code(question.node.as_str()), code(&question.request.question.in_words())));
        add(&mut text, &format!("Answer with {}.\n\n", code(&format!("agentflow approve {id}"))));
    }
    failure(report, &mut text);
    if report.failed.is_none()
        && let Some(error) = error
    {
        text.push_str(&block("", &problem::record_text(false, error)));
        text.push('\n');
    }
    if let Some(plan) = &report.plan {
        let graph = draw_marked(plan, &report.marks());
        if graph.len() <= LONGEST_GRAPH {
            text.push_str(&block("mermaid", &graph));
            text.push('\n');
        }
    }
    nodes(report, &mut text);
    if let Some(outputs) = &report.detail.outputs {
        text.push_str(&details("Outputs", &block("json", &json::document(outputs)?)));
        text.push('\n');
    }
    Ok(text)
}

/// The summary of a run that did not begin, because of `why`.
pub(super) fn not_begun(workflow: &str, why: &str) -> String {
    format!("## ❌ {}: did not begin\n\n{}\n", code(workflow), block("", why))
}

fn sign(status: &str) -> &'static str {
    match status {
        "succeeded" => "✅",
        "failed" => "❌",
        "waiting" | "paused" => "⏸️",
        "cancelled" => "⏹️",
        _ => "⚠️",
    }
}

fn failure(report: &RunReport, text: &mut String) {
    let Some(failed) = &report.failed else { return };
    let attempt = if failed.attempt > 1 { format!(", attempt {}", failed.attempt) } else { String::new() };
    add(text, &format!("**{} failed{attempt}**\n\n", code(&failed.node)));
    text.push_str(&block("", &problem::record_text(false, &failed.error)));
    text.push('\n');
    if let Some(answer) = &failed.error.raw_text {
        text.push_str(&details("The answer, which could not be used", &block("", answer)));
        text.push('\n');
    }
}

fn nodes(report: &RunReport, text: &mut String) {
    let all = &report.detail.nodes;
    let rows: Vec<Vec<String>> = all.iter().take(ROWS).map(|node| row(node, report)).collect();
    if rows.is_empty() {
        return;
    }
    text.push_str(&table(&["node", "status", "attempts", "model", "tokens", "cost", "time"], &rows));
    if all.len() > ROWS {
        add(text, &format!("\n… and {} more nodes\n", all.len() - ROWS));
    }
    text.push('\n');
}

fn row(node: &NodeSummary, report: &RunReport) -> Vec<String> {
    let spend = Spend::from(node.spend);
    let dash = || "–".to_owned();
    vec![
        code(node.node.as_str()),
        report.status(node).to_owned(),
        if node.attempts == 0 { dash() } else { node.attempts.to_string() },
        node.model.as_deref().map_or_else(dash, code),
        if spend.calls == 0 { dash() } else { numbers::count(spend.tokens()) },
        if spend.calls + spend.lost_calls == 0 { dash() } else { spend.to_string() },
        numbers::duration(Duration::from_millis(node.duration_ms)),
    ]
}
