//! Graphs made in code and as lists of nodes and edges: the same plans as files, the same checks, the same runs.

use std::{path::Path, sync::Arc};

use agentflow::{
    agent::{Models, ModelsSettings},
    diagnostic::DiskFiles,
    engine::{Engine, EngineSettings, RunOptions, RunResult, Stop},
    model::Value,
    plan::{CompileOptions, Compiled, DrawFormat, GraphBuilder, ManifestChoice, NodeSpec, Plan, compile_text, draw},
    provider::{MockProvider, MockSettings, Providers},
    store::InMemoryStore,
};
use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::json;

fn compiled(file: &str, text: &str) -> Compiled {
    compile_text(Path::new(file), text.to_owned(), ManifestChoice::None, &DiskFiles, &CompileOptions::default())
}

#[track_caller]
fn plan(file: &str, text: &str) -> Plan {
    let compiled = compiled(file, text);
    compiled.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", compiled.diagnostics))
}

/// `line:column code message`, a line each.
fn problems(graph: &Value) -> String {
    let compiled = compiled("graph.json", &format!("{graph:#}"));
    let line = |problem: &agentflow::diagnostic::Diagnostic| {
        let at = compiled.sources.position(problem.span);
        format!("{}:{} {} {}\n", at.line, at.column, problem.code, problem.message)
    };
    compiled.diagnostics.iter().map(line).collect()
}

async fn run(plan: Plan, inputs: Value) -> RunResult {
    let mut providers = Providers::default();
    providers.answer_everything_by(Arc::new(MockProvider::new(MockSettings::default())));
    let models = Models::new(providers, ModelsSettings::default());
    let engine = Engine::new(Arc::new(InMemoryStore::default()), Arc::new(models), EngineSettings::default());
    let given: IndexMap<String, Value> = serde_json::from_value(inputs).unwrap();
    let inputs = plan.complete_inputs(given).unwrap();
    engine.run(Arc::new(plan), RunOptions::new(inputs), Arc::new(()), Stop::default()).await.unwrap()
}

fn value(id: &str, value: &str) -> Value {
    json!({ "node_id": id, "node_type": "value", "config": { "value": value } })
}

fn graph(nodes: &[Value], edges: &[(&str, &str)]) -> Value {
    let edges: Vec<Value> = edges.iter().map(|(from, to)| json!({ "from_node": from, "to_node": to })).collect();
    json!({ "nodes": nodes, "edges": edges })
}

#[test]
fn three_ways_to_write_a_graph_give_the_same_plan() {
    let yaml = r#"
name: same
inputs: { topic: { type: string, default: tea } }
agents: { writer: { model: openai/gpt-5-mini } }
nodes:
  draft: { agent: writer, prompt: "Write about {{ inputs.topic }}", output: { text: string, good: boolean }, route: { on: draft.good, cases: { "true": keep, "false": drop } } }
  keep: { value: "{{ draft.text }}" }
  drop: { value: nothing }
  log: { value: 1, needs: [draft], when: draft.good }
outputs: { text: "{{ keep | default(drop) }}" }
"#;
    let built = GraphBuilder::new("same")
        .input("topic", json!({ "type": "string", "default": "tea" }))
        .agent("writer", json!({ "model": "openai/gpt-5-mini" }))
        .add_node(
            "draft",
            NodeSpec::agent("writer")
                .prompt("Write about {{ inputs.topic }}")
                .output(json!({ "text": "string", "good": "boolean" })),
        )
        .add_node("keep", NodeSpec::value(json!("{{ draft.text }}")))
        .add_node("drop", NodeSpec::value(json!("nothing")))
        .add_node("log", NodeSpec::value(json!(1)).when("draft.good"))
        .add_condition_map("draft", "draft.good", [("true", "keep"), ("false", "drop")], None)
        .add_edge("draft", "log")
        .output("text", json!("{{ keep | default(drop) }}"));
    let first = draw(&plan("same.yaml", yaml), DrawFormat::Json);
    assert_eq!(first, draw(&built.build().unwrap(), DrawFormat::Json));
    assert_eq!(first, draw(&plan("same.json", &built.to_json()), DrawFormat::Json));
}

