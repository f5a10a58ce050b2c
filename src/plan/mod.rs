//! From a manifest to a checked graph. Compiling opens no socket, needs no key and returns a [`Plan`] or every problem.
//!
//! `compile` runs the passes in order: `catalog` (agents), `resolve` (names), `graph` (edges, cycles, reachability; the only user of
//! petgraph), `rules` (what may be read where). `builder` makes a workflow in code; `draw` shows a plan.

mod inputs;
mod types;

pub use types::{
    AgentNode, EdgeKind, EdgePlan, GraphOutput, GraphPlan, InputPlan, JoinMode, Limits, LoopPlan, MapPlan, NodeKind, NodePlan,
    OnError, Plan, RoutePlan,
};
