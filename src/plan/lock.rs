//! What was agreed about workflows: models, prompts, tools, permissions and MCP servers, as a file that is kept beside them. What
//! grew since, or is another, is told in words.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    manifest::{ApiKey, Manifest, McpManifest},
    model::{Effect, Permission, ToolPattern, Value, short_hex},
    plan::{AgentNode, GraphOutput, GraphPlan, NodeKind, Plan, Surface, definition},
    tool::mcp::{ServerDefinition, ToolDigest},
};

/// The version of the file that is written.
const VERSION: u32 = 1;

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of the file.
    pub version: u32,
    /// By file, relative to the lock.
    pub workflows: BTreeMap<String, WorkflowLock>,
    /// The MCP servers of the manifest, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mcp: BTreeMap<String, ServerLock>,
}

/// What was agreed about one workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowLock {
    /// Its nodes that run agents or call tools, by path; those of inner workflows and of what is called as a tool included.
    pub nodes: BTreeMap<String, NodeLock>,
}

/// What was agreed about one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeLock {
    /// The agent it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The models that may answer, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// A digest of the system prompt, the prompt and what is said of memory; of the arguments of a tool.
    pub prompt: String,
    /// The tools it may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// What these do at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// What they may touch at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
    /// Whether a person approves what they change or send out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approved_by_a_person: bool,
}

/// What was agreed about an MCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerLock {
    /// A digest of how it is started or reached: command, folder, address, names of variables and headers, effects.
    pub definition: String,
    /// What it offered when it was asked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<OfferedLock>,
}

/// What was agreed about what an MCP server offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferedLock {
    /// A digest of how it was started or reached.
    pub launch: String,
    /// Digests of its tools, by name.
    pub tools: BTreeMap<String, ToolDigest>,
}

/// Something that is not as it was agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockChange {
    /// The workflow or server, and the node where there is one.
    pub place: String,
    /// The path of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What is other, in words.
    pub what: String,
    /// What of it is other.
    pub about: LockSubject,
    /// Whether it is only less than was agreed, which is no reason to refuse it.
    pub is_less: bool,
}

/// What of a workflow or a server is not as it was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LockSubject {
    /// The workflow as a whole.
    Workflow,
    /// A node that is there, or is not.
    Node,
    /// The agent of a node.
    Agent,
    /// The models that may answer.
    Models,
    /// What is said to the model, or the call of a tool.
    Prompt,
    /// A tool that may be called.
    Tool,
    /// Something that tools may touch.
    Permission,
    /// What calls do at most.
    Effect,
    /// Whether a person approves calls.
    Approval,
    /// An MCP server: whether there is one, and how it is started or reached.
    Server,
}

impl LockSubject {
    /// Whether it is about what may be done and touched, rather than about what is asked of whom.
    #[must_use]
    pub fn is_of_permissions(self) -> bool {
        match self {
            Self::Tool | Self::Permission | Self::Effect | Self::Approval | Self::Server => true,
            Self::Workflow | Self::Node | Self::Agent | Self::Models | Self::Prompt => false,
        }
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: VERSION, workflows: BTreeMap::new(), mcp: BTreeMap::new() }
    }
}

impl Lock {
    /// Whether this version can read it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.version == VERSION
    }

    /// Writes down a workflow, in place of what was agreed about it.
    pub fn set_workflow(&mut self, file: impl Into<String>, plan: &Plan) {
        self.workflows.insert(file.into(), WorkflowLock::of(plan));
    }

    /// Writes down the servers of a manifest. What is known of the tools of a server that is the same is kept.
    pub fn set_servers(&mut self, manifest: &Manifest) {
        let before = std::mem::take(&mut self.mcp);
        for (name, server) in &manifest.mcp {
            let definition = definition(server);
            let same = before.get(&name.value).filter(|before| before.definition == definition);
            let offered = same.and_then(|before| before.offered.clone());
            self.mcp.insert(name.value.clone(), ServerLock { definition, offered });
        }
    }

    /// Writes down what a server offers; it is one of the manifest's.
    pub fn set_offered(&mut self, server: ServerDefinition) {
        if let Some(known) = self.mcp.get_mut(&server.server) {
            known.offered = Some(OfferedLock { launch: server.launch, tools: server.tools });
        }
    }

    /// What was agreed about what servers offer, by their names.
    #[must_use]
    pub fn offered(&self) -> BTreeMap<String, ServerDefinition> {
        let offered = |(name, server): (&String, &ServerLock)| {
            let OfferedLock { launch, tools } = server.offered.clone()?;
            Some((name.clone(), ServerDefinition::written(name, launch, tools)))
        };
        self.mcp.iter().filter_map(offered).collect()
    }

    /// What is other in `now` than was agreed here: about the workflows and servers that are in `now`.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<LockChange> {
        let mut changes = Changes(Vec::new());
        for (file, workflow) in &now.workflows {
            match self.workflows.get(file) {
                None => changes.more(file, LockSubject::Workflow, "is not in the lock".to_owned()),
                Some(agreed) => changes.workflow(file, agreed, workflow),
            }
        }
        for (name, server) in &now.mcp {
            let place = format!("mcp.{name}");
            match self.mcp.get(name) {
                None => changes.more(&place, LockSubject::Server, "the server is new".to_owned()),
                Some(agreed) if agreed.definition != server.definition => {
                    changes.more(&place, LockSubject::Server, "the server is started or reached in another way".to_owned());
                }
                Some(_) => {}
            }
        }
        for name in self.mcp.keys().filter(|name| !now.mcp.contains_key(*name)) {
            changes.less(&format!("mcp.{name}"), LockSubject::Server, "the server is gone".to_owned());
        }
        changes.0
    }
}

