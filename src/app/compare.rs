//! Two runs side by side: how their nodes ended and which way they went, what they gave, what it cost and how long it took.

use std::collections::HashMap;

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;

use crate::{
    app::{
        facts::{NodeFacts, RunFacts},
        runs::{self, NodeSummary, RunDetail, RunSummary, SpendReport},
        text_diff::difference,
    },
    engine::RecordedRun,
    error::{Error, ErrorKind, Result},
    model::{NodePath, Value},
};

/// Two runs and what differs.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Whether the same nodes ended the same way and gave the same; cost and time do not count.
    pub same: bool,
    /// The first run.
    pub one: RunSummary,
    /// The second one.
    pub other: RunSummary,
    /// Inputs that differ.
    pub inputs: Vec<ValueDifference>,
    /// Outputs of the run that differ.
    pub outputs: Vec<ValueDifference>,
    /// All node instances of both runs.
    pub nodes: Vec<NodeComparison>,
}

/// A value by name that is not the same in both runs.
#[derive(Debug, Serialize)]
pub struct ValueDifference {
    /// Its name.
    pub name: String,
    /// In the first run; absent when it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one: Option<Value>,
    /// In the second run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Value>,
    /// The lines that differ, with `- ` and `+ ` before them; long ones are cut.
    pub difference: Vec<String>,
}

/// A node instance in both runs.
#[derive(Debug, Serialize)]
pub struct NodeComparison {
    /// Its path.
    pub node: NodePath,
    /// Whether its status, its route and its output are the same in both.
    pub same: bool,
    /// In the first run; absent when it did not come to it.
    pub one: Option<NodeSide>,
    /// In the second run.
    pub other: Option<NodeSide>,
    /// Where both have an output, the lines that differ, with `- ` and `+ ` before them; long ones are cut.
    pub difference: Vec<String>,
}

/// A node instance in one run.
#[derive(Debug, Serialize)]
pub struct NodeSide {
    /// `running`, `waiting`, `succeeded`, `failed`, `skipped` or `cancelled`.
    pub status: &'static str,
    /// Whether its output was taken from an earlier run.
    pub reused: bool,
    /// The nodes its `route` chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routed_to: Option<Vec<String>>,
    /// From its beginning to its end, in milliseconds.
    pub duration_ms: u64,
    /// What it cost.
    #[serde(flatten)]
    pub spend: SpendReport,
}

/// Compares two runs.
///
/// # Errors
/// `Corrupt` when a log does not begin with the creation of its run.
pub fn compare(one: &RecordedRun, other: &RecordedRun) -> Result<Comparison> {
    let (one_detail, other_detail) = (detail(one)?, detail(other)?);
    let (one_facts, other_facts) = (RunFacts::of(&one.events), RunFacts::of(&other.events));
    let (one_nodes, other_nodes) = (by_path(&one_detail), by_path(&other_detail));
    // In the order of the first run; what only the second one has stands behind it.
    let paths: IndexSet<&NodePath> = one_facts.nodes.keys().chain(other_facts.nodes.keys()).copied().collect();
    let nodes: Vec<NodeComparison> = paths
        .into_iter()
        .map(|path| {
            let (one, other) = (one_facts.nodes.get(path), other_facts.nodes.get(path));
            let (one_side, other_side) = (side(one_nodes.get(path), one), side(other_nodes.get(path), other));
            let output = |facts: Option<&NodeFacts<'_>>| facts.and_then(|facts| facts.output.cloned());
            let (one_output, other_output) = (output(one), output(other));
            let way = |side: &Option<NodeSide>| side.as_ref().map(|side| (side.status, side.routed_to.clone()));
            let same = way(&one_side) == way(&other_side) && one_output == other_output;
            let both = one_output.as_ref().zip(other_output.as_ref());
            let difference = both.map(|(one, other)| difference(Some(one), Some(other))).unwrap_or_default();
            NodeComparison { node: path.clone(), same, one: one_side, other: other_side, difference }
        })
        .collect();
    let outputs = values(one_facts.outputs, other_facts.outputs);
    let same =
        one_detail.summary.status == other_detail.summary.status && outputs.is_empty() && nodes.iter().all(|node| node.same);
    Ok(Comparison {
        same,
        inputs: values(one_facts.inputs, other_facts.inputs),
        outputs,
        nodes,
        one: one_detail.summary,
        other: other_detail.summary,
    })
}

fn detail(run: &RecordedRun) -> Result<RunDetail> {
    runs::detail(run.run, &run.events)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("the log of run `{}` does not begin with its creation", run.run)))
}

fn by_path(detail: &RunDetail) -> HashMap<&NodePath, &NodeSummary> {
    detail.nodes.iter().map(|node| (&node.node, node)).collect()
}

fn side(summary: Option<&&NodeSummary>, facts: Option<&NodeFacts<'_>>) -> Option<NodeSide> {
    let (summary, facts) = summary.zip(facts)?;
    Some(NodeSide {
        status: summary.status,
        reused: facts.reused.is_some(),
        routed_to: facts.routed_to.map(<[String]>::to_vec),
        duration_ms: summary.duration_ms,
        spend: summary.spend,
    })
}

type Values = IndexMap<String, Value>;

fn values(one: Option<&Values>, other: Option<&Values>) -> Vec<ValueDifference> {
    let names: IndexSet<&String> = [one, other].into_iter().flatten().flat_map(IndexMap::keys).collect();
    let differing = names.into_iter().filter_map(|name| {
        let get = |values: Option<&Values>| values.and_then(|values| values.get(name)).cloned();
        let (one, other) = (get(one), get(other));
        let difference = difference(one.as_ref(), other.as_ref());
        (one != other).then(|| ValueDifference { name: name.clone(), one, other, difference })
    });
    differing.collect()
}
