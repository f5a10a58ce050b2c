//! `http_get`, `http_post`, `http_put` and `http_delete`.

use std::time::Duration;

use agentflow::{
    ErrorKind,
    model::{Effect, Value},
    schema::{Validator, problems_of_schema},
    tool::web::{SearchEngine, SearchSettings, WebClient, WebFetch, WebSearch, http_tools},
};
use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_json, body_string, header, header_exists, method, path, query_param},
};

use super::{authorize, call, names, port, requests, tool};

#[tokio::test]
async fn a_get_gives_status_headers_and_parsed_json() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200)
        .set_body_json(json!({"items": [1, 2]}))
        .insert_header("etag", "\"v1\"")
        .insert_header("set-cookie", "session=1");
    Mock::given(method("GET"))
        .and(path("/items"))
        .and(query_param("q", "a b&c"))
        .and(query_param("page", "2"))
        .and(header("x-team", "blue"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let arguments = json!({
        "url": format!("{}/items?page=2", server.uri()), "query": {"q": "a b&c", "tag": ["x", 3, true]}, "headers": {"X-Team": "blue"},
    });
    let get = tool("http_get", &WebClient::default());
    let output = call(&*get, arguments, &[&format!("net:{}", server.uri())]).await.unwrap();
    let expected =
        json!({"status": 200, "headers": {"content-type": "application/json", "etag": "\"v1\""}, "body": {"items": [1, 2]}});
    let mut value = output.value;
    value["headers"].as_object_mut().unwrap().remove("date");
    assert_eq!((value, output.notes), (expected, Vec::<String>::new()));
    let asked = &server.received_requests().await.unwrap()[0];
    assert_eq!(asked.url.query(), Some("page=2&q=a+b%26c&tag=x&tag=3&tag=true"));
    assert!(!asked.headers.contains_key("idempotency-key"));
}

#[tokio::test]
async fn changes_carry_their_body_and_the_key_of_the_step() {
    let server = MockServer::start().await;
    let allow = format!("net:{}", server.uri());
    let key = || header("idempotency-key", "af1-0123456789abcdef");
    let json_kind = || header("content-type", "application/json");
    Mock::given(method("POST"))
        .and(body_json(json!({"a": 1})))
        .and(json_kind())
        .and(key())
        .respond_with(ResponseTemplate::new(201))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .and(body_string("a,b\n"))
        .and(header("content-type", "text/csv"))
        .and(key())
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("DELETE")).and(key()).respond_with(ResponseTemplate::new(204)).expect(1).mount(&server).await;
    Mock::given(method("POST"))
        .and(header("idempotency-key", "mine"))
        .respond_with(ResponseTemplate::new(202))
        .expect(1)
        .mount(&server)
        .await;

    let client = WebClient::default();
    for (name, more, status) in [
        ("http_post", json!({"json": {"a": 1}}), 201),
        ("http_put", json!({"body": "a,b\n", "headers": {"Content-Type": "text/csv"}}), 204),
        ("http_delete", json!({}), 204),
        ("http_post", json!({"headers": {"Idempotency-Key": "mine"}}), 202),
    ] {
        let mut arguments = more;
        arguments["url"] = server.uri().into();
        let output = call(&*tool(name, &client), arguments, &[&allow]).await.unwrap();
        assert_eq!((&output.value["status"], &output.value["body"]), (&json!(status), &Value::Null), "{name}");
    }
}

