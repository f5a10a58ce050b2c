//! Pictures as people see them, and properties that hold for any graph.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::plan::draw::{
    DrawFormat, draw_view, text,
    view::{EdgeShape, EdgeView, GraphView, KindView, LoopView, MapView, NodeView, OnErrorView, RouteView},
};

fn agent(id: &str, agent: &str) -> NodeView {
    NodeView::new(id, KindView::Agent { agent: agent.to_owned(), model: Some("openai/gpt-5-mini".to_owned()), chosen: None })
}

fn value(id: &str) -> NodeView {
    NodeView::new(id, KindView::Value)
}

/// A graph with edges written `a > b`, `a ? b` (routed, for the case named like the target), `a ! b` (on error), `a if b` (if x > 1).
fn graph(nodes: Vec<NodeView>, edges: &str) -> GraphView {
    let index = |id: &str| nodes.iter().position(|node| node.id == id).unwrap();
    let edges = edges.split_terminator(',').map(|edge| {
        let words: Vec<&str> = edge.split_whitespace().collect();
        let kind = match words[1] {
            ">" => EdgeShape::Plain,
            "?" => EdgeShape::Routed { cases: vec![words[2].to_owned()], otherwise: false },
            "else" => EdgeShape::Routed { cases: vec![], otherwise: true },
            "!" => EdgeShape::OnError,
            "if" => EdgeShape::Conditional("x > 1".to_owned()),
            other => panic!("{other}"),
        };
        EdgeView { from: index(words[0]), to: index(words[2]), kind }
    });
    let edges = edges.collect();
    GraphView { nodes, edges }
}

fn chain() -> GraphView {
    graph(vec![agent("draft", "writer"), value("count"), agent("polish", "editor")], "draft > count, count > polish")
}

fn diamond() -> GraphView {
    graph(
        vec![agent("triage", "triager"), agent("security", "reviewer"), agent("style", "reviewer"), value("merge")],
        "triage > security, triage > style, security > merge, style > merge, triage > merge",
    )
}

fn fan_out(count: usize) -> GraphView {
    let mut nodes = vec![agent("split", "splitter")];
    let mut edges = Vec::new();
    for at in 1..=count {
        nodes.push(agent(&format!("review-{at}"), "reviewer"));
        edges.push(format!("split > review-{at}, review-{at} > join"));
    }
    nodes.push(value("join"));
    graph(nodes, &edges.join(","))
}

fn route() -> GraphView {
    let triage = NodeView {
        route: Some(RouteView {
            on: "triage.kind".to_owned(),
            cases: vec![("bug".to_owned(), vec!["bug".to_owned()]), ("feature".to_owned(), vec!["feature".to_owned()])],
            default: Some(vec!["answer".to_owned()]),
        }),
        ..agent("triage", "triager")
    };
    let reply = NodeView { join_any: true, ..agent("reply", "writer") };
    let cleanup = NodeView { when: Some("triage.risk != \"low\"".to_owned()), ..agent("audit", "auditor") };
    graph(
        vec![
            triage,
            agent("bug", "fixer"),
            agent("feature", "planner"),
            agent("answer", "helper"),
            reply,
            cleanup,
            value("sorry"),
        ],
        "triage ? bug, triage ? feature, triage else answer, bug > reply, feature > reply, answer > reply, reply > audit, feature ! sorry",
    )
}

fn looped(id: &str, inner: GraphView) -> NodeView {
    NodeView {
        looped: Some(LoopView { until: Some("critique.score >= 8".to_owned()), max: 5 }),
        ..NodeView::new(id, KindView::Graph(inner))
    }
}

fn draft_and_judge() -> GraphView {
    graph(vec![agent("draft", "writer"), agent("critique", "critic")], "draft > critique")
}

fn review() -> GraphView {
    let review = NodeView {
        map: Some(MapView { over: "triage.areas".to_owned(), name: "area".to_owned() }),
        when: Some("triage.risk != \"low\"".to_owned()),
        on_error: Some(OnErrorView::Continue),
        ..agent("review", "code-reviewer")
    };
    graph(
        vec![
            agent("triage", "triager"),
            review,
            looped("improve", draft_and_judge()),
            NodeView::new("publish", KindView::Workflow { name: "publish".into() }),
        ],
        "triage > review, review > improve, improve > publish, triage > improve",
    )
}

