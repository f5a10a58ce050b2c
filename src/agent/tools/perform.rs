//! One step from what is asked for to its recorded result.
//!
//! The order is that of the promise: what is in the log is taken from there; arguments are checked; the policy decides, a person
//! where it says so; the intent is durable before anything leaves the process; the result is durable before anybody sees it.

use std::{sync::Arc, time::Instant};

use super::{Tools, cache, key};
use crate::{
    agent::{Entry, Journal, Recorded, tools::ToolSettings},
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{
        Access, ApprovalRequest, Decision, Effect, NodePath, OnAmbiguous, Permission, Question, QuestionKind, RunId, Spend,
        StepId, ToolDenial, ToolIntent, ToolOutcome, ToolResult, Value,
    },
    tool::{Approval, Authorized, CallContext, Caller, Grants, Meter, Tool, ToolCall, ToolOutput, Verdict},
};

/// A call that is asked for.
#[derive(Debug)]
pub(crate) struct ToolStep {
    /// Which step.
    pub(crate) id: StepId,
    /// The tool, or why there is none, with the name that was asked for.
    pub(crate) tool: std::result::Result<Arc<dyn Tool>, (String, Error)>,
    /// The arguments, or what is wrong with them.
    pub(crate) arguments: std::result::Result<Value, (Value, Error)>,
}

/// What is the same for all steps of an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) run: RunId,
    pub(crate) node: &'a NodePath,
    pub(crate) grants: &'a Arc<Grants>,
    /// What is done about calls of which nobody knows whether they were made; `None` leaves it to the tool's settings.
    pub(crate) on_ambiguous: Option<OnAmbiguous>,
    /// By what the placeholders of secrets in the arguments were made.
    pub(crate) secret_key: &'a str,
}

/// How a step ended.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(crate) enum Performed {
    /// With a result, which is in the log.
    Result(ToolResult),
    /// A person has to decide first.
    Waits,
}

/// A result on its way into the log.
struct Made {
    outcome: Result<ToolOutput>,
    untrusted: bool,
    cached: bool,
    duration_ms: u64,
    spend: Spend,
}

impl Made {
    fn new(outcome: Result<ToolOutput>) -> Self {
        Self { outcome, untrusted: false, cached: false, duration_ms: 0, spend: Spend::default() }
    }

    fn failed(error: Error) -> Self {
        Self::new(Err(error))
    }
}

impl ToolStep {
    fn name(&self) -> &str {
        match &self.tool {
            Ok(tool) => tool.spec().name.as_str(),
            Err((name, _)) => name,
        }
    }

    fn asked_with(&self) -> &Value {
        match &self.arguments {
            Ok(arguments) | Err((arguments, _)) => arguments,
        }
    }
}

impl Tools {
    /// Makes the call of a step, unless the log has its result.
    ///
    /// # Errors
    /// Only what ends the attempt: those of the journal; `Divergent` when the log has the result of another call. What goes
    /// wrong with the call itself is its result.
    pub(crate) async fn perform(
        &self,
        step: ToolStep,
        around: Around<'_>,
        recorded: &Recorded,
        journal: &dyn Journal,
    ) -> Result<Performed> {
        let (id, tool) = (step.id, step.name().to_owned());
        let fingerprint = key::fingerprint(&tool, step.asked_with());
        let known = recorded.step(id);
        if let Some(result) = known.and_then(|known| known.result.as_ref()) {
            if result.fingerprint != fingerprint {
                return Err(divergent(around.node, id, &result.tool, &tool));
            }
            crash_point!("replay.result-taken");
            return Ok(Performed::Result(result.clone()));
        }
        if let Some(intent) = known.and_then(|known| known.intent.as_ref())
            && intent.fingerprint != fingerprint
        {
            return Err(divergent(around.node, id, &intent.tool, &tool));
        }
        let Some(made) = self.make(step, around, &fingerprint, recorded, journal).await? else { return Ok(Performed::Waits) };
        let result = self.result(id, tool, fingerprint, made);
        crash_point!("tool.result-in-hand");
        journal.record(Entry::Result(result.clone())).await?;
        crash_point!("tool.result-durable");
        Ok(Performed::Result(result))
    }

