//! How the run must have ended, and what it may have cost.

use std::time::Duration;

use super::Look;
use crate::{
    diagnostic::{Span, Spanned},
    manifest::{ErrorExpectManifest, ExpectManifest},
    model::{NodePattern, RunStatus, Value},
    testing::matcher::Openness,
};

pub(super) fn look(expect: &ExpectManifest, case: Span, look: &mut Look<'_>) {
    status(expect, case, look);
    if let Some(code) = expect.exit_code.as_ref().filter(|code| code.value != look.evidence.exit_code) {
        let found = look.evidence.exit_code.to_string();
        look.fail("exit_code", code.span, code.value.to_string(), found);
    }
    if let Some(expected) = &expect.error {
        error(expected, look);
    }
    bounds(expect, look);
}

/// The status that is written, or follows from what else is.
fn status(expect: &ExpectManifest, case: Span, look: &mut Look<'_>) {
    let written = expect.status.as_ref().map(|status| Spanned::new(status.value.as_str(), status.span));
    let failed = expect.error.as_ref().map(|error| Spanned::new("failed", error.span));
    let succeeded = expect.exit_code.is_none().then(|| Spanned::new("succeeded", case));
    let Some(expected) = written.or(failed).or(succeeded) else { return };
    let found = look.evidence.status;
    // A run that its process let go of because it can only wait stands as it would between two processes.
    let found = if found == RunStatus::Running { RunStatus::Waiting.as_str() } else { found.as_str() };
    if expected.value == found {
        return;
    }
    let why = why(look);
    let failure = look.fail("status", expected.span, expected.value, found);
    failure.hint = why;
}

/// Why the run failed, for a person who did not expect it.
fn why(look: &Look<'_>) -> Option<String> {
    let told = |node: &str, message: &str| format!("node `{node}`: {message}");
    match (look.course.failed(), look.evidence.error) {
        (Some((node, error)), _) => Some(told(node.as_str(), &error.message)),
        (None, Some(error)) => Some(error.message.clone()),
        (None, None) => None,
    }
}

fn error(expected: &ErrorExpectManifest, look: &mut Look<'_>) {
    let failed = look.course.failed();
    let Some(error) = failed.map(|(_, error)| error).or(look.evidence.error) else {
        // That the run did not fail is told by its status.
        return;
    };
    let (kind, message) = (kind_of(error.kind), error.message.clone());
    if let Some(expected) = expected.kind.as_ref().filter(|expected| expected.value != kind) {
        look.fail("error.kind", expected.span, format!("`{}`", expected.value), format!("`{kind}`")).hint = Some(message.clone());
    }
    if let Some(expected) = &expected.node {
        let found = failed.map(|(node, _)| node);
        if !found.is_some_and(|node| NodePattern::new(&expected.value).covers(node)) {
            let found = found.map_or_else(|| "no node: the run itself failed".to_owned(), |node| format!("`{node}`"));
            look.fail("error.node", expected.span, format!("`{}`", expected.value), found).hint = Some(message.clone());
        }
    }
    if let Some(expected) = &expected.message {
        look.matches("error.message", expected, Openness::Closed, &Value::String(message));
    }
}

/// The kind of an error as it is written.
pub(super) fn kind_of(kind: crate::error::ErrorKind) -> String {
    serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default()
}

fn bounds(expect: &ExpectManifest, look: &mut Look<'_>) {
    let spend = look.evidence.spend;
    if let Some(most) = expect.max_cost_usd.as_ref().filter(|most| spend.usd > most.value) {
        look.fail("max_cost_usd", most.span, format!("at most ${}", most.value), format!("${:.6}", spend.usd));
    }
    if let Some(most) = expect.max_tokens.as_ref().filter(|most| spend.tokens() > most.value) {
        look.fail("max_tokens", most.span, format!("at most {}", most.value), spend.tokens().to_string());
    }
    let took = duration(look);
    if let Some(most) = expect.max_duration.as_ref().filter(|most| took > most.value) {
        look.fail("max_duration", most.span, format!("at most {:?}", most.value), format!("{took:?}"));
    }
}

/// From the first event to the last, in the time of the test.
fn duration(look: &Look<'_>) -> Duration {
    match look.evidence.events {
        [first, .., last] => Duration::try_from(last.at.duration_since(first.at)).unwrap_or_default(),
        _ => Duration::ZERO,
    }
}
