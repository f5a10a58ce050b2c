//! How a run that did not succeed is told: where, why, what was paid for and is kept, and how to go on.

use crate::{
    cli::{
        clean, problem,
        terminal::{BOLD, DIM, Terminal},
    },
    error::ErrorRecord,
    model::{Event, EventBody, RunId},
};

/// The most lines shown of an answer that could not be used.
const RAW_LINES: usize = 20;

/// The node whose failure ended the run: the innermost one that failed last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FailedNode {
    /// Its path.
    pub(super) node: String,
    /// Its last attempt, from 1; 0 when none began.
    pub(super) attempt: u32,
    /// Why.
    pub(super) error: ErrorRecord,
}

impl FailedNode {
    /// Keeps in `found` what `event` tells of the failure that ends the run.
    pub(super) fn watch(found: &mut Option<Self>, event: &Event) {
        match &event.body {
            EventBody::NodeFailed { node, attempt, error, handled: None } => {
                let encloses = |inner: &Self| {
                    let rest = inner.node.strip_prefix(node.as_str());
                    rest.is_some_and(|rest| rest.starts_with(['.', '[', '@', '!']))
                };
                // The nodes that enclose a failed one fail after it, with the same reason.
                if !found.as_ref().is_some_and(encloses) {
                    *found = Some(Self { node: node.to_string(), attempt: *attempt, error: error.clone() });
                }
            }
            // A failure that an enclosing node takes care of, or that its next attempt puts right, has ended nothing.
            EventBody::NodeFailed { node, .. } | EventBody::NodeSucceeded { node, .. }
                if found.as_ref().is_some_and(|inner| inner.node.starts_with(node.as_str())) =>
            {
                *found = None;
            }
            _ => {}
        }
    }
}

/// Tells why the run failed.
pub(super) fn tell(terminal: &Terminal, run: RunId, node: Option<&FailedNode>, error: Option<&ErrorRecord>, go_on: &str) {
    let color = terminal.err.color;
    let mut lines = Vec::new();
    let record = node.map(|node| &node.error).or(error);
    if let Some(record) = record {
        lines.push(problem::record_text(color, record));
        lines.push(String::new());
    }
    lines.push(format!("  run      {run}"));
    if let Some(node) = node {
        lines.push(format!("  node     {}", terminal.paint_err(BOLD, &clean::one_line(&node.node))));
        if node.attempt > 0 {
            lines.push(format!("  attempt  {}", node.attempt));
        }
    }
    if let Some(raw) = record.and_then(|record| record.raw_text.as_deref()) {
        lines.push("  answer   what the model said, which could not be used:".to_owned());
        let raw = clean::block(raw);
        let all = raw.lines().count();
        lines.extend(raw.lines().take(RAW_LINES).map(|line| terminal.paint_err(DIM, &format!("    │ {line}"))));
        if all > RAW_LINES {
            lines.push(terminal.paint_err(DIM, &format!("    │ … {} more lines", all - RAW_LINES)));
        }
    }
    lines.push(String::new());
    lines.push(go_on.to_owned());
    terminal.talk(&lines.join("\n"));
}
