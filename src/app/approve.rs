//! What a run asks people, and the answers that are given from here.

use std::sync::Arc;

use crate::{
    app::environment,
    engine::{Child, OpenQuestion, answer, children_of, open_questions, read_run},
    error::{ErrorKind, Result},
    model::{Approval, Decision, RunId},
    store::{Store, this_process},
};

/// An answer to a question of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The question.
    pub question: OpenQuestion,
    /// The decision; it must be one that the question allows.
    pub decision: Decision,
    /// What there is to say about it.
    pub comment: Option<String>,
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
    let mut asking = Vec::new();
    let mut open = vec![(run, read_run(store, run).await?.events)];
    while let Some((run, events)) = open.pop() {
        for child in children_of(run, &events).into_iter().filter(|child| !child.has_returned) {
            let events = match read_run(store, child.run).await {
                Ok(recorded) => recorded.events,
                // Its caller died before it began.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let questions = open_questions(&events);
            open.push((child.run, events));
            if !questions.is_empty() {
                asking.push((child, questions));
            }
        }
    }
    Ok(asking)
}

/// Records the answers in the name of the user of this process: all of them or none.
///
/// # Errors
/// As [`answer`].
pub async fn give(store: &Arc<dyn Store>, run: RunId, answers: &[Answer]) -> Result<()> {
    let by = environment::user();
    let given: Vec<_> = answers
        .iter()
        .map(|Answer { question, decision, comment }| {
            let approval = Approval {
                step: question.request.step,
                fingerprint: question.request.fingerprint.clone(),
                decision: *decision,
                by: by.clone(),
                comment: comment.clone(),
            };
            (question.node.clone(), question.attempt, approval)
        })
        .collect();
    answer(store, run, &this_process(), environment::engine_settings().lease, &given).await
}
