//! What a run state is made of: frames (graphs being run) and instances (nodes in them).

use std::{collections::VecDeque, ops::Range, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{reserve::Reserve, standing::Standing};
use crate::{
    agent::Recorded,
    error::ErrorRecord,
    model::{NodePath, NodeStatus, Seq, Spend},
    plan::{GraphPlan, Plan},
    template::Shared,
};

/// Index of an instance in the run state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::engine) struct InstanceId(pub(super) u32);

/// Index of a frame in the run state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FrameId(pub(super) u32);

impl FrameId {
    /// The frame of the run itself: its creation opens it.
    pub(super) const ROOT: Self = Self(0);
}

/// A graph being run: the whole run, one iteration of an inner graph, or an inner workflow.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) graph: Arc<GraphPlan>,
    /// The workflow it belongs to, for its limits and outputs.
    pub(super) plan: Arc<Plan>,
    /// The instance it is the inside of; `None` for the run itself.
    pub(super) owner: Option<InstanceId>,
    /// Whether its templates see the names around it; an inner workflow sees only its inputs.
    pub(super) sees_outside: bool,
    pub(super) inputs: Shared,
    /// From 1, when it is one of several.
    pub(super) iteration: Option<u32>,
    /// The outputs of the iteration before, by node.
    pub(super) previous: Shared,
    /// The instance of each node of the graph.
    pub(super) nodes: Vec<InstanceId>,
    /// Instances that have not ended.
    pub(super) open: usize,
    /// Instances that run or wait for their next attempt.
    pub(super) active: usize,
    /// The failure that ends it.
    pub(super) failed: Option<ErrorRecord>,
    /// All calls inside it.
    pub(super) spend: Spend,
    /// Attempts of agents in flight inside it.
    pub(super) running: u32,
    /// Instances inside it that stood first in the queue while it had no place; each is called when one is free.
    pub(super) crowd: VecDeque<InstanceId>,
    /// What they may take at most.
    pub(super) reserved: Reserve,
}

impl Frame {
    /// Whether one more attempt may run inside it.
    pub(super) fn has_place(&self) -> bool {
        self.running < self.plan.limits.concurrency
    }
}

/// A node in a frame, or an element of a mapped one.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) frame: FrameId,
    /// Index of the node in the frame's graph.
    pub(super) node: usize,
    pub(super) path: NodePath,
    pub(super) element: Option<Element>,
    pub(super) status: NodeStatus,
    /// From 1; 0 before the first.
    pub(super) attempt: u32,
    /// Which model of the chain is asked: 0 is the node's own, then its fallbacks.
    pub(super) target: usize,
    /// Attempts that have begun with that model.
    pub(super) tries: u32,
    /// The last error of each model of the chain that was given up, as `provider/model: error`.
    pub(super) given_up: Vec<String>,
    /// What the attempt in flight may take at most.
    pub(super) reserve: Reserve,
    /// Incoming edges whose source has not ended.
    pub(super) undecided: usize,
    pub(super) output: Shared,
    pub(super) error: Option<ErrorRecord>,
    /// Whether it succeeded or its failure is handled with an output.
    pub(super) went_through: bool,
    pub(super) routed_to: Vec<String>,
    pub(super) spend: Spend,
    pub(super) started_at: Option<Timestamp>,
    /// When its present attempt began.
    pub(super) attempted_at: Option<Timestamp>,
    /// How long the run had been worked on when it began.
    pub(super) active_before: Duration,
    /// The event with which it started; what ended later is not seen by it.
    pub(super) began: Option<Seq>,
    pub(super) ended_at: Option<Timestamp>,
    /// The event that its next step rests on: it must be durable before a call of this instance leaves the process.
    pub(super) horizon: Seq,
    pub(super) recorded: Recorded,
    pub(super) standing: Standing,
    /// While it waits for something else than its next attempt, how long the run had been worked on when that began: for a person to
    /// answer the questions in `recorded` or those of a run that it called, or, when it stands, for what it stands for.
    pub(super) paused: Option<Duration>,
    /// Whether it waits because the run or its agent is held.
    pub(super) is_held: bool,
    /// While it waits, when it is looked at again: for its next attempt, or because it waits no longer than until then.
    pub(super) due: Option<Timestamp>,
    pub(super) inner: Inner,
    /// Whether it stands in the ready queue.
    pub(super) queued: bool,
}

/// Which element of a map an instance is.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) parent: InstanceId,
    pub(super) index: usize,
    pub(super) item: Shared,
}

/// What runs inside an instance.
#[derive(Debug)]
pub(super) enum Inner {
    Nothing,
    Frame(FrameId),
    Elements(Elements),
}

/// The elements of a mapped node.
#[derive(Debug)]
pub(super) struct Elements {
    /// Their instances, in order.
    pub(super) ids: Range<u32>,
    /// The first that was not yet offered a start.
    pub(super) next: u32,
    /// Those that have not ended.
    pub(super) open: usize,
    /// Those that run or wait for their next attempt.
    pub(super) active: usize,
    /// The failure that ends the map.
    pub(super) failed: Option<ErrorRecord>,
}
