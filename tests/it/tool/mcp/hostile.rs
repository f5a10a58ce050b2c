//! Servers that fail, or mean ill: what comes of a call is bounded in time and size, and says what happened.

use std::time::{Duration, Instant};

use agentflow::{
    ErrorKind,
    tool::{CallContext, ToolSource as _, mcp::McpServer},
};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{CONTEXT, Lab, call, call_with, failed, parsed, stdio, tool, until};

fn replying(replies: &Value) -> Lab {
    Lab::new(&json!({ "replies": { "echo": replies } }))
}

#[tokio::test]
async fn a_server_that_exits_at_its_start_is_told_with_its_last_words() {
    let lab = Lab::new(&json!({ "start": "exit" }));
    let error = lab.server().tools().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert_eq!(error.message(), "MCP server `s` did not start: it exited with code 2");
    // For the operator only, and without what would colour the terminal.
    assert_eq!(error.hints(), ["the end of its standard error: error: the key \u{fffd}[31mis missing"]);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_to_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let server = McpServer::new(stdio("s", vec!["no-such-program".to_owned()], folder.path())).unwrap();
    let error = server.tools().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "MCP server `s` cannot be started"));
    assert!(error.hints()[0].contains("`no-such-program` is not installed"), "{error:?}");
    let empty = McpServer::new(stdio("s", Vec::new(), folder.path())).unwrap();
    assert_eq!(empty.tools().await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn no_shell_reads_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let server = McpServer::new(stdio("s", vec!["true; touch hit".to_owned(), "$(touch hit)".to_owned()], folder.path()));
    assert_eq!(server.unwrap().tools().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!folder.path().join("hit").exists());
}

#[tokio::test]
async fn a_server_that_never_greets_is_left_in_time() {
    let lab = Lab::new(&json!({ "start": "silent" }));
    let mut settings = lab.settings();
    settings.start_timeout = Duration::from_millis(300);
    let error = McpServer::new(settings).unwrap().tools().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Timeout, "MCP server `s` was not ready within 300ms"));
}

#[tokio::test]
async fn a_greeting_that_is_none_is_told_at_once() {
    let lab = Lab::new(&json!({ "start": "malformed" }));
    let error = lab.server().tools().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
}

#[tokio::test]
async fn words_on_standard_output_that_are_no_messages_are_passed_over() {
    let lab = Lab::new(&json!({ "start": "chatty" }));
    let server = lab.server();
    call(&*tool(&server, "echo").await, json!({})).await.unwrap();
}

#[tokio::test]
async fn many_who_wait_for_a_start_that_fails_share_the_failure() {
    let lab = Lab::new(&json!({ "start": "exit" }));
    let server = lab.server();
    for result in join_all((0..20).map(|_| server.tools())).await {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Transient);
    }
    assert_eq!(lab.count("initialize"), 1);
}

