//! A test file as written.

use std::time::Duration;

use crate::{
    diagnostic::{FileId, Span, Spanned},
    manifest::{Entries, Tree},
};

/// A test file.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFileManifest {
    /// The file it is in.
    pub file: FileId,
    /// The workflow, relative to the file.
    pub workflow: Spanned<String>,
    /// The manifest, relative to the file.
    pub manifest: Option<Spanned<String>>,
    /// What holds for every test that says nothing else.
    pub defaults: TestBodyManifest,
    /// The tests.
    pub tests: Vec<TestManifest>,
}

/// A test.
#[derive(Debug, Clone, PartialEq)]
pub struct TestManifest {
    /// The whole entry.
    pub span: Span,
    /// What it shows.
    pub name: Spanned<String>,
    /// What is to be known about it.
    pub description: Option<Spanned<String>>,
    /// Why it is not run.
    pub skip: Option<Spanned<String>>,
    /// What it says itself.
    pub body: TestBodyManifest,
    /// Its table; empty when it has none.
    pub cases: Vec<CaseManifest>,
}

/// A row of the table of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseManifest {
    /// The whole entry.
    pub span: Span,
    /// What it shows.
    pub name: Option<Spanned<String>>,
    /// What is different from the test.
    pub body: TestBodyManifest,
}

/// What a run of a test is given, and what must hold after it. Defaults, tests and cases have it; what is nearer goes first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestBodyManifest {
    /// The inputs of the run.
    pub inputs: Entries<Tree>,
    /// Environment variables.
    pub env: Entries<Spanned<String>>,
    /// What nodes do instead of their work.
    pub mocks: Entries<MockManifest>,
    /// What agents answer, in turn.
    pub agents: Entries<Vec<Tree>>,
    /// What tools give.
    pub tools: Entries<StepManifest>,
    /// What goes wrong.
    pub faults: Vec<FaultManifest>,
    /// Recorded answers.
    pub cassette: Option<TestCassetteManifest>,
    /// What made-up answers are derived from.
    pub seed: Option<Spanned<u64>>,
    /// Whether made-up answers cost something.
    pub priced: Option<Spanned<bool>>,
    /// What must hold.
    pub expect: ExpectManifest,
    /// What is compared with what was written down: `outputs`, `nodes`, `prompts`, `route`, `events`.
    pub snapshot: Vec<Spanned<String>>,
}

/// What a step gives in a test: a mocked node, an instance of one, or a tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepManifest {
    /// What it puts out, in turn; the last one for all further.
    pub outputs: Vec<Tree>,
    /// How it fails before it puts out anything.
    pub fail: Option<FailureManifest>,
}

/// A mock of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct MockManifest {
    /// The whole entry.
    pub span: Span,
    /// What the node gives; of the node as a whole.
    pub step: StepManifest,
    /// Of a mapped node: what its instances give.
    pub each: Option<StepManifest>,
    /// Of an approval: whether it is approved.
    pub approve: Option<Spanned<bool>>,
    /// Of an approval: the option that is taken.
    pub option: Option<Spanned<String>>,
    /// Of an approval: whether nobody answers.
    pub unanswered: Option<Spanned<bool>>,
    /// Of an approval: what is said with the answer.
    pub comment: Option<Spanned<String>>,
    /// Of an approval: what is filled in.
    pub form: Option<Tree>,
}

/// How a mocked step fails.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureManifest {
    /// The whole entry.
    pub span: Span,
    /// The kind: a word of the format.
    pub kind: Option<Spanned<String>>,
    /// As a server would answer.
    pub status: Option<Spanned<u16>>,
    /// What the error says.
    pub message: Option<Spanned<String>>,
    /// What the server asks for.
    pub retry_after: Option<Spanned<Duration>>,
    /// How many attempts fail; all of them when absent.
    pub times: Option<Spanned<u32>>,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultManifest {
    /// The whole entry.
    pub span: Span,
    /// What: a word of the format.
    pub kind: Spanned<String>,
    /// Where: a node, an agent, a model or a tool.
    pub at: Option<Spanned<String>>,
    /// How many calls go well before.
    pub after: Option<Spanned<u32>>,
    /// How many calls go wrong.
    pub times: Option<Spanned<u32>>,
    /// What the server asks for.
    pub retry_after: Option<Spanned<Duration>>,
    /// How much longer a slow answer takes.
    pub delay: Option<Spanned<Duration>>,
}

/// Recorded answers of models and tools.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCassetteManifest {
    /// The cassette, relative to the file.
    pub file: Spanned<String>,
    /// `record`, `replay` or `replay-or-fail`.
    pub mode: Option<Spanned<String>>,
}

/// What must hold after the run. Values are matched as [`crate::testing`] says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExpectManifest {
    /// `succeeded`, `failed`, `cancelled` or `waiting`.
    pub status: Option<Spanned<String>>,
    /// What `agentflow run` would have exited with.
    pub exit_code: Option<Spanned<u8>>,
    /// Why it failed.
    pub error: Option<ErrorExpectManifest>,
    /// How often nodes ran.
    pub executed: Entries<Spanned<u32>>,
    /// Nodes that did not run.
    pub not_executed: Vec<Spanned<String>>,
    /// Nodes that were skipped.
    pub skipped: Vec<Spanned<String>>,
    /// Nodes in the order in which they ended; absent when nothing is said.
    pub order: Vec<Spanned<String>>,
    /// How many attempts nodes took.
    pub attempts: Entries<Spanned<u32>>,
    /// The nodes that nodes with `route` chose.
    pub routes: Entries<Vec<Spanned<String>>>,
    /// The outputs of the run.
    pub outputs: Entries<Tree>,
    /// What nodes put out.
    pub nodes: Entries<Tree>,
    /// What agents were asked.
    pub prompts: Entries<Tree>,
    /// How often agents and tools were called.
    pub calls: Entries<Spanned<u32>>,
    /// Messages that were sent.
    pub messages: Option<Spanned<Vec<Tree>>>,
    /// Events that happened.
    pub events: Vec<Tree>,
    /// The most it may have cost, in USD.
    pub max_cost_usd: Option<Spanned<f64>>,
    /// The most tokens.
    pub max_tokens: Option<Spanned<u64>>,
    /// The longest it may have taken.
    pub max_duration: Option<Spanned<Duration>>,
}

/// Why a run must have failed.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorExpectManifest {
    /// The whole entry.
    pub span: Span,
    /// The kind of the error.
    pub kind: Option<Spanned<String>>,
    /// The node that failed.
    pub node: Option<Spanned<String>>,
    /// What it says: a value or a matcher.
    pub message: Option<Tree>,
}
