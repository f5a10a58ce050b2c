//! Whether mocks fit the nodes, agents and tools that they stand for.

use super::{Checker, names::unknown};
use crate::{
    diagnostic::{Code, Diagnostic, Span, Spanned, nearest},
    manifest::{FailureManifest, MockManifest, StepManifest, TestBodyManifest, Tree},
    model::Value,
    plan::{ApprovalNode, NodeKind},
    provider::MockAnswer,
    schema::Validator,
};

pub(super) fn check(body: &TestBodyManifest, checker: &mut Checker<'_>, problems: &mut Vec<Diagnostic>) {
    for (name, mock) in &body.mocks {
        node(name, mock, checker, problems);
    }
    let (plan, names) = (checker.plan, &checker.names);
    for (name, answers) in &body.agents {
        if !names.has_agent(&name.value) {
            problems.push(unknown(name, "agent", plan, nearest(&name.value, names.agents()), names.agents()));
        }
        for answer in answers {
            if let Err(err) = MockAnswer::from_value(answer.to_value()) {
                let problem = Diagnostic::error(Code::MOCK_DOES_NOT_FIT, answer.span, err.message());
                problems.push(err.hints().iter().take(1).fold(problem, Diagnostic::hint));
            }
        }
    }
    for (name, step) in &body.tools {
        if !names.has_tool(&name.value) {
            problems.push(unknown(name, "tool", plan, nearest(&name.value, names.tools()), names.tools()));
        }
        failure(step, problems);
    }
}

fn refuse(problems: &mut Vec<Diagnostic>, span: Span, message: String, hint: impl Into<String>) {
    problems.push(Diagnostic::error(Code::MOCK_DOES_NOT_FIT, span, message).hint(hint));
}

fn node(name: &Spanned<String>, mock: &MockManifest, checker: &mut Checker<'_>, problems: &mut Vec<Diagnostic>) {
    let path = name.value.as_str();
    if path.contains(['[', '@', '!']) {
        let message = format!("`{path}` is an instance: a mock is of a node with all its instances");
        let hint = "write the node alone; `outputs: […]` gives its instances or iterations different values in turn";
        return refuse(problems, name.span, message, hint);
    }
    let Some((node, kind)) = checker.names.written_node(name, path, problems) else { return };
    failure(&mock.step, problems);
    if let Some(each) = &mock.each {
        failure(each, problems);
        if node.map.is_none() {
            let message = format!("node `{path}` has no `map`, and so no instances");
            return refuse(problems, mock.span, message, "write what it puts out directly: `output: …`");
        }
        outputs(path, true, each, checker, problems);
    }
    match kind {
        NodeKind::Approval(approval) => decision(path, approval, mock, problems),
        NodeKind::Agent(_)
        | NodeKind::Tool(_)
        | NodeKind::Value(_)
        | NodeKind::Workflow { .. }
        | NodeKind::Graph(_)
        | NodeKind::Wait(_)
        | NodeKind::Send(_)
        | NodeKind::Receive(_)
        | NodeKind::StandIn { .. } => no_decision(path, kind, mock, problems),
    }
    let is_unanswered = mock.unanswered.as_ref().is_some_and(|unanswered| unanswered.value);
    if mock.each.is_none() && mock.approve.is_none() && mock.option.is_none() && !is_unanswered {
        outputs(path, false, &mock.step, checker, problems);
        nothing(path, mock, checker, problems);
    }
}

/// A mock that comes to its end without an output puts out `null`: that is an output as any other.
fn nothing(path: &str, mock: &MockManifest, checker: &mut Checker<'_>, problems: &mut Vec<Diagnostic>) {
    let ends = mock.step.outputs.is_empty() && mock.step.fail.as_ref().is_none_or(|fail| fail.times.is_some());
    if ends && !checker.breaks_schema(path, false, &Value::Null).is_empty() {
        let message = format!("the mock of node `{path}` puts out nothing, which breaks the schema of the node");
        problems.push(Diagnostic::error(Code::MOCK_BREAKS_SCHEMA, mock.span, message).hint("say what it puts out: `output: …`"));
    }
}

