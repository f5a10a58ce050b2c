//! Carries a [`Turn`] through: asks the model what the machine wants to know, or takes the answer from the log.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    agent::{Call, CallLimits, Models, Notice, Step, Turn, fingerprint},
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{AgentProfile, CallOrigin, ChatRequest, ChatResponse, Cost, ModelRef, NodePath, RunId, Value},
};

/// What an agent is asked to do in one attempt of a node.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// The run.
    pub run: RunId,
    /// The node instance.
    pub node: &'a NodePath,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The agent; of it, only the name, `max_concurrent` and the rates are read here.
    pub agent: &'a AgentProfile,
    /// The model.
    pub model: &'a ModelRef,
    /// The models whose recorded answers may be taken: those of the whole chain of fallbacks.
    pub chain: Vec<&'a ModelRef>,
    /// How long it waits for the breaker of the model, while that is left alone.
    pub patience: Duration,
    /// The system prompt, rendered.
    pub system: Option<String>,
    /// The prompt, rendered.
    pub prompt: String,
    /// JSON Schema of the answer; text when absent.
    pub output: Option<&'a Value>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f64>,
    /// The most tokens of one answer.
    pub max_tokens: Option<u32>,
    /// The most model calls, repair turns included.
    pub max_turns: u32,
    /// How long one call may take.
    pub call_timeout: Duration,
}

/// An answered call, as the log keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// Its number in the attempt, from 0.
    pub ordinal: u32,
    /// `provider/model` that was asked.
    pub model: String,
    /// SHA-256 of what was asked, in hex: see [`fingerprint()`].
    pub fingerprint: String,
    /// The answer.
    pub response: ChatResponse,
    /// What it cost.
    pub cost: Cost,
    /// From the request to the last byte, in milliseconds.
    pub duration_ms: u64,
}

/// Where an attempt leaves its traces.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Keeps `call`, which will be followed by another one. It is durable on return.
    ///
    /// # Errors
    /// Those of the store; the attempt ends with them.
    async fn record(&self, call: CallRecord) -> Result<()>;

    /// Call `ordinal` begins; a recorded answer that is taken is no call.
    fn on_call(&self, ordinal: u32);

    /// The next piece of the answer under way.
    fn on_text(&self, text: &str);

    /// Something happened around the call under way: it waited, or its model's breaker changed.
    fn on_notice(&self, notice: Notice);
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Answered {
    /// The answer, or why there is none.
    pub outcome: Result<Value>,
    /// The last answered call, when it is not in the log yet: to be recorded together with the outcome.
    pub last_call: Option<CallRecord>,
    /// What was overlooked to get the answer, in words for people.
    pub notes: Vec<String>,
}

/// Makes one attempt at `task`.
///
/// `recorded` are the calls of this very attempt that are in the log, in order: their answers are taken, never asked for again.
/// Makes no retries; a failed call ends the attempt. Dropping the future ends the call under way.
///
/// # Errors
/// In `outcome`: those of [`Models::call`]; `Schema` with the raw text when the answer cannot be used; `Refused`; `Divergent`
/// when the log holds an answer to another question; those of the journal.
pub async fn drive(task: Task<'_>, models: &Models, recorded: &[CallRecord], journal: &dyn Journal) -> Answered {
    let mut pending = None;
    let outcome = Box::pin(converse(task, models, recorded, journal, &mut pending)).await;
    match outcome {
        Ok((value, notes)) => Answered { outcome: Ok(value), last_call: pending, notes },
        Err(error) => Answered { outcome: Err(error), last_call: pending, notes: Vec::new() },
    }
}

async fn converse(
    task: Task<'_>,
    models: &Models,
    recorded: &[CallRecord],
    journal: &dyn Journal,
    pending: &mut Option<CallRecord>,
) -> Result<(Value, Vec<String>)> {
    let mut turn = Turn::new(task.system, task.prompt, models.form(task.output)?, task.max_turns);
    loop {
        let messages = match turn.step() {
            Step::Done(answer) => return answer.map(|answer| (answer.value, answer.notes)),
            Step::CallModel(messages) => messages.to_vec(),
        };
        if let Some(call) = pending.take() {
            journal.record(call).await?;
        }
        let ordinal = turn.turns();
        let request = ChatRequest {
            origin: CallOrigin {
                run: task.run,
                node: task.node.clone(),
                agent: task.agent.name.clone(),
                attempt: task.attempt,
                ordinal,
            },
            model: task.model.model.clone(),
            messages,
            tools: Vec::new(),
            output: turn.output().cloned(),
            temperature: task.temperature,
            max_tokens: task.max_tokens,
        };
        if let Some(known) = recorded.iter().find(|call| call.ordinal == ordinal) {
            // An answer of the model before in the chain is as good as one of this.
            let asked = task.chain.iter().find(|model| model.to_string() == known.model);
            if asked.is_none_or(|model| known.fingerprint != fingerprint(model, &request)) {
                return Err(divergent(task.node, known, task.model));
            }
            turn.take(&known.response);
            crash_point!("replay.answer-taken");
            continue;
        }
        journal.on_call(ordinal);
        crash_point!("call.before");
        crash_point!("call.before-repair" if ordinal > 0);
        let agent_limits = CallLimits { max_concurrent: task.agent.max_concurrent, rates: task.agent.rates };
        let call =
            Call { model: task.model, agent_limits, timeout: task.call_timeout, patience: task.patience, request: &request };
        let called = models.call(call, &|text| journal.on_text(text), &|notice| journal.on_notice(notice)).await?;
        crash_point!("call.answered");
        turn.take(&called.response);
        *pending = Some(CallRecord {
            ordinal,
            model: task.model.to_string(),
            fingerprint: fingerprint(task.model, &request),
            response: called.response,
            cost: called.cost,
            duration_ms: u64::try_from(called.duration.as_millis()).unwrap_or(u64::MAX),
        });
    }
}

/// The log answers another question than the one that is asked now.
fn divergent(node: &NodePath, known: &CallRecord, model: &ModelRef) -> Error {
    let ordinal = known.ordinal;
    let what =
        if known.model == model.to_string() { "another request".to_owned() } else { format!("a request to `{}`", known.model) };
    Error::new(
        ErrorKind::Divergent,
        format!("node `{node}`: the log holds the answer to {what} as call {ordinal} of this attempt"),
    )
    .hint("the run was recorded with another prompt, model or schema; begin a new run to use the changed ones")
}
