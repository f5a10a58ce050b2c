//! What is marked in the picture of a workflow.

use std::collections::BTreeMap;

use super::{
    FileCoverage, Tally,
    point::{Point, What},
};
use crate::plan::{Mark, Marks, NodeMark};

/// The marks of all nodes and edges.
pub(super) fn marks(file: &FileCoverage) -> Marks {
    let mut nodes: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    let mut edges = BTreeMap::new();
    for point in &file.points {
        match &point.what {
            What::EdgeFrom(from) => {
                let (graph, _) = point.node.rsplit_once('.').unwrap_or_default();
                edges.insert((super::site::join(graph, from), point.node.clone()), point.is_covered());
            }
            _ => nodes.entry(&point.node).or_default().push(point),
        }
    }
    Marks { nodes: nodes.into_iter().map(|(node, points)| (node.to_owned(), mark(&points))).collect(), edges }
}

fn mark(points: &[&Point]) -> NodeMark {
    let ran = points.iter().find(|point| point.what == What::Ran);
    let (hits, skips) = ran.map_or((0, 0), |point| (point.hits, point.skips));
    let tally = Tally::count(points.iter().copied());
    let missing = tally.all - tally.covered;
    let (mark, note) = match (hits, skips, missing) {
        (0, 0, _) => (Mark::None, "✗ never ran".to_owned()),
        (0, ..) => (Mark::None, "✗ only skipped".to_owned()),
        (.., 0) => (Mark::All, format!("✓ ran {hits}×")),
        _ => (Mark::Some, format!("ran {hits}×, {missing} of {} points missing", tally.all)),
    };
    NodeMark { mark, note }
}
