//! Conversations that go on over attempts, nodes and runs: what is asked, what is kept, and what is never done twice.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    Error, ErrorKind, Result,
    agent::{
        Answered, Conversation, ConversationId, ConversationTask, Entry, Journal, Models, ModelsSettings, Notice, Recorded, Task,
        Tools, conversation, conversations, drive, remove_conversation,
    },
    model::{
        Access, AccessClass, AgentName, AgentProfile, CallRates, ChatRequest, ChatResponse, Effect, ModelRef, NodePath, Price,
        ProviderName, Role, RunId, Scope, ToolName, ToolOutcome, ToolResult, ToolSpec, Value,
    },
    provider::{OnText, Provider, Providers, tokens},
    store::{self, Store, Synchronous},
    tool::{Authorized, CallContext, Grants, Policy, Tool, ToolCall, ToolOutput, Toolbox},
};
use async_trait::async_trait;
use serde_json::json;

/// A model that answers by what it is asked, within a window that it insists on.
struct Small {
    window: Option<u32>,
    answers: Box<dyn Fn(&ChatRequest) -> String + Send + Sync>,
    asked: Mutex<Vec<ChatRequest>>,
}

impl std::fmt::Debug for Small {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Small")
    }
}

#[async_trait]
impl Provider for Small {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        self.asked.lock().unwrap().push(request.clone());
        Ok(ChatResponse::text((self.answers)(request), &request.model))
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }

    fn window(&self, _model: &str) -> Option<u32> {
        self.window
    }
}

/// Stands for an agent that summarizes: keeps every line that has a fact in it, and breaks when it is told to.
#[derive(Debug)]
struct Clerk {
    spec: ToolSpec,
    tasks: Mutex<Vec<String>>,
    keys: Mutex<Vec<String>>,
    breaks: bool,
}

impl Clerk {
    fn new(breaks: bool) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {"task": {"type": "string"}},
            "required": ["task"],
            "additionalProperties": false,
        });
        let name = ToolName::new("agent:clerk").unwrap();
        let spec = ToolSpec { name, description: "Summarizes.".to_owned(), parameters, effect: Effect::Idempotent };
        Self { spec, tasks: Mutex::default(), keys: Mutex::default(), breaks }
    }
}

#[async_trait]
impl Tool for Clerk {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(Vec::new())
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        self.keys.lock().unwrap().push(context.idempotency_key.to_owned());
        let task = call.arguments["task"].as_str().unwrap().to_owned();
        self.tasks.lock().unwrap().push(task.clone());
        if self.breaks {
            return Err(Error::new(ErrorKind::Request, "`agent:clerk` failed: it is at lunch"));
        }
        Ok(ToolOutput::new(facts(&task)))
    }
}

/// The sentences of a text that state a fact, each once.
fn facts(text: &str) -> String {
    let mut found: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(fact) = line.find("FACT").map(|at| line[at..].trim())
            && !found.contains(&fact)
        {
            found.push(fact);
        }
    }
    if found.is_empty() { "Nothing of note was said.".to_owned() } else { found.join("\n") }
}

/// Keeps entries as the log would, until it dies.
#[derive(Debug, Default)]
struct Log {
    entries: Mutex<Vec<Entry>>,
    dies_after: Option<usize>,
}

#[async_trait]
impl Journal for Log {
    async fn record(&self, entry: Entry) -> Result<()> {
        let mut entries = self.entries.lock().unwrap();
        if self.dies_after.is_some_and(|count| entries.len() >= count) {
            return Err(Error::new(ErrorKind::StoreUnavailable, "the process died"));
        }
        entries.push(entry);
        Ok(())
    }

    fn note(&self, entry: Entry) {
        let mut entries = self.entries.lock().unwrap();
        if self.dies_after.is_none_or(|count| entries.len() < count) {
            entries.push(entry);
        }
    }

    fn on_call(&self, _ordinal: u32) {}

    fn on_text(&self, _text: &str) {}

    fn on_notice(&self, _notice: Notice) {}
}

