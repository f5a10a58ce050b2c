//! What a cassette promises, over requests that are made up: nothing is said by a server here.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};

use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::json;
use tempfile::TempDir;

use super::{
    Cassette, CassetteMode, Played, TapedCall,
    deck::Deck,
    entry::{self, Asked, Entry, Tape},
    file, key,
    scrub::tests::Canary,
    volatile,
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{
        AgentName, CallOrigin, ChatMessage, ChatRequest, ChatResponse, Cost, Effect, FinishReason, ModelRef, NodePath,
        OutputSchema, Role, RunId, StepId, ToolName, ToolOutcome, ToolPattern, ToolRequest, ToolSpec, Usage, Value,
    },
};

fn model() -> ModelRef {
    "lab/small".parse().unwrap()
}

fn request(run: RunId, node: &str, attempt: u32, messages: Vec<ChatMessage>) -> ChatRequest {
    ChatRequest {
        origin: CallOrigin { run, node: NodePath::new(node), agent: AgentName::new("writer").unwrap(), attempt, ordinal: 0 },
        model: "small".to_owned(),
        messages,
        tools: Vec::new(),
        output: Some(OutputSchema { name: "answer".to_owned(), schema: json!({"type": "object"}), strict: true }),
        temperature: Some(0.5),
        max_tokens: Some(100),
    }
}

fn user(text: &str) -> Vec<ChatMessage> {
    vec![ChatMessage::new(Role::System, "Be brief."), ChatMessage::new(Role::User, text)]
}

#[expect(clippy::unnecessary_wraps, reason = "what a call gives")]
fn says(text: &str) -> Result<(ChatResponse, Cost)> {
    let usage = Some(Usage { input_tokens: 12, cached_tokens: 0, output_tokens: 3 });
    Ok((ChatResponse { usage, ..ChatResponse::text(text, "small") }, Cost::Usd(0.25)))
}

fn open(path: &Path, mode: CassetteMode) -> Cassette {
    Cassette::open(path, mode, false, Arc::new(Canary)).unwrap()
}

