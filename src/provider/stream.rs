//! Reads the JSON events of a streamed answer, or the one JSON document of a server that does not stream.

use crate::{
    crash::crash_point,
    error::{ErrorKind, Result},
    model::{ChatRequest, ChatResponse, FinishReason, Usage},
    provider::{
        OnText,
        calls::Calls,
        http::{Answer, Asked},
        refusal::Refusal,
        sse::{SseEvent, SseParser},
    },
};

/// JSON that borrows from the bytes it was read from: an answer comes in many small events, of which little is kept.
pub(super) type Json<'a> = serde_json_borrow::Value<'a>;

/// An answer as far as it has come. Each protocol fills it in its own way.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The text, or the JSON of a structured answer.
    pub(super) content: String,
    /// The calls of tools it asks for.
    pub(super) calls: Calls,
    /// What the model says instead of an answer.
    pub(super) refusal: String,
    pub(super) finish: Option<FinishReason>,
    pub(super) usage: Option<Usage>,
    /// The model that answers, as the server names it.
    pub(super) model: Option<String>,
    /// The stream came to the end its protocol has.
    pub(super) ended: bool,
    /// Anything of an answer came.
    pub(super) begun: bool,
}

impl Draft {
    /// Adds a piece of the answer.
    pub(super) fn add(&mut self, text: &str, on_text: &OnText<'_>) {
        if !text.is_empty() {
            self.content.push_str(text);
            tell(text, on_text);
        }
    }

    /// Whether the model has begun to speak.
    fn has_spoken(&self) -> bool {
        !self.content.is_empty() || !self.calls.is_empty()
    }

    /// The answer to `request`, once there is no more to come. Who asks for tools has not ended, whatever the server calls it; what was
    /// withheld asks for nothing, and neither does who was offered nothing.
    ///
    /// # Errors
    /// `Truncated` when neither the protocol's end nor a reason to stop came, `Malformed` when there is no answer at all or it asks
    /// for a tool without a name.
    pub(super) fn into_response(self, asked: Asked<'_>, request: &ChatRequest) -> Result<ChatResponse> {
        if !self.ended && self.finish.is_none() {
            return Err(asked.error(ErrorKind::Truncated, "ended its answer before it was complete"));
        }
        if !self.begun {
            return Err(asked.error(ErrorKind::Malformed, "sent no answer"));
        }
        let (content, finish) = if self.refusal.is_empty() {
            (self.content, self.finish.unwrap_or(FinishReason::Stop))
        } else {
            (self.refusal, FinishReason::ContentFilter)
        };
        let tool_requests = if request.tools.is_empty() || finish == FinishReason::ContentFilter {
            Vec::new()
        } else {
            let requests = self.calls.into_requests(&request.messages, finish == FinishReason::Length);
            requests.map_err(|what| asked.error(ErrorKind::Malformed, what))?
        };
        let finish = if tool_requests.is_empty() || finish == FinishReason::Length { finish } else { FinishReason::ToolRequests };
        let model = self.model.unwrap_or_else(|| request.model.clone());
        Ok(ChatResponse { content, tool_requests, finish, usage: self.usage, model })
    }
}

/// Tells a piece of an answer to whoever listens.
pub(super) fn tell(text: &str, on_text: &OnText<'_>) {
    if !text.is_empty() {
        on_text(text);
        crash_point!("response.mid-stream");
    }
}

/// A protocol's way to read what its servers send.
pub(super) trait Protocol: Send + Sync {
    /// Takes the data of one event into `draft`. An error object has been dealt with already.
    ///
    /// # Errors
    /// `Malformed` with what is wrong with the event.
    fn event(&self, data: &Json<'_>, draft: &mut Draft, on_text: &OnText<'_>) -> std::result::Result<(), &'static str>;

    /// Takes a whole answer into `draft`.
    ///
    /// # Errors
    /// `Malformed` with what is wrong with it.
    fn document(&self, data: &Json<'_>, draft: &mut Draft, on_text: &OnText<'_>) -> std::result::Result<(), &'static str>;
}

/// Reads `answer` to its end, streamed or not.
///
/// # Errors
/// Those of [`Answer::chunk`] unless the answer was complete by then; `Malformed`; what the server reports inside of a stream.
pub(super) async fn read(answer: &mut Answer<'_>, protocol: &dyn Protocol, on_text: &OnText<'_>) -> Result<Draft> {
    let asked = answer.asked();
    let mut draft = Draft::default();
    let media_type = answer.media_type();
    if media_type.contains("html") {
        let error = asked.error(ErrorKind::Malformed, "answered with an HTML page");
        return Err(error.hint("check `base_url` of the provider: it may need `/v1` at its end"));
    }
    if media_type.ends_with("json") {
        let body = answer.whole().await?;
        let value: Json<'_> = serde_json::from_slice(&body)
            .map_err(|err| asked.error(ErrorKind::Malformed, "answered with something that is no JSON").source(err))?;
        report(asked, &value)?;
        protocol.document(&value, &mut draft, on_text).map_err(|what| asked.error(ErrorKind::Malformed, what))?;
        draft.ended = true;
        return Ok(draft);
    }
    let mut parser = SseParser::default();
    while !draft.ended {
        let chunk = match answer.chunk(draft.has_spoken()).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            // What was lost after the reason to stop is at most the usage.
            Err(_) if draft.finish.is_some() => break,
            Err(error) => return Err(error),
        };
        let events = parser
            .push(&chunk)
            .map_err(|err| asked.error(ErrorKind::Malformed, "answered with something that is no text").source(err))?;
        for event in events {
            if !draft.ended {
                let value = parse(&event)
                    .map_err(|err| asked.error(ErrorKind::Malformed, "sent an event that is no JSON").source(err))?;
                take(asked, protocol, value.as_ref(), &mut draft, on_text)?;
            }
        }
    }
    if !draft.ended
        && let Some(event) = parser.finish()
        && let Ok(value) = parse(&event)
    {
        // An event without its empty line; if it was cut in the middle, it is no JSON and does not count.
        take(asked, protocol, value.as_ref(), &mut draft, on_text)?;
    }
    crash_point!("response.whole");
    Ok(draft)
}

/// The data of an event; `None` is the end that OpenAI's protocol has.
fn parse(event: &SseEvent) -> serde_json::Result<Option<Json<'_>>> {
    match event.data.trim() {
        "[DONE]" => Ok(None),
        "" => Ok(Some(Json::Null)),
        data => serde_json::from_str(data).map(Some),
    }
}

fn take(
    asked: Asked<'_>,
    protocol: &dyn Protocol,
    value: Option<&Json<'_>>,
    draft: &mut Draft,
    on_text: &OnText<'_>,
) -> Result<()> {
    match value {
        None => draft.ended = true,
        Some(Json::Null) => {}
        Some(value) => {
            report(asked, value)?;
            protocol.event(value, draft, on_text).map_err(|what| asked.error(ErrorKind::Malformed, what))?;
        }
    }
    Ok(())
}

/// Fails with the error that `value` reports, if it does.
fn report(asked: Asked<'_>, value: &Json<'_>) -> Result<()> {
    match value.get("error") {
        Json::Null | Json::Bool(false) => Ok(()),
        Json::Str(nothing) if nothing.is_empty() => Ok(()),
        _ => {
            let refusal = Refusal::of_value(&value.into());
            Err(asked.refusal(None, &refusal).retry_after(refusal.retry_after))
        }
    }
}
