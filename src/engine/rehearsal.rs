//! Runs that are rehearsed: something stands in for the work of nodes, and is shown everything that a node is given.

use std::fmt;

use async_trait::async_trait;

use crate::{
    error::Result,
    model::{AgentName, ModelRef, NodePath, RunId, ToolName, Value},
};

/// An attempt of a node that is about to do its work.
#[derive(Debug, Clone, Copy)]
pub struct Rehearsed<'a> {
    /// The run; of what is called as a tool, its own.
    pub run: RunId,
    /// The node instance.
    pub node: &'a NodePath,
    /// From 1.
    pub attempt: u32,
    /// Whether the node has no work of its own: [`crate::plan::Plan::rehearse`] took it away.
    pub is_mocked: bool,
    /// For an agent's node, whom it asks.
    pub agent: Option<&'a AgentName>,
    /// For an agent's node, the model that is asked.
    pub model: Option<&'a ModelRef>,
    /// For an agent's node, the system prompt.
    pub system: Option<&'a str>,
    /// For an agent's node, the prompt.
    pub prompt: Option<&'a str>,
    /// For a node that calls a tool, which.
    pub tool: Option<&'a ToolName>,
    /// For a node that calls a tool, with what.
    pub arguments: Option<&'a Value>,
}

/// Stands in for the work of nodes. A rehearsed run asks no people that it is not told to ask, and does not touch the mailboxes of the
/// project.
#[async_trait]
pub trait StandIns: fmt::Debug + Send + Sync {
    /// What comes of an attempt; `None` lets the node do its work, if it has any.
    async fn perform(&self, attempt: Rehearsed<'_>) -> Option<Result<Value>>;
}
