//! Nodes of a plan by their paths: which there are, and what comes after one.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    diagnostic::nearest,
    error::{Error, ErrorKind, Result},
    model::{AgentName, ModelRef, NodePattern},
    plan::{AgentNode, GraphPlan, NodeKind, NodePlan, Plan},
};

impl NodePlan {
    /// The graph inside it, if there is one.
    #[must_use]
    pub fn inside(&self) -> Option<&Arc<GraphPlan>> {
        match &self.kind {
            NodeKind::Graph(graph) => Some(graph),
            NodeKind::Workflow { plan, .. } => Some(&plan.graph),
            NodeKind::Agent(_)
            | NodeKind::Tool(_)
            | NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Approval(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_) => None,
        }
    }
}

impl Plan {
    /// The paths of all nodes, inner ones behind those they are in.
    #[must_use]
    pub fn node_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        collect(&self.graph, "", &mut paths);
        paths
    }

    /// The models that its nodes may ask, inner ones and those of agents and workflows that are called as tools included; one may
    /// come more than once.
    pub fn models(&self) -> impl Iterator<Item = &ModelRef> {
        self.nodes().filter_map(|node| node.kind.agent()).flat_map(AgentNode::models)
    }

    /// The agents that its nodes ask, those of agents and workflows that are called as tools included.
    pub fn agents_asked(&self) -> impl Iterator<Item = &AgentName> {
        self.nodes().filter_map(|node| node.kind.agent()).map(|agent| &agent.agent.name)
    }

    /// All nodes, inner ones and those of agents and workflows that are called as tools included.
    pub fn nodes(&self) -> impl Iterator<Item = &NodePlan> {
        let mut graphs: Vec<_> = self.delegates.values().map(|delegate| &*delegate.graph).chain([&*self.graph]).collect();
        let mut nodes = Vec::new();
        while let Some(graph) = graphs.pop() {
            nodes.extend(&graph.nodes);
            graphs.extend(graph.nodes.iter().filter_map(|node| node.inside()).map(|inside| &**inside));
        }
        nodes.into_iter()
    }

    /// Whether a node is lent a secret.
    #[must_use]
    pub fn lends_secrets(&self) -> bool {
        self.nodes().any(|node| matches!(&node.kind, NodeKind::Tool(tool) if !tool.secrets.is_empty()))
    }

    /// The node at `path`, which has no instances in it, with the graph it is in.
    #[must_use]
    pub fn node_at(&self, path: &str) -> Option<(&Arc<GraphPlan>, &NodePlan)> {
        let mut graph = Some(&self.graph);
        let mut found = None;
        for segment in path.split('.') {
            let here = graph?;
            let node = &here.nodes[*here.index.get(segment)?];
            found = Some((here, node));
            graph = node.inside();
        }
        found
    }

    /// Checks that each of `names` is a node, with or without instances.
    ///
    /// # Errors
    /// `Invalid` for the first that is not, with the nearest one.
    pub fn check_nodes<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Vec<NodePattern>> {
        let check = |name: &str| {
            let pattern = NodePattern::new(name);
            let path = pattern.in_plan();
            if self.node_at(&path).is_some() {
                return Ok(pattern);
            }
            let known = self.node_paths();
            let inner = known.iter().find(|known| known.rsplit('.').next() == Some(path.as_str()));
            let near = inner.map(String::as_str).or_else(|| nearest(&path, known.iter().map(String::as_str)));
            let error =
                Error::new(ErrorKind::Invalid, format!("workflow `{}` has no node `{}`", self.name, name.escape_default()));
            Err(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => {
                    error.hint("`agentflow graph` shows the nodes; one in another is written `outer.inner`, an element `node[0]`")
                }
            })
        };
        names.into_iter().map(check).collect()
    }

    /// The node that `from` names, and everything that comes after it: the nodes behind it in its graph, the later iterations of
    /// the loops it is in, and the nodes behind each that it is in.
    #[must_use]
    pub fn from_on(&self, from: &NodePattern) -> Vec<NodePattern> {
        let mut found = vec![from.clone()];
        let segments: Vec<&str> = from.as_str().split('.').collect();
        let (mut graph, mut prefix) = (Some(&self.graph), String::new());
        for (depth, segment) in segments.iter().enumerate() {
            let (name, iteration) = name_and_iteration(segment);
            let Some((here, at)) = graph.and_then(|graph| Some((graph, *graph.index.get(name)?))) else { break };
            found.extend(behind(here, at).map(|behind| NodePattern::new(format!("{prefix}{}", here.nodes[behind].id))));
            let is_inside = depth + 1 < segments.len();
            if let (Some(looped), true) = (&here.nodes[at].looped, is_inside || iteration.is_some()) {
                let later = iteration.unwrap_or(1).saturating_add(1)..=looped.max;
                let bare = segment.split('@').next().unwrap_or(segment);
                found.extend(later.map(|later| NodePattern::new(format!("{prefix}{bare}@{later}"))));
            }
            prefix = format!("{prefix}{segment}.");
            graph = here.nodes[at].inside();
        }
        found
    }
}

