//! What workflows, agents and nodes ask for: a call is held to all of it, so that each can only take away from what the one around
//! it has.

use crate::model::{Access, AccessClass, Permission};

/// What a workflow, an agent or a node asks for at most.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Level {
    /// Who asks, for messages: ``agent `writer` ``.
    pub owner: String,
    /// For what.
    pub permissions: Vec<Permission>,
}

/// What a call is held to besides the operator's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// From the outside to the inside; only levels that say what they ask for.
    pub levels: Vec<Level>,
    /// Whether a person is asked before every call that changes the world or sends something out.
    pub always_ask: bool,
}

impl Grants {
    /// Why nobody may touch `access` here, in words.
    pub(super) fn refusal(&self, access: &Access) -> Option<String> {
        self.first_without(|permission| permission.covers(access))
    }

    /// Why nobody may touch anything of a kind here, in words.
    #[must_use]
    pub fn refusal_of_all(&self, class: AccessClass) -> Option<String> {
        self.first_without(|permission| permission.class() == class)
    }

    /// Why nobody may call any tool of an MCP server here, in words.
    #[must_use]
    pub fn refusal_of_server(&self, server: &str) -> Option<String> {
        self.first_without(|permission| permission.is_of_server(server))
    }

    fn first_without(&self, is_meant: impl Fn(&Permission) -> bool) -> Option<String> {
        if self.levels.is_empty() {
            return Some("no workflow, agent or node asks for it under `permissions`".to_owned());
        }
        let level = self.levels.iter().find(|level| !level.permissions.iter().any(&is_meant))?;
        Some(format!("{} does not ask for it under `permissions`", level.owner))
    }
}
