//! Coverage of workflows: what runs take, and how it is told.

mod files;
mod points;
mod reports;

use std::collections::BTreeMap;

use agentflow::testing::coverage::{Coverage, FileCoverage, Point};

use crate::engine::flow::{Flow, Ran};

/// What some runs took of a workflow.
struct Covered(Coverage);

impl Covered {
    /// What the runs of these flows, which are all of the same workflow, took.
    async fn by(flows: impl IntoIterator<Item = Flow>) -> Self {
        let mut all = Coverage::default();
        for flow in flows {
            let ran = flow.run().await;
            all.merge(coverage_of(&flow, &ran));
        }
        Self(all)
    }

    fn file(&self) -> &FileCoverage {
        self.0.files().next().unwrap()
    }

    /// What was taken of a node, without its edges and that it ran.
    fn of(&self, node: &str) -> Vec<String> {
        let points = self.file().points().iter().filter(|point| point.node == node && point.is_covered());
        points.map(Point::in_words).filter(|words| words != "ran" && !words.starts_with("edge ")).collect()
    }

    /// What is missing, as `node: what`.
    fn missing(&self) -> Vec<String> {
        self.file().missing().iter().map(|point| format!("{}: {}", point.node, point.in_words())).collect()
    }
}

/// What one run took.
fn coverage_of(flow: &Flow, ran: &Ran) -> Coverage {
    let mut coverage = Coverage::of(&flow.plan);
    coverage.take(&flow.plan, &BTreeMap::new(), &ran.events).unwrap();
    coverage
}
