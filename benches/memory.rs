//! Memory with many vectors: how fast they are added, what a run's commits feel of it, how large they are, how fast and how well they
//! are searched.
//!
//! `AGENTFLOW_BENCH_VECTORS=100000,1000000` says how many there are; without it, 100,000.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::{
    ops::Range,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use agentflow::{
    memory::{Filter, Index, NewChunk, NewDocument, Search, SqliteIndex},
    model::{CollectionName, Position, Scope, Writer},
    store::{self, Synchronous},
};
use fastrand::Rng;

use crate::{
    figure::{Figure, Unit},
    measure::{peak_memory, quantile, rate, show},
    store::Log,
    table::Table,
};

const DIMENSION: usize = 384;
/// How many chunks a document has.
const CHUNKS: usize = 10;
/// How many documents are put with one call.
const DOCUMENTS: usize = 100;
/// How many directions the vectors gather around.
const CLUSTERS: usize = 1_000;
/// How many different words the texts are made of, the first far more often than the last.
const WORDS: f64 = 20_000.0;
const QUERIES: usize = 100;
const K: usize = 10;
/// How many of the queries are compared with an exact search.
const COMPARED: usize = 50;
/// How many commits of a run are timed.
const COMMITS: usize = 500;

pub(crate) fn run(table: &mut Table) {
    let sizes =
        std::env::var_os("AGENTFLOW_BENCH_VECTORS").map_or_else(|| "100000".to_owned(), |sizes| sizes.into_string().unwrap());
    commits(table);
    long_texts(table);
    for size in sizes.split(',') {
        one_size(table, size.trim().parse().unwrap());
    }
}

fn one_size(table: &mut Table, count: usize) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let path = folder.path().join("agentflow.db");
    let runtime = runtime();
    let index = runtime.block_on(open(&path));
    let world = World::new();
    let times = runtime.block_on(add(&index, &world, 0..count, 12));
    let time: Duration = times.iter().sum();
    table.keep(format!("add-{count}"), Figure::of(Unit::Disk, &times).each(CHUNKS * DOCUMENTS));
    let speed = count as f64 / time.as_secs_f64();
    let thousands = count / 1_000;
    table.wanted(format!("{thousands}k: add"), "≥ 10,000/s", rate(count, time), speed >= 10_000.0);
    let told = runtime.block_on(index.size(&collection())).unwrap();
    drop(index);
    let bytes = std::fs::metadata(&path).unwrap().len();
    let (each, told) = (bytes / count as u64, told / count as u64);
    table.told(format!("{thousands}k: bytes a vector on disk, with text and words"), format!("{each} (told: {told})"));

    let output =
        Command::new(std::env::current_exe().unwrap()).arg(QUERIES_ONLY).arg(&path).arg(count.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<u64> = text.split_ascii_whitespace().map(|figure| figure.parse().unwrap()).collect();
    let [cold, p25, p50, p75, p95, both_p50, both_p95, filtered_p95, recall, memory] = figures[..] else { panic!("{text}") };
    let quartiles = [p25, p50, p75].map(Duration::from_micros);
    table.keep(format!("search-{count}"), Figure::of(Unit::Processor, &quartiles));
    table.keep(format!("recall-{count}"), Figure::one(Unit::Missing, 1.0 - recall as f64 / 1e4));
    table.keep(format!("search-{count}-memory"), Figure::one(Unit::Kibibytes, memory as f64));
    let micros = |figure| show(Duration::from_micros(figure));
    let most = if count > 100_000 { 200_000 } else { 20_000 };
    let target = format!("≤ {}", micros(most));
    table.told(format!("{thousands}k: first search of a process"), micros(cold));
    let measured = format!("p50 {}, p95 {}", micros(p50), micros(p95));
    table.wanted(format!("{thousands}k: search by meaning"), &*target, measured, p95 <= most);
    let measured = format!("p50 {}, p95 {}", micros(both_p50), micros(both_p95));
    table.wanted(format!("{thousands}k: search by both"), &*target, measured, both_p95 <= most);
    table.told(format!("{thousands}k: search by meaning in one of ten scopes, p95"), micros(filtered_p95));
    table.wanted(format!("{thousands}k: recall@10"), "≥ 0.95", format!("{:.4}", recall as f64 / 1e4), recall >= 9_500);
    table.wanted(
        format!("{thousands}k: peak memory of a process that searches"),
        "≤ 500 MB",
        format!("{} MB", memory / 1024),
        memory <= 500 * 1024,
    );
}

