//! How the files of models get onto a machine.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    Error, ErrorKind,
    memory::{
        LocalEmbedder,
        models::{KnownFile, KnownModel, ModelSettings, Models, OnTransfer},
    },
    provider::Embedder as _,
};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path},
};

use super::{TinyModel, texts};

const REVISION: &str = "0123abc";

/// A model that is known, with the files of a tiny one.
fn known(tiny: &TinyModel) -> &'static KnownModel {
    let files: Vec<KnownFile> = tiny
        .files()
        .into_iter()
        .map(|(path, bytes)| {
            let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
            KnownFile { path, size: bytes.len() as u64, sha256: Box::leak(sha256.into_boxed_str()) }
        })
        .collect();
    Box::leak(Box::new(KnownModel {
        name: "tiny",
        repository: "lab/tiny",
        revision: REVISION,
        dimension: 8,
        max_tokens: 12,
        files: Box::leak(files.into_boxed_slice()),
    }))
}

/// A hub that has the files of a model, and gives parts of them.
async fn hub(tiny: &TinyModel) -> MockServer {
    let server = MockServer::start().await;
    for (name, bytes) in tiny.files() {
        let answer = move |request: &Request| part(request, &bytes);
        Mock::given(method("GET")).and(path(url_path(name))).respond_with(answer).mount(&server).await;
    }
    server
}

fn url_path(name: &str) -> String {
    format!("/lab/tiny/resolve/{REVISION}/{name}")
}

fn part(request: &Request, bytes: &[u8]) -> ResponseTemplate {
    let range = request.headers.get("range").map(|range| range.to_str().unwrap());
    match range.map(|range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse::<usize>().unwrap()) {
        Some(from) => ResponseTemplate::new(206)
            .insert_header("content-range", format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len()))
            .set_body_bytes(&bytes[from..]),
        None => ResponseTemplate::new(200).set_body_bytes(bytes),
    }
}

fn settings(home: &TempDir, hub: &str) -> ModelSettings {
    ModelSettings::new(home.path().join("models"), hub)
}

async fn asked(server: &MockServer) -> Vec<(String, Option<String>)> {
    let requests = server.received_requests().await.unwrap();
    let range = |request: &Request| request.headers.get("range").map(|range| range.to_str().unwrap().to_owned());
    requests.iter().map(|request| (request.url.path().rsplit('/').next().unwrap().to_owned(), range(request))).collect()
}

/// Nothing is there that could be taken for the model, and the error tells the ways out.
fn assert_absent(home: &TempDir, error: &Error) {
    assert!(!home.path().join("models/tiny").exists());
    let hints = error.hints().join("\n");
    for way in ["agentflow models pull", "agentflow models import DIR", "PROVIDER/MODEL", "lexical"] {
        assert!(hints.contains(way), "{way} is not in: {hints}");
    }
}

#[tokio::test]
async fn the_first_text_brings_the_model_and_the_second_needs_no_network() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let (server, model) = (hub(&tiny).await, known(&tiny));
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let models = Models::new(settings(&home, &server.uri()))
        .tell(OnTransfer::new(move |transfer| hears.lock().unwrap().push((transfer.done, transfer.total))));
    let embedder = LocalEmbedder::known(models.clone(), model);
    assert!(asked(&server).await.is_empty());
    // Nobody knows better yet than that a token has a byte.
    assert_eq!(embedder.count_tokens("one two"), 9);
    let vectors = embedder.embed(&texts(&["one two"])).await.unwrap();
    assert_eq!(embedder.count_tokens("one two"), 4);

    let told = told.lock().unwrap().clone();
    assert!(told.is_sorted() && told.last() == Some(&(model.bytes(), model.bytes())), "{told:?}");
    assert_eq!(models.provide(model).await.unwrap(), home.path().join("models/tiny"));
    drop(server);
    let offline = Models::new(ModelSettings { offline: true, ..settings(&home, "http://127.0.0.1:9") });
    assert_eq!(LocalEmbedder::known(offline, model).embed(&texts(&["one two"])).await.unwrap(), vectors);
}

