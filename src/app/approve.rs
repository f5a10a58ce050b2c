//! What a run asks people, and the answers that are given from here.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    app::environment,
    engine::{Child, OpenQuestion, OpenWait, Taken, answer, children_of, last_answer, open_questions, open_waits, read_run},
    error::{Error, ErrorKind, Result},
    model::{Approval, Decision, Event, Gate, NodePattern, RunId, Value},
    store::{Store, this_process},
};

/// An answer to a question of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The question.
    pub question: OpenQuestion,
    /// The decision; it must be one that the question allows.
    pub decision: Decision,
    /// The option, of a question that has some.
    pub option: Option<String>,
    /// What is filled in, where there is a form.
    pub form: Option<Value>,
    /// What there is to say about it.
    pub comment: Option<String>,
}

impl Answer {
    /// A decision about a call.
    #[must_use]
    pub fn about_call(question: OpenQuestion, decision: Decision, comment: Option<String>) -> Self {
        Self { question, decision, option: None, form: None, comment }
    }

    /// One of the options of a node that asks.
    #[must_use]
    pub fn choosing(question: OpenQuestion, option: &str, form: Option<Value>, comment: Option<String>) -> Self {
        // Whoever fills nothing in gives an empty form.
        let gate = question.request.question.gate.as_ref();
        let is_wanted = option != Gate::REJECT && gate.is_some_and(|gate| gate.form.is_some());
        let form = form.or_else(|| is_wanted.then(|| Value::Object(serde_json::Map::new())));
        Self { question, decision: Decision::Choose, option: Some(option.to_owned()), form, comment }
    }
}

/// Why a node of a run asks nothing (any more).
///
/// # Errors
/// As [`read_run`].
pub async fn why_it_asks_nothing(store: &Arc<dyn Store>, run: RunId, pattern: &NodePattern) -> Result<Error> {
    let events = read_run(store, run).await?.events;
    let error = match last_answer(&events, |node| pattern.covers(node)) {
        Some((node, given)) => {
            let message = format!("node `{node}` has its answer already: `{}` by {}", given.in_a_word(), given.by);
            return Ok(Error::new(ErrorKind::Invalid, message).hint("the first answer counts"));
        }
        None => Error::new(ErrorKind::Invalid, format!("node `{pattern}` of run `{run}` asks nothing")),
    };
    Ok(error.hint(format!("`agentflow approve {run}` shows what is asked")))
}

/// What a run asks at the moment.
///
/// # Errors
/// As [`read_run`].
pub async fn questions(store: &Arc<dyn Store>, run: RunId) -> Result<Vec<OpenQuestion>> {
    Ok(open_questions(&read_run(store, run).await?.events))
}

/// The runs that `run` waits for, called as tools at any depth, that ask something themselves.
///
/// # Errors
/// As [`read_run`].
pub async fn asking_children(store: &Arc<dyn Store>, run: RunId) -> Result<Vec<(Child, Vec<OpenQuestion>)>> {
    let children = open_children(store, run).await?.into_iter();
    let asking = children.map(|(child, events)| (child, open_questions(&events)));
    Ok(asking.filter(|(_, questions)| !questions.is_empty()).collect())
}

/// What the runs that `run` called as tools, at any depth, wait for besides people. The nodes are theirs.
///
/// # Errors
/// As [`read_run`].
pub async fn waits_of_children(store: &Arc<dyn Store>, run: RunId) -> Result<Vec<OpenWait>> {
    let mut waits = Vec::new();
    for (_, events) in open_children(store, run).await? {
        waits.extend(open_waits(&events));
    }
    Ok(waits)
}

/// The runs that `run` called as tools, at any depth, and that it has no result of.
async fn open_children(store: &Arc<dyn Store>, run: RunId) -> Result<Vec<(Child, Vec<Event>)>> {
    let mut found: Vec<(Child, Vec<Event>)> = Vec::new();
    let mut open = VecDeque::from(children_of(run, &read_run(store, run).await?.events));
    while let Some(child) = open.pop_front() {
        if child.has_returned {
            continue;
        }
        match read_run(store, child.run).await {
            Ok(recorded) => {
                open.extend(children_of(child.run, &recorded.events));
                found.push((child, recorded.events));
            }
            // Its caller died before it began.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Records the answers in the name of the user of this process: all of them or none.
///
/// # Errors
/// As [`answer`].
pub async fn give(store: &Arc<dyn Store>, run: RunId, answers: &[Answer]) -> Result<Taken> {
    let by = environment::user();
    let given: Vec<_> = answers
        .iter()
        .map(|Answer { question, decision, option, form, comment }| {
            let approval = Approval {
                step: question.request.step,
                fingerprint: question.request.fingerprint.clone(),
                decision: *decision,
                option: option.clone(),
                form: form.clone(),
                by: by.clone(),
                comment: comment.clone(),
            };
            (question.node.clone(), question.attempt, approval)
        })
        .collect();
    answer(store, run, &this_process(), environment::engine_settings().lease, &given).await
}