#[tokio::test]
async fn a_failure_is_an_error_of_its_kind_with_what_the_server_says() {
    for (status, kind) in [
        (400, ErrorKind::Request),
        (401, ErrorKind::Auth),
        (403, ErrorKind::Auth),
        (404, ErrorKind::NotFound),
        (409, ErrorKind::NotReady),
        (422, ErrorKind::Request),
        (429, ErrorKind::Throttle),
        (500, ErrorKind::Transient),
        (503, ErrorKind::Transient),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).insert_header("retry-after", "7").set_body_string("no\n\u{1b}[31msuch thing");
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let get = tool("http_get", &WebClient::default());
        let arguments = json!({"url": format!("{}/secret-path?token=s3cret", server.uri())});
        let error = call(&*get, arguments, &[&format!("net:{}", server.uri())]).await.unwrap_err();
        assert_eq!((error.kind(), error.requested_delay()), (kind, Some(Duration::from_secs(7))));
        let text = error.message();
        assert!(text.starts_with(&format!("`{}` answered {status}", server.uri())), "{text}");
        assert!(text.ends_with(": no [31msuch thing") && !text.contains("secret") && !text.contains("s3cret"), "{text}");
        // Trying again is for the engine to decide.
        assert_eq!(requests(&server).await, 1);
    }
}

#[tokio::test]
async fn nobody_there_is_worth_another_try_and_is_told_without_the_url() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let get = tool("http_get", &WebClient::default());
    let arguments = json!({"url": format!("{origin}/path?token=s3cret")});
    let error = call(&*get, arguments, &[&format!("net:{origin}")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.message().starts_with(&format!("`{origin}` did not answer")), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");

    let client = WebClient::new(names(&[]));
    let error = call(&*tool("http_get", &client), json!({"url": "https://nowhere.example"}), &["net:*"]).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Transient, "`nowhere.example` has no address"));
}

#[tokio::test]
async fn text_is_text_whatever_its_encoding_and_wrong_json_is_told() {
    let server = MockServer::start().await;
    let raw = |kind: &str, bytes: &[u8]| ResponseTemplate::new(200).set_body_raw(bytes.to_vec(), kind);
    Mock::given(path("/latin")).respond_with(raw("text/plain; charset=iso-8859-1", b"Gr\xfc\xdfe")).mount(&server).await;
    Mock::given(path("/wrong")).respond_with(raw("application/json", b"{\"a\":")).mount(&server).await;
    Mock::given(path("/image")).respond_with(raw("image/png", b"\x89PNG\r\n\x1a\n\0\0")).mount(&server).await;
    let get = tool("http_get", &WebClient::default());
    let ask = async |path: &str| {
        let arguments = json!({"url": format!("{}{path}", server.uri())});
        call(&*get, arguments, &[&format!("net:{}", server.uri())]).await.unwrap()
    };
    assert_eq!(ask("/latin").await.value["body"], "Grüße");
    let wrong = ask("/wrong").await;
    assert_eq!(wrong.value["body"], "{\"a\":");
    assert!(wrong.notes[0].starts_with("the server calls the body JSON, but it is none"), "{:?}", wrong.notes);
    let image = ask("/image").await;
    assert_eq!(image.value["body"], json!({"bytes": 10, "content_type": "image/png"}));
    assert_eq!(image.notes[0], "the body is not text and was left out");
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_told_before_anything_is_sent() {
    let server = MockServer::start().await;
    let allow = format!("net:{}", server.uri());
    let post = tool("http_post", &WebClient::default());
    for (more, told) in [
        (json!({"json": 1, "body": "x"}), "either `json` or `body`"),
        (json!({"query": {"a": {"b": 1}}}), "`a` has to be a string"),
        (json!({"headers": {"Host": "evil.example"}}), "header `Host` may not be set"),
        (json!({"headers": {"X-A": "1\r\nX-B: 2"}}), "characters that no header may have"),
        (json!({"url": "ftp://example.com"}), "`ftp:` is not spoken"),
        (json!({"url": "example.com"}), "is no URL"),
        (json!({"url": "http://user:pass@example.com"}), "carries credentials"),
    ] {
        let mut arguments = json!({"url": server.uri()});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let error = call(&*post, arguments, &[&allow]).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.message().contains(told), "{more}: {error}");
    }
    assert_eq!(requests(&server).await, 0);
}