impl Log {
    fn recorded(&self) -> Recorded {
        let mut recorded = Recorded::default();
        for entry in self.entries.lock().unwrap().iter().cloned() {
            match entry {
                Entry::Answer(call) => recorded.take_call(call),
                Entry::Intent(intent) => recorded.take_intent(intent),
                Entry::Result(result) => recorded.take_result(result),
                Entry::Question(request) => recorded.take_question(request),
                Entry::Denial(denial) => panic!("a step was denied: {denial:?}"),
            }
        }
        recorded
    }

    fn heard(&self) -> Vec<String> {
        let told = |entry: &Entry| match entry {
            Entry::Answer(call) => format!("answer {}", call.ordinal),
            Entry::Intent(intent) => format!("intent {}", intent.step),
            Entry::Result(result) => format!("result {}", result.step),
            Entry::Question(request) => format!("question {}", request.step),
            Entry::Denial(denial) => format!("denial {}", denial.step),
        };
        self.entries.lock().unwrap().iter().map(told).collect()
    }

    fn result(&self, step: &str) -> ToolResult {
        let entries = self.entries.lock().unwrap();
        let found = entries.iter().find_map(|entry| match entry {
            Entry::Result(result) if result.step.to_string() == step => Some(result.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no result of step {step}"))
    }
}

/// An agent that goes on with a conversation, and the world around it.
struct Lab {
    profile: AgentProfile,
    model: ModelRef,
    node: NodePath,
    grants: Arc<Grants>,
    provider: Arc<Small>,
    clerk: Arc<Clerk>,
    models: Models,
    tools: Tools,
    store: Arc<dyn Store>,
    task: ConversationTask,
}

impl Lab {
    async fn new(max_tokens: u32, keep: u32, summarizes: bool) -> Self {
        Self::with(max_tokens, keep, summarizes, None, false, |request| format!("Heard: {}", last(request))).await
    }

    async fn with(
        max_tokens: u32,
        keep: u32,
        summarizes: bool,
        window: Option<u32>,
        breaks: bool,
        answers: impl Fn(&ChatRequest) -> String + Send + Sync + 'static,
    ) -> Self {
        let provider = Arc::new(Small { window, answers: Box::new(answers), asked: Mutex::default() });
        let clerk = Arc::new(Clerk::new(breaks));
        let mut providers = Providers::default();
        providers.register(ProviderName::new("lab").unwrap(), Arc::clone(&provider) as Arc<dyn Provider>);
        let mut toolbox = Toolbox::default();
        toolbox.add(Arc::clone(&clerk) as Arc<dyn Tool>);
        let store = store::open("memory:", Synchronous::Full).await.unwrap();
        let tools = Tools::new(toolbox, Policy::default(), BTreeMap::new());
        tools.keep_in(&store);
        Self {
            profile: AgentProfile {
                name: AgentName::new("helper").unwrap(),
                description: None,
                capabilities: Vec::new(),
                model: None,
                fallback: Vec::new(),
                system: None,
                temperature: None,
                max_tokens: None,
                max_turns: None,
                timeout: None,
                max_concurrent: None,
                rates: CallRates::default(),
                tools: Vec::new(),
                permissions: None,
            },
            model: "lab/small".parse().unwrap(),
            node: NodePath::new("answer"),
            // Even where a person approves every call of the agent's tools, nobody is asked about its conversation.
            grants: Arc::new(Grants { levels: Vec::new(), always_ask: true }),
            provider,
            clerk,
            models: Models::new(providers, ModelsSettings::default()),
            tools,
            store,
            task: ConversationTask {
                id: ConversationId::new(Scope::Project, "help").unwrap(),
                max_tokens,
                keep,
                summarizer: summarizes.then(|| AgentName::new("clerk").unwrap()),
            },
        }
    }

    async fn attempt(&self, run: RunId, prompt: &str, recorded: &Recorded, log: &Log) -> Answered {
        let task = Task {
            run,
            node: &self.node,
            attempt: 1,
            agent: &self.profile,
            model: &self.model,
            chain: vec![&self.model],
            patience: Duration::ZERO,
            system: Some("Help people.".to_owned()),
            prompt: prompt.to_owned(),
            output: None,
            temperature: None,
            max_tokens: Some(300),
            max_turns: 3,
            tools: &[],
            grants: &self.grants,
            on_ambiguous: None,
            secret_key: "",
            call_timeout: Duration::from_secs(60),
            recall: None,
            remember: None,
            conversation: Some(self.task.clone()),
        };
        drive(task, &self.models, &self.tools, recorded, log).await
    }

    /// Says something in a run of its own.
    async fn say(&self, prompt: &str) -> Answered {
        self.attempt(RunId::generate(), prompt, &Recorded::default(), &Log::default()).await
    }

    async fn kept(&self) -> Conversation {
        conversation(&self.store, &self.task.id).await.unwrap().expect("something was said")
    }

    /// Whether all turns are more than the agent may be given.
    async fn would_be_too_long(&self) -> bool {
        let kept = self.kept().await;
        kept.summary.is_none() && kept.turns.iter().map(|turn| turn.tokens).sum::<usize>() > self.task.max_tokens as usize
    }

    fn last_request(&self) -> ChatRequest {
        self.provider.asked.lock().unwrap().last().unwrap().clone()
    }
}

fn last(request: &ChatRequest) -> &str {
    &request.messages.last().unwrap().content
}

fn said(request: &ChatRequest) -> Vec<(Role, &str)> {
    request.messages.iter().map(|message| (message.role, message.content.as_str())).collect()
}

#[tokio::test]
async fn a_second_run_goes_on_where_the_first_ended() {
    let lab = Lab::new(1_000, 4, false).await;
    assert_eq!(lab.say("My name is Ada.").await.outcome.unwrap(), "Heard: My name is Ada.");
    lab.say("What is my name?").await.outcome.unwrap();
    let asked = lab.last_request();
    let expected = [
        (Role::System, "Help people."),
        (Role::User, "My name is Ada."),
        (Role::Assistant, "Heard: My name is Ada."),
        (Role::User, "What is my name?"),
    ];
    assert_eq!(said(&asked), expected);
    let kept = lab.kept().await;
    assert_eq!((kept.turns.len(), kept.total(), &kept.turns[1].node), (2, 2, &lab.node));
    assert!(kept.turns[0].tokens > 10 && kept.turns[0].run != kept.turns[1].run);
}

#[tokio::test]
async fn what_is_too_long_is_left_out_and_told() {
    let lab = Lab::new(150, 4, false).await;
    for at in 0..10 {
        lab.say(&format!("This is number {at} of what I have to say.")).await.outcome.unwrap();
    }
    let log = Log::default();
    let answered = lab.attempt(RunId::generate(), "And now?", &Recorded::default(), &log).await;
    let asked = lab.last_request();
    let given = (asked.messages.len() - 2) / 2;
    assert!((1..10).contains(&given), "{given}");
    assert_eq!(asked.messages[1].content, format!("This is number {} of what I have to say.", 10 - given));
    let note = format!("the {} oldest turns of conversation `project/help` were left out, for it is too long", 10 - given);
    assert_eq!(answered.notes, [note.as_str()]);
    assert_eq!(log.result("before.0").notes, [note], "the log tells it, too");
    // They are kept all the same.
    assert_eq!(lab.kept().await.turns.len(), 11);
}

#[tokio::test]
async fn what_is_too_long_is_summarized_and_the_summary_is_kept() {
    let lab = Lab::new(600, 2, true).await;
    lab.say("FACT the key is under the mat.").await.outcome.unwrap();
    let mut summarized = Vec::new();
    for at in 0..12 {
        let answered = lab.say(&format!("Small talk {at}: {}", "the weather is fine ".repeat(5))).await;
        answered.outcome.unwrap();
        summarized.extend(answered.notes);
    }
    assert!(
        summarized.iter().any(|note| note.ends_with("of conversation `project/help` went into a summary by `clerk`")),
        "{summarized:?}"
    );
    let kept = lab.kept().await;
    let summary = kept.summary.clone().unwrap();
    assert!(summary.text.contains("FACT the key is under the mat."), "{summary:?}");
    assert_eq!((kept.total(), summary.turns + kept.turns.len() as u64, kept.dropped), (13, 13, 0));
    lab.say("Where is the key?").await.outcome.unwrap();
    let asked = lab.last_request();
    assert!(asked.messages[1].role == Role::User && asked.messages[1].content.contains("FACT the key is under the mat."));
    let roles: Vec<_> = asked.messages.iter().skip(1).map(|message| message.role).collect();
    assert!(
        roles.iter().enumerate().all(|(at, role)| *role == if at % 2 == 0 { Role::User } else { Role::Assistant }),
        "{roles:?}"
    );
}

#[tokio::test]
async fn when_nobody_summarizes_nothing_is_lost() {
    let lab = Lab::with(450, 2, true, None, true, |_| "Yes.".to_owned()).await;
    for at in 0..12 {
        lab.say(&format!("Small talk {at}: {}", "the weather is fine ".repeat(5))).await.outcome.unwrap();
    }
    let kept = lab.kept().await;
    assert_eq!((kept.turns.len(), kept.summary.is_none()), (12, true));
    let answered = lab.say("And now?").await;
    assert!(answered.notes[0].contains("were left out this time, for `clerk` did not summarize them"), "{:?}", answered.notes);
    assert!(answered.notes[0].ends_with("it is at lunch"), "{:?}", answered.notes);
    assert_eq!(lab.last_request().messages.len(), 2 + 2 * 2);
}

#[tokio::test]
async fn an_attempt_that_dies_anywhere_goes_on_without_doing_anything_twice() {
    for summarizes in [false, true] {
        let expected: &[&str] = if summarizes {
            &[
                "intent before.0",
                "result before.0",
                "intent before.1",
                "result before.1",
                "answer 0",
                "intent after.1",
                "result after.1",
            ]
        } else {
            &["intent before.0", "result before.0", "answer 0", "intent after.1", "result after.1"]
        };
        for died_after in 0..=expected.len() {
            let lab = Lab::new(600, 2, summarizes).await;
            let mut at = 0;
            // Until the next turn makes the conversation too long.
            while !summarizes && at < 8 || summarizes && lab.clerk.tasks.lock().unwrap().is_empty() {
                lab.say(&format!("Small talk {at}: {}", "the weather is fine ".repeat(5))).await.outcome.unwrap();
                at += 1;
                if summarizes && lab.would_be_too_long().await {
                    break;
                }
            }
            let before = lab.kept().await.total();
            lab.provider.asked.lock().unwrap().clear();
            let (run, log) = (RunId::generate(), Log { dies_after: Some(died_after), ..Log::default() });
            let died = lab.attempt(run, "And now?", &Recorded::default(), &log).await;
            assert_eq!(died.outcome.is_err(), died_after < expected.len(), "{died_after}");
            assert_eq!(log.heard(), expected[..died_after]);
            let again = Log::default();
            let answered = lab.attempt(run, "And now?", &log.recorded(), &again).await;
            assert_eq!(answered.outcome.unwrap(), "Heard: And now?", "{died_after}");
            let kept = lab.kept().await;
            assert_eq!((kept.total(), kept.dropped), (before + 1, 0), "{died_after}");
            assert_eq!(kept.turns.iter().filter(|turn| turn.prompt == "And now?").count(), 1, "{died_after}");
            assert_eq!(kept.summary.is_some(), summarizes, "{died_after}");
            // An answer that is in the log is not asked for again, and neither is a summary; one that was perhaps made is made again
            // with the same key.
            let has = |what: &str| log.heard().iter().any(|entry| entry == what);
            let calls = lab.provider.asked.lock().unwrap().len();
            let was_asked = died_after > expected.iter().position(|entry| *entry == "answer 0").unwrap() - 1;
            assert_eq!(calls, 1 + usize::from(was_asked && !has("answer 0")), "{died_after}");
            let keys = lab.clerk.keys.lock().unwrap();
            assert_eq!(keys.len(), usize::from(summarizes) * (1 + usize::from(died_after == 3)), "{died_after}");
            assert!(keys.iter().all(|key| *key == keys[0]));
        }
    }
}

#[tokio::test]
async fn two_runs_at_once_both_go_on_and_nothing_is_lost() {
    for summarizes in [false, true] {
        let lab = Lab::new(600, 2, summarizes).await;
        let prompts: Vec<_> = (0..40).map(|at| format!("Message {at}: {}", "the weather is fine ".repeat(3))).collect();
        for pair in prompts.chunks(4) {
            let answers = futures::future::join_all(pair.iter().map(|prompt| lab.say(prompt))).await;
            for answered in answers {
                assert!(answered.outcome.is_ok(), "{answered:?}");
            }
        }
        let kept = lab.kept().await;
        assert_eq!(kept.total(), 40);
        if summarizes {
            assert!(kept.summary.unwrap().turns >= 20);
        } else {
            let mut said: Vec<_> = kept.turns.iter().map(|turn| turn.prompt.clone()).collect();
            let mut expected = prompts.clone();
            said.sort();
            expected.sort();
            assert_eq!(said, expected);
        }
    }
}

#[tokio::test]
async fn the_window_of_the_model_counts_too() {
    let lab = Lab::with(100_000, 4, false, Some(1_000), false, |_| "Yes.".to_owned()).await;
    for at in 0..30 {
        lab.say(&format!("Small talk {at}: {}", "the weather is fine ".repeat(5))).await.outcome.unwrap();
        let asked = lab.last_request();
        assert!(tokens::count_request(&asked) + 300 <= 1_000);
    }
    assert!(lab.last_request().messages.len() > 8, "what fits is given");
    let error = lab.say(&"far too much ".repeat(1_000)).await.outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContextLength);
    assert!(error.message().contains("`lab/small` reads and writes 1000 in one call"), "{error}");
    assert_eq!(lab.kept().await.total(), 30, "what was not answered is not kept");
}

/// A conversation of 200 turns within 4,000 tokens, in which turn 3 is not forgotten.
#[tokio::test]
async fn two_hundred_turns_stay_within_four_thousand_tokens_and_the_third_is_remembered() {
    let lab = Lab::with(3_000, 6, true, Some(4_000), false, |request| {
        let asks = last(request);
        if asks.contains("Where do I") {
            let all: String = request.messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n");
            return facts(&all);
        }
        format!("I see: {}", &asks[..asks.len().min(40)])
    })
    .await;
    let chat = "I went for a walk, saw some birds, had a coffee, and thought about nothing in particular. ".repeat(3);
    for at in 1..=200 {
        let prompt = if at == 3 { "FACT I live in Tromsø since 2019.".to_owned() } else { format!("Day {at}. {chat}") };
        lab.say(&prompt).await.outcome.unwrap();
    }
    let answer = lab.say("Where do I live, and since when?").await.outcome.unwrap();
    assert_eq!(answer, "FACT I live in Tromsø since 2019.");
    let asked = lab.provider.asked.lock().unwrap().clone();
    let most = asked.iter().map(tokens::count_request).max().unwrap();
    assert_eq!(asked.len(), 201);
    assert!(most + 300 <= 4_000 && most > 2_000, "{most}");
    assert!(lab.clerk.tasks.lock().unwrap().iter().all(|task| tokens::count("small", task) <= 4_000));
    assert_eq!(lab.kept().await.total(), 201);
}

#[tokio::test]
async fn conversations_are_listed_and_removed() {
    let mut lab = Lab::new(1_000, 4, false).await;
    lab.say("Hello.").await.outcome.unwrap();
    lab.task.id = ConversationId::new(Scope::Workflow("a/b".to_owned()), "c/d").unwrap();
    lab.say("Hello.").await.outcome.unwrap();
    let names: Vec<_> = conversations(&lab.store).await.unwrap().into_iter().map(|found| found.id.to_string()).collect();
    assert_eq!(names, ["project/help", "workflow:a/b/c/d"]);
    assert!(remove_conversation(&lab.store, &lab.task.id).await.unwrap());
    assert!(!remove_conversation(&lab.store, &lab.task.id).await.unwrap());
    assert_eq!(conversations(&lab.store).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_only_pretends_keeps_nothing() {
    let lab = Lab::new(1_000, 4, true).await;
    let mut toolbox = Toolbox::default();
    toolbox.add(Arc::clone(&lab.clerk) as Arc<dyn Tool>);
    let tools = Tools::new(toolbox, Policy::default(), BTreeMap::new()).simulated();
    tools.keep_in(&lab.store);
    let lab = Lab { tools, ..lab };
    let log = Log::default();
    lab.attempt(RunId::generate(), "Hello.", &Recorded::default(), &log).await.outcome.unwrap();
    assert!(matches!(log.result("after.1").outcome, ToolOutcome::Output(_)));
    assert!(conversations(&lab.store).await.unwrap().is_empty());
}
