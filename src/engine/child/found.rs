//! The runs that a run has called, found in its events: nothing but the call is recorded, and the id follows from it.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::model::{Event, EventBody, NodePath, RunId, Spend, StepId, ToolName, ToolResult};

/// A run that another one called as a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The run. There is none in the store when the process died before it began.
    pub run: RunId,
    /// The tool that it is.
    pub tool: ToolName,
    /// The node instance that called it.
    pub node: NodePath,
    /// Which step of the node.
    pub step: StepId,
    /// Whether the caller has its result.
    pub has_returned: bool,
}

/// The runs that `run`, which has these events, has called, in the order in which they were called.
#[must_use]
pub fn children_of(run: RunId, events: &[Event]) -> Vec<Child> {
    let mut found: IndexMap<RunId, (Child, &str)> = IndexMap::new();
    for event in events {
        match &event.body {
            EventBody::ToolCalled { node, call, .. } => {
                let Ok(tool) = ToolName::new(call.tool.as_str()) else { continue };
                if tool.delegates() {
                    let child =
                        Child { run: run.child(&call.key), tool, node: node.clone(), step: call.step, has_returned: false };
                    found.insert(child.run, (child, call.fingerprint.as_str()));
                }
            }
            EventBody::ToolReturned { node, result, .. } => {
                let called = found.values_mut().find(|(child, fingerprint)| {
                    child.node == *node && child.step == result.step && *fingerprint == result.fingerprint
                });
                if let Some((child, _)) = called {
                    child.has_returned = true;
                }
            }
            _ => {}
        }
    }
    found.into_values().map(|(child, _)| child).collect()
}

/// What called runs cost, as their callers are told: the same run may be told of by several attempts, and counts once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CalledSpend(HashMap<(NodePath, StepId, String), Spend>);

impl CalledSpend {
    /// Takes a result; returns what is new of its cost.
    pub fn take(&mut self, node: &NodePath, result: &ToolResult) -> Spend {
        if result.spend.is_nothing() {
            return Spend::default();
        }
        let call = (node.clone(), result.step, result.fingerprint.clone());
        result.spend.beyond(self.0.insert(call, result.spend).unwrap_or_default())
    }
}
