//! `web_search` over servers that answer as each engine documents it.

use agentflow::{
    Error, ErrorKind, Result,
    tool::{
        ToolOutput,
        web::{SearchEngine, SearchSettings, WebSearch},
    },
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_json, body_string, header, method, path, query_param},
};

use super::call;

const KEY: &str = "k3y-0123456789";

fn settings(engine: SearchEngine, base_url: &str) -> SearchSettings {
    SearchSettings {
        base_url: Some(base_url.to_owned()),
        key: engine.needs_key().then(|| KEY.into()),
        engine_id: Some("cx-1".to_owned()),
        ..SearchSettings::new(engine)
    }
}

async fn search(engine: SearchEngine, server: &MockServer, arguments: Value) -> Result<ToolOutput> {
    let tool = WebSearch::new(settings(engine, &server.uri()))?;
    call(&tool, arguments, &[&format!("net:{}", server.uri())]).await
}

/// What is found when the engine answers `answer` to whatever it is asked.
async fn found(engine: SearchEngine, answer: ResponseTemplate) -> Result<ToolOutput> {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    search(engine, &server, json!({"query": "x"})).await
}

async fn failure(engine: SearchEngine, answer: ResponseTemplate) -> Error {
    found(engine, answer).await.expect_err("the search was answered")
}

#[tokio::test]
async fn tavily_is_asked_and_read() {
    let server = MockServer::start().await;
    let asked = json!({"query": "rust async", "max_results": 2, "search_depth": "basic", "time_range": "week"});
    let answer = json!({
        "query": "rust async", "answer": null, "images": [], "response_time": 1.1, "request_id": "r",
        "results": [
            {"title": "Async book", "url": "https://example.com/async", "content": "How to\n wait.", "score": 0.9, "raw_content": null},
            {"title": "News", "url": "https://example.com/news", "content": "New.", "score": 0.8, "published_date": "2026-11-20"},
            {"title": "Third", "url": "https://example.com/3", "content": "", "score": 0.1},
        ],
    });
    Mock::given(method("POST"))
        .and(path("/search"))
        .and(header("authorization", format!("Bearer {KEY}").as_str()))
        .and(body_json(asked))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let output = search(SearchEngine::Tavily, &server, json!({"query": " rust async ", "count": 2, "recent": "week"})).await;
    let expected = json!({"results": [
        {"title": "Async book", "url": "https://example.com/async", "snippet": "How to wait."},
        {"title": "News", "url": "https://example.com/news", "snippet": "New.", "published": "2026-11-20"},
    ]});
    assert_eq!(output.unwrap().value, expected);
}

#[tokio::test]
async fn brave_is_asked_and_read() {
    let server = MockServer::start().await;
    let answer = json!({
        "type": "search", "query": {"original": "x"},
        "web": {"type": "search", "results": [
            {"title": "Fish &amp; chips", "url": "https://example.com/1", "description": "The <strong>best</strong> ones.", "page_age": "2026-10-01T08:00:00"},
            {"title": "Two", "url": "https://example.com/2", "description": "b", "age": "3 days ago"},
            {"title": "No web address", "url": "javascript:alert(1)", "description": "c"},
        ]},
    });
    Mock::given(method("GET"))
        .and(path("/res/v1/web/search"))
        .and(query_param("q", "fish & chips"))
        .and(query_param("count", "5"))
        .and(query_param("freshness", "pm"))
        .and(header("x-subscription-token", KEY))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let output = search(SearchEngine::Brave, &server, json!({"query": "fish & chips", "recent": "month"})).await.unwrap();
    let expected = json!({"results": [
        {"title": "Fish & chips", "url": "https://example.com/1", "snippet": "The best ones.", "published": "2026-10-01T08:00:00"},
        {"title": "Two", "url": "https://example.com/2", "snippet": "b", "published": "3 days ago"},
    ]});
    assert_eq!(output.value, expected);
    let nothing =
        found(SearchEngine::Brave, ResponseTemplate::new(200).set_body_json(json!({"type": "search", "query": {}}))).await;
    assert_eq!(nothing.unwrap().notes, ["nothing was found; try other words"]);
}