#[tokio::test]
async fn offline_nothing_is_asked_and_the_ways_out_are_told() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let server = hub(&tiny).await;
    let models = Models::new(ModelSettings { offline: true, ..settings(&home, &server.uri()) });
    let error = LocalEmbedder::known(models, known(&tiny)).embed(&texts(&["one"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("model `tiny` is not on this machine") && error.message().contains("AGENTFLOW_OFFLINE"));
    assert_absent(&home, &error);
    assert!(asked(&server).await.is_empty());
}

#[tokio::test]
async fn a_download_goes_on_where_it_stopped() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let weights = tiny.files()[2].1.clone();
    let half = weights.len() / 2;
    // A hub that has all of the small files and breaks off in the middle of the large one.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let files = tiny.files();
    let breaking = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let (name, bytes) = files.iter().find(|(name, _)| head.lines().next().unwrap().contains(name)).unwrap();
            let length = bytes.len();
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let sent = if *name == "model.safetensors" { half } else { length };
            stream.write_all(&bytes[..sent]).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    let model = known(&tiny);
    let error = Models::new(settings(&home, &url)).pull(model).await.unwrap_err();
    breaking.abort();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.to_string().contains(&format!("broke off after {half} of {} bytes", weights.len())), "{error}");
    assert_absent(&home, &error);

    let server = hub(&tiny).await;
    Models::new(settings(&home, &server.uri())).pull(model).await.unwrap();
    assert_eq!(asked(&server).await, [("model.safetensors".to_owned(), Some(format!("bytes={half}-")))]);
    assert_eq!(fs::read(home.path().join("models/tiny/model.safetensors")).unwrap(), weights);
}

#[tokio::test]
async fn what_was_there_of_another_file_is_thrown_away() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let (server, model) = (hub(&tiny).await, known(&tiny));
    let partial = home.path().join("models/.tiny.partial");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("model.safetensors.part"), vec![7; 1_000]).unwrap();
    // One that is longer than all of the file.
    fs::write(partial.join("config.json.part"), vec![7; 100_000]).unwrap();
    Models::new(settings(&home, &server.uri())).pull(model).await.unwrap();
    let of_weights: Vec<_> = asked(&server).await.into_iter().filter(|(name, _)| name == "model.safetensors").collect();
    assert_eq!(of_weights.iter().map(|(_, range)| range.as_deref()).collect::<Vec<_>>(), [Some("bytes=1000-"), None]);
}

#[tokio::test]
async fn a_hub_that_knows_no_parts_gives_the_whole() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let server = MockServer::start().await;
    for (name, bytes) in tiny.files() {
        let answer = ResponseTemplate::new(200).set_body_bytes(bytes);
        Mock::given(path(url_path(name))).respond_with(answer).mount(&server).await;
    }
    let partial = home.path().join("models/.tiny.partial");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("model.safetensors.part"), &tiny.files()[2].1[..500]).unwrap();
    Models::new(settings(&home, &server.uri())).pull(known(&tiny)).await.unwrap();
}

#[tokio::test]
async fn a_file_with_another_hash_is_not_kept() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let mut other = tiny.clone();
    other.weights.get_mut("embeddings.LayerNorm.bias").unwrap().1[0] += 1.0;
    let server = hub(&other).await;
    let error = Models::new(settings(&home, &server.uri())).pull(known(&tiny)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let (expected, found) = (&tiny.files()[2].1, &other.files()[2].1);
    for bytes in [expected, found] {
        assert!(error.to_string().contains(&HEXLOWER.encode(&Sha256::digest(bytes))), "{error}");
    }
    assert_absent(&home, &error);
    assert!(!home.path().join("models/.tiny.partial/model.safetensors.part").exists());
}

#[tokio::test]
async fn what_the_hub_refuses_is_told() {
    for (status, kind) in
        [(404, ErrorKind::NotFound), (401, ErrorKind::Auth), (500, ErrorKind::Transient), (429, ErrorKind::Throttle)]
    {
        let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(status).insert_header("retry-after", "3"))
            .mount(&server)
            .await;
        let error = Models::new(settings(&home, &server.uri())).pull(known(&tiny)).await.unwrap_err();
        assert_eq!((error.kind(), error.requested_delay()), (kind, Some(Duration::from_secs(3))), "{error}");
        assert!(
            error.to_string().starts_with("model `tiny` cannot be downloaded: ")
                && error.to_string().contains(&status.to_string())
        );
        assert_absent(&home, &error);
    }
}

