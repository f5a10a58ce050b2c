//! `web_fetch`.

use agentflow::{
    ErrorKind, Result,
    tool::{ToolOutput, web::WebClient, web::WebFetch},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use super::{call, names, port};

async fn server(kind: &str, body: impl Into<Vec<u8>>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/page")).respond_with(ResponseTemplate::new(200).set_body_raw(body, kind)).mount(&server).await;
    server
}

async fn fetch(server: &MockServer, more: Value) -> Result<ToolOutput> {
    let mut arguments = json!({"url": format!("{}/page", server.uri())});
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call(&WebFetch::new(), arguments, &[&format!("net:{}", server.uri())]).await
}

#[tokio::test]
async fn a_page_is_given_as_text_with_its_title_and_its_links() {
    let page = "<!doctype html><title>News &amp; more</title><script>steal()</script><nav><a href=/>Home</a></nav>\
        <main><h1>News</h1><p>It <a href=story?id=1>happened</a>.</p></main>";
    let server = server("text/html; charset=utf-8", page).await;
    let output = fetch(&server, json!({})).await.unwrap();
    let expected = json!({
        "url": format!("{}/page", server.uri()),
        "title": "News & more",
        "text": format!("# News\n\nIt [happened][1].\n\n[1]: {}/story?id=1\n", server.uri()),
    });
    assert_eq!((output.value, output.notes), (expected, Vec::<String>::new()));
}

#[tokio::test]
async fn text_and_json_are_given_as_they_are() {
    let json_text = "{\"a\":  1}\n";
    assert_eq!(fetch(&server("application/json", json_text).await, json!({})).await.unwrap().value["text"], json_text);
    let text = "a < b\n<p>not a page</p>\n";
    let output = fetch(&server("text/plain", text).await, json!({})).await.unwrap();
    assert_eq!((&output.value["text"], &output.value["title"]), (&json!(text), &Value::Null));
    let output = fetch(&server("text/html; charset=iso-8859-1", b"<title>Gr\xfc\xdfe</title>".to_vec()).await, json!({})).await;
    assert_eq!(output.unwrap().value["title"], "Grüße");
}

#[tokio::test]
async fn what_is_no_text_is_refused_with_what_it_is() {
    for kind in ["application/pdf", "image/png", "application/zip", "application/octet-stream"] {
        let error = fetch(&server(kind, b"%PDF-1.7 \0".to_vec()).await, json!({})).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        assert!(error.message().ends_with(&format!("answered with `{kind}`, which is not text")), "{error}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_is_an_error_of_its_kind() {
    let server = MockServer::start().await;
    assert_eq!(fetch(&server, json!({})).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_long_page_comes_in_parts() {
    let text = "0123456789".repeat(3_000);
    let server = server("text/plain", text.as_str()).await;
    let output = fetch(&server, json!({})).await.unwrap();
    assert_eq!(output.value["text"], text[..20_000]);
    assert_eq!(output.notes, ["these are characters 0 to 20000 of 30000; for more, ask with `offset` 20000"]);
    let output = fetch(&server, json!({"offset": 20_000})).await.unwrap();
    assert_eq!(
        (output.value["text"].as_str(), output.notes[0].as_str()),
        (Some(&text[20_000..]), "these are characters 20000 to 30000 of 30000")
    );
    let error = fetch(&server, json!({"offset": 30_000})).await.unwrap_err();
    assert_eq!(error.message(), "`offset` is 30000, but the text has only 30000 characters");
}

#[tokio::test]
async fn the_url_is_the_one_after_redirects() {
    let server = server("text/html", "<a href=next>on</a>").await;
    let port = port(&server);
    let answer = ResponseTemplate::new(302).insert_header("location", format!("http://two.example:{port}/page"));
    Mock::given(path("/old/")).respond_with(answer).mount(&server).await;
    let allow = ["one", "two"].map(|name| format!("net:http://{name}.example:{port}"));
    let arguments = json!({"url": format!("http://one.example:{port}/old/")});
    let tool = WebFetch::over(WebClient::new(names(&[])));
    let output = call(&tool, arguments.clone(), &[&allow[0], &allow[1]]).await.unwrap();
    assert_eq!(output.value["url"], format!("http://two.example:{port}/page"));
    assert!(output.value["text"].as_str().unwrap().contains(&format!("[1]: http://two.example:{port}/next")), "{}", output.value);
    assert_eq!(call(&tool, arguments, &[&allow[0]]).await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn cve_2026_2286_a_page_on_the_inside_is_not_fetched() {
    for url in ["http://169.254.169.254/latest/meta-data/", "http://127.1/", "http://metadata.google.internal/", "http://[::1]/"]
    {
        let error = call(&WebFetch::new(), json!({"url": url}), &["net:http://*"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{url}: {error}");
    }
}
