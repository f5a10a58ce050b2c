//! One step from what is asked for to its recorded result.
//!
//! The order is that of the promise: what is in the log is taken from there; arguments are checked; the policy decides, a person
//! where it says so; the intent is durable before anything leaves the process; the result is durable before anybody sees it.

use std::{sync::Arc, time::Instant};

use super::{
    Tools, cache, key,
    outcome::{Made, Of, assumed_done, capped, rejected, timed_out},
    taped,
};
use crate::{
    agent::{Entry, Journal, Recorded, tools::ToolSettings},
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{
        Access, ApprovalRequest, Decision, Effect, NodePath, OnAmbiguous, Permission, Question, QuestionKind, RunId, StepId,
        ToolDenial, ToolIntent, ToolName, ToolResult, Value,
    },
    tool::{Approval, Authorized, CallContext, Caller, Grants, Meter, Tool, ToolCall, Verdict, messages::MailboxRequest},
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
pub(crate) enum Performed {
    /// With a result, which is in the log.
    Result(Box<ToolResult>),
    /// A person has to decide first.
    Waits,
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
            return Ok(Performed::Result(Box::new(result.clone())));
        }
        if let Some(intent) = known.and_then(|known| known.intent.as_ref())
            && intent.fingerprint != fingerprint
        {
            return Err(divergent(around.node, id, &intent.tool, &tool));
        }
        let of = Of { step: id, tool, fingerprint };
        let taping = self.taping(&step);
        let (made, taping) = match self.make(step, around, &of, recorded, journal).await? {
            Came::Made(made) => (made, taping),
            Came::Played(made) => (made, None),
            Came::Kept(result) => return Ok(Performed::Result(result)),
            Came::Waits => return Ok(Performed::Waits),
        };
        let result = of.result(self.redactor.as_deref(), made);
        if let Some(taping) = taping {
            taping.keep(around, id, &result);
        }
        crash_point!("tool.result-in-hand");
        journal.record(Entry::Result(result.clone())).await?;
        crash_point!("tool.result-durable");
        Ok(Performed::Result(Box::new(result)))
    }

    async fn make(
        &self,
        step: ToolStep,
        around: Around<'_>,
        of: &Of,
        recorded: &Recorded,
        journal: &dyn Journal,
    ) -> Result<Came> {
        let fingerprint = of.fingerprint.as_str();
        let (tool, arguments) = match (step.tool, step.arguments) {
            (Err((_, error)), _) | (Ok(_), Err((_, error))) => return Ok(Came::Made(Made::failed(error))),
            (Ok(tool), Ok(arguments)) => (tool, arguments),
        };
        if let Err(error) = self.check(tool.as_ref(), &arguments) {
            return Ok(Came::Made(Made::failed(error)));
        }
        let name = tool.spec().name.clone();
        let key = key::idempotency_key(around.run, around.node, step.id, fingerprint);
        let pretended = taped::intent(step.id, &name, &arguments, fingerprint, key);
        if let Some(played) = self.play(tool.as_ref(), &arguments, pretended, around, journal)? {
            return Ok(Came::Played(played));
        }
        let settings = self.settings(&name);
        // What only pretends does nothing, whatever its operator says of it.
        let effect = settings.effect.filter(|_| !self.simulated).unwrap_or_else(|| tool.effect(&arguments));
        let known = recorded.step(step.id);
        let permission = known.and_then(|known| known.permission.as_ref()).filter(|(_, given)| given.fingerprint == fingerprint);
        if let Some((_, given)) = permission.filter(|(_, given)| given.decision == Decision::Reject) {
            return Ok(Came::Made(Made::failed(rejected(given.comment.as_deref()))));
        }
        let approval = permission.and_then(|(request, _)| Approval::of(&request.question));
        let ask = |kind, accesses, reason| ApprovalRequest {
            step: step.id,
            fingerprint: fingerprint.to_owned(),
            question: Question {
                kind,
                tool: name.to_string(),
                arguments: arguments.clone(),
                effect,
                accesses,
                reason,
                gate: None,
            },
        };
        if let Some(error) = self.wrap.as_ref().and_then(|wrap| wrap.denies(around.node, &name)) {
            return Ok(denied(step.id, &name, arguments, error, journal));
        }
        let call = ToolCall { tool: name.clone(), arguments: arguments.clone() };
        let verdict = match self.policy.authorize(tool.as_ref(), call, around.grants, approval.as_ref()) {
            Ok(verdict) => verdict,
            Err(error) => return Ok(Came::Made(Made::failed(error))),
        };
        let (call, accesses, rules) = match verdict {
            Verdict::Allowed { call, accesses, rules } => (call, accesses, rules),
            Verdict::Ask { accesses, reason } => {
                let request = ask(QuestionKind::Permission, accesses, reason);
                put_question(request, recorded, journal);
                return Ok(Came::Waits);
            }
            Verdict::Denied(denial) => {
                return Ok(denied(step.id, &name, arguments, Error::from(denial), journal));
            }
        };
        let was_begun = known.is_some_and(|known| known.intent.is_some());
        if was_begun && effect == Effect::Write {
            let decision = known.and_then(|known| known.ambiguity.as_ref()).map(|given| given.decision);
            let usual = around.on_ambiguous.or(settings.on_ambiguous).unwrap_or_default();
            match (decision, usual) {
                (Some(Decision::Rerun), _) | (None | Some(Decision::Approve | Decision::Choose), OnAmbiguous::Rerun) => {}
                (Some(Decision::AssumeDone), _)
                | (None | Some(Decision::Approve | Decision::Choose), OnAmbiguous::AssumeDone) => {
                    return Ok(Came::Made(assumed_done()));
                }
                (Some(Decision::Reject), _) => return Ok(Came::Made(Made::failed(rejected(None)))),
                (None | Some(Decision::Approve | Decision::Choose), OnAmbiguous::Ask) => {
                    let reason = "the process died during the call, and nobody knows whether it was made".to_owned();
                    put_question(ask(QuestionKind::Ambiguous, accesses, reason), recorded, journal);
                    return Ok(Came::Waits);
                }
            }
        }
        let ready = Ready { tool, call, effect, settings, of, approved: approval.is_some() };
        self.call(ready, accesses, rules, around, journal).await
    }

    pub(super) fn check(&self, tool: &dyn Tool, arguments: &Value) -> Result<()> {
        let problems = self.validator(tool)?.problems(arguments);
        if problems.is_empty() {
            return Ok(());
        }
        let name = &tool.spec().name;
        Err(Error::new(ErrorKind::Invalid, format!("the arguments do not fit `{name}`: {}", problems.join("; "))))
    }

    /// Records the intent and makes the call, or takes a result that was kept. A call that itself waits for a person is made again when
    /// the run goes on.
    async fn call(
        &self,
        ready: Ready<'_>,
        accesses: Vec<Access>,
        rules: Vec<Permission>,
        around: Around<'_>,
        journal: &dyn Journal,
    ) -> Result<Came> {
        let Ready { tool, call, effect, settings, of, approved } = ready;
        let (step, fingerprint) = (of.step, of.fingerprint.as_str());
        let timeout = settings.timeout.unwrap_or_else(|| tool.usual_timeout());
        let server = self.servers.of(&accesses);
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
        if let Some(cassette) = self.cassette.as_ref().filter(|_| call.tool.delegates()) {
            cassette.enter(around.run.child(&idempotency_key), around.run, around.node, &call.tool, step);
        }
        if let Some(request) = tool.asks_mailboxes(&call) {
            return match request {
                Ok(request) => self.exchange(request, intent, of, journal).await,
                Err(error) => Ok(Came::Made(Made::failed(error))),
            };
        }
        let call = match call.reveal(tool.as_ref(), &self.secrets, around.secret_key.as_bytes()) {
            Ok(call) => call,
            Err(error) => return Ok(Came::Made(Made::failed(error))),
        };
        let untrusted = tool.is_untrusted();
        let kept = settings.cache.filter(|_| effect == Effect::Read).zip(self.store.get());
        if let Some((ttl, store)) = kept
            && let Some(output) = cache::find(store, fingerprint, ttl).await
        {
            journal.note(Entry::Intent(intent));
            return Ok(Came::Made(Made { untrusted, cached: true, ..Made::new(Ok(output)) }));
        }
        let admitted = match &server {
            Some(server) => match self.servers.admit(server, timeout).await {
                Ok((admitted, notice)) => {
                    if let Some(notice) = notice {
                        journal.on_notice(notice);
                    }
                    Some(admitted)
                }
                Err(error) => return Ok(Came::Made(Made::failed(error))),
            },
            None => None,
        };
        if effect == Effect::Pure {
            journal.note(Entry::Intent(intent));
        } else {
            crash_point!("tool.intent-in-hand");
            journal.record(Entry::Intent(intent)).await?;
            crash_point!("tool.intent-durable");
        }
        let max_output = settings.max_output.unwrap_or(super::MAX_OUTPUT);
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
        if let (Some(server), Some(admitted)) = (&server, admitted)
            && let Some(notice) = server.report(admitted, outcome.as_ref().err()).await
        {
            journal.on_notice(notice);
        }
        let outcome = match outcome {
            Err(error) if error.kind() == ErrorKind::Waiting => return Ok(Came::Waits),
            // What a cassette does not have is the end of everything that would go on from it.
            Err(error) if error.kind() == ErrorKind::Unrecorded => return Err(error),
            outcome => outcome,
        };
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let (Some((ttl, store)), Ok(output)) = (kept, &outcome) {
            cache::keep(store, fingerprint, ttl, output).await;
        }
        Ok(Came::Made(Made { outcome, untrusted, cached: false, duration_ms, spend: meter.read() }))
    }

    /// Has the mailboxes of the run answer. The intent need not be durable before: nothing leaves the process, and what follows is kept
    /// in one piece with the result.
    async fn exchange(&self, mut request: MailboxRequest, intent: ToolIntent, of: &Of, journal: &dyn Journal) -> Result<Came> {
        if let (MailboxRequest::Send { body, .. }, Some(redactor)) = (&mut request, &self.redactor) {
            *body = redactor.redact_value(body).into_owned();
        }
        let key = intent.key.clone();
        journal.note(Entry::Intent(intent));
        let (of, redactor) = (of.clone(), self.redactor.clone());
        let seal = Box::new(move |outcome| of.result(redactor.as_deref(), Made::new(outcome)));
        crash_point!("messages.asked");
        let result = journal.exchange(request, &key, seal).await?;
        crash_point!("messages.answered");
        Ok(Came::Kept(Box::new(result)))
    }
}

/// What came of a step.
enum Came {
    /// This, which is to be kept.
    Made(Made),
    /// The same, from a cassette.
    Played(Made),
    /// A result that is in the log.
    Kept(Box<ToolResult>),
    /// A person has to decide first.
    Waits,
}

/// A call that is permitted.
struct Ready<'a> {
    tool: Arc<dyn Tool>,
    call: Authorized<ToolCall>,
    effect: Effect,
    settings: ToolSettings,
    of: &'a Of,
    approved: bool,
}

/// Notes that a call is not permitted.
fn denied(step: StepId, tool: &ToolName, arguments: Value, error: Error, journal: &dyn Journal) -> Came {
    journal.note(Entry::Denial(ToolDenial { step, tool: tool.to_string(), arguments, error: error.to_record() }));
    Came::Made(Made::failed(error))
}

/// Has a person asked, once.
fn put_question(request: ApprovalRequest, recorded: &Recorded, journal: &dyn Journal) {
    let asked = recorded.step(request.step).and_then(|known| known.question.as_ref());
    if asked.is_none_or(|asked| asked.fingerprint != request.fingerprint || asked.question.kind != request.question.kind) {
        journal.note(Entry::Question(request));
    }
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