/// Every value that is put out follows the schema of the node.
fn outputs(path: &str, is_element: bool, step: &StepManifest, checker: &mut Checker<'_>, problems: &mut Vec<Diagnostic>) {
    for output in &step.outputs {
        for problem in checker.breaks_schema(path, is_element, &output.to_value()) {
            let of = if is_element { "an element of node" } else { "node" };
            let message = format!("the mocked output breaks the schema of {of} `{path}`: {problem}");
            problems.push(Diagnostic::error(Code::MOCK_BREAKS_SCHEMA, place(output, &problem), message));
        }
    }
}

/// Where in `output` a problem is, as far as it names its place: `at /issues/0/line: …`.
fn place(output: &Tree, problem: &str) -> Span {
    let pointer = problem.strip_prefix("at /").and_then(|rest| rest.split(": ").next()).unwrap_or_default();
    let mut here = output;
    for part in pointer.split('/') {
        let next = match here.as_list() {
            Some(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
            None => here.get(&part.replace("~1", "/").replace("~0", "~")),
        };
        let Some(next) = next else { break };
        here = next;
    }
    here.span
}

fn decision(path: &str, approval: &ApprovalNode, mock: &MockManifest, problems: &mut Vec<Diagnostic>) {
    let approves = mock.approve.as_ref().map(|approve| {
        let option = if approve.value { ApprovalNode::APPROVE } else { ApprovalNode::REJECT };
        Spanned::new(option.to_owned(), approve.span)
    });
    let chosen = mock.option.clone().or(approves);
    if let Some(option) = chosen.as_ref().filter(|option| !approval.options.contains(&option.value)) {
        let message = format!("approval `{path}` has no option `{}`", option.value);
        let near = nearest(&option.value, approval.options.iter().map(String::as_str));
        let known: Vec<_> = approval.options.iter().map(|option| format!("`{option}`")).collect();
        let hint = near.map_or_else(|| format!("its options are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        refuse(problems, option.span, message, hint);
    }
    let Some(form) = &mock.form else { return };
    let Some(schema) = &approval.form else {
        return refuse(problems, form.span, format!("approval `{path}` has no form"), "leave `form` out");
    };
    let found = Validator::new(schema).map(|schema| schema.problems(&form.to_value())).unwrap_or_default();
    for problem in found {
        let message = format!("the form of approval `{path}` is not filled in right: {problem}");
        problems.push(Diagnostic::error(Code::MOCK_BREAKS_SCHEMA, place(form, &problem), message));
    }
}

fn no_decision(path: &str, kind: &NodeKind, mock: &MockManifest, problems: &mut Vec<Diagnostic>) {
    let keys = [
        ("approve", mock.approve.as_ref().map(|value| value.span)),
        ("option", mock.option.as_ref().map(|value| value.span)),
        ("unanswered", mock.unanswered.as_ref().map(|value| value.span)),
        ("comment", mock.comment.as_ref().map(|value| value.span)),
        ("form", mock.form.as_ref().map(|value| value.span)),
    ];
    for (key, span) in keys.into_iter().filter_map(|(key, span)| Some((key, span?))) {
        let message = format!("`{key}` answers an approval, and node `{path}` is none: it is of the kind `{}`", kind.word());
        refuse(problems, span, message, "write what it puts out: `output: …`");
    }
}

/// A failure says one thing only.
fn failure(step: &StepManifest, problems: &mut Vec<Diagnostic>) {
    let Some(FailureManifest { span, kind, status, retry_after, times, .. }) = &step.fail else { return };
    let kind_is = |word: &str| kind.as_ref().is_some_and(|kind| kind.value == word);
    let mut add = |span: Span, message: &str, hint: &str| {
        problems.push(Diagnostic::error(Code::KEY_COMBINATION, span, message).hint(hint));
    };
    if kind_is("http") && status.is_none() {
        add(*span, "a failure of the kind `http` needs `status`", "write `fail: { kind: http, status: 503 }`");
    }
    if let Some(status) = status.as_ref().filter(|_| kind.is_some() && !kind_is("http")) {
        add(status.span, "`status` belongs to the kind `http`", "write `status` or `kind`, or `kind: http` with it");
    }
    let may_ask = kind.as_ref().is_none_or(|kind| ["http", "rate_limit", "overloaded"].contains(&kind.value.as_str()));
    if let Some(delay) = retry_after.as_ref().filter(|_| !may_ask) {
        add(delay.span, "only a server asks to try again later", "leave `retry_after` out, or take `kind: rate_limit`");
    }
    if let Some(times) = times.as_ref().filter(|times| times.value == 0) {
        add(times.span, "a failure happens once at least", "leave `fail` out");
    }
}
