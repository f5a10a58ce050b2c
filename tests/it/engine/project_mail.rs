//! Runs that talk to each other, and to people, through mailboxes of the project.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use agentflow::{
    ErrorKind,
    agent::{Models, ModelsSettings, Tools},
    engine::{Clock, Engine, EngineSettings, RunOptions, RunResult, Stop, read_run},
    mailbox::{Letter, NoWitness, Overview, ProjectMailbox, Wanted},
    model::{
        Event, EventBody, Mailbox, MailboxName, Message, MessageId, MessageType, Recipient, RunId, RunStatus, Sender, Value,
    },
    plan::Plan,
    provider::Providers,
    store::{InMemoryStore, Store, StreamId, this_process},
    tool::{Policy, Rules, Toolbox},
};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::sleep;

use super::flow::{Watcher, plan};

/// What is open to everybody.
const OPEN: [&str; 2] = ["mailbox:send:*", "mailbox:read:*"];

/// A store that runs share, and the rules of its operator.
struct Place {
    store: Arc<dyn Store>,
    allowed: Vec<&'static str>,
}

/// A run that was let go of.
struct Ran {
    result: RunResult,
    events: Vec<Event>,
}

impl Place {
    fn new() -> Self {
        Self { store: Arc::new(InMemoryStore::default()), allowed: OPEN.to_vec() }
    }

    fn mailbox(&self) -> ProjectMailbox {
        ProjectMailbox::new(Arc::clone(&self.store), name())
    }

    async fn overview(&self) -> Overview {
        self.mailbox().overview().await.unwrap()
    }

    fn engine(&self) -> Engine {
        let rules = Rules { allow: self.allowed.iter().map(|rule| rule.parse().unwrap()).collect(), ..Rules::default() };
        let models = Models::new(Providers::default(), ModelsSettings::default());
        let tools = Tools::new(Toolbox::default(), Policy::new(rules), BTreeMap::new());
        Engine::new(Arc::clone(&self.store), Arc::new(models), EngineSettings::default()).with_tools(Arc::new(tools))
    }

    fn options(run: RunId) -> RunOptions {
        RunOptions {
            run,
            owner: this_process(),
            clock: Clock::start(),
            inputs: IndexMap::new(),
            settings: Value::Null,
            env: BTreeMap::new(),
            origin: None,
            parent: None,
            asks_people: false,
            revision: None,
        }
    }

    async fn run_as(&self, run: RunId, plan: &Arc<Plan>) -> Ran {
        let result = self.engine().run(Arc::clone(plan), Self::options(run), Arc::new(Watcher::default()), Stop::default()).await;
        Ran { result: result.unwrap(), events: read_run(&self.store, run).await.unwrap().events }
    }

    async fn run(&self, yaml: &str) -> Ran {
        self.run_as(RunId::generate(), &plan(yaml)).await
    }

    async fn resume(&self, run: RunId, plan: &Arc<Plan>) -> Ran {
        let result =
            self.engine().resume(Arc::clone(plan), Self::options(run), Arc::new(Watcher::default()), Stop::default()).await;
        Ran { result: result.unwrap(), events: read_run(&self.store, run).await.unwrap().events }
    }

    /// A person sends messages with these bodies.
    async fn send(&self, bodies: impl IntoIterator<Item = u64>) {
        let letters: Vec<_> = bodies.into_iter().map(|body| Letter::new(message("note", json!(body)))).collect();
        assert_eq!(self.mailbox().send(&letters).await.unwrap().accepted, letters.len());
    }

    /// What is left of a run whose process died after `events`.
    async fn cut(&self, run: RunId, events: &[Event]) {
        let stream = StreamId::run(run);
        self.store.remove_stream(&stream).await.unwrap();
        let epoch = self.store.claim(&stream, &this_process(), Duration::ZERO).await.unwrap();
        let mut last = agentflow::store::Digest::ZERO;
        let mut records = Vec::new();
        for event in events {
            let body = serde_json::to_string(&event.body).unwrap();
            let kind = event.body.kind();
            let record = agentflow::store::Record::seal(last, &stream, event.seq, event.at, kind, EventBody::VERSION, body);
            last = record.hash;
            records.push(record);
        }
        self.store.append(&stream, epoch, 0, &records).await.unwrap();
    }
}