/// What a commit of a run takes while nothing else happens, and while many vectors are added.
fn commits(table: &mut Table) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let path = folder.path().join("agentflow.db");
    let runtime = runtime();
    let index = Arc::new(runtime.block_on(open(&path)));
    let store = runtime.block_on(store::open(&format!("sqlite:{}", path.display()), Synchronous::Full)).unwrap();
    let mut log = runtime.block_on(Log::claim(&store, "run/memory"));
    let mut commits = || -> Vec<Duration> {
        let one = |_| {
            let time = runtime.block_on(log.append(&store, 1));
            // As far apart as those of a run that has something to do.
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(2)).await });
            time
        };
        (0..COMMITS).map(one).collect()
    };
    let mut idle = commits();
    let stop = Arc::new(AtomicBool::new(false));
    let adding = {
        let (index, stop) = (Arc::clone(&index), Arc::clone(&stop));
        thread::spawn(move || {
            let (runtime, world) = (self::runtime(), World::new());
            let (mut added, mut time) = (0, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                time += runtime.block_on(add(&index, &world, added..added + 2_000, 12)).iter().sum::<Duration>();
                added += 2_000;
            }
            (added, time)
        })
    };
    let mut busy = commits();
    stop.store(true, Ordering::Relaxed);
    let (added, time) = adding.join().unwrap();
    let (idle_p50, busy_p50) = (quantile(&mut idle, 0.5), quantile(&mut busy, 0.5));
    let (idle, busy) = (quantile(&mut idle, 0.99), quantile(&mut busy, 0.99));
    let times = busy.as_secs_f64() / idle.as_secs_f64();
    let measured =
        format!("{} (p50 {}) against {} (p50 {}): × {times:.2}", show(busy), show(busy_p50), show(idle), show(idle_p50));
    table.wanted("a run's commit while vectors are added, p99", "≤ × 3", measured, times <= 3.0);
    table.told("adding beside these commits", rate(added, time));
}

/// Texts as long as those of documents are.
fn long_texts(table: &mut Table) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let runtime = runtime();
    let index = runtime.block_on(open(&folder.path().join("agentflow.db")));
    let time = runtime.block_on(add(&index, &World::new(), 0..20_000, 170)).iter().sum();
    table.told("20k with texts of 170 words: add", rate(20_000, time));
}

/// The argument that makes this program do nothing but search, and tell its times and memory.
pub(crate) const QUERIES_ONLY: &str = "memory-queries-only";

pub(crate) fn queries_only(path: &str, count: &str) {
    let (runtime, world) = (runtime(), World::new());
    let queries: Vec<_> = (0..QUERIES).map(|n| world.vector(&mut Rng::with_seed(u64::MAX - n as u64))).collect();
    let wanted = exact(&world, count.parse().unwrap(), &queries[..COMPARED]);
    let index = runtime.block_on(SqliteIndex::open(path.into())).unwrap();
    let search = |vector: &[f32], words: Option<String>, filter: Filter| {
        let start = Instant::now();
        let search = Search { vector: Some(vector), words: words.as_deref(), k: K, min_score: None, filter };
        let found = runtime.block_on(index.search(&collection(), &search)).unwrap();
        assert_eq!(found.len(), K);
        (start.elapsed(), found)
    };
    let (cold, _) = search(&queries[0], None, Filter::default());
    let (mut times, mut hits) = (Vec::new(), 0);
    for (n, query) in queries.iter().enumerate() {
        let (time, found) = search(query, None, Filter::default());
        times.push(time);
        if let Some(wanted) = wanted.get(n) {
            hits +=
                found.iter().filter(|passage| wanted.contains(&chunk_of(&passage.source, passage.position.first_line))).count();
        }
    }
    let mut both: Vec<_> = (0..)
        .zip(&queries)
        .map(|(seed, query)| search(query, Some(text(&mut Rng::with_seed(seed), 6)), Filter::default()).0)
        .collect();
    let mut filtered: Vec<_> = (0..)
        .zip(&queries)
        .map(|(n, query)| search(query, None, Filter { scopes: vec![scope(n)], ..Filter::default() }).0)
        .collect();
    let figures = [
        cold,
        quantile(&mut times, 0.25),
        quantile(&mut times, 0.5),
        quantile(&mut times, 0.75),
        quantile(&mut times, 0.95),
        quantile(&mut both, 0.5),
        quantile(&mut both, 0.95),
        quantile(&mut filtered, 0.95),
    ];
    for time in &figures {
        print!("{} ", time.as_micros());
    }
    println!("{} {}", hits * 10_000 / (COMPARED * K), peak_memory().unwrap_or(0));
}

