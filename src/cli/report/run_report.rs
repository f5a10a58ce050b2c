//! What reports tell of a run: its nodes, which of them failed it, and its graph.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    app::{
        self,
        runs::{self, NodeSummary, RunDetail},
    },
    cli::failure::FailedNode,
    engine::RecordedRun,
    error::{Error, ErrorKind, ErrorRecord, Result},
    model::{EventBody, NodePath},
    plan::{Mark, Marks, Plan},
};

/// A run, as reports have it.
pub(super) struct RunReport {
    /// The run and its nodes.
    pub(super) detail: RunDetail,
    /// Its plan, where this version can still compile it.
    pub(super) plan: Option<Plan>,
    /// The node whose failure ended it.
    pub(super) failed: Option<FailedNode>,
    /// The nodes that failed and were not forgiven.
    failures: BTreeSet<NodePath>,
    errors: BTreeMap<NodePath, ErrorRecord>,
}

impl RunReport {
    /// Reads a run from its events. `stands` says that nobody works on it any more, although the process that did is still there.
    ///
    /// # Errors
    /// `Corrupt` when they do not begin with the creation of the run, or its settings cannot be read.
    pub(super) fn of(recorded: &RecordedRun, stands: bool) -> Result<Self> {
        let mut detail = runs::detail(recorded.run, &recorded.events).ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, format!("the log of run `{}` does not begin with its creation", recorded.run))
        })?;
        if stands && detail.summary.status == "running" {
            let waits = detail.nodes.iter().any(|node| node.status == "waiting");
            detail.summary.status = if waits { "waiting" } else { "interrupted" };
        }
        let plan = app::plan_of(recorded.run, &recorded.events)?;
        let mut failed = None;
        let mut handled: BTreeSet<&NodePath> = BTreeSet::new();
        let mut errors = BTreeMap::new();
        for event in &recorded.events {
            FailedNode::watch(&mut failed, event);
            if let EventBody::NodeFailed { node, error, handled: by, .. } = &event.body {
                errors.insert(node.clone(), error.clone());
                handled.extend(by.as_ref().map(|_| node));
            }
        }
        let failures = failures(&detail, &handled);
        Ok(Self { failed: failed.filter(|_| detail.summary.status != "succeeded"), plan, failures, errors, detail })
    }

    /// Whether the failure of a node counts: nothing that is around it took care of it.
    pub(super) fn counts(&self, node: &NodeSummary) -> bool {
        self.failures.contains(&node.node)
    }

    /// Why a node failed.
    pub(super) fn error(&self, node: &NodeSummary) -> Option<&ErrorRecord> {
        self.errors.get(&node.node)
    }

    /// The status of a node, in words.
    pub(super) fn status(&self, node: &NodeSummary) -> &'static str {
        match node.status {
            "failed" if !self.counts(node) => "failed, and the run went on",
            _ if node.reused_from.is_some() => "reused",
            status => status,
        }
    }

    /// How the nodes of the graph did: of a node with several instances, the worst, and how many there are of each.
    pub(super) fn marks(&self) -> Marks {
        let mut counted: BTreeMap<String, BTreeMap<Mark, (&'static str, usize)>> = BTreeMap::new();
        // A node with elements is counted by them.
        let has_elements = |path: &str| {
            let mut rests = self.detail.nodes.iter().filter_map(|other| other.node.as_str().strip_prefix(path));
            rests.any(|rest| rest.starts_with('['))
        };
        for node in self.detail.nodes.iter().filter(|node| !has_elements(node.node.as_str())) {
            let statuses = counted.entry(node.node.without_instances()).or_default();
            statuses.entry(self.mark(node)).or_insert((self.status(node), 0)).1 += 1;
        }
        let mut marks = Marks::default();
        for (path, statuses) in counted {
            let several = statuses.values().map(|(_, count)| count).sum::<usize>() > 1;
            let words = statuses.values().rev().map(
                |(status, count)| {
                    if several { format!("{count} {status}") } else { (*status).to_owned() }
                },
            );
            let words = words.collect::<Vec<_>>().join(", ");
            if let Some(worst) = statuses.keys().next_back() {
                marks.set(path, *worst, words);
            }
        }
        marks
    }

    fn mark(&self, node: &NodeSummary) -> Mark {
        match node.status {
            "succeeded" => Mark::Succeeded,
            "failed" if self.counts(node) => Mark::Failed,
            "waiting" => Mark::Waiting,
            "running" => Mark::Running,
            "skipped" => Mark::Skipped,
            _ => Mark::Cancelled,
        }
    }
}

fn failures(detail: &RunDetail, handled: &BTreeSet<&NodePath>) -> BTreeSet<NodePath> {
    if detail.summary.status == "succeeded" {
        return BTreeSet::new();
    }
    let went_on = |node: &&NodeSummary| node.status == "succeeded" || node.status == "failed" && handled.contains(&node.node);
    let forgiving: Vec<&str> = detail.nodes.iter().filter(went_on).map(|node| node.node.as_str()).collect();
    let is_forgiven = |path: &NodePath| {
        let inside =
            |around: &&str| path.as_str().strip_prefix(*around).is_some_and(|rest| rest.starts_with(['.', '[', '@', '!']));
        handled.contains(path) || forgiving.iter().any(inside)
    };
    let failed = detail.nodes.iter().filter(|node| node.status == "failed" && !is_forgiven(&node.node));
    failed.map(|node| node.node.clone()).collect()
}