#[tokio::test]
async fn google_is_asked_and_read() {
    let server = MockServer::start().await;
    let answer = json!({
        "kind": "customsearch#search", "searchInformation": {"totalResults": "2"},
        "items": [
            {"title": "One", "link": "https://example.com/1", "snippet": "a", "pagemap": {"metatags": [{"article:published_time": "2026-01-02"}]}},
            {"title": "Two", "link": "https://example.com/2", "snippet": "b"},
        ],
    });
    Mock::given(method("GET"))
        .and(path("/customsearch/v1"))
        .and(query_param("key", KEY))
        .and(query_param("cx", "cx-1"))
        .and(query_param("q", "x"))
        .and(query_param("num", "10"))
        .and(query_param("dateRestrict", "d1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let output = search(SearchEngine::Google, &server, json!({"query": "x", "count": 20, "recent": "day"})).await.unwrap();
    let expected = json!({"results": [
        {"title": "One", "url": "https://example.com/1", "snippet": "a", "published": "2026-01-02"},
        {"title": "Two", "url": "https://example.com/2", "snippet": "b"},
    ]});
    assert_eq!(output.value, expected);
    let nothing = ResponseTemplate::new(200).set_body_json(json!({"searchInformation": {"totalResults": "0"}}));
    assert_eq!(found(SearchEngine::Google, nothing).await.unwrap().value, json!({"results": []}));
}

#[tokio::test]
async fn searxng_is_asked_and_read() {
    let server = MockServer::start().await;
    let answer = json!({
        "query": "x", "number_of_results": 0, "answers": [], "corrections": [], "infoboxes": [], "suggestions": [],
        "results": [
            {"title": "One", "url": "https://example.com/1", "content": "a", "engine": "mojeek", "score": 1.0, "publishedDate": "2026-02-03T00:00:00"},
            {"title": "Two", "url": "https://example.com/2", "content": "b", "publishedDate": null},
        ],
        "unresponsive_engines": [["google", "timeout"], ["bing", "CAPTCHA"]],
    });
    Mock::given(method("GET"))
        .and(path("/search"))
        .and(query_param("q", "x"))
        .and(query_param("format", "json"))
        .and(query_param("time_range", "year"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let output = search(SearchEngine::Searxng, &server, json!({"query": "x", "recent": "year"})).await.unwrap();
    let expected = json!({"results": [
        {"title": "One", "url": "https://example.com/1", "snippet": "a", "published": "2026-02-03T00:00:00"},
        {"title": "Two", "url": "https://example.com/2", "snippet": "b"},
    ]});
    assert_eq!((output.value, output.notes), (expected, vec!["no answer came from `google`, `bing`".to_owned()]));
}

/// A page as DuckDuckGo makes it: one advertisement, two links over its own server, one that leads there at once.
const DUCKDUCKGO_PAGE: &str = r#"<!DOCTYPE html><html><body><div id="links" class="results">
<div class="result results_links results_links_deep result--ad"><h2 class="result__title">
  <a class="result__a" href="https://duckduckgo.com/y.js?ad_domain=shop.example&amp;uddg=https%3A%2F%2Fshop.example">Buy</a></h2></div>
<div class="result results_links results_links_deep web-result"><div class="links_main result__body"><h2 class="result__title">
  <a rel="nofollow" class="result__a" href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1%26c%3D2&amp;rut=f00">The <b>first</b></a></h2>
  <a class="result__snippet" href="//duckduckgo.com/l/?uddg=x">What &quot;it&quot; <b>says</b>.</a></div></div>
<div class="result web-result"><a class="result__a" href="https://example.org/two">Second</a></div>
<div class="result web-result"><a class="result__a" href="//duckduckgo.com/l/?uddg=javascript%3Aalert(1)">Trick</a></div>
</div></body></html>"#;

#[tokio::test]
async fn duckduckgo_is_asked_and_read() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/html/"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string("q=fish+%26+chips&b=&df=w"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(DUCKDUCKGO_PAGE, "text/html; charset=UTF-8"))
        .mount(&server)
        .await;
    let output = search(SearchEngine::Duckduckgo, &server, json!({"query": "fish & chips", "recent": "week"})).await.unwrap();
    let expected = json!({"results": [
        {"title": "The first", "url": "https://example.com/a?b=1&c=2", "snippet": "What \"it\" says."},
        {"title": "Second", "url": "https://example.org/two", "snippet": ""},
    ]});
    assert_eq!(output.value, expected);
}

#[tokio::test]
async fn a_page_without_results_is_nothing_found_a_robots_check_or_a_change() {
    let page = |html: &str| ResponseTemplate::new(200).set_body_raw(html, "text/html");
    let nothing = found(SearchEngine::Duckduckgo, page("<div class=no-results>No results.</div>")).await.unwrap();
    assert_eq!(nothing.value, json!({"results": []}));
    let robot = page("<div class='anomaly-modal__title'>Please complete the following challenge</div>");
    assert_eq!(failure(SearchEngine::Duckduckgo, robot).await.kind(), ErrorKind::Throttle);
    assert_eq!(failure(SearchEngine::Duckduckgo, ResponseTemplate::new(202)).await.kind(), ErrorKind::Throttle);
    assert_eq!(failure(SearchEngine::Duckduckgo, page("<p>new design")).await.kind(), ErrorKind::Malformed);
}

#[tokio::test]
async fn refusals_of_engines_have_their_kind_and_say_what_to_do() {
    let google = |code: u16, reason: &str, message: &str| {
        let error = json!({"code": code, "message": message, "errors": [{"domain": "usageLimits", "reason": reason}]});
        ResponseTemplate::new(code).set_body_json(json!({"error": error}))
    };
    let tavily = |code: u16| ResponseTemplate::new(code).set_body_json(json!({"detail": {"error": "Says Tavily."}}));
    let brave = ResponseTemplate::new(422).set_body_json(
        json!({"type": "ErrorResponse", "error": {"code": "SUBSCRIPTION_TOKEN_INVALID", "detail": "The token is invalid."}}),
    );
    for (engine, answer, kind, told) in [
        (SearchEngine::Tavily, tavily(401), ErrorKind::Auth, ": Says Tavily."),
        (SearchEngine::Tavily, tavily(429), ErrorKind::Throttle, ": Says Tavily."),
        (SearchEngine::Tavily, tavily(432), ErrorKind::Quota, ": Says Tavily."),
        (SearchEngine::Tavily, tavily(433), ErrorKind::Quota, ": Says Tavily."),
        (SearchEngine::Tavily, tavily(400), ErrorKind::Request, ": Says Tavily."),
        (SearchEngine::Brave, brave, ErrorKind::Auth, ": The token is invalid."),
        (SearchEngine::Brave, ResponseTemplate::new(429), ErrorKind::Throttle, "429 Too Many Requests"),
        (SearchEngine::Google, google(400, "badRequest", "API key not valid."), ErrorKind::Auth, ": API key not valid."),
        (SearchEngine::Google, google(403, "dailyLimitExceeded", "Daily Limit Exceeded"), ErrorKind::Quota, "Daily Limit"),
        (SearchEngine::Google, google(429, "rateLimitExceeded", "Quota exceeded: queries per day"), ErrorKind::Quota, "per day"),
        (SearchEngine::Google, google(429, "rateLimitExceeded", "Queries per minute"), ErrorKind::Throttle, "per minute"),
        (SearchEngine::Searxng, ResponseTemplate::new(403), ErrorKind::Request, "403 Forbidden"),
        (SearchEngine::Searxng, ResponseTemplate::new(429), ErrorKind::Throttle, "429"),
        (SearchEngine::Searxng, ResponseTemplate::new(500), ErrorKind::Transient, "500"),
        (SearchEngine::Searxng, ResponseTemplate::new(302), ErrorKind::Request, "302"),
        (SearchEngine::Searxng, ResponseTemplate::new(200).set_body_string("<html>"), ErrorKind::Malformed, "no JSON"),
        (SearchEngine::Searxng, ResponseTemplate::new(200).set_body_string("{}"), ErrorKind::Malformed, "without results"),
    ] {
        let error = failure(engine, answer).await;
        assert!(error.kind() == kind && error.message().contains(told), "{engine:?}: {error:?}, not {kind:?} with `{told}`");
    }
    let error = failure(SearchEngine::Searxng, ResponseTemplate::new(403)).await;
    assert!(error.hints()[0].contains("search.formats"), "{error:?}");
}

#[tokio::test]
async fn a_key_is_in_no_error() {
    for engine in [SearchEngine::Tavily, SearchEngine::Brave, SearchEngine::Google] {
        for status in [400, 401, 403, 500] {
            let answer = ResponseTemplate::new(status).set_body_string(format!("wrong key {KEY}, see /x?key={KEY}"));
            let error = failure(engine, answer).await;
            assert!(!format!("{error:?} {error}").contains(KEY), "{error:?}");
            assert!(error.message().contains("wrong key [key]"), "{error}");
        }
        // Nobody listens there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let tool = WebSearch::new(settings(engine, &origin)).unwrap();
        let error = call(&tool, json!({"query": "x"}), &[&format!("net:{origin}")]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
        assert!(!format!("{error:?} {tool:?}").contains(KEY), "{error:?}");
    }
}

#[tokio::test]
async fn an_engine_on_this_host_has_to_be_named() {
    let server = MockServer::start().await;
    let tool = WebSearch::new(settings(SearchEngine::Searxng, &server.uri())).unwrap();
    let all = format!("net:http://*:{}", server.address().port());
    let error = call(&tool, json!({"query": "x"}), &[&all]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.hints()[0].contains(&format!("--allow 'net:{}'", server.uri())), "{error:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}