#[tokio::test(start_paused = true)]
async fn an_edge_is_taken_when_its_condition_holds() {
    let graph = GraphBuilder::new("conditions")
        .input("n", json!("integer"))
        .add_node("start", NodeSpec::value(json!("{{ inputs.n }}")))
        .add_node("small", NodeSpec::value(json!("small")))
        .add_node("big", NodeSpec::value(json!("big")))
        .add_node("both", NodeSpec::value(json!("one of them ran")).join_any())
        .add_conditional_edge("start", "small", "start < 10")
        .add_conditional_edge("start", "big", "start > 5")
        .add_edge("small", "both")
        .add_edge("big", "both")
        .output("small", json!("{{ small is not none }}"))
        .output("big", json!("{{ big is not none }}"))
        .output("both", json!("{{ both is not none }}"));
    for (n, small, big) in [(1, true, false), (7, true, true), (20, false, true)] {
        let outputs = run(graph.build().unwrap(), json!({ "n": n })).await.outputs;
        assert_eq!(json!(outputs), json!({ "small": small, "big": big, "both": true }), "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_given_twice_chooses_both_nodes() {
    let graph = GraphBuilder::new("both")
        .add_node("start", NodeSpec::value(json!("x")))
        .add_node("one", NodeSpec::value(json!(1)))
        .add_node("two", NodeSpec::value(json!(2)))
        .add_node("three", NodeSpec::value(json!(3)))
        .add_condition_map("start", "start", [("x", "one"), ("y", "three"), ("x", "two")], Some("three"))
        .output("ran", json!("{{ [one is not none, two is not none, three is not none] }}"));
    assert_eq!(run(graph.build().unwrap(), json!({})).await.outputs["ran"], json!([true, true, false]));
}

#[tokio::test(start_paused = true)]
async fn the_initial_state_holds_values_of_inputs() {
    let mut graph = graph(&[value("sum", "{{ inputs.a + inputs.b }}")], &[]);
    graph["inputs"] = json!({ "a": "integer" });
    graph["initial_state"] = json!({ "a": 1, "b": 2 });
    let text = graph.to_string();
    assert_eq!(run(plan("graph.json", &text), json!({})).await.outputs["sum"], json!(3));
    assert_eq!(run(plan("graph.json", &text), json!({ "b": 10 })).await.outputs["sum"], json!(11));
}

#[test]
fn an_initial_state_that_breaks_the_type_is_refused() {
    let mut graph = graph(&[value("a", "{{ inputs.n }}")], &[]);
    graph["inputs"] = json!({ "n": "integer" });
    graph["initial_state"] = json!({ "n": "many" });
    insta::assert_snapshot!(problems(&graph), @r#"
    16:10 AF017 the default of input `n` breaks its type: "many" is not of type "integer"
    "#);
}

#[test]
fn all_problems_of_a_graph_are_told_at_once_with_their_places() {
    let nodes =
        [value("a", "{{ c }}"), value("b", "{{ a }}"), value("c", "{{ b }}"), value("d", "{{ missing }}"), value("d", "1")];
    let mut graph = graph(&nodes, &[("a", "a"), ("a", "nowhere"), ("b", "d"), ("b", "d")]);
    graph["edges"][2]["condition"] = json!("a ==");
    graph["edges"][3]["when"] = json!("a");
    insta::assert_snapshot!(problems(&graph), @r#"
    14:22 AF040 these nodes wait for each other: `a` → `b` → `c` → `a`
    28:22 AF022 unknown name `missing`
    32:18 AF006 the node `d` is given twice
    41:20 AF040 node `a` has an edge to itself
    46:18 AF030 there is no node `nowhere`
    51:23 AF021 unexpected end of input, expected expression
    54:20 AF006 a second edge from `b` to `d`
    56:7 AF003 an edge has no key `when`
    "#);
}

#[test]
fn nodes_and_edges_of_other_shapes_are_refused() {
    let odd = json!([1, { "node_id": 3 }, { "node_id": "y", "node_type": "llm", "config": {} }, { "node_id": "z", "node_type": "agent", "config": { "value": 1 } }]);
    insta::assert_snapshot!(problems(&json!({ "nodes": odd, "edges": [3, { "from_node": "y" }] })), @r#"
    3:5 AF004 a node of the interchange form must be a map, found a whole number
    4:5 AF005 a node of the interchange form needs `node_type`
    4:5 AF005 a node of the interchange form needs `config`
    5:18 AF004 `node_id` must be text, found a whole number
    8:18 AF014 `y` does not say what it does
    9:20 AF011 `llm` is none of the values of `node_type`
    14:20 AF018 `node_type` is `agent`, but `config` has `value`
    21:5 AF004 `an edge` must be a map, found a whole number
    22:5 AF005 an edge needs `to_node`
    "#);
    insta::assert_snapshot!(problems(&json!({ "nodes": [value("a", "1")], "edges": {} })), @r#"
    11:12 AF004 `edges` must be a list, found a map
    "#);
    insta::assert_snapshot!(problems(&json!({ "nodes": [], "edges": [] })), @r#"
    2:12 AF011 `nodes` must not be empty
    "#);
    insta::assert_snapshot!(problems(&json!({ "nodes": { "a": { "value": 1 } }, "edges": [] })), @r#"
    7:3 AF003 a workflow has no key `edges`
    "#);
}

#[test]
fn the_problems_of_a_builder_point_into_its_json() {
    let graph = GraphBuilder::new("wrong")
        .add_node("a", NodeSpec::value(json!("{{ b.x }}")))
        .add_node("b", NodeSpec::value(json!(1)).when("a"))
        .add_node("a", NodeSpec::value(json!(2)))
        .add_conditional_edge("a", "b", "{{ a }}");
    let problems = graph.build().unwrap_err();
    assert_eq!(format!("{problems}"), format!("{problems:?}"));
    insta::assert_snapshot!(problems, @r#"
    <graph wrong>:8:22: AF023: `b` is an integer and has no field `x`
    <graph wrong>:16:18: AF040: these nodes wait for each other: `a` → `b` → `a` (remove one of these edges; repetition is written as a node with `loop` and an inner graph)
    <graph wrong>:20:18: AF006: the node `a` is given twice
    <graph wrong>:31:21: AF021: this is a bare expression, without `{{` and `}}` (write only what stands between them)
    "#);
    let line = graph.to_json().lines().nth(19).unwrap_or_default().to_owned();
    assert!(line.contains("\"a\""), "{line}");
}

#[test]
fn a_name_with_slashes_is_no_folder() {
    let graph = GraphBuilder::new("reports/../weekly\\2")
        .agent("writer", json!({ "model": "openai/gpt-5-mini" }))
        .add_node("write", NodeSpec::agent("writer").prompt_file("LICENSE-MIT"));
    assert_eq!(graph.build().unwrap().name, "reports/../weekly\\2");
}

#[test]
fn a_graph_may_be_read_from_yaml_and_toml_too() {
    let yaml = "nodes:\n  - { node_id: a, node_type: value, config: { value: 1 } }\n  - { node_id: b, node_type: value, config: { value: 2 } }\nedges:\n  - { from_node: a, to_node: b }\n";
    let toml = "nodes = [{ node_id = 'a', node_type = 'value', config = { value = 1 } }, { node_id = 'b', node_type = 'value', config = { value = 2 } }]\nedges = [{ from_node = 'a', to_node = 'b' }]\n";
    let json = graph(&[], &[("a", "b")]);
    let json = json!({ "nodes": [{ "node_id": "a", "node_type": "value", "config": { "value": 1 } }, { "node_id": "b", "node_type": "value", "config": { "value": 2 } }], "edges": json["edges"] });
    let plans = [plan("g.yaml", yaml), plan("g.toml", toml), plan("g.json", &json.to_string())];
    let drawn = plans.map(|plan| draw(&plan, DrawFormat::Mermaid));
    assert_eq!(drawn[0], drawn[1]);
    assert_eq!(drawn[1], drawn[2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whether edges are written as lists, as `needs` or come of templates: the plan and what it puts out are the same.
    #[test]
    fn any_graph_is_the_same_in_every_form(sources in prop::collection::vec(prop::collection::btree_set(0_usize..12, 0..4), 1..12)) {
        let sources: Vec<Vec<usize>> =
            sources.iter().enumerate().map(|(at, from)| from.iter().copied().filter(|&from| from < at).collect()).collect();
        let sum = |at: usize| {
            let terms: Vec<String> = sources[at].iter().map(|from| format!("n{from}")).collect();
            format!("{{{{ [1, {}] | sum }}}}", terms.join(", "))
        };
        let (mut read, mut needed, mut list) = (GraphBuilder::new("g"), GraphBuilder::new("g"), GraphBuilder::new("g"));
        for (at, from) in sources.iter().enumerate() {
            let id = format!("n{at}");
            let needs: Vec<String> = from.iter().map(|from| format!("n{from}")).collect();
            read = read.add_node(&id, NodeSpec::value(json!(sum(at))));
            needed = needed.add_node(&id, NodeSpec::value(json!(sum(at))).set("needs", json!(needs)));
            list = list.add_node(&id, NodeSpec::value(json!(sum(at))));
            for from in from {
                list = list.add_edge(&format!("n{from}"), &id);
            }
        }
        let plans = [read.build().unwrap(), needed.build().unwrap(), list.build().unwrap()];
        let drawn: Vec<String> = plans.iter().map(|plan| draw(plan, DrawFormat::Json)).collect();
        prop_assert_eq!(&drawn[0], &drawn[1]);
        prop_assert_eq!(&drawn[0], &drawn[2]);

        let mut expected: Vec<u64> = Vec::new();
        for from in &sources {
            expected.push(1 + from.iter().map(|&from| expected[from]).sum::<u64>());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        for plan in plans {
            let outputs = runtime.block_on(run(plan, json!({}))).outputs;
            for (id, value) in outputs {
                prop_assert_eq!(value, json!(expected[id[1..].parse::<usize>().unwrap()]));
            }
        }
    }
}

#[test]
fn two_agents_of_one_name_are_a_problem_with_both_places() {
    let graph = GraphBuilder::new("twice")
        .agent("writer", json!({ "model": "mock/a" }))
        .agent("writer", json!({ "model": "mock/b" }))
        .add_node("write", NodeSpec::agent("writer").prompt("hi"));
    let problems = graph.build().unwrap_err();
    let twice = problems.diagnostics.iter().find(|problem| problem.message == "the key `writer` is given twice").unwrap();
    let lines = [twice.span, twice.related[0].span].map(|span| problems.sources.position(span).line);
    assert_eq!(lines, [7, 4], "{}", graph.to_json());
}
