//! The mock provider: faithful to schemas, deterministic, scripted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use agentflow::{
    ErrorKind,
    model::{ChatMessage, ChatRequest, ChatResponse, Effect, FinishReason, NodePath, Role, ToolName, ToolSpec},
    provider::{MockAnswer, MockProvider, MockSettings, Provider as _},
    schema::Validator,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ask, failure, request, structured_request};

fn scripted(key: &str, answers: Vec<Value>) -> MockProvider {
    let answers = answers.into_iter().map(|value| MockAnswer::from_value(value).unwrap()).collect();
    MockProvider::new(MockSettings { answers: BTreeMap::from([(key.to_owned(), answers)]), ..MockSettings::default() })
}

async fn content(provider: &MockProvider, request: &ChatRequest) -> String {
    ask(provider, request).await.unwrap().0.content
}

fn at(path: &str) -> ChatRequest {
    let mut request = request("m");
    request.origin.node = serde_json::from_value::<NodePath>(json!(path)).unwrap();
    request
}

#[tokio::test]
async fn the_same_call_gives_the_same_answer_and_another_seed_another_one() {
    let provider = |seed| MockProvider::new(MockSettings { seed, ..MockSettings::default() });
    let request = structured_request("m");
    let first = content(&provider(1), &request).await;
    assert_eq!(first, content(&provider(1), &request).await);
    let mut others = Vec::new();
    for seed in 2..12 {
        others.push(content(&provider(seed), &request).await);
    }
    assert!(others.iter().any(|other| *other != first), "{others:?}");
    let mut elsewhere = request.clone();
    elsewhere.origin.run = agentflow::model::RunId::generate();
    elsewhere.origin.attempt = 3;
    assert_eq!(first, content(&provider(1), &elsewhere).await, "run and attempt do not count");
}

#[tokio::test]
async fn a_text_says_that_it_is_simulated() {
    let provider = MockProvider::new(MockSettings::default());
    let mut asked = request("m");
    asked.messages.push(ChatMessage::new(Role::User, "Why is the sky blue?\nIn one sentence."));
    let (response, pieces) = ask(&provider, &asked).await.unwrap();
    assert!(
        response.content.starts_with(
            "Simulated answer of `writer` for `node`: no model was asked. It answers a prompt of 8 words that begins with \"Why is the sky blue?\"."
        ),
        "{}",
        response.content
    );
    assert_eq!(pieces, [response.content.as_str()]);
    assert!(provider.is_simulated() && provider.price("m").is_none() && response.usage.unwrap().output_tokens > 10);
}

#[tokio::test]
async fn scripted_answers_come_in_turn_and_made_up_ones_follow() {
    let provider = scripted("writer", vec![json!("one"), json!({"error": {"status": 503}}), json!({"a": 2})]);
    assert_eq!(content(&provider, &request("m")).await, "one");
    let error = failure(&provider, &request("m")).await;
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Transient, "mock model `m` failed with status 503: as its script says")
    );
    assert_eq!(content(&provider, &request("m")).await, "{\"a\":2}");
    assert!(content(&provider, &request("m")).await.starts_with("Simulated answer"));
}

#[tokio::test]
async fn the_most_exact_name_counts() {
    for key in ["improve@2.draft", "improve.draft", "draft"] {
        let provider = scripted(key, vec![json!("scripted")]);
        assert_eq!(content(&provider, &at("improve@2.draft")).await, "scripted", "{key}");
    }
    let provider = scripted("review[1]", vec![json!("scripted")]);
    assert!(content(&provider, &at("review[0]")).await.starts_with("Simulated"));
    assert_eq!(content(&provider, &at("review[1]")).await, "scripted");
}

#[tokio::test]
async fn a_scripted_value_is_wrapped_when_the_call_asks_for_that() {
    let wrapped = json!({"type": "object", "properties": {"answer": {"type": "array"}}, "required": ["answer"], "additionalProperties": false});
    let mut asked = structured_request("m");
    asked.output.as_mut().unwrap().schema = wrapped;
    assert_eq!(content(&scripted("writer", vec![json!([1])]), &asked).await, "{\"answer\":[1]}");
    // What does not fit is sent as it is: the repair turn is part of what can be tried out.
    assert_eq!(content(&scripted("writer", vec![json!("no JSON")]), &asked).await, "no JSON");
}