fn collect(graph: &GraphPlan, prefix: &str, paths: &mut Vec<String>) {
    for node in &graph.nodes {
        let path = format!("{prefix}{}", node.id);
        paths.push(path.clone());
        if let Some(inside) = node.inside() {
            collect(inside, &format!("{path}."), paths);
        }
    }
}

/// The nodes that can be reached from the one at `at`, without itself.
fn behind(graph: &GraphPlan, at: usize) -> impl Iterator<Item = usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![at];
    while let Some(next) = open.pop() {
        open.extend(graph.nodes[next].successors.iter().filter(|behind| found.insert(**behind)));
    }
    found.into_iter()
}

/// `improve[1]@2` as `improve` and 2.
fn name_and_iteration(segment: &str) -> (&str, Option<u32>) {
    let name = segment.split(['[', '!', '@']).next().unwrap_or(segment);
    let iteration = segment.split_once('@').map(|(_, rest)| rest.split(['[', '!']).next().unwrap_or(rest));
    (name, iteration.and_then(|number| number.parse().ok()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        diagnostic::DiskFiles,
        plan::{CompileOptions, ManifestChoice, compile_text},
    };

    fn plan() -> Plan {
        let yaml = "
nodes:
  first: { value: 1 }
  beside: { value: 2 }
  improve:
    needs: first
    loop: { max: 3 }
    nodes:
      draft: { value: '{{ first }}' }
      judge: { value: '{{ draft }}' }
      other: { value: 3 }
  last: { value: '{{ improve }}' }
  end: { value: '{{ last }} {{ beside }}' }
";
        let path = Path::new("flow.yaml");
        let compiled = compile_text(path, yaml.to_owned(), ManifestChoice::None, &DiskFiles, &CompileOptions::default());
        compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
    }

    #[track_caller]
    fn check(from: &str, expected: &[&str]) {
        let mut found: Vec<String> = plan().from_on(&NodePattern::new(from)).iter().map(ToString::to_string).collect();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_comes_after_a_node_is_found_through_graphs_and_loops() {
        check("last", &["end", "last"]);
        check("first", &["end", "first", "improve", "last"]);
        check("improve.judge", &["end", "improve.judge", "improve@2", "improve@3", "last"]);
        check("improve@2.draft", &["end", "improve@2.draft", "improve@2.judge", "improve@3", "last"]);
        check("improve@3", &["end", "improve@3", "last"]);
    }

    #[test]
    fn a_name_that_is_no_node_is_told_with_the_nearest_one() {
        let plan = plan();
        assert_eq!(plan.check_nodes(["improve@2.draft", "end"]).unwrap().len(), 2);
        let error = plan.check_nodes(["improve.drft"]).unwrap_err();
        assert_eq!((error.kind(), error.hints()), (ErrorKind::Invalid, &["did you mean `improve.draft`?".to_owned()][..]));
        assert_eq!(plan.check_nodes(["draft"]).unwrap_err().hints(), ["did you mean `improve.draft`?"]);
        assert!(plan.check_nodes(["first.draft"]).is_err());
    }
}
