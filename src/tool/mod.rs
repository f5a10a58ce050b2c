//! What agents and workflows can do besides asking models: tools, the policy that permits their calls, and the box they are kept in.
//!
//! A tool says what it is ([`ToolSpec`]), what a call would touch ([`Tool::accesses`]) and makes the call ([`Tool::call`]), which it
//! can only be given as an [`Authorized`] one; [`Policy::authorize`] alone makes these. Retries, time limits, caches, caps and the log
//! are not its business: the `agent` room does that around every call.

mod arguments;
mod builtin;
pub mod calculator;
mod caller;
pub mod command;
pub mod files;
pub mod mcp;
pub mod memory;
pub mod messages;
mod policy;
mod redact;
mod secrets;
mod toolbox;
pub mod web;

use std::{fmt, time::Duration};

use async_trait::async_trait;

pub use builtin::{BUILT_INS, BuiltIn, built_in_specs};
pub use caller::{Caller, Meter};
pub use policy::{Approval, Authorized, Denial, Grants, Level, Policy, Rules, Standing, Verdict};
pub use redact::{LiveSecrets, Redactor};
pub use secrets::{Secrets, mentioned, placeholders};
pub use toolbox::{ToolSource, Toolbox};

use self::messages::MailboxRequest;
use crate::{
    error::Result,
    model::{Access, AccessClass, Effect, ToolName, ToolSpec, Value},
};

/// Something that can be called with arguments.
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync {
    /// What it is.
    fn spec(&self) -> &ToolSpec;

    /// What a call with these arguments does to the world; at most what the specification says.
    fn effect(&self, _arguments: &Value) -> Effect {
        self.spec().effect
    }

    /// The kinds of things that calls touch: of each, something must be permitted for the tool to be of any use.
    fn reach(&self) -> &[AccessClass];

    /// Whether results may hold what strangers wrote.
    fn is_untrusted(&self) -> bool {
        false
    }

    /// Whether it is a part of how agents are run: what it changes is kept in the run or beside it, and needs no permission.
    fn is_inner(&self) -> bool {
        false
    }

    /// How long a call may take, unless the manifest says otherwise.
    fn usual_timeout(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Whether it is really called in runs that only pretend, because it touches nothing by itself.
    fn is_safe_to_simulate(&self) -> bool {
        self.spec().effect == Effect::Pure
    }

    /// A result as the tool gives them, for runs that only pretend.
    fn sample(&self) -> Option<Value> {
        None
    }

    /// All that a call with these arguments, which follow the schema, would touch when it begins. What turns up later (a
    /// redirect, the target of a link) the tool asks the [`Authorized`] call about, before it touches it.
    ///
    /// # Errors
    /// `Invalid` when the arguments make no sense, with a message that a model can act on.
    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>>;

    /// For a tool over the mailboxes of the run that calls it: what the call asks of them. The run answers it, and keeps what follows in one
    /// piece with the result; [`Tool::call`] is not made then.
    ///
    /// # Errors
    /// `Invalid` when the arguments make no sense.
    fn asks_mailboxes(&self, _call: &Authorized<ToolCall>) -> Option<Result<MailboxRequest>> {
        None
    }

    /// Makes the call. Dropping the future ends it, children included.
    ///
    /// # Errors
    /// The message is for the model as well: it has no secrets and no paths outside of the project. Hints and causes are for
    /// people only.
    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput>;
}

/// A call that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// Of which tool.
    pub tool: ToolName,
    /// With these arguments; they follow the tool's schema.
    pub arguments: Value,
}

/// What surrounds a call.
#[derive(Debug, Clone, Copy)]
pub struct CallContext<'a> {
    /// `af1-…`: the same whenever the same step of the same run is made again. To be passed on where the other side knows such keys.
    pub idempotency_key: &'a str,
    /// How long the call may take; it is cut off after that in any case.
    pub timeout: Duration,
    /// How many bytes of result are of use; more are cut.
    pub max_output: usize,
    /// Who calls; `None` for a call outside of runs.
    pub caller: Option<Caller<'a>>,
}

/// What a call gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolOutput {
    /// The result. A string is shown to models as it is, anything else as JSON.
    pub value: Value,
    /// What was overlooked or left out, in words: shown to the model, too.
    pub notes: Vec<String>,
}

impl ToolOutput {
    /// A result without notes.
    pub fn new(value: impl Into<Value>) -> Self {
        Self { value: value.into(), notes: Vec::new() }
    }
}
