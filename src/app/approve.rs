//! What a run asks people, and the answers that are given from here.

use std::sync::Arc;

use crate::{
    app::environment,
    engine::{OpenQuestion, answer, open_questions, read_run},
    error::Result,
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