fn decision() -> GraphView {
    let names =
        ["trigger", "root-cause", "scope", "draft", "goals", "information", "retrieve", "update", "alternatives", "recommend"];
    let nodes: Vec<NodeView> = names
        .iter()
        .map(|name| match *name {
            "retrieve" => NodeView {
                map: Some(MapView { over: "information.items".into(), name: "item".into() }),
                ..agent("retrieve", "researcher")
            },
            name => looped(name, graph(vec![agent("answer", "analyst"), agent("judge", "evaluator")], "answer > judge")),
        })
        .collect();
    let mut edges: Vec<String> = names.windows(2).map(|pair| format!("{} > {}", pair[0], pair[1])).collect();
    edges.extend(
        [
            "trigger > scope",
            "root-cause > draft",
            "trigger > draft",
            "draft > update",
            "scope > recommend",
            "draft > alternatives",
            "goals > alternatives",
        ]
        .map(str::to_owned),
    );
    graph(nodes, &edges.join(","))
}

fn hostile() -> GraphView {
    let mut a = agent("a", "x");
    a.description = Some("\"><script>alert(1)</script>\u{1b}[31m & `end` \\N \n%%".into());
    a.when = Some("inputs.x == \"]]<b>#quot;&amp;\\\" and \u{202e}evil\t\n  | }\"".into());
    let mut b = looped("end", graph(vec![value("style"), value("b-1"), value("b_1")], "style > b-1, style > b_1"));
    b.looped = Some(LoopView { until: Some("\"-->\" in x".into()), max: 3 });
    let mut g = graph(vec![a, b, value("日本")], "a if end, end ! 日本");
    g.edges[0].kind = EdgeShape::Conditional("x == \"\\\" -> y [label=<z>] ]]> 日本語日本語日本語".into());
    g
}

fn text_of(graph: &GraphView, width: usize) -> String {
    draw_view("name", None, graph, DrawFormat::Ascii { width, unicode: true })
}

