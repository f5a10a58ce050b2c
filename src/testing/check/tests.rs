use std::path::Path;

use crate::{
    diagnostic::StoredFiles,
    model::StoredSource,
    testing::load::{Loader, TestFile},
};

const FLOW: &str = "
name: flow
env: [LANGUAGE]
inputs: { diff: { type: string, minLength: 1 }, focus: { type: string, default: bugs } }
agents: { triager: { model: openai/gpt-5-mini, tools: [calculator] }, critic: { model: anthropic/claude-haiku-4-5 } }
nodes:
  triage: { agent: triager, prompt: 'Sort {{ inputs.diff }} for {{ inputs.focus }} in {{ env.LANGUAGE | default(1) }}', output: { risk: low | high, areas: [string] },
    route: { on: triage.risk, cases: { low: glance, high: review } } }
  glance: { agent: critic, prompt: Look. }
  review: { map: triage.areas, as: area, agent: critic, prompt: 'Review {{ area }}', output: { findings: [string] } }
  gate: { needs: [glance, review], join: any, approval: { message: 'Publish?', options: [ship, reject], form: { reason: string } } }
outputs: { risk: '{{ triage.risk }}' }
";

fn load(tests: &str) -> TestFile {
    let file = |path: &str, text: &str| StoredSource { path: path.to_owned(), text: text.to_owned() };
    let files =
        StoredFiles::new(vec![file("flow.yaml", FLOW), file("flow.test.yaml", tests), file("bad.yaml", "nodes: { a: {} }")]);
    Loader::new(&files, None).load(Path::new("flow.test.yaml"))
}

/// What is told of a test whose only line besides its name is `line`: `CODE LINE:COLUMN MESSAGE -> HINT`.
fn told(line: &str) -> Vec<String> {
    let inputs = if line.contains("inputs:") { "" } else { "    inputs: { diff: x }\n" };
    let file = load(&format!("workflow: flow.yaml\ntests:\n  - name: t\n    {line}\n{inputs}"));
    assert!(file.workflow.as_ref().unwrap().compiled.plan.is_some(), "{:#?}", file.workflow.unwrap().compiled.diagnostics);
    listed(&file)
}

fn listed(file: &TestFile) -> Vec<String> {
    let told = |problem: &crate::diagnostic::Diagnostic| {
        let place = file.sources.position(problem.span);
        let hint = problem.hint.as_ref().map(|hint| format!(" -> {hint}")).unwrap_or_default();
        format!("{} {}:{} {}{hint}", problem.code, place.line, place.column, problem.message)
    };
    file.problems.iter().map(told).collect()
}

#[track_caller]
fn check(line: &str, expected: &[&str]) {
    assert_eq!(told(line), expected, "{line}");
}

#[test]
fn names_that_the_workflow_does_not_have_are_told_with_the_nearest() {
    check("mocks: { triag: { output: 1 } }", &["AF070 4:14 workflow `flow` has no node `triag` -> did you mean `triage`?"]);
    check("agents: { critik: [] }", &["AF070 4:15 workflow `flow` has no agent `critik` -> did you mean `critic`?"]);
    check("tools: { calculater: {} }", &["AF070 4:14 workflow `flow` has no tool `calculater` -> did you mean `calculator`?"]);
    check(
        "env: { LANG: x }",
        &["AF070 4:12 workflow `flow` has no environment variable `LANG` -> its environment variables are `LANGUAGE`"],
    );
    check("expect: { executed: { reviw: 1 } }", &["AF070 4:27 workflow `flow` has no node `reviw` -> did you mean `review`?"]);
    check(
        "expect: { not_executed: [x] }",
        &["AF070 4:30 workflow `flow` has no node `x` -> its nodes are `gate`, `glance`, `review`, `triage`"],
    );
    check("expect: { outputs: { rsk: 1 } }", &["AF070 4:26 workflow `flow` has no output `rsk` -> did you mean `risk`?"]);
    check(
        "expect: { calls: { critc: 1 } }",
        &["AF070 4:24 workflow `flow` has no agent or tool `critc` -> did you mean `critic`?"],
    );
    check("expect: { error: { kind: timout } }", &["AF070 4:30 `timout` is no kind of error -> did you mean `timeout`?"]);
    check(
        "expect: { events: [{ type: node_succeded }] }",
        &["AF070 4:32 there are no events `node_succeded` -> did you mean `node_succeeded`?"],
    );
    check(
        "faults: [{ kind: auth, at: opnai }]",
        &[
            "AF070 4:32 workflow `flow` has no node, agent, model or tool `opnai` -> its nodes are `gate`, `glance`, `review`, `triage`",
        ],
    );
    check("expect: { nodes: { 'review[0]': { findings: [] } }, order: ['review[1]'] }", &[]);
}