impl Ran {
    #[track_caller]
    fn succeeded(self) -> Self {
        assert_eq!(self.result.status, RunStatus::Succeeded, "{:?}", self.result.error);
        self
    }

    #[track_caller]
    fn failed(self, kind: ErrorKind, text: &str) {
        let error = self.result.error.unwrap();
        assert_eq!((self.result.status, error.kind), (RunStatus::Failed, kind), "{error:?}");
        assert!(error.message.contains(text), "{error:?}");
    }

    fn output(&self, name: &str) -> &Value {
        &self.result.outputs[name]
    }
}

fn name() -> MailboxName {
    MailboxName::new("desk").unwrap()
}

fn message(kind: &str, body: Value) -> Message {
    Message {
        id: MessageId::of(&body.to_string()),
        from: Sender { person: Some("ada@host".to_owned()), ..Sender::default() },
        to: Recipient::Mailbox(Mailbox::Project(name())),
        kind: MessageType::new(kind).unwrap(),
        body,
        at: Timestamp::now(),
        expires_at: None,
    }
}

const SENDER: &str = "
nodes:
  one: { send: { to: 'project:desk', type: note, body: 1 } }
  two: { needs: one, send: { to: 'project:desk', type: note, body: 2 } }
  three: { needs: two, send: { to: 'project:desk', type: note, body: 3 } }
";

const RECEIVER: &str = "
nodes:
  take: { receive: { mailbox: 'project:desk', count: 2 } }
  more: { needs: take, receive: { mailbox: 'project:desk', type: note } }
outputs: { got: '{{ (take + more) | map(attribute=\"body\") | list }}', from: '{{ take[0].from.node | default(\"-\") }}' }
";

