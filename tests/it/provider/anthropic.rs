//! Servers that speak Anthropic's messages.

use agentflow::{
    ErrorKind,
    model::{FinishReason, Usage},
    provider::{AnthropicProvider, HttpClient},
};
use serde_json::{Value, json};

use super::{
    ask, failure, request,
    server::{Server, chunked_reply, json_reply, reply, stream_reply},
    settings, structured_request,
};

fn provider(server: &Server) -> AnthropicProvider {
    AnthropicProvider::new(settings(server.url()), HttpClient::default()).unwrap()
}

fn events(data: &[Value]) -> String {
    let event = |value: &Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    data.iter().map(event).collect::<Vec<_>>().concat()
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"model": "claude-x-1", "usage": {"input_tokens": 12, "output_tokens": 1}}})
}

fn text(text: &str) -> Value {
    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
}

fn stop(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}})
}

fn end() -> Value {
    json!({"type": "message_stop"})
}

#[tokio::test]
async fn an_answer_is_streamed_and_its_usage_counted() {
    let body = events(&[start(), text("Grüß "), json!({"type": "ping"}), text("Gott €"), stop("end_turn"), end()]);
    for size in [1, 5, 10_000] {
        let server = Server::start(vec![chunked_reply(&body, size, false)]).await;
        let (response, pieces) = ask(&provider(&server), &request("claude-x")).await.unwrap();
        assert_eq!(
            (response.content.as_str(), response.finish, response.model.as_str()),
            ("Grüß Gott €", FinishReason::Stop, "claude-x-1")
        );
        assert_eq!(pieces.concat(), "Grüß Gott €");
        assert_eq!(response.usage, Some(Usage { input_tokens: 12, cached_tokens: 0, output_tokens: 5 }));
        let asked = &server.asked()[0];
        assert!(asked.head.starts_with("post /v1/messages http/1.1"), "{}", asked.head);
        for header in ["x-api-key: sk-test-key", "anthropic-version: 2023-06-01"] {
            assert!(asked.head.contains(header), "{}", asked.head);
        }
        assert_eq!((&asked.body["system"], &asked.body["max_tokens"]), (&json!("Be brief."), &json!(4096)));
    }
}

#[tokio::test]
async fn a_structured_answer_comes_as_the_input_of_a_tool() {
    let tool =
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "answer", "input": {}}});
    let piece = |json: &str| json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": json}});
    let body =
        events(&[start(), text("Well."), tool, piece("{\"word\":\"hi\","), piece("\"count\":1}"), stop("tool_use"), end()]);
    let server = Server::start(vec![stream_reply(&body)]).await;
    let (response, pieces) = ask(&provider(&server), &structured_request("claude-x")).await.unwrap();
    assert_eq!((response.content.as_str(), response.finish), ("{\"word\":\"hi\",\"count\":1}", FinishReason::Stop));
    assert_eq!(pieces.concat(), response.content);
    assert_eq!(server.asked()[0].body["tool_choice"]["name"], "answer");
}

#[tokio::test]
async fn cuts_limits_and_refusals_are_told_apart() {
    let server = Server::start(vec![stream_reply(&events(&[start(), text("half")]))]).await;
    assert_eq!(failure(&provider(&server), &request("claude-x")).await.kind(), ErrorKind::Truncated);
    let server = Server::start(vec![chunked_reply(&events(&[start(), text("half")]), 11, true)]).await;
    assert_eq!(failure(&provider(&server), &request("claude-x")).await.kind(), ErrorKind::Truncated);
    for (reason, finish) in [("max_tokens", FinishReason::Length), ("refusal", FinishReason::ContentFilter)] {
        let server = Server::start(vec![stream_reply(&events(&[start(), text("half"), stop(reason), end()]))]).await;
        let (response, _) = ask(&provider(&server), &request("claude-x")).await.unwrap();
        assert_eq!(response.finish, finish);
    }
}

#[tokio::test]
async fn errors_are_told_by_their_type() {
    let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "as the table says"}});
    for (status, name, kind) in [
        ("400 Bad Request", "invalid_request_error", ErrorKind::Request),
        ("401 Unauthorized", "authentication_error", ErrorKind::Auth),
        ("403 Forbidden", "permission_error", ErrorKind::Auth),
        ("404 Not Found", "not_found_error", ErrorKind::UnknownModel),
        ("413 Payload Too Large", "request_too_large", ErrorKind::ContextLength),
        ("429 Too Many Requests", "rate_limit_error", ErrorKind::Throttle),
        ("500 Internal Server Error", "api_error", ErrorKind::Transient),
        ("504 Gateway Timeout", "timeout_error", ErrorKind::Transient),
        ("529 Overloaded", "overloaded_error", ErrorKind::Overloaded),
    ] {
        let server = Server::start(vec![json_reply(status, &error(name))]).await;
        let refused = failure(&provider(&server), &request("claude-x")).await;
        assert_eq!(refused.kind(), kind, "{status}");
        assert!(refused.to_string().ends_with(": as the table says"), "{refused}");

        let server = Server::start(vec![stream_reply(&events(&[start(), text("so "), error(name)]))]).await;
        assert_eq!(failure(&provider(&server), &request("claude-x")).await.kind(), kind, "{name} inside of a stream");
    }
    let low = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low."}});
    let server = Server::start(vec![json_reply("400 Bad Request", &low)]).await;
    assert_eq!(failure(&provider(&server), &request("claude-x")).await.kind(), ErrorKind::Quota);
}

#[tokio::test]
async fn what_is_no_protocol_is_malformed() {
    for reply in [
        reply("200 OK", &["content-type: text/html"], "<html>"),
        json_reply("200 OK", &json!({"choices": []})),
        stream_reply("event: message_start\ndata: {\"type\": \"message_start\"}\n\n"),
        stream_reply("data: {}\n\n"),
        stream_reply(&events(&[end()])),
    ] {
        let server = Server::start(vec![reply.clone()]).await;
        let error = failure(&provider(&server), &request("claude-x")).await;
        assert_eq!(error.kind(), ErrorKind::Malformed, "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let message = json!({
        "type": "message", "role": "assistant", "model": "claude-x-1", "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2},
    });
    let server = Server::start(vec![json_reply("200 OK", &message)]).await;
    let (response, pieces) = ask(&provider(&server), &request("claude-x")).await.unwrap();
    assert_eq!((response.content.as_str(), pieces), ("hi", vec!["hi".to_owned()]));
}
