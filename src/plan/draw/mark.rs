//! Marks on the nodes of a flowchart: what changed about them, or how they did in a run.

use std::collections::BTreeMap;

/// What a node is marked as; the later one here goes first where a node stands for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// It was left out of a run.
    Skipped,
    /// It came to a good end.
    Succeeded,
    /// The run ended before it did.
    Cancelled,
    /// It was in hand when the run was last looked at.
    Running,
    /// It waits for somebody or something.
    Waiting,
    /// It failed.
    Failed,
    /// It is another than before.
    Changed,
    /// It is new.
    Added,
    /// It may touch more than before.
    Widened,
}

impl Mark {
    /// All of them.
    pub(super) const ALL: [Self; 9] = [
        Self::Skipped,
        Self::Succeeded,
        Self::Cancelled,
        Self::Running,
        Self::Waiting,
        Self::Failed,
        Self::Changed,
        Self::Added,
        Self::Widened,
    ];

    /// A word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Widened => "widened",
        }
    }

    /// How such a node is painted: readable on light and on dark pages.
    pub(super) fn style(self) -> &'static str {
        match self {
            Self::Skipped | Self::Cancelled => "fill:#eeeeee,stroke:#999999,color:#555555,stroke-dasharray:4 3",
            Self::Succeeded | Self::Added => "fill:#dafbe1,stroke:#1a7f37,color:#0b3d18",
            Self::Running => "fill:#ddf4ff,stroke:#0969da,color:#0a3069",
            Self::Waiting | Self::Changed => "fill:#fff8c5,stroke:#9a6700,color:#3b2300",
            Self::Failed => "fill:#ffebe9,stroke:#cf222e,color:#82071e",
            Self::Widened => "fill:#ffebe9,stroke:#cf222e,color:#82071e,stroke-width:3px",
        }
    }
}

/// Marks by the path of a node in the plan, each with what there is to say of it: a few words on a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    nodes: BTreeMap<String, (Mark, String)>,
}

impl Marks {
    /// Marks the node at `path`, unless it has a stronger mark.
    pub fn set(&mut self, path: impl Into<String>, mark: Mark, words: impl Into<String>) {
        let path = path.into();
        if self.nodes.get(&path).is_none_or(|(known, _)| *known < mark) {
            self.nodes.insert(path, (mark, words.into()));
        }
    }

    /// The mark of the node at `path`.
    pub(super) fn of(&self, path: &str) -> Option<(Mark, &str)> {
        self.nodes.get(path).map(|(mark, words)| (*mark, words.as_str()))
    }

    /// The mark of a node that stands for all that is inside it: the strongest of them.
    pub(super) fn of_all_in(&self, path: &str) -> Option<(Mark, &str)> {
        let inside = format!("{path}.");
        let inner = self.nodes.iter().filter(|(known, _)| known.starts_with(&inside));
        let strongest = inner.max_by_key(|(_, (mark, _))| *mark).map(|(_, (mark, words))| (*mark, words.as_str()));
        match (self.of(path), strongest) {
            (Some(own), Some(inner)) if inner.0 > own.0 => Some(inner),
            (own, inner) => own.or(inner),
        }
    }
}
