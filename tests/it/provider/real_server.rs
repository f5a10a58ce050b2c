//! Servers that nobody here wrote, named by `AGENTFLOW_TEST_OPENAI_URL` (`http://127.0.0.1:8080/v1`) and
//! `AGENTFLOW_TEST_ANTHROPIC_URL`; `AGENTFLOW_TEST_MODEL` names the model, `AGENTFLOW_TEST_KEY` a key. `AGENTFLOW_TEST_TOOLS_URL` is
//! a server that speaks both protocols and asks for tools as `scripts/aimock.json` says. Skipped, and said so, without them.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use agentflow::{
    agent::AnswerForm,
    model::{ChatMessage, ChatRequest, ChatResponse, FinishReason, Role, ToolRequest},
    provider::{AnthropicProvider, HttpClient, OpenAiProvider, Provider, ServerSettings},
    schema::Validator,
};
use serde_json::{Value, json};

use super::{
    ask, request, settings, structured_request,
    tools::{after, offering},
};

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

#[tokio::test]
async fn a_request_that_offers_tools_is_not_refused() {
    let Some((settings, model)) = server("AGENTFLOW_TEST_OPENAI_URL") else { return };
    let provider = OpenAiProvider::new(settings, HttpClient::default()).unwrap();
    let asked = ChatRequest { max_tokens: Some(32), temperature: Some(0.0), ..offering(request(&model)) };
    let (response, _) = ask(&provider, &asked).await.unwrap();
    eprintln!("with tools: {:?}, {:?}, {:?}", response.finish, response.tool_requests, response.usage);
    assert!(response.usage.is_some_and(|usage| usage.output_tokens > 0), "{response:?}");

    // Beside a form of the answer, and after results.
    let asked = offering(structured_request(&model));
    let (response, _) = ask(&provider, &asked).await.unwrap();
    eprintln!("with tools and a form: {:?}, {:?}, {}", response.finish, response.tool_requests, response.content);
    let call = ToolRequest { id: "a".to_owned(), name: "calculator".to_owned(), arguments: "{\"expression\":\"1\"}".to_owned() };
    let response = ChatResponse { content: String::new(), tool_requests: vec![call], ..response };
    ask(&provider, &after(&asked, &response, &["1"])).await.unwrap();
}

/// A request that says `prompt` and offers tools.
fn saying(prompt: &str, request: ChatRequest) -> ChatRequest {
    ChatRequest { messages: vec![ChatMessage::new(Role::User, prompt)], ..offering(request) }
}

/// Two calls at once, one more, and an answer.
async fn uses_tools(provider: &dyn Provider) {
    let asked = saying("Add and look.", request("gpt-4o-mini"));
    let (first, heard) = ask(provider, &asked).await.unwrap();
    let told: Vec<_> = first.tool_requests.iter().map(|request| (request.name.as_str(), request.arguments.as_str())).collect();
    assert_eq!(
        told,
        [("calculator", "{\"expression\":\"1 + 2\"}"), ("mcp__github__look", "{\"at\":\"Grüß Gott €\"}")],
        "{first:?}"
    );
    assert_eq!((first.content.as_str(), heard.concat().as_str()), ("Let me see.", "Let me see."));
    assert_ne!(first.tool_requests[0].id, first.tool_requests[1].id);
    let asked = after(&asked, &first, &["3", "nothing there"]);
    let (second, _) = ask(provider, &asked).await.unwrap();
    assert_eq!((second.finish, second.tool_requests.len()), (FinishReason::ToolRequests, 1));
    assert_eq!(second.tool_requests[0].arguments, "{\"expression\":\"3 * 3\"}");
    let (last, _) = ask(provider, &after(&asked, &second, &["nine"])).await.unwrap();
    assert_eq!((last.content.as_str(), last.finish), ("It is nine.", FinishReason::Stop));
}

#[tokio::test]
async fn tools_are_used_in_openais_protocol() {
    let Some((mut settings, _)) = server("AGENTFLOW_TEST_TOOLS_URL") else { return };
    settings.base_url.push_str("/v1");
    uses_tools(&OpenAiProvider::new(settings, HttpClient::default()).unwrap()).await;
}

#[tokio::test]
async fn tools_are_used_in_anthropics_protocol() {
    let Some((settings, _)) = server("AGENTFLOW_TEST_TOOLS_URL") else { return };
    let provider = AnthropicProvider::new(settings, HttpClient::default()).unwrap();
    uses_tools(&provider).await;

    let asked = saying("Count the words.", structured_request("claude-haiku-4-5"));
    let (first, _) = ask(&provider, &asked).await.unwrap();
    assert_eq!((first.finish, first.tool_requests.len()), (FinishReason::ToolRequests, 1));
    let (last, _) = ask(&provider, &after(&asked, &first, &["1"])).await.unwrap();
    assert_eq!((last.content.as_str(), last.finish), ("{\"word\":\"hi\",\"count\":1}", FinishReason::Stop));
}
