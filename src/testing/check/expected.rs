//! Whether what is expected could ever hold.

use super::names::{Names, listed, unknown};
use crate::{
    diagnostic::{Code, Diagnostic, Span, Spanned, nearest},
    error::ErrorKind,
    manifest::{ExpectManifest, Tree},
    model::{NodeId, Value},
    testing::matcher::{Matcher, Openness},
};

/// The kinds of errors, as they are written.
const ERROR_KINDS: [&str; 31] = [
    "invalid",
    "not_found",
    "waiting",
    "corrupt",
    "divergent",
    "unrecorded",
    "locked",
    "fenced",
    "conflict",
    "denied",
    "budget",
    "store_unavailable",
    "interrupted",
    "timeout",
    "transient",
    "not_ready",
    "throttle",
    "overloaded",
    "quota",
    "truncated",
    "malformed",
    "request",
    "context_length",
    "unknown_model",
    "circuit_open",
    "auth",
    "refused",
    "schema",
    "template",
    "cancelled",
    "internal",
];

/// The types of events, as they are written.
const EVENT_TYPES: [&str; 33] = [
    "run_created",
    "run_resumed",
    "node_skipped",
    "attempt_started",
    "model_responded",
    "tool_called",
    "tool_returned",
    "tool_denied",
    "approval_requested",
    "attempt_paused",
    "approval_given",
    "iteration_started",
    "attempt_failed",
    "fallback_taken",
    "call_waited",
    "breaker_changed",
    "message_sent",
    "messages_taken",
    "messages_came",
    "message_dead",
    "subscription_changed",
    "node_succeeded",
    "node_failed",
    "node_cancelled",
    "run_paused",
    "run_continued",
    "run_cancel_requested",
    "agent_paused",
    "agent_resumed",
    "agent_draining",
    "agent_terminated",
    "agent_changed",
    "run_finished",
];

pub(super) fn check(expect: &ExpectManifest, names: &Names<'_>, problems: &mut Vec<Diagnostic>) {
    let counted = expect.executed.iter().chain(&expect.attempts).map(|(name, _)| name);
    let listed = expect.not_executed.iter().chain(&expect.skipped).chain(&expect.order);
    for name in counted.chain(listed).chain(expect.nodes.iter().map(|(name, _)| name)) {
        names.expected_node(name, problems);
    }
    for (name, _) in &expect.prompts {
        let kind = names.expected_node(name, problems).map(|(_, kind)| kind);
        if let Some(kind) = kind.filter(|kind| kind.agent().is_none()) {
            let message = format!("node `{}` asks no agent: it is of the kind `{}`", name.value, kind.word());
            problems.push(impossible(name.span, message, "`prompts` are of nodes that run an agent"));
        }
    }
    routes(expect, names, problems);
    for (name, _) in expect.outputs.iter().filter(|(name, _)| !names.plan.outputs.contains_key(&name.value)) {
        let known = || names.plan.outputs.keys().map(String::as_str);
        problems.push(unknown(name, "output", names.plan, nearest(&name.value, known()), known()));
    }
    for (name, _) in expect.calls.iter().filter(|(name, _)| !names.has_agent(&name.value) && !names.has_tool(&name.value)) {
        let known = || names.agents().chain(names.tools());
        problems.push(unknown(name, "agent or tool", names.plan, nearest(&name.value, known()), known()));
    }
    ending(expect, names, problems);
    contradictions(expect, problems);
    matchers(expect, problems);
}

fn impossible(span: Span, message: impl Into<String>, hint: &str) -> Diagnostic {
    Diagnostic::error(Code::IMPOSSIBLE_EXPECTATION, span, message).hint(hint)
}

fn routes(expect: &ExpectManifest, names: &Names<'_>, problems: &mut Vec<Diagnostic>) {
    for (name, chosen) in &expect.routes {
        let Some((node, _)) = names.expected_node(name, problems) else { continue };
        let Some(route) = &node.route else {
            let message = format!("node `{}` has no `route`", name.value);
            problems.push(impossible(name.span, message, "expect what ran after it by `executed` and `not_executed`"));
            continue;
        };
        let known = || route.cases.values().chain(&route.default).flatten().map(NodeId::as_str);
        for choice in chosen.iter().filter(|choice| !known().any(|known| known == choice.value)) {
            let message = format!("the route of node `{}` never leads to `{}`", name.value, choice.value);
            let near = nearest(&choice.value, known()).map(|near| format!("did you mean `{near}`?"));
            problems.push(impossible(choice.span, message, &near.unwrap_or_else(|| listed("successor", known()))));
        }
    }
}