#[test]
fn mocks_fit_their_nodes() {
    check(
        "mocks: { triage: { each: { output: 1 } } }",
        &["AF071 4:22 node `triage` has no `map`, and so no instances -> write what it puts out directly: `output: …`"],
    );
    check(
        "mocks: { 'review[0]': { output: 1 } }",
        &[
            "AF071 4:14 `review[0]` is an instance: a mock is of a node with all its instances -> write the node alone; `outputs: […]` gives its instances or iterations different values in turn",
        ],
    );
    check("mocks: { gate: { option: shp } }", &["AF071 4:30 approval `gate` has no option `shp` -> did you mean `ship`?"]);
    check(
        "mocks: { gate: { approve: true } }",
        &["AF071 4:31 approval `gate` has no option `approve` -> its options are `ship`, `reject`"],
    );
    check("mocks: { gate: { approve: false } }", &[]);
    check(
        "mocks: { gate: { option: ship, form: { reason: 3 } } }",
        &["AF072 4:52 the form of approval `gate` is not filled in right: at /reason: 3 is not of type \"string\""],
    );
    check(
        "mocks: { triage: { approve: true } }",
        &[
            "AF071 4:33 `approve` answers an approval, and node `triage` is none: it is of the kind `agent` -> write what it puts out: `output: …`",
        ],
    );
    check(
        "agents: { critic: [{ tools: [] }] }",
        &[
            "AF071 4:24 no valid mock calls of tools: `tools` is no list with a call -> write `{ tools: [{ name: read_file, arguments: { path: README.md } }] }`",
        ],
    );
    check(
        "mocks: { triage: { fail: { kind: http } } }",
        &["AF018 4:30 a failure of the kind `http` needs `status` -> write `fail: { kind: http, status: 503 }`"],
    );
    check(
        "mocks: { triage: { fail: { kind: auth, status: 401 } } }",
        &["AF018 4:52 `status` belongs to the kind `http` -> write `status` or `kind`, or `kind: http` with it"],
    );
}

#[test]
fn mocked_outputs_follow_the_schemas_of_their_nodes() {
    check(
        "mocks: { triage: { output: { risk: huge, areas: [a, 1] } } }",
        &[
            "AF072 4:40 the mocked output breaks the schema of node `triage`: at /risk: \"huge\" is not one of \"low\" or \"high\"",
            "AF072 4:57 the mocked output breaks the schema of node `triage`: at /areas/1: 1 is not of type \"string\"",
        ],
    );
    check(
        "mocks: { review: { each: { outputs: [{ findings: [] }, {}] } } }",
        &["AF072 4:60 the mocked output breaks the schema of an element of node `review`: \"findings\" is a required property"],
    );
    check(
        "mocks: { triage: { fail: { kind: timeout, times: 1 } } }",
        &[
            "AF072 4:22 the mock of node `triage` puts out nothing, which breaks the schema of the node -> say what it puts out: `output: …`",
        ],
    );
    check("mocks: { triage: { fail: { kind: timeout } } }", &[]);
}

#[test]
fn inputs_fit_the_workflow() {
    check("inputs: { dif: x, diff: x }", &["AF075 4:15 workflow `flow` has no input `dif` -> did you mean `diff`?"]);
    check("inputs: { diff: '' }", &["AF075 4:21 input `diff`: \"\" is shorter than 1 character"]);
    check(
        "inputs: {}",
        &[
            "AF075 3:11 test `t` does not give the input `diff` -> add `inputs: { diff: … }` to the test, or to `defaults` for all tests",
        ],
    );
}

