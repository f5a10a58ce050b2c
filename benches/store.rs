//! Appends to each backend, one by one and in groups, beside the bare commit of the same disk.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use agentflow::{
    model::Seq,
    store::{self, Digest, Epoch, Record, Store, StreamId, Synchronous, this_process},
};
use futures::future::join_all;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::{
    figure::{Figure, Unit},
    measure::{quantile, rate, show, time},
    table::Table,
};

/// As long as the record of a short answer.
const BODY: usize = 600;

/// How many times each figure is taken.
const ROUNDS: usize = 200;

pub(crate) fn run(table: &mut Table) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir_in(".").unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());

    let mut flushes = raw_flushes(&folder.path().join("raw"), ROUNDS);
    table.told("write 4 KiB and flush, p50", show(quantile(&mut flushes, 0.5)));

    for (name, url, synchronous) in [
        ("memory", "memory:".to_owned(), Synchronous::Full),
        ("sqlite NORMAL", file("normal.db"), Synchronous::Normal),
        ("sqlite FULL", file("full.db"), Synchronous::Full),
    ] {
        let opening = Instant::now();
        let store = runtime.block_on(store::open(&url, synchronous)).unwrap();
        if name != "memory" {
            table.told(format!("{name}: make the file"), show(opening.elapsed()));
        }
        let mut raw = (name != "memory").then(|| Bare::open(&folder.path().join(format!("raw-{name}.db")), synchronous));
        for group in [1, 8, 64] {
            let mut log = runtime.block_on(Log::claim(&store, &format!("run/{group}")));
            let (mut times, mut bare) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                times.push(runtime.block_on(log.append(&store, group)));
                if let Some(raw) = &mut raw {
                    bare.push(raw.commit(group));
                }
            }
            let total: Duration = times.iter().sum();
            let kept = format!("append-{group}-{}", name.replace(' ', "-").to_lowercase());
            if bare.is_empty() {
                table.keep(kept, Figure::of(Unit::Processor, &times));
            } else {
                table.keep(format!("{kept}-to-commit"), Figure::pairs(&times, &bare));
            }
            let (p50, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
            let figures = format!("p50 {}, p99 {}, {}", show(p50), show(p99), rate(group * ROUNDS, total));
            let what = format!("{name}: {group} appends at once");
            if bare.is_empty() {
                table.told(what, figures);
            } else {
                let bare = quantile(&mut bare, 0.5);
                let times = p50.as_secs_f64() / bare.as_secs_f64();
                table.told(what, format!("{figures}; bare commit p50 {} (× {times:.2})", show(bare)));
            }
        }
        drop(store);
        if name != "memory" {
            let mut times: Vec<_> =
                (0..20).map(|_| time(|| drop(runtime.block_on(store::open(&url, synchronous)).unwrap()))).collect();
            table.keep(format!("open-{}", name.replace(' ', "-").to_lowercase()), Figure::of(Unit::Disk, &times));
            table.told(format!("{name}: open and close, p50"), show(quantile(&mut times, 0.5)));
        }
    }
}

/// Times of plain writes of one page, each flushed.
pub(crate) fn raw_flushes(path: &Path, count: usize) -> Vec<Duration> {
    let mut file = File::create(path).unwrap();
    let page = [7; 4096];
    (0..count)
        .map(|_| {
            time(|| {
                file.write_all(&page).unwrap();
                file.sync_all().unwrap();
            })
        })
        .collect()
}

/// One table in a file of its own: what a commit costs without anything of ours.
pub(crate) struct Bare {
    connection: Connection,
}

impl Bare {
    pub(crate) fn open(path: &Path, synchronous: Synchronous) -> Self {
        let connection = Connection::open(path).unwrap();
        let synchronous = if synchronous == Synchronous::Full { "FULL" } else { "NORMAL" };
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = wal; PRAGMA synchronous = {synchronous}; CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)"
            ))
            .unwrap();
        Self { connection }
    }

    /// Commits `rows` rows as long as a record in one transaction.
    pub(crate) fn commit(&mut self, rows: usize) -> Duration {
        let body = "x".repeat(BODY + 50);
        time(|| {
            let transaction = self.connection.transaction().unwrap();
            for _ in 0..rows {
                transaction.prepare_cached("INSERT INTO t (body) VALUES (?1)").unwrap().execute([&body]).unwrap();
            }
            transaction.commit().unwrap();
        })
    }
}

/// The writer's side of a stream.
pub(crate) struct Log {
    stream: StreamId,
    epoch: Epoch,
    next: Seq,
    last: Digest,
}

impl Log {
    pub(crate) async fn claim(store: &Arc<dyn Store>, name: &str) -> Self {
        let stream = StreamId::new(name);
        let epoch = store.claim(&stream, &this_process(), Duration::from_secs(60)).await.unwrap();
        Self { stream, epoch, next: 0, last: Digest::ZERO }
    }

    /// Appends `count` records by as many calls that are under way together; how long until the last is durable.
    pub(crate) async fn append(&mut self, store: &Arc<dyn Store>, count: usize) -> Duration {
        let body = format!("\"{}\"", "x".repeat(BODY));
        let records: Vec<_> = (0..count)
            .map(|_| {
                let record =
                    Record::seal(self.last, &self.stream, self.next, Timestamp::now(), "model_responded", 1, body.clone());
                self.next += 1;
                self.last = record.hash;
                record
            })
            .collect();
        let start = Instant::now();
        let appends = records.chunks(1).map(|one| store.append(&self.stream, self.epoch, one[0].seq, one));
        join_all(appends).await.into_iter().collect::<agentflow::Result<()>>().unwrap();
        start.elapsed()
    }
}
