//! What the author wrote: workflow and manifest files in YAML, TOML or JSON, with the position of every value.
//!
//! `load` reads a file into one span-carrying [`Tree`], whatever its syntax; `grammar` is the one description of the format,
//! from which the reader's checks, the JSON Schema and the reference are made; `workflow` and `agents` hold the typed result.
//! Nothing here judges meaning (that is `plan`): a manifest is well-formed, not yet right.

mod agents;
mod approval;
mod check;
mod eval_file;
mod grammar;
mod interchange;
mod json_schema;
mod load;
mod memory;
mod messages;
mod names;
mod policy;
mod read;
mod reference;
mod schema_shorthand;
mod test_file;
mod tree;
mod units;
mod workflow;

pub use agents::{
    AgentManifest, ApiKey, BreakerManifest, FallbackManifest, Manifest, ManifestDefaults, McpManifest, ProviderKind,
    ProviderManifest, RateManifest, StoreManifest, ToolManifest,
};
pub use approval::{ApprovalManifest, WaitManifest};
pub use eval_file::{EvalManifest, ScorerKindManifest, ScorerManifest, VariantManifest};
pub use json_schema::{SchemaOf, json_schema};
pub use memory::{AgentMemoryManifest, ConversationManifest, MemoryManifest, RecallManifest, RememberManifest};
pub use messages::{MailboxManifest, ReceiveManifest, SendManifest, WaitMessageManifest};
pub use policy::{PolicyManifest, ProjectManifest, RulesManifest};
pub use read::{
    read_data, read_data_lines, read_data_text, read_eval_file, read_eval_text, read_manifest, read_manifest_text,
    read_policy_text, read_schema, read_test_file, read_workflow, read_workflow_text,
};
pub use reference::reference;
pub use test_file::{
    CaseManifest, ErrorExpectManifest, ExpectManifest, FailureManifest, FaultManifest, MockManifest, StepManifest,
    TestBodyManifest, TestCassetteManifest, TestFileManifest, TestManifest,
};
pub use tree::{Tree, TreeKind};
pub use units::{MAX_COUNT, parse_count, parse_duration, parse_rate};
pub use workflow::{
    AgentChoice, CallsManifest, EdgeManifest, Entries, InputManifest, Join, LimitsManifest, LoopManifest, NodeKindManifest,
    NodeManifest, OnErrorManifest, RetryManifest, RouteManifest, Schema, WorkflowManifest,
};
