//! What an attempt does for the conversation that its agent goes on with: before it asks the model, and when it has answered.

use serde_json::{Value, json};

use super::{
    document::{Compaction, ConversationId, without_middle},
    history::{History, note},
    summarize,
    tools::{Append, Read},
};
use crate::{
    agent::{
        Journal, Recorded, Tools,
        tools::{Around, Performed, ToolStep},
    },
    error::{Error, ErrorKind, Result},
    model::{AgentName, ChatMessage, Role, StepId, ToolOutcome, ToolPattern, ToolResult},
    provider::tokens,
    tool::{Grants, Tool},
};

/// The places of summaries after the first, when what is summarized is too long for one.
const FURTHER_SUMMARIES: u32 = 16;
/// How much of a prompt or an answer is kept, in bytes.
const MAX_SAID: usize = 64 * 1024;

/// The conversation that an agent goes on with.
#[derive(Debug, Clone)]
pub struct ConversationTask {
    /// What it is called, and whose it is.
    pub id: ConversationId,
    /// How many tokens of earlier turns, their summary included, the agent is given at most.
    pub max_tokens: u32,
    /// How many of the last turns stay word by word when the older ones are summarized.
    pub keep: u32,
    /// Who summarizes the older turns, as the tool `agent:NAME`; they are left out where nobody does.
    pub summarizer: Option<AgentName>,
}

/// How much of a conversation fits into the request.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Budget {
    /// The tokens that the windows of the models leave; all, where none is known.
    pub(in crate::agent) left: Option<usize>,
    /// The models of the chain, as their providers call them: whichever needs the most tokens counts.
    pub(in crate::agent) models: Vec<String>,
}

/// What an attempt begins with.
#[derive(Debug, Default)]
pub(in crate::agent) struct Opening {
    /// What the agent is told of the turns that are not given word by word.
    pub(in crate::agent) note: Option<String>,
    /// The turns that are.
    pub(in crate::agent) earlier: Vec<ChatMessage>,
    /// The summary that is kept in place of the turns it covers, once the agent has answered.
    pub(in crate::agent) compaction: Option<Compaction>,
    /// What was left out or summarized, in words for people.
    pub(in crate::agent) notes: Vec<String>,
}

/// What is the same for all steps.
pub(in crate::agent) struct Steps<'a> {
    pub(in crate::agent) tools: &'a Tools,
    pub(in crate::agent) around: Around<'a>,
    pub(in crate::agent) recorded: &'a Recorded,
    pub(in crate::agent) journal: &'a dyn Journal,
}

/// Reads what was said before, and has it summarized where it is too long.
///
/// # Errors
/// Why it cannot be read; those of [`Tools::perform`]; `Waiting` when a person has to decide first. When the summarizer fails, the
/// older turns are left out this time, and stay as they are kept.
pub(in crate::agent) async fn open(task: &ConversationTask, budget: Budget, steps: &Steps<'_>) -> Result<Opening> {
    let id = &task.id;
    let most = budget.left.unwrap_or(usize::MAX).min(task.max_tokens as usize);
    let arguments = json!({
        "scope": id.scope,
        "name": id.name,
        "most": most,
        "keep": task.keep,
        "summarizes": task.summarizer.is_some(),
        "models": budget.models,
    });
    let read = steps.tools.inner(Read::over)?;
    let (value, _) = steps.perform(StepId::HISTORY, read, arguments).await??;
    let history: History = serde_json::from_value(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "a conversation was read as something else").source(error))?;
    let mut opening = Opening { earlier: history.messages(), notes: history.notes(id), ..Opening::default() };
    match &task.summarizer {
        Some(summarizer) if history.is_too_long() => match steps.summarize(&history, summarizer, most, &budget.models).await? {
            Ok(text) => {
                let count = history.older.len();
                let turns = if count == 1 { "the oldest turn".to_owned() } else { format!("the {count} oldest turns") };
                opening.notes.push(format!("{turns} of conversation `{id}` went into a summary by `{summarizer}`"));
                opening.note = Some(note(&text));
                opening.compaction = Some(Compaction {
                    text,
                    by: summarizer.clone(),
                    after: history.summary.map_or(0, |summary| summary.turns),
                    covers: history.older.into_iter().map(|turn| turn.id).collect(),
                });
            }
            Err(error) => {
                let count = history.older.len() as u64 + history.summary.map_or(0, |summary| summary.turns);
                let message = error.message();
                opening.notes.push(format!(
                    "the {count} oldest turns of conversation `{id}` were left out this time, for `{summarizer}` did not \
                         summarize them: {message}"
                ));
            }
        },
        _ => opening.note = history.summary.map(|summary| note(&summary.text)),
    }
    Ok(opening)
}

