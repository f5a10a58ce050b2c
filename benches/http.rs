//! Model calls over HTTP, and what the engine adds to them: each figure is taken in turns with a bare loop of the same requests to
//! the same server, which is a process of its own.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use agentflow::{
    agent::{CallLimits, Models, ModelsSettings, ProviderLimits},
    engine::{Engine, EngineSettings},
    model::ProviderName,
    provider::{HttpClient, OpenAiProvider, Providers, ServerSettings},
    store::{self, Synchronous},
};
use futures::{StreamExt as _, stream};

use crate::{
    engine::{one_run, plan, runtime},
    figure::Figure,
    measure::{processor_time, quantile, rate, show},
    table::Table,
};

const CALLS: usize = 1_000;
const AT_ONCE: usize = 32;
const ROUNDS: usize = 5;

/// What is compared.
const WAYS: [(&str, &str); 3] = [("bare loop", ""), ("in memory", "≥ 80 %"), ("recorded, FULL", "≥ 60 %")];

pub(crate) fn run(table: &mut Table) {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    // One that answers at once shows what a call costs; no model does that.
    for (latency, name) in [(0, "at once"), (5, "after 5 ms")] {
        compare(table, &Server::start(latency), name);
    }
}

fn compare(table: &mut Table, server: &Server, answers: &str) {
    let runtime = runtime();
    let folder = tempfile::tempdir_in(".").unwrap();
    let url = format!("sqlite:{}", folder.path().join("http.db").display());
    let (in_memory, on_disk) = runtime.block_on(async {
        (store::open("memory:", Synchronous::Full).await.unwrap(), store::open(&url, Synchronous::Full).await.unwrap())
    });
    let models = models(&server.url);
    let engines = [in_memory, on_disk].map(|store| Engine::new(store, Arc::clone(&models), EngineSettings::default()));
    let plan = plan(&workflow());
    let client = runtime.block_on(async { reqwest::Client::builder().no_proxy().build().unwrap() });
    let mut times = [(); WAYS.len()].map(|()| (Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        for (way, (wall, processor)) in times.iter_mut().enumerate() {
            let before = processor_time();
            let time = match way {
                0 => runtime.block_on(bare(&client, &server.url)),
                way => runtime.block_on(one_run(&engines[way - 1], &plan)),
            };
            wall.push(time);
            processor.extend(before.zip(processor_time()).map(|(before, after)| after.saturating_sub(before)));
        }
    }
    let kept = if answers == "at once" { "at-once" } else { "after-5ms" };
    for (way, name) in [(1, "memory"), (2, "recorded")] {
        table.keep(format!("{kept}-{name}-to-bare"), Figure::pairs(&times[way].0, &times[0].0));
    }
    let [bare, ..] = times.each_mut().map(|(wall, _)| quantile(wall, 0.5));
    for ((name, target), (wall, processor)) in WAYS.iter().zip(&mut times) {
        let (time, calls) = (quantile(wall, 0.5), u32::try_from(CALLS).unwrap());
        let share = bare.as_secs_f64() / time.as_secs_f64() * 100.0;
        let cpu = if processor.is_empty() { Duration::ZERO } else { quantile(processor, 0.5) / calls };
        let what = format!("{CALLS} calls answered {answers}, {AT_ONCE} at once, {name}");
        let (told, cpu_told) = (format!("{}, {share:.0} %", rate(CALLS, time)), format!("{} a call", show(cpu)));
        match target.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>() {
            Ok(least) => {
                table.wanted(&what, target.to_owned(), told, share >= least);
                table.wanted(format!("{what}: CPU"), "≤ 80 µs", cpu_told, cpu <= Duration::from_micros(80));
            }
            Err(_) => table.told(what, format!("{told}, CPU {cpu_told}")),
        }
    }
}

/// One node for each call, all independent.
fn workflow() -> String {
    let mut text = format!(
        "limits: {{ nodes: 100k, concurrency: {AT_ONCE} }}\nagents: {{ a: {{ model: ollama/small }} }}\nnodes:\n  list: {{ value: '{{{{ range({CALLS}) }}}}' }}\n"
    );
    writeln!(text, "  each: {{ map: list, agent: a, prompt: 'number {{{{ item }}}}' }}").unwrap();
    text
}

fn models(url: &str) -> Arc<Models> {
    let name = ProviderName::new("ollama").unwrap();
    let settings = ServerSettings {
        name: name.clone(),
        base_url: format!("{url}/v1"),
        key: None,
        headers: Vec::new(),
        prices: BTreeMap::new(),
        windows: BTreeMap::new(),
    };
    let mut providers = Providers::default();
    providers.register(name.clone(), Arc::new(OpenAiProvider::new(settings, HttpClient::default()).unwrap()));
    let unbounded = ProviderLimits {
        calls: CallLimits { max_concurrent: Some(10_000), ..CallLimits::default() },
        ..ProviderLimits::default()
    };
    let providers_settings = BTreeMap::from([(name, unbounded)]);
    let settings = ModelsSettings { max_concurrent: Some(10_000), providers: providers_settings };
    Arc::new(Models::new(providers, settings))
}

/// The same requests, and nothing else: sent, and their answers read to the end.
async fn bare(client: &reqwest::Client, url: &str) -> Duration {
    let start = Instant::now();
    let calls = stream::iter(0..CALLS).map(|number| async move {
        let body = format!(
            r#"{{"model":"small","messages":[{{"role":"user","content":"number {number}"}}],"stream":true,"stream_options":{{"include_usage":true}}}}"#
        );
        let request = client.post(format!("{url}/v1/chat/completions")).header("content-type", "application/json").body(body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success());
        response.bytes().await.unwrap().len()
    });
    let read: usize = calls.buffer_unordered(AT_ONCE).fold(0, |sum, length| async move { sum + length }).await;
    assert!(read > CALLS);
    start.elapsed()
}

/// The server that the tests have, too; without a log of its own.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(latency: u32) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_agentflow")).with_file_name("examples").join("fault-server");
        let mut child = Command::new(&program)
            .args(["--no-sync", "--latency", &latency.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; `scripts/bench` builds it", program.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().trim_start_matches("listening ").to_owned();
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
