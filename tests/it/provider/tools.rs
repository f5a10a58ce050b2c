//! Calls of tools in both protocols: offered, asked for in every way servers do it, answered.

use agentflow::{
    ErrorKind,
    model::{ChatMessage, ChatRequest, ChatResponse, Effect, FinishReason, ToolName, ToolSpec},
    provider::{AnthropicProvider, HttpClient, OpenAiProvider, Provider},
};
use serde_json::{Value, json};

use super::{
    ask, events, failure, request,
    server::{Server, chunked_reply, json_reply, stream_reply},
    settings, structured_request,
};
use crate::fault_server::FaultServer;

/// A request that offers `calculator` and `mcp:github/look`.
pub(super) fn offering(request: ChatRequest) -> ChatRequest {
    let spec = |name: &str, parameter: &str| ToolSpec {
        name: ToolName::new(name).unwrap(),
        description: format!("Takes {parameter}."),
        parameters: json!({"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}),
        effect: Effect::Pure,
    };
    ChatRequest { tools: vec![spec("calculator", "expression"), spec("mcp:github/look", "at")], ..request }
}

/// The next question of the conversation: what was asked for came to these results.
pub(super) fn after(request: &ChatRequest, response: &ChatResponse, results: &[&str]) -> ChatRequest {
    let mut next = request.clone();
    next.messages.push(ChatMessage::requests(response.content.clone(), response.tool_requests.clone()));
    assert_eq!(response.tool_requests.len(), results.len(), "{response:?}");
    let results = response.tool_requests.iter().zip(results);
    next.messages.extend(results.map(|(request, result)| ChatMessage::result(request.id.clone(), *result)));
    next
}

/// What an answer asks for, as `id name arguments`.
pub(super) fn asked_for(response: &ChatResponse) -> Vec<String> {
    let requests = response.tool_requests.iter();
    requests.map(|request| format!("{} {} {}", request.id, request.name, request.arguments)).collect()
}

fn openai(url: &str) -> OpenAiProvider {
    OpenAiProvider::new(settings(&format!("{url}/v1")), HttpClient::default()).unwrap()
}

fn anthropic(url: &str) -> AnthropicProvider {
    AnthropicProvider::new(settings(url), HttpClient::default()).unwrap()
}

fn delta(delta: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn stop(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

#[tokio::test]
async fn calls_are_put_together_however_a_server_sends_them() {
    let call = |call: Value| delta(&json!({ "tool_calls": [call] }));
    let pieces = [
        call(json!({"index": 0, "id": "a", "type": "function", "function": {"name": "calculator", "arguments": ""}})),
        call(json!({"index": 0, "function": {"arguments": "{\"expression\":"}})),
        call(json!({"index": 1, "id": "b", "type": "function", "function": {"name": "mcp__github__look", "arguments": ""}})),
        call(json!({"index": 0, "function": {"arguments": "\"1+2\"}"}})),
        call(json!({"index": 1, "function": {"arguments": "{\"at\":\"€\"}"}})),
    ];
    let whole = json!([
        {"id": "a", "type": "function", "function": {"name": "calculator", "arguments": "{\"expression\":\"1+2\"}"}},
        {"id": "b", "type": "function", "function": {"name": "mcp__github__look", "arguments": {"at": "€"}}},
    ]);
    let streamed = |reason: &str| events(&[&[delta(&json!({"content": "I look."}))][..], &pieces, &[stop(reason)]].concat());
    let message = json!({"role": "assistant", "content": "I look.", "tool_calls": whole});
    let replies = [
        stream_reply(&(streamed("tool_calls") + "data: [DONE]\n\n")),
        chunked_reply(&streamed("tool_calls"), 3, false),
        // A server that calls it an end, one that says nothing of an end, and one that sends whole calls.
        stream_reply(&streamed("stop")),
        stream_reply(&(events(&pieces).replacen("\"delta\":{", "\"delta\":{\"content\":\"I look.\",", 1) + "data: [DONE]\n\n")),
        stream_reply(&events(&[delta(&json!({"content": "I look.", "tool_calls": whole})), stop("stop")])),
        json_reply("200 OK", &json!({"choices": [{"message": message, "finish_reason": "tool_calls"}]})),
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        let server = Server::start(vec![reply]).await;
        let (response, heard) = ask(&openai(server.url()), &offering(request("small"))).await.unwrap();
        assert_eq!(
            asked_for(&response),
            ["a calculator {\"expression\":\"1+2\"}", "b mcp__github__look {\"at\":\"€\"}"],
            "reply {number}"
        );
        assert_eq!((response.content.as_str(), response.finish), ("I look.", FinishReason::ToolRequests), "reply {number}");
        assert_eq!(heard.concat(), "I look.", "arguments are no text");
    }
}

#[tokio::test]
async fn calls_without_ids_get_some_that_stay_apart_in_the_conversation() {
    let call = json!({"function": {"name": "calculator", "arguments": "{}"}});
    let reply = stream_reply(&events(&[delta(&json!({"tool_calls": [call, call]})), stop("stop")]));
    let server = Server::start(vec![reply]).await;
    let provider = openai(server.url());
    let first_request = offering(request("small"));
    let (first, _) = ask(&provider, &first_request).await.unwrap();
    assert_eq!(asked_for(&first), ["call_0 calculator {}", "call_1 calculator {}"]);
    let (second, _) = ask(&provider, &after(&first_request, &first, &["1", "2"])).await.unwrap();
    assert_eq!(asked_for(&second), ["call_2 calculator {}", "call_3 calculator {}"]);
    let sent = &server.asked()[1].body["messages"];
    assert_eq!((&sent[2]["tool_calls"][1]["id"], &sent[4]["tool_call_id"]), (&json!("call_1"), &json!("call_1")));
}

#[tokio::test]
async fn a_call_that_is_cut_is_no_whole_answer() {
    let call = |arguments: &str| {
        delta(&json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "calculator", "arguments": arguments}}]}))
    };
    let server = Server::start(vec![stream_reply(&events(&[call("{\"expression\"")]))]).await;
    let error = failure(&openai(server.url()), &offering(request("small"))).await;
    assert_eq!(error.kind(), ErrorKind::Truncated);

    let server = Server::start(vec![stream_reply(&events(&[call("{\"expression\""), stop("length")]))]).await;
    let (response, _) = ask(&openai(server.url()), &offering(request("small"))).await.unwrap();
    assert_eq!(asked_for(&response), ["a calculator {\"expression\""]);
    assert_eq!(response.finish, FinishReason::Length);

    let server = Server::start(vec![stream_reply(&events(&[call("{}"), stop("content_filter")]))]).await;
    let (response, _) = ask(&openai(server.url()), &offering(request("small"))).await.unwrap();
    assert_eq!((response.finish, response.tool_requests.len()), (FinishReason::ContentFilter, 0));
}