/// What is played for a request: the text, or the error.
fn plays(cassette: &Cassette, request: &ChatRequest) -> String {
    match cassette.answer(&model(), request) {
        Ok(Some(Played { outcome: Ok(response), .. })) => response.content,
        Ok(None) => "asked".to_owned(),
        Ok(Some(Played { outcome: Err(error), .. })) | Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

/// A conversation with a tool, as a server leads it that makes up its ids, in a run of its own; everything holds the run's id and a time.
fn converse(cassette: &Cassette, server: &str, run: RunId, node: &NodePath, tool: &ToolName, mut asks: ChatRequest) {
    asks.origin.attempt = 2;
    let call = ToolRequest {
        id: format!("call-of-{server}"),
        name: "http_post".to_owned(),
        arguments: json!({"key": format!("{{{{KEY:{server}}}}}"), "run": run}).to_string(),
    };
    let response = ChatResponse {
        tool_requests: vec![call],
        finish: FinishReason::ToolRequests,
        ..ChatResponse::text("I ask canary-value.", "small")
    };
    let (told, _) = cassette.keep(&model(), &asks, Ok((response, Cost::Unpriced))).unwrap();
    let arguments: Value = serde_json::from_str(&told.tool_requests[0].arguments).unwrap();
    let step = TapedCall { run, node, step: StepId { turn: 0, index: 0 }, tool, arguments: &arguments };
    let result = ToolOutcome::Output(json!({"said": "canary-value", "for": run}));
    cassette.keep_result(step, &result, &["a note".to_owned()], true);
    let mut messages = asks.messages.clone();
    messages.push(ChatMessage::requests(told.content, told.tool_requests.clone()));
    messages.push(ChatMessage::result(told.tool_requests[0].id.clone(), "canary-value said"));
    cassette.keep(&model(), &request(run, "draft", 2, messages), says("done")).unwrap();
}

#[test]
fn two_recordings_of_the_same_conversation_are_the_same_to_the_byte_and_hold_no_secret() {
    let folder = TempDir::new().unwrap();
    let texts = ["one", "two"].map(|server| {
        let path = folder.path().join(format!("{server}.cassette.yaml"));
        let cassette = open(&path, CassetteMode::Record);
        let run = RunId::generate();
        let at = run.made_at().unwrap();
        let asks = request(run, "draft", 1, user(&format!("In run {run} at {at}: canary-value, {{{{KEY:{server}}}}}")));
        let refused = Error::new(ErrorKind::Throttle, "slow down, canary-value").retry_after(Some(Duration::from_secs(7)));
        let refused = cassette.keep(&model(), &asks, Err(refused)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Throttle, "what came is given on");
        let (node, tool) = (NodePath::new("draft"), ToolName::new("http_post").unwrap());
        converse(&cassette, server, run, &node, &tool, asks);
        cassette.finish(false).unwrap();
        std::fs::read_to_string(path).unwrap()
    });
    assert_eq!(texts[0], texts[1]);
    assert!(!texts[0].contains("canary-value") && texts[0].contains("[secret CANARY]"), "{}", texts[0]);
    assert!(texts[0].contains("error:\n      kind: throttle"), "{}", texts[0]);
    assert!(texts[0].contains("In run ⟦id 1⟧ at ⟦time 2⟧: [secret CANARY], ⟦secret KEY⟧"), "{}", texts[0]);
}

#[test]
fn what_was_recorded_is_played_with_the_ids_and_placeholders_of_the_run_that_plays() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.cassette.yaml");
    let recording = open(&path, CassetteMode::Record);
    let prompt = |run: RunId, key: &str| user(&format!("Run {run}, {{{{KEY:{key}}}}}"));
    let (node, tool) = (NodePath::new("draft"), ToolName::new("http_post").unwrap());
    let run = RunId::generate();
    converse(&recording, "1", run, &node, &tool, request(run, "draft", 1, prompt(run, "1")));
    recording.finish(false).unwrap();

    let cassette = open(&path, CassetteMode::ReplayOrFail);
    let run = RunId::generate();
    let asks = request(run, "draft", 1, prompt(run, "2"));
    let played = cassette.answer(&model(), &asks).unwrap().unwrap();
    assert_eq!(played.cost, Cost::Replayed { usd: None });
    let response = played.outcome.unwrap();
    let call = &response.tool_requests[0];
    assert_eq!((call.id.as_str(), call.arguments.as_str()), ("call_0", &*json!({"key": "{{KEY:2}}", "run": run}).to_string()));
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
    let step = TapedCall { run, node: &node, step: StepId { turn: 0, index: 0 }, tool: &tool, arguments: &arguments };
    let result = cassette.result(step).unwrap().unwrap();
    assert_eq!(result.outcome, ToolOutcome::Output(json!({"said": "[secret CANARY]", "for": run})));
    assert!(result.untrusted && result.notes == ["a note"]);
    let mut messages = asks.messages.clone();
    messages.push(ChatMessage::requests(response.content.clone(), response.tool_requests.clone()));
    // The secret is known no more, or is another one: what stands in its place does not matter.
    messages.push(ChatMessage::result("call_0", "another-value said"));
    let played = cassette.answer(&model(), &request(run, "draft", 1, messages)).unwrap().unwrap();
    assert_eq!((played.outcome.unwrap().content.as_str(), played.cost), ("done", Cost::Replayed { usd: Some(0.25) }));
    let report = cassette.finish(false).unwrap();
    assert_eq!((report.played, report.recorded, report.missed, report.unused.len()), (3, 0, 0, 0));
}

#[test]
fn a_miss_names_the_node_and_shows_the_nearest() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.cassette.yaml");
    let recording = open(&path, CassetteMode::Record);
    let run = RunId::generate();
    recording.keep(&model(), &request(run, "draft", 1, user("Write.\nTwo lines.")), says("a")).unwrap();
    recording.keep(&model(), &request(run, "review", 1, user("Review it.")), says("b")).unwrap();
    recording.finish(false).unwrap();
    let cassette = open(&path, CassetteMode::ReplayOrFail);
    let asks = request(RunId::generate(), "draft", 2, user("Write.\nThree lines."));
    let error = cassette.answer(&model(), &asks).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unrecorded);
    assert!(
        error.message().starts_with("node `draft`, attempt 2: the cassette `") && error.message().contains("a.cassette.yaml")
    );
    let hint = &error.hints()[0];
    assert!(hint.contains("-  Two lines.\n+  Three lines.") && hint.contains("recorded: node draft"), "{hint}");
    assert_eq!(plays(&cassette, &request(run, "draft", 1, user("Write.\nTwo lines."))), "a");
    let again = plays(&cassette, &request(run, "draft", 2, user("Write.\nTwo lines.")));
    assert!(again.starts_with("Unrecorded") && again.ends_with("has one answer to this request, and it was given"), "{again}");
    let report = cassette.finish(true).unwrap();
    assert_eq!((report.missed, report.unused.len(), report.dropped), (2, 1, 1));
    assert!(!std::fs::read_to_string(&path).unwrap().contains("Review it."));
}