/// Adds what was said and answered, and has the summary that was made take the place of what it covers.
///
/// # Errors
/// Why it cannot be kept; those of [`Tools::perform`].
pub(in crate::agent) async fn go_on(
    task: &ConversationTask,
    (prompt, answer): (&str, &Value),
    compaction: Option<&Compaction>,
    model: &str,
    steps: &Steps<'_>,
) -> Result<Vec<String>> {
    let answer = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    let (prompt, answer) = (without_middle(prompt, MAX_SAID), without_middle(&answer, MAX_SAID));
    let said = [(Role::User, &prompt), (Role::Assistant, &answer)];
    let count: usize = said.map(|(role, text)| tokens::count_message(model, &ChatMessage::new(role, text))).iter().sum();
    let mut arguments = json!({
        "scope": task.id.scope,
        "name": task.id.name,
        "prompt": prompt,
        "answer": answer,
        "tokens": count,
    });
    if let Some(compaction) = compaction {
        arguments["compaction"] = json!(compaction);
    }
    let append = steps.tools.inner(Append::over)?;
    let (_, notes) = steps.perform(StepId::CONTINUED, append, arguments).await??;
    Ok(notes)
}

impl Steps<'_> {
    /// The summary of what is too long, with what was summarized before; or why the summarizer gives none.
    async fn summarize(&self, history: &History, by: &AgentName, most: usize, models: &[String]) -> Result<Result<String>> {
        let pattern = ToolPattern::new(format!("agent:{by}"))?;
        let tool = self.tools.select(std::slice::from_ref(&pattern)).await?.pop();
        let tool = tool.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no tool `{pattern}`")))?;
        let mut pieces = summarize::pieces(&history.older, most, models);
        if pieces.is_empty() {
            pieces.push(String::new());
        }
        let mut summary = history.summary.as_ref().map(|summary| summary.text.clone());
        for (piece, at) in pieces.iter().zip(0..) {
            let id = if at == 0 { StepId::SUMMARY } else { StepId { index: FURTHER_SUMMARIES + at, ..StepId::SUMMARY } };
            let arguments = json!({"task": summarize::task(summary.as_deref(), piece, history.room)});
            let text = match self.perform(id, std::sync::Arc::clone(&tool), arguments).await? {
                Ok((Value::String(text), _)) => text,
                Ok((value, _)) => value.to_string(),
                Err(error) => return Ok(Err(error)),
            };
            let text = summarize::fitting(&text, history.room, models);
            if text.is_empty() {
                return Ok(Err(Error::new(ErrorKind::Invalid, format!("the summary by `{by}` is empty"))));
            }
            summary = Some(text);
        }
        Ok(Ok(summary.unwrap_or_default()))
    }

    /// Makes one call, or takes its result from the log. What the agent's author wrote is done: no model asks for it, and so it is
    /// held to nothing here that calls of the agent's tools are held to.
    async fn perform(
        &self,
        id: StepId,
        tool: std::sync::Arc<dyn Tool>,
        arguments: Value,
    ) -> Result<Result<(Value, Vec<String>)>> {
        let name = tool.spec().name.clone();
        let grants = std::sync::Arc::new(Grants::default());
        let around = Around { grants: &grants, ..self.around };
        let step = ToolStep { id, tool: Ok(tool), arguments: Ok(arguments) };
        match self.tools.perform(step, around, self.recorded, self.journal).await? {
            Performed::Result(result) => match *result {
                ToolResult { outcome: ToolOutcome::Output(value), notes, .. } => Ok(Ok((value, notes))),
                ToolResult { outcome: ToolOutcome::Failed { error, .. }, .. } => Ok(Err(error.into())),
            },
            Performed::Waits => Err(Error::new(ErrorKind::Waiting, format!("a person has to decide about `{name}` first"))),
        }
    }
}