#[test]
fn a_chain_runs_down() {
    insta::assert_snapshot!(text_of(&chain(), 80), @r#"
    ┌──────────────┐
    │ draft        │
    │ agent writer │
    └──────┬───────┘
           ▼
       ┌───────┐
       │ count │
       │ value │
       └───┬───┘
           ▼
    ┌──────────────┐
    │ polish       │
    │ agent editor │
    └──────────────┘
    "#);
}

#[test]
fn an_edge_that_a_path_implies_is_told_in_words() {
    insta::assert_snapshot!(text_of(&diamond(), 80), @r#"
              ┌───────────────┐
              │ triage        │
              │ agent triager │
              └───────┬───────┘
             ┌────────┴──────────┐
             ▼                   ▼
    ┌────────────────┐  ┌────────────────┐
    │ security       │  │ style          │
    │ agent reviewer │  │ agent reviewer │
    └────────┬───────┘  └────────┬───────┘
             └────────┬──────────┘
                      ▼
            ┌───────────────────┐
            │ merge             │
            │ value             │
            │ also needs triage │
            └───────────────────┘
    "#);
}

#[test]
fn five_boxes_fit_side_by_side_by_wrapping_their_text() {
    insta::assert_snapshot!(text_of(&fan_out(5), 80), @r#"
                             ┌────────────────┐
                             │ split          │
                             │ agent splitter │
                             └────────┬───────┘
          ┌─────────────┬─────────────┼─────────────┬─────────────┐
          ▼             ▼             ▼             ▼             ▼
    ┌──────────┐  ┌──────────┐  ┌──────────┐  ┌──────────┐  ┌──────────┐
    │ review-1 │  │ review-2 │  │ review-3 │  │ review-4 │  │ review-5 │
    │ agent    │  │ agent    │  │ agent    │  │ agent    │  │ agent    │
    │ reviewer │  │ reviewer │  │ reviewer │  │ reviewer │  │ reviewer │
    └─────┬────┘  └─────┬────┘  └─────┬────┘  └─────┬────┘  └─────┬────┘
          └─────────────┴─────────────┼─────────────┴─────────────┘
                                      ▼
                                 ┌───────┐
                                 │ join  │
                                 │ value │
                                 └───────┘
    "#);
}

#[test]
fn a_row_too_wide_is_split_and_long_edges_pass_beside_it() {
    insta::assert_snapshot!(text_of(&fan_out(10), 80), @r#"
                              ┌────────────────┐
                              │ split          │
                              │ agent splitter │
                              └───────┬────────┘
          ┌─────────────┬─────────────┼─────────────┬─────────────────────┐
          ▼             ▼             ▼             ▼                     │
    ┌──────────┐  ┌──────────┐  ┌──────────┐  ┌──────────┐                │
    │ review-1 │  │ review-2 │  │ review-3 │  │ review-4 │                │
    │ agent    │  │ agent    │  │ agent    │  │ agent    │                │
    │ reviewer │  │ reviewer │  │ reviewer │  │ reviewer │                │
    └─────┬────┘  └─────┬────┘  └─────┬────┘  └─────┬────┘                │
          └┬────────────┴─────────────┴─────────────┘                     │
           │           ┌───────────────────┬───────────────────┬──────────┤
           │           ▼                   ▼                   ▼          │
           │  ┌────────────────┐  ┌────────────────┐  ┌────────────────┐  │
           │  │ review-5       │  │ review-6       │  │ review-7       │  │
           │  │ agent reviewer │  │ agent reviewer │  │ agent reviewer │  │
           │  └────────┬───────┘  └────────┬───────┘  └────────┬───────┘  │
           ├───────────┴───────────────────┴───────────────────┘          │
           │                       ┌───────────────────┬──────────────────┤
           │                       ▼                   ▼                  ▼
           │              ┌────────────────┐  ┌────────────────┐  ┌────────────────┐
           │              │ review-8       │  │ review-9       │  │ review-10      │
           │              │ agent reviewer │  │ agent reviewer │  │ agent reviewer │
           │              └────────┬───────┘  └────────┬───────┘  └────────┬───────┘
           └───────────────────────┴────────┬──────────┴───────────────────┘
                                            ▼
                                        ┌───────┐
                                        │ join  │
                                        │ value │
                                        └───────┘
    "#);
}

#[test]
fn routes_have_labels_and_conditional_edges_are_dashed() {
    insta::assert_snapshot!(text_of(&route(), 80), @r#"
                 ┌──────────────────────┐
                 │ triage               │
                 │ agent triager        │
                 │ route on triage.kind │
                 └───────────┬──────────┘
           ┌─────────────────┼─────────────────┐
           │ bug             │ else            │ feature
           ▼                 ▼                 ▼
    ┌─────────────┐  ┌──────────────┐  ┌───────────────┐
    │ bug         │  │ answer       │  │ feature       │
    │ agent fixer │  │ agent helper │  │ agent planner │
    └──────┬──────┘  └───────┬──────┘  └───┬─┬─────────┘
           └─────────────────┼─────────────┘ ┊
                             │               ┊ on error
                             ▼               ▼
                   ┌──────────────┐      ┌───────┐
                   │ reply        │      │ sorry │
                   │ agent writer │      │ value │
                   │ join any     │      └───────┘
                   └───────┬──────┘
                           ┊
                           ▼
            ┌───────────────────────────┐
            │ audit                     │
            │ agent auditor             │
            │ when triage.risk != "low" │
            └───────────────────────────┘

    ┊ taken only if a condition holds
    "#);
}

#[test]
fn an_inner_graph_is_a_frame() {
    insta::assert_snapshot!(text_of(&review(), 80), @r#"
                  ┌───────────────┐
                  │ triage        │
                  │ agent triager │
                  └───────┬───────┘
                  ┌───────┴────────┐
                  ┊                │
                  ▼                │
    ┌───────────────────────────┐  │
    │ review                    │  │
    │ agent code-reviewer       │  │
    │ map over triage.areas     │  │
    │ when triage.risk != "low" │  │
    │ on error continue         │  │
    └─────────────┬─────────────┘  │
                  └────────┬───────┘
                           ▼
       ┌─ improve ────────────────────────────┐
       │ loop ≤ 5 until critique.score >= 8   │
       │ ┌──────────────┐    ┌──────────────┐ │
       │ │ draft        │    │ critique     │ │
       │ │ agent writer ├───▶│ agent critic │ │
       │ └──────────────┘    └──────────────┘ │
       └───────────────────┬──────────────────┘
                           ▼
                 ┌──────────────────┐
                 │ publish          │
                 │ workflow publish │
                 └──────────────────┘

    ┊ taken only if a condition holds
    "#);
}

#[test]
fn a_narrow_terminal_gets_narrow_boxes() {
    insta::assert_snapshot!(text_of(&review(), 32), @r#"
                  ┌───────────────┐
                  │ triage        │
                  │ agent triager │
                  └───────┬───────┘
                  ┌───────┴────────┐
                  ┊                │
                  ▼                │
    ┌───────────────────────────┐  │
    │ review                    │  │
    │ agent code-reviewer       │  │
    │ map over triage.areas     │  │
    │ when triage.risk != "low" │  │
    │ on error continue         │  │
    └─────────────┬─────────────┘  │
                  ├────────────────┘
                  ▼
      ┌─ improve ──────────────────┐
      │ loop ≤ 5 until             │
      │ critique.score >= 8        │
      │ ┌────────┐    ┌──────────┐ │
      │ │ draft  │    │ critique │ │
      │ │ agent  ├───▶│ agent    │ │
      │ │ writer │    │ critic   │ │
      │ └────────┘    └──────────┘ │
      └──────────────┬─────────────┘
                     ▼
           ┌──────────────────┐
           │ publish          │
           │ workflow publish │
           └──────────────────┘

    ┊ taken only if a condition
    holds
    "#);
}

#[test]
fn an_inner_graph_too_wide_for_its_frame_stands_below() {
    let inner = graph(
        vec![agent("a-node-with-a-long-name", "x"), agent("first-of-two-branches", "x"), agent("second-of-two-branches", "x")],
        "a-node-with-a-long-name > first-of-two-branches, a-node-with-a-long-name > second-of-two-branches",
    );
    let nested = NodeView::new("deep", KindView::Graph(inner));
    let outer = graph(vec![value("start"), looped("improve", graph(vec![nested], ""))], "start > improve");
    insta::assert_snapshot!(text_of(&outer, 30), @r#"
           ┌───────┐
           │ start │
           │ value │
           └───┬───┘
               ▼
    ┌─ improve ────────────┐
    │ loop ≤ 5 until       │
    │ critique.score >= 8  │
    │ ┌──────────────────┐ │
    │ │ deep             │ │
    │ │ inner graph      │ │
    │ │ (its nodes stand │ │
    │ │ below)           │ │
    │ └──────────────────┘ │
    └──────────────────────┘

    improve.deep:
       ┌─────────────────────────┐
       │ a-node-with-a-long-name │
       │ agent x                 │
       └──────────┬──────────────┘
                  ├──────────────┐
                  ▼              │
      ┌───────────────────────┐  │
      │ first-of-two-branches │  │
      │ agent x               │  │
      └───────────────────────┘  │
                     ┌───────────┘
                     ▼
        ┌────────────────────────┐
        │ second-of-two-branches │
        │ agent x                │
        └────────────────────────┘
    "#);
}

#[test]
fn ten_nodes_with_inner_loops() {
    insta::assert_snapshot!(text_of(&decision(), 80), @r#"
    ┌─ trigger ────────────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └─────────────────────┬────────────────────┘
                          ▼
    ┌─ root-cause ─────────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └─────────────────────┬────────────────────┘
                          ▼
    ┌─ scope ──────────────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ also needs trigger                       │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └─────────────────────┬────────────────────┘
                          ▼
    ┌─ draft ──────────────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ also needs root-cause, trigger           │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └─────────────────────┬────────────────────┘
                          ▼
    ┌─ goals ──────────────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └─────────────────────┬────────────────────┘
                          ▼
    ┌─ information ────────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └─────────────────────┬────────────────────┘
                          ▼
           ┌────────────────────────────┐
           │ retrieve                   │
           │ agent researcher           │
           │ map over information.items │
           └──────────────┬─────────────┘
                          ▼
    ┌─ update ─────────────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ also needs draft                         │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └─────────────────────┬────────────────────┘
                          ▼
    ┌─ alternatives ───────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ also needs draft, goals                  │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └─────────────────────┬────────────────────┘
                          ▼
    ┌─ recommend ──────────────────────────────┐
    │ loop ≤ 5 until critique.score >= 8       │
    │ also needs scope                         │
    │ ┌───────────────┐    ┌─────────────────┐ │
    │ │ answer        │    │ judge           │ │
    │ │ agent analyst ├───▶│ agent evaluator │ │
    │ └───────────────┘    └─────────────────┘ │
    └──────────────────────────────────────────┘
    "#);
}

#[test]
fn without_unicode_all_is_ascii() {
    let mut graph = review();
    graph.nodes[0].when = Some("inputs.name == 'Zoë'".to_owned());
    let text = draw_view("name", None, &graph, DrawFormat::Ascii { width: 80, unicode: false });
    assert!(text.is_ascii());
    insta::assert_snapshot!(text, @r#"
            +---------------------------+
            | triage                    |
            | agent triager             |
            | when inputs.name == 'Zo?' |
            +-------------+-------------+
                  +-------+--------+
                  :                |
                  v                |
    +---------------------------+  |
    | review                    |  |
    | agent code-reviewer       |  |
    | map over triage.areas     |  |
    | when triage.risk != "low" |  |
    | on error continue         |  |
    +-------------+-------------+  |
                  +--------+-------+
                           v
       +- improve ----------------------------+
       | loop <= 5 until critique.score >= 8  |
       | +--------------+    +--------------+ |
       | | draft        |    | critique     | |
       | | agent writer +--->| agent critic | |
       | +--------------+    +--------------+ |
       +-------------------+------------------+
                           v
                 +------------------+
                 | publish          |
                 | workflow publish |
                 +------------------+

    : taken only if a condition holds
    "#);
}

#[test]
fn lines_of_different_edges_cross_without_joining() {
    let nodes = ["a", "b", "c", "x", "y", "z"].map(value).to_vec();
    insta::assert_snapshot!(text_of(&graph(nodes, "a > x, a > y, b > y, b > z, c > z, c > x"), 80), @r#"
    ┌───────┐  ┌───────┐  ┌───────┐
    │ a     │  │ b     │  │ c     │
    │ value │  │ value │  │ value │
    └─┬───┬─┘  └─┬───┬─┘  └─┬───┬─┘
      ├───│──────┘   └──────│───┤
      │   └────────┬────────┘   │
      ▼            ▼            ▼
    ┌───────┐  ┌───────┐  ┌───────┐
    │ y     │  │ x     │  │ z     │
    │ value │  │ value │  │ value │
    └───────┘  └───────┘  └───────┘
    "#);
}

#[test]
fn a_large_graph_is_a_list() {
    insta::assert_snapshot!(text_of(&fan_out(60), 80), @r#"
    layer 1
      split: agent splitter
        → review-1, review-2, review-3, review-4, review-5, review-6, review-7,
          review-8, review-9, review-10, review-11, review-12, and 48 more
    layer 2 (60 nodes)
      review-1, review-2, review-3, review-4, review-5, review-6, review-7,
        review-8, review-9, review-10, review-11, review-12, review-13, review-14,
        review-15, review-16, review-17, review-18, review-19, review-20, review-21,
        review-22, review-23, review-24, review-25, review-26, review-27, review-28,
        review-29, review-30, review-31, review-32, review-33, review-34, review-35,
        review-36, review-37, review-38, review-39, review-40, review-41, review-42,
        review-43, review-44, review-45, review-46, review-47, review-48, review-49,
        review-50, review-51, review-52, review-53, review-54, review-55, review-56,
        review-57, review-58, review-59, review-60: agent reviewer
        → join
    layer 3
      join: value
    "#);
}

#[test]
fn a_thousand_nodes_are_drawn_at_once() {
    let count = 1_000;
    let nodes: Vec<NodeView> = (0..count).map(|at| value(&format!("n{at}"))).collect();
    let edges: Vec<EdgeView> = (1..count)
        .flat_map(|to| [to - 1, to / 2, to / 3].map(|from| EdgeView { from, to, kind: EdgeShape::Plain }))
        .collect::<Vec<_>>();
    let mut seen = BTreeSet::new();
    let edges: Vec<EdgeView> = edges.into_iter().filter(|edge| seen.insert((edge.from, edge.to))).collect();
    let graph = GraphView { nodes, edges };
    let started = std::time::Instant::now();
    for format in FORMATS {
        assert!(draw_view("name", None, &graph, format).contains("n999"));
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "took {:?}", started.elapsed());
}

const FORMATS: [DrawFormat; 5] =
    [DrawFormat::Ascii { width: 80, unicode: true }, DrawFormat::Mermaid, DrawFormat::Dot, DrawFormat::Svg, DrawFormat::Json];

#[test]
fn hostile_text_is_escaped_in_mermaid() {
    insta::assert_snapshot!(draw_view("hostile", None, &hostile(), DrawFormat::Mermaid), @r#"
    flowchart TD
        a["<b>a</b><br/>agent x<br/>when inputs.x == #34;#93;#93;#60;b#62;#35;quot#59;#38;amp#59;#92;#34; and evil #124; #125;#34;"]
        subgraph n_end ["<b>end</b><br/>loop ≤ 3 until #34;--#62;#34; in x"]
            n_end_style(["<b>style</b><br/>value"])
            n_end_b_1(["<b>b-1</b><br/>value"])
            n_end_b_1_2(["<b>b_1</b><br/>value"])
            n_end_style --> n_end_b_1
            n_end_style --> n_end_b_1_2
        end
        n___(["<b>日本</b><br/>value"])
        a -.->|"if x == #34;#92;#34; -#62; y #91;label=#60;z#62;#93; #93;#93;#62; 日本語日本語日本語"| n_end
        n_end -.->|"on error"| n___
    "#);
}

#[test]
fn hostile_text_is_escaped_in_dot() {
    insta::assert_snapshot!(draw_view("ho\"stile\\", None, &hostile(), DrawFormat::Dot), @r##"
    digraph "ho\"stile\\" {
        compound=true; rankdir=TB; fontname="sans-serif";
        node [shape=box, style="rounded,filled", fillcolor="#f6f8fa", fontname="sans-serif"];
        edge [fontname="sans-serif", fontsize=11];
        "a" [label="a\nagent x\nwhen inputs.x == \"]]<b>#quot;&amp;amp;\\\" and evil | }\"", tooltip="\"><script>alert(1)</script>[31m &amp; `end` \\N %%"];
        subgraph "cluster_end" {
            label="end\nloop ≤ 3 until \"-->\" in x"; style=rounded; color="#8c959f";
            "end.style" [label="style\nvalue", shape=ellipse];
            "end.b-1" [label="b-1\nvalue", shape=ellipse];
            "end.b_1" [label="b_1\nvalue", shape=ellipse];
            "end.style" -> "end.b-1";
            "end.style" -> "end.b_1";
        }
        "日本" [label="日本\nvalue", shape=ellipse];
        "a" -> "end.style" [label="if x == \"\\\" -> y [label=<z>] ]]> 日本語日本語日本語", style=dashed, lhead="cluster_end"];
        "end.b_1" -> "日本" [label="on error", style=dashed, ltail="cluster_end"];
    }
    "##);
}

#[test]
fn hostile_text_is_cleaned_in_text() {
    insta::assert_snapshot!(text_of(&hostile(), 80), @r#"
    ┌───────────────────────────────────┐
    │ a                                 │
    │ agent x                           │
    │ when inputs.x ==                  │
    │ "]]<b>#quot;&amp;\" and evil | }" │
    └─────────────────┬─────────────────┘
                      ┊ if x == "\" -> y [label…
                      ▼
        ┌─ end ─────────────────────┐
        │ loop ≤ 3 until "-->" in x │
        │      ┌───────┐            │
        │      │ style │            │
        │      │ value │            │
        │      └───┬───┘            │
        │     ┌────┴─────┐          │
        │     ▼          ▼          │
        │ ┌───────┐  ┌───────┐      │
        │ │ b-1   │  │ b_1   │      │
        │ │ value │  │ value │      │
        │ └───────┘  └───────┘      │
        └─────────────┬─────────────┘
                      ┊ on error
                      ▼
                  ┌───────┐
                  │ 日本  │
                  │ value │
                  └───────┘

    ┊ taken only if a condition holds
    "#);
}

#[test]
fn hostile_text_is_escaped_in_svg() {
    let svg = draw_view("<&\">", Some("]]> <script>"), &hostile(), DrawFormat::Svg);
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "), "{svg}");
    assert!(svg.contains("<title>&lt;&amp;&quot;&gt;</title>"), "{svg}");
    assert!(!svg.contains("<script") && !svg.contains('\u{1b}') && !svg.contains('\u{202e}'), "{svg}");
    check_tags(&svg);
}

/// Every tag is closed, in order.
#[track_caller]
fn check_tags(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn mermaid_and_dot_of_a_graph_with_a_frame() {
    insta::assert_snapshot!(draw_view("review", None, &review(), DrawFormat::Mermaid), @r#"
    flowchart TD
        triage["<b>triage</b><br/>agent triager"]
        review["<b>review</b><br/>agent code-reviewer<br/>map over triage.areas<br/>when triage.risk != #34;low#34;<br/>on error continue"]
        subgraph improve ["<b>improve</b><br/>loop ≤ 5 until critique.score #62;= 8"]
            improve_draft["<b>draft</b><br/>agent writer"]
            improve_critique["<b>critique</b><br/>agent critic"]
            improve_draft --> improve_critique
        end
        publish[["<b>publish</b><br/>workflow publish"]]
        triage -.-> review
        review --> improve
        improve --> publish
        triage --> improve
    "#);
    insta::assert_snapshot!(draw_view("review", None, &review(), DrawFormat::Dot), @r##"
    digraph "review" {
        compound=true; rankdir=TB; fontname="sans-serif";
        node [shape=box, style="rounded,filled", fillcolor="#f6f8fa", fontname="sans-serif"];
        edge [fontname="sans-serif", fontsize=11];
        "triage" [label="triage\nagent triager"];
        "review" [label="review\nagent code-reviewer\nmap over triage.areas\nwhen triage.risk != \"low\"\non error continue"];
        subgraph "cluster_improve" {
            label="improve\nloop ≤ 5 until critique.score >= 8"; style=rounded; color="#8c959f";
            "improve.draft" [label="draft\nagent writer"];
            "improve.critique" [label="critique\nagent critic"];
            "improve.draft" -> "improve.critique";
        }
        "publish" [label="publish\nworkflow publish", shape=component];
        "triage" -> "review" [style=dashed];
        "review" -> "improve.draft" [lhead="cluster_improve"];
        "improve.critique" -> "publish" [ltail="cluster_improve"];
        "triage" -> "improve.draft" [lhead="cluster_improve"];
    }
    "##);
}

#[test]
fn json_has_everything() {
    let mut graph = route();
    graph.nodes.truncate(3);
    graph.edges.truncate(2);
    graph.nodes[1] = NodeView {
        description: Some("what it is \"for\"".to_owned()),
        map: Some(MapView { over: "xs".to_owned(), name: "x".to_owned() }),
        when: Some("y".to_owned()),
        join_any: true,
        on_error: Some(OnErrorView::Goto("feature".to_owned())),
        ..looped("bug", GraphView { nodes: vec![value("inner")], edges: vec![] })
    };
    graph.edges.push(EdgeView { from: 1, to: 2, kind: EdgeShape::OnError });
    let json: serde_json::Value = serde_json::from_str(&draw_view("w", Some("why"), &graph, DrawFormat::Json)).unwrap();
    let expected = serde_json::json!({
        "workflow": "w", "description": "why",
        "nodes": [
            { "node": "triage", "kind": "agent", "agent": "triager", "model": "openai/gpt-5-mini",
              "route": { "on": "triage.kind", "cases": { "bug": ["bug"], "feature": ["feature"] }, "default": ["answer"] } },
            { "node": "bug", "kind": "nodes", "description": "what it is \"for\"", "when": "y", "join": "any",
              "map": { "over": "xs", "as": "x" }, "loop": { "until": "critique.score >= 8", "max": 5 },
              "on_error": { "goto": "feature" }, "nodes": [{ "node": "inner", "kind": "value" }], "edges": [] },
            { "node": "feature", "kind": "agent", "agent": "planner", "model": "openai/gpt-5-mini" },
        ],
        "edges": [
            { "from": "triage", "to": "bug", "kind": "routed", "cases": ["bug"], "default": false },
            { "from": "triage", "to": "feature", "kind": "routed", "cases": ["feature"], "default": false },
            { "from": "bug", "to": "feature", "kind": "on_error" },
        ],
    });
    assert_eq!(json, expected);
}

#[test]
fn no_nodes_are_no_problem() {
    for format in FORMATS {
        assert!(draw_view("empty", None, &GraphView::default(), format).ends_with('\n'));
    }
}

/// A graph of up to 60 nodes with edges of all kinds, modifiers, inner graphs and texts of any characters.
fn any_graph(depth: u32) -> BoxedStrategy<GraphView> {
    let most: usize = if depth == 0 { 8 } else { 60 };
    (1..=most)
        .prop_flat_map(move |count: usize| {
            let nodes = prop::collection::vec(any_node(depth), count);
            let edges = prop::collection::vec(
                (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..6, ".{0,40}"),
                0..=count * 2,
            );
            (nodes, edges)
        })
        .prop_map(|(mut nodes, edges)| {
            for (at, node) in nodes.iter_mut().enumerate() {
                node.id = format!("{}{at}", node.id);
            }
            let mut seen = BTreeSet::new();
            let edges = edges.into_iter().filter_map(|(a, b, kind, text)| {
                let (a, b) = (a.index(nodes.len()), b.index(nodes.len()));
                let (from, to) = (a.min(b), a.max(b));
                let kind = match kind {
                    0 => EdgeShape::Routed { cases: vec![text], otherwise: false },
                    1 => EdgeShape::Conditional(text),
                    2 => EdgeShape::OnError,
                    _ => EdgeShape::Plain,
                };
                (from < to && seen.insert((from, to))).then_some(EdgeView { from, to, kind })
            });
            let edges = edges.collect();
            GraphView { nodes, edges }
        })
        .boxed()
}

fn any_node(depth: u32) -> BoxedStrategy<NodeView> {
    let leaf = prop_oneof![
        Just(KindView::Value),
        "[a-z0-9_-]{1,40}".prop_map(|agent| KindView::Agent { agent, model: None, chosen: None }),
        "[a-z0-9:/_-]{1,40}".prop_map(|tool| KindView::Tool { tool }),
        "[a-z0-9_{} -]{1,40}".prop_map(|collection| KindView::Memory { does: "recall", collection }),
        ".{0,30}".prop_map(|what| KindView::Wait { does: "send", what }),
        ".{0,30}".prop_map(|name| KindView::Workflow { name }),
    ];
    let kind = if depth == 0 {
        leaf.boxed()
    } else {
        prop_oneof![12 => leaf, 1 => any_graph(depth - 1).prop_map(KindView::Graph)].boxed()
    };
    ("[a-z0-9][a-z0-9_-]{0,60}", kind, prop::option::of(".{0,60}"), prop::option::weighted(0.2, ".{0,60}"))
        .prop_map(|(id, kind, description, when)| NodeView { description, when, ..NodeView::new(id, kind) })
        .boxed()
}

/// All nodes, those of inner graphs included.
fn all_nodes(graph: &GraphView) -> Vec<&NodeView> {
    graph.nodes.iter().flat_map(|node| std::iter::once(node).chain(node.inner().map(all_nodes).unwrap_or_default())).collect()
}

fn all_edges(graph: &GraphView) -> usize {
    graph.edges.len() + graph.nodes.iter().filter_map(NodeView::inner).map(all_edges).sum::<usize>()
}

fn json_edges(graph: &serde_json::Value) -> usize {
    let nodes = graph["nodes"].as_array().unwrap().iter();
    graph["edges"].as_array().unwrap().len() + nodes.filter(|node| node["kind"] == "nodes").map(json_edges).sum::<usize>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_graph_is_drawn_within_the_width(graph in any_graph(2), width in 20_usize..130, unicode: bool) {
        let text = draw_view("name", None, &graph, DrawFormat::Ascii { width, unicode });
        for line in text.lines() {
            prop_assert!(text::width(line) <= width, "{line:?} is wider than {width}");
            prop_assert!(unicode || line.is_ascii());
        }
        for node in all_nodes(&graph) {
            // An id may be shortened, to no less than this.
            let start = &node.id[..node.id.len().min(5)];
            prop_assert!(text.contains(start), "{} is not in\n{text}", node.id);
        }
        prop_assert_eq!(&text, &draw_view("name", None, &graph, DrawFormat::Ascii { width, unicode }));
    }

    #[test]
    fn every_edge_is_in_the_formats_for_programs(graph in any_graph(2)) {
        let edges = all_edges(&graph);
        let mermaid = draw_view("name", None, &graph, DrawFormat::Mermaid);
        let arrows = mermaid.lines().filter(|line| line.trim_start().split(' ').nth(1).is_some_and(|word| word.starts_with("-->") || word.starts_with("-.->")));
        prop_assert_eq!(arrows.count(), edges);
        let dot = draw_view("name", None, &graph, DrawFormat::Dot);
        prop_assert_eq!(dot.lines().filter(|line| line.trim_start().split(' ').nth(1) == Some("->")).count(), edges);
        let json: serde_json::Value = serde_json::from_str(&draw_view("name", None, &graph, DrawFormat::Json)).unwrap();
        prop_assert_eq!(json_edges(&json), edges);
        check_tags(&draw_view("name", None, &graph, DrawFormat::Svg));
    }
}
