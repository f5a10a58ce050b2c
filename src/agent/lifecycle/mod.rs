//! How agents are steered by people while runs go on, in whatever process: a document for each agent, changed by compare-and-set.
//!
//! A document says what is wished. What holds in a run is what is in its log: each run records what it finds here before anything
//! follows from it.

mod change;
mod document;

pub use change::{AgentChange, change_agent};
pub use document::{AGENT_CONTROLS, AgentControl, ControlEntry, agent_control, agent_controls};
