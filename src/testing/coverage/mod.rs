//! Coverage of workflows: what of a plan its tests took, and what they did not.
//!
//! [`Coverage::of`] lists the points of a plan and of the workflows that it runs or calls, each workflow under its own file;
//! [`Coverage::take`] replays the events of a run and counts what it took; [`Coverage::merge`] adds up over tests and files. `point` says
//! what there is to cover, `survey` finds it in a plan, `take` in a run; `reach` says how to come to what is missing; `report` shows it,
//! `threshold` demands it.
//!
//! What a test mocks as a whole (a node with an inner graph, another workflow, a mapped node) is not looked into: its inside is covered by
//! tests that run it. An agent that is called as a tool is in no workflow, and is not counted.

mod point;
mod reach;
mod report;
mod shares;
mod site;
mod survey;
mod take;
mod threshold;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

pub use point::{Count, Point, Sort, Spot, What};
pub use report::{CoverageFormat, FORMAT_VERSION, render};
pub use threshold::{Shortfall, Threshold};

use crate::{
    diagnostic::Sources,
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody},
    plan::{NodeKind, Plan},
    testing::TestRun,
};

/// What tests took of some workflows.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    files: BTreeMap<PathBuf, FileCoverage>,
}

/// What tests took of one workflow.
#[derive(Debug, Clone)]
pub struct FileCoverage {
    /// The file, as it was given.
    pub path: PathBuf,
    /// The workflow's name.
    pub name: String,
    /// The text of the file.
    pub text: String,
    /// How many runs there were of it: by tests of its own, and inside other workflows.
    pub runs: u64,
    plan: Arc<Plan>,
    points: Vec<Point>,
    /// By node and what is taken of it.
    index: HashMap<(String, What), usize>,
}

/// How many points there are, and how many were taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that were taken.
    pub covered: usize,
    /// All of them.
    pub all: usize,
}

impl Tally {
    /// How much was taken, in percent; all of it, when there is nothing to take.
    #[must_use]
    pub fn percent(self) -> f64 {
        // No workflow has so many points that this is not exact.
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if self.all == 0 { 100.0 } else { number(self.covered) * 100.0 / number(self.all) }
    }

    fn count<'p>(points: impl IntoIterator<Item = &'p Point>) -> Self {
        points.into_iter().fold(Self::default(), |tally, point| Self {
            covered: tally.covered + usize::from(point.is_covered()),
            all: tally.all + 1,
        })
    }
}

impl Coverage {
    /// The points of `plan` and of the workflows that it runs or calls, none of them taken.
    #[must_use]
    pub fn of(plan: &Arc<Plan>) -> Self {
        let mut coverage = Self::default();
        coverage.add(plan, &plan.sources);
        for (_, delegate) in plan.delegates.iter().filter(|(tool, _)| tool.agent().is_none()) {
            coverage.add(delegate, &plan.sources);
        }
        coverage
    }

    fn add(&mut self, plan: &Arc<Plan>, sources: &Sources) {
        let path = site::file_of(sources, plan);
        if self.files.contains_key(&path) {
            return;
        }
        self.files.insert(path, FileCoverage::new(plan, sources));
        let mut graphs = vec![&plan.graph];
        while let Some(graph) = graphs.pop() {
            for node in &graph.nodes {
                match &node.kind {
                    NodeKind::Graph(inner) => graphs.push(inner),
                    NodeKind::Workflow { plan: inner, .. } => self.add(inner, sources),
                    _ => {}
                }
            }
        }
    }

    /// Counts what a run took: one of `plan`, or of a workflow that it calls as a tool. `env` are the environment variables that the run
    /// was given.
    ///
    /// # Errors
    /// `Divergent` when the events are of another plan.
    pub fn take(&mut self, plan: &Arc<Plan>, env: &BTreeMap<String, String>, events: &[Event]) -> Result<()> {
        let Some(plan) = plan_of(plan, events)? else { return Ok(()) };
        let way = take::way(plan, env, events)?;
        let mut within: Vec<PathBuf> = vec![site::file_of(&plan.sources, plan)];
        for taken in way.taken {
            let Some(file) = self.files.get_mut(&taken.file) else { continue };
            if let Some(index) = file.index.get(&(taken.node, taken.what)) {
                file.points[*index].hits += 1;
            }
            if !within.contains(&taken.file) {
                within.push(taken.file);
            }
        }
        for (file, node) in way.skipped {
            if let Some(file) = self.files.get_mut(&file)
                && let Some(index) = file.index.get(&(node, What::Ran))
            {
                file.points[*index].skips += 1;
            }
        }
        for file in &within {
            if let Some(file) = self.files.get_mut(file) {
                file.runs += 1;
            }
        }
        Ok(())
    }