#[tokio::test]
async fn more_calls_than_anybody_can_want_are_malformed() {
    let call = |number: usize| delta(&json!({"tool_calls": [{"index": number, "id": "", "function": {"name": "calculator"}}]}));
    let many: Vec<_> = (0..129).map(call).chain([stop("stop")]).collect();
    let nameless = [delta(&json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})), stop("stop")];
    for (events, expected) in [
        (events(&many), "model `small` of `lab` asked for more than 128 calls of tools at once"),
        (events(&nameless), "model `small` of `lab` asked for a call of a tool without its name"),
    ] {
        let server = Server::start(vec![stream_reply(&events)]).await;
        let error = failure(&openai(server.url()), &offering(request("small"))).await;
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Malformed, expected));
    }
}

#[tokio::test]
async fn calls_that_nobody_offered_are_not_asked_for() {
    let call = json!({"id": "a", "function": {"name": "calculator", "arguments": "{}"}});
    let reply = stream_reply(&events(&[delta(&json!({"content": "hi", "tool_calls": [call]})), stop("tool_calls")]));
    let server = Server::start(vec![reply]).await;
    let (response, _) = ask(&openai(server.url()), &request("small")).await.unwrap();
    assert_eq!((response.content.as_str(), response.finish, response.tool_requests.len()), ("hi", FinishReason::Stop, 0));
}