impl WorkflowLock {
    fn of(plan: &Plan) -> Self {
        let mut nodes = BTreeMap::new();
        add_agents(&plan.graph, "", &mut nodes);
        for (tool, called) in &plan.delegates {
            add_agents(&called.graph, &format!("{tool}."), &mut nodes);
        }
        for surface in Surface::of(plan).nodes {
            let node = nodes.entry(surface.node).or_insert_with(NodeLock::empty);
            node.tools = surface.tools;
            node.tools.sort();
            node.effect = Some(surface.effect);
            node.permissions = surface.permissions;
            node.permissions.sort_by(|one, other| one.as_str().cmp(other.as_str()));
            node.approved_by_a_person = surface.approved_by_a_person;
        }
        Self { nodes }
    }
}

impl NodeLock {
    fn empty() -> Self {
        Self {
            agent: None,
            models: Vec::new(),
            prompt: String::new(),
            tools: Vec::new(),
            effect: None,
            permissions: Vec::new(),
            approved_by_a_person: false,
        }
    }

    fn of_agent(node: &AgentNode) -> Self {
        Self {
            agent: Some(node.agent.name.to_string()),
            models: node.models().map(ToString::to_string).collect(),
            prompt: definition::of_prompts(node),
            ..Self::empty()
        }
    }
}

fn add_agents(graph: &GraphPlan, prefix: &str, nodes: &mut BTreeMap<String, NodeLock>) {
    for node in &graph.nodes {
        let path = format!("{prefix}{}", node.id);
        match &node.kind {
            NodeKind::Agent(agent) => {
                nodes.insert(path, NodeLock::of_agent(agent));
            }
            NodeKind::Tool(tool) => {
                nodes.insert(path, NodeLock { prompt: definition::of_arguments(tool), ..NodeLock::empty() });
            }
            NodeKind::Graph(inner) if inner.output == GraphOutput::Single => add_agents(inner, prefix, nodes),
            NodeKind::Graph(inner) => add_agents(inner, &format!("{path}."), nodes),
            NodeKind::Workflow { plan, .. } => add_agents(&plan.graph, &format!("{path}."), nodes),
            NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Approval(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_) => {}
        }
    }
}

fn definition(server: &McpManifest) -> String {
    let texts = |list: &[crate::diagnostic::Spanned<String>]| list.iter().map(|text| text.value.clone()).collect::<Vec<_>>();
    let key = server.api_key.as_ref().map(|key| match key {
        ApiKey::Env(name) => json!({"env": name.value}),
        ApiKey::File(path) => json!({"file": path.value}),
    });
    let effects: Vec<_> = server.effects.iter().map(|(pattern, effect)| json!([pattern.value, effect.value])).collect();
    let headers: BTreeSet<&str> = server.headers.iter().map(|(name, _)| name.value.as_str()).collect();
    digest(&json!({
        "command": texts(&server.command),
        "folder": server.folder.as_ref().map(|folder| &folder.value),
        "url": server.url.as_ref().map(|url| &url.value),
        "env": texts(&server.env),
        "headers": headers,
        "api_key": key,
        "effects": effects,
    }))
}

fn digest(value: &Value) -> String {
    short_hex(&Sha256::digest(value.to_string().as_bytes()))
}

/// Collects what is other.
struct Changes(Vec<LockChange>);

impl Changes {
    fn more(&mut self, place: &str, about: LockSubject, what: String) {
        self.0.push(LockChange { place: place.to_owned(), node: None, what, about, is_less: false });
    }

    fn less(&mut self, place: &str, about: LockSubject, what: String) {
        self.0.push(LockChange { place: place.to_owned(), node: None, what, about, is_less: true });
    }

