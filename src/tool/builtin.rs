//! What is known of the built-in tools without making them: a plan is judged by it. The tools themselves agree with it.

use crate::model::{AccessClass, Effect, ToolName, ToolPattern};

/// A built-in tool, in so far as a plan must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// What it is called.
    pub name: &'static str,
    /// What a call does at most.
    pub effect: Effect,
    /// The kinds of things that calls touch.
    pub reach: &'static [AccessClass],
    /// Whether results may hold what strangers wrote.
    pub is_untrusted: bool,
}

impl BuiltIn {
    /// The built-in tool called `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        BUILT_INS.iter().find(|tool| tool.name == name)
    }

    /// The built-in tools that a pattern means.
    pub fn covered_by(pattern: &ToolPattern) -> impl Iterator<Item = &'static Self> {
        BUILT_INS.iter().filter(|tool| ToolName::new(tool.name).is_ok_and(|name| pattern.covers(&name)))
    }
}

const fn tool(name: &'static str, effect: Effect, reach: &'static [AccessClass]) -> BuiltIn {
    BuiltIn { name, effect, reach, is_untrusted: false }
}

const fn stranger(name: &'static str, effect: Effect, reach: &'static [AccessClass]) -> BuiltIn {
    BuiltIn { name, effect, reach, is_untrusted: true }
}

/// The built-in tools, by name.
pub const BUILT_INS: &[BuiltIn] = &[
    tool("calculator", Effect::Pure, &[]),
    tool("command", Effect::Write, &[AccessClass::Run]),
    tool("edit_file", Effect::Write, &[AccessClass::Read, AccessClass::Write]),
    stranger("http_delete", Effect::Idempotent, &[AccessClass::Net]),
    stranger("http_get", Effect::Read, &[AccessClass::Net]),
    stranger("http_post", Effect::Write, &[AccessClass::Net]),
    stranger("http_put", Effect::Idempotent, &[AccessClass::Net]),
    tool("list_files", Effect::Read, &[AccessClass::Read]),
    tool("read_file", Effect::Read, &[AccessClass::Read]),
    tool("search_files", Effect::Read, &[AccessClass::Read]),
    stranger("web_fetch", Effect::Read, &[AccessClass::Net]),
    stranger("web_search", Effect::Read, &[AccessClass::Net]),
    tool("write_file", Effect::Idempotent, &[AccessClass::Write]),
];