#[tokio::test(start_paused = true)]
async fn what_one_run_sends_another_receives() {
    let place = Place::new();
    let sent = place.run(SENDER).await.succeeded();
    assert_eq!(place.overview().await.waiting, 3);
    let got = place.run(RECEIVER).await.succeeded();
    assert_eq!((got.output("got"), got.output("from")), (&json!([1, 2, 3]), &json!("one")));
    let overview = place.overview().await;
    assert_eq!((overview.waiting, overview.taken, overview.sent), (0, 0, 3));
    assert!(matches!(sent.events.last().unwrap().body, EventBody::RunFinished { .. }), "it ended when all had arrived");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_ended_tells_its_result_at_once_and_sends_nothing_again() {
    let place = Place::new();
    let plan = plan(SENDER);
    let run = RunId::generate();
    place.run_as(run, &plan).await.succeeded();
    let asked = tokio::time::Instant::now();
    place.resume(run, &plan).await.succeeded();
    assert_eq!(asked.elapsed(), Duration::ZERO);
    assert_eq!(place.overview().await.sent, 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_what_another_sends_later() {
    let place = Place::new();
    let (got, ()) = tokio::join!(place.run(RECEIVER), async {
        sleep(Duration::from_secs(20)).await;
        place.run(SENDER).await.succeeded();
    });
    assert_eq!(got.succeeded().output("got"), &json!([1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_is_in_the_log_whole_directly_before_the_outcome() {
    let place = Place::new();
    place.send([7, 8, 9]).await;
    let got = place.run(RECEIVER).await.succeeded();
    let at = got.events.iter().position(|event| matches!(event.body, EventBody::MessagesCame { .. })).unwrap();
    let EventBody::MessagesCame { mailbox, messages, .. } = &got.events[at].body else { unreachable!() };
    assert_eq!((mailbox, messages.len(), &messages[1].message.body), (&name(), 2, &json!(8)));
    assert!(matches!(got.events[at + 1].body, EventBody::NodeSucceeded { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_sender_cut_after_any_event_sends_each_message_once() {
    let (run, plan) = (RunId::generate(), plan(SENDER));
    let whole = Place::new().run_as(run, &plan).await.succeeded();
    let last = whole.events.iter().rposition(|event| matches!(event.body, EventBody::MessageSent { .. })).unwrap();
    for cut in 1..whole.events.len() - 1 {
        // Nothing had arrived by then, or all that was sent.
        let (none, all) = (Place::new(), Place::new());
        all.run_as(run, &plan).await.succeeded();
        for place in [none, all].iter().take(if cut > last { 2 } else { 1 }) {
            place.cut(run, &whole.events[..cut]).await;
            place.resume(run, &plan).await.succeeded();
            let (stored, _) = place.mailbox().messages(0, 100).await.unwrap();
            let bodies: Vec<_> = stored.iter().map(|stored| &stored.message.body).collect();
            assert_eq!(bodies, [&json!(1), &json!(2), &json!(3)], "cut after {cut} events");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_process_of_the_run_took_and_did_not_record_is_taken_again() {
    let place = Place::new();
    place.send([1, 2, 3]).await;
    let run = RunId::generate();
    let wanted = Wanted { kind: None, at_least: 2, at_most: 2, lease: Duration::from_secs(3_600) };
    place.mailbox().take(&StreamId::run(run).to_string(), wanted, &NoWitness).await.unwrap();
    let got = place.run_as(run, &plan(RECEIVER)).await.succeeded();
    assert_eq!(got.output("got"), &json!([1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn what_the_run_recorded_and_did_not_confirm_is_confirmed_and_not_taken_again() {
    let (place, run, plan) = (Place::new(), RunId::generate(), plan(RECEIVER));
    place.send([1, 2, 3]).await;
    let whole = place.run_as(run, &plan).await.succeeded();
    let came = whole.events.iter().position(|event| matches!(event.body, EventBody::MessagesCame { .. })).unwrap();
    for cut in [came + 1, came + 2] {
        let place = Place::new();
        place.send([1, 2, 3]).await;
        let reader = StreamId::run(run).to_string();
        let wanted = Wanted { kind: None, at_least: 2, at_most: 2, lease: Duration::ZERO };
        place.mailbox().take(&reader, wanted, &NoWitness).await.unwrap();
        place.cut(run, &whole.events[..cut]).await;
        let other = plan_of_a_greedy_run();
        let (other, got) = tokio::join!(place.run_as(RunId::generate(), &other), place.resume(run, &plan));
        // Another run that is quicker gets what this one had not recorded, and nothing else.
        let taken = other.succeeded().output("got").as_array().unwrap().clone();
        assert!(taken.iter().all(|body| *body == json!(3)), "{taken:?}");
        if taken.is_empty() {
            assert_eq!(got.succeeded().output("got"), &json!([1, 2, 3]), "cut after {cut} events");
        }
        assert_eq!(place.overview().await.taken, 0);
    }
}

fn plan_of_a_greedy_run() -> Arc<Plan> {
    plan(
        "
nodes:
  take: { receive: { mailbox: 'project:desk', count: 9, timeout: 0s, on_timeout: take } }
outputs: { got: '{{ take | map(attribute=\"body\") | list }}' }
",
    )
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_over_what_there_is_is_taken_or_the_node_fails() {
    let place = Place::new();
    place.send([1]).await;
    let fewer = "
nodes:
  take: { receive: { mailbox: 'project:desk', count: 3, timeout: 5s, on_timeout: take } }
outputs: { got: '{{ take | length }}' }
";
    assert_eq!(place.run(fewer).await.succeeded().output("got"), &json!(1));
    assert_eq!(place.run(fewer).await.succeeded().output("got"), &json!(0));
    let none = "nodes: { take: { receive: { mailbox: 'project:desk', type: note, timeout: 5s } } }";
    place.run(none).await.failed(ErrorKind::Timeout, "1 message of type `note` in mailbox `project:desk`");
}

#[tokio::test(start_paused = true)]
async fn a_wait_sees_a_message_and_leaves_it() {
    let place = Place::new();
    let wait = "
nodes: { see: { wait: { message: { mailbox: 'project:desk', timeout: 30s, on_timeout: continue } } } }
outputs: { body: '{{ see.body if see else none }}' }
";
    assert_eq!(place.run(wait).await.succeeded().output("body"), &Value::Null);
    let (seen, ()) = tokio::join!(place.run(wait), async {
        sleep(Duration::from_secs(10)).await;
        place.send([5]).await;
    });
    assert_eq!(seen.succeeded().output("body"), &json!(5));
    assert_eq!(place.overview().await.waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_long_lets_its_process_go_and_is_gone_on_with() {
    let (place, run, plan) = (Place::new(), RunId::generate(), plan(RECEIVER));
    let waiting = place.run_as(run, &plan).await;
    assert_eq!(waiting.result.status, RunStatus::Waiting);
    place.send([1, 2, 3]).await;
    assert_eq!(place.resume(run, &plan).await.succeeded().output("got"), &json!([1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_is_gone_on_with_as_often_as_somebody_likes() {
    let (place, run, plan) = (Place::new(), RunId::generate(), plan(RECEIVER));
    place.run_as(run, &plan).await;
    for _ in 0..12 {
        assert_eq!(place.resume(run, &plan).await.result.status, RunStatus::Waiting);
    }
    place.send([1, 2, 3]).await;
    assert_eq!(place.resume(run, &plan).await.succeeded().output("got"), &json!([1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_while_the_mailbox_is_full_and_does_not_end_before() {
    let place = Place::new();
    place.send(0..10_000).await;
    let (sent, read) = tokio::join!(place.run(SENDER), async {
        sleep(Duration::from_secs(20)).await;
        let before = place.overview().await.sent;
        let wanted = Wanted { kind: None, at_least: 1, at_most: 10, lease: Duration::from_secs(60) };
        let taken = place.mailbox().take("reader", wanted, &NoWitness).await.unwrap();
        let numbers: Vec<_> = taken.iter().map(|delivery| delivery.number).collect();
        place.mailbox().confirm("reader", &numbers).await.unwrap();
        before
    });
    sent.succeeded();
    assert_eq!((read, place.overview().await.sent), (10_000, 10_003));
}

#[tokio::test(start_paused = true)]
async fn what_the_policy_does_not_permit_is_neither_sent_nor_read() {
    let place = Place { allowed: vec!["mailbox:read:desk"], ..Place::new() };
    place.run(SENDER).await.failed(ErrorKind::Denied, "`mailbox:send:desk` is not permitted");
    assert_eq!(place.overview().await.sent, 0);
    let place = Place { allowed: vec!["mailbox:send:*", "mailbox:read:other"], ..Place::new() };
    place.run(RECEIVER).await.failed(ErrorKind::Denied, "`mailbox:read:desk` is not permitted");
}

#[tokio::test(start_paused = true)]
async fn runs_that_compete_get_each_message_once() {
    let place = Place::new();
    place.send(0..40).await;
    let flow = "
limits: { iterations: 100 }
nodes:
  all:
    loop: { until: loop.iteration >= 10, max: 10 }
    nodes: { some: { receive: { mailbox: 'project:desk', count: 2 } } }
";
    let (one, two) = tokio::join!(place.run(flow), place.run(flow));
    let mut all = BTreeSet::new();
    for event in one.succeeded().events.iter().chain(&two.succeeded().events) {
        if let EventBody::MessagesCame { messages, .. } = &event.body {
            assert!(messages.iter().all(|came| all.insert(came.number)), "{messages:?}");
        }
    }
    assert_eq!(all, (0..40).collect());
    assert_eq!(place.overview().await.taken, 0);
}
