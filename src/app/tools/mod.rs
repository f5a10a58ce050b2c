//! From the manifest and the environment to tools: keys are read here, servers are described, and here it is found out whether the
//! tools of a plan may do anything at all.

mod make;
mod needs;
mod pins;

use std::{collections::BTreeMap, path::Path, sync::Arc};

pub use pins::StorePins;

pub(super) use needs::refuse_what_cannot_work;

use tempfile::TempDir;

use crate::{
    agent::{CallLimits, ToolSettings},
    app::memory::ProjectMemory,
    error::Result,
    manifest::{Manifest, ToolManifest},
    model::{CallRates, ToolPattern},
    plan::{NodeKind, Plan},
    tool::{LiveSecrets, Toolbox, mcp::McpServer},
};

/// Which tools are made: to make one may take a while, and needs its key.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// All that there are.
    All,
    /// Those that a plan names.
    Named(Vec<ToolPattern>),
}

impl Wanted {
    /// The tools that the nodes of a plan name, those of inner workflows included.
    #[must_use]
    pub fn by(plan: &Plan) -> Self {
        let mut patterns = Vec::new();
        for node in plan.nodes() {
            match &node.kind {
                NodeKind::Agent(agent) => {
                    patterns.extend(agent.tools.iter().cloned());
                    patterns.extend(agent.own_calls().filter_map(|name| ToolPattern::new(name).ok()));
                }
                NodeKind::Tool(tool) => patterns.extend(ToolPattern::new(tool.tool.as_str())),
                NodeKind::Value(_)
                | NodeKind::StandIn { .. }
                | NodeKind::Approval(_)
                | NodeKind::Wait(_)
                | NodeKind::Send(_)
                | NodeKind::Receive(_)
                | NodeKind::Workflow { .. }
                | NodeKind::Graph(_) => {}
            }
        }
        patterns.sort_by(|one: &ToolPattern, other| one.as_str().cmp(other.as_str()));
        patterns.dedup();
        Self::Named(patterns)
    }

    pub(in crate::app) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(patterns) => {
                crate::model::ToolName::new(name).is_ok_and(|name| patterns.iter().any(|pattern| pattern.covers(&name)))
            }
        }
    }

    fn has_server(&self, server: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(patterns) => patterns.iter().any(|pattern| pattern.server() == Some(server)),
        }
    }
}

/// The tools of a project, and what is known of their servers.
#[derive(Debug, Default)]
pub struct ProjectTools {
    /// The tools.
    pub toolbox: Toolbox,
    /// What the manifest says of them, by name.
    pub settings: BTreeMap<String, ToolSettings>,
    /// The MCP servers, by name.
    pub servers: BTreeMap<String, McpServer>,
    /// The folder that programs are told is their home; it is gone with this.
    pub home: Option<TempDir>,
    /// What the servers offered when they were approved: by the lock file, and once there is a store, by that.
    pub pins: Arc<StorePins>,
}

/// Makes the wanted tools of the project in `folder`; those of memory, if it has one. Keys that are read are noted in `live`. What is `simulated` needs no keys and no
/// servers.
///
/// # Errors
/// `Invalid` when a wanted tool has no key, or is described in a way that makes no sense.
pub fn tools(
    manifest: Option<&Manifest>,
    folder: &Path,
    wanted: &Wanted,
    memory: Option<&ProjectMemory>,
    simulated: bool,
    live: &mut LiveSecrets,
) -> Result<ProjectTools> {
    let mut made = ProjectTools::default();
    make::built_in(manifest, folder, wanted, simulated, live, &mut made)?;
    if let Some(memory) = memory {
        make::of_memory(memory, wanted, &mut made);
    }
    let has_servers = manifest.is_some_and(|manifest| manifest.mcp.iter().any(|(name, _)| wanted.has_server(&name.value)));
    if has_servers && !simulated {
        made.pins = Arc::new(StorePins::beside(folder)?);
        make::servers(manifest, folder, wanted, live, &mut made)?;
    }
    for (name, written) in manifest.iter().flat_map(|manifest| &manifest.tools) {
        made.settings.insert(name.value.clone(), settings(written));
    }
    Ok(made)
}

fn settings(written: &ToolManifest) -> ToolSettings {
    ToolSettings {
        timeout: written.timeout.as_ref().map(|timeout| timeout.value),
        max_output: written.max_output.as_ref().map(|most| usize::try_from(most.value).unwrap_or(usize::MAX)),
        cache: written.cache.as_ref().map(|cache| cache.value),
        limits: CallLimits {
            max_concurrent: written.max_concurrent.as_ref().map(|most| most.value),
            rates: CallRates { requests: written.rate.as_ref().map(|rate| rate.value), tokens: None },
        },
        effect: written.effect.as_ref().map(|effect| effect.value),
        on_ambiguous: written.on_ambiguous.as_ref().map(|choice| choice.value),
    }
}
