//! Tools in the words all rooms share: what they are called, what a call does to the world, what a model asks for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind},
    model::Value,
};

/// The longest name of a tool, in bytes.
const MAX_TOOL_NAME: usize = 256;
/// The longest name of a tool that providers take, in bytes.
const MAX_WIRE_NAME: usize = 64;

/// What a call does to the world, and so what may be done when nobody knows whether it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Computes: the same arguments always give the same result.
    Pure,
    /// Looks at the world: may be made again.
    Read,
    /// Changes the world, and is made again with the same key without changing it once more.
    Idempotent,
    /// Changes the world each time it is made.
    Write,
}

impl Effect {
    /// The effect as written in files and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Read => "read",
            Self::Idempotent => "idempotent",
            Self::Write => "write",
        }
    }

    /// Whether it changes the world.
    #[must_use]
    pub fn changes(self) -> bool {
        matches!(self, Self::Idempotent | Self::Write)
    }
}

/// What a tool is called: `calculator`, `mcp:github/search_issues`, `agent:critic`, `workflow:research.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolName(String);

impl ToolName {
    /// Checks and wraps `text`.
    ///
    /// # Errors
    /// `Invalid` unless it is of one of the four forms.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let plain = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c)) && text != "." && text != ".."
        };
        let is_good = match text.split_once(':') {
            None => plain(&text, "_-"),
            Some(("mcp", rest)) => rest.split_once('/').is_some_and(|(server, tool)| plain(server, "_-") && plain(tool, "_-./")),
            Some(("agent", rest)) => plain(rest, "_-"),
            Some(("workflow", rest)) => !rest.is_empty() && !rest.chars().any(char::is_control),
            Some(_) => false,
        };
        if is_good && text.len() <= MAX_TOOL_NAME {
            return Ok(Self(text));
        }
        Err(Error::new(ErrorKind::Invalid, format!("`{}` is no name of a tool", text.escape_default()))
            .hint("write the name of a built-in tool such as `calculator`, `mcp:SERVER/TOOL`, `agent:NAME` or `workflow:FILE`"))
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The agent that it calls, if it calls one.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.0.strip_prefix("agent:")
    }

    /// The workflow file that it runs, if it runs one.
    #[must_use]
    pub fn workflow(&self) -> Option<&str> {
        self.0.strip_prefix("workflow:")
    }

    /// Whether it calls another agent or workflow, by a run of its own.
    #[must_use]
    pub fn delegates(&self) -> bool {
        self.agent().is_some() || self.workflow().is_some()
    }

    /// The name as providers take it, `^[a-zA-Z0-9_-]{1,64}$`: other characters become `_` (`:` and `/` become `__`), and what is too
    /// long ends in a digest of the whole name.
    #[must_use]
    pub fn wire(&self) -> String {
        let mut wire = String::with_capacity(self.0.len() + 4);
        for c in self.0.chars() {
            match c {
                ':' | '/' => wire.push_str("__"),
                c if c.is_ascii_alphanumeric() || c == '_' || c == '-' => wire.push(c),
                _ => wire.push('_'),
            }
        }
        if wire.len() > MAX_WIRE_NAME {
            let digest = Sha256::digest(self.0.as_bytes());
            wire.truncate(MAX_WIRE_NAME - 9);
            wire.push('_');
            wire.push_str(&data_encoding::HEXLOWER.encode(&digest[..4]));
        }
        wire
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ToolName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for ToolName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl From<ToolName> for String {
    fn from(name: ToolName) -> String {
        name.0
    }
}

/// Tools by name, `*` standing for any characters: `calculator`, `http_*`, `mcp:github/search_*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ToolPattern(String);

impl ToolPattern {
    /// Checks and wraps `text`.
    ///
    /// # Errors
    /// `Invalid` unless it would be the name of a tool with its stars filled in.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        ToolName::new(text.replace('*', "x"))?;
        Ok(Self(text))
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it means one tool only.
    #[must_use]
    pub fn as_name(&self) -> Option<ToolName> {
        if self.0.contains('*') { None } else { ToolName::new(self.0.clone()).ok() }
    }

    /// The MCP server whose tools it names.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.0.strip_prefix("mcp:")?.split_once('/').map(|(server, _)| server)
    }

    /// Whether it means everything that `narrower` means.
    #[must_use]
    pub fn is_wider_than(&self, narrower: &Self) -> bool {
        // A star of `narrower` is a character that only a star of this fits.
        kind_of(&self.0) == kind_of(&narrower.0) && self.server() == narrower.server() && stars_fit(&self.0, &narrower.0)
    }

    /// Whether some tool may be meant by both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        stars_meet(&self.0, &other.0)
    }

    /// Whether it means `name`.
    #[must_use]
    pub fn covers(&self, name: &ToolName) -> bool {
        kind_of(&self.0) == kind_of(name.as_str()) && stars_fit(&self.0, name.as_str())
    }
}

