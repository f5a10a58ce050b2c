//! What a model can read and write in one call: found out before the call leaves, so that nothing is paid for a refusal.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ChatRequest, ModelRef},
    provider::{Provider, tokens},
};

/// What is kept free for an answer without `max_tokens`, in tokens; of a small window, at most a quarter.
const USUAL_ANSWER: u32 = 1_000;

/// How many tokens of a window are kept free for the answer.
pub(super) fn room_for_answer(window: u32, max_tokens: Option<u32>) -> u32 {
    max_tokens.unwrap_or(USUAL_ANSWER.min(window / 4))
}

/// How many tokens could be added to `request` if `model` were asked it; `None` when its window is not known.
pub(super) fn room_beside(provider: &dyn Provider, model: &ModelRef, request: &ChatRequest) -> Option<usize> {
    let window = provider.window(&model.model)?;
    let answer = room_for_answer(window, request.max_tokens);
    let asked = tokens::count_request(&ChatRequest { model: model.model.clone(), ..request.clone() });
    Some(usize::try_from(window.saturating_sub(answer)).unwrap_or(usize::MAX).saturating_sub(asked))
}

/// Holds a call to the window of its model, where that is known.
///
/// # Errors
/// `ContextLength` when what is asked and the answer do not fit.
pub(super) fn check(provider: &dyn Provider, model: &ModelRef, request: &ChatRequest) -> Result<()> {
    let Some(window) = provider.window(&request.model) else { return Ok(()) };
    let answer = room_for_answer(window, request.max_tokens);
    let free = usize::try_from(window.saturating_sub(answer)).unwrap_or(usize::MAX);
    // Nearly all requests are short enough whatever their tokens are.
    if tokens::most_of_request(request) <= free {
        return Ok(());
    }
    let asked = tokens::count_request(request);
    if asked <= free {
        return Ok(());
    }
    let about = if tokens::is_known(&request.model) { "" } else { "about " };
    let message = format!(
        "the request has {about}{asked} tokens, and {answer} are kept for the answer: model `{model}` reads and writes {window} in one call"
    );
    Err(Error::new(ErrorKind::ContextLength, message)
        .hint("shorten the prompt, lower `max_tokens`, or name a model with a larger context window")
        .hint("a model of `fallback` with `also_after = [\"context_length\"]` takes over when it has a larger one")
        .hint(format!(
            "if it is larger there, say so: `context = {{ \"{}\" = TOKENS }}` under `[providers.{}]`",
            request.model, model.provider
        )))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::{
        model::{AgentName, CallOrigin, ChatMessage, ChatResponse, NodePath, Price, Role, RunId},
        provider::OnText,
    };

    #[derive(Debug)]
    struct Small(Option<u32>);

    #[async_trait]
    impl Provider for Small {
        async fn chat(&self, _request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
            panic!("it is not asked")
        }

        fn price(&self, _model: &str) -> Option<Price> {
            None
        }

        fn window(&self, _model: &str) -> Option<u32> {
            self.0
        }
    }

    fn held(window: Option<u32>, model: &str, content: &str, max_tokens: Option<u32>) -> Result<()> {
        let request = ChatRequest {
            origin: CallOrigin {
                run: RunId::generate(),
                node: NodePath::new("a"),
                agent: AgentName::new("b").expect("a name"),
                attempt: 1,
                ordinal: 0,
            },
            model: model.to_owned(),
            messages: vec![ChatMessage::new(Role::User, content)],
            tools: Vec::new(),
            output: None,
            temperature: None,
            max_tokens,
        };
        check(&Small(window), &format!("lab/{model}").parse().expect("a model"), &request)
    }

    #[test]
    fn a_call_that_does_not_fit_is_refused_with_its_numbers() {
        let words = "word ".repeat(900);
        assert!(held(Some(2_000), "gpt-4o", &words, Some(1_000)).is_ok());
        let error = held(Some(2_000), "gpt-4o", &words, Some(1_100)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ContextLength);
        assert_eq!(
            error.message(),
            "the request has 913 tokens, and 1100 are kept for the answer: model `lab/gpt-4o` reads and writes 2000 in one call"
        );
        assert!(error.hints().iter().any(|hint| hint.contains("context = { \"gpt-4o\" = TOKENS }")), "{:?}", error.hints());
        let error = held(Some(2_000), "small", &words, Some(1_000)).unwrap_err();
        assert!(error.message().starts_with("the request has about 1"), "{error}");
    }

    #[test]
    fn nothing_is_refused_where_nothing_is_known() {
        assert!(held(None, "small", &"word ".repeat(100_000), Some(999_999)).is_ok());
    }

    #[test]
    fn room_is_kept_for_an_answer_of_any_length() {
        assert_eq!(
            (room_for_answer(128_000, None), room_for_answer(2_000, None), room_for_answer(2_000, Some(9))),
            (1_000, 500, 9)
        );
        assert!(held(Some(100), "gpt-4o", "word", Some(4_000_000_000)).is_err());
    }
}
