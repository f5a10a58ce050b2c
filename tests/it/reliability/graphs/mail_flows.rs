//! Random traffic of messages: chains of senders, mailboxes with bounds, chains of receivers, subscribers; interrupted anywhere. What
//! arrived is held against what was to be sent.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use agentflow::{
    agent::{Models, ModelsSettings},
    diagnostic::DiskFiles,
    engine::{Engine, EngineSettings, RunOptions, RunResult, RunState, Stop, read_run},
    error::ErrorKind,
    model::{Event, EventBody, RunId, RunStatus, Value},
    plan::{CompileOptions, ManifestChoice, Plan, compile_text},
    provider::{MockProvider, MockSettings, Providers},
    store::{InMemoryStore, Store},
};
use fastrand::Rng;
use indexmap::IndexMap;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{
    INTERRUPTIONS, Interruption, Watcher,
    halting::{Death, HaltingStore},
};

/// The mailboxes that messages are sent to by name, and those that subscribe to all.
const MAILBOXES: [&str; 3] = ["north", "south", "west"];
const SUBSCRIBERS: [&str; 2] = ["paper", "radio"];

/// A message by its sender and its number there.
type Mark = (u64, u64);

/// A flow, and what is to arrive where.
struct Flow {
    text: String,
    /// For each mailbox, how many messages each sender sends to it, in order.
    due: BTreeMap<&'static str, BTreeMap<u64, Vec<u64>>>,
}

impl Flow {
    fn random(rng: &mut Rng) -> Self {
        let mut nodes = serde_json::Map::new();
        let mut due: BTreeMap<&str, BTreeMap<u64, Vec<u64>>> = BTreeMap::new();
        for sender in 0..rng.u64(1..=4) {
            let mut before: Option<String> = None;
            for number in 0..rng.u64(1..=8) {
                let id = format!("s{sender}_{number}");
                let to_all = rng.u8(..5) == 0;
                let mailbox = MAILBOXES[rng.usize(..MAILBOXES.len())];
                let reached = if to_all { &SUBSCRIBERS[..] } else { std::slice::from_ref(&mailbox) };
                for name in reached {
                    due.entry(MAILBOXES.into_iter().chain(SUBSCRIBERS).find(|known| known == name).unwrap())
                        .or_default()
                        .entry(sender)
                        .or_default()
                        .push(number);
                }
                let (to, kind) = if to_all { ("all", "news") } else { (mailbox, "note") };
                let body = json!({ "sender": sender, "number": number });
                let mut node = json!({ "send": { "to": to, "type": kind, "body": body } });
                if let Some(before) = &before {
                    node["needs"] = json!([before]);
                }
                nodes.insert(id.clone(), node);
                before = Some(id);
                if rng.u8(..4) == 0 {
                    let pause = format!("p{sender}_{number}");
                    let agent = json!({ "agent": "a", "prompt": "go on", "needs": [before] });
                    nodes.insert(pause.clone(), agent);
                    before = Some(pause);
                }
            }
        }
        let mut mailboxes = serde_json::Map::new();
        for (name, senders) in &due {
            let total: usize = senders.values().map(Vec::len).sum();
            let mut left = total;
            let (mut largest, mut part, mut before) = (1, 0, None);
            while left > 0 {
                let count = rng.usize(1..=left.min(4));
                let id = format!("r_{name}_{part}");
                let mut node = json!({ "receive": { "mailbox": name, "count": count } });
                if let Some(before) = &before {
                    node["needs"] = json!([before]);
                }
                nodes.insert(id.clone(), node);
                (largest, part, before, left) = (largest.max(count), part + 1, Some(id), left - count);
            }
            // With less room than one receiver wants at once, nobody could go on.
            let limit = rng.bool().then(|| rng.usize(largest..=largest + 2));
            let is_subscriber = SUBSCRIBERS.contains(name);
            let mut described = json!({ "subscribe": if is_subscriber { vec!["news"] } else { vec![] } });
            if let Some(limit) = limit {
                described["limit"] = json!(limit);
            }
            mailboxes.insert((*name).to_owned(), described);
        }
        let concurrency = rng.u8(1..=4);
        let agents = json!({ "a": { "model": "mock/m" } });
        let text = json!({
            "limits": { "concurrency": concurrency },
            "agents": agents,
            "mailboxes": mailboxes,
            "nodes": nodes,
        });
        Self { text: text.to_string(), due }
    }