#[test]
fn what_is_missing_is_added_or_only_asked() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.cassette.yaml");
    let run = RunId::generate();
    let (known, new) = (request(run, "a", 1, user("known")), request(run, "b", 1, user("new")));
    let cassette = open(&path, CassetteMode::Replay);
    assert_eq!(plays(&cassette, &known), "asked", "there is no file yet");
    cassette.keep(&model(), &known, says("one")).unwrap();
    cassette.finish(false).unwrap();
    let before = std::fs::read(&path).unwrap();
    let cassette = open(&path, CassetteMode::ReplayOrAsk);
    assert_eq!((plays(&cassette, &known).as_str(), plays(&cassette, &new).as_str()), ("one", "asked"));
    cassette.keep(&model(), &new, says("simulated")).unwrap();
    assert_eq!(cassette.finish(false).unwrap().recorded, 0);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let cassette = open(&path, CassetteMode::Replay);
    assert_eq!((plays(&cassette, &known).as_str(), plays(&cassette, &new).as_str()), ("one", "asked"));
    cassette.keep(&model(), &new, says("two")).unwrap();
    cassette.finish(false).unwrap();
    let cassette = open(&path, CassetteMode::ReplayOrFail);
    assert_eq!((plays(&cassette, &known).as_str(), plays(&cassette, &new).as_str()), ("one", "two"));
}

#[test]
fn agents_that_others_answer_for_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.cassette.yaml");
    let asks = request(RunId::generate(), "a", 1, user("hello"));
    let recording = open(&path, CassetteMode::Record).leaving([AgentName::new("writer").unwrap()]);
    recording.keep(&model(), &asks, says("mine")).unwrap();
    assert_eq!(recording.finish(false).unwrap().recorded, 0);
    let cassette = open(&path, CassetteMode::ReplayOrFail).leaving([AgentName::new("writer").unwrap()]);
    assert_eq!(plays(&cassette, &asks), "asked");
}

#[test]
fn the_same_run_called_from_two_places_has_its_answers_apart() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.cassette.yaml");
    let critic = ToolName::new("agent:critic").unwrap();
    let child = |cassette: &Cassette, run: RunId, node: &str| {
        let child = run.child(node);
        cassette.enter(child, run, &NodePath::new(node), &critic, StepId { turn: 0, index: 1 });
        request(child, "critic", 1, user("judge"))
    };
    let (cassette, run) = (open(&path, CassetteMode::Record), RunId::generate());
    for (node, verdict) in [("a", "good"), ("b", "bad")] {
        cassette.keep(&model(), &child(&cassette, run, node), says(verdict)).unwrap();
    }
    cassette.finish(false).unwrap();
    let (cassette, run) = (open(&path, CassetteMode::ReplayOrFail), RunId::generate());
    // Whoever comes first.
    assert_eq!(plays(&cassette, &child(&cassette, run, "b")), "bad");
    assert_eq!(plays(&cassette, &child(&cassette, run, "a")), "good");
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"a > agent:critic 0.1 > critic\""));
}

