//! What there is to cover in a workflow: points, each of a sort, each at a place in the file.

use std::fmt;

/// The sorts of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// Each node ran.
    Nodes,
    /// Each edge was taken: its target began, and the edge was one of those by which it could.
    Edges,
    /// Each `when`, each `until` and each condition of an edge was once true and once false.
    Conditions,
    /// Each case of a `route` was chosen, and its default.
    Routes,
    /// Each `on_error` was needed, each written `retry`, and each end of the time for a message without which it goes on.
    Errors,
    /// Each model of a chain of fallbacks was asked.
    Fallbacks,
    /// Each loop went round again, and each with `until` came to its bound without it.
    Loops,
    /// Each `map` had no element, one, and more.
    Maps,
    /// Each edge to a node with `join: any` was the first one.
    Joins,
    /// Each option of an approval was taken, and nobody answered in time.
    Approvals,
}

impl Sort {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Nodes,
        Self::Edges,
        Self::Conditions,
        Self::Routes,
        Self::Errors,
        Self::Fallbacks,
        Self::Loops,
        Self::Maps,
        Self::Joins,
        Self::Approvals,
    ];

    /// Its name on the command line and in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Edges => "edges",
            Self::Conditions => "conditions",
            Self::Routes => "routes",
            Self::Errors => "errors",
            Self::Fallbacks => "fallbacks",
            Self::Loops => "loops",
            Self::Maps => "maps",
            Self::Joins => "joins",
            Self::Approvals => "approvals",
        }
    }

    /// The sort of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == name)
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many elements a `map` had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Count {
    /// None.
    None,
    /// One.
    One,
    /// More than one.
    Many,
}

impl Count {
    /// Of a number of elements.
    #[must_use]
    pub fn of(elements: usize) -> Self {
        match elements {
            0 => Self::None,
            1 => Self::One,
            _ => Self::Many,
        }
    }
}

/// What a test can take of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// It ran.
    Ran,
    /// It began, and the edge from this node was taken.
    EdgeFrom(String),
    /// Its `when` had this value.
    When(bool),
    /// The condition of the edge from this node had this value.
    EdgeCondition(String, bool),
    /// The `until` of its loop had this value.
    Until(bool),
    /// Its `route` chose by this case.
    Case(String),
    /// Its `route` chose by the default.
    Default,
    /// It failed, and the run went on without its output.
    Continued,
    /// It failed, and the run went on with what stands in for its output.
    Replaced,
    /// It failed, and the run went on at this node.
    WentTo(String),
    /// An attempt failed, and another one was made.
    Retried,
    /// What it waited for did not come in time, and the run went on.
    CameShort,
    /// This model was asked after another one had failed.
    FellBackTo(String),
    /// Its loop went round again.
    WentRound,
    /// Its loop ended with the last iteration that it may make, and its `until` was still false.
    ReachedBound,
    /// Its `map` had so many elements.
    Mapped(Count),
    /// With `join: any`, it began with the edge from this node.
    FirstFrom(String),
    /// A person took this option.
    Chose(String),
    /// Nobody answered in time.
    Unanswered,
}

impl What {
    /// The sort of the point.
    #[must_use]
    pub fn sort(&self) -> Sort {
        match self {
            Self::Ran => Sort::Nodes,
            Self::EdgeFrom(_) => Sort::Edges,
            Self::When(_) | Self::EdgeCondition(..) | Self::Until(_) => Sort::Conditions,
            Self::Case(_) | Self::Default => Sort::Routes,
            Self::Continued | Self::Replaced | Self::WentTo(_) | Self::Retried | Self::CameShort => Sort::Errors,
            Self::FellBackTo(_) => Sort::Fallbacks,
            Self::WentRound | Self::ReachedBound => Sort::Loops,
            Self::Mapped(_) => Sort::Maps,
            Self::FirstFrom(_) => Sort::Joins,
            Self::Chose(_) | Self::Unanswered => Sort::Approvals,
        }
    }
}

/// Where a point is written: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One point of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The node it is about, by its path in its workflow: `improve.draft`.
    pub node: String,
    /// What a test can take of it.
    pub what: What,
    /// Where it is written in the workflow's file.
    pub spot: Spot,
    /// The expression or the value that decides, as written; empty where none does.
    pub subject: String,
    /// How often it was taken.
    pub hits: u64,
    /// Of [`What::Ran`], how often the node was skipped instead.
    pub skips: u64,
}

impl Point {
    /// The sort of the point.
    #[must_use]
    pub fn sort(&self) -> Sort {
        self.what.sort()
    }

    /// Whether a test took it.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.hits > 0
    }
}
