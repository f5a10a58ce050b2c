//! Redirects: followed by hand, each target guarded and asked of the policy.

use agentflow::{ErrorKind, tool::web::WebClient};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path},
};

use super::{call, names, port, requests, tool};

/// A server that is known by two names and redirects from `/from` to wherever a test says.
async fn server(status: u16, to: impl Fn(u16) -> String) -> (MockServer, WebClient, [String; 2]) {
    let server = MockServer::start().await;
    let port = port(&server);
    let answer = ResponseTemplate::new(status).insert_header("location", to(port));
    Mock::given(path("/from")).respond_with(answer).mount(&server).await;
    Mock::given(path("/to")).respond_with(ResponseTemplate::new(200).set_body_string("there")).mount(&server).await;
    let client = WebClient::new(names(&[]));
    (server, client, ["one", "two"].map(|name| format!("net:http://{name}.example:{port}")))
}

async fn seen_at(server: &MockServer, path: &str) -> Vec<Request> {
    server.received_requests().await.unwrap().into_iter().filter(|request| request.url.path() == path).collect()
}

fn from(server: &MockServer) -> String {
    format!("http://one.example:{}/from", port(server))
}

const KEYS: [&str; 4] = ["authorization", "cookie", "x-api-key", "x-custom"];

fn with_keys(url: &str) -> Value {
    let mut headers = json!({"Accept": "text/csv"});
    for key in KEYS {
        headers[key] = "s3cret".into();
    }
    json!({"url": url, "headers": headers})
}

#[tokio::test]
async fn cve_2025_31491_credentials_do_not_follow_a_redirect_to_another_origin() {
    for status in [301, 302, 303, 307, 308] {
        let (server, client, allow) = server(status, |port| format!("http://two.example:{port}/to")).await;
        let output = call(&*tool("http_get", &client), with_keys(&from(&server)), &[&allow[0], &allow[1]]).await.unwrap();
        assert_eq!(output.value["body"], "there");
        assert_eq!(output.notes, [format!("the answer came from `http://two.example:{}`, after 1 redirects", port(&server))]);
        let (first, second) = (&seen_at(&server, "/from").await[0], &seen_at(&server, "/to").await[0]);
        for key in KEYS {
            assert!(first.headers.contains_key(key) && !second.headers.contains_key(key), "{status}: {key}");
        }
        assert_eq!(second.headers["accept"], "text/csv");
        assert!(!second.headers.contains_key("referer"));
    }
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let (server, client, allow) = server(302, |_| "/to".to_owned()).await;
    call(&*tool("http_get", &client), with_keys(&from(&server)), &[&allow[0]]).await.unwrap();
    let seen = &seen_at(&server, "/to").await[0];
    assert!(KEYS.iter().all(|key| seen.headers.contains_key(*key)));
}