    /// `None` when a person has to decide first.
    async fn make(
        &self,
        step: ToolStep,
        around: Around<'_>,
        fingerprint: &str,
        recorded: &Recorded,
        journal: &dyn Journal,
    ) -> Result<Option<Made>> {
        let (tool, arguments) = match (step.tool, step.arguments) {
            (Err((_, error)), _) | (Ok(_), Err((_, error))) => return Ok(Some(Made::failed(error))),
            (Ok(tool), Ok(arguments)) => (tool, arguments),
        };
        if let Err(error) = self.check(tool.as_ref(), &arguments) {
            return Ok(Some(Made::failed(error)));
        }
        let name = tool.spec().name.clone();
        let settings = self.settings(&name);
        let effect = settings.effect.unwrap_or_else(|| tool.effect(&arguments));
        let known = recorded.step(step.id);
        let permission = known.and_then(|known| known.permission.as_ref()).filter(|(_, given)| given.fingerprint == fingerprint);
        if let Some((_, given)) = permission.filter(|(_, given)| given.decision == Decision::Reject) {
            return Ok(Some(Made::failed(rejected(given.comment.as_deref()))));
        }
        let approval = permission.and_then(|(request, _)| Approval::of(&request.question));
        let ask = |kind, accesses, reason| ApprovalRequest {
            step: step.id,
            fingerprint: fingerprint.to_owned(),
            question: Question { kind, tool: name.to_string(), arguments: arguments.clone(), effect, accesses, reason },
        };
        let call = ToolCall { tool: name.clone(), arguments: arguments.clone() };
        let verdict = match self.policy.authorize(tool.as_ref(), call, around.grants, approval.as_ref()) {
            Ok(verdict) => verdict,
            Err(error) => return Ok(Some(Made::failed(error))),
        };
        let (call, accesses, rules) = match verdict {
            Verdict::Allowed { call, accesses, rules } => (call, accesses, rules),
            Verdict::Ask { accesses, reason } => {
                let request = ask(QuestionKind::Permission, accesses, reason);
                return put_question(request, recorded, journal).await;
            }
            Verdict::Denied(denial) => {
                let error = Error::from(denial);
                let denial = ToolDenial { step: step.id, tool: name.to_string(), arguments, error: error.to_record() };
                journal.note(Entry::Denial(denial));
                return Ok(Some(Made::failed(error)));
            }
        };
        let was_begun = known.is_some_and(|known| known.intent.is_some());
        if was_begun && effect == Effect::Write {
            let decision = known.and_then(|known| known.ambiguity.as_ref()).map(|given| given.decision);
            let usual = around.on_ambiguous.or(settings.on_ambiguous).unwrap_or_default();
            match (decision, usual) {
                (Some(Decision::Rerun), _) | (None | Some(Decision::Approve), OnAmbiguous::Rerun) => {}
                (Some(Decision::AssumeDone), _) | (None | Some(Decision::Approve), OnAmbiguous::AssumeDone) => {
                    return Ok(Some(assumed_done()));
                }
                (Some(Decision::Reject), _) => return Ok(Some(Made::failed(rejected(None)))),
                (None | Some(Decision::Approve), OnAmbiguous::Ask) => {
                    let reason = "the process died during the call, and nobody knows whether it was made".to_owned();
                    return put_question(ask(QuestionKind::Ambiguous, accesses, reason), recorded, journal).await;
                }
            }
        }
        let ready = Ready { tool, call, effect, settings, step: step.id, fingerprint, approved: approval.is_some() };
        self.call(ready, accesses, rules, around, journal).await
    }

    fn check(&self, tool: &dyn Tool, arguments: &Value) -> Result<()> {
        let problems = self.validator(tool)?.problems(arguments);
        if problems.is_empty() {
            return Ok(());
        }
        let name = &tool.spec().name;
        Err(Error::new(ErrorKind::Invalid, format!("the arguments do not fit `{name}`: {}", problems.join("; "))))
    }

    /// Records the intent and makes the call, or takes a result that was kept. `None` when the call itself waits for a person: it is
    /// made again when the run goes on.
    async fn call(
        &self,
        ready: Ready<'_>,
        accesses: Vec<Access>,
        rules: Vec<Permission>,
        around: Around<'_>,
        journal: &dyn Journal,
    ) -> Result<Option<Made>> {
        let Ready { tool, call, effect, settings, step, fingerprint, approved } = ready;
        let intent = ToolIntent {
            step,
            tool: call.tool.to_string(),
            arguments: call.arguments.clone(),
            fingerprint: fingerprint.to_owned(),
            effect,
            key: key::idempotency_key(around.run, around.node, step, fingerprint),
            accesses,
            rules,
            approved,
        };
        let idempotency_key = intent.key.clone();
        let call = match call.reveal(tool.as_ref(), &self.secrets, around.secret_key.as_bytes()) {
            Ok(call) => call,
            Err(error) => return Ok(Some(Made::failed(error))),
        };
        let untrusted = tool.is_untrusted();
        let kept = settings.cache.filter(|_| effect == Effect::Read).zip(self.store.get());
        if let Some((ttl, store)) = kept
            && let Some(output) = cache::find(store, fingerprint, ttl).await
        {
            journal.note(Entry::Intent(intent));
            return Ok(Some(Made { untrusted, cached: true, ..Made::new(Ok(output)) }));
        }
        if effect == Effect::Pure {
            journal.note(Entry::Intent(intent));
        } else {
            crash_point!("tool.intent-in-hand");
            journal.record(Entry::Intent(intent)).await?;
            crash_point!("tool.intent-durable");
        }
        let max_output = settings.max_output.unwrap_or(super::MAX_OUTPUT);
        let timeout = settings.timeout.unwrap_or_else(|| tool.usual_timeout());
        let gate = self.gate(&call.tool, settings.limits);
        let wait = gate.reserve(0.0);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let place = gate.place().await?;
        let begun = Instant::now();
        let meter = Meter::default();
        let caller = Some(Caller { run: around.run, node: around.node, step, meter: &meter });
        let context = CallContext { idempotency_key: &idempotency_key, timeout, max_output, caller };
        crash_point!("tool.call-out");
        let outcome = match tokio::time::timeout(timeout, tool.call(call, &context)).await {
            Ok(outcome) => outcome.map(|output| capped(output, max_output)),
            Err(_) => Err(timed_out(tool.spec().name.as_str(), timeout, effect)),
        };
        crash_point!("tool.call-back");
        drop(place);
        if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Waiting) {
            return Ok(None);
        }
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let (Some((ttl, store)), Ok(output)) = (kept, &outcome) {
            cache::keep(store, fingerprint, ttl, output).await;
        }
        Ok(Some(Made { outcome, untrusted, cached: false, duration_ms, spend: meter.read() }))
    }
}

