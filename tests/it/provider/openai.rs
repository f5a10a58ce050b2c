//! Servers that speak OpenAI's chat completions, as they are and as they should not be.

use std::time::Duration;

use agentflow::{
    ErrorKind,
    model::{FinishReason, Price, Usage},
    provider::{HttpClient, OpenAiProvider, Provider as _},
};
use serde_json::{Value, json};

use super::{
    ask, events, failure, hasty, request,
    server::{Reply, STREAM_HEAD, Server, chunked_reply, json_reply, reply, stream_reply},
    settings, structured_request,
};

fn provider(server: &Server) -> OpenAiProvider {
    OpenAiProvider::new(settings(&format!("{}/v1", server.url())), HttpClient::default()).unwrap()
}

fn delta(text: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

fn stop() -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
}

/// A whole stream that says "Grüß Gott €", with usage and terminal event.
fn hello() -> String {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 5}});
    events(&[delta("Grüß "), delta("Gott €"), stop(), usage]) + "data: [DONE]\n\n"
}

#[tokio::test]
async fn an_answer_is_streamed_and_its_usage_counted() {
    let server = Server::start(vec![stream_reply(&hello())]).await;
    let (response, pieces) = ask(&provider(&server), &request("small")).await.unwrap();
    assert_eq!(
        (response.content.as_str(), response.finish, response.model.as_str()),
        ("Grüß Gott €", FinishReason::Stop, "small")
    );
    assert_eq!(pieces, ["Grüß ", "Gott €"]);
    assert_eq!(response.usage, Some(Usage { input_tokens: 12, cached_tokens: 0, output_tokens: 5 }));

    let asked = &server.asked()[0];
    assert!(asked.head.starts_with("post /v1/chat/completions http/1.1"), "{}", asked.head);
    assert!(asked.head.contains("authorization: bearer sk-test-key"), "{}", asked.head);
    assert!(!asked.head.contains("accept-encoding"), "{}", asked.head);
    assert_eq!((&asked.body["model"], &asked.body["stream"]), (&json!("small"), &json!(true)));
}

#[tokio::test]
async fn it_does_not_matter_how_the_stream_is_cut_into_pieces() {
    for text in [hello(), hello().replace('\n', "\r\n"), format!(": hi\n\n{}", hello().replace("data: ", "data:"))] {
        for size in [1, 2, 3, 7, 1_000] {
            let server = Server::start(vec![chunked_reply(&text, size, false)]).await;
            let (response, _) = ask(&provider(&server), &request("small")).await.unwrap();
            assert_eq!(response.content, "Grüß Gott €", "pieces of {size}");
        }
    }
}

#[tokio::test]
async fn what_servers_leave_out_is_not_missed() {
    let bare = events(&[json!({"choices": [{"delta": {"content": "hi"}}]}), json!({"choices": [{"finish_reason": "stop"}]})]);
    let unfinished = events(&[json!({"choices": [{"delta": {"content": "hi"}}]})]) + "data: [DONE]\n\n";
    let whole = json!({"choices": [{"message": {"role": "assistant", "content": "hi"}}]});
    let replies = [
        // No `[DONE]`, no usage.
        stream_reply(&bare),
        // No empty line at the end.
        stream_reply(bare.trim_end()),
        // No reason to stop, but an end.
        stream_reply(&unfinished),
        // The connection breaks after the reason to stop.
        chunked_reply(&bare, 10, true),
        // No stream at all.
        json_reply("200 OK", &whole),
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        let server = Server::start(vec![reply]).await;
        let (response, _) = ask(&provider(&server), &request("small")).await.unwrap();
        assert_eq!(
            (response.content.as_str(), response.finish, response.usage),
            ("hi", FinishReason::Stop, None),
            "reply {number}"
        );
    }
}

#[tokio::test]
async fn a_long_answer_arrives_whole_and_an_endless_one_is_refused() {
    let long = "0123456789".repeat(150_000);
    let server = Server::start(vec![stream_reply(&(events(&[delta(&long), stop()]) + "data: [DONE]\n\n"))]).await;
    let (response, _) = ask(&provider(&server), &request("small")).await.unwrap();
    assert_eq!(response.content.len(), long.len());

    let endless = vec![b'x'; 1024 * 1024];
    let mut pieces = vec![STREAM_HEAD.as_bytes().to_vec(), b"data: ".to_vec()];
    pieces.extend(std::iter::repeat_n(endless, 20));
    let server = Server::start(vec![Reply::Bytes(pieces)]).await;
    let error = failure(&provider(&server), &request("small")).await;
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert_eq!(error.to_string(), "model `small` of `lab` answered with more than 16 MiB");
}