/// `mcp`, `agent`, `workflow`; none for a built-in tool. No star stands for one.
fn kind_of(name: &str) -> Option<&str> {
    name.split_once(':').map(|(kind, _)| kind)
}

impl fmt::Display for ToolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters, or none.
pub(super) fn stars_fit(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        if at < pattern.len() && pattern[at] == b'*' {
            star = Some((at, from));
            at += 1;
        } else if at < pattern.len() && pattern[at] == text[from] {
            at += 1;
            from += 1;
        } else if let Some((star_at, star_from)) = &mut star {
            // The star takes one character more.
            *star_from += 1;
            (at, from) = (*star_at + 1, *star_from);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Whether some text fits both patterns.
pub(super) fn stars_meet(one: &str, two: &str) -> bool {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    sequences_meet(&one, &two, &|c| *c == '*', &|one, two| one == two)
}

/// Whether two sequences can be the same, when what is `open` stands for any part of the other, or none.
pub(super) fn sequences_meet<T>(one: &[T], two: &[T], open: &dyn Fn(&T) -> bool, fit: &dyn Fn(&T, &T) -> bool) -> bool {
    // can[j] tells whether the first i of `one` and the first j of `two` can be the same.
    let mut can = vec![false; two.len() + 1];
    for i in 0..=one.len() {
        let before = can.clone();
        for j in 0..=two.len() {
            can[j] = match (i.checked_sub(1).map(|i| &one[i]), j.checked_sub(1).map(|j| &two[j])) {
                (None, None) => true,
                (Some(a), None) => open(a) && before[j],
                (None, Some(b)) => open(b) && can[j - 1],
                (Some(a), Some(b)) => (open(a) || open(b)) && (before[j] || can[j - 1]) || before[j - 1] && fit(a, b),
            };
        }
    }
    can[two.len()]
}

/// A tool as models and people are told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// What it is called.
    pub name: ToolName,
    /// What it does and when to use it, for the model.
    pub description: String,
    /// JSON Schema of its arguments; `type: object` at its root.
    pub parameters: Value,
    /// What a call does at most, unless its arguments say less.
    pub effect: Effect,
}

/// A model asks for a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRequest {
    /// What the model calls this request; its result carries the same.
    pub id: String,
    /// The tool, as providers write names: see [`ToolName::wire`].
    pub name: String,
    /// The arguments as the model wrote them: JSON, if it kept to its part.
    pub arguments: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_four_forms() {
        for good in ["calculator", "mcp:github/search_issues", "mcp:a/b.c", "agent:critic", "workflow:flows/x.yaml"] {
            assert_eq!(ToolName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "mcp:github", "mcp:/x", "mcp:a/..", "shell:x", "a/b", "calc\u{1b}", "agent:"] {
            assert!(ToolName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn providers_are_told_plain_names_that_stay_apart() {
        assert_eq!(ToolName::new("mcp:git/a.b").unwrap().wire(), "mcp__git__a_b");
        let (one, two) = (format!("mcp:s/{}1", "x".repeat(90)), format!("mcp:s/{}2", "x".repeat(90)));
        let (one, two) = (ToolName::new(one).unwrap().wire(), ToolName::new(two).unwrap().wire());
        assert_eq!((one.len(), two.len()), (64, 64));
        assert_ne!(one, two);
    }

    #[test]
    fn a_pattern_is_wider_than_what_it_covers_whatever_stands_for_its_stars() {
        let wider = |wide: &str, narrow: &str| ToolPattern::new(wide).unwrap().is_wider_than(&ToolPattern::new(narrow).unwrap());
        assert!(
            wider("http_*", "http_get") && wider("http_*", "http_*") && wider("*", "http_*") && wider("mcp:gh/*", "mcp:gh/get_*")
        );
        assert!(!wider("http_get", "http_*") && !wider("*", "mcp:gh/x") && !wider("mcp:gh/*", "mcp:git/x"));
        assert!(!wider("http_*", "*_get"));
    }

    #[test]
    fn stars_stand_for_any_characters() {
        let covers = |pattern: &str, name: &str| ToolPattern::new(pattern).unwrap().covers(&ToolName::new(name).unwrap());
        assert!(covers("http_*", "http_get") && covers("mcp:gh/*_issue*", "mcp:gh/get_issue_2") && covers("a", "a"));
        assert!(!covers("*", "agent:critic") && !covers("*", "mcp:gh/x") && covers("agent:*", "agent:critic"));
        assert!(
            !covers("http_*", "https_get") && !covers("mcp:gh/*", "mcp:git/x") && !covers("a*b", "ab_") && !covers("a", "ab")
        );
    }
}