/// The chunks that are nearest to each query, by looking at all.
fn exact(world: &World, count: usize, queries: &[Vec<f32>]) -> Vec<Vec<usize>> {
    let halves = [0..count / 2, count / 2..count].map(|half| move || nearest(world, half, queries));
    let nearest = thread::scope(|scope| halves.map(|half| scope.spawn(half)).map(|half| half.join().unwrap()));
    let [one, two] = nearest;
    one.into_iter()
        .zip(two)
        .map(|(mut one, two)| {
            one.extend(two);
            one.sort_by(|a, b| b.0.total_cmp(&a.0));
            one.into_iter().take(K).map(|(_, chunk)| chunk).collect()
        })
        .collect()
}

fn nearest(world: &World, chunks: Range<usize>, queries: &[Vec<f32>]) -> Vec<Vec<(f32, usize)>> {
    let mut best: Vec<Vec<(f32, usize)>> = vec![Vec::new(); queries.len()];
    for chunk in chunks {
        let vector = world.vector(&mut Rng::with_seed(chunk as u64));
        for (best, query) in best.iter_mut().zip(queries) {
            let near = dot(&vector, query);
            if best.len() < K || near > best[K - 1].0 {
                let at = best.partition_point(|(score, _)| *score >= near);
                best.insert(at, (near, chunk));
                best.truncate(K);
            }
        }
    }
    best
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        (0..16).for_each(|at| sums[at] += a[at] * b[at]);
    }
    sums.iter().sum()
}

/// Where the vectors are.
struct World {
    centers: Vec<Vec<f32>>,
}

impl World {
    fn new() -> Self {
        let mut random = Rng::with_seed(7);
        Self { centers: (0..CLUSTERS).map(|_| spread(&mut random)).collect() }
    }

    fn vector(&self, random: &mut Rng) -> Vec<f32> {
        let center = &self.centers[random.usize(..CLUSTERS)];
        let noise = spread(random);
        unit(center.iter().zip(noise).map(|(center, noise)| center + 0.7 * noise).collect())
    }
}

fn spread(random: &mut Rng) -> Vec<f32> {
    unit((0..DIMENSION).map(|_| random.f32() + random.f32() + random.f32() - 1.5).collect())
}

fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.into_iter().map(|number| number / length).collect()
}

/// Adds chunks of these numbers; how long the index took for each call, without making them up.
async fn add(index: &SqliteIndex, world: &World, chunks: Range<usize>, words: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    let all: Vec<_> = (chunks.start / CHUNKS..chunks.end / CHUNKS).collect();
    for documents in all.chunks(DOCUMENTS) {
        let put = documents.iter().map(|number| document(world, *number, words)).collect();
        let start = Instant::now();
        index.put(&collection(), put).await.unwrap();
        times.push(start.elapsed());
    }
    times
}

fn document(world: &World, number: usize, words: usize) -> NewDocument {
    let chunk = |line: u32| {
        let at = number * CHUNKS + line as usize - 1;
        let mut random = Rng::with_seed(at as u64);
        let vector = world.vector(&mut random);
        NewChunk {
            position: Position { first_line: line, last_line: line, ..Position::default() },
            text: text(&mut random, words),
            hash: format!("{at:064x}"),
            tokens: 16,
            vector: Some(vector),
        }
    };
    NewDocument {
        source: format!("docs/{number}.md"),
        scope: scope(number),
        hash: format!("{number:064x}"),
        bytes: 1_000,
        writer: Writer::default(),
        untrusted: false,
        metadata: serde_json::Map::new(),
        chunks: (1..).take(CHUNKS).map(chunk).collect(),
    }
}

fn scope(number: usize) -> Scope {
    Scope::Workflow(format!("w{}", number % 10))
}

fn chunk_of(source: &str, line: u32) -> usize {
    let number: usize = source.trim_start_matches("docs/").trim_end_matches(".md").parse().unwrap();
    number * CHUNKS + line as usize - 1
}

/// Words as in texts: the n-th most frequent is n times as rare as the first.
fn text(random: &mut Rng, words: usize) -> String {
    let word = |_| format!("w{:.0}", WORDS.powf(random.f64()));
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

fn collection() -> CollectionName {
    CollectionName::new("docs").unwrap()
}

async fn open(path: &Path) -> SqliteIndex {
    drop(store::open(&format!("sqlite:{}", path.display()), Synchronous::Full).await.unwrap());
    let index = SqliteIndex::open(path.to_owned()).await.unwrap();
    index.make(&collection(), "mock", DIMENSION).await.unwrap();
    index
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
