//! How coverage is told: text, JSON, the page.

use agentflow::testing::coverage::{CoverageFormat, Threshold, render};
use serde_json::{Value, json};

use super::Covered;
use crate::engine::flow::Flow;

const FLOW: &str = "\
name: sorting
agents: { a: { model: mock/m } }
inputs: { text: string }
nodes:
  sort:
    agent: a
    prompt: 'Sort <{{ inputs.text }}>'
    output: { kind: a | b }
    route: { on: sort.kind, cases: { a: left, b: right } }
    retry: { max_attempts: 2, initial: 1s }
  left: { value: 'l' }
  right:
    nodes:
      inside: { value: 'r & s' }
  end: { value: '{{ left | default(right) }}', when: \"inputs.text != '<b>'\" }
";

async fn covered() -> Covered {
    Covered::by([Flow::new(FLOW).input("text", "x").answer("sort", json!({"kind": "a"}))]).await
}

#[tokio::test(start_paused = true)]
async fn the_text_has_the_figures_and_what_is_missing_with_its_place() {
    insta::assert_snapshot!(render(&covered().await.0, CoverageFormat::Text));
}

#[tokio::test(start_paused = true)]
async fn the_json_has_all_points() {
    let report: Value = serde_json::from_str(&render(&covered().await.0, CoverageFormat::Json)).unwrap();
    assert_eq!(report["version"], 1);
    let workflow = &report["workflows"][0];
    assert_eq!(
        (&workflow["workflow"], &workflow["file"], &workflow["runs"]),
        (&json!("sorting"), &json!("flow.yaml"), &json!(1))
    );
    assert_eq!(workflow["sorts"]["routes"], json!({"covered": 1, "all": 2, "percent": 50.0}));
    let points = workflow["points"].as_array().unwrap();
    assert_eq!(points.len() as u64, workflow["all"].as_u64().unwrap());
    let case = points.iter().find(|point| point["case"] == "b").unwrap();
    assert_eq!(
        *case,
        json!({
            "sort": "routes", "node": "sort", "what": "case", "case": "b", "expression": "sort.kind", "line": 9, "column": 47,
            "hits": 0, "hint": "have `sort.kind` give `b`",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn the_page_stands_for_itself_and_marks_what_is_missing() {
    let page = render(&covered().await.0, CoverageFormat::Html);
    insta::assert_snapshot!(page);
    for outside in ["<script", "http://", "https://", "src=", "@import", "url("] {
        let found = page.replace("http://www.w3.org/2000/svg", "").contains(outside);
        assert!(!found, "the page has `{outside}`");
    }
}

#[tokio::test(start_paused = true)]
async fn too_little_coverage_is_told_by_sort() {
    let coverage = covered().await.0;
    let short = |text: &str| -> Vec<String> {
        text.parse::<Threshold>().unwrap().shortfalls(&coverage).iter().map(ToString::to_string).collect()
    };
    assert_eq!(short("10"), [""; 0]);
    assert_eq!(short("nodes=60,routes=50"), [""; 0]);
    assert_eq!(short("routes=51,nodes=60"), ["50 % of routes are covered, 51 % have to be"]);
    assert_eq!(short("100").len(), 1);
}