    fn workflow(&mut self, file: &str, agreed: &WorkflowLock, now: &WorkflowLock) {
        for (path, node) in &now.nodes {
            let place = format!("{file}, node `{path}`");
            let before = self.0.len();
            if let Some(agreed) = agreed.nodes.get(path) {
                self.node(&place, agreed, node);
            } else {
                self.more(&place, LockSubject::Node, "the node is new".to_owned());
                self.node(
                    &place,
                    &NodeLock {
                        agent: node.agent.clone(),
                        models: node.models.clone(),
                        prompt: node.prompt.clone(),
                        ..NodeLock::empty()
                    },
                    node,
                );
            }
            for change in &mut self.0[before..] {
                change.node = Some(path.clone());
            }
        }
        for path in agreed.nodes.keys().filter(|path| !now.nodes.contains_key(*path)) {
            self.less(&format!("{file}, node `{path}`"), LockSubject::Node, "the node is gone".to_owned());
        }
    }

    fn node(&mut self, place: &str, agreed: &NodeLock, now: &NodeLock) {
        let named = |agent: &Option<String>| agent.as_ref().map_or("no agent".to_owned(), |agent| format!("agent `{agent}`"));
        if agreed.agent != now.agent {
            self.more(
                place,
                LockSubject::Agent,
                format!("runs {}, and was agreed with {}", named(&now.agent), named(&agreed.agent)),
            );
        }
        if agreed.models != now.models {
            let list = |models: &[String]| if models.is_empty() { "none".to_owned() } else { models.join(", ") };
            self.more(place, LockSubject::Models, format!("models: {} → {}", list(&agreed.models), list(&now.models)));
        }
        if agreed.prompt != now.prompt {
            let what = if now.agent.is_some() { "the prompt is another" } else { "the call is another" };
            self.more(place, LockSubject::Prompt, what.to_owned());
        }
        let wider = |list: &[String], tool: &String| {
            let pattern = |text: &String| ToolPattern::new(text.as_str()).ok();
            list.contains(tool)
                || pattern(tool).is_some_and(|tool| list.iter().filter_map(pattern).any(|wide| wide.is_wider_than(&tool)))
        };
        for tool in now.tools.iter().filter(|tool| !wider(&agreed.tools, tool)) {
            self.more(place, LockSubject::Tool, format!("tool added: {tool}"));
        }
        for tool in agreed.tools.iter().filter(|tool| !wider(&now.tools, tool)) {
            self.less(place, LockSubject::Tool, format!("tool removed: {tool}"));
        }
        let covered = |list: &[Permission], one: &Permission| list.iter().any(|wide| wide.is_wider_than(one));
        for permission in now.permissions.iter().filter(|one| !covered(&agreed.permissions, one)) {
            self.more(place, LockSubject::Permission, format!("permission added: {permission}"));
        }
        for permission in agreed.permissions.iter().filter(|one| !covered(&now.permissions, one)) {
            self.less(place, LockSubject::Permission, format!("permission removed: {permission}"));
        }
        let effect = |effect: Option<Effect>| effect.map_or("none", Effect::as_str);
        if agreed.effect < now.effect {
            self.more(place, LockSubject::Effect, format!("effect: {} → {}", effect(agreed.effect), effect(now.effect)));
        } else if agreed.effect > now.effect {
            self.less(place, LockSubject::Effect, format!("effect: {} → {}", effect(agreed.effect), effect(now.effect)));
        }
        match (agreed.approved_by_a_person, now.approved_by_a_person) {
            (true, false) if !now.tools.is_empty() => {
                self.more(place, LockSubject::Approval, "no person approves its calls any more".to_owned());
            }
            (false, true) if !agreed.tools.is_empty() => {
                self.less(place, LockSubject::Approval, "a person approves its calls now".to_owned());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(definition: &str) -> Lock {
        let server = ServerLock { definition: definition.to_owned(), offered: None };
        Lock { mcp: BTreeMap::from([("gh".to_owned(), server)]), ..Lock::default() }
    }

    fn offered(tool: &str) -> ServerDefinition {
        let digest = ToolDigest { description: "1".to_owned(), schema: "2".to_owned() };
        ServerDefinition::written("gh", "launch", BTreeMap::from([(tool.to_owned(), digest)]))
    }

    #[test]
    fn a_server_that_is_gone_is_less_and_one_that_is_another_is_more() {
        let told =
            |now: &Lock| -> Vec<_> { lock("d").changes(now).into_iter().map(|change| (change.what, change.is_less)).collect() };
        assert_eq!(told(&lock("d")), []);
        assert_eq!(told(&lock("e")), [("the server is started or reached in another way".to_owned(), false)]);
        assert_eq!(told(&Lock::default()), [("the server is gone".to_owned(), true)]);
    }

    #[test]
    fn what_a_server_offers_is_read_again_as_it_was_written() {
        let mut written = lock("d");
        assert!(written.offered().is_empty());
        written.set_offered(offered("get"));
        let read: Lock = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
        assert_eq!(read.offered()["gh"], offered("get"));
        let changes = offered("put").changes_since(&read.offered()["gh"]);
        assert_eq!(changes, ["tool `put` is new", "tool `get` is gone"]);
    }
}
