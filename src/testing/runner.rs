//! The kit for Rust programs: a workflow, its mocks, its run.

use std::path::PathBuf;

use serde_json::json;

use super::{
    rehearse::rehearse,
    run::TestRun,
    script::{NodeScript, Script, StepScript},
};
use crate::{
    app::{self, MockOptions, Settings, WorkflowSource, rehearsal::Stage},
    diagnostic::{DiagnosticFormat, render},
    error::{Error, ErrorKind, Result},
    model::{ToolName, Value},
    plan::RehearsedAnswer,
    provider::MockAnswer,
};

/// How wide problems of a workflow are shown in an error, in columns.
const WIDTH: usize = 120;

/// An agent that answers what it is told to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MockAgent {
    name: String,
    capabilities: Vec<String>,
    answers: Vec<Value>,
}

impl MockAgent {
    /// An agent that makes its answers up: they follow the output of the node that asks.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), capabilities: Vec::new(), answers: Vec::new() }
    }

    /// Says that it can do something, for nodes that ask for that.
    #[must_use]
    pub fn capability(mut self, capability: impl Into<String>) -> Self {
        self.capabilities.push(capability.into());
        self
    }

    /// What it answers, in turn, whoever asks; made-up answers follow. As in the `answers` of the mock provider, `{ "tools": […] }` asks for
    /// calls of tools, and `{ "error": … }` is a failure.
    #[must_use]
    pub fn answers(mut self, answers: impl IntoIterator<Item = Value>) -> Self {
        self.answers.extend(answers);
        self
    }
}

/// Runs a workflow with mocks.
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `run`"]
pub struct TestRunner {
    source: WorkflowSource,
    settings: Settings,
    agents: Vec<MockAgent>,
    script: Script,
}

impl TestRunner {
    /// For the workflow in a file. Its manifest is found as `agentflow run` finds it.
    pub fn of_file(path: impl Into<PathBuf>) -> Self {
        Self::of(WorkflowSource::File(path.into()))
    }

    /// For a workflow in YAML, TOML or JSON.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self::of(WorkflowSource::Text(text.into()))
    }

    fn of(source: WorkflowSource) -> Self {
        let settings = Settings { mock: Some(MockOptions::default()), ..Settings::default() };
        Self { source, settings, agents: Vec::new(), script: Script::default() }
    }

    /// With this manifest, instead of the one that is found.
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.manifest = Some(path.into());
        self
    }

    /// With an input.
    pub fn input(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.script.inputs.insert(name.into(), value.into());
        self
    }

    /// With an environment variable, for workflows that name it in `env`.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.script.env.insert(name.into(), value.into());
        self
    }

    /// With an agent that answers what it is told to. One that neither the workflow nor its manifest knows is added.
    pub fn agent(mut self, agent: MockAgent) -> Self {
        self.agents.push(agent);
        self
    }

    /// With a node as a whole that does no work of its own; by its path without instances, e.g. `improve.draft`.
    pub fn node(mut self, path: impl Into<String>, step: StepScript) -> Self {
        self.script.nodes.insert(path.into(), NodeScript::Whole(step));
        self
    }

    /// With a mapped node whose instances do no work of their own.
    pub fn each(mut self, path: impl Into<String>, step: StepScript) -> Self {
        self.script.nodes.insert(path.into(), NodeScript::Each(step));
        self
    }

    /// With people who take an option of an approval; `reject` lets it fail.
    pub fn decide(mut self, path: impl Into<String>, option: impl Into<String>) -> Self {
        let answer = RehearsedAnswer::Chosen { option: option.into(), comment: None, form: None };
        self.script.nodes.insert(path.into(), NodeScript::Answer(answer));
        self
    }

    /// With people who do not answer an approval: the time to answer runs out.
    pub fn silence(mut self, path: impl Into<String>) -> Self {
        self.script.nodes.insert(path.into(), NodeScript::Answer(RehearsedAnswer::Silence));
        self
    }

    /// With a tool that gives what it is told to.
    ///
    /// # Errors
    /// `Invalid` when no tool can have this name.
    pub fn tool(mut self, name: &str, step: StepScript) -> Result<Self> {
        self.script.tools.insert(ToolName::new(name)?, step);
        Ok(self)
    }

    /// With other made-up answers.
    pub fn seed(mut self, seed: u64) -> Self {
        self.script.seed = seed;
        self
    }

    /// Runs it, on a thread and a clock of its own.
    ///
    /// # Errors
    /// `Invalid` when the workflow has errors, with all of them, or when mocks or inputs do not fit it. A run that fails is a result.
    pub fn run(self) -> Result<TestRun> {
        let run = || self.run_here();
        // The caller may be in a runtime, in which no other one can be waited for.
        std::thread::scope(|scope| scope.spawn(run).join())
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the thread of the test broke off")))
    }

    fn run_here(&self) -> Result<TestRun> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|err| Error::new(ErrorKind::Internal, "cannot start the runtime").source(err))?;
        let mut settings = self.settings.clone();
        let mut compiled = runtime.block_on(app::compile(&self.source, &settings))?;
        let unknown = |agent: &&MockAgent| compiled.catalog.get(&agent.name).is_none();
        let added: Vec<_> = self.agents.iter().filter(unknown).collect();
        if !added.is_empty() {
            for agent in added {
                settings.agents.register(&agent.name, json!({ "capabilities": agent.capabilities }))?;
            }
            compiled = runtime.block_on(app::compile(&self.source, &settings))?;
        }
        drop(runtime);
        let Some(plan) = compiled.plan.take() else {
            let format = DiagnosticFormat::Text { color: false, width: WIDTH };
            let problems = render(&compiled.diagnostics, &compiled.sources, format);
            return Err(Error::new(ErrorKind::Invalid, format!("the workflow has errors\n{problems}")));
        };
        let manifest = compiled.manifest_path.as_deref().zip(compiled.manifest.as_ref());
        let stage = Stage::set(plan, &self.source, manifest, &settings)?;
        let mut script = self.script.clone();
        for MockAgent { name, answers, .. } in &self.agents {
            let answers = answers.iter().cloned().map(MockAnswer::from_value).collect::<Result<Vec<_>>>();
            let answers = answers.map_err(|error| error.context(format!("mock agent `{name}`")))?;
            script.agents.entry(name.clone()).or_default().extend(answers);
        }
        rehearse(&stage, &script)
    }
}
