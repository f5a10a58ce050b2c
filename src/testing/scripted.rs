//! From what a case says to the script that is played.

use std::{collections::BTreeMap, path::Path};

use super::{
    cases::Case,
    discover::beside,
    faults::Fault,
    script::{Failure, NodeScript, Script, StepScript},
    taped::cassette_mode,
};
use crate::{
    error::{ErrorKind, Result},
    manifest::{FailureManifest, MockManifest, StepManifest, Tree},
    model::{Price, ToolName},
    plan::{ApprovalNode, RehearsedAnswer},
    provider::{MockAnswer, kind_of_status},
};

/// The script of `case`, which is written in `file`; `live` says whether models are really asked. `prices` are those of the models that its workflow asks, by `provider/model`.
///
/// # Errors
/// `Invalid` for what [`super::check::Checker`] would have told.
pub fn script(case: &Case, file: &Path, prices: &BTreeMap<String, Price>, live: bool) -> Result<Script> {
    let body = &case.body;
    let answers =
        |answers: &Vec<Tree>| answers.iter().map(|answer| MockAnswer::from_value(answer.to_value())).collect::<Result<_>>();
    let is_priced = body.priced.as_ref().is_some_and(|priced| priced.value);
    Ok(Script {
        name: case.name.clone(),
        inputs: body.inputs.iter().map(|(name, value)| (name.value.clone(), value.to_value())).collect(),
        env: body.env.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect(),
        nodes: body.mocks.iter().map(|(path, mock)| (path.value.clone(), node(mock))).collect(),
        agents: body.agents.iter().map(|(name, all)| Ok((name.value.clone(), answers(all)?))).collect::<Result<_>>()?,
        tools: body.tools.iter().map(|(name, given)| Ok((ToolName::new(&name.value)?, step(given)))).collect::<Result<_>>()?,
        seed: body.seed.as_ref().map_or(0, |seed| seed.value),
        faults: body.faults.iter().filter_map(Fault::of).collect(),
        cassette: body.cassette.as_ref().map(|cassette| {
            let mode = cassette.mode.as_ref().map(|mode| mode.value.as_str());
            (beside(file, &cassette.file.value), cassette_mode(mode, live))
        }),
        prices: is_priced.then(|| prices.clone()),
    })
}

fn node(mock: &MockManifest) -> NodeScript {
    let approves = |approve: bool| if approve { ApprovalNode::APPROVE } else { ApprovalNode::REJECT };
    let option = mock.option.as_ref().map(|option| option.value.as_str());
    let option = option.or(mock.approve.as_ref().map(|approve| approves(approve.value)));
    if mock.unanswered.as_ref().is_some_and(|unanswered| unanswered.value) {
        return NodeScript::Answer(RehearsedAnswer::Silence);
    }
    match (option, &mock.each) {
        (Some(option), _) => NodeScript::Answer(RehearsedAnswer::Chosen {
            option: option.to_owned(),
            comment: mock.comment.as_ref().map(|comment| comment.value.clone()),
            form: mock.form.as_ref().map(Tree::to_value),
        }),
        (None, Some(each)) => NodeScript::Each(step(each)),
        (None, None) => NodeScript::Whole(step(&mock.step)),
    }
}

fn step(written: &StepManifest) -> StepScript {
    StepScript { outputs: written.outputs.iter().map(Tree::to_value).collect(), fail: written.fail.as_ref().map(failure) }
}

fn failure(written: &FailureManifest) -> Failure {
    let status = written.status.as_ref().map(|status| status.value);
    let kind = written.kind.as_ref().map_or("http", |kind| kind.value.as_str());
    Failure {
        kind: match (kind, status) {
            ("http", Some(status)) => kind_of_status(status),
            (word, _) => kind_of(word),
        },
        message: written.message.as_ref().map(|message| message.value.clone()),
        retry_after: written.retry_after.as_ref().map(|delay| delay.value),
        times: written.times.as_ref().map(|times| times.value),
    }
}

/// The kind of error that a word of the format stands for.
fn kind_of(word: &str) -> ErrorKind {
    match word {
        "connection" => ErrorKind::Transient,
        "timeout" => ErrorKind::Timeout,
        "rate_limit" => ErrorKind::Throttle,
        "overloaded" => ErrorKind::Overloaded,
        "quota" => ErrorKind::Quota,
        "auth" => ErrorKind::Auth,
        "refused" => ErrorKind::Refused,
        "malformed" => ErrorKind::Malformed,
        "truncated" => ErrorKind::Truncated,
        "context_length" => ErrorKind::ContextLength,
        "schema" => ErrorKind::Schema,
        "denied" => ErrorKind::Denied,
        // It would not work if it were tried again.
        _ => ErrorKind::Request,
    }
}