    /// Counts what a test run took, with the runs that it called. `env` are the environment variables that it was given.
    ///
    /// # Errors
    /// As [`Coverage::take`].
    pub fn take_run(&mut self, run: &TestRun, env: &BTreeMap<String, String>) -> Result<()> {
        self.take(&run.rehearsed, env, &run.events)?;
        run.called.iter().try_for_each(|events| self.take(&run.rehearsed, env, events))
    }

    /// Adds what other tests took.
    pub fn merge(&mut self, other: Self) {
        for (path, theirs) in other.files {
            match self.files.get_mut(&path) {
                Some(ours) => ours.merge(theirs),
                None => {
                    self.files.insert(path, theirs);
                }
            }
        }
    }

    /// The workflows, by their files.
    pub fn files(&self) -> impl Iterator<Item = &FileCoverage> {
        self.files.values()
    }

    /// The workflow of the file at `path`, if it is among them.
    #[must_use]
    pub fn file(&self, path: &Path) -> Option<&FileCoverage> {
        self.files.get(&crate::plan::normal(path))
    }

    /// How much of a sort of points was taken; of all points when none is named.
    #[must_use]
    pub fn tally(&self, sort: Option<Sort>) -> Tally {
        Tally::count(self.files().flat_map(|file| of_sort(&file.points, sort)))
    }
}

impl FileCoverage {
    fn new(plan: &Arc<Plan>, sources: &Sources) -> Self {
        let source = sources.get(plan.file);
        let points = survey::points(plan, source);
        let index = points.iter().enumerate().map(|(at, point)| ((point.node.clone(), point.what.clone()), at)).collect();
        Self {
            path: source.path.clone(),
            name: plan.name.clone(),
            text: source.text.clone(),
            runs: 0,
            plan: Arc::clone(plan),
            points,
            index,
        }
    }

    fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        for point in other.points {
            if let Some(at) = self.index.get(&(point.node.clone(), point.what.clone())) {
                self.points[*at].hits += point.hits;
                self.points[*at].skips += point.skips;
            } else {
                // The same file with another manifest: an agent may have another chain of models.
                self.index.insert((point.node.clone(), point.what.clone()), self.points.len());
                self.points.push(point);
            }
        }
    }

    /// Its points: node by node as the plan has them, and those of a node together.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Its points that no test took, in the order of the file.
    #[must_use]
    pub fn missing(&self) -> Vec<&Point> {
        let mut missing: Vec<_> = self.points.iter().filter(|point| !point.is_covered()).collect();
        missing.sort_by_key(|point| (point.spot, point.sort()));
        missing
    }

    /// How much of a sort of points was taken; of all points when none is named.
    #[must_use]
    pub fn tally(&self, sort: Option<Sort>) -> Tally {
        Tally::count(of_sort(&self.points, sort))
    }
}

fn of_sort(points: &[Point], sort: Option<Sort>) -> impl Iterator<Item = &Point> {
    points.iter().filter(move |point| sort.is_none_or(|sort| point.sort() == sort))
}

/// The plan that a run is of: `plan`, or one that it calls as a tool; `None` when that is an agent.
fn plan_of<'p>(plan: &'p Arc<Plan>, events: &[Event]) -> Result<Option<&'p Arc<Plan>>> {
    let Some(EventBody::RunCreated { plan_digest, .. }) = events.first().map(|event| &event.body) else {
        return Err(Error::new(ErrorKind::Divergent, "a run begins with its creation"));
    };
    if *plan_digest == plan.digest {
        return Ok(Some(plan));
    }
    let called = plan.delegates.iter().find(|(_, delegate)| delegate.digest == *plan_digest);
    let (tool, delegate) = called.ok_or_else(|| {
        Error::new(ErrorKind::Divergent, format!("the run is of another workflow than `{}`", plan.name))
            .hint("take the events of a run together with the plan that was run")
    })?;
    Ok(tool.agent().is_none().then_some(delegate))
}
