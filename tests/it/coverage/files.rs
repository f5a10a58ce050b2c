//! Workflows that run or call others: each is counted under its own file.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use agentflow::{
    diagnostic::StoredFiles,
    engine::{children_of, read_run},
    model::StoredSource,
    plan::{CompileOptions, ManifestChoice, Plan, compile},
    testing::coverage::{Coverage, Sort},
};
use serde_json::json;

use crate::engine::flow::Flow;

fn plan(files: &[(&str, &str)]) -> Arc<Plan> {
    let stored = files.iter().map(|(path, text)| StoredSource { path: (*path).to_owned(), text: (*text).to_owned() });
    let files_of = StoredFiles::new(stored.collect());
    let compiled = compile(Path::new(files[0].0), ManifestChoice::None, &files_of, &CompileOptions::default());
    Arc::new(compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)))
}

const INNER: (&str, &str) = (
    "flows/parts/inner.yaml",
    "inputs: { n: integer }\nnodes:\n  small: { when: inputs.n < 3, value: s }\n  big: { when: inputs.n >= 3, value: b }\n",
);

fn places(coverage: &Coverage) -> Vec<String> {
    let missing = coverage.files().flat_map(|file| file.missing().into_iter().map(move |point| (file, point)));
    missing
        .map(|(file, point)| {
            let spot = point.spot;
            format!("{}:{}:{}: {}: {}", file.path.display(), spot.line, spot.column, point.node, point.in_words())
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_inner_workflow_is_counted_under_its_own_file() {
    let plan = plan(&[
        (
            "flows/outer.yaml",
            "nodes:\n  one: { workflow: parts/inner.yaml, with: { n: 1 } }\n  two:\n    loop: { max: 1 }\n    nodes: { deep: { workflow: ./parts/../parts/inner.yaml, with: { n: 2 } } }\n",
        ),
        INNER,
        ("flows/parts/../parts/inner.yaml", INNER.1),
        ("flows/./parts/../parts/inner.yaml", INNER.1),
    ]);
    let flow = Flow::of(Arc::clone(&plan));
    let ran = flow.run().await.succeeded();
    let mut coverage = Coverage::of(&plan);
    coverage.take(&plan, &BTreeMap::new(), &ran.events).unwrap();
    let names: Vec<_> = coverage.files().map(|file| file.path.display().to_string()).collect();
    assert_eq!(names, ["flows/outer.yaml", "flows/parts/inner.yaml"]);
    assert_eq!(
        places(&coverage),
        [
            "flows/parts/inner.yaml:3:18: small: `when` false: `inputs.n < 3`",
            "flows/parts/inner.yaml:4:3: big: only skipped",
            "flows/parts/inner.yaml:4:16: big: `when` true: `inputs.n >= 3`",
        ]
    );
    let inner = coverage.file(Path::new("flows/./parts/inner.yaml")).unwrap();
    assert_eq!((inner.points()[0].hits, inner.tally(Some(Sort::Nodes)).covered), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_an_agent_calls_is_counted_under_its_own_file() {
    let plan = plan(&[
        (
            "flows/outer.yaml",
            "agents: { boss: { model: mock/m, tools: ['workflow:parts/inner.yaml'] } }\nnodes:\n  ask: { agent: boss, prompt: Go }\n",
        ),
        INNER,
    ]);
    let call = json!({"tools": [{"name": "workflow:parts/inner.yaml", "arguments": {"n": 7}}]});
    let flow = Flow::of(Arc::clone(&plan)).scripted("ask", call).answer("ask", "done");
    let ran = flow.run().await.succeeded();
    let mut coverage = Coverage::of(&plan);
    coverage.take(&plan, &BTreeMap::new(), &ran.events).unwrap();
    assert_eq!(coverage.file(Path::new(INNER.0)).unwrap().runs, 0);
    let child = &children_of(flow.run, &ran.events)[0];
    let events = read_run(&flow.store, child.run).await.unwrap().events;
    coverage.take(&plan, &BTreeMap::new(), &events).unwrap();
    assert_eq!(
        places(&coverage),
        [
            "flows/parts/inner.yaml:3:3: small: only skipped",
            "flows/parts/inner.yaml:3:18: small: `when` true: `inputs.n < 3`",
            "flows/parts/inner.yaml:4:16: big: `when` false: `inputs.n >= 3`",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn coverage_of_the_same_file_is_added_up() {
    let outer = |n: i64| {
        let text = format!("nodes: {{ a: {{ workflow: parts/inner.yaml, with: {{ n: {n} }} }} }}");
        plan(&[("flows/outer.yaml", &text), INNER])
    };
    let mut all = Coverage::default();
    for n in [1, 5] {
        let flow = Flow::of(outer(n));
        let ran = flow.run().await.succeeded();
        let mut coverage = Coverage::of(&flow.plan);
        coverage.take(&flow.plan, &BTreeMap::new(), &ran.events).unwrap();
        assert!(coverage.tally(None).covered < coverage.tally(None).all);
        all.merge(coverage);
    }
    assert_eq!(places(&all), [""; 0]);
    assert_eq!(all.file(Path::new(INNER.0)).unwrap().runs, 2);
}

#[test]
fn a_workflow_without_tests_counts_as_nothing() {
    let plan = plan(&[INNER]);
    let coverage = Coverage::of(&plan);
    let file = coverage.files().next().unwrap();
    assert_eq!((file.runs, coverage.tally(None).covered, coverage.tally(None).percent()), (0, 0, 0.0));
    assert_eq!(file.hint(file.missing()[0]), "no test runs this workflow: write one");
}