#[tokio::test]
async fn a_model_without_tools_is_told_by_a_hint() {
    for status in ["400 Bad Request", "404 Not Found", "500 Internal Server Error"] {
        let body = json!({"error": {"message": "registry.ollama.ai/library/gemma:2b does not support tools"}});
        let server = Server::start(vec![json_reply(status, &body)]).await;
        let error = failure(&openai(server.url()), &offering(structured_request("gemma:2b"))).await;
        assert_eq!(error.kind(), ErrorKind::Request, "{status}");
        assert_eq!(error.hints(), ["model `gemma:2b` has no tool interface here: take another model, or leave `tools` out"]);
        assert!(error.message().ends_with("does not support tools"), "{error}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_form_that_is_refused_beside_tools_is_still_asked_for_without_them() {
    let refused = json!({"error": {"message": "json mode cannot be combined with tool/function calling"}});
    let refused = json_reply("400 Bad Request", &refused);
    let answer = stream_reply(&events(&[delta(&json!({"content": "{\"word\":\"hi\",\"count\":1}"})), stop("stop")]));
    let server = Server::start(vec![refused.clone(), refused.clone(), refused, answer]).await;
    let provider = openai(server.url());
    ask(&provider, &offering(structured_request("small"))).await.unwrap();
    ask(&provider, &offering(structured_request("small"))).await.unwrap();
    ask(&provider, &structured_request("small")).await.unwrap();
    let formats: Vec<_> = server.asked().iter().map(|asked| asked.body["response_format"]["type"].clone()).collect();
    let (schema, object) = (json!("json_schema"), json!("json_object"));
    assert_eq!(formats, [schema.clone(), schema.clone(), object, Value::Null, Value::Null, schema]);
}

/// An answer in Anthropic's protocol with these blocks, streamed, their inputs in pieces.
fn message(blocks: &[Value]) -> String {
    let named = |value: &Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    let usage = json!({"input_tokens": 12, "output_tokens": 1});
    let mut data = vec![json!({"type": "message_start", "message": {"model": "claude-x-1", "usage": usage}})];
    for (index, block) in blocks.iter().enumerate() {
        let mut begun = block.clone();
        let input = block.get("input").map(Value::to_string).unwrap_or_default();
        if !input.is_empty() {
            begun["input"] = json!({});
        }
        data.push(json!({"type": "content_block_start", "index": index, "content_block": begun}));
        for piece in input.as_bytes().chunks(4) {
            let piece = std::str::from_utf8(piece).unwrap();
            let delta = json!({"type": "input_json_delta", "partial_json": piece});
            data.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        data.push(json!({"type": "content_block_stop", "index": index}));
    }
    data.push(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}));
    data.push(json!({"type": "message_stop"}));
    data.iter().map(named).collect()
}

#[tokio::test]
async fn beside_tools_the_answer_of_a_claude_is_one_call_of_several() {
    let text = json!({"type": "text", "text": "I look."});
    let look = json!({"type": "tool_use", "id": "t1", "name": "mcp__github__look", "input": {"at": "x"}});
    let now = json!({"type": "tool_use", "id": "t2", "name": "calculator", "input": {}});
    let answer = json!({"type": "tool_use", "id": "t3", "name": "answer", "input": {"word": "hi", "count": 1}});
    let cases = [
        // The answer.
        (vec![text.clone(), answer.clone()], vec![], "{\"word\":\"hi\",\"count\":1}", FinishReason::Stop),
        // Calls of tools.
        (
            vec![text.clone(), look.clone(), now.clone()],
            vec!["t1 mcp__github__look {\"at\":\"x\"}", "t2 calculator {}"],
            "I look.",
            FinishReason::ToolRequests,
        ),
        // Both: it answered before it knew the results.
        (vec![text, look, answer], vec!["t1 mcp__github__look {\"at\":\"x\"}"], "I look.", FinishReason::ToolRequests),
    ];
    for (blocks, requests, content, finish) in cases {
        let whole = json!({"type": "message", "model": "claude-x-1", "content": blocks, "stop_reason": "tool_use"});
        for reply in [stream_reply(&message(&blocks)), json_reply("200 OK", &whole)] {
            let server = Server::start(vec![reply]).await;
            let (response, _) = ask(&anthropic(server.url()), &offering(structured_request("claude-x"))).await.unwrap();
            assert_eq!(asked_for(&response), requests);
            assert_eq!((response.content.as_str(), response.finish), (content, finish));
            let sent = &server.asked()[0].body;
            assert_eq!((&sent["tools"][2]["name"], &sent["tool_choice"]), (&json!("answer"), &json!({"type": "any"})));
        }
    }
}

/// A scripted conversation with `provider`: two calls, their results, an answer.
async fn converses(provider: &dyn Provider, request: ChatRequest, answer: &str) {
    let (first, heard) = ask(provider, &request).await.unwrap();
    assert_eq!(
        asked_for(&first),
        ["call_0_0 calculator {\"expression\":\"1+2\"}", "call_0_1 mcp__github__look {\"at\""],
        "{first:?}"
    );
    assert_eq!((first.content.as_str(), first.finish), ("Let me see.", FinishReason::ToolRequests));
    assert!(!heard.concat().contains("expression"), "{heard:?}");
    let (last, _) = ask(provider, &after(&request, &first, &["3", "no JSON"])).await.unwrap();
    assert_eq!((last.content.as_str(), last.finish, last.tool_requests.len()), (answer, FinishReason::Stop, 0));
}

#[tokio::test]
async fn a_scripted_server_asks_for_tools_in_both_protocols() {
    let calls = json!([{"name": "calculator", "arguments": {"expression": "1+2"}}, {"name": "mcp__github__look", "arguments": "{\"at\""}]);
    let scenario = |text: Value| {
        json!([{"prompt": "Say hello", "reply": {"conversation": [
            {"ok": {"text": "Let me see.", "tool_calls": calls}},
            {"ok": {"text": text}},
        ]}}])
    };
    let server = FaultServer::start(&scenario(json!("It is 3.")));
    converses(&openai(server.url()), offering(request("small")), "It is 3.").await;
    converses(&anthropic(server.url()), offering(request("small")), "It is 3.").await;
    let asked: Vec<_> = server.asked().into_iter().map(|asked| (asked.prompt.unwrap(), asked.reply)).collect();
    let told: Vec<_> = asked.iter().map(|(prompt, reply)| (prompt.as_str(), reply.as_str())).collect();
    assert_eq!(told, [("Say hello.", "tool_calls"), ("no JSON", "ok"), ("Say hello.", "tool_calls"), ("3no JSON", "ok")]);

    let server = FaultServer::start(&scenario(Value::Null));
    converses(&openai(server.url()), offering(structured_request("small")), "{\"word\":\"\",\"count\":0}").await;
    converses(&anthropic(server.url()), offering(structured_request("small")), "{\"word\":\"\",\"count\":0}").await;
}

#[tokio::test]
async fn a_scripted_call_can_be_cut_in_its_arguments() {
    let rule = |after: usize| json!([{"tool_calls": [{"name": "calculator", "arguments": {"expression": "1+2"}}], "reply": {"cut": {"after_bytes": after}}}]);
    for after in [200, 400, 600] {
        let server = FaultServer::start(&rule(after));
        let providers: [Box<dyn Provider>; 2] = [Box::new(openai(server.url())), Box::new(anthropic(server.url()))];
        for provider in providers {
            assert_eq!(failure(&*provider, &offering(request("small"))).await.kind(), ErrorKind::Truncated, "{after}");
        }
    }
}
