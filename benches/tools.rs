//! What is around a call of a tool: checks, the policy, fingerprint and journal, without the commit; and a search whose result is kept.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use agentflow::{
    Result,
    agent::{Entry, Journal, Models, ModelsSettings, Notice, Recorded, ToolSettings, ToolTask, Tools, call_tool},
    engine::{Engine, EngineSettings},
    model::{Access, AccessClass, Effect, NodePath, RunId, ToolName, ToolSpec, Value},
    provider::Providers,
    store::{self, InMemoryStore, Store, Synchronous},
    tool::{
        Authorized, CallContext, Grants, Level, Policy, Rules, Tool, ToolCall, ToolOutput, Toolbox,
        web::{SearchEngine, SearchSettings, WebSearch},
    },
};
use async_trait::async_trait;
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::{
    engine::{one_run, plan, runtime},
    figure::{Figure, Unit},
    measure::{processor_share, processor_time, quantile, show},
    table::Table,
};

const CALLS: usize = 2_000;
const ROUNDS: usize = 7;
const DISPATCH: Duration = Duration::from_micros(50);
const CACHED: Duration = Duration::from_millis(1);

pub(crate) fn run(table: &mut Table) {
    let runtime = runtime();
    dispatched(table, &runtime);
    in_a_run(table, &runtime);
    cached(table, &runtime);
}

/// Calls one after the other, each a step of its own, into a journal that only keeps.
fn dispatched(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    let tools = Tools::new(toolbox(), Policy::new(rules(&["fs:read:docs/**"])), BTreeMap::new());
    let lab = Lab::new(tools, "read_file", &["fs:read:docs/**"]);
    measured(
        table,
        "call-no-op",
        runtime,
        &lab,
        "a call of a no-op, without the commit",
        DISPATCH,
        |n| json!({"path": format!("docs/{n}.md")}),
    );
}

/// The same as nodes of a run, with all the engine does, in memory.
fn in_a_run(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    let plan = plan(&format!(
        "limits: {{ nodes: 100k, tool_calls: 100k, concurrency: 64 }}\npermissions: ['fs:read:docs/**']\nnodes:\n  each: {{ map: 'range({CALLS})', tool: \
         read_file, args: {{ path: 'docs/{{{{ item }}}}.md' }} }}\n"
    ));
    let tools = Arc::new(Tools::new(toolbox(), Policy::new(rules(&["fs:read:docs/**"])), BTreeMap::new()));
    let (before, mut times) = (processor_time(), Vec::new());
    for _ in 0..ROUNDS {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let models = Arc::new(Models::new(Providers::default(), ModelsSettings::default()));
        let engine = Engine::new(store, models, EngineSettings::default()).with_tools(Arc::clone(&tools));
        times.push(runtime.block_on(one_run(&engine, &plan)) / u32::try_from(CALLS).unwrap());
    }
    let each = quantile(&mut times, 0.5);
    table.keep("node-no-op", Figure::of(Unit::Processor, &times));
    table.told(
        "a node of a run that calls a no-op, in memory",
        format!("{}{}", show(each), processor_share(before, ROUNDS * CALLS)),
    );
}

/// One search after the other that was made before, over a store on disk.
fn cached(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let url = format!("sqlite:{}", folder.path().join("cache.db").display());
    let (store, server) = runtime.block_on(async {
        let server = MockServer::start().await;
        let results: Vec<_> = (0..10)
            .map(|n| json!({"title": "A title of a page", "url": format!("https://example.com/{n}"), "content": "x".repeat(300)}))
            .collect();
        let answer = ResponseTemplate::new(200).set_body_json(json!({ "results": results }));
        Mock::given(any()).respond_with(answer).expect(1).mount(&server).await;
        (store::open(&url, Synchronous::Full).await.unwrap(), server)
    });
    let allowed = format!("net:{}", server.uri());
    let settings = SearchSettings { base_url: Some(server.uri()), ..SearchSettings::new(SearchEngine::Searxng) };
    let mut toolbox = Toolbox::default();
    toolbox.add(Arc::new(WebSearch::new(settings).unwrap()));
    let kept = ToolSettings { cache: Some(Duration::from_secs(3_600)), ..ToolSettings::default() };
    let tools = Tools::new(toolbox, Policy::new(rules(&[&allowed])), BTreeMap::from([("web_search".to_owned(), kept)]));
    tools.keep_in(&store);
    let lab = Lab::new(tools, "web_search", &[&allowed]);
    measured(
        table,
        "kept-search",
        runtime,
        &lab,
        "a search whose result is kept, SQLite",
        CACHED,
        |_| json!({"query": "barley", "count": 10}),
    );
    runtime.block_on(server.verify());
}

