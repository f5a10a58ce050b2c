//! Plans as pictures: what `compile` gives is what is drawn.

use std::path::{Path, PathBuf};

use agentflow::{
    diagnostic::DiskFiles,
    plan::{CompileOptions, DrawFormat, ManifestChoice, Plan, compile, compile_text, draw},
};

const TEXT: DrawFormat = DrawFormat::Ascii { width: 80, unicode: true };

#[track_caller]
fn plan(text: &str) -> Plan {
    let path = Path::new("test.yaml");
    let compiled = compile_text(path, text.to_owned(), ManifestChoice::None, &DiskFiles, &CompileOptions::default());
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

const ALL_KINDS_OF_EDGES: &str = r#"
name: all
agents:
  helper: { model: openai/gpt-5-mini }
nodes:
  sort:
    agent: helper
    prompt: Sort it.
    output: { kind: bug | feature | other }
    route: { on: sort.kind, cases: { bug: fix, feature: [plan, tell] }, default: tell }
  fix: { agent: helper, prompt: Fix it., on_error: { goto: sorry } }
  plan: { agent: helper, prompt: Plan it., loop: { max: 3, until: "plan == 'done'" } }
  tell: { value: told, when: "sort.kind != 'bug'" }
  sorry: { value: "{{ nodes.fix.error }}" }
  each: { value: "{{ item }}", map: "[1, 2]", needs: [fix] }
  polish:
    loop: { until: judge.score > 8, max: 4 }
    needs: [each]
    nodes:
      write: { agent: helper, prompt: Write. }
      judge: { agent: helper, prompt: "Judge {{ write }}", output: { score: integer } }
"#;

#[test]
fn a_plan_is_drawn_with_all_kinds_of_edges() {
    insta::assert_snapshot!(draw(&plan(ALL_KINDS_OF_EDGES), TEXT), @r#"
                          ┌────────────────────┐
                          │ sort               │
                          │ agent helper       │
                          │ route on sort.kind │
                          └──────────┬─────────┘
            ┌────────────────────────┼─────────────────────────┐
            │ bug                    │ feature                 ┊ feature, else
            ▼                        ▼                         ▼
    ┌──────────────┐  ┌────────────────────────┐  ┌─────────────────────────┐
    │ fix          │  │ plan                   │  │ tell                    │
    │ agent helper │  │ agent helper           │  │ value                   │
    └───────┬──────┘  │ loop ≤ 3 until plan == │  │ when sort.kind != 'bug' │
            │         │ 'done'                 │  └─────────────────────────┘
            │         └────────────────────────┘
        ┌───┴────────────────┐
        ┊ on error           │
        ▼                    ▼
    ┌───────┐       ┌─────────────────┐
    │ sorry │       │ each            │
    │ value │       │ value           │
    └───────┘       │ map over [1, 2] │
                    └────────┬────────┘
                             ▼
         ┌─ polish ─────────────────────────────┐
         │ loop ≤ 4 until judge.score > 8       │
         │ ┌──────────────┐    ┌──────────────┐ │
         │ │ write        │    │ judge        │ │
         │ │ agent helper ├───▶│ agent helper │ │
         │ └──────────────┘    └──────────────┘ │
         └──────────────────────────────────────┘

    ┊ taken only if a condition holds
    "#);
}

#[test]
fn mermaid_has_the_edges_of_the_plan() {
    insta::assert_snapshot!(draw(&plan(ALL_KINDS_OF_EDGES), DrawFormat::Mermaid), @r#"
    flowchart TD
        sort{{"<b>sort</b><br/>agent helper<br/>route on sort.kind"}}
        fix["<b>fix</b><br/>agent helper"]
        plan["<b>plan</b><br/>agent helper<br/>loop ≤ 3 until plan == 'done'"]
        tell(["<b>tell</b><br/>value<br/>when sort.kind != 'bug'"])
        sorry(["<b>sorry</b><br/>value"])
        each(["<b>each</b><br/>value<br/>map over #91;1, 2#93;"])
        subgraph polish ["<b>polish</b><br/>loop ≤ 4 until judge.score #62; 8"]
            polish_write["<b>write</b><br/>agent helper"]
            polish_judge["<b>judge</b><br/>agent helper"]
            polish_write --> polish_judge
        end
        sort -->|"bug"| fix
        sort -->|"feature"| plan
        sort -.->|"feature, else"| tell
        fix -.->|"on error"| sorry
        fix --> each
        each --> polish
    "#);
}

#[test]
fn json_tells_the_cases_of_a_route() {
    let json: serde_json::Value = serde_json::from_str(&draw(&plan(ALL_KINDS_OF_EDGES), DrawFormat::Json)).unwrap();
    assert_eq!(json["workflow"], "all");
    let edges = json["edges"].as_array().unwrap();
    let edge = |from: &str, to: &str| edges.iter().find(|edge| edge["from"] == from && edge["to"] == to).unwrap();
    assert_eq!(edge("sort", "tell")["cases"], serde_json::json!(["feature"]));
    assert_eq!(edge("sort", "tell")["default"], true);
    assert_eq!(edge("fix", "sorry")["kind"], "on_error");
    assert_eq!(edge("fix", "each")["kind"], "plain");
    let polish = json["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "polish").unwrap();
    assert_eq!(polish["nodes"][0]["node"], "write");
    assert_eq!(polish["edges"][0], serde_json::json!({ "from": "write", "to": "judge", "kind": "plain" }));
}

/// The workflows that come with the project.
fn workflows() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_of_tests = |path: &PathBuf| path.to_string_lossy().contains(".test.") || path.to_string_lossy().contains(".snap.");
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file() && !is_of_tests(path)).collect();
    files.sort();
    files
}

#[test]
fn our_own_workflows_fit_terminals_of_any_width() {
    for path in workflows() {
        let compiled = compile(&path, ManifestChoice::Find, &DiskFiles, &CompileOptions::default());
        let plan = compiled.plan.unwrap_or_else(|| panic!("{}: {:#?}", path.display(), compiled.diagnostics));
        for width in 20..140 {
            let text = draw(&plan, DrawFormat::Ascii { width, unicode: true });
            assert!(text.lines().all(|line| line.chars().count() <= width), "{}: wider than {width}\n{text}", path.display());
            assert!(draw(&plan, DrawFormat::Ascii { width, unicode: false }).is_ascii());
        }
        for format in [DrawFormat::Mermaid, DrawFormat::Dot, DrawFormat::Svg, DrawFormat::Json] {
            let (first, second) = (draw(&plan, format), draw(&plan, format));
            assert_eq!(first, second);
            assert!(plan.graph.nodes.iter().all(|node| first.contains(node.id.as_str())), "{first}");
        }
        // At 80 columns all of them are pictures, not lists.
        assert!(draw(&plan, TEXT).starts_with([' ', '┌']), "{}", draw(&plan, TEXT));
    }
}

#[test]
fn a_large_layer_is_listed() {
    use std::fmt::Write as _;
    let mut text = String::from("nodes:\n  start: { value: 1 }\n");
    for at in 0..998 {
        writeln!(text, "  n{at}: {{ value: '{{{{ start }}}}' }}").unwrap();
    }
    let list = draw(&plan(&text), TEXT);
    assert!(list.starts_with("layer 1\n  start: value\n    → n0, n1, "), "{list}");
    assert!(list.contains("and 986 more\nlayer 2 (998 nodes)\n"), "{list}");
    assert!(list.lines().count() < 120 && list.lines().all(|line| line.chars().count() <= 80), "{list}");
}
