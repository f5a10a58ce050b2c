//! Messages within a run: how many go through a mailbox in a second, and what hundreds of agents with thousands of messages add.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use agentflow::{
    agent::Tools,
    engine::{Engine, EngineSettings, RunOptions, Stop},
    model::RunStatus,
    provider::{MockAnswer, MockProvider, MockSettings, Provider},
    store::{InMemoryStore, Store},
    tool::{Policy, Rules, Toolbox, messages::message_tools},
};
use indexmap::IndexMap;
use serde_json::json;

use crate::{
    engine::{Blind, mock, models, plan, runtime},
    figure::{Figure, Unit},
    measure::{quantile, show},
    table::Table,
};

pub(crate) fn run(table: &mut Table) {
    let runtime = runtime();
    one_mailbox(table, &runtime);
    many_agents(table, &runtime);
}

/// Sent by one node each, taken a thousand at a time, while others are sent.
fn one_mailbox(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    let mut each = Vec::new();
    for count in [1_000_u32, 10_000] {
        let plan = plan(&format!(
            "limits: {{ nodes: 100k }}\nnodes:\n  list: {{ value: '{{{{ range({count}) }}}}' }}\n  \
             tell: {{ map: list, send: {{ to: desk, type: note, body: {{ number: '{{{{ item }}}}' }} }} }}\n  \
             take: {{ map: 'range({}) | list', receive: {{ mailbox: desk, count: 1000 }} }}\n  \
             end: {{ needs: [tell, take], value: '{{{{ messages.desk | length }}}}' }}\n\
             outputs: {{ left: '{{{{ end }}}}' }}\n",
            count / 1_000
        ));
        let mut times: Vec<_> = (0..5)
            .map(|_| {
                let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
                let engine = Engine::new(store, models(mock(Duration::ZERO)), EngineSettings::default());
                let options = RunOptions::new(IndexMap::new());
                let start = Instant::now();
                let result = runtime.block_on(engine.run(Arc::clone(&plan), options, Arc::new(Blind), Stop::default())).unwrap();
                let time = start.elapsed();
                assert_eq!((result.status, &result.outputs["left"]), (RunStatus::Succeeded, &json!(0)), "{:?}", result.error);
                time
            })
            .collect();
        let time = quantile(&mut times, 0.5);
        each.push(time / count);
        table.keep(format!("mailbox-{count}"), Figure::of(Unit::Processor, &times).each(count as usize));
        let rate = f64::from(count) / time.as_secs_f64();
        let what = format!("{count} messages through one mailbox of a run, memory");
        if count == 10_000 {
            table.wanted(what, "≥ 10,000/s", format!("{rate:.0}/s"), rate >= 10_000.0);
        } else {
            table.told(what, format!("{rate:.0}/s"));
        }
    }
    let flat = each[1].as_secs_f64() / each[0].as_secs_f64();
    table.wanted("a message of 10,000 against one of 1,000", "≤ × 1.5", format!("× {flat:.2}"), flat <= 1.5);
}

/// Agents that each send ten messages by their tools and read them.
fn many_agents(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    let mut each = Vec::new();
    for agents in [100_u32, 400] {
        let mut text = "limits: { nodes: 100k, tool_calls: 100k, concurrency: 64 }\nagents:\n".to_owned();
        let mut answers = BTreeMap::new();
        for n in 0..agents {
            writeln!(text, "  a{n}: {{ model: mock/m, tools: [send_message, read_messages] }}").unwrap();
            let to = format!("a{}", (n + 1) % agents);
            let send = json!({"name": "send_message", "arguments": {"to": to, "type": "note", "body": {"from": n}}});
            let calls = json!({"tools": vec![send; 10]});
            let read = json!({"tools": [{"name": "read_messages", "arguments": {}}]});
            answers.insert(
                format!("n{n}"),
                [calls, read, json!("done")].into_iter().map(|answer| MockAnswer::from_value(answer).unwrap()).collect(),
            );
        }
        text.push_str("nodes:\n");
        (0..agents).for_each(|n| writeln!(text, "  n{n}: {{ agent: a{n}, prompt: 'Say and read' }}").unwrap());
        let plan = plan(&text);
        let mut times: Vec<_> = (0..3)
            .map(|_| {
                let settings = MockSettings { answers: answers.clone(), ..MockSettings::default() };
                let provider: Arc<dyn Provider> = Arc::new(MockProvider::new(settings));
                let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
                let mut toolbox = Toolbox::default();
                for tool in message_tools() {
                    toolbox.add(tool);
                }
                let tools = Tools::new(toolbox, Policy::new(Rules::default()), BTreeMap::new());
                let engine = Engine::new(store, models(provider), EngineSettings::default()).with_tools(Arc::new(tools));
                let options = RunOptions::new(IndexMap::new());
                let start = Instant::now();
                let result = runtime.block_on(engine.run(Arc::clone(&plan), options, Arc::new(Blind), Stop::default())).unwrap();
                assert_eq!(result.status, RunStatus::Succeeded, "{:?}", result.error);
                start.elapsed()
            })
            .collect();
        let time = quantile(&mut times, 0.5);
        each.push(time / (agents * 10));
        table.keep(format!("agents-{agents}"), Figure::of(Unit::Processor, &times).each(agents as usize * 10));
        table.told(format!("{agents} agents that send 10 messages each and read, memory"), show(time));
    }
    let flat = each[1].as_secs_f64() / each[0].as_secs_f64();
    table.wanted("a message among 400 agents against one among 100", "≤ × 1.5", format!("× {flat:.2}"), flat <= 1.5);
}
