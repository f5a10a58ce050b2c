//! Random graphs against a naive sequential reference.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use agentflow::{
    engine::RunState,
    model::{NodeStatus, Value},
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

use super::flow::Flow;

/// A node of a random graph. Sources are indices of earlier nodes.
#[derive(Debug, Clone)]
struct Node {
    kind: Kind,
    sources: Vec<usize>,
    /// `when: inputs.n > …`.
    when: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// One more than the sum of its sources.
    Sum,
    /// An agent that answers with its index.
    Agent,
    /// An agent that fails, with `on_error: continue`.
    Failing,
    /// An agent that fails twice, then answers.
    Flaky,
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let kind = prop_oneof![4 => Just(Kind::Sum), 2 => Just(Kind::Agent), 1 => Just(Kind::Failing), 1 => Just(Kind::Flaky)];
    let node = (kind, prop::collection::vec(any::<prop::sample::Index>(), 0..4), prop::option::weighted(0.3, 0..10i64));
    prop::collection::vec(node, 1..24).prop_map(|drafts| {
        let node = |(index, (kind, sources, when)): (usize, (Kind, Vec<prop::sample::Index>, Option<i64>))| {
            let mut sources: Vec<_> =
                if index == 0 { vec![] } else { sources.iter().map(|source| source.index(index)).collect() };
            sources.sort_unstable();
            sources.dedup();
            Node { kind, sources, when }
        };
        drafts.into_iter().enumerate().map(node).collect()
    })
}

fn yaml(nodes: &[Node]) -> String {
    let mut text = "inputs: { n: integer }\nlimits: { concurrency: 3 }\nagents: { a: { model: mock/m } }\nnodes:\n".to_owned();
    for (index, node) in nodes.iter().enumerate() {
        let mut sum = String::new();
        for source in &node.sources {
            write!(sum, "(n{source} | default(0, true)) + ").unwrap();
        }
        let body = match node.kind {
            Kind::Sum => format!("value: '{{{{ {sum}1 }}}}'"),
            Kind::Agent | Kind::Flaky => format!("agent: a, prompt: '{{{{ {sum}1 }}}}', output: integer"),
            Kind::Failing => format!("agent: a, prompt: '{{{{ {sum}1 }}}}', output: integer, on_error: continue"),
        };
        let when = node.when.map(|when| format!(", when: inputs.n > {when}")).unwrap_or_default();
        writeln!(text, "  n{index}: {{ {body}{when} }}").unwrap();
    }
    text
}

/// What a person would work out with a pencil.
fn reference(nodes: &[Node], n: i64) -> BTreeMap<String, (NodeStatus, Value)> {
    let mut results: Vec<(NodeStatus, Value, bool)> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let taken = node.sources.is_empty() || node.sources.iter().any(|source| results[*source].2);
        let runs = taken && node.when.is_none_or(|when| n > when);
        let result = match node.kind {
            _ if !runs => (NodeStatus::Skipped, Value::Null, false),
            Kind::Sum => {
                let sum: i64 = node.sources.iter().map(|source| results[*source].1.as_i64().unwrap_or(0)).sum();
                (NodeStatus::Succeeded, json!(sum + 1), true)
            }
            Kind::Agent | Kind::Flaky => (NodeStatus::Succeeded, json!(index), true),
            Kind::Failing => (NodeStatus::Failed, Value::Null, true),
        };
        results.push(result);
    }
    results.into_iter().enumerate().map(|(index, (status, output, _))| (format!("n{index}"), (status, output))).collect()
}

fn flow(nodes: &[Node], n: i64) -> Flow {
    let flow = Flow::new(&yaml(nodes)).input("n", n).latency(Duration::from_millis(7));
    nodes.iter().enumerate().fold(flow, |flow, (index, node)| {
        let id = format!("n{index}");
        match node.kind {
            Kind::Sum => flow,
            Kind::Agent => flow.answer(&id, index),
            Kind::Failing => flow.fail(&id, 400, 1),
            Kind::Flaky => flow.fail(&id, 503, 2).answer(&id, index),
        }
    })
}

#[test]
fn random_graphs_end_like_the_sequential_reference_live_and_replayed() {
    let mut runner = TestRunner::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runner
        .run(&(nodes(), 0..10i64), |(nodes, n)| {
            let flow = flow(&nodes, n);
            let ran = runtime.block_on(flow.run());
            let env = BTreeMap::new();
            let state = RunState::replay(Arc::clone(&flow.plan), &env, &ran.events).unwrap();
            let ended: BTreeMap<_, _> =
                state.summary().into_iter().map(|(path, (status, _, output))| (path.to_string(), (status, output))).collect();
            prop_assert_eq!(ended, reference(&nodes, n), "{}", yaml(&nodes));
            prop_assert_eq!(ran.shown, ran.events);
            Ok(())
        })
        .unwrap();
}