#[tokio::test]
async fn a_cut_stream_is_no_answer() {
    let started = events(&[delta("half an ")]);
    let partial_event = format!("{started}data: {{\"choices\": [{{\"finish_rea");
    let too_short = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n{started}");
    for reply in [
        stream_reply(""),
        stream_reply(&started),
        stream_reply(&partial_event),
        chunked_reply(&started, 9, true),
        Reply::Bytes(vec![too_short.into_bytes()]),
    ] {
        let server = Server::start(vec![reply.clone()]).await;
        let error = failure(&provider(&server), &request("small")).await;
        assert_eq!(error.kind(), ErrorKind::Truncated, "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_is_a_whole_answer_or_none() {
    let text = hello();
    // Once the reason to stop is there, nothing of the answer is missing.
    let whole_from = text.find(r#""stop"}]}"#).unwrap() + r#""stop"}]}"#.len();
    let cuts: Vec<_> =
        (0..text.len()).filter(|cut| text.is_char_boundary(*cut)).flat_map(|cut| [(cut, false), (cut, true)]).collect();
    let reply = |&(cut, chunked): &(usize, bool)| {
        if chunked { chunked_reply(&text[..cut], 4_000, true) } else { stream_reply(&text[..cut]) }
    };
    let server = Server::start(cuts.iter().map(reply).collect()).await;
    let provider = provider(&server);
    for (cut, _) in cuts {
        match ask(&provider, &request("small")).await {
            Ok((response, _)) => assert!(cut >= whole_from && response.content == "Grüß Gott €", "cut at {cut}: {response:?}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Truncated, "cut at {cut}: {error}");
                assert!(cut < whole_from + 2, "cut at {cut}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_protocol_is_malformed() {
    for reply in [
        reply("200 OK", &["content-type: text/html"], "<html>Welcome"),
        reply("200 OK", &["content-type: application/json"], "{\"choices\": ["),
        json_reply("200 OK", &json!({"hello": "world"})),
        json_reply("200 OK", &json!({"choices": []})),
        stream_reply("data: {not json}\n\n"),
        stream_reply(&events(&[json!({"choices": "none"})])),
        stream_reply("data: [DONE]\n\n"),
        Reply::Bytes(vec![STREAM_HEAD.as_bytes().to_vec(), b"data: \xff\xfe\n\n".to_vec()]),
        // Packed although that was not asked for.
        Reply::Bytes(vec![
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\x00".to_vec(),
        ]),
    ] {
        let server = Server::start(vec![reply.clone()]).await;
        let error = failure(&provider(&server), &request("small")).await;
        assert_eq!(error.kind(), ErrorKind::Malformed, "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_is_told_by_its_type() {
    for (error, kind) in [
        (json!({"message": "Slow down", "type": "rate_limit_error"}), ErrorKind::Throttle),
        (json!({"message": "Broken", "type": "server_error"}), ErrorKind::Transient),
        (json!({"message": "No credit", "code": 402}), ErrorKind::Quota),
        (json!({"message": "Too long", "code": "context_length_exceeded"}), ErrorKind::ContextLength),
        (json!("something"), ErrorKind::Transient),
    ] {
        let body = events(&[delta("so "), json!({ "error": error })]);
        let server = Server::start(vec![stream_reply(&body)]).await;
        assert_eq!(failure(&provider(&server), &request("small")).await.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn refusals_of_the_server_follow_the_retryability_table() {
    let body = |code: &str| json!({"error": {"message": "as the table says", "type": code, "code": code}});
    let table = [
        ("400 Bad Request", "invalid_request_error", ErrorKind::Request),
        ("400 Bad Request", "content_filter", ErrorKind::Refused),
        ("401 Unauthorized", "invalid_api_key", ErrorKind::Auth),
        ("402 Payment Required", "", ErrorKind::Quota),
        ("403 Forbidden", "", ErrorKind::Auth),
        ("404 Not Found", "model_not_found", ErrorKind::UnknownModel),
        ("405 Method Not Allowed", "", ErrorKind::Request),
        ("408 Request Timeout", "", ErrorKind::Transient),
        ("409 Conflict", "", ErrorKind::NotReady),
        ("413 Payload Too Large", "", ErrorKind::Request),
        ("415 Unsupported Media Type", "", ErrorKind::Request),
        ("422 Unprocessable Content", "", ErrorKind::Request),
        ("425 Too Early", "", ErrorKind::NotReady),
        ("429 Too Many Requests", "rate_limit_exceeded", ErrorKind::Throttle),
        ("429 Too Many Requests", "insufficient_quota", ErrorKind::Quota),
        ("500 Internal Server Error", "", ErrorKind::Transient),
        ("502 Bad Gateway", "", ErrorKind::Transient),
        ("503 Service Unavailable", "", ErrorKind::Transient),
        ("503 Service Unavailable", "slow_down", ErrorKind::Throttle),
        ("504 Gateway Timeout", "", ErrorKind::Transient),
        ("520 Unknown", "", ErrorKind::Transient),
        ("524 A Timeout Occurred", "", ErrorKind::Transient),
        ("529 Overloaded", "", ErrorKind::Overloaded),
    ];
    for (status, code, kind) in table {
        let server = Server::start(vec![json_reply(status, &body(code))]).await;
        let error = failure(&provider(&server), &request("small")).await;
        assert_eq!(error.kind(), kind, "{status} {code}");
        assert!(error.to_string().starts_with(&format!("model `small` of `lab` answered {}", &status[..3])), "{error}");
        assert!(error.to_string().ends_with(": as the table says"), "{error}");
        assert_eq!(server.asked().len(), 1, "{status} was tried again");
    }
}

#[tokio::test]
async fn the_delay_a_server_asks_for_is_told() {
    for (headers, delay) in [
        (vec!["retry-after: 7"], Some(Duration::from_secs(7))),
        (vec!["retry-after: 7", "retry-after-ms: 1500"], Some(Duration::from_millis(1_500))),
        (vec!["Retry-After: Sun, 01 Jan 2090 00:00:00 GMT"], None),
        (vec!["retry-after: -1"], None),
        (vec![], None),
    ] {
        let server = Server::start(vec![reply("429 Too Many Requests", &headers, "wait")]).await;
        let error = failure(&provider(&server), &request("small")).await;
        if headers.iter().any(|header| header.contains("2090")) {
            assert!(error.requested_delay().unwrap() > Duration::from_secs(1_000_000_000));
        } else {
            assert_eq!(error.requested_delay(), delay, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_silent_is_transient() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let absent = OpenAiProvider::new(settings(&format!("http://{gone}")), HttpClient::default()).unwrap();
    let error = failure(&absent, &request("small")).await;
    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
    assert_eq!(error.hints(), [format!("is the server running on {gone}?")]);

    // Nothing at all; a head and then nothing; closed at once.
    for reply in [Reply::Hang(Vec::new()), Reply::Hang(STREAM_HEAD.as_bytes().to_vec()), Reply::Bytes(vec![])] {
        let server = Server::start(vec![reply.clone()]).await;
        let provider = OpenAiProvider::new(settings(server.url()), hasty()).unwrap();
        let error = failure(&provider, &request("small")).await;
        assert_eq!(error.kind(), ErrorKind::Transient, "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn silence_in_the_middle_of_an_answer_is_a_timeout() {
    let begun = format!("{STREAM_HEAD}{}", events(&[delta("well, ")]));
    let server = Server::start(vec![Reply::Hang(begun.into_bytes())]).await;
    let provider = OpenAiProvider::new(settings(server.url()), hasty()).unwrap();
    let error = failure(&provider, &request("small")).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "model `small` of `lab` fell silent for 100ms in the middle of its answer");
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let begun = format!("{STREAM_HEAD}{}", events(&[delta("well, ")]));
    let server = Server::start(vec![Reply::Hang(begun.into_bytes())]).await;
    let provider = provider(&server);
    let (heard, first_piece) = tokio::sync::oneshot::channel();
    let heard = std::sync::Mutex::new(Some(heard));
    let request = request("small");
    let on_text = |_: &str| {
        if let Some(heard) = heard.lock().unwrap().take() {
            heard.send(()).unwrap();
        }
    };
    tokio::select! {
        answer = provider.chat(&request, &on_text) => panic!("answered: {answer:?}"),
        piece = first_piece => piece.unwrap(),
    }
    server.client_left().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_does_not_leave() {
    let other = Server::start(vec![stream_reply(&hello())]).await;
    let location = format!("location: {}/v1/chat/completions", other.url());
    let server = Server::start(vec![reply("307 Temporary Redirect", &[&location], "")]).await;
    let error = failure(&provider(&server), &request("small")).await;
    assert_eq!(error.kind(), ErrorKind::Request);
    assert_eq!(error.hints(), ["redirects are not followed; check `base_url` of the provider"]);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_key_that_a_server_repeats_is_not_shown() {
    let body = json!({"error": {"message": "Incorrect API key provided: sk-test-key.\u{1b}[31m"}});
    let server = Server::start(vec![json_reply("401 Unauthorized", &body)]).await;
    let mut keyed = settings(server.url());
    keyed.headers.push(("x-other-key".to_owned(), "sk-other-key".to_owned()));
    let shown = format!("{keyed:?}");
    let provider = OpenAiProvider::new(keyed, HttpClient::default()).unwrap();
    let error = failure(&provider, &request("small")).await;
    assert_eq!(error.to_string(), "model `small` of `lab` answered 401 Unauthorized: Incorrect API key provided: [key]. [31m");
    let shown = format!("{shown}{provider:?}{error:?}");
    assert!(!shown.contains("sk-test-key") && !shown.contains("sk-other-key"), "{shown}");
    assert!(server.asked()[0].head.contains("x-other-key: sk-other-key"));
}

#[tokio::test]
async fn what_a_server_does_not_know_is_said_differently_and_remembered() {
    let refused = |message: &str| json_reply("400 Bad Request", &json!({"error": {"message": message}}));
    let answer = events(&[delta("{\"word\": \"hi\", \"count\": 1}"), stop()]);
    let server = Server::start(vec![
        refused("Unrecognized request argument supplied: stream_options"),
        refused("This response_format type is unavailable now"),
        refused("This response_format type is unavailable now"),
        stream_reply(&answer),
    ])
    .await;
    let provider = provider(&server);
    for _ in 0..2 {
        let (response, _) = ask(&provider, &structured_request("small")).await.unwrap();
        assert_eq!(response.content, "{\"word\": \"hi\", \"count\": 1}");
    }
    let asked = server.asked();
    let formats: Vec<_> = asked.iter().map(|asked| asked.body["response_format"]["type"].as_str()).collect();
    let (schema, object) = (Some("json_schema"), Some("json_object"));
    assert_eq!(formats, [schema, schema, schema, object, object]);
    assert_eq!(asked[2].body["response_format"]["json_schema"]["strict"], false);
    assert!(asked[0].body.get("stream_options").is_some() && asked[1].body.get("stream_options").is_none());
}

#[tokio::test]
async fn a_refusal_of_the_model_is_kept_with_its_usage() {
    let body = events(&[
        json!({"choices": [{"delta": {"refusal": "I cannot help with that."}}]}),
        stop(),
        json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
    ]);
    let server = Server::start(vec![stream_reply(&body)]).await;
    let (response, pieces) = ask(&provider(&server), &request("small")).await.unwrap();
    assert_eq!((response.content.as_str(), response.finish), ("I cannot help with that.", FinishReason::ContentFilter));
    assert!(pieces.is_empty() && response.usage.is_some());
}

#[tokio::test]
async fn a_price_of_the_manifest_goes_before_the_list() {
    let price = Price { input: 1.0, cached_input: None, output: 2.0 };
    let mut with_price = settings("https://api.openai.com/v1");
    with_price.prices.insert("gpt-5-mini".to_owned(), price);
    let provider = OpenAiProvider::new(with_price, HttpClient::default()).unwrap();
    assert_eq!(provider.price("gpt-5-mini"), Some(price));
    assert_eq!(provider.price("gpt-5-nano").map(|price| price.input), Some(0.05));
    assert_eq!(provider.price("unheard-of"), None);
}