#[tokio::test]
async fn a_call_that_is_never_answered_ends_in_time_and_is_cancelled_there() {
    let lab = replying(&json!(["hang", "echo"]));
    let server = lab.server();
    let echo = tool(&server, "echo").await;
    let context = CallContext { timeout: Duration::from_millis(100), ..CONTEXT };
    let result = call_with(&*echo, json!({}), &context).await;
    failed(result, ErrorKind::Timeout, "MCP server `s` did not answer `mcp:s/echo` within 100ms");
    call(&*echo, json!({})).await.unwrap();
    let log = lab.log();
    let asked = log.iter().find(|message| message["method"] == "tools/call").unwrap();
    let cancelled = log.iter().find(|message| message["method"] == "notifications/cancelled").unwrap();
    assert_eq!(cancelled["params"]["requestId"], asked["id"]);
    assert_eq!(lab.count("initialize"), 1, "the connection stays");
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_there() {
    let lab = replying(&json!(["hang", "echo"]));
    let server = lab.server();
    let echo = tool(&server, "echo").await;
    tokio::select! {
        output = call(&*echo, json!({})) => panic!("answered: {output:?}"),
        () = until("it was asked", || lab.count("tools/call") == 1) => {}
    }
    until("it was told", || lab.count("notifications/cancelled") == 1).await;
    call(&*echo, json!({})).await.unwrap();
}

#[tokio::test]
async fn a_server_that_exits_in_the_middle_is_started_again() {
    let lab = Lab::new(&json!({
        "tools": [[{ "name": "wait", "inputSchema": {} }, { "name": "die", "inputSchema": {} }]],
        "replies": { "wait": ["hang"], "die": ["exit"] },
    }));
    let server = lab.server();
    let (wait, die) = (tool(&server, "wait").await, tool(&server, "die").await);
    let (one, other) = tokio::join!(call(&*wait, json!({})), call(&*die, json!({})));
    for result in [one, other] {
        let error = failed(result, ErrorKind::Transient, "MCP server `s` exited with code 2");
        assert_eq!(error.hints(), ["the end of its standard error: error: out of memory"]);
    }
    lab.follow(&json!({ "tools": [[{ "name": "wait", "inputSchema": {} }]] }));
    let begun = Instant::now();
    assert_eq!(call(&*wait, json!({ "n": 1 })).await.unwrap().value, r#"{"n":1}"#);
    assert_eq!(lab.count("initialize"), 2);
    assert!(begun.elapsed() > Duration::from_millis(500), "it is not started again and again at once");
}

#[tokio::test]
async fn an_answer_that_is_no_message_ends_its_call_only() {
    let lab = replying(&json!([{ "line": r#"{"jsonrpc":"2.0","id":ID}"# }, { "line": r#"{"id":ID,"result":{}}"# }, "echo"]));
    let server = lab.server();
    let echo = tool(&server, "echo").await;
    for _ in 0..2 {
        let told = "MCP server `s` failed: the answer is no message of the protocol";
        failed(call(&*echo, json!({})).await, ErrorKind::Malformed, told);
    }
    call(&*echo, json!({})).await.unwrap();
    assert_eq!(lab.count("initialize"), 1);
}

#[tokio::test]
async fn json_that_is_broken_is_no_answer() {
    let lab = replying(&json!([{ "line": "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"content\":[" }]));
    let server = lab.server();
    let context = CallContext { timeout: Duration::from_millis(100), ..CONTEXT };
    let result = call_with(&*tool(&server, "echo").await, json!({}), &context).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_result_of_the_wrong_shape_is_told() {
    let lab = replying(&json!([{ "result": { "content": "text" } }, { "result": [1] }]));
    let server = lab.server();
    let echo = tool(&server, "echo").await;
    for _ in 0..2 {
        assert_eq!(call(&*echo, json!({})).await.unwrap_err().kind(), ErrorKind::Malformed);
    }
}

#[tokio::test]
async fn an_error_of_the_protocol_goes_back_to_the_model() {
    let lab = replying(&json!([{ "error": { "code": -32602, "message": "`n` is\u{1b}[2J missing" } }]));
    let server = lab.server();
    let result = call(&*tool(&server, "echo").await, json!({})).await;
    failed(result, ErrorKind::Request, "MCP server `s` refuses: `n` is [2J missing");
}

#[tokio::test]
async fn a_server_that_floods_its_output_is_ended() {
    let lab = replying(&json!(["flood"]));
    let server = lab.server();
    let result = call(&*tool(&server, "echo").await, json!({})).await;
    failed(result, ErrorKind::Transient, "MCP server `s` floods its standard output with what is no message");
}

#[tokio::test]
async fn a_server_that_talks_without_end_is_ended() {
    let lab = replying(&json!(["chatter"]));
    let server = lab.server();
    let result = call(&*tool(&server, "echo").await, json!({})).await;
    failed(result, ErrorKind::Transient, "MCP server `s` sent more than 10000 messages that nobody asked for");
}

#[tokio::test]
async fn an_answer_of_any_length_is_bounded() {
    let lab = replying(&json!([{ "long": 4_000_000 }, { "long": 17 * 1024 * 1024 }]));
    let server = lab.server();
    let echo = tool(&server, "echo").await;
    let output = call(&*echo, json!({})).await.unwrap();
    assert_eq!(output.value.as_str().unwrap().len(), CONTEXT.max_output);
    assert_eq!(output.notes, ["the text is cut: 1,048,576 of 4,000,000 bytes are shown"]);
    failed(call(&*echo, json!({})).await, ErrorKind::Transient, "MCP server `s` sent a message of more than 16 MiB");
}

#[tokio::test]
async fn what_a_server_asks_of_us_is_declined() {
    let asks = ["sampling/createMessage", "roots/list", "elicitation/create", "secrets/read"];
    let lab = replying(&asks.iter().map(|method| json!({ "ask": method })).collect());
    let server = lab.server();
    let echo = tool(&server, "echo").await;
    for method in asks {
        let answer = parsed(&call(&*echo, json!({})).await.unwrap());
        let expected =
            if method == "elicitation/create" { json!([{ "action": "decline" }, null]) } else { json!([null, -32601]) };
        assert_eq!(answer, expected, "{method}");
    }
    let greeting = &lab.log()[0]["params"];
    assert_eq!(greeting["capabilities"], json!({}), "nothing is offered either");
}
