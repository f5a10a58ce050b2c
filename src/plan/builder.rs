//! Workflows made in code. What is built is written as JSON in the interchange form and compiled like any file, so that problems
//! point into a text that a person can read ([`GraphBuilder::to_json`]).

use std::{fmt, path::PathBuf};

use serde::{Serialize, Serializer};
use serde_json::{Map, json};

use crate::{
    diagnostic::{Diagnostic, DiskFiles, Files, Severity, Sources},
    model::Value,
    plan::{CompileOptions, ManifestChoice, Plan, compile_text},
};

/// Builds a workflow node by node.
///
/// ```
/// use agentflow::plan::{GraphBuilder, NodeSpec};
/// use serde_json::json;
///
/// let plan = GraphBuilder::new("greeting")
///     .input("name", json!("string"))
///     .add_node("polite", NodeSpec::value(json!("Good morning, {{ inputs.name }}")))
///     .add_node("loud", NodeSpec::value(json!("{{ polite | upper }}!")))
///     .output("text", json!("{{ loud }}"))
///     .build()
///     .unwrap();
/// assert_eq!(plan.graph.nodes.len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct GraphBuilder {
    name: String,
    description: Option<String>,
    inputs: Map<String, Value>,
    agents: Vec<(String, Value)>,
    limits: Map<String, Value>,
    nodes: Vec<(String, NodeSpec)>,
    edges: Vec<Value>,
    outputs: Map<String, Value>,
    manifest: ManifestChoice,
}

