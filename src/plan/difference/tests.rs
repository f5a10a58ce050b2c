use std::path::Path;

use serde_json::json;

use super::*;
use crate::{
    diagnostic::DiskFiles,
    plan::{CompileOptions, ManifestChoice, Mark, Marks, compile_text, draw_marked},
};

const FLOW: &str = "
name: flow
description: Sorts.
inputs: { text: { type: string } }
limits: { max_cost_usd: 1 }
agents:
  a: { model: mock/m, system: Be brief. }
  b: { model: mock/n }
nodes:
  sort: { agent: a, prompt: 'Sort {{ inputs.text }}', output: { kind: string }, route: { on: sort.kind, cases: { x: [left] }, default: [right] } }
  left: { agent: a, prompt: 'Left', retry: { max_attempts: 3 }, loop: { max: 4, until: 'false' } }
  right: { value: '{{ sort.kind }}', when: 'sort.kind != \"z\"' }
  both: { needs: [left, right], join: any, nodes: { deep: { value: 1 } } }
  list: { needs: both, map: '[1, 2]', tool: calculator, args: { expression: '{{ item }} + 1' } }
outputs: { text: '{{ sort.kind }}' }
";

fn plan(yaml: &str) -> Plan {
    let path = Path::new("flow.yaml");
    let compiled = compile_text(path, yaml.to_owned(), ManifestChoice::None, &DiskFiles, &CompileOptions::default());
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

fn between(one: &str, other: &str) -> PlanDifference {
    PlanDifference::between(Some(&plan(one)), Some(&plan(other)))
}

/// What is told when `from` becomes `to`, a line for each change.
fn told(from: &str, to: &str) -> Vec<String> {
    assert!(FLOW.contains(from), "{from}");
    let PlanDifference { workflow, nodes, edges } = between(FLOW, &FLOW.replacen(from, to, 1));
    let aspect = |place: &str, AspectDifference { aspect, one, other }: &AspectDifference| {
        let side = |side: &Option<Value>| side.as_ref().map_or("nothing".to_owned(), Value::to_string);
        format!("{place}{aspect}: {} → {}", side(one), side(other))
    };
    let mut lines: Vec<String> = workflow.iter().map(|change| aspect("", change)).collect();
    for node in &nodes {
        if node.change == ChangeKind::Changed {
            lines.extend(node.aspects.iter().map(|change| aspect(&format!("{}.", node.node), change)));
        } else {
            lines.push(format!("{} {} {}", node.change.as_str(), node.kind, node.node));
        }
    }
    for EdgeDifference { from, to, change, one, other } in &edges {
        let side = |side: &Option<String>| side.clone().unwrap_or("nothing".to_owned());
        lines.push(format!("{} {from} → {to}: {} → {}", change.as_str(), side(one), side(other)));
    }
    lines
}

#[test]
fn a_plan_is_not_other_than_itself() {
    assert!(between(FLOW, FLOW).is_none());
    assert!(PlanDifference::between(None, None).is_none());
}

#[test]
fn each_aspect_of_an_agent_is_told_by_its_name() {
    assert_eq!(told("'Left'", "'Links'"), [r#"left.prompt: "Left" → "Links""#]);
    assert_eq!(
        told("agent: a, prompt: 'Left'", "agent: b, prompt: 'Left'"),
        [r#"left.agent: "a" → "b""#, r#"left.model: "mock/m" → "mock/n""#, r#"left.system: "Be brief." → nothing"#,]
    );
    assert_eq!(told("mock/n", "mock/o"), [""; 0], "an agent that no node asks is none of the plan");
    assert_eq!(
        told("prompt: 'Left'", "prompt: 'Left', temperature: 0.5, max_tokens: 9"),
        ["left.temperature: nothing → 0.5", "left.max_tokens: nothing → 9",]
    );
    assert_eq!(
        told("prompt: 'Left'", "prompt: 'Left', fallback: [mock/n]"),
        [r#"left.fallback: nothing → [{"model":"mock/n"}]"#]
    );
}

#[test]
fn an_agent_that_changes_changes_all_nodes_that_ask_it() {
    assert_eq!(
        told("Be brief.", "Be kind."),
        [r#"sort.system: "Be brief." → "Be kind.""#, r#"left.system: "Be brief." → "Be kind.""#,]
    );
}

#[test]
fn the_form_of_an_answer_is_told_as_its_schema() {
    let changes = between(FLOW, &FLOW.replace("{ kind: string }", "{ kind: string, why: string }"));
    assert_eq!(changes.nodes.len(), 1);
    let AspectDifference { aspect, one, other } = &changes.nodes[0].aspects[0];
    assert_eq!(aspect, "output");
    let has = |schema: &Option<Value>| schema.as_ref().unwrap()["properties"].get("why").is_some();
    assert_eq!((has(one), has(other)), (false, true));
}

#[test]
fn how_a_node_is_run_is_told_by_the_words_of_the_format() {
    assert_eq!(
        told("retry: { max_attempts: 3 }, ", ""),
        [
            r#"left.retry: {"max_attempts":3,"initial":"500ms","factor":2.0,"max":"30s","jitter":"full"} → {"max_attempts":4,"initial":"500ms","factor":2.0,"max":"30s","jitter":"full"}"#
        ]
    );
    assert_eq!(
        told("loop: { max: 4, until: 'false' }", "loop: { max: 5, until: 'false' }"),
        [r#"left.loop: {"max":4,"until":"false"} → {"max":5,"until":"false"}"#]
    );
    assert_eq!(
        told("when: 'sort.kind != \"z\"'", "on_error: continue"),
        [r#"right.on_error: nothing → "continue""#, r#"right.when: "sort.kind != \"z\"" → nothing"#]
    );
    assert_eq!(told("join: any, ", "timeout: 5s, "), [r#"both.timeout: nothing → "5s""#, r#"both.join: "any" → nothing"#]);
    assert_eq!(told("map: '[1, 2]'", "map: '[1, 2]', concurrency: 1"), ["list.concurrency: nothing → 1"]);
}

#[test]
fn what_a_tool_is_given_and_what_a_value_is_are_told() {
    assert_eq!(told("+ 1'", "+ 2'"), [r#"list.args: {"expression":"{{ item }} + 1"} → {"expression":"{{ item }} + 2"}"#]);
    assert_eq!(told("{ value: 1 }", "{ value: 2 }"), ["both.deep.value: 1 → 2"]);
}

#[test]
fn a_route_changes_the_node_and_the_edges_that_it_takes() {
    assert_eq!(
        told("cases: { x: [left] }", "cases: { x: [left], y: [left, right] }"),
        [
            r#"sort.route: {"on":"sort.kind","cases":{"x":["left"]},"default":["right"]} → {"on":"sort.kind","cases":{"x":["left"],"y":["left","right"]},"default":["right"]}"#,
            "changed sort → left: routed for `x` → routed for `x`, `y`",
            "changed sort → right: routed for any other value → routed for `y`, any other value",
        ]
    );
}

#[test]
fn nodes_and_edges_that_come_and_go_are_told() {
    assert_eq!(
        told("  both: { needs: [left, right]", "  more: { needs: left, value: 1 }\n  both: { needs: [more, right]"),
        [
            "added value more",
            "added left → more: nothing → always",
            "added more → both: nothing → always",
            "removed left → both: always → nothing",
        ]
    );
    assert_eq!(
        told("nodes: { deep: { value: 1 } }", "nodes: { other: { value: 1 } }"),
        ["added value both.other", "removed value both.deep",]
    );
}

#[test]
fn an_edge_with_another_condition_is_changed() {
    let flow = |condition: &str| {
        let node = |id: &str| json!({"node_id": id, "node_type": "value", "config": {"value": 1}});
        let edge = json!({"from_node": "a", "to_node": "b", "condition": condition});
        json!({"name": "x", "nodes": [node("a"), node("b")], "edges": [edge]}).to_string()
    };
    let edges = between(&flow("a == 1"), &flow("a > 0")).edges;
    assert_eq!(edges.len(), 1);
    assert_eq!((edges[0].one.as_deref(), edges[0].other.as_deref()), (Some("if a == 1"), Some("if a > 0")));
}

#[test]
fn a_node_that_becomes_of_another_kind_is_changed() {
    let lines = told("{ value: 1 }", "{ agent: b, prompt: Hi }");
    assert_eq!(lines[0], r#"both.deep.kind: "value" → "agent""#);
    assert!(lines.contains(&r#"both.deep.agent: nothing → "b""#.to_owned()), "{lines:#?}");
    assert!(lines.contains(&"both.deep.value: 1 → nothing".to_owned()), "{lines:#?}");
}

#[test]
fn the_workflow_as_a_whole_is_told_by_its_keys() {
    assert_eq!(
        told("max_cost_usd: 1 ", "max_cost_usd: 2, tool_calls: 9 "),
        ["limits.max_cost_usd: 1.0 → 2.0", "limits.tool_calls: 500 → 9",]
    );
    assert_eq!(told("description: Sorts.", "env: [HOME]"), [r#"env: nothing → ["HOME"]"#, r#"description: "Sorts." → nothing"#]);
    assert_eq!(
        told("outputs: { text", "outputs: { kind"),
        [r#"outputs.kind: nothing → "{{ sort.kind }}""#, r#"outputs.text: "{{ sort.kind }}" → nothing"#,]
    );
    let inputs = told("{ text: { type: string } }", "{ text: { type: string, default: x } }");
    assert!(inputs[0].starts_with("inputs.text: {") && inputs[0].contains(r#""default":"x""#), "{inputs:?}");
}

#[test]
fn a_new_workflow_is_all_that_it_has() {
    let new = PlanDifference::between(None, Some(&plan(FLOW)));
    assert!(new.nodes.iter().all(|node| node.change == ChangeKind::Added && !node.aspects.is_empty()));
    assert_eq!((new.nodes.len(), new.edges.len()), (6, 5));
    let gone = PlanDifference::between(Some(&plan(FLOW)), None);
    assert!(gone.nodes.iter().all(|node| node.change == ChangeKind::Removed));
    assert_eq!(gone.workflow[0], AspectDifference { aspect: "name".into(), one: Some(json!("flow")), other: None });
}

#[test]
fn marks_paint_nodes_and_what_stands_for_them() {
    let mut marks = Marks::default();
    marks.set("left", Mark::Changed, "changed");
    marks.set("left.inner", Mark::Widened, "may touch \"more\"");
    marks.set("both.deep", Mark::Added, "added");
    marks.set("both.deep", Mark::Changed, "weaker");
    insta::assert_snapshot!(draw_marked(&plan(FLOW), &marks));
}
