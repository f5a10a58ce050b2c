//! The tools of the project of the working folder, for those who look at them, try one, or approve a server.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde::Serialize;
use serde_json::json;

use crate::{
    app::{
        Settings, WorkflowSource,
        memory::ProjectMemory,
        policy,
        project::{self, StorePlace},
        servers,
        tools::{ProjectTools, StorePins, Wanted, tools},
    },
    diagnostic::{DiskFiles, Sources},
    error::{Error, ErrorKind, Result},
    manifest::{Manifest, read_manifest},
    model::{Effect, Permission, ToolName, ToolPattern, Value},
    schema::Validator,
    store::Store,
    tool::{LiveSecrets, Rules, Tool, mcp::McpServer},
};

/// The tools of a project.
#[derive(Debug)]
pub struct Toolkit {
    tools: ProjectTools,
    rules: Rules,
    /// The patterns of each agent that has tools.
    agents: BTreeMap<String, Vec<ToolPattern>>,
}

/// A tool, to be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolReport {
    /// What it is called in files.
    pub name: ToolName,
    /// What it does and when to use it.
    pub description: String,
    /// What a call does at most, the manifest's word included.
    pub effect: Effect,
    /// How permissions begin without which it cannot do anything.
    pub needs: Vec<&'static str>,
    /// Whether the operator's rules permit something of each kind it needs.
    pub permitted: bool,
    /// Whether strangers may have written its results.
    pub untrusted: bool,
    /// The agents that may call it.
    pub agents: Vec<String>,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

impl Toolkit {
    /// Describes all tools of the project; starts no server.
    ///
    /// # Errors
    /// When the manifest cannot be read, or describes a tool in a way that makes no sense; those of the policy.
    pub fn here(settings: &Settings) -> Result<Self> {
        let path = project::manifest_here(settings.manifest.as_deref())?;
        let folder = path.as_deref().map_or_else(|| PathBuf::from("."), project::folder_of);
        let manifest = path.as_deref().map(read_whole).transpose()?;
        let (policy, _) = policy::policy(settings, &folder)?;
        let (place, mut live) =
            (StorePlace::choose(settings.store.as_deref(), manifest.as_ref(), &folder), LiveSecrets::default());
        let memory = ProjectMemory::of(manifest.as_ref(), &folder, &place, settings.on_transfer.clone(), &mut live)?;
        let tools = tools(manifest.as_ref(), &folder, &Wanted::All, Some(&memory), false, &mut live)?;
        let patterns = |written: &[crate::diagnostic::Spanned<String>]| -> Vec<ToolPattern> {
            written.iter().filter_map(|pattern| ToolPattern::new(pattern.value.clone()).ok()).collect()
        };
        let usual = manifest.as_ref().and_then(|manifest| manifest.defaults.tools.clone()).unwrap_or_default();
        let agents = manifest.iter().flat_map(|manifest| &manifest.agents);
        let agents = agents
            .map(|(name, agent)| (name.value.clone(), patterns(agent.tools.as_deref().unwrap_or(&usual))))
            .filter(|(_, patterns)| !patterns.is_empty())
            .collect();
        Ok(Self { tools, rules: policy.rules().clone(), agents })
    }

    /// The tools that are always there, by name.
    #[must_use]
    pub fn built_in(&self) -> Vec<ToolReport> {
        self.tools.toolbox.tools().map(|tool| self.report(tool.as_ref())).collect()
    }

