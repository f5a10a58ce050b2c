//! The conversation with a model as a machine without IO: it says what to ask, is told what was answered, and says what came
//! out. The same answers always lead to the same end, so a replay needs nothing but the answers.

use serde::{Deserialize, Serialize};

use crate::{
    agent::{answer::AnswerForm, json},
    error::{Error, ErrorKind, ErrorRecord, Result},
    model::{ChatMessage, ChatResponse, FinishReason, OutputSchema, Role, Value},
};

/// How often a model is told what is wrong with its answer.
const MAX_REPAIRS: u32 = 2;

/// One attempt of an agent at a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Turn {
    form: AnswerForm,
    messages: Vec<ChatMessage>,
    max_turns: u32,
    turns: u32,
    repairs: u32,
    done: Option<End>,
}

/// How it ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Answer(Answer),
    Failure(ErrorRecord),
}

/// The answer of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// A string for text; else what the schema asks for.
    pub value: Value,
    /// What was overlooked to get it, in words for people; empty when nothing was.
    pub notes: Vec<String>,
}

/// What comes next.
#[derive(Debug)]
pub enum Step<'a> {
    /// Send these messages to the model, and tell the machine what it answers.
    CallModel(&'a [ChatMessage]),
    /// It is over.
    Done(Result<Answer>),
}

impl Turn {
    /// Begins with an optional system prompt and the prompt. `output` is the schema of the answer; text when absent.
    /// At most `max_turns` calls are asked for (and one at least).
    ///
    /// # Errors
    /// `Invalid` when `output` is no JSON Schema.
    pub fn new(system: Option<String>, prompt: String, output: Option<&Value>, max_turns: u32) -> Result<Self> {
        let system = system.filter(|text| !text.trim().is_empty()).map(|text| ChatMessage::new(Role::System, text));
        let messages = system.into_iter().chain([ChatMessage::new(Role::User, prompt)]).collect();
        Ok(Self { form: AnswerForm::new(output)?, messages, max_turns: max_turns.max(1), turns: 0, repairs: 0, done: None })
    }

    /// What comes next.
    #[must_use]
    pub fn step(&self) -> Step<'_> {
        match &self.done {
            None => Step::CallModel(&self.messages),
            Some(End::Answer(answer)) => Step::Done(Ok(answer.clone())),
            Some(End::Failure(record)) => Step::Done(Err(record.clone().into())),
        }
    }

    /// What the provider is told of the answer's form; `None` for text.
    #[must_use]
    pub fn output(&self) -> Option<&OutputSchema> {
        self.form.request()
    }

    /// How many answers the machine was told.
    #[must_use]
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// Tells the machine what the model answered. After the end nothing changes any more.
    pub fn take(&mut self, response: &ChatResponse) {
        if self.done.is_some() {
            return;
        }
        self.turns += 1;
        if response.finish == FinishReason::ContentFilter {
            let said = short(&response.content);
            let message = if said.is_empty() {
                "the model refused to answer".to_owned()
            } else {
                format!("the model refused to answer: {said}")
            };
            return self.fail(ErrorKind::Refused, message, None, &response.content);
        }
        match &self.form {
            AnswerForm::Text => self.take_text(response),
            AnswerForm::Json(form) => {
                let cut = response.finish == FinishReason::Length;
                let found = json::find(&response.content, |value| form.accepts(value)).map_err(|problem| vec![problem]);
                let outcome = found.and_then(|found| {
                    let (value, unwrapped) = form.unwrap(found.value)?;
                    let mut notes = Vec::new();
                    if found.surrounded {
                        notes.push("the JSON was taken out of other text".to_owned());
                    }
                    if unwrapped {
                        notes.push("the answer was not wrapped in an object as asked for".to_owned());
                    }
                    Ok(Answer { value, notes })
                });
                match outcome {
                    Ok(answer) => self.done = Some(End::Answer(answer)),
                    Err(problems) => self.repair(response, &problems, cut),
                }
            }
        }
    }

    fn take_text(&mut self, response: &ChatResponse) {
        let text = response.content.trim_end_matches(['\n', '\r']);
        let cut = response.finish == FinishReason::Length;
        if cut && text.trim().is_empty() {
            let message = "the model used up `max_tokens` before it wrote a word".to_owned();
            return self.fail(ErrorKind::Request, message, Some(MORE_TOKENS), &response.content);
        }
        let notes = if cut { vec!["the answer was cut at `max_tokens`".to_owned()] } else { Vec::new() };
        self.done = Some(End::Answer(Answer { value: Value::String(text.to_owned()), notes }));
    }

    /// Asks for a better answer, or gives up.
    fn repair(&mut self, response: &ChatResponse, problems: &[String], cut: bool) {
        if self.repairs >= MAX_REPAIRS || self.turns >= self.max_turns {
            let what = if cut { "the answer was cut at `max_tokens`" } else { "the answer does not follow its schema" };
            let message = format!("{what}, also after {} repair turns: {}", self.repairs, problems.join("; "));
            let message = if self.repairs == 0 { format!("{what}: {}", problems.join("; ")) } else { message };
            return self.fail(ErrorKind::Schema, message, cut.then_some(MORE_TOKENS), &response.content);
        }
        self.repairs += 1;
        let wrong = if response.content.trim().is_empty() { "(no answer)" } else { &response.content };
        self.messages.push(ChatMessage::new(Role::Assistant, wrong));
        self.messages.push(ChatMessage::new(Role::User, complaint(problems, cut)));
    }

    fn fail(&mut self, kind: ErrorKind, message: String, hint: Option<&str>, raw: &str) {
        let mut error = Error::new(kind, message);
        if let Some(hint) = hint {
            error = error.hint(hint);
        }
        if !raw.is_empty() {
            error = error.raw_text(raw);
        }
        self.done = Some(End::Failure(error.to_record()));
    }
}

const MORE_TOKENS: &str = "raise `max_tokens` of the agent or node, or ask for less";

/// What the model is told when its answer cannot be used.
fn complaint(problems: &[String], cut: bool) -> String {
    let list: String = problems.iter().map(|problem| format!("- {problem}\n")).collect();
    let cut = if cut { "Your answer was cut off because it was too long; write a shorter one.\n" } else { "" };
    format!(
        "Your answer cannot be used:\n{list}{cut}\
         Answer again with the whole corrected JSON, and with nothing else: no explanation, no code fence."
    )
}

/// The first line of `text`, at most 200 characters of it.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.chars().count() > 200 { line.chars().take(200).chain(['…']).collect() } else { line.to_owned() }
}
