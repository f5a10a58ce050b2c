//! From a manifest to a checked graph. Compiling opens no socket, needs no key and returns a [`Plan`] or every problem.
//!
//! `compile` runs the passes in order: `catalog` (agents), `resolve` (manifest → `draft`), `links` (names in a `scope`, edges; `graph`
//! orders them and is the only user of petgraph), `certain` (what is there when a node runs), `shapes` (schemas), `rules`, `assemble`.
//! `builder` makes a workflow in code; `registered` are agents that a program adds; `delegates` are agents and workflows that are
//! called as tools; `choice` takes one of several agents that can do the same; `draw` shows a plan; `definition` says what a node is, so that two can be compared; `difference` tells what is other in one plan than in another; `paths` finds
//! nodes by name; `rehearse` is a plan whose nodes are mocked; `waits` are nodes that no task works on; `addressees` are the mailboxes that there are.

mod addressees;
mod assemble;
mod builder;
mod catalog;
mod certain;
mod choice;
mod collections;
mod compile;
mod definition;
mod delegates;
mod difference;
mod draft;
mod draw;
mod graph;
mod inputs;
mod links;
mod lock;
mod needs;
mod paths;
mod powers;
mod registered;
mod rehearse;
mod resolve;
mod rules;
mod scope;
mod shapes;
mod surface;
mod texts;
mod tools;
mod types;
mod waits;
mod ways;

pub use addressees::Addressees;
pub use builder::{GraphBuilder, GraphProblems, NodeSpec};
pub use catalog::{Catalog, CatalogEntry, catalog};
pub use choice::{AgentStanding, Choice, ModelStanding, Standings};
pub(crate) use compile::normal;
pub use compile::{
    CompileOptions, Compiled, CompiledManifest, MANIFEST_NAMES, ManifestChoice, compile, compile_manifest, compile_text,
    find_manifest,
};
pub use difference::{AspectDifference, ChangeKind, EdgeDifference, NodeDifference, PlanDifference};
pub use draw::{DrawFormat, Mark, Marks, NodeShare, Share, Shares, draw, draw_marked, draw_shares};
pub use lock::{Lock, LockChange, LockSubject, NodeLock, OfferedLock, ServerLock, WorkflowLock};
pub use powers::{Power, asks};
pub use registered::RegisteredAgents;
pub use rehearse::{Rehearsed, RehearsedAnswer};
pub use surface::{LevelSurface, NodeSurface, Surface};
pub use types::{
    AgentNode, ConversationPlan, ConversationScope, EdgeKind, EdgePlan, GraphOutput, GraphPlan, InputPlan, JoinMode, Limits,
    LoopPlan, MapPlan, NodeKind, NodePlan, OnError, Plan, RecallPlan, RememberPlan, RoutePlan, ToolNode,
};
pub use waits::{ApprovalNode, MailboxPlan, MessageSource, ReceiveNode, SendNode, WaitNode};
