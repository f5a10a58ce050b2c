//! Agents that a program registers while it runs, in the catalog of all that it compiles.

use std::{panic::Location, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    diagnostic::{Code, Diagnostic, Sources, Spanned},
    error::{Error, ErrorKind, Result},
    manifest::{AgentManifest, Entries, read_manifest_text},
    model::Value,
};

/// Agents that a program adds to those of the manifest. A workflow's own agents win over them, as they win over those of the manifest.
///
/// ```
/// use agentflow::{
///     diagnostic::DiskFiles,
///     plan::{CompileOptions, GraphBuilder, NodeSpec, RegisteredAgents},
/// };
/// use serde_json::json;
///
/// let mut agents = RegisteredAgents::default();
/// agents.register("critic", json!({ "model": "openai/gpt-5-mini", "capabilities": ["critique"] }))?;
/// let again = agents.register("critic", json!({ "model": "openai/gpt-5" })).unwrap_err();
/// assert!(again.to_string().starts_with("agent `critic` is registered twice: "), "{again}");
///
/// let options = CompileOptions { agents, ..CompileOptions::default() };
/// let plan = GraphBuilder::new("review")
///     .input("text", json!("string"))
///     .add_node("judge", NodeSpec::capability("critique").prompt("What is wrong with this?\n{{ inputs.text }}"))
///     .build_with(&DiskFiles, &options)
///     .unwrap();
/// assert_eq!(plan.choices[0].agent, "critic");
/// # Ok::<(), agentflow::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegisteredAgents {
    agents: Vec<RegisteredAgent>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisteredAgent {
    name: String,
    fields: Value,
    /// Where in the program, `src/main.rs:12`.
    at: String,
}

impl RegisteredAgents {
    /// Adds the agent `name` with the fields that it would have in a manifest. What is wrong with them is told when something is
    /// compiled, and so is an agent of the manifest that has the same name.
    ///
    /// # Errors
    /// `Invalid` when one of this name was registered before, with both places.
    #[track_caller]
    pub fn register(&mut self, name: impl Into<String>, fields: Value) -> Result<()> {
        let (name, caller) = (name.into(), Location::caller());
        let at = format!("{}:{}", caller.file(), caller.line());
        if let Some(first) = self.agents.iter().find(|agent| agent.name == name) {
            let text = format!("agent `{}` is registered twice: at {} and at {at}", name.escape_debug(), first.at);
            return Err(Error::new(ErrorKind::Invalid, text).hint("give one of them another name"));
        }
        self.agents.push(RegisteredAgent { name, fields, at });
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// Their names, in the order in which they were registered.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.agents.iter().map(|agent| agent.name.as_str())
    }

    /// Adds them to those of the manifest; one that has a name of these is a problem of both places.
    pub(super) fn add_to(&self, known: &mut Entries<AgentManifest>, sources: &mut Sources, problems: &mut Vec<Diagnostic>) {
        let before = known.len();
        for agent in &self.agents {
            let Some((name, read)) = agent.read(sources, problems) else { continue };
            match known[..before].iter().find(|(first, _)| first.value == name.value) {
                None => known.push((name, read)),
                Some((first, _)) => problems.push(
                    Diagnostic::error(Code::DUPLICATE_KEY, name.span, format!("the agent `{}` is defined twice", name.value))
                        .label(format!("registered at {}", agent.at))
                        .related(first.span, "the manifest has it here")
                        .hint("register it under another name: only the agents of a workflow win over those of the manifest"),
                ),
            }
        }
    }
}

impl RegisteredAgent {
    /// Reads it as a manifest of its own, whose name in messages tells the agent and the place.
    fn read(&self, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<(Spanned<String>, AgentManifest)> {
        // Without a slash: paths in it are relative to the working directory.
        let file = Path::new(&self.at).file_name().unwrap_or_default().to_string_lossy();
        let path = format!("<agent {}, {file}>", self.name.replace(['/', '\\'], "_"));
        let text = format!("{:#}\n", json!({ "agents": { &self.name: self.fields } }));
        let manifest = read_manifest_text(Path::new(&path), text, sources, problems)?;
        manifest.agents.into_iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnostic::{DiagnosticFormat, StoredFiles, render},
        model::StoredSource,
        plan::{CompileOptions, CompiledManifest, compile_manifest},
    };

    fn compiled(agents: RegisteredAgents) -> CompiledManifest {
        let text = "[defaults]\nmodel = \"mock/usual\"\n\n[agents.writer]\ntools = [\"agent:critic\"]\n".to_owned();
        let files = StoredFiles::new(vec![StoredSource { path: "agents.toml".to_owned(), text }]);
        compile_manifest("agents.toml".as_ref(), &files, &CompileOptions { agents, ..CompileOptions::default() })
    }

    #[test]
    fn a_registered_agent_is_one_of_the_manifest() {
        let mut agents = RegisteredAgents::default();
        agents.register("critic", json!({ "capabilities": ["critique"] })).unwrap();
        let CompiledManifest { catalog, diagnostics, sources, .. } = compiled(agents);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let critic = catalog.get("critic").unwrap();
        assert_eq!(critic.profile().unwrap().model.as_ref().unwrap().to_string(), "mock/usual", "the defaults are its own");
        let place = sources.position(critic.span()).path.display().to_string();
        assert!(place.starts_with("<agent critic, registered.rs:"), "{place}");
    }

    #[test]
    fn one_that_is_there_already_is_told_with_both_places() {
        let mut agents = RegisteredAgents::default();
        agents.register("critic", json!({})).unwrap();
        let error = agents.register("critic", json!({})).unwrap_err();
        let places = error.message().matches("src/plan/registered.rs:").count();
        assert_eq!((error.kind(), places), (ErrorKind::Invalid, 2), "{error}");
        assert_eq!(agents.names().collect::<Vec<_>>(), ["critic"]);

        agents.register("writer", json!({ "model": "mock/other" })).unwrap();
        let CompiledManifest { catalog, diagnostics, sources, .. } = compiled(agents);
        let told = render(&diagnostics, &sources, DiagnosticFormat::Text { color: false, width: 100 });
        for part in ["the agent `writer` is defined twice", "src/plan/registered.rs:", "agents.toml", "the manifest has it here"]
        {
            assert!(told.contains(part), "{told}");
        }
        let writer = catalog.get("writer").unwrap().profile().unwrap();
        assert_eq!(writer.model.as_ref().unwrap().to_string(), "mock/usual", "the first one stays");
    }

    #[test]
    fn what_is_wrong_with_a_registered_agent_is_told_when_it_is_compiled() {
        let mut agents = RegisteredAgents::default();
        agents.register("critic", json!({ "modle": "mock/m" })).unwrap();
        agents.register("Bad/Name", json!("no map")).unwrap();
        let CompiledManifest { diagnostics, sources, .. } = compiled(agents);
        let told = render(&diagnostics, &sources, DiagnosticFormat::Text { color: false, width: 100 });
        assert!(told.contains("<agent critic, registered.rs:") && told.contains("modle"), "{told}");
        assert!(told.contains("<agent Bad_Name, registered.rs:"), "{told}");
    }
}
