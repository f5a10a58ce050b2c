//! What a server of embeddings is asked, and web pages that are added.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{method, path},
};

use super::{Project, sources};
use crate::cli::project::Ran;

/// Answers each text with a vector made of its bytes; from the `hangs_from`th call on, does not answer.
struct Vectors {
    calls: Mutex<usize>,
    hangs_from: usize,
    asked: Sender<usize>,
}

impl Respond for Vectors {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let vector = |text: &str| -> Vec<u32> {
            let mut sums = [1; 8];
            text.bytes().enumerate().for_each(|(at, byte)| sums[at % 8] += u32::from(byte));
            sums.into()
        };
        let inputs = asked["input"].as_array().unwrap();
        let data: Vec<_> = inputs
            .iter()
            .enumerate()
            .map(|(index, text)| json!({"index": index, "embedding": vector(text.as_str().unwrap())}))
            .collect();
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        self.asked.send(*calls).ok();
        let answer = ResponseTemplate::new(200).set_body_json(json!({"data": data}));
        if *calls >= self.hangs_from { answer.set_delay(Duration::from_secs(600)) } else { answer }
    }
}

async fn server(hangs_from: usize) -> (MockServer, Receiver<usize>) {
    let (asked, receiver) = channel();
    let server = MockServer::start().await;
    let vectors = Vectors { calls: Mutex::new(0), hangs_from, asked };
    Mock::given(method("POST")).and(path("/embeddings")).respond_with(vectors).mount(&server).await;
    (server, receiver)
}

fn manifest(server: &MockServer) -> String {
    format!(
        "[providers.lab]\nkind = \"openai\"\nbase_url = \"{}\"\n\n[memory.docs]\nembedder = \"lab/m\"\nchunk = 64\noverlap = 0\n",
        server.uri()
    )
}

/// All texts that were sent.
async fn sent(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let texts = requests.iter().flat_map(|request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        asked["input"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    });
    texts.collect()
}

async fn run(project: &Arc<Project>, args: &'static [&'static str]) -> Ran {
    let project = Arc::clone(project);
    tokio::task::spawn_blocking(move || project.run(args)).await.unwrap()
}

const ADD: &[&str] = &["memory", "add", "docs", "-c", "docs"];

#[tokio::test]
async fn a_second_add_embeds_nothing_and_a_change_only_what_has_changed() {
    let (server, _asked) = server(usize::MAX).await;
    let section = |title: &str| format!("# {title}\n\n{}\n\n", format!("About {title} there is much to say. ").repeat(6));
    let text: String = ["One", "Two", "Three", "Four"].map(section).concat();
    let project =
        Arc::new(Project::new().with("agents.toml", manifest(&server)).with("docs/a.md", &text).with("docs/b.md", "Short."));
    run(&project, ADD).await.exit(0);
    let first = sent(&server).await;
    assert!(first.len() >= 5, "{first:?}");
    run(&project, ADD).await.exit(0).says("2 unchanged");
    assert_eq!(sent(&server).await, first);
    std::fs::write(project.path("docs/a.md"), text.replace("About Three", "Of Three")).unwrap();
    run(&project, ADD).await.exit(0);
    let all = sent(&server).await;
    let new = &all[first.len()..];
    assert!(!new.is_empty() && new.iter().all(|text| text.contains("Of Three")), "{new:?}");
    // Taken out and put in again: the texts are known as long as they are there.
    std::fs::copy(project.path("docs/b.md"), project.path("docs/c.md")).unwrap();
    run(&project, &["memory", "search", "short", "-c", "docs", "--by", "words"]).await.exit(0);
    assert_eq!(sent(&server).await.len(), all.len(), "a search by words asks nobody");
}

/// A project of so many documents that they make several batches.
fn many(server: &MockServer) -> Project {
    let project = Project::new().with("agents.toml", manifest(server));
    (0..150).fold(project, |project, at| project.with(&format!("docs/{at:03}.md"), format!("Document {at}.")))
}

#[tokio::test]
async fn what_a_killed_add_completed_is_not_embedded_again() {
    stopped(|child| child.kill().unwrap(), None).await;
}

