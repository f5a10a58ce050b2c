//! What is known of the built-in tools without making them: a plan is judged by it. The tools themselves agree with it.

use crate::{
    model::{AccessClass, Effect, ToolName, ToolPattern, ToolSpec},
    tool::{calculator::Calculator, command::Command, files, memory, messages, web},
};

/// A built-in tool, in so far as a plan must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// What it is called.
    pub name: &'static str,
    /// What a call does at most.
    pub effect: Effect,
    /// The kinds of things that calls touch.
    pub reach: &'static [AccessClass],
    /// Whether results hold what strangers wrote whatever is asked for. What programs print may, too, but by what they were given: the
    /// permission for each names it, and a plan counts it as private.
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
    tool("broadcast", Effect::Idempotent, &[]),
    tool("calculator", Effect::Pure, &[]),
    tool("command", Effect::Write, &[AccessClass::Run]),
    tool("edit_file", Effect::Write, &[AccessClass::Read, AccessClass::Write]),
    stranger("http_delete", Effect::Idempotent, &[AccessClass::Net]),
    stranger("http_get", Effect::Read, &[AccessClass::Net]),
    stranger("http_post", Effect::Write, &[AccessClass::Net]),
    stranger("http_put", Effect::Idempotent, &[AccessClass::Net]),
    tool("list_files", Effect::Read, &[AccessClass::Read]),
    tool("memory_add", Effect::Idempotent, &[AccessClass::Remember]),
    stranger("memory_search", Effect::Read, &[AccessClass::Recall]),
    tool("read_file", Effect::Read, &[AccessClass::Read]),
    tool("read_messages", Effect::Idempotent, &[]),
    tool("search_files", Effect::Read, &[AccessClass::Read]),
    tool("send_message", Effect::Idempotent, &[]),
    tool("subscribe", Effect::Idempotent, &[]),
    tool("unsubscribe", Effect::Idempotent, &[]),
    stranger("web_fetch", Effect::Read, &[AccessClass::Net]),
    stranger("web_search", Effect::Read, &[AccessClass::Net]),
    tool("write_file", Effect::Idempotent, &[AccessClass::Write]),
];

/// What the built-in tools tell of themselves, in the order of [`BUILT_INS`]. None is made: no folder is opened, no client set up.
#[must_use]
pub fn built_in_specs() -> Vec<ToolSpec> {
    let mut specs = vec![Calculator::described(), Command::described()];
    specs.extend(files::specs());
    specs.extend(memory::specs());
    specs.extend(messages::specs());
    specs.extend(web::specs());
    specs.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    specs
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        path::{Path, PathBuf},
        sync::Arc,
    };

    use super::*;
    use crate::{
        memory::{Memory, SqliteIndex, WordsOnly},
        schema::problems_of_schema,
        tool::{
            Tool,
            command::{CommandSettings, Limits},
        },
    };

    /// All built-in tools, really made.
    fn made(folder: &Path) -> Vec<Arc<dyn Tool>> {
        let settings = CommandSettings {
            root: folder.to_owned(),
            home: folder.to_owned(),
            path: CommandSettings::USUAL_PATH.iter().map(PathBuf::from).collect(),
            interpreters: BTreeSet::new(),
            free_options: BTreeSet::new(),
            environment: BTreeMap::new(),
            limits: Limits::default(),
        };
        let search = web::WebSearch::new(web::SearchSettings::new(web::SearchEngine::Duckduckgo)).unwrap();
        let mut tools: Vec<Arc<dyn Tool>> = vec![
            Arc::new(Calculator::new().unwrap()),
            Arc::new(Command::new(settings).unwrap()),
            Arc::new(web::WebFetch::new()),
            Arc::new(search),
        ];
        tools.extend(files::file_tools(folder, &[]).unwrap());
        tools.extend(web::http_tools());
        tools.extend(messages::message_tools());
        tools.extend(memory::memory_tools(&Arc::new(Memory::new(
            Arc::new(SqliteIndex::in_memory()),
            Arc::new(WordsOnly),
            BTreeMap::new(),
        ))));
        tools.sort_by(|one, other| one.spec().name.as_str().cmp(other.spec().name.as_str()));
        tools
    }

    #[test]
    fn what_is_known_of_built_in_tools_is_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let tools = made(folder.path());
        let real: Vec<_> =
            tools.iter().map(|tool| (tool.spec().name.as_str(), tool.spec().effect, tool.reach().to_vec())).collect();
        let known: Vec<_> = BUILT_INS.iter().map(|tool| (tool.name, tool.effect, tool.reach.to_vec())).collect();
        assert_eq!(real, known);
        for (tool, known) in tools.iter().zip(BUILT_INS) {
            assert_eq!(known.is_untrusted, tool.is_untrusted() && known.name != "command", "{}", known.name);
        }
    }

    #[test]
    fn the_specifications_are_those_of_the_tools_and_have_good_schemas() {
        let folder = tempfile::tempdir().unwrap();
        let real: Vec<ToolSpec> = made(folder.path()).iter().map(|tool| tool.spec().clone()).collect();
        let told = built_in_specs();
        assert_eq!(real, told);
        for spec in told {
            assert!(problems_of_schema(&spec.parameters).is_empty(), "{}", spec.name);
            assert_eq!(spec.parameters["additionalProperties"], false, "{}", spec.name);
        }
    }
}
