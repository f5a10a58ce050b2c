//! Messages from one process to another through the store: how many a second are durable, and how long one alone takes.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use agentflow::{
    mailbox::{Letter, NoWitness, ProjectMailbox, Wanted},
    model::{Mailbox, MailboxName, Message, MessageId, MessageType, Recipient, Sender},
    store::{self, Store, Synchronous},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    figure::{Figure, Unit},
    measure::{quantile, rate, show},
    table::Table,
};

/// The argument that makes this program do nothing but send.
pub(crate) const SENDER_ONLY: &str = "mailbox-sender-only";
/// How many messages are sent between two processes.
const MESSAGES: u64 = 20_000;
/// How many a sender has ready at once, as a run has that sends faster than the disk is.
const READY: u64 = 100;
/// How many times each other figure is taken.
const ROUNDS: u64 = 200;
/// Longer than any of this takes.
const LEASE: Duration = Duration::from_secs(600);

pub(crate) fn run(table: &mut Table) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir_in(".").unwrap();
    let url = format!("sqlite:{}", folder.path().join("agentflow.db").display());
    let store = runtime.block_on(store::open(&url, Synchronous::Full)).unwrap();

    let one = mailbox(&store, "one");
    let (mut sent, mut read) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        let begun = Instant::now();
        assert_eq!(runtime.block_on(one.send(&letters("line", number..number + 1))).unwrap().fresh, 1);
        sent.push(begun.elapsed());
        let begun = Instant::now();
        assert_eq!(runtime.block_on(take(&one, 1)), 1);
        read.push(begun.elapsed());
    }
    table.keep("send-alone", Figure::of(Unit::Disk, &sent));
    table.keep("take-alone", Figure::of(Unit::Disk, &read));
    table.told("one message alone, FULL: send, p50", show(quantile(&mut sent, 0.5)));
    table.told("one message alone, FULL: take and confirm, p50", show(quantile(&mut read, 0.5)));

    for senders in [1, 4] {
        let name = format!("from-{senders}");
        let to = mailbox(&store, &name);
        let each = MESSAGES / senders;
        let mut processes: Vec<_> = (0..senders).map(|line| start(&url, &name, line, each)).collect();
        let mut left = each * senders;
        let mut begun = None;
        // How long one message took, for each thousand.
        let (mut took, mut counted, mut since) = (Vec::new(), 0, Instant::now());
        while left > 0 {
            let taken = runtime.block_on(take(&to, 256));
            if begun.is_none() && taken > 0 {
                (begun, since) = (Some(Instant::now()), Instant::now());
            }
            left -= taken;
            counted += u32::try_from(taken).unwrap();
            if counted >= 1_000 {
                took.push(since.elapsed() / counted);
                (counted, since) = (0, Instant::now());
            }
        }
        table.keep(format!("message-of-{senders}-senders"), Figure::of(Unit::Disk, &took));
        let time = begun.map(|begun| begun.elapsed()).unwrap();
        assert!(processes.iter_mut().all(|process| process.wait().unwrap().success()));
        let count = usize::try_from(each * senders).unwrap();
        let what = format!("{senders} sending process{}, 1 reading, FULL", if senders == 1 { "" } else { "es" });
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let is_met = count as f64 / time.as_secs_f64() >= 2_000.0;
        table.wanted(what, "≥ 2,000/s", rate(count, time), is_met);
    }
}

/// Sends `count` messages, as `line`, to a mailbox of the store at `url`, as fast as there is room.
pub(crate) fn sender_only(url: &str, name: &str, line: &str, count: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(store::open(url, Synchronous::Full)).unwrap();
    let (mailbox, count) = (mailbox(&store, name), count.parse().unwrap());
    let mut next = 0;
    while next < count {
        let ready = letters(line, next..count.min(next + READY));
        let accepted = runtime.block_on(mailbox.send(&ready)).unwrap().accepted;
        if accepted == 0 {
            runtime.block_on(tokio::time::sleep(Duration::from_millis(1)));
        }
        next += accepted as u64;
    }
}

fn start(url: &str, name: &str, line: u64, count: u64) -> Child {
    let program = std::env::current_exe().unwrap();
    let arguments = [SENDER_ONLY, url, name, &line.to_string(), &count.to_string()];
    Command::new(program).args(arguments).stdin(Stdio::null()).spawn().unwrap()
}

fn mailbox(store: &Arc<dyn Store>, name: &str) -> ProjectMailbox {
    ProjectMailbox::new(Arc::clone(store), MailboxName::new(name).unwrap())
}

fn letters(line: &str, numbers: std::ops::Range<u64>) -> Vec<Letter> {
    let message = |number: u64| Message {
        id: MessageId::of(&format!("{line}/{number}")),
        from: Sender::default(),
        to: Recipient::Mailbox(Mailbox::Project(MailboxName::new("bench").unwrap())),
        kind: MessageType::new("finding").unwrap(),
        body: json!({ "file": "src/main.rs", "line": number, "text": "x".repeat(200) }),
        at: Timestamp::now(),
        expires_at: None,
    };
    numbers.map(|number| Letter::marked(message(number), line, number)).collect()
}

/// Takes and confirms up to `count` messages; how many there were.
async fn take(mailbox: &ProjectMailbox, count: usize) -> u64 {
    let wanted = Wanted { kind: None, at_least: 1, at_most: count, lease: LEASE };
    let taken = mailbox.take("reader", wanted, &NoWitness).await.unwrap();
    let numbers: Vec<_> = taken.iter().map(|delivery| delivery.number).collect();
    if !numbers.is_empty() {
        assert!(mailbox.confirm("reader", &numbers).await.unwrap().lost.is_empty());
    }
    numbers.len() as u64
}