#[tokio::test]
async fn a_connection_to_a_named_host_serves_no_call_that_may_reach_public_hosts_only() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let (port, names) = (port(&server), names(&[]));
    let client = WebClient::new(names.clone());
    let get = tool("http_get", &client);
    let arguments = json!({"url": format!("http://one.example:{port}/")});
    let allow = format!("net:http://one.example:{port}");
    for _ in 0..2 {
        call(&*get, arguments.clone(), &[&allow]).await.unwrap();
    }
    // The second call used the connection of the first: what was dialled is what was checked, once.
    assert_eq!(*names.asked.lock().unwrap(), ["one.example"]);
    let error = call(&*get, arguments, &[&format!("net:http://*:{port}")]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Denied, "`one.example` is not on the public network: its address is this host")
    );
    assert_eq!(requests(&server).await, 2);
}

#[tokio::test]
async fn cve_2026_42344_a_public_name_with_a_private_address_is_never_dialled() {
    let server = MockServer::start().await;
    let port = port(&server);
    let hosts: &[(&str, &[&str])] = &[
        ("rebind.example", &["127.0.0.1"]),
        ("mixed.example", &["93.184.215.14", "127.0.0.1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
    ];
    let client = WebClient::new(names(hosts));
    for (host, _) in hosts {
        let arguments = json!({"url": format!("http://{host}:{port}/")});
        let error = call(&*tool("http_get", &client), arguments, &[&format!("net:http://*:{port}")]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{host}: {error}");
        assert!(!error.message().contains("127.0.0.1"), "what a name server says of the inside is for people only: {error}");
    }
    // A rule that names the host is no rule that names its address, should that be a cloud's metadata.
    let arguments = json!({"url": format!("http://metadata.example:{port}/")});
    let allow = format!("net:http://metadata.example:{port}");
    let error = call(&*tool("http_get", &client), arguments, &[&allow]).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.message().contains("cloud metadata"), "{error}");
    assert_eq!(requests(&server).await, 0);
}

#[tokio::test]
async fn a_call_goes_nowhere_without_a_rule_for_it() {
    let get = tool("http_get", &WebClient::default());
    let error = authorize(&*get, json!({"url": "https://example.com"}), &["net:example.org"]).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Denied, "`net:example.com` is not permitted: the workflow does not ask for it under `permissions`")
    );
}

#[test]
fn the_tools_say_what_they_take_and_do() {
    let mut tools = http_tools();
    tools.push(std::sync::Arc::new(WebFetch::new()));
    tools.push(std::sync::Arc::new(WebSearch::new(SearchSettings::new(SearchEngine::Duckduckgo)).unwrap()));
    let effects: Vec<_> = tools.iter().map(|tool| (tool.spec().name.as_str(), tool.spec().effect)).collect();
    let expected = [
        ("http_get", Effect::Read),
        ("http_post", Effect::Write),
        ("http_put", Effect::Idempotent),
        ("http_delete", Effect::Idempotent),
        ("web_fetch", Effect::Read),
        ("web_search", Effect::Read),
    ];
    assert_eq!(effects, expected);
    for tool in &tools {
        let spec = tool.spec();
        assert_eq!(problems_of_schema(&spec.parameters), [], "{}", spec.name);
        let validator = Validator::new(&spec.parameters).unwrap();
        let needed = if spec.name.as_str() == "web_search" { "query" } else { "url" };
        assert!(validator.accepts(&json!({needed: "x"})), "{}", spec.name);
        assert!(!validator.accepts(&json!({needed: "x", "other": 1})) && !validator.accepts(&json!({})), "{}", spec.name);
        assert!(tool.is_untrusted() && spec.description.len() > 100, "{}", spec.name);
    }
    // What is sent as JSON may be anything.
    let post = Validator::new(&tools[1].spec().parameters).unwrap();
    assert!(post.accepts(&json!({"url": "x", "json": [null, {"a": 1}]})) && post.accepts(&json!({"url": "x", "json": null})));
    assert!(!post.accepts(&json!({"url": "x", "headers": {"a": 1}})));
}

#[tokio::test]
async fn a_null_sent_as_json_is_sent() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(body_string("null"))
        .and(header_exists("content-type"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let post = tool("http_post", &WebClient::default());
    call(&*post, json!({"url": server.uri(), "json": null}), &[&format!("net:{}", server.uri())]).await.unwrap();
}