#[test]
fn faults_can_happen_where_they_are() {
    for good in [
        "{ kind: rate_limit }",
        "{ kind: timeout, at: triage }",
        "{ kind: quota, at: openai/gpt-5-mini }",
        "{ kind: crash, at: gate }",
        "{ kind: denied, at: calculator }",
        "{ kind: denied, at: triager }",
        "{ kind: slow, delay: 3s, at: review }",
    ] {
        check(&format!("faults: [{good}]"), &[]);
    }
    check("faults: [{ kind: crash }]", &["AF076 4:22 a crash is at a node -> say which: `at: NODE`"]);
    check(
        "faults: [{ kind: crash, at: triager }]",
        &["AF076 4:33 a crash is at a node, and `triager` is none -> name the node after whose result the process dies"],
    );
    check(
        "faults: [{ kind: overloaded, at: gate }]",
        &["AF076 4:38 nothing is asked or called at node `gate` -> name a node that runs an agent or calls a tool"],
    );
    check(
        "faults: [{ kind: refused, at: calculator }]",
        &[
            "AF076 4:35 `refused` happens to answers of models, and `calculator` asks none -> name an agent, a model, or a node that asks one",
        ],
    );
    check(
        "faults: [{ kind: slow, at: triage }]",
        &["AF018 4:14 a slow answer needs `delay` -> say how much longer it takes: `delay: 30s`"],
    );
    check(
        "faults: [{ kind: auth, retry_after: 3s }]",
        &["AF018 4:41 after `auth`, no server asks to try again -> leave `retry_after` out, or take `kind: rate_limit`"],
    );
}

#[test]
fn expectations_can_hold() {
    check(
        "expect: { routes: { gate: x } }",
        &["AF077 4:25 node `gate` has no `route` -> expect what ran after it by `executed` and `not_executed`"],
    );
    check(
        "expect: { routes: { triage: gate } }",
        &["AF077 4:33 the route of node `triage` never leads to `gate` -> its successors are `glance`, `review`"],
    );
    check(
        "expect: { prompts: { gate: x } }",
        &["AF077 4:26 node `gate` asks no agent: it is of the kind `approval` -> `prompts` are of nodes that run an agent"],
    );
    check(
        "expect: { executed: { triage: 1 }, not_executed: [triage] }",
        &["AF077 4:55 node `triage` is expected to run as well -> leave it out of `not_executed`, or of `executed` and `order`"],
    );
    check(
        "expect: { status: failed, outputs: { risk: low } }",
        &["AF077 4:42 a run that does not succeed has no outputs -> look at what its nodes put out: `nodes: …`"],
    );
    check(
        "expect: { status: succeeded, exit_code: 7 }",
        &["AF077 4:45 a run that ends as `succeeded` does not exit with 7 -> 0 is the code of runs that succeeded"],
    );
    check(
        "expect: { outputs: { risk: { matches: '(' } } }",
        &[
            "AF073 4:43 no valid regular expression: unclosed group -> look-around and references back are not known; a backslash in double quotes is written twice",
        ],
    );
}

#[test]
fn a_workflow_that_cannot_be_used_is_told_where_it_is_named() {
    let told = |workflow: &str| listed(&load(&format!("workflow: {workflow}\ntests: [{{ name: t }}]\n")));
    assert_eq!(told("no.yaml").len(), 1);
    assert!(told("no.yaml")[0].starts_with("AF074 1:11 "), "{:?}", told("no.yaml"));
    assert!(told("bad.yaml")[0].starts_with("AF074 1:11 the workflow has errors: "), "{:?}", told("bad.yaml"));
}

#[test]
fn what_is_wrong_in_the_defaults_is_told_once() {
    let file = load(
        "workflow: flow.yaml\ndefaults: { inputs: { diff: x }, mocks: { no: {} } }\ntests: [{ name: a }, { name: b, cases: [{}, {}] }]\n",
    );
    assert_eq!(listed(&file).len(), 1);
}
