//! Servers over HTTP that answer as they are told.

use std::collections::BTreeMap;

use agentflow::{
    Error, ErrorKind,
    tool::{
        ToolSource as _,
        mcp::{McpServer, McpSettings, McpTransport},
    },
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

use super::{call, tool};

fn settings(url: &str, headers: &[(&str, &str)]) -> McpSettings {
    let headers: BTreeMap<_, _> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    McpSettings::new("h", McpTransport::Http { url: url.to_owned(), headers })
}

/// A server that speaks plain JSON.
fn speak(request: &Request) -> ResponseTemplate {
    let message: Value = request.body_json().unwrap();
    let result = match message["method"].as_str().unwrap() {
        "initialize" => json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "mock", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [{ "name": "echo", "inputSchema": { "type": "object" } }] }),
        "tools/call" => json!({ "content": [{ "type": "text", "text": message["params"]["arguments"].to_string() }] }),
        _ => return ResponseTemplate::new(202),
    };
    ResponseTemplate::new(200).set_body_json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }))
}

async fn refused(answer: ResponseTemplate) -> Error {
    let mock = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).mount(&mock).await;
    let server = McpServer::new(settings(&mock.uri(), &[("authorization", "Bearer hunter2")])).unwrap();
    let error = server.tools().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    error
}

#[tokio::test]
async fn the_key_goes_with_every_request() {
    let mock = MockServer::start().await;
    Mock::given(method("POST")).respond_with(speak).mount(&mock).await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(405)).mount(&mock).await;
    let server = McpServer::new(settings(&mock.uri(), &[("authorization", "Bearer hunter2"), ("x-team", "a")])).unwrap();
    let output = call(&*tool(&server, "echo").await, json!({ "n": 1 })).await.unwrap();
    assert_eq!(output.value, r#"{"n":1}"#);
    let requests = mock.received_requests().await.unwrap();
    assert!(requests.len() >= 4, "{requests:?}");
    for request in &requests {
        assert_eq!(
            (&request.headers["authorization"], &request.headers["x-team"]),
            (&"Bearer hunter2".parse().unwrap(), &"a".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = MockServer::start().await;
    let error = refused(ResponseTemplate::new(307).insert_header("location", other.uri())).await;
    assert_eq!((error.kind(), error.message()), (ErrorKind::Request, "MCP server `h` answered 307"));
    assert!(other.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_status_means_is_told() {
    let unauthorized = refused(ResponseTemplate::new(401).insert_header("www-authenticate", "Bearer")).await;
    assert_eq!((unauthorized.kind(), unauthorized.message()), (ErrorKind::Auth, "MCP server `h` refuses the credentials"));
    assert_eq!(refused(ResponseTemplate::new(401)).await.kind(), ErrorKind::Auth);
    assert_eq!(refused(ResponseTemplate::new(403)).await.kind(), ErrorKind::Auth);
    let slow = refused(ResponseTemplate::new(429).insert_header("retry-after", "7")).await;
    assert_eq!((slow.kind(), slow.requested_delay().map(|delay| delay.as_secs())), (ErrorKind::Throttle, Some(7)));
    assert_eq!(refused(ResponseTemplate::new(503)).await.kind(), ErrorKind::Transient);
    assert_eq!(refused(ResponseTemplate::new(404)).await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_worth_another_try() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = McpServer::new(settings(&format!("http://{free}/mcp"), &[])).unwrap().tools().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Transient, "MCP server `h` cannot be reached"));
}

#[tokio::test]
async fn urls_and_headers_that_make_no_sense_are_refused() {
    for (url, header) in [
        ("ftp://host/", ("a", "b")),
        ("nonsense", ("a", "b")),
        ("http://user:pass@host/", ("a", "b")),
        ("http://host/", ("a b", "c")),
        ("http://host/", ("a", "b\nc")),
    ] {
        let error = McpServer::new(settings(url, &[header])).unwrap().tools().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url} {header:?}: {error}");
    }
}
