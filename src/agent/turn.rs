//! The conversation with a model as a machine without IO: it says what to ask, is told what was answered, and says what came
//! out. The same answers always lead to the same end, so a replay needs nothing but the answers.

use serde::{Deserialize, Serialize};

use crate::{
    agent::{answer::AnswerForm, json},
    error::{Error, ErrorKind, ErrorRecord, Result},
    model::{ChatMessage, ChatResponse, FinishReason, OutputSchema, Role, ToolRequest, Value},
};

/// How often a model is told what is wrong with its answer.
pub const MAX_REPAIRS: u32 = 2;

/// One attempt of an agent at a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Turn {
    form: AnswerForm,
    messages: Vec<ChatMessage>,
    max_turns: u32,
    turns: u32,
    repairs: u32,
    /// Calls of tools that the last answer asks for.
    requests: Vec<ToolRequest>,
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
    /// Make these calls of tools, and tell the machine what comes of each.
    CallTools(&'a [ToolRequest]),
    /// It is over.
    Done(Result<Answer>),
}

impl Turn {
    /// Begins with an optional system prompt and the prompt; the answer must be of `form`. At most `max_turns` calls are asked
    /// for, and one at least.
    #[must_use]
    pub fn new(system: Option<String>, prompt: String, form: AnswerForm, max_turns: u32) -> Self {
        let system = system.filter(|text| !text.trim().is_empty()).map(|text| ChatMessage::new(Role::System, text));
        let messages = system.into_iter().chain([ChatMessage::new(Role::User, prompt)]).collect();
        Self { form, messages, max_turns: max_turns.max(1), turns: 0, repairs: 0, requests: Vec::new(), done: None }
    }

    /// The same, going on with what was said before: `earlier` comes before the prompt, and `note` before all that is said.
    #[must_use]
    pub fn after(mut self, note: Option<String>, earlier: Vec<ChatMessage>) -> Self {
        let begin = usize::from(self.messages.first().is_some_and(|message| message.role == Role::System));
        self.messages.splice(begin..begin, earlier);
        if let Some((note, first)) = note.zip(self.messages.get_mut(begin)) {
            first.content.insert_str(0, &format!("{note}\n\n"));
        }
        self
    }

    /// What comes next.
    #[must_use]
    pub fn step(&self) -> Step<'_> {
        match &self.done {
            None if !self.requests.is_empty() => Step::CallTools(&self.requests),
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
        if self.done.is_some() || !self.requests.is_empty() {
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
        if !response.tool_requests.is_empty() {
            return self.take_requests(response);
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

    /// Tells the machine what came of the calls that were asked for, in their order.
    pub fn take_results(&mut self, results: Vec<String>) {
        let requests = std::mem::take(&mut self.requests);
        self.messages.extend(requests.into_iter().zip(results).map(|(request, text)| ChatMessage::result(request.id, text)));
    }

    fn take_requests(&mut self, response: &ChatResponse) {
        if self.turns >= self.max_turns {
            let message = format!("the model asks for tools in the last of its {} turns, and has not answered", self.max_turns);
            let hint = "raise `max_turns` of the agent or node, or `limits.turns` of the workflow, or ask for less";
            return self.fail(ErrorKind::Budget, message, Some(hint), &response.content);
        }
        self.messages.push(ChatMessage::requests(&response.content, response.tool_requests.clone()));
        self.requests.clone_from(&response.tool_requests);
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
    let list = problems.join("\n- ");
    let cut = if cut { "Your answer was cut off because it was too long; write a shorter one.\n" } else { "" };
    format!(
        "Your answer cannot be used:\n- {list}\n{cut}\
         Answer again with the whole corrected JSON, and with nothing else: no explanation, no code fence."
    )
}

/// The first line of `text`, at most 200 characters of it.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.chars().count() > 200 { line.chars().take(200).chain(['…']).collect() } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
    use serde_json::json;

    use super::*;

    fn response(content: &str, finish: FinishReason) -> ChatResponse {
        ChatResponse { content: content.to_owned(), tool_requests: Vec::new(), finish, usage: None, model: "m".to_owned() }
    }

    fn score() -> Value {
        json!({"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"], "additionalProperties": false})
    }

    fn asked(turn: &Turn) -> &[ChatMessage] {
        match turn.step() {
            Step::CallModel(messages) => messages,
            other => panic!("no call of a model: {other:?}"),
        }
    }

    fn ended(turn: &Turn) -> Result<Answer> {
        match turn.step() {
            Step::Done(end) => end,
            other => panic!("not over: {other:?}"),
        }
    }

    /// Tells the machine `answers`, which must all be asked for.
    fn told(schema: Option<&Value>, max_turns: u32, answers: &[(&str, FinishReason)]) -> Turn {
        let mut turn =
            Turn::new(Some("Be brief.".to_owned()), "Judge it.".to_owned(), AnswerForm::new(schema).unwrap(), max_turns);
        for (content, finish) in answers {
            asked(&turn);
            turn.take(&response(content, *finish));
        }
        turn
    }

    #[test]
    fn text_is_kept_but_for_the_last_line_end() {
        let turn = told(None, 5, &[("  Fine.\n\n", FinishReason::Stop)]);
        assert_eq!(ended(&turn).unwrap(), Answer { value: json!("  Fine."), notes: vec![] });
    }

    #[test]
    fn a_cut_text_is_taken_with_a_note_and_an_empty_one_is_an_error() {
        let turn = told(None, 5, &[("It was a dark and", FinishReason::Length)]);
        assert_eq!(ended(&turn).unwrap().notes, ["the answer was cut at `max_tokens`"]);
        let error = ended(&told(None, 5, &[("", FinishReason::Length)])).unwrap_err();
        assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Request, 1));
    }