    /// What is wrong with what the log says.
    fn judge(&self, events: &[Event]) {
        let mut arrived: BTreeMap<(&str, u64), Mark> = BTreeMap::new();
        let mut taken: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let mark = |body: &Value| (body["sender"].as_u64().unwrap(), body["number"].as_u64().unwrap());
        for (at, event) in events.iter().enumerate() {
            match &event.body {
                EventBody::MessageSent { node, message, deliveries, .. } => {
                    for place in deliveries {
                        let known = arrived.insert((place.mailbox.as_str(), place.number), mark(&message.body));
                        assert_eq!(known, None, "`{}` has two messages {}", place.mailbox, place.number);
                    }
                    assert_eq!(message.from.node.as_ref(), Some(node));
                    assert_eq!(events.get(at + 1).and_then(|next| next.body.node()), Some(node), "its outcome is next");
                }
                EventBody::MessagesTaken { mailbox, messages, .. } => {
                    taken.entry(mailbox.as_str()).or_default().extend(messages.iter().map(|message| message.number));
                }
                EventBody::MessageDead { .. } => panic!("nothing has a time to live"),
                _ => {}
            }
        }
        for (name, senders) in &self.due {
            let in_box: Vec<(u64, Mark)> =
                arrived.iter().filter(|((mailbox, _), _)| mailbox == name).map(|((_, number), mark)| (*number, *mark)).collect();
            let total: usize = senders.values().map(Vec::len).sum();
            let numbers: Vec<u64> = in_box.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, (1..=total as u64).collect::<Vec<_>>(), "numbers in `{name}`");
            assert_eq!(taken.get(name), Some(&numbers), "`{name}` is taken in order, each once");
            for (sender, due) in senders {
                let of_sender: Vec<u64> =
                    in_box.iter().filter(|(_, (from, _))| from == sender).map(|(_, (_, number))| *number).collect();
                assert_eq!(&of_sender, due, "what sender {sender} said in `{name}`, in order");
            }
        }
        let all: usize = self.due.values().flat_map(BTreeMap::values).map(Vec::len).sum();
        assert_eq!(arrived.len(), all);
    }
}

/// What a try did.
#[derive(Debug, Default)]
pub(super) struct MailCounts {
    pub(super) messages: u64,
    pub(super) kills: u64,
}

impl MailCounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.kills += other.kills;
    }
}

/// Runs a flow to its end, through some interruptions, and checks what became of the messages.
pub(super) fn try_flow(runtime: &Runtime, rng: &mut Rng) -> MailCounts {
    let flow = Flow::random(rng);
    let compiled =
        compile_text(Path::new("flow.json"), flow.text.clone(), ManifestChoice::None, &DiskFiles, &CompileOptions::default());
    let plan = Arc::new(compiled.plan.unwrap_or_else(|| panic!("{:#?}\n{}", compiled.diagnostics, flow.text)));
    let inner: Arc<InMemoryStore> = Arc::default();
    let run = RunId::generate();
    let mut tried = MailCounts::default();
    let mut left = rng.usize(0..=INTERRUPTIONS);
    let expected = 3 * plan.graph.nodes.len() as u64;
    loop {
        let interruption = (left > 0).then(|| Interruption::random(rng, expected));
        left = left.saturating_sub(1);
        let result = runtime.block_on(process(&plan, &inner, run, interruption));
        tried.kills += u64::from(result.is_none());
        match result {
            Some(result) if result.status == RunStatus::Succeeded => break,
            Some(result) if result.status != RunStatus::Running => panic!("{:?}\n{}", result.error, flow.text),
            _ => assert!(interruption.is_some(), "the run does not end although nothing interrupts it"),
        }
    }
    let events = runtime.block_on(events(&inner, run));
    RunState::replay(plan, &BTreeMap::new(), &events).unwrap();
    flow.judge(&events);
    tried.messages = flow.due.values().flat_map(BTreeMap::values).map(Vec::len).sum::<usize>() as u64;
    tried
}

async fn events(inner: &Arc<InMemoryStore>, run: RunId) -> Vec<Event> {
    let store: Arc<dyn Store> = Arc::clone(inner) as _;
    match read_run(&store, run).await {
        Ok(recorded) => recorded.events,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

/// One process that begins the run or goes on with it; `None` when it is killed.
async fn process(
    plan: &Arc<Plan>,
    inner: &Arc<InMemoryStore>,
    run: RunId,
    interruption: Option<Interruption>,
) -> Option<RunResult> {
    let before = events(inner, run).await;
    let death = match interruption {
        Some(Interruption::KilledAtEvent(death)) => Some(Death { at: death.at.max(before.len() as u64), ..death }),
        _ => None,
    };
    let store = Arc::new(HaltingStore::new(Arc::clone(inner), death));
    let mut providers = Providers::default();
    let settings = MockSettings { latency: Duration::from_millis(700), ..MockSettings::default() };
    providers.answer_everything_by(Arc::new(MockProvider::new(settings)));
    let models = Arc::new(Models::new(providers, ModelsSettings::default()));
    let engine = Engine::new(Arc::clone(&store) as _, models, EngineSettings::default());
    let options = RunOptions { run, ..RunOptions::new(IndexMap::new()) };
    let (watcher, stop) = (Arc::new(Watcher::default()), Stop::default());
    let driven = async {
        let plan = Arc::clone(plan);
        if before.is_empty() {
            engine.run(plan, options, watcher.clone(), stop.clone()).await
        } else {
            engine.resume(plan, options, watcher.clone(), stop.clone()).await
        }
    };
    let interrupted = async {
        match interruption {
            Some(Interruption::KilledAt(after)) => tokio::time::sleep(after).await,
            Some(Interruption::StoppedAt(after, ask)) => {
                tokio::time::sleep(after).await;
                ask(&stop);
                std::future::pending::<()>().await;
            }
            Some(Interruption::KilledAtEvent(_)) | None => store.death().await,
        }
    };
    let result = tokio::select! {
        result = driven => Some(result.unwrap_or_else(|error| panic!("{error}"))),
        () = interrupted => None,
    };
    watcher.check(&events(inner, run).await, before.len() as u64, result.is_some());
    result
}