    /// The MCP servers, by name.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.tools.servers.keys().map(String::as_str)
    }

    /// What the patterns of an agent are.
    ///
    /// # Errors
    /// `NotFound` when it has no tools.
    pub fn patterns_of(&self, agent: &str) -> Result<&[ToolPattern]> {
        self.agents.get(agent).map(Vec::as_slice).ok_or_else(|| {
            let known: Vec<_> = self.agents.keys().map(|name| format!("`{name}`")).collect();
            let error = Error::new(ErrorKind::NotFound, format!("there is no agent `{}` with tools", agent.escape_default()));
            if known.is_empty() {
                error.hint("no agent has `tools`")
            } else {
                error.hint(format!("those with tools are {}", known.join(", ")))
            }
        })
    }

    /// The tools that the patterns mean; servers they name are started.
    ///
    /// # Errors
    /// Those of listing them; `Denied` for servers that the operator does not permit.
    pub async fn select(&self, patterns: &[ToolPattern]) -> Result<Vec<ToolReport>> {
        for server in patterns.iter().filter_map(ToolPattern::server) {
            self.permit(server)?;
        }
        let tools = self.tools.toolbox.select(patterns).await?;
        Ok(tools.iter().map(|tool| self.report(tool.as_ref())).collect())
    }

    /// The server called `name`, which the operator permits.
    ///
    /// # Errors
    /// `NotFound`; `Denied` when no rule of the operator is about it: to start a server is to run its program.
    pub fn server(&self, name: &str) -> Result<&McpServer> {
        let server = self.tools.servers.get(name).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no MCP server `{}`", name.escape_default()))
                .hint("servers are described as `[mcp.NAME]` in the manifest")
        })?;
        self.permit(name)?;
        Ok(server)
    }

    fn permit(&self, server: &str) -> Result<()> {
        permit(&self.rules, server)
    }

    fn report(&self, tool: &dyn Tool) -> ToolReport {
        let spec = tool.spec();
        let own = self.tools.settings.get(spec.name.as_str()).and_then(|settings| settings.effect);
        let has = |patterns: &[ToolPattern]| patterns.iter().any(|pattern| pattern.covers(&spec.name));
        let rules = || self.rules.allow.iter().chain(&self.rules.ask);
        ToolReport {
            name: spec.name.clone(),
            description: spec.description.clone(),
            effect: own.unwrap_or(spec.effect),
            needs: tool.reach().iter().map(|class| class.prefix()).collect(),
            permitted: tool.reach().iter().all(|class| rules().any(|rule| rule.class() == *class)),
            untrusted: tool.is_untrusted(),
            agents: self.agents.iter().filter(|(_, patterns)| has(patterns)).map(|(name, _)| name.clone()).collect(),
            parameters: spec.parameters.clone(),
        }
    }

    /// Holds arguments to the schema of a tool that is always there. What a server's tool takes is known when it is called.
    ///
    /// # Errors
    /// `Invalid`, with all that does not fit.
    pub fn check(&self, tool: &ToolName, arguments: &serde_json::Map<String, Value>) -> Result<()> {
        let Some(known) = self.tools.toolbox.tools().find(|known| known.spec().name == *tool) else { return Ok(()) };
        let problems = Validator::new(&known.spec().parameters)?.problems(&Value::Object(arguments.clone()));
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, format!("the arguments do not fit `{tool}`: {}", problems.join("; ")))
            .hint(format!("`agentflow tools show {tool}` tells what it takes")))
    }

    /// A workflow that makes one call, and asks for what that touches; the operator's rules decide.
    #[must_use]
    pub fn workflow_of_call(&self, tool: &ToolName, arguments: &serde_json::Map<String, Value>) -> WorkflowSource {
        let names: Vec<String> = (0..arguments.len()).map(|at| format!("a{at}")).collect();
        let inputs: serde_json::Map<_, _> = names
            .iter()
            .zip(arguments.values())
            .map(|(name, value)| (name.clone(), json!({"type": "any", "default": value})))
            .collect();
        // Inputs keep braces in arguments from being read as templates.
        let args: serde_json::Map<_, _> = names
            .iter()
            .zip(arguments.keys())
            .map(|(name, key)| (key.clone(), json!(format!("{{{{ inputs.{name} }}}}"))))
            .collect();
        let known = self.tools.toolbox.tools().find(|known| known.spec().name == *tool);
        let touched = known.and_then(|known| known.accesses(&Value::Object(arguments.clone())).ok()).unwrap_or_default();
        let touched = touched.iter().filter_map(|access| access.to_string().parse::<Permission>().ok());
        let served = tool.as_str().starts_with("mcp:").then(|| tool.as_str().parse().ok()).flatten();
        let touched = touched.chain(served);
        let permissions: Vec<Permission> = touched.chain(self.rules.allow.iter().chain(&self.rules.ask).cloned()).collect();
        let workflow = json!({
            "name": format!("call-{}", tool.wire()),
            "inputs": inputs,
            "permissions": permissions,
            "nodes": {"call": {"tool": tool, "args": args}},
        });
        WorkflowSource::Text(workflow.to_string())
    }
}

/// Lets a server be started outside of runs when some rule of the operator is about it.
///
/// # Errors
/// `Denied` when none is.
pub(super) fn permit(rules: &Rules, server: &str) -> Result<()> {
    if servers::permits(rules, server) {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Denied, format!("MCP server `{server}` is not started: the policy does not allow it"));
    Err(error.hint(format!(
        "run with `--allow 'mcp:{server}'`, or add that to the policy file (`agentflow policy show` tells where that is)"
    )))
}

/// Approves what a server offers now; returns what has changed since it was approved before, in words.
///
/// # Errors
/// When the server cannot be asked; those of the store.
pub async fn trust(server: &McpServer, store: &Arc<dyn Store>) -> Result<Vec<String>> {
    let definition = server.definition().await?;
    let before = StorePins::approve(store, &definition).await?;
    Ok(match before {
        Some(before) => definition.changes_since(&before),
        None => definition.tools.keys().map(|name| format!("tool `{name}`")).collect(),
    })
}

/// Reads a manifest that has to be right as a whole.
///
/// # Errors
/// `Invalid`, with the first problem.
pub(super) fn read_whole(path: &std::path::Path) -> Result<Manifest> {
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    read_manifest(path, &DiskFiles, &mut sources, &mut problems).ok_or_else(|| {
        let why = problems.first().map_or_else(String::new, |problem| format!(": {}", problem.message));
        Error::new(ErrorKind::Invalid, format!("the manifest `{}` cannot be read{why}", path.display()))
            .hint("`agentflow validate` with its name tells more")
    })
}