#[tokio::test]
async fn ctrl_c_ends_between_two_batches_and_the_same_command_goes_on() {
    let interrupt = |child: &mut std::process::Child| {
        rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::INT).unwrap();
    };
    stopped(interrupt, Some(130)).await;
}

async fn stopped(stop: impl FnOnce(&mut std::process::Child) + Send + 'static, code: Option<i32>) {
    let (hanging, asked) = server(2).await;
    let project = Arc::new(many(&hanging));
    let of_task = Arc::clone(&project);
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = of_task.command(ADD).stderr(std::process::Stdio::piped()).spawn().unwrap();
        while asked.recv().unwrap() < 2 {}
        stop(&mut child);
        let output = child.wait_with_output().unwrap();
        of_task.told(&output)
    });
    let ended = ended.await.unwrap();
    assert_eq!(ended.code, code, "{ended}");
    if code.is_some() {
        ended.says("stopped: 64 documents").says("goes on with the rest").prints_nothing();
    }
    let (completed, _asked) = server(usize::MAX).await;
    std::fs::write(project.path("agents.toml"), manifest(&completed)).unwrap();
    run(&project, ADD).await.exit(0).says("86 documents added").says("64 unchanged");
    let texts: BTreeSet<String> = sent(&completed).await.into_iter().collect();
    assert_eq!(texts.len(), 86, "the first batch was complete");
    let of_task = Arc::clone(&project);
    assert_eq!(tokio::task::spawn_blocking(move || sources(&of_task).len()).await.unwrap(), 150);
}

#[tokio::test]
async fn a_server_that_changes_its_dimension_is_refused_with_a_way_on() {
    let (server, _asked) = server(usize::MAX).await;
    let project = Arc::new(Project::new().with("agents.toml", manifest(&server)).with("docs/a.md", "One."));
    run(&project, ADD).await.exit(0);
    server.reset().await;
    let answer = json!({"data": [{"index": 0, "embedding": [1.0, 2.0]}]});
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    std::fs::write(project.path("docs/a.md"), "Two.").unwrap();
    let ran = run(&project, ADD).await;
    assert!(matches!(ran.code, Some(1 | 2)), "{ran}");
    ran.says("2").says("8");
    server.reset().await;
    let answer = json!({"data": [{"index": 0, "embedding": [1.0, null, 0, 0, 0, 0, 0, 0]}]});
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    run(&project, ADD).await.exit(1);
    let shown = run(&project, &["memory", "show", "docs", "docs/a.md"]).await;
    shown.exit(0).prints("One.");
}

#[tokio::test]
async fn a_page_is_added_by_its_url_when_its_host_is_permitted() {
    let server = MockServer::start().await;
    let page = "<html><body><h1>Oats</h1><p>Oats are rolled.</p><script>x()</script></body></html>";
    Mock::given(method("GET"))
        .and(path("/oats"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(page, "text/html"))
        .mount(&server)
        .await;
    let project = Arc::new(Project::new());
    let url = format!("{}/oats", server.uri());
    let add = |more: Vec<String>| {
        let (project, url) = (Arc::clone(&project), url.clone());
        tokio::task::spawn_blocking(move || {
            let mut command = project.command(&["memory", "add", &url, "-c", "docs", "--embedder", "mock"]);
            command.args(more);
            project.ran(command)
        })
    };
    let ran = add(Vec::new()).await.unwrap();
    ran.exit(6).says("is not on the public network").says("--allow");
    assert!(server.received_requests().await.unwrap().is_empty());
    add(vec!["--allow".to_owned(), format!("net:{}", server.uri())]).await.unwrap().exit(0);
    let shown = run(&project, &["memory", "search", "rolled", "-c", "docs", "--format", "json"]).await.json();
    assert_eq!(
        (&shown[0]["source"], &shown[0]["untrusted"], &shown[0]["position"]["heading"]),
        (&json!(url), &json!(true), &json!("Oats"))
    );
    assert!(!shown[0]["text"].as_str().unwrap().contains("x()"));
}