#[test]
fn what_servers_offered_is_offered_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.cassette.yaml");
    let spec = ToolSpec {
        name: ToolName::new("mcp:git/log").unwrap(),
        description: "Shows canary-value.".to_owned(),
        parameters: json!({"type": "object", "properties": {"n": {"type": "integer"}}}),
        effect: Effect::Read,
    };
    let cassette = open(&path, CassetteMode::Record);
    cassette.keep_offer(&spec, true);
    cassette.finish(false).unwrap();
    let cassette = open(&path, CassetteMode::ReplayOrFail);
    let description = "Shows [secret CANARY].".to_owned();
    let offered = cassette.offers(&ToolPattern::new("mcp:git/*").unwrap());
    assert_eq!(offered, [(ToolSpec { description, effect: Effect::Pure, ..spec }, true)]);
    assert!(cassette.offers(&ToolPattern::new("mcp:hub/*").unwrap()).is_empty());
}

#[test]
fn what_is_no_cassette_is_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.cassette.yaml");
    let fails = |mode| Cassette::open(&path, mode, false, Arc::new(Canary)).unwrap_err();
    assert!(fails(CassetteMode::ReplayOrFail).message().starts_with("there is no cassette `"));
    std::fs::write(&path, "format: 2\n").unwrap();
    assert_eq!(fails(CassetteMode::Replay).kind(), ErrorKind::Corrupt);
    std::fs::write(&path, "format: 1\nodd: x\n").unwrap();
    let error = fails(CassetteMode::ReplayOrFail);
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("odd"), "{error}");
    let nowhere = folder.path().join("none/a.cassette.yaml");
    let error = Cassette::open(&nowhere, CassetteMode::Record, false, Arc::new(Canary)).unwrap_err();
    assert!(error.message().starts_with("cannot write the cassette `"), "{error}");
}

/// Entries by number: twelve nodes that ask twenty questions, so that several ask the same.
fn tape(numbers: &BTreeSet<u8>) -> Tape {
    let entry = |number: &u8| {
        let (question, node) = (u64::from(number % 20), format!("n[{}]", number % 12));
        let key = format!("{:016x}", question.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let messages = vec![entry::Said { user: Some(format!("Prompt {question}\nof two lines")), ..entry::Said::default() }];
        let asked =
            Asked { model: "lab/small".into(), temperature: None, max_tokens: None, schema: None, tools: Vec::new(), messages };
        let answer = ChatResponse::text(format!("Answer {number}"), "small");
        let settled = HashSet::new();
        let mut volatile = volatile::Volatile::new(RunId::generate(), &Canary, &settled);
        let asks = request(RunId::generate(), "n", 1, Vec::new());
        Entry { key, node, asked, answers: vec![key::answer(1, &asks, &answer, &mut volatile)] }
    };
    let requests = Deck::new(numbers.iter().map(entry).collect()).sorted(false);
    Tape { requests, ..Tape::default() }
}

fn numbers(how_many: Range<usize>) -> impl Strategy<Value = BTreeSet<u8>> {
    prop::collection::btree_set(0_u8..60, how_many)
}

/// What git makes of two changes of one file, and whoever then keeps both sides of each conflict: only the lines that mark it go.
fn merged(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let folder = TempDir::new().unwrap();
    for (name, text) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let arguments = ["merge-file", "-p", "--diff3", "ours", "base", "theirs"];
    let output = Command::new("git").args(arguments).current_dir(folder.path()).output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let is_mark = |line: &str| ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark));
    Some(text.split_inclusive('\n').filter(|line| !is_mark(line)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_two_branches_add_is_there_after_the_merge(base in numbers(1..12), ours in numbers(0..6), theirs in numbers(0..6)) {
        let (ours, theirs) = (&base | &ours, &base | &theirs);
        let texts = [&base, &ours, &theirs].map(|numbers| file::text(&tape(numbers)));
        let Some(text) = merged(&texts[0], &texts[1], &texts[2]) else { return Ok(()) };
        let read = file::parse(&text).map_err(|error| proptest::test_runner::TestCaseError::fail(format!("{error}\n{text}")))?;
        let requests = Deck::new(read.requests).sorted(false);
        prop_assert_eq!(&requests, &tape(&(&ours | &theirs)).requests, "{}", text);
        prop_assert!(requests.iter().all(|entry| entry.answers.len() == 1 && entry.asked.messages.len() == 1));
    }

    #[test]
    fn what_is_read_is_written_as_it_was(numbers in numbers(0..20)) {
        let text = file::text(&tape(&numbers));
        prop_assert_eq!(file::text(&file::parse(&text).unwrap()), text);
    }
}