impl GraphBuilder {
    /// A workflow without nodes. Its agents are its own until [`GraphBuilder::manifest`] names a file with more.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            inputs: Map::new(),
            agents: Vec::new(),
            limits: Map::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            outputs: Map::new(),
            manifest: ManifestChoice::None,
        }
    }

    /// Says what the workflow is for.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Declares an input: a type in shorthand (`json!("string")`), a JSON Schema, or `{ "type": …, "default": … }`.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>, schema: Value) -> Self {
        self.inputs.insert(name.into(), schema);
        self
    }

    /// Registers an agent, with the fields it would have in a manifest. Nodes name it, or what it can do ([`NodeSpec::capability`]). Two
    /// of one name are a problem that [`GraphBuilder::build`] reports, with both places.
    #[must_use]
    pub fn agent(mut self, name: impl Into<String>, fields: Value) -> Self {
        self.agents.push((name.into(), fields));
        self
    }

    /// Sets one of the `limits`, e.g. `("timeout", json!("5m"))`.
    #[must_use]
    pub fn limit(mut self, name: impl Into<String>, value: Value) -> Self {
        self.limits.insert(name.into(), value);
        self
    }

    /// Adds a node. Its templates may name nodes that are added later.
    #[must_use]
    pub fn add_node(mut self, id: impl Into<String>, node: NodeSpec) -> Self {
        self.nodes.push((id.into(), node));
        self
    }

    /// Lets `to` wait for `from`. A template in `to` that names `from` says the same.
    #[must_use]
    pub fn add_edge(mut self, from: &str, to: &str) -> Self {
        self.edges.push(json!({"from_node": from, "to_node": to}));
        self
    }

    /// Lets `to` run after `from` only when `condition`, an expression, is true.
    #[must_use]
    pub fn add_conditional_edge(mut self, from: &str, to: &str, condition: &str) -> Self {
        self.edges.push(json!({"from_node": from, "to_node": to, "condition": condition}));
        self
    }

    /// Lets the value of `on`, an expression, choose which nodes run after `from`; `default` runs for any value without a case.
    /// A value that is given twice chooses both nodes.
    ///
    /// Replaces an earlier map of the same node. `from` must have been added.
    #[must_use]
    pub fn add_condition_map<'a>(
        mut self,
        from: &str,
        on: &str,
        cases: impl IntoIterator<Item = (&'a str, &'a str)>,
        default: Option<&str>,
    ) -> Self {
        let mut chosen: Map<String, Value> = Map::new();
        for (value, to) in cases {
            let nodes = chosen.entry(value).or_insert_with(|| json!([]));
            if let Some(nodes) = nodes.as_array_mut() {
                nodes.push(json!(to));
            }
        }
        let mut route = json!({"on": on, "cases": chosen});
        if let (Some(default), Some(route)) = (default, route.as_object_mut()) {
            route.insert("default".to_owned(), json!(default));
        }
        match self.nodes.iter_mut().find(|(id, _)| id == from) {
            Some((_, node)) => {
                node.fields.insert("route".to_owned(), route);
            }
            // An edge from a node that does not exist is reported by `build`.
            None => self.edges.push(json!({"from_node": from, "to_node": default.unwrap_or(from)})),
        }
        self
    }

    /// Declares an output: a template, or data with templates in it. Without any, the outputs are those of the last nodes.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, value: Value) -> Self {
        self.outputs.insert(name.into(), value);
        self
    }

    /// Names the manifest that has the agents.
    #[must_use]
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.manifest = ManifestChoice::At(path.into());
        self
    }

    /// The workflow as JSON in the interchange form, as `build` compiles it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut workflow = Vec::from([("name", Part::Value(json!(self.name)))]);
        if let Some(text) = &self.description {
            workflow.push(("description", Part::Value(json!(text))));
        }
        if !self.inputs.is_empty() {
            workflow.push(("inputs", Part::Value(Value::Object(self.inputs.clone()))));
        }
        if !self.agents.is_empty() {
            workflow.push(("agents", Part::Entries(&self.agents)));
        }
        if !self.limits.is_empty() {
            workflow.push(("limits", Part::Value(Value::Object(self.limits.clone()))));
        }
        let nodes = self.nodes.iter().map(|(id, node)| json!({"node_id": id, "node_type": node.kind, "config": node.fields}));
        workflow.push(("nodes", Part::Value(nodes.collect())));
        workflow.push(("edges", Part::Value(Value::Array(self.edges.clone()))));
        if !self.outputs.is_empty() {
            workflow.push(("outputs", Part::Value(Value::Object(self.outputs.clone()))));
        }
        let text = serde_json::to_string_pretty(&Document(&workflow)).expect("values with texts as keys are JSON");
        text + "\n"
    }

    /// Checks the workflow and makes a plan of it. Paths in it are relative to the working directory.
    ///
    /// # Errors
    /// Every problem that a workflow file with the same content would have.
    pub fn build(&self) -> Result<Plan, GraphProblems> {
        self.build_with(&DiskFiles, &CompileOptions::default())
    }

    /// As [`GraphBuilder::build`], with files from elsewhere and options.
    ///
    /// # Errors
    /// Every problem that a workflow file with the same content would have.
    pub fn build_with(&self, files: &dyn Files, options: &CompileOptions) -> Result<Plan, GraphProblems> {
        // The path of messages only: a slash in the name must not make a folder of it, to which other paths would be relative.
        let path = PathBuf::from(format!("<graph {}>", self.name.replace(['/', '\\'], "_")));
        let compiled = compile_text(&path, self.to_json(), self.manifest.clone(), files, options);
        compiled.plan.ok_or(GraphProblems { diagnostics: compiled.diagnostics, sources: compiled.sources })
    }
}

/// A workflow as JSON text, its parts in the order given.
struct Document<'a>(&'a [(&'a str, Part<'a>)]);

/// A part of a workflow.
enum Part<'a> {
    Value(Value),
    /// All of them are written, also two of one name: the reader reports these.
    Entries(&'a [(String, Value)]),
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, part)| (name, part)))
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Entries(entries) => serializer.collect_map(entries.iter().map(|(name, value)| (name, value))),
        }
    }
}

/// One node of a [`GraphBuilder`].
#[derive(Debug, Clone)]
pub struct NodeSpec {
    kind: &'static str,
    fields: Map<String, Value>,
}

impl NodeSpec {
    fn new(kind: &'static str, value: Value) -> Self {
        Self { kind, fields: Map::from_iter([(kind.to_owned(), value)]) }
    }

    /// A node that runs the agent called `name`.
    #[must_use]
    pub fn agent(name: &str) -> Self {
        Self::new("agent", json!(name))
    }

    /// A node that runs the agent that can do `capability`.
    #[must_use]
    pub fn capability(capability: &str) -> Self {
        Self::new("agent", json!({"capability": capability}))
    }

    /// A node that computes data: a value whose strings are templates.
    #[must_use]
    pub fn value(value: Value) -> Self {
        Self::new("value", value)
    }