#[tokio::test]
async fn a_hub_that_is_silent_or_away_is_told() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60))).mount(&server).await;
    let hasty = ModelSettings { patience: Duration::from_millis(100), ..settings(&home, &server.uri()) };
    let error = Models::new(hasty).pull(known(&tiny)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.to_string().contains("was silent for 100ms"), "{error}");

    let error = Models::new(settings(&home, "http://127.0.0.1:9")).pull(known(&tiny)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.to_string().contains("`127.0.0.1` cannot be reached"), "{error}");
    assert!(error.hints()[0].contains("HF_ENDPOINT"), "{:?}", error.hints());
    assert_absent(&home, &error);

    let error = Models::new(settings(&home, "ftp://hub")).pull(known(&tiny)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn redirects_are_followed_on_this_host_and_else_to_https_only() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let server = MockServer::start().await;
    for (name, bytes) in tiny.files() {
        let redirect = ResponseTemplate::new(307).insert_header("location", format!("/blobs/{name}").as_str());
        Mock::given(path(url_path(name))).respond_with(redirect).mount(&server).await;
        let answer = ResponseTemplate::new(200).set_body_bytes(bytes);
        Mock::given(path(format!("/blobs/{name}"))).respond_with(answer).mount(&server).await;
    }
    Models::new(settings(&home, &server.uri())).pull(known(&tiny)).await.unwrap();

    for (target, expected) in [
        ("http://mirror.example/x", "redirects to `http://mirror.example`: only https is followed"),
        ("file:///etc/passwd", "redirects to `file://`: only https is followed"),
        ("/lab/tiny/resolve/0123abc/config.json", "redirects more than 8 times"),
    ] {
        let (home, server) = (TempDir::new().unwrap(), MockServer::start().await);
        let redirect = ResponseTemplate::new(302).insert_header("location", target);
        Mock::given(method("GET")).respond_with(redirect).mount(&server).await;
        let error = Models::new(settings(&home, &server.uri())).pull(known(&tiny)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains(expected), "{error}");
        assert_absent(&home, &error);
    }
}

#[tokio::test]
async fn two_who_want_it_at_once_download_it_once() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let (server, model) = (hub(&tiny).await, known(&tiny));
    let one = Models::new(settings(&home, &server.uri()));
    let other = Models::new(settings(&home, &server.uri()));
    let (one, other) = tokio::join!(one.pull(model), other.pull(model));
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(asked(&server).await.len(), 3);
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_had_anew() {
    let (tiny, home) = (TinyModel::new(), TempDir::new().unwrap());
    let (server, model) = (hub(&tiny).await, known(&tiny));
    let models = Models::new(settings(&home, &server.uri()));
    let folder = models.pull(model).await.unwrap();
    fs::write(folder.join("model.safetensors"), b"cut").unwrap();
    assert!(!models.has(model));
    models.pull(model).await.unwrap();
    assert!(models.has(model));
    assert_eq!(names(&home.path().join("models")), [".tiny.lock", "tiny"]);
}

#[test]
fn a_model_is_imported_under_a_name_and_listed() {
    let home = TempDir::new().unwrap();
    let source = home.path().join("My Model");
    TinyModel::new().write(&source);
    let models = Models::new(settings(&home, "https://hub.example"));
    assert_eq!(models.import(&source, None).unwrap_err().kind(), ErrorKind::Invalid);
    let imported = models.import(&source, Some("mine")).unwrap();
    assert_eq!((imported.name.as_str(), imported.embedder.as_str(), imported.is_known), ("mine", "local/mine", false));
    // Again is no matter.
    models.import(&source, Some("mine")).unwrap();
    let list = models.list().unwrap();
    let found: Vec<_> = list.iter().map(|report| (report.name.as_str(), report.embedder.as_str(), report.is_here)).collect();
    assert_eq!(found, [("all-MiniLM-L6-v2", "local", false), ("mine", "local/mine", true)]);
    let bytes: usize = TinyModel::new().files().iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(list[1].bytes, bytes as u64);
    assert_eq!(names(&home.path().join("models")), [".mine.lock", "mine"]);
}

#[test]
fn what_is_no_model_is_not_imported() {
    let home = TempDir::new().unwrap();
    let models = Models::new(settings(&home, "https://hub.example"));
    let nothing = models.import(&home.path().join("nowhere"), None).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
    assert!(nothing.message().contains("it has no `config.json`"), "{nothing}");

    let source = home.path().join("tiny");
    TinyModel::new().write(&source);
    // It claims to be a model that is known, and is not.
    let claims = models.import(&source, Some("all-MiniLM-L6-v2")).unwrap_err();
    assert!(matches!(claims.kind(), ErrorKind::NotFound | ErrorKind::Corrupt), "{claims}");
    for name in ["", ".", "..", "../up", "a/b", ".hidden", "a b"] {
        assert_eq!(models.import(&source, Some(name)).unwrap_err().kind(), ErrorKind::Invalid, "{name:?}");
    }
    fs::write(source.join("model.safetensors"), b"{}").unwrap();
    assert_eq!(models.import(&source, Some("mine")).unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(!home.path().join("models/mine").exists());
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