fn measured(
    table: &mut Table,
    name: &str,
    runtime: &tokio::runtime::Runtime,
    lab: &Lab,
    what: &str,
    most: Duration,
    arguments: impl Fn(usize) -> Value,
) {
    runtime.block_on(lab.calls(1, &arguments));
    let (before, mut times) = (processor_time(), Vec::new());
    for _ in 0..ROUNDS {
        times.push(runtime.block_on(lab.calls(CALLS, &arguments)) / u32::try_from(CALLS).unwrap());
    }
    let each = quantile(&mut times, 0.5);
    let figures = format!("{}{}", show(each), processor_share(before, ROUNDS * CALLS));
    table.keep(name, Figure::of(Unit::Processor, &times));
    table.wanted(what, format!("≤ {}", show(most)), figures, each <= most);
}

fn rules(allow: &[&str]) -> Rules {
    Rules { allow: allow.iter().map(|text| text.parse().unwrap()).collect(), ..Rules::default() }
}

fn toolbox() -> Toolbox {
    let mut toolbox = Toolbox::default();
    toolbox.add(Arc::new(Nothing::new()));
    toolbox
}

/// A node that calls a tool.
struct Lab {
    tools: Tools,
    tool: ToolName,
    node: NodePath,
    grants: Arc<Grants>,
}

impl Lab {
    fn new(tools: Tools, tool: &str, permissions: &[&str]) -> Self {
        let level = Level { owner: "bench".to_owned(), permissions: rules(permissions).allow };
        let grants = Arc::new(Grants { levels: vec![level], always_ask: false });
        Self { tools, tool: ToolName::new(tool).unwrap(), node: NodePath::new("work"), grants }
    }

    async fn calls(&self, count: usize, arguments: &impl Fn(usize) -> Value) -> Duration {
        let (log, run, recorded) = (Log::default(), RunId::generate(), Recorded::default());
        let arguments: Vec<_> = (0..count).map(arguments).collect();
        let start = Instant::now();
        for arguments in arguments {
            let task = ToolTask {
                run,
                node: &self.node,
                tool: &self.tool,
                arguments,
                output: None,
                grants: &self.grants,
                on_ambiguous: None,
                secret_key: "",
            };
            call_tool(task, &self.tools, &recorded, &log).await.outcome.unwrap();
        }
        let time = start.elapsed();
        assert_eq!(log.0.into_inner().unwrap().len(), 2 * count, "an intent and a result of each");
        time
    }
}

/// Keeps entries.
#[derive(Default)]
struct Log(Mutex<Vec<Entry>>);

#[async_trait]
impl Journal for Log {
    async fn record(&self, entry: Entry) -> Result<()> {
        self.note(entry);
        Ok(())
    }

    fn note(&self, entry: Entry) {
        self.0.lock().unwrap().push(entry);
    }

    fn on_call(&self, _ordinal: u32) {}

    fn on_text(&self, _text: &str) {}

    fn on_notice(&self, _notice: Notice) {}
}

/// Says that it reads a file, and does not.
#[derive(Debug)]
struct Nothing(ToolSpec);

impl Nothing {
    fn new() -> Self {
        let path = json!({"type": "string", "description": "The path of the file from the folder of the project."});
        Self(ToolSpec {
            name: ToolName::new("read_file").unwrap(),
            description: "Reads a file.".to_owned(),
            parameters: json!({
                "type": "object", "properties": { "path": path }, "required": ["path"], "additionalProperties": false,
            }),
            effect: Effect::Read,
        })
    }
}

#[async_trait]
impl Tool for Nothing {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Read]
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        Ok(vec![Access::Read { path: arguments["path"].as_str().unwrap_or_default().to_owned() }])
    }

    async fn call(&self, _call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        Ok(ToolOutput::new("nothing"))
    }
}
