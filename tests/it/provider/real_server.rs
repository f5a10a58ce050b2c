//! Servers that nobody here wrote, named by `AGENTFLOW_TEST_OPENAI_URL` (`http://127.0.0.1:8080/v1`) and
//! `AGENTFLOW_TEST_ANTHROPIC_URL`; `AGENTFLOW_TEST_MODEL` names the model, `AGENTFLOW_TEST_KEY` a key. Skipped, and said so,
//! without them.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use agentflow::{
    agent::AnswerForm,
    model::{ChatMessage, ChatRequest, Role},
    provider::{AnthropicProvider, HttpClient, OpenAiProvider, Provider, ServerSettings},
    schema::Validator,
};
use serde_json::{Value, json};

use super::{ask, request, settings};

#[expect(clippy::disallowed_methods, reason = "the environment names the server of this test")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What the environment says of a server; `None`, with a word about it, when it names none.
fn server(variable_name: &str) -> Option<(ServerSettings, String)> {
    let Some(url) = variable(variable_name) else {
        eprintln!("skipped: {variable_name} is not set");
        return None;
    };
    let mut settings = settings(&url);
    settings.key = variable("AGENTFLOW_TEST_KEY").map(Into::into).or(settings.key);
    Some((settings, variable("AGENTFLOW_TEST_MODEL").unwrap_or_else(|| "gpt-4o-mini".to_owned())))
}

/// A text and a structured answer, both streamed.
async fn converses(provider: &dyn Provider, model: &str) {
    let short = ChatRequest { max_tokens: Some(256), temperature: Some(0.0), ..request(model) };
    let (response, pieces) = ask(provider, &short).await.unwrap();
    assert!(!response.content.is_empty());
    assert_eq!(pieces.concat(), response.content);
    eprintln!("text: {} pieces, {:?}, {:?}", pieces.len(), response.finish, response.usage);

    let schema = json!({
        "type": "object", "properties": {"mood": {"enum": ["good", "bad"]}, "scores": {"type": "array", "items": {"type": "integer"}, "maxItems": 3}},
        "required": ["mood", "scores"], "additionalProperties": false,
    });
    let form = AnswerForm::new(Some(&schema)).unwrap();
    let messages = vec![ChatMessage::new(Role::User, "Rate the mood.")];
    let structured = ChatRequest { output: form.request().cloned(), messages, ..short };
    let (response, pieces) = ask(provider, &structured).await.unwrap();
    let answer: Value = serde_json::from_str(&response.content).unwrap();
    assert_eq!(Validator::new(&schema).unwrap().problems(&answer), Vec::<String>::new(), "{answer}");
    eprintln!("structured: {} pieces, {:?}, {answer}", pieces.len(), response.finish);
}

#[tokio::test]
async fn an_openai_compatible_server_converses() {
    if let Some((settings, model)) = server("AGENTFLOW_TEST_OPENAI_URL") {
        converses(&OpenAiProvider::new(settings, HttpClient::default()).unwrap(), &model).await;
    }
}

#[tokio::test]
async fn an_anthropic_compatible_server_converses() {
    if let Some((settings, model)) = server("AGENTFLOW_TEST_ANTHROPIC_URL") {
        converses(&AnthropicProvider::new(settings, HttpClient::default()).unwrap(), &model).await;
    }
}
