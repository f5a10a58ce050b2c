//! How much of each node and edge was taken, for the picture of a workflow.

use std::collections::BTreeMap;

use super::{
    FileCoverage, Tally,
    point::{Point, What},
};
use crate::plan::{NodeShare, Share, Shares};

/// Of all nodes and edges.
pub(super) fn shares(file: &FileCoverage) -> Shares {
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
    Shares { nodes: nodes.into_iter().map(|(node, points)| (node.to_owned(), share(&points))).collect(), edges }
}

fn share(points: &[&Point]) -> NodeShare {
    let ran = points.iter().find(|point| point.what == What::Ran);
    let (hits, skips) = ran.map_or((0, 0), |point| (point.hits, point.skips));
    let tally = Tally::count(points.iter().copied());
    let missing = tally.all - tally.covered;
    let (share, note) = match (hits, skips, missing) {
        (0, 0, _) => (Share::None, "✗ never ran".to_owned()),
        (0, ..) => (Share::None, "✗ only skipped".to_owned()),
        (.., 0) => (Share::All, format!("✓ ran {hits}×")),
        _ => (Share::Some, format!("ran {hits}×, {missing} of {} points missing", tally.all)),
    };
    NodeShare { share, note }
}
