//! `agentflow tools call web_search`, over servers of this host that answer as SearXNG and Tavily do.

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_partial_json, header, method, path, query_param},
};

use super::project::{Project, Ran};

/// A search with `settings` of the manifest; what the key is named by is set.
async fn search(project: &Project, server: &MockServer, query: &str) -> Ran {
    let allowed = format!("net:{}", server.uri());
    let mut command = project.command(&[
        "tools",
        "call",
        "web_search",
        "--output",
        "json",
        "--arg",
        &format!("query={query}"),
        "--allow",
        &allowed,
    ]);
    command.env("SEARCH_KEY", "k3y-0123456789");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    project.told(&output)
}

fn project(server: &MockServer, settings: &str) -> Project {
    let manifest = format!("[tools.web_search]\nbase_url = \"{}\"\n{settings}", server.uri());
    Project::new().with("agents.toml", manifest)
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

fn found(ran: &Ran) -> Value {
    ran.exit(0);
    ran.json()["call"]["results"].clone()
}

#[tokio::test]
async fn searxng_is_asked_once_for_what_is_kept() {
    let server = MockServer::start().await;
    let answer = json!({"query": "barley", "results": [
        {"title": "Barley", "url": "https://example.com/barley", "content": "A cereal.", "engine": "wikipedia"},
    ]});
    Mock::given(method("GET"))
        .and(path("/search"))
        .and(query_param("q", "barley"))
        .and(query_param("format", "json"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let project = project(&server, "provider = \"searxng\"\ncache = \"1h\"\n");
    let expected = json!([{"title": "Barley", "url": "https://example.com/barley", "snippet": "A cereal."}]);
    for _ in 0..2 {
        assert_eq!(found(&search(&project, &server, "barley").await), expected);
    }
    assert_eq!(requests(&server).await, 1, "the second answer is the one that was kept");
    // It is told in the record that it was.
    let shown = project.run(&["audit", "list", "--decision", "returned", "--format", "json"]).json();
    assert_eq!(shown.as_array().unwrap().len(), 2);
    project.run(&["audit", "verify", "--all"]).exit(0);
    // Other words are another search, which this server knows nothing of.
    search(&project, &server, "oats").await.exit(1).says("404");
    assert_eq!(requests(&server).await, 2);
}

#[tokio::test]
async fn tavily_is_asked_with_its_key_which_nobody_sees() {
    let server = MockServer::start().await;
    let answer = json!({"query": "barley", "results": [
        {"title": "Barley", "url": "https://example.com/barley", "content": "A cereal. k3y-0123456789", "score": 0.9},
    ]});
    Mock::given(method("POST"))
        .and(path("/search"))
        .and(header("authorization", "Bearer k3y-0123456789"))
        .and(body_partial_json(json!({"query": "barley"})))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let project = project(&server, "provider = \"tavily\"\napi_key = { env = \"SEARCH_KEY\" }\n");
    let ran = search(&project, &server, "barley").await;
    assert_eq!(found(&ran)[0]["url"], "https://example.com/barley");
    let events = project.run(&["runs", "events", "last", "--format", "json"]);
    for text in [&ran.stdout, &ran.stderr, &events.stdout] {
        assert!(!text.contains("k3y-0123456789"), "{text}");
    }
    // Without `cache` every search is one.
    search(&project, &server, "barley").await.exit(0);
    assert_eq!(requests(&server).await, 2);
    let allowed = format!("net:{}", server.uri());
    let call = ["tools", "call", "web_search", "--output", "json", "--arg", "query=barley"];
    project.run(&[&call[..], &["--allow", &allowed]].concat()).exit(2).says("SEARCH_KEY");
    let mut denied = project.command(&call);
    denied.env("SEARCH_KEY", "k3y-0123456789");
    project.ran(denied).exit(6).says(&format!("--allow '{allowed}'"));
    assert_eq!(requests(&server).await, 2);
}

#[tokio::test]
async fn searches_of_a_run_keep_to_the_rate() {
    let server = MockServer::start().await;
    let answer = json!({"results": [{"title": "One", "url": "https://example.com/1", "content": "a"}]});
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    let flow = format!(
        "nodes:\n  each: {{ map: 'range(3)', tool: web_search, args: {{ query: 'word {{{{ item }}}}' }}, permissions: ['net:{}'] }}\n",
        server.uri()
    );
    // Two at once, the third half a second later.
    let project = project(&server, "provider = \"searxng\"\nrate = \"2/s\"\n").with("flow.yaml", flow);
    let mut command = project.command(&["run", "flow.yaml", "--allow", &format!("net:{}", server.uri())]);
    let begun = std::time::Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    project.told(&output).exit(0);
    assert_eq!(requests(&server).await, 3);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(490), "{:?}", begun.elapsed());
}