#[tokio::test]
async fn credentials_that_were_dropped_do_not_come_back() {
    let (server, client, allow) = server(302, |port| format!("http://two.example:{port}/back")).await;
    let back = ResponseTemplate::new(302).insert_header("location", format!("http://one.example:{}/to", port(&server)));
    Mock::given(path("/back")).respond_with(back).mount(&server).await;
    call(&*tool("http_get", &client), with_keys(&from(&server)), &[&allow[0], &allow[1]]).await.unwrap();
    assert!(!seen_at(&server, "/to").await[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_redirect_goes_nowhere_that_the_call_itself_could_not_go() {
    let (server, client, allow) = server(302, |port| format!("http://two.example:{port}/to")).await;
    let error = call(&*tool("http_get", &client), json!({"url": from(&server)}), &[&allow[0]]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.message().starts_with(&format!("`{}` is not permitted", allow[1])), "{error}");
    assert_eq!(requests(&server).await, 1);
}

#[tokio::test]
async fn cve_2025_56520_a_redirect_into_the_inside_is_refused() {
    for target in [
        "http://127.0.0.1:PORT/to",
        "http://2130706433:PORT/to",
        "http://[::ffff:127.0.0.1]:PORT/to",
        "http://localhost:PORT/to",
        "http://localhost.:PORT/to",
        "http://169.254.169.254:PORT/latest/meta-data/",
        "http://two.example:PORT/to",
        "//127.1:PORT/to",
    ] {
        let (server, client, allow) = server(302, |port| target.replace("PORT", &port.to_string())).await;
        let all = format!("net:http://*:{}", port(&server));
        let error = call(&*tool("http_get", &client), json!({"url": from(&server)}), &[&allow[0], &all]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{target}: {error}");
        assert!(error.message().contains("is not on the public network"), "{target}: {error}");
        assert_eq!(requests(&server).await, 1, "{target}");
    }
}

#[tokio::test]
async fn a_redirect_to_something_that_is_no_web_address_is_refused() {
    for (target, kind) in [
        ("file:///etc/passwd", ErrorKind::Invalid),
        ("gopher://one.example/", ErrorKind::Invalid),
        ("http://user:pass@one.example:PORT/to", ErrorKind::Invalid),
        ("http://[nonsense/", ErrorKind::Malformed),
    ] {
        let (server, client, allow) = server(302, |port| target.replace("PORT", &port.to_string())).await;
        let error = call(&*tool("http_get", &client), json!({"url": from(&server)}), &[&allow[0]]).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{target}: {error}");
        assert_eq!(requests(&server).await, 1, "{target}");
    }
}

#[tokio::test]
async fn a_change_is_not_sent_again_to_another_origin() {
    for status in [307, 308] {
        for name in ["http_post", "http_put", "http_delete"] {
            let (server, client, allow) = server(status, |port| format!("http://two.example:{port}/to")).await;
            let arguments = json!({"url": from(&server), "json": {"a": 1}});
            let error = call(&*tool(name, &client), arguments, &[&allow[0], &allow[1]]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Request, "{name}: {error}");
            assert!(error.message().contains("another server: it was not sent there"), "{error}");
            assert_eq!(requests(&server).await, 1);
        }
    }
}

#[tokio::test]
async fn a_change_is_sent_on_within_its_origin() {
    let (server, client, allow) = server(308, |_| "/to".to_owned()).await;
    let arguments = json!({"url": from(&server), "json": {"a": 1}});
    call(&*tool("http_put", &client), arguments, &[&allow[0]]).await.unwrap();
    let seen = &seen_at(&server, "/to").await[0];
    assert_eq!((seen.method.as_str(), seen.body.as_slice()), ("PUT", br#"{"a":1}"#.as_slice()));
    assert!(seen.headers.contains_key("idempotency-key"));
}

#[tokio::test]
async fn what_a_change_made_is_looked_at_where_the_server_says() {
    for status in [301, 302, 303] {
        let (server, client, allow) = server(status, |port| format!("http://two.example:{port}/to")).await;
        let arguments = json!({"url": from(&server), "json": {"a": 1}});
        let output = call(&*tool("http_post", &client), arguments, &[&allow[0], &allow[1]]).await.unwrap();
        assert_eq!(output.value["body"], "there");
        let seen = &seen_at(&server, "/to").await[0];
        assert_eq!((seen.method.as_str(), seen.body.len()), ("GET", 0));
        for gone in ["content-type", "content-length", "idempotency-key"] {
            assert!(!seen.headers.contains_key(gone), "{gone}");
        }
    }
}

#[tokio::test]
async fn a_chain_of_redirects_ends() {
    let (server, client, allow) = server(302, |_| "/from".to_owned()).await;
    let error = call(&*tool("http_get", &client), json!({"url": from(&server)}), &[&allow[0]]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.message().ends_with("redirects more than 5 times"), "{error}");
    assert_eq!(requests(&server).await, 6);
}

#[tokio::test]
async fn a_redirect_without_a_place_is_an_answer() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(header("accept", "a/b")).respond_with(ResponseTemplate::new(304)).mount(&server).await;
    let arguments = json!({"url": server.uri(), "headers": {"Accept": "a/b"}});
    let get = tool("http_get", &WebClient::default());
    let output = call(&*get, arguments, &[&format!("net:{}", server.uri())]).await.unwrap();
    assert_eq!(output.value["status"], 304);
}