fn ending(expect: &ExpectManifest, names: &Names<'_>, problems: &mut Vec<Diagnostic>) {
    let Some(error) = &expect.error else { return };
    if let Some(node) = &error.node {
        names.expected_node(node, problems);
    }
    let is_kind = |kind: &str| serde_json::from_value::<ErrorKind>(Value::from(kind)).is_ok();
    if let Some(kind) = error.kind.as_ref().filter(|kind| !is_kind(&kind.value)) {
        let problem = Diagnostic::error(Code::UNKNOWN_IN_TEST, kind.span, format!("`{}` is no kind of error", kind.value));
        let near = nearest(&kind.value, ERROR_KINDS).map(|near| format!("did you mean `{near}`?"));
        problems.push(problem.hint(near.unwrap_or_else(|| format!("the kinds are {}", ERROR_KINDS.join(", ")))));
    }
    if let Some(status) = expect.status.as_ref().filter(|status| !["failed", "cancelled"].contains(&status.value.as_str())) {
        let message = format!("a run that {} has no error", if status.value == "waiting" { "is waiting" } else { "succeeded" });
        problems.push(impossible(status.span, message, "leave `error` out, or expect `status: failed`"));
    }
}

fn contradictions(expect: &ExpectManifest, problems: &mut Vec<Diagnostic>) {
    let has_run = |name: &Spanned<String>| {
        let counted = expect.executed.iter().any(|(other, times)| other.value == name.value && times.value > 0);
        counted || expect.order.iter().any(|other| other.value == name.value)
    };
    for name in expect.not_executed.iter().filter(|name| has_run(name)) {
        let message = format!("node `{}` is expected to run as well", name.value);
        problems.push(impossible(name.span, message, "leave it out of `not_executed`, or of `executed` and `order`"));
    }
    for name in expect.skipped.iter().filter(|name| has_run(name)) {
        let message = format!("node `{}` is expected to run as well", name.value);
        problems.push(impossible(name.span, message, "leave it out of `skipped`, or of `executed` and `order`"));
    }
    if let (Some(status), Some(code)) = (&expect.status, &expect.exit_code)
        && (status.value == "succeeded") != (code.value == 0)
    {
        let message = format!("a run that ends as `{}` does not exit with {}", status.value, code.value);
        problems.push(impossible(code.span, message, "0 is the code of runs that succeeded"));
    }
    let fails = expect.status.as_ref().is_some_and(|status| status.value != "succeeded") || expect.error.is_some();
    if let Some((name, _)) = expect.outputs.first().filter(|_| fails) {
        problems.push(impossible(
            name.span,
            "a run that does not succeed has no outputs",
            "look at what its nodes put out: `nodes: …`",
        ));
    }
}

/// Everything that a value is held against makes sense.
fn matchers(expect: &ExpectManifest, problems: &mut Vec<Diagnostic>) {
    let closed = [&expect.outputs, &expect.nodes, &expect.prompts];
    for (_, tree) in closed.into_iter().flatten() {
        Matcher::read(tree, Openness::Closed, problems);
    }
    if let Some(message) = expect.error.as_ref().and_then(|error| error.message.as_ref()) {
        Matcher::read(message, Openness::Closed, problems);
    }
    for tree in expect.messages.iter().flat_map(|messages| &messages.value).chain(&expect.events) {
        Matcher::read(tree, Openness::Open, problems);
    }
    for tree in &expect.events {
        event(tree, problems);
    }
}

fn event(tree: &Tree, problems: &mut Vec<Diagnostic>) {
    let Some(kind) = tree.get("type") else { return };
    let Some(text) = kind.as_str().filter(|text| !EVENT_TYPES.contains(text)) else { return };
    let problem = Diagnostic::error(Code::UNKNOWN_IN_TEST, kind.span, format!("there are no events `{}`", text.escape_default()));
    let near = nearest(text, EVENT_TYPES).map(|near| format!("did you mean `{near}`?"));
    problems.push(problem.hint(near.unwrap_or_else(|| "`agentflow runs events RUN` shows the events of a run".to_owned())));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::EventBody;

    #[test]
    fn every_kind_that_is_told_is_one_and_none_is_left_out() {
        let told = |text: &str| text.split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect::<Vec<_>>();
        let why = serde_json::from_value::<ErrorKind>(json!("zzz")).unwrap_err().to_string();
        assert_eq!(told(&why), ERROR_KINDS);
        let why = serde_json::from_value::<EventBody>(json!({"type": "zzz"})).unwrap_err().to_string();
        assert_eq!(told(&why), EVENT_TYPES);
    }
}
