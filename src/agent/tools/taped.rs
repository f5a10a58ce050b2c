//! Tools in runs with a cassette: what is recorded of their calls, and what is taken from it instead of calling them. What only computes,
//! and what the run itself answers (its mailboxes, the agents and workflows that it calls), is done in any case and never recorded.

use std::sync::Arc;

use super::{
    Tools,
    outcome::Made,
    perform::{Around, ToolStep},
    simulated,
};
use crate::{
    agent::{Entry, Journal},
    error::{Error, ErrorKind, ErrorRecord, Result},
    model::{Effect, StepId, ToolDenial, ToolIntent, ToolName, ToolOutcome, ToolPattern, ToolResult, Value},
    provider::{Cassette, PlayedResult, TapedCall},
    tool::{Tool, ToolOutput, Toolbox},
};

/// A call whose result is to be kept in a cassette.
pub(super) struct Taping {
    cassette: Arc<Cassette>,
    tool: ToolName,
    arguments: Value,
}

/// The tools that the patterns mean, where no server is asked: those of servers are as they were offered when the cassette was recorded.
pub(super) async fn select(
    toolbox: &Toolbox,
    patterns: &[ToolPattern],
    cassette: &Cassette,
    is_simulated: bool,
) -> Result<Vec<Arc<dyn Tool>>> {
    let (served, own): (Vec<_>, Vec<_>) = patterns.iter().cloned().partition(|pattern| pattern.server().is_some());
    let mut chosen = if is_simulated { simulated::select(toolbox, &own).await? } else { toolbox.select(&own).await? };
    for pattern in served {
        let offers = cassette.offers(&pattern);
        if offers.is_empty() && is_simulated {
            chosen.extend(simulated::select(toolbox, std::slice::from_ref(&pattern)).await?);
        } else if offers.is_empty() {
            let message = format!("the cassette `{}` has no tool `{pattern}`", cassette.path().display());
            return Err(Error::new(ErrorKind::Unrecorded, message)
                .hint("`--replay FILE --record-missing` starts the server, and adds what it offers"));
        }
        chosen.extend(offers.into_iter().map(|(spec, untrusted)| simulated::offered(spec, untrusted)));
    }
    chosen.sort_by(|one, other| one.spec().name.cmp(&other.spec().name));
    chosen.dedup_by(|one, other| one.spec().name == other.spec().name);
    Ok(chosen)
}

/// Notes what servers offer.
pub(super) fn keep_offers(cassette: &Cassette, tools: &[Arc<dyn Tool>]) {
    let served = tools.iter().filter(|tool| tool.spec().name.as_str().starts_with("mcp:"));
    served.for_each(|tool| cassette.keep_offer(tool.spec(), tool.is_untrusted()));
}

impl Tools {
    /// The same tools, whose calls are recorded in `cassette`, or played from it.
    #[must_use]
    pub fn with_cassette(self, cassette: Arc<Cassette>) -> Self {
        Self { cassette: Some(cassette), ..self }
    }

    /// What is needed to keep the result of a step, if it is one to be kept: what does not fit the tool fails in the same way again.
    pub(super) fn taping(&self, step: &ToolStep) -> Option<Taping> {
        let cassette = self.cassette.as_ref().filter(|cassette| cassette.mode().records())?;
        let (Ok(tool), Ok(arguments)) = (&step.tool, &step.arguments) else { return None };
        let is_kept = !tool.is_safe_to_simulate() && self.check(tool.as_ref(), arguments).is_ok();
        is_kept.then(|| Taping { cassette: Arc::clone(cassette), tool: tool.spec().name.clone(), arguments: arguments.clone() })
    }

    /// What the cassette has for a call, if anything is to be taken from there. Nothing is touched, and so nothing need be permitted.
    ///
    /// # Errors
    /// `Unrecorded` when it does not have it, and nothing may be called.
    pub(super) fn play(
        &self,
        tool: &dyn Tool,
        arguments: &Value,
        intent: ToolIntent,
        around: Around<'_>,
        journal: &dyn Journal,
    ) -> Result<Option<Made>> {
        let Some(cassette) = self.cassette.as_ref().filter(|_| !tool.is_safe_to_simulate()) else { return Ok(None) };
        let name = &tool.spec().name;
        let call = TapedCall { run: around.run, node: around.node, step: intent.step, tool: name, arguments };
        let Some(PlayedResult { outcome, notes, untrusted }) = cassette.result(call)? else { return Ok(None) };
        let outcome = match outcome {
            ToolOutcome::Output(value) => {
                journal.note(Entry::Intent(intent));
                Ok(ToolOutput { value, notes })
            }
            ToolOutcome::Failed { error, .. } if error.kind == ErrorKind::Denied => {
                let denial =
                    ToolDenial { step: intent.step, tool: intent.tool, arguments: intent.arguments, error: error.clone() };
                journal.note(Entry::Denial(denial));
                Err(error.into())
            }
            ToolOutcome::Failed { told, error } => {
                journal.note(Entry::Intent(intent));
                Err(as_it_was(&told, error))
            }
        };
        Ok(Some(Made { untrusted, ..Made::new(outcome) }))
    }
}

impl Taping {
    /// Keeps what came of the call.
    pub(super) fn keep(self, around: Around<'_>, step: StepId, result: &ToolResult) {
        let call = TapedCall { run: around.run, node: around.node, step, tool: &self.tool, arguments: &self.arguments };
        self.cassette.keep_result(call, &result.outcome, &result.notes, result.untrusted);
    }
}

/// What a call that is not really made intends: nothing.
pub(super) fn intent(step: StepId, tool: &ToolName, arguments: &Value, fingerprint: &str, key: String) -> ToolIntent {
    ToolIntent {
        step,
        tool: tool.to_string(),
        arguments: arguments.clone(),
        fingerprint: fingerprint.to_owned(),
        effect: Effect::Pure,
        key,
        accesses: Vec::new(),
        rules: Vec::new(),
        approved: false,
    }
}

/// The error that was recorded: what models are told of it is its message, what stood around that its context and its cause.
fn as_it_was(told: &str, record: ErrorRecord) -> Error {
    let Some(at) = record.message.find(told).filter(|_| record.message != told) else { return record.into() };
    let (before, after) = (&record.message[..at], &record.message[at + told.len()..]);
    let mut error = Error::new(record.kind, told).retry_after(record.retry_after_ms.map(std::time::Duration::from_millis));
    if let Some(context) = before.strip_suffix(": ") {
        error = error.context(context);
    }
    if let Some(cause) = after.strip_prefix(": ") {
        error = error.source(std::io::Error::other(cause.to_owned()));
    }
    if let Some(raw) = &record.raw_text {
        error = error.raw_text(raw);
    }
    record.hints.iter().fold(error, Error::hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_with_all_that_was_known_of_it() {
        let was = Error::new(ErrorKind::NotFound, "there is no file")
            .context("`read_file`")
            .source(std::io::Error::other("os error 2"))
            .hint("look again");
        let (told, record) = (was.message().to_owned(), was.to_record());
        let now = as_it_was(&told, record.clone());
        assert_eq!((now.message(), now.to_record()), (told.as_str(), record));
        let plain = Error::new(ErrorKind::Timeout, "late").to_record();
        assert_eq!(as_it_was("late", plain.clone()).to_record(), plain);
    }
}
