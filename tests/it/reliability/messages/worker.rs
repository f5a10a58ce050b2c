//! A process that sends to a mailbox, or reads it, and may be killed at any moment. Its folder is its memory: what it has sent for
//! certain, what it has kept.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use agentflow::{
    Result,
    mailbox::{Letter, Limits, ProjectMailbox, Wanted, Witness},
    model::{Mailbox, MailboxName, Message, MessageId, MessageType, Recipient, Sender},
    store::{self, Store, Synchronous},
};
use async_trait::async_trait;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;

/// The variable that makes a process of the tests one of these.
pub(super) const VARIABLE: &str = "AGENTFLOW_MESSAGES_WORKER";
/// How long a reader has to keep what it took.
const LEASE: Duration = Duration::from_secs(4);
/// How near the end of that time it keeps nothing any more.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);
/// Small enough that senders meet a full mailbox.
const LIMITS: Limits = Limits { messages: 400, bytes: 1 << 20, deliveries: u32::MAX };

/// Who a process is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Worker {
    pub(super) folder: PathBuf,
    pub(super) mailbox: String,
    pub(super) name: String,
    pub(super) role: Role,
    /// What it draws at random from.
    pub(super) seed: u64,
    /// Where it is to kill itself, if anywhere: `POINT:N`.
    pub(super) crash: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Role {
    /// Sends messages with the numbers from 0 to this one.
    Sender(u64),
    /// Reads until so many senders have sent everything, and nothing is left.
    Reader(usize),
}

/// Does nothing but in a process that part 10 starts.
#[test]
#[expect(clippy::disallowed_methods, reason = "the environment tells this process what it is for")]
fn works_for_part_10() {
    let Ok(text) = env::var(VARIABLE) else { return };
    let worker: Worker = serde_json::from_str(&text).unwrap();
    agentflow::crash::arm(worker.crash.as_deref(), None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(worker.work()).unwrap();
}

/// Where the store of all workers is.
pub(super) fn store_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("agentflow.db").display())
}

pub(super) fn mailbox(store: Arc<dyn Store>, name: &str) -> ProjectMailbox {
    ProjectMailbox::with_limits(store, MailboxName::new(name).unwrap(), LIMITS)
}

/// What `reader` of `mailbox` has kept: of each message its number, its line, and its number there, in the order in which they were kept.
/// A line that was not written to its end is none.
pub(super) fn kept(folder: &Path, mailbox: &str, reader: &str) -> Vec<(u64, String, u64)> {
    let text = fs::read_to_string(kept_path(folder, mailbox, reader)).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn length_of_whole_lines(path: &Path) -> u64 {
    let text = fs::read(path).unwrap();
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end as u64 + 1)
}

fn kept_path(folder: &Path, mailbox: &str, reader: &str) -> PathBuf {
    folder.join(format!("{mailbox}.{reader}.kept"))
}

impl Worker {
    async fn work(&self) -> Result<()> {
        let store = store::open(&store_url(&self.folder), Synchronous::Normal).await?;
        let mailbox = mailbox(store, &self.mailbox);
        match self.role {
            Role::Sender(count) => self.send(&mailbox, count).await,
            Role::Reader(senders) => self.read(&mailbox, senders).await,
        }
    }

    /// Sends from where it knows to have come; what it sent since then it sends again.
    async fn send(&self, mailbox: &ProjectMailbox, count: u64) -> Result<()> {
        let mut random = Rng::with_seed(self.seed);
        let sent = self.folder.join(format!("{}.{}.sent", self.mailbox, self.name));
        let mut next: u64 = fs::read_to_string(&sent).map_or(0, |text| text.parse().unwrap());
        while next < count {
            let last = count.min(next + random.u64(1..=60));
            let letters: Vec<_> = (next..last).map(|number| self.letter(number, &mut random)).collect();
            let accepted = mailbox.send(&letters).await?.accepted as u64;
            if accepted == 0 {
                sleep(Duration::from_millis(3)).await;
            }
            next += accepted;
            let new = self.folder.join(format!("{}.{}.new", self.mailbox, self.name));
            fs::write(&new, next.to_string()).unwrap();
            fs::rename(new, &sent).unwrap();
        }
        fs::write(self.folder.join(format!("{}.{}.done", self.mailbox, self.name)), "").unwrap();
        Ok(())
    }

    fn letter(&self, number: u64, random: &mut Rng) -> Letter {
        let message = Message {
            id: MessageId::of(&format!("{}/{}/{number}", self.mailbox, self.name)),
            from: Sender::default(),
            to: Recipient::Mailbox(Mailbox::Project(MailboxName::new(self.mailbox.as_str()).unwrap())),
            kind: MessageType::new("note").unwrap(),
            body: json!({ "line": self.name, "number": number, "text": "x".repeat(random.usize(..600)) }),
            at: Timestamp::now(),
            expires_at: None,
        };
        Letter::marked(message, &self.name, number)
    }

    /// Takes, keeps, confirms; what it had taken and not kept when it was killed it gives back first.
    async fn read(&self, mailbox: &ProjectMailbox, senders: usize) -> Result<()> {
        let mut random = Rng::with_seed(self.seed);
        let path = kept_path(&self.folder, &self.mailbox, &self.name);
        let whole = kept(&self.folder, &self.mailbox, &self.name);
        let mut file = fs::File::options().append(true).create(true).open(&path).unwrap();
        // A line that was not written to its end is no beginning of another.
        file.set_len(length_of_whole_lines(&path)).unwrap();
        mailbox.settle(&self.name, &whole.iter().map(|(number, ..)| *number).collect()).await?;
        let witness = Kept(self.folder.clone());
        loop {
            let wanted = Wanted { kind: None, at_least: 1, at_most: random.usize(1..=80), lease: LEASE };
            let is_over = self.senders_done() == senders;
            let taken = mailbox.take(&self.name, wanted, &witness).await?;
            if taken.is_empty() {
                let left = mailbox.overview().await?;
                if is_over && left.waiting + left.taken == 0 {
                    return Ok(());
                }
                sleep(Duration::from_millis(3)).await;
                continue;
            }
            if taken.iter().any(|delivery| Timestamp::now() + MARGIN > delivery.until) {
                mailbox.settle(&self.name, &BTreeSet::new()).await?;
                continue;
            }
            let lines = taken.iter().map(|delivery| {
                let body = &delivery.message.body;
                serde_json::to_string(&json!([delivery.number, body["line"], body["number"]])).unwrap() + "\n"
            });
            file.write_all(lines.collect::<String>().as_bytes()).unwrap();
            let numbers: Vec<_> = taken.iter().map(|delivery| delivery.number).collect();
            let lost = mailbox.confirm(&self.name, &numbers).await?.lost;
            assert!(lost.is_empty(), "{}: {lost:?} were kept and given to somebody else", self.name);
        }
    }

    fn senders_done(&self) -> usize {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(&format!("{}.", self.mailbox)) && name.strip_suffix(".done").is_some()).count()
    }
}

/// Knows what every reader has kept.
struct Kept(PathBuf);

#[async_trait]
impl Witness for Kept {
    async fn kept(&self, mailbox: &ProjectMailbox, reader: &str) -> Result<BTreeSet<u64>> {
        Ok(kept(&self.0, mailbox.name().as_str(), reader).into_iter().map(|(number, ..)| number).collect())
    }
}