#[test]
fn scripted_errors_are_read_strictly() {
    let error = |value: Value| MockAnswer::from_value(json!({ "error": value }));
    assert_eq!(
        error(json!({"kind": "throttle", "retry_after": 1.5, "message": "slow"})).unwrap(),
        MockAnswer::Error {
            kind: Some(ErrorKind::Throttle),
            status: None,
            retry_after: Some(Duration::from_millis(1_500)),
            message: Some("slow".to_owned()),
        }
    );
    for bad in [
        json!({}),
        json!("x"),
        json!({"status": 200}),
        json!({"status": 503, "more": 1}),
        json!({"kind": "odd"}),
        json!({"status": 503, "retry_after": -1}),
    ] {
        assert_eq!(error(bad.clone()).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
    }
    // An answer may have a field of that name.
    let data = json!({"error": "none", "more": 1});
    assert_eq!(MockAnswer::from_value(data.clone()).unwrap(), MockAnswer::Value(data));
}

fn reader() -> ToolSpec {
    let path = json!({"type": "string", "pattern": "^[a-z]{3}/[0-9]$"});
    ToolSpec {
        name: ToolName::new("read_file").unwrap(),
        description: "Reads.".to_owned(),
        parameters: json!({"type": "object", "properties": {"path": path}, "required": ["path"], "additionalProperties": false}),
        effect: Effect::Read,
    }
}

/// A request that offers `tools`, with the conversation after the results of what `response` asks for.
fn answered(request: &ChatRequest, response: &ChatResponse) -> ChatRequest {
    let mut next = request.clone();
    next.messages.push(ChatMessage::requests(response.content.clone(), response.tool_requests.clone()));
    next.messages.extend(response.tool_requests.iter().map(|request| ChatMessage::result(request.id.clone(), "seen")));
    next
}

#[tokio::test]
async fn offered_tools_are_asked_for_once_with_arguments_that_follow_their_schema() {
    let offered =
        ["read_file", "mcp:github/search", "calculator"].map(|name| ToolSpec { name: ToolName::new(name).unwrap(), ..reader() });
    let asked = ChatRequest { tools: offered.to_vec(), ..structured_request("m") };
    let validator = Validator::new(&asked.tools[0].parameters).unwrap();
    let mut chosen = BTreeSet::new();
    for seed in 0..20 {
        let provider = MockProvider::new(MockSettings { seed, ..MockSettings::default() });
        let (response, pieces) = ask(&provider, &asked).await.unwrap();
        assert_eq!((response.finish, pieces.concat().as_str()), (FinishReason::ToolRequests, ""));
        assert_eq!(response, ask(&provider, &asked).await.unwrap().0, "the same call asks for the same");
        let requests = &response.tool_requests;
        assert_eq!(requests.iter().map(|request| request.id.as_str()).collect::<Vec<_>>(), ["call_0", "call_1"]);
        for request in requests {
            assert!(validator.accepts(&serde_json::from_str(&request.arguments).unwrap()), "{request:?}");
        }
        chosen.insert(requests.iter().map(|request| request.name.clone()).collect::<Vec<_>>());

        let (response, _) = ask(&provider, &answered(&asked, &response)).await.unwrap();
        assert_eq!((response.finish, response.tool_requests.len()), (FinishReason::Stop, 0));
        let answer = serde_json::from_str(&response.content).unwrap();
        assert!(Validator::new(&asked.output.as_ref().unwrap().schema).unwrap().accepts(&answer), "{answer}");
    }
    assert_eq!(
        chosen.into_iter().collect::<Vec<_>>(),
        [["mcp__github__search", "calculator"], ["read_file", "calculator"], ["read_file", "mcp__github__search"]]
    );
}

#[tokio::test]
async fn a_repair_turn_asks_for_no_tools() {
    let mut asked = ChatRequest { tools: vec![reader()], ..request("m") };
    asked.messages.push(ChatMessage::new(Role::Assistant, "x"));
    asked.messages.push(ChatMessage::new(Role::User, "Your answer cannot be used."));
    assert_eq!(ask(&MockProvider::new(MockSettings::default()), &asked).await.unwrap().0.tool_requests, []);
}

#[tokio::test]
async fn a_script_may_ask_for_tools() {
    let calls = json!({"tools": [
        {"name": "mcp:github/search", "arguments": {"query": "x"}},
        {"name": "read_file", "arguments": "{\"path\": "},
        {"name": "no_such_tool"},
    ]});
    let provider = scripted("writer", vec![calls.clone(), calls, json!("Done.")]);
    let asked = ChatRequest { tools: vec![reader()], ..request("m") };
    let (first, _) = ask(&provider, &asked).await.unwrap();
    let told: Vec<_> =
        first.tool_requests.iter().map(|request| [&request.id, &request.name, &request.arguments].map(String::as_str)).collect();
    assert_eq!(
        told,
        [
            ["call_0", "mcp__github__search", "{\"query\":\"x\"}"],
            ["call_1", "read_file", "{\"path\": "],
            ["call_2", "no_such_tool", "{}"]
        ]
    );
    assert_eq!((first.content.as_str(), first.finish), ("", FinishReason::ToolRequests));
    let (second, _) = ask(&provider, &answered(&asked, &first)).await.unwrap();
    assert_eq!(second.tool_requests[0].id, "call_3", "ids stay apart in a conversation");
    let (last, _) = ask(&provider, &answered(&answered(&asked, &first), &second)).await.unwrap();
    assert_eq!((last.content.as_str(), last.finish), ("Done.", FinishReason::Stop));
}

#[test]
fn scripted_calls_are_read_strictly() {
    for bad in [
        json!([]),
        json!("read_file"),
        json!(["read_file"]),
        json!([{"arguments": {}}]),
        json!([{"name": "a b"}]),
        json!([{"name": "read_file", "argument": {}}]),
    ] {
        let error = MockAnswer::from_value(json!({ "tools": bad })).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
    }
    let data = json!({"tools": ["a"], "more": 1});
    assert_eq!(MockAnswer::from_value(data.clone()).unwrap(), MockAnswer::Value(data));
}

#[tokio::test(start_paused = true)]
async fn latency_is_kept_to_the_millisecond_and_the_answer_comes_in_pieces() {
    let provider = MockProvider::new(MockSettings { latency: Duration::from_millis(50), ..MockSettings::default() });
    let begun = Instant::now();
    let (response, pieces) = ask(&provider, &request("m")).await.unwrap();
    let elapsed = begun.elapsed();
    assert!(elapsed >= Duration::from_millis(50) && elapsed <= Duration::from_millis(52), "{elapsed:?}");
    assert!(pieces.len() >= 4 && pieces.concat() == response.content, "{pieces:?}");
}
