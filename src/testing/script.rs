//! What is played in a test instead of the work of nodes, agents and tools.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use indexmap::IndexMap;

use crate::{
    app::cassette::CassetteMode,
    error::{Error, ErrorKind},
    model::{Price, ToolName, Value},
    plan::RehearsedAnswer,
    provider::MockAnswer,
    testing::faults::Fault,
};

/// Everything that one test is given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// What the test is called: the id of its run follows from it.
    pub name: String,
    /// The inputs of the run.
    pub inputs: IndexMap<String, Value>,
    /// The environment variables that the workflow may read.
    pub env: BTreeMap<String, String>,
    /// What nodes do instead of their work, by their paths without instances: `improve.draft`.
    pub nodes: BTreeMap<String, NodeScript>,
    /// What agents answer, in turn, by agent; further answers are made up.
    pub agents: BTreeMap<String, Vec<MockAnswer>>,
    /// What tools give; others pretend.
    pub tools: BTreeMap<ToolName, StepScript>,
    /// What made-up answers are derived from.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Recorded answers of models, and what is done with them. What the script says itself goes first.
    pub cassette: Option<(PathBuf, CassetteMode)>,
    /// What answers cost, by `provider/model`; nothing, when absent.
    pub prices: Option<BTreeMap<String, Price>>,
}

/// What a node does instead of its work.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeScript {
    /// The node as a whole, a mapped one too.
    Whole(StepScript),
    /// Each instance of a mapped node.
    Each(StepScript),
    /// What people say to an approval.
    Answer(RehearsedAnswer),
}

/// What a step gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepScript {
    /// What it puts out, in turn: for each instance and iteration the next one, the last one for all further. `null` when empty.
    pub outputs: Vec<Value>,
    /// How it fails before.
    pub fail: Option<Failure>,
}

impl StepScript {
    /// A step that always gives `output`.
    pub fn output(output: impl Into<Value>) -> Self {
        Self { outputs: vec![output.into()], fail: None }
    }

    /// What the step gives when it is taken for the time `turn` (from 0), in attempt `attempt` (from 1).
    pub(super) fn play(&self, turn: usize, attempt: u32, what: &str) -> Result<Value, Error> {
        if let Some(fail) = self.fail.as_ref().filter(|fail| fail.times.is_none_or(|times| attempt <= times)) {
            return Err(fail.error(what));
        }
        Ok(self.outputs.get(turn).or(self.outputs.last()).cloned().unwrap_or_default())
    }
}

/// How a step fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// What it says; that the script says so when absent.
    pub message: Option<String>,
    /// After how long another try is asked for.
    pub retry_after: Option<Duration>,
    /// How many attempts fail; all when absent.
    pub times: Option<u32>,
}

impl Failure {
    /// A failure of all attempts.
    #[must_use]
    pub fn of(kind: ErrorKind) -> Self {
        Self { kind, message: None, retry_after: None, times: None }
    }

    /// The error of `what`, e.g. ``node `a` ``.
    pub(super) fn error(&self, what: &str) -> Error {
        let message = self.message.clone().unwrap_or_else(|| format!("{what} fails, as its mock says"));
        Error::new(self.kind, message).retry_after(self.retry_after)
    }
}