/// A call that is permitted.
struct Ready<'a> {
    tool: Arc<dyn Tool>,
    call: Authorized<ToolCall>,
    effect: Effect,
    settings: ToolSettings,
    step: StepId,
    fingerprint: &'a str,
    approved: bool,
}

/// Has a person asked, once.
async fn put_question(request: ApprovalRequest, recorded: &Recorded, journal: &dyn Journal) -> Result<Option<Made>> {
    let asked = recorded.step(request.step).and_then(|known| known.question.as_ref());
    if asked.is_none_or(|asked| asked.fingerprint != request.fingerprint || asked.question.kind != request.question.kind) {
        journal.note(Entry::Question(request));
    }
    Ok(None)
}

impl Tools {
    /// What is kept and told of a call: without any secret, whoever gave it away.
    fn result(&self, step: StepId, tool: String, fingerprint: String, made: Made) -> ToolResult {
        let Made { outcome, untrusted, cached, duration_ms, spend } = made;
        let redact = |text: &str| match &self.redactor {
            Some(redactor) => redactor.redact(text).into_owned(),
            None => text.to_owned(),
        };
        let (outcome, notes) = match outcome {
            Ok(ToolOutput { value, notes }) => {
                let notes = notes.iter().map(|note| redact(note)).collect();
                let value = match &self.redactor {
                    Some(redactor) => redactor.redact_value(&value).into_owned(),
                    None => value,
                };
                (ToolOutcome::Output(value), notes)
            }
            Err(error) => {
                let mut record = error.to_record();
                record.message = redact(&record.message);
                record.raw_text = record.raw_text.as_deref().map(redact);
                record.hints = record.hints.iter().map(|hint| redact(hint)).collect();
                (ToolOutcome::Failed { told: redact(error.message()), error: record }, Vec::new())
            }
        };
        let digest = result_digest(&outcome);
        ToolResult { step, tool, fingerprint, outcome, notes, digest, untrusted, cached, duration_ms, spend }
    }
}

/// By what the audit tells that a result is what it was.
#[must_use]
pub fn result_digest(outcome: &ToolOutcome) -> String {
    let text = match outcome {
        ToolOutcome::Output(value) => value.to_string(),
        ToolOutcome::Failed { told, .. } => told.clone(),
    };
    key::digest(&[b"result", text.as_bytes()])
}

/// Cuts a result that is too long: text at a character, anything else becomes the beginning of its JSON.
fn capped(mut output: ToolOutput, max: usize) -> ToolOutput {
    let text = match &output.value {
        Value::String(text) if text.len() > max => text.as_str(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => return output,
        value @ (Value::Array(_) | Value::Object(_)) => {
            let text = value.to_string();
            if text.len() <= max {
                return output;
            }
            output.value = Value::String(text);
            return capped(output, max);
        }
    };
    let total = text.len();
    let cut = text.floor_char_boundary(max);
    output.value = Value::String(text[..cut].to_owned());
    output.notes.push(format!("the result was cut: {cut} of {total} bytes are shown"));
    output
}

fn assumed_done() -> Made {
    let notes = vec!["the process died during this call; it counts as made, and its result is not known".to_owned()];
    Made::new(Ok(ToolOutput { value: Value::Null, notes }))
}

fn rejected(comment: Option<&str>) -> Error {
    let why = comment.map(|comment| format!(": {comment}")).unwrap_or_default();
    Error::new(ErrorKind::Denied, format!("a person did not approve this call{why}"))
}

fn timed_out(tool: &str, timeout: std::time::Duration, effect: Effect) -> Error {
    let doubt = if effect.changes() { "; what it does may have happened all the same" } else { "" };
    Error::new(ErrorKind::Timeout, format!("`{tool}` did not answer within {timeout:?}{doubt}"))
        .hint(format!("raise `timeout` under `[tools.{tool}]` in the manifest"))
}

/// The log has the result of another call than the one that is asked for now.
fn divergent(node: &NodePath, step: StepId, recorded: &str, asked: &str) -> Error {
    let what = if recorded == asked { "with other arguments".to_owned() } else { format!("of `{recorded}`") };
    Error::new(
        ErrorKind::Divergent,
        format!("node `{node}`: the log holds a call {what} as step {step}, where `{asked}` is called now"),
    )
    .hint("the run was recorded with another workflow or other answers; begin a new run to use the changed ones")
}
