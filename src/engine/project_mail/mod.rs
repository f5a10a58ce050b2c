//! The way of messages between a run and the mailboxes of the project.
//!
//! What a run sends is an event first. When it is durable, it is handed to the mailbox's `outbox`, which sends it again and again until
//! there is room; the mailbox knows by the number of the event what it has already. What a node waits for an `inbox` looks at; what
//! it takes is an event of the run, and is confirmed when that is durable. A run that died in between is asked by its log
//! (`witness`).

mod inbox;
mod outbox;
mod witness;

use std::{
    collections::{BTreeSet, HashMap},
    future::pending,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{OnceCell, mpsc, watch},
    task::JoinSet,
};

use super::{clock::Clock, state::InstanceId};
use crate::{
    error::{Error, ErrorKind, Result},
    mailbox::ProjectMailbox,
    model::{Came, MailboxName, Message, MessageType, RunId, Seq},
    store::{Store, StreamId},
};

use witness::RunLogs;

/// The time between two looks at a mailbox.
const PAUSE: Duration = Duration::from_millis(400);
/// How long a run has to record what it took. Then somebody else may get it.
const LEASE: Duration = Duration::from_secs(60);

/// What a node wants of a mailbox of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProjectWanted {
    pub(super) mailbox: MailboxName,
    /// Of this type; of any.
    pub(super) kind: Option<MessageType>,
    pub(super) what: What,
}

/// What is done with the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// So many are taken; fewer at that time, if there are some.
    Take { count: usize, fewer_at: Option<Timestamp> },
    /// One is seen, and stays.
    See,
}

/// What is heard of the mailboxes of the project.
#[derive(Debug)]
pub(super) enum News {
    /// All that the run sent to this mailbox up to this event is there.
    Delivered(MailboxName, Seq),
    /// This mailbox is full, and what is sent to it waits.
    Full(MailboxName),
    /// An instance gets these.
    Came(InstanceId, MailboxName, Vec<Came>),
    /// An instance sees this one.
    Seen(InstanceId, Box<Message>),
    /// What an instance waits for cannot be looked at.
    Failed(InstanceId, Error),
    /// What the run sends cannot be sent.
    Broken(Error),
}

/// The run's side of all mailboxes of the project that it uses.
pub(super) struct ProjectMail {
    store: Arc<dyn Store>,
    run: RunId,
    clock: Clock,
    told: (mpsc::UnboundedSender<News>, mpsc::UnboundedReceiver<News>),
    boxes: HashMap<MailboxName, Arc<Shared>>,
    outboxes: HashMap<MailboxName, mpsc::UnboundedSender<(Seq, Message)>>,
    looks: HashMap<InstanceId, Look>,
    tasks: JoinSet<()>,
}

/// A mailbox as all tasks of the run share it.
struct Shared {
    mailbox: ProjectMailbox,
    /// What the run had taken and recorded before this process.
    kept: BTreeSet<u64>,
    /// Whether the mailbox was told so.
    settled: OnceCell<()>,
}

/// What an instance waits for, and what ends the looking.
struct Look {
    wanted: ProjectWanted,
    _go_on: watch::Sender<()>,
}