    /// A node that runs another workflow file with these inputs.
    #[must_use]
    pub fn workflow(path: &str, with: Value) -> Self {
        Self::new("workflow", json!(path)).set("with", with)
    }

    /// A node that searches memory, e.g. `json!({"collection": "docs", "query": "{{ inputs.question }}"})`.
    #[must_use]
    pub fn recall(search: Value) -> Self {
        Self::new("recall", search)
    }

    /// A node that keeps something in memory, e.g. `json!({"collection": "notes", "documents": "{{ answer }}"})`.
    #[must_use]
    pub fn remember(documents: Value) -> Self {
        Self::new("remember", documents)
    }

    /// A node with an inner graph. An inner node is ordered by what its templates name.
    #[must_use]
    pub fn graph<'a>(nodes: impl IntoIterator<Item = (&'a str, NodeSpec)>) -> Self {
        let nodes: Map<String, Value> = nodes.into_iter().map(|(id, node)| (id.to_owned(), Value::Object(node.fields))).collect();
        Self::new("nodes", Value::Object(nodes))
    }

    /// Sets any key that a node may have in a workflow file, e.g. `("timeout", json!("30s"))`.
    #[must_use]
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.fields.insert(key.to_owned(), value);
        self
    }

    /// The prompt, a template.
    #[must_use]
    pub fn prompt(self, text: &str) -> Self {
        self.set("prompt", json!(text))
    }

    /// The file of the prompt.
    #[must_use]
    pub fn prompt_file(self, path: &str) -> Self {
        self.set("prompt_file", json!(path))
    }

    /// What the answer must be: schema shorthand or JSON Schema.
    #[must_use]
    pub fn output(self, schema: Value) -> Self {
        self.set("output", schema)
    }

    /// The model, `provider/model`, instead of the agent's.
    #[must_use]
    pub fn model(self, model: &str) -> Self {
        self.set("model", json!(model))
    }

    /// An expression; the node is skipped when it is false.
    #[must_use]
    pub fn when(self, condition: &str) -> Self {
        self.set("when", json!(condition))
    }

    /// Runs the node once per element of a list, which templates call `name`.
    #[must_use]
    pub fn map(self, over: &str, name: &str) -> Self {
        self.set("map", json!(over)).set("as", json!(name))
    }

    /// Repeats the node until an expression is true, at most `max` times.
    #[must_use]
    pub fn repeat(self, until: &str, max: u32) -> Self {
        self.set("loop", json!({"until": until, "max": max}))
    }

    /// Starts the node at the first edge taken instead of after all are decided.
    #[must_use]
    pub fn join_any(self) -> Self {
        self.set("join", json!("any"))
    }

    /// Lets the run go on without the node's output when it fails.
    #[must_use]
    pub fn on_error_continue(self) -> Self {
        self.set("on_error", json!("continue"))
    }

    /// Lets the run go on with this output when the node fails.
    #[must_use]
    pub fn on_error_use(self, value: Value) -> Self {
        self.set("on_error", Value::Object(Map::from_iter([("use".to_owned(), value)])))
    }

    /// Lets the run go on at another node when this one fails.
    #[must_use]
    pub fn on_error_goto(self, node: &str) -> Self {
        self.set("on_error", json!({"goto": node}))
    }
}

/// What keeps a built graph from being run.
#[derive(Clone)]
pub struct GraphProblems {
    /// Errors and warnings, by position.
    pub diagnostics: Vec<Diagnostic>,
    /// The text they point into: the graph as JSON.
    pub sources: Sources,
}

/// One line per error.
impl fmt::Display for GraphProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.diagnostics.iter().filter(|problem| problem.severity == Severity::Error);
        for (number, problem) in errors.enumerate() {
            let position = self.sources.position(problem.span);
            let end = if number == 0 { "" } else { "\n" };
            write!(f, "{end}{}:{}:{}: ", position.path.display(), position.line, position.column)?;
            write!(f, "{}: {}", problem.code, problem.message)?;
            if let Some(hint) = &problem.hint {
                write!(f, " ({hint})")?;
            }
        }
        Ok(())
    }
}

/// The same: this is what a `main` that returns the problems prints.
impl fmt::Debug for GraphProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for GraphProblems {}
