//! Servers that speak OpenAI's embeddings, as they are and as they should not be.

use std::time::Duration;

use agentflow::{
    Error, ErrorKind,
    provider::{Embedder as _, HttpClient, OpenAiEmbedder},
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path},
};

use super::{hasty, settings};

fn embedder(base_url: &str, model: &str) -> OpenAiEmbedder {
    OpenAiEmbedder::new(&settings(base_url), model, HttpClient::default()).unwrap()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Answers each text with its length, in the reverse order.
fn lengths(request: &Request) -> ResponseTemplate {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let inputs = asked["input"].as_array().unwrap();
    let item = |(index, text): (usize, &Value)| json!({"index": index, "embedding": [text.as_str().unwrap().len(), 1]});
    let mut data: Vec<_> = inputs.iter().enumerate().map(item).collect();
    data.reverse();
    ResponseTemplate::new(200).set_body_json(json!({"object": "list", "data": data, "usage": {"prompt_tokens": data.len()}}))
}

/// The failure of embedding one text on a server that always answers like this.
async fn failure(answer: ResponseTemplate) -> Error {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).expect(1).mount(&server).await;
    embedder(&server.uri(), "small").embed(&texts(&["one"])).await.unwrap_err()
}

#[tokio::test]
async fn every_text_gets_its_vector_of_length_1_whatever_the_order_of_the_answer() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/embeddings"))
        .and(header("authorization", "Bearer sk-test-key"))
        .respond_with(lengths)
        .mount(&server)
        .await;
    let embedder = embedder(&format!("{}/v1", server.uri()), "small");
    assert_eq!((embedder.id(), embedder.dimension()), ("lab/small", None));
    let asked: Vec<String> = (0..250).map(|length| "x".repeat(length)).collect();
    let vectors = embedder.embed(&asked).await.unwrap();
    assert_eq!(vectors.len(), 250);
    for (length, vector) in vectors.iter().enumerate() {
        // An empty text is sent as a space.
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let length = length.max(1) as f32;
        let norm = length.hypot(1.0);
        assert!((vector[0] - length / norm).abs() < 1e-6 && (vector[1] - 1.0 / norm).abs() < 1e-6, "{length}: {vector:?}");
    }
    assert_eq!((embedder.dimension(), embedder.tokens_charged()), (Some(2), 250));
    let sizes: Vec<_> = server.received_requests().await.unwrap().iter().map(inputs).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 250);
    assert!(sizes.len() == 3 && sizes.iter().all(|size| *size <= 96), "{sizes:?}");
}

fn inputs(request: &Request) -> usize {
    serde_json::from_slice::<Value>(&request.body).unwrap()["input"].as_array().unwrap().len()
}

#[tokio::test]
async fn nothing_is_asked_about_no_text() {
    let server = MockServer::start().await;
    assert_eq!(embedder(&server.uri(), "small").embed(&[]).await.unwrap(), Vec::<Vec<f32>>::new());
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_no_model_would_read_is_not_sent() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(lengths).mount(&server).await;
    let embedder = embedder(&server.uri(), "small");
    embedder.embed(&["word ".repeat(200_000)]).await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    let sent: Value = serde_json::from_slice(&request.body).unwrap();
    let sent = sent["input"][0].as_str().unwrap();
    assert!(embedder.count_tokens(sent) <= embedder.max_tokens() && sent.len() > 1_000, "{}", sent.len());
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_malformed() {
    for (body, expected) in [
        (json!({"data": []}), "model `small` of `lab` answered with 0 vectors for 1 texts"),
        (
            json!({"data": [{"index": 0, "embedding": [1, null]}]}),
            "model `small` of `lab` answered with a vector that has numbers that are none",
        ),
        (
            json!({"data": [{"index": 1, "embedding": [1]}]}),
            "model `small` of `lab` answered with a vector for text 1 of 1, counted from 0",
        ),
        (
            json!({"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1]}]}),
            "model `small` of `lab` answered with 2 vectors for 1 texts",
        ),
    ] {
        let error = failure(ResponseTemplate::new(200).set_body_json(body)).await;
        assert_eq!((error.kind(), error.message()), (ErrorKind::Malformed, expected));
    }
}

#[tokio::test]
async fn a_server_that_changes_its_dimension_is_refused() {
    let server = MockServer::start().await;
    let answer = |numbers: &[u8]| ResponseTemplate::new(200).set_body_json(json!({"data": [{"index": 0, "embedding": numbers}]}));
    Mock::given(method("POST")).respond_with(answer(&[1, 0])).up_to_n_times(1).mount(&server).await;
    Mock::given(method("POST")).respond_with(answer(&[1, 0, 0])).mount(&server).await;
    let embedder = embedder(&server.uri(), "small");
    embedder.embed(&texts(&["one"])).await.unwrap();
    let error = embedder.embed(&texts(&["one"])).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Malformed, "model `small` of `lab` answered with a vector of 3 numbers instead of 2")
    );
}

#[tokio::test]
async fn refusals_are_told_as_those_of_model_calls() {
    let throttled = ResponseTemplate::new(429).insert_header("retry-after", "7").set_body_string("slow down");
    let error = failure(throttled).await;
    assert_eq!((error.kind(), error.requested_delay()), (ErrorKind::Throttle, Some(Duration::from_secs(7))));

    let error = failure(ResponseTemplate::new(401).set_body_json(json!({"error": {"message": "wrong key sk-test-key"}}))).await;
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert_eq!(error.to_string(), "model `small` of `lab` answered 401 Unauthorized: wrong key [key]");

    let error = failure(ResponseTemplate::new(404).set_body_json(json!({"error": {"message": "model not found"}}))).await;
    assert_eq!(error.kind(), ErrorKind::UnknownModel);
    assert_eq!(failure(ResponseTemplate::new(503)).await.kind(), ErrorKind::Transient);

    let inside = ResponseTemplate::new(200).set_body_json(json!({"error": {"message": "it broke", "code": 500}}));
    let error = failure(inside).await;
    assert_eq!((error.kind(), error.message().contains("it broke")), (ErrorKind::Transient, true), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for_forever() {
    let server = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    Mock::given(method("POST")).respond_with(late).mount(&server).await;
    let embedder = OpenAiEmbedder::new(&settings(&server.uri()), "small", hasty()).unwrap();
    let error = embedder.embed(&texts(&["one"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.message().contains("was silent"), "{error}");
}
