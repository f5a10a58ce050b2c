//! The two steps over kept conversations, as tools that no model is offered: so that they are recorded, repeated after a crash and
//! shown like all calls.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{
    choose::Bounds,
    document::{Compaction, ConversationId, KeptTurn},
    history::History,
    kept,
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, Scope, ToolName, ToolSpec, Value},
    store::Store,
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput},
};

/// Reads what an agent is given of a conversation.
#[derive(Debug)]
pub(super) struct Read {
    spec: ToolSpec,
    store: Arc<dyn Store>,
}

/// Adds what was said and answered.
#[derive(Debug)]
pub(super) struct Append {
    spec: ToolSpec,
    store: Arc<dyn Store>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhatToRead {
    scope: Scope,
    name: String,
    most: usize,
    keep: usize,
    summarizes: bool,
    models: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhatToAdd {
    scope: Scope,
    name: String,
    prompt: String,
    answer: String,
    tokens: usize,
    #[serde(default)]
    compaction: Option<Compaction>,
}

impl Read {
    pub(super) fn over(store: Arc<dyn Store>) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {
                "scope": {"type": "string"},
                "name": {"type": "string"},
                "most": {"type": "integer", "minimum": 0},
                "keep": {"type": "integer", "minimum": 0},
                "summarizes": {"type": "boolean"},
                "models": {"type": "array", "items": {"type": "string"}}
            },
            "required": ["scope", "name", "most", "keep", "summarizes", "models"],
            "additionalProperties": false
        });
        Self { spec: spec("conversation_read", "Reads what was said before in a conversation.", parameters, Effect::Read), store }
    }
}

impl Append {
    pub(super) fn over(store: Arc<dyn Store>) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {
                "scope": {"type": "string"},
                "name": {"type": "string"},
                "prompt": {"type": "string"},
                "answer": {"type": "string"},
                "tokens": {"type": "integer", "minimum": 0},
                "compaction": {"type": "object"}
            },
            "required": ["scope", "name", "prompt", "answer", "tokens"],
            "additionalProperties": false
        });
        let description = "Adds what was said and answered to a conversation.";
        Self { spec: spec("conversation_append", description, parameters, Effect::Idempotent), store }
    }
}

fn spec(name: &str, description: &str, parameters: Value, effect: Effect) -> ToolSpec {
    let name = ToolName::new(name).expect("a name of ours is one");
    ToolSpec { name, description: description.to_owned(), parameters, effect }
}

fn arguments<T: for<'a> Deserialize<'a>>(call: Authorized<ToolCall>) -> Result<T> {
    let ToolCall { tool, arguments } = call.into_inner();
    serde_json::from_value(arguments)
        .map_err(|error| Error::new(ErrorKind::Invalid, format!("the arguments do not fit `{tool}`")).source(error))
}

#[async_trait]
impl Tool for Read {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn is_inner(&self) -> bool {
        true
    }

    /// What was said in other runs, models may have written, from what strangers told them.
    fn is_untrusted(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Value> {
        Some(json!(History::default()))
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(Vec::new())
    }

    async fn call(&self, call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        let WhatToRead { scope, name, most, keep, summarizes, models } = arguments(call)?;
        let id = ConversationId::new(scope, name)?;
        let conversation = kept::find(&self.store, &id).await?;
        let bounds = Bounds { most, keep, summarizes };
        // Counting may take a while.
        let history = tokio::task::spawn_blocking(move || History::of(conversation, bounds, &models))
            .await
            .map_err(|error| Error::new(ErrorKind::Internal, "a conversation could not be divided").source(error))?;
        Ok(ToolOutput { notes: history.notes(&id), value: json!(history) })
    }
}

#[async_trait]
impl Tool for Append {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn is_inner(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Value> {
        Some(json!({"added": true, "summarized": 0, "dropped": 0}))
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(Vec::new())
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let WhatToAdd { scope, name, prompt, answer, tokens, compaction } = arguments(call)?;
        let id = ConversationId::new(scope, name)?;
        let Some(caller) = context.caller else {
            return Err(Error::new(ErrorKind::Invalid, "conversations are added to in runs only"));
        };
        let turn = KeptTurn {
            id: context.idempotency_key.to_owned(),
            prompt,
            answer,
            at: Timestamp::now(),
            run: caller.run,
            node: caller.node.clone(),
            tokens,
        };
        let added = kept::add(&self.store, &id, &turn, compaction.as_ref()).await?;
        let mut output = ToolOutput::new(json!(added));
        if added.dropped > 0 {
            let count = added.dropped;
            output.notes.push(format!("conversation `{id}` is too long to be kept: its {count} oldest turns were dropped"));
        }
        Ok(output)
    }
}
