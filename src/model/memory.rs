//! What is remembered, in the words all rooms share: whose it is, who wrote it, where it stands, and what a search finds.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind},
    model::{AgentName, NodePath, RunId, Value},
};

/// Whose something remembered is: a search with a scope finds what is of that scope only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Of all workflows of the project.
    #[default]
    Project,
    /// Of the workflow of this name.
    Workflow(String),
    /// Of the agent of this name.
    Agent(AgentName),
    /// Of one run.
    Run(RunId),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project => f.write_str("project"),
            Self::Workflow(name) => write!(f, "workflow:{name}"),
            Self::Agent(name) => write!(f, "agent:{name}"),
            Self::Run(run) => write!(f, "run:{run}"),
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            None if text == "project" => Ok(Self::Project),
            Some(("workflow", name)) if !name.is_empty() => Ok(Self::Workflow(name.to_owned())),
            Some(("agent", name)) => Ok(Self::Agent(AgentName::new(name)?)),
            Some(("run", id)) => Ok(Self::Run(id.parse()?)),
            _ => Err(Error::new(ErrorKind::Invalid, format!("`{}` is no scope", text.escape_default()))
                .hint("write `project`, `workflow:NAME`, `agent:NAME` or `run:ID`")),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

/// Who wrote something remembered. All absent: a person, by the command line or by a path in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writer {
    /// In this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// By this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodePath>,
    /// By this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
}

/// Where a chunk stands in its document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Its first line, from 1.
    pub first_line: u32,
    /// Its last line, inclusive.
    pub last_line: u32,
    /// Its page, from 1, in documents that have pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The headings it stands under, the outermost first, joined by ` > `; in code, the item it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
}

/// A chunk that a search has found: what models, templates and people are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passage {
    /// Where it is from, to be cited: `docs/format.md:12-30`, `paper.pdf (page 3)`, a URL.
    pub citation: String,
    /// The document: a path from the project's folder with `/`, a URL, or a name that the writer chose.
    pub source: String,
    /// Where it stands in the document.
    pub position: Position,
    /// The text.
    pub text: String,
    /// How many tokens it has, by the count of who made the collection's vectors.
    pub tokens: u32,
    /// How well it fits in the order of this search, greater is better: the cosine for a search by meaning; for a search by words,
    /// BM25 (greater than 0); for both together, the fused reciprocal ranks, 1 for what is first in both.
    pub score: f64,
    /// The cosine of the angle between query and chunk, -1 to 1; absent where there are no vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f64>,
    /// Whether strangers or models may have written it.
    pub untrusted: bool,
    /// Whose it is.
    pub scope: Scope,
    /// What its writer noted about the document, by name.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub metadata: serde_json::Map<String, Value>,
}

impl Passage {
    /// The citation of a chunk of `source` at `position`.
    #[must_use]
    pub fn cite(source: &str, position: &Position) -> String {
        match (position.page, position.first_line, position.last_line) {
            (Some(page), ..) => format!("{source} (page {page})"),
            (None, 0, _) => source.to_owned(),
            (None, first, last) if first == last => format!("{source}:{first}"),
            (None, first, last) => format!("{source}:{first}-{last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for text in ["project", "workflow:ask-docs", "agent:writer", "run:01890a5d-ac96-774b-bcce-b302099a8057"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for bad in ["", "workflow:", "agent:A B", "run:x", "team:a", "project:x"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_citation_says_where_to_look() {
        let at = |first_line, last_line, page| Position { first_line, last_line, page, heading: None };
        assert_eq!(Passage::cite("a.md", &at(3, 9, None)), "a.md:3-9");
        assert_eq!(Passage::cite("a.md", &at(3, 3, None)), "a.md:3");
        assert_eq!(Passage::cite("a.pdf", &at(1, 40, Some(2))), "a.pdf (page 2)");
        assert_eq!(Passage::cite("note", &Position::default()), "note");
    }
}