impl ProjectMail {
    /// Nothing is looked at, and nothing sent, before it is asked for.
    pub(super) fn new(store: Arc<dyn Store>, run: RunId, clock: Clock) -> Self {
        Self {
            store,
            run,
            clock,
            told: mpsc::unbounded_channel(),
            boxes: HashMap::new(),
            outboxes: HashMap::new(),
            looks: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// A process before this one has recorded that it took these messages. The mailbox is told so, in case that process could not.
    pub(super) fn took_before(&mut self, name: &MailboxName, numbers: BTreeSet<u64>) {
        let mailbox = ProjectMailbox::new(Arc::clone(&self.store), name.clone());
        let shared = Arc::new(Shared { mailbox, kept: numbers, settled: OnceCell::new() });
        self.boxes.insert(name.clone(), Arc::clone(&shared));
        let reader = self.reader();
        self.tasks.spawn(async move {
            // Who takes something there next tries again.
            drop(shared.settle(&reader).await);
        });
    }

    /// Sends on what event `seq` says, which is durable.
    pub(super) fn send(&mut self, seq: Seq, name: &MailboxName, message: Message) {
        let shared = self.shared(name);
        let outbox = self.outboxes.entry(name.clone()).or_insert_with(|| {
            let (queue, letters) = mpsc::unbounded_channel();
            self.tasks.spawn(outbox::send_on(shared, self.run, letters, self.told.0.clone()));
            queue
        });
        // A task that ended has said why.
        outbox.send((seq, message)).ok();
    }

    /// Looks for what these instances want, and for nothing else.
    pub(super) fn look_for(&mut self, wanted: &HashMap<InstanceId, ProjectWanted>) {
        // What was begun is brought to its end: a look that has taken something still tells it.
        self.looks.retain(|id, look| wanted.get(id) == Some(&look.wanted));
        for (id, wanted) in wanted {
            if self.looks.contains_key(id) {
                continue;
            }
            let (go_on, ended) = watch::channel(());
            let shared = self.shared(&wanted.mailbox);
            let looking = inbox::Looking {
                shared,
                id: *id,
                wanted: wanted.clone(),
                reader: self.reader(),
                witness: RunLogs(Arc::clone(&self.store)),
                clock: self.clock,
                told: self.told.0.clone(),
            };
            self.tasks.spawn(looking.look(ended));
            self.looks.insert(*id, Look { wanted: wanted.clone(), _go_on: go_on });
        }
    }

    /// The run has recorded, and it is durable, that it took these.
    pub(super) fn keep(&mut self, name: &MailboxName, numbers: Vec<u64>) {
        let (shared, reader) = (self.shared(name), self.reader());
        self.tasks.spawn(async move {
            crate::crash::crash_point!("inbox.kept");
            // When that fails, the log tells whoever asks.
            if let Err(error) = shared.mailbox.confirm(&reader, &numbers).await {
                tracing::warn!(%error, "messages that were taken are not confirmed yet");
            }
            crate::crash::crash_point!("inbox.confirmed");
        });
    }

    /// The run does not keep these, which it took: they are there for others.
    pub(super) fn give_back(&mut self, name: &MailboxName, numbers: Vec<u64>) {
        let (shared, reader) = (self.shared(name), self.reader());
        self.tasks.spawn(async move {
            // When that fails, they come back by themselves.
            drop(shared.mailbox.give_back(&reader, &numbers).await);
        });
    }

    /// What is heard next. May be dropped and called again.
    pub(super) async fn news(&mut self) -> News {
        loop {
            tokio::select! {
                biased;
                Some(news) = self.told.1.recv() => return news,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Err(error) = ended && !error.is_cancelled() {
                        return News::Broken(Error::new(ErrorKind::Internal, "a task for messages broke off").source(error));
                    }
                }
                else => pending().await,
            }
        }
    }

    /// Ends all that is under way, but for confirmations, which are brought to their end.
    pub(super) async fn close(&mut self) {
        self.looks.clear();
        self.outboxes.clear();
        let ended = tokio::time::timeout(PAUSE, async { while self.tasks.join_next().await.is_some() {} });
        // What is not confirmed by then the log tells.
        drop(ended.await);
        self.tasks.shutdown().await;
    }

    fn shared(&mut self, name: &MailboxName) -> Arc<Shared> {
        let shared = self.boxes.entry(name.clone()).or_insert_with(|| {
            let mailbox = ProjectMailbox::new(Arc::clone(&self.store), name.clone());
            Arc::new(Shared { mailbox, kept: BTreeSet::new(), settled: OnceCell::new() })
        });
        Arc::clone(shared)
    }

    fn reader(&self) -> String {
        StreamId::run(self.run).to_string()
    }
}

impl Shared {
    /// Tells the mailbox what the run has kept. What it took besides, a process of it that died had; it is there for all again.
    async fn settle(&self, reader: &str) -> Result<()> {
        self.settled.get_or_try_init(|| self.mailbox.settle(reader, &self.kept)).await.copied()
    }
}
