//! How far something holds of what is drawn: of nodes and edges, e.g. what tests took of them.

use std::collections::BTreeMap;

/// Shares for the nodes and edges of a plan, and of its inner graphs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shares {
    /// By the path of the node: `improve.draft`.
    pub nodes: BTreeMap<String, NodeShare>,
    /// By the paths of source and target: whether it holds.
    pub edges: BTreeMap<(String, String), bool>,
}

/// Of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeShare {
    /// How far it holds.
    pub share: Share,
    /// What is said of it, in a few words.
    pub note: String,
}

/// How far something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    All,
    /// Some of it.
    Some,
    /// Nothing of it.
    None,
}

impl Share {
    /// Of several things, of which each holds or does not; `None` for none.
    #[must_use]
    pub fn of(hold: impl IntoIterator<Item = bool>) -> Option<Self> {
        hold.into_iter()
            .map(|holds| if holds { Self::All } else { Self::None })
            .reduce(|one, other| if one == other { one } else { Self::Some })
    }

    /// What pictures call it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Some => "some",
            Self::None => "none",
        }
    }
}

/// Those of one graph among those of a plan.
#[derive(Debug, Clone)]
pub(super) struct Within<'m> {
    shares: &'m Shares,
    /// The path of the node that the graph is in.
    path: String,
}

impl<'m> Within<'m> {
    /// Of the outermost graph.
    pub(super) fn all(shares: &'m Shares) -> Self {
        Self { shares, path: String::new() }
    }

    /// Of the graph in this node.
    pub(super) fn inside(&self, node: &str) -> Self {
        Self { shares: self.shares, path: self.path_of(node) }
    }

    fn path_of(&self, node: &str) -> String {
        if self.path.is_empty() { node.to_owned() } else { format!("{}.{node}", self.path) }
    }

    pub(super) fn node(&self, node: &str) -> Option<&'m NodeShare> {
        self.shares.nodes.get(&self.path_of(node))
    }

    pub(super) fn edge(&self, from: &str, to: &str) -> Option<bool> {
        self.shares.edges.get(&(self.path_of(from), self.path_of(to))).copied()
    }
}