    #[test]
    fn a_blank_system_prompt_is_left_out() {
        let turn = Turn::new(Some(" \n".to_owned()), "Hello".to_owned(), AnswerForm::Text, 1);
        assert_eq!(asked(&turn), [ChatMessage::new(Role::User, "Hello")]);
    }

    #[test]
    fn what_was_said_before_stands_between_system_and_prompt() {
        let earlier = || vec![ChatMessage::new(Role::User, "Hi."), ChatMessage::new(Role::Assistant, "Hello.")];
        let new = |system: Option<&str>| Turn::new(system.map(str::to_owned), "Go on.".to_owned(), AnswerForm::Text, 1);
        let said = |turn: &Turn| asked(turn).iter().map(|message| message.content.clone()).collect::<Vec<_>>();
        assert_eq!(said(&new(Some("Be brief.")).after(None, earlier())), ["Be brief.", "Hi.", "Hello.", "Go on."]);
        assert_eq!(said(&new(None).after(Some("Before: x.".to_owned()), earlier())), ["Before: x.\n\nHi.", "Hello.", "Go on."]);
        assert_eq!(
            said(&new(Some("Be brief.")).after(Some("Before: x.".to_owned()), vec![])),
            ["Be brief.", "Before: x.\n\nGo on."]
        );
    }

    #[test]
    fn a_wrong_answer_is_sent_back_with_what_is_wrong() {
        let turn = told(Some(&score()), 5, &[(r#"{"score": "high"}"#, FinishReason::Stop)]);
        let messages = asked(&turn);
        assert_eq!(messages.len(), 4);
        assert_eq!(messages[2], ChatMessage::new(Role::Assistant, r#"{"score": "high"}"#));
        assert_eq!(
            messages[3].content,
            "Your answer cannot be used:\n- at /score: \"high\" is not of type \"integer\"\n\
             Answer again with the whole corrected JSON, and with nothing else: no explanation, no code fence."
        );
        let turn =
            told(Some(&score()), 5, &[(r#"{"score": "high"}"#, FinishReason::Stop), (r#"{"score": 7}"#, FinishReason::Stop)]);
        assert_eq!(ended(&turn).unwrap(), Answer { value: json!({"score": 7}), notes: vec![] });
    }

    #[test]
    fn json_between_other_text_is_taken_with_a_note() {
        let turn = told(Some(&score()), 5, &[("Sure!\n```json\n{\"score\": 7}\n```", FinishReason::Stop)]);
        let answer = ended(&turn).unwrap();
        assert_eq!((answer.value, answer.notes.len()), (json!({"score": 7}), 1));
    }

    #[test]
    fn after_two_repairs_the_raw_text_is_kept() {
        let turn =
            told(Some(&score()), 9, &[("no", FinishReason::Stop), ("no", FinishReason::Stop), ("never", FinishReason::Stop)]);
        let record = ended(&turn).unwrap_err().to_record();
        assert_eq!(record.kind, ErrorKind::Schema);
        assert_eq!(record.raw_text.as_deref(), Some("never"));
        assert!(
            record.message.starts_with("the answer does not follow its schema, also after 2 repair turns: the answer is no JSON")
        );
    }

    #[test]
    fn a_cut_answer_is_asked_for_again_and_told_as_cut() {
        let turn = told(Some(&score()), 2, &[(r#"{"score"#, FinishReason::Length)]);
        assert!(asked(&turn)[3].content.contains("write a shorter one"));
        let error = ended(&told(Some(&score()), 1, &[(r#"{"score"#, FinishReason::Length)])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Schema);
        assert!(error.message().starts_with("the answer was cut at `max_tokens`: "), "{error}");
        assert_eq!(error.hints(), [MORE_TOKENS]);
    }

    #[test]
    fn a_refusal_ends_it() {
        let error = ended(&told(Some(&score()), 5, &[("I won't.\nReally.", FinishReason::ContentFilter)])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert_eq!(error.message(), "the model refused to answer: I won't.");
    }

    #[test]
    fn answers_after_the_end_change_nothing() {
        let mut turn = told(None, 5, &[("one", FinishReason::Stop)]);
        turn.take(&response("two", FinishReason::Stop));
        assert_eq!((ended(&turn).unwrap().value, turn.turns()), (json!("one"), 1));
    }

    /// What a model may write, and what it is worth: an answer, a refusal, or nothing.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Worth {
        Answer(i64),
        Refusal,
        Nothing,
    }

    fn answers() -> impl Strategy<Value = (String, FinishReason, Worth)> {
        let good = (any::<i64>(), any::<bool>()).prop_map(|(n, fenced)| {
            let json = json!({ "score": n }).to_string();
            let text = if fenced { format!("So:\n```\n{json}\n```\n") } else { json };
            (text, FinishReason::Stop, Worth::Answer(n))
        });
        let bad =
            prop::sample::select(vec!["", "{}", "[]", "no", r#"{"score":1.5}"#, r#"{"score":1,"more":2}"#, r#"{"score":1"#]);
        let finish = prop_oneof![Just(FinishReason::Stop), Just(FinishReason::Length)];
        prop_oneof![
            good,
            (bad, finish).prop_map(|(text, finish)| (text.to_owned(), finish, Worth::Nothing)),
            Just(("No.".to_owned(), FinishReason::ContentFilter, Worth::Refusal)),
        ]
    }

    proptest! {
        /// Against the plain rule: the first answer or refusal among the first three answers (or `max_turns`, if fewer) ends it.
        #[test]
        fn it_ends_where_the_plain_rule_says(
            answers in prop::collection::vec(answers(), 3..6),
            max_turns in 0u32..6,
            before in 0usize..4,
        ) {
            let allowed = max_turns.clamp(1, 3) as usize;
            let end = answers.iter().take(allowed).position(|(_, _, worth)| *worth != Worth::Nothing);
            let expected_calls = end.map_or(allowed, |at| at + 1);
            let expected = end.map_or(Worth::Nothing, |at| answers[at].2);

            let earlier: Vec<_> = (0..2 * before)
                .map(|at| ChatMessage::new(if at % 2 == 0 { Role::User } else { Role::Assistant }, at.to_string()))
                .collect();
            let turn = Turn::new(None, "p".to_owned(), AnswerForm::new(Some(&score())).unwrap(), max_turns);
            let mut turn = turn.after(None, earlier.clone());
            let mut calls = 0;
            while let Step::CallModel(messages) = turn.step() {
                prop_assert_eq!(messages.len(), 2 * before + 1 + 2 * calls);
                prop_assert_eq!(&messages[..2 * before], &earlier);
                let (text, finish, _) = &answers[calls];
                // A machine that was stored and read back in between goes on the same way.
                turn = serde_json::from_str(&serde_json::to_string(&turn).unwrap()).unwrap();
                turn.take(&response(text, *finish));
                calls += 1;
            }
            prop_assert_eq!(calls, expected_calls);
            let outcome = match ended(&turn) {
                Ok(answer) => Worth::Answer(answer.value["score"].as_i64().unwrap()),
                Err(error) if error.kind() == ErrorKind::Refused => Worth::Refusal,
                Err(error) => {
                    prop_assert_eq!(error.kind(), ErrorKind::Schema);
                    Worth::Nothing
                }
            };
            prop_assert_eq!(outcome, expected);
        }
    }
}
