//! `agentflow eval` as a person meets it: scores, comparisons, limits, and what is refused before a token is spent.

use serde_json::{Value, json};

use super::project::{Project, Ran};
use crate::fault_server::FaultServer;

/// Sorts a message; what the model says is the output.
const SORT: &str = "\
name: sort
inputs: { message: string }
agents: { sorter: { model: lab/small } }
nodes:
  kind: { agent: sorter, prompt: 'MARK {{ inputs.message }}', retry: { max_attempts: 1 } }
outputs: { kind: '{{ kind }}' }
";

const ROWS: &str = r#"{"id": "a", "inputs": {"message": "[[one]]"}, "expected": {"kind": "bug"}}
{"id": "b", "inputs": {"message": "[[two]]"}, "expected": {"kind": "question"}}
{"id": "c", "inputs": {"message": "[[three]]"}, "expected": {"kind": "bug"}}
"#;

/// A project whose models are the server, with one that judges.
pub(super) fn project(server: &FaultServer) -> Project {
    let manifest = format!(
        "[providers.lab]\nkind = \"openai\"\nbase_url = \"{}/v1\"\nprice = {{ small = {{ input = 1000.0, output = 1000.0 }} }}\n\n\
         [agents.critic]\nmodel = \"lab/small\"\n",
        server.url()
    );
    Project::new().with("agents.toml", manifest).with("sort.yaml", SORT.replace("MARK", "Sort:")).with("rows.jsonl", ROWS)
}

/// The server says `text` to whom `part` is told.
pub(super) fn says(part: &str, text: &str) -> Value {
    json!({"match": part, "text": text, "reply": "ok"})
}

/// What the models were asked, in the order of the rows.
pub(super) fn asked(server: &FaultServer, part: &str) -> usize {
    server.asked().iter().filter(|asked| asked.prompt.as_deref().is_some_and(|prompt| prompt.contains(part))).count()
}

const EVAL: [&str; 6] = ["eval", "sort.yaml", "--data", "rows.jsonl", "--score", "exact:kind"];

fn eval(project: &Project, more: &[&str]) -> Ran {
    project.run(&[&EVAL, more].concat())
}

fn scorer<'a>(report: &'a Value, variant: usize, name: &str) -> &'a Value {
    let scorers = report["variants"][variant]["scorers"].as_array().unwrap();
    scorers.iter().find(|scorer| scorer["name"] == name).unwrap()
}

#[test]
fn rows_are_scored_and_a_row_whose_run_fails_counts_as_nothing() {
    let server = FaultServer::start(&json!([
        says("[[one]]", "bug"),
        says("[[two]]", "bug"),
        {"match": "[[three]]", "reply": {"status": {"status": 400}}},
    ]));
    let project = project(&server);
    let report = eval(&project, &["--format", "json"]).json();
    let kind = scorer(&report, 0, "kind");
    assert!((kind["mean"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9, "{kind}");
    assert_eq!(kind["failed"], 1);
    assert!(kind["pass_interval"]["low"].as_f64().unwrap() < 0.1, "{kind}");
    assert_eq!((&report["variants"][0]["runs"], &report["variants"][0]["failed_runs"]), (&json!(3), &json!(1)));
    assert_eq!(report["variants"][0]["latency"]["runs"], 3);
    assert!(report["variants"][0]["cost_per_run_usd"].as_f64().unwrap() > 0.0);
    assert_eq!((&report["complete"], &report["simulated"]), (&json!(true), &json!(false)));
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|result| result["row"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(results[1]["scores"]["kind"]["reason"], r#""bug" is not "question""#);
    assert_eq!(results[2]["status"], "failed");
    // Each row is a run like any other.
    for result in results {
        let shown = project.run(&["runs", "show", result["run"].as_str().unwrap(), "--format", "json"]).json();
        assert_eq!(shown["status"], result["status"]);
    }
    let text = eval(&project, &["--limit", "2", "--filter", "expected.kind == 'question'"]);
    text.exit(0).prints("sort  1 row").prints("WORST ROWS").prints("0.00 (0.00..0.79)");
}

#[test]
fn every_run_that_fails_is_an_eval_that_fails() {
    let server = FaultServer::start(&json!([{"reply": {"status": {"status": 401}}}]));
    eval(&project(&server), &[]).exit(1).prints("0.00");
}

#[test]
fn a_judge_is_asked_once_for_each_run_and_told_what_it_judges() {
    let server = FaultServer::start(&json!([
        says("RUBRIC", r#"{"reason": "curt", "score": 0.25}"#),
        says("[[one]]", "bug"),
        says("[[two]]", "question"),
        says("[[three]]", "other"),
    ]));
    let project = project(&server);
    let report = eval(&project, &["--score", "tone=judge:kind:critic:RUBRIC polite", "--format", "json"]).json();
    let tone = scorer(&report, 0, "tone");
    assert_eq!((&tone["mean"], &tone["pass_rate"], &tone["failed"]), (&json!(0.25), &json!(0.0), &json!(0)));
    assert_eq!(asked(&server, "RUBRIC"), 3);
    let prompt = server.asked().into_iter().filter_map(|asked| asked.prompt).find(|prompt| prompt.contains("RUBRIC")).unwrap();
    for part in ["RUBRIC polite", "<actual>", r#"{"message":"[["#, "gives you no instructions"] {
        assert!(prompt.contains(part), "{part} is not in:\n{prompt}");
    }
    let first = &report["results"][0];
    assert_eq!(first["scores"]["tone"]["reason"], "curt");
    assert!(first["judge_spend"]["cost_usd"].as_f64().unwrap() > 0.0);
    let judge = first["scores"]["tone"]["judge_run"].as_str().unwrap();
    assert_eq!(project.run(&["runs", "show", judge, "--format", "json"]).json()["workflow"], "judge-critic");
}

#[test]
fn a_judge_that_fails_is_counted_apart() {
    let server = FaultServer::start(&json!([{"match": "RUBRIC", "reply": {"status": {"status": 400}}}, says("", "bug")]));
    let report = eval(&project(&server), &["--score", "tone=judge:kind:critic:RUBRIC", "--format", "json"]).json();
    assert_eq!(scorer(&report, 0, "tone")["failed"], 3);
    assert_eq!(scorer(&report, 0, "kind")["failed"], 0);
}

/// Eight rows, of which the workflow that says `B:` gets all right, and the other one none.
fn sides() -> (FaultServer, Project) {
    let server = FaultServer::start(&json!([says("B:", "bug"), says("", "other")]));
    let rows: Vec<String> =
        (0..8).map(|nth| format!("{{\"inputs\": {{\"message\": \"m{nth}\"}}, \"expected\": \"bug\"}}\n")).collect();
    let project = project(&server)
        .with("a.yaml", SORT.replace("MARK", "A:"))
        .with("b.yaml", SORT.replace("MARK", "B:"))
        .with("prompted.yaml", SORT.replace("prompt: 'MARK {{ inputs.message }}'", "prompt_file: p/a.md"))
        .with("p/a.md", "A: {{ inputs.message }}")
        .with("p/b.md", "B: {{ inputs.message }}")
        .with("rows.jsonl", rows.concat());
    (server, project)
}

#[test]
fn two_workflows_are_compared_row_by_row() {
    let (_server, project) = sides();
    let args = |one, other| vec!["eval", one, other, "--data", "rows.jsonl", "--score", "exact:kind", "--fail-on-regression"];
    project.run(&args("a.yaml", "b.yaml")).exit(0).prints("b against a").prints("+1.00").prints("better");
    project.run(&args("b.yaml", "a.yaml")).exit(1).prints("a against b").prints("-1.00").prints("worse");
    let few = [args("b.yaml", "a.yaml"), vec!["--limit", "5"]].concat();
    project.run(&few).exit(0).prints("no difference shown");
}

#[test]
fn two_versions_of_a_prompt_are_compared() {
    let (server, project) = sides();
    let args = ["eval", "prompted.yaml", "--data", "rows.jsonl", "--score", "exact:kind", "--variant", "now="];
    let ran = project.run(&[&args[..], &["--variant", "next=p/a.md=p/b.md", "--format", "markdown"]].concat());
    ran.exit(0).prints("| kind | next against now | +1.00 | 8 | **better** |");
    assert_eq!((asked(&server, "A: "), asked(&server, "B: ")), (8, 8));
    let unread = project.run(&[&args[..], &["--variant", "next=b.yaml=a.yaml"]].concat());
    unread.exit(2).says("variant `next` replaces `b.yaml`, which its workflow does not read");
}

#[test]
fn two_models_of_an_agent_are_compared() {
    let (_server, project) = sides();
    let args = ["eval", "a.yaml", "--data", "rows.jsonl", "--score", "exact:kind", "--model", "sorter=lab/small"];
    project.run(&[&args[..], &["--model", "sorter=lab/large"]].concat()).exit(0).prints("lab/large against lab/small");
}

#[test]
fn a_later_eval_is_held_against_a_saved_one() {
    let (_server, project) = sides();
    let args = |workflow| vec!["eval", workflow, "--data", "rows.jsonl", "--score", "exact:kind"];
    project.run(&[args("b.yaml"), vec!["--save", "base.json"]].concat()).exit(0);
    let worse = [args("a.yaml"), vec!["--baseline", "base.json", "--fail-on-regression"]].concat();
    project.run(&worse).exit(1).prints("a against baseline b").prints("worse");
    // A row that is another one now is compared with nothing.
    let text = std::fs::read_to_string(project.path("rows.jsonl")).unwrap();
    std::fs::write(project.path("rows.jsonl"), text.replace("m0", "changed").replace("m1", "changed")).unwrap();
    project.run(&worse).prints("6 (4 not in both)");
    project.run(&[args("a.yaml"), vec!["--fail-on-regression"]].concat()).exit(2).says("needs something to compare with");
    project.run(&[args("a.yaml"), vec!["--baseline", "rows.jsonl"]].concat()).exit(2).says("rows.jsonl:1:");
    project.run(&[args("a.yaml"), vec!["--baseline", "base.json", "--mock"]].concat()).exit(2).says("simulated");
}

#[test]
fn a_mean_below_its_limit_is_exit_1() {
    let (_server, project) = sides();
    let args = ["eval", "a.yaml", "--data", "rows.jsonl", "--score", "exact:kind"];
    project.run(&[&args[..], &["--fail-under", "80%"]].concat()).exit(1).prints("below 0.8");
    project.run(&[&args[..], &["--fail-under", "0"]].concat()).exit(0);
}

#[test]
fn repeats_of_a_row_do_not_make_more_rows() {
    let server = FaultServer::start(&json!([
        {"match": "[[one]]", "text": "bug", "times": 2, "reply": "ok"},
        says("[[two]]", "question"),
        says("", "other"),
    ]));
    let args = ["--repeats", "4", "--limit", "2", "--concurrency", "1", "--format", "json"];
    let report = eval(&project(&server), &args).json();
    let kind = scorer(&report, 0, "kind");
    assert_eq!((&report["variants"][0]["rows"], &report["variants"][0]["runs"]), (&json!(2), &json!(8)));
    assert_eq!((&kind["mean"], &kind["pass_rate"]), (&json!(0.75), &json!(0.75)));
    let low = kind["pass_interval"]["low"].as_f64().unwrap();
    assert!((low - 0.1979).abs() < 1e-3, "that of two rows, not of eight: {low}");
}

#[test]
fn what_is_wrong_in_a_data_set_is_told_with_its_place_before_anything_is_asked() {
    let server = FaultServer::start(&json!([]));
    let project = project(&server);
    let refused = |name: &str, text: &str, place: &str, message: &str| {
        std::fs::write(project.path(name), text).unwrap();
        let ran = project.run(&["eval", "sort.yaml", "--data", name, "--score", "exact:kind"]);
        ran.exit(2).says(message).says(&format!("{name}:{place}")).prints_nothing();
    };
    refused("r.jsonl", "{\"inputs\": {\"message\": 3}, \"expected\": \"x\"}\n", "1:24", "3 is not of type \"string\"");
    refused("r.jsonl", "\n{\"inputs\": {\"mesage\": \"x\"}, \"expected\": \"x\"}\n", "2:13", "did you mean `message`?");
    refused("r.jsonl", "{\"inputs\": {}, \"expected\": \"x\"}\n", "1:1", "the row has no input `message`");
    refused("r.jsonl", "{\"inputs\": {\"message\": \"x\"}}\n", "1:1", "scorer `kind`: the row has no `expected`");
    refused("r.jsonl", "{\"inputs\": {\"message\": \"x\"}, \"expectd\": 1}\n", "1:30", "did you mean `expected`?");
    refused("r.jsonl", "{\"inputs\": {\"message\": \"x\"},}\n", "1:29", "no valid JSON");
    refused("r.jsonl", "", "1:1", "has no rows");
    refused("r.csv", "message,expected\nx\n", "2:1", "the row has 1 cell, and there are 2 columns");
    refused("r.csv", "message,mesage,expected\nx,y,z\n", "1:9", "did you mean `message`?");
    refused("r.csv", "id,message,expected\na,x,y\na,x,y\n", "3:1", "two rows have the id `a`");
    std::fs::write(project.path("r.csv"), b"message,expected\nx,\xff\n").unwrap();
    project
        .run(&["eval", "sort.yaml", "--data", "r.csv", "--score", "exact:kind"])
        .exit(2)
        .says("r.csv:2:3: the data set is not UTF-8");
    project
        .run(&["eval", "sort.yaml", "--data", "no.csv", "--score", "exact:kind"])
        .exit(2)
        .says("cannot read the data set `no.csv`");
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}

#[test]
fn what_is_wrong_in_an_eval_file_is_told_with_its_place() {
    let server = FaultServer::start(&json!([]));
    let project = project(&server);
    let refused = |text: &str, place: &str, message: &str| {
        std::fs::write(project.path("e.eval.yaml"), format!("workflow: sort.yaml\ndata: rows.jsonl\n{text}\n")).unwrap();
        let ran = project.run(&["eval", "e.eval.yaml"]);
        ran.exit(2).says(message).says(&format!("e.eval.yaml:{place}")).prints_nothing();
    };
    refused("scorers: { kind: { exact: kin } }", "3:27", "did you mean `kind`?");
    refused("scorers: { kind: { exact: 'kind |' } }", "3:", "AF021");
    refused("scorers: { kind: { exact: kind, expected: outputs.kind } }", "3:43", "there is no name `outputs` here");
    refused("scorers: { kind: { regex: kind, pattern: '(' } }", "3:42", "`(` is no pattern");
    refused("scorers: { kind: { exakt: kind } }", "3:20", "did you mean `exact`?");
    refused("scorers: {}", "3:10", "must not be empty");
    refused("scorers: { kind: { exact: kind } }\nfilter: kind", "4:9", "there is no name `kind` here");
    refused("scorers: { kind: { exact: kind } }\nvariants: { x: { models: { sorter: small } } }", "4:36", "AF037");
    refused("scorers: { kind: { exact: kind } }\nvariants: { x: { files: { no.md: sort.yaml } } }", "4:27", "there is no file");
    refused("scorers: { kind: { judge: critic, rubric_file: no.md } }", "3:48", "no file");
    project.run(&["eval", "sort.yaml", "--data", "rows.jsonl", "--score", "judge:kind:critc:x"]).exit(2).says("`critc`");
    project.run(&["eval", "sort.yaml"]).exit(2).says("an eval needs a data set");
    project.run(&["eval"]).exit(2);
    assert!(server.asked().is_empty());
}

#[test]
fn a_dry_run_tells_what_it_may_cost_and_needs_no_key() {
    let project = Project::new().with("rows.csv", "name,expected\nAda,x\nBob,y\n").with("hello.yaml", super::project::HELLO);
    let args = ["eval", "hello.yaml", "--data", "rows.csv", "--score", "exact:greeting", "--dry-run"];
    project.run(&args).exit(0).prints("2 rows: 2 runs; 2 calls are expected").prints("--max-cost");
    let bounded = project.run(&[&args[..], &["--max-cost", "0.5", "--format", "json"]].concat()).json();
    assert_eq!((&bounded["runs"], &bounded["calls"]["least"]), (&json!(2), &json!(2)));
    assert_eq!(bounded["cost_usd"]["most"], Value::Null, "what is under way when it is spent is not bounded by the workflow");
    assert_eq!(project.run_ids(), [""; 0]);
}

#[test]
fn the_most_that_an_eval_may_cost_is_that_of_its_runs_or_of_its_own_budget() {
    let server = FaultServer::start(&json!([]));
    let project = project(&server).with("sort.yaml", format!("limits: {{ max_cost_usd: 0.2 }}\n{SORT}"));
    let most = |more: &[&str]| {
        let report = eval(&project, &[&["--dry-run", "--format", "json"], more].concat()).json();
        report["cost_usd"]["most"].as_f64().map(|usd| (usd * 100.0).round() / 100.0)
    };
    assert_eq!(most(&[]), Some(0.6), "three runs");
    assert_eq!(most(&["--repeats", "2", "--limit", "2"]), Some(0.8));
    assert_eq!(most(&["--max-cost", "0.1", "--concurrency", "1"]), Some(0.3), "one may be under way when it is spent");
    assert_eq!(most(&["--score", "tone=judge:kind:critic:x"]), None, "nothing bounds a judge");
    assert!(server.asked().is_empty());
}

#[test]
fn simulated_scores_are_marked_wherever_they_are_shown() {
    let server = FaultServer::start(&json!([]));
    let project = project(&server);
    eval(&project, &["--mock"]).exit(0).prints("SIMULATED").says("SIMULATED");
    eval(&project, &["--mock", "--format", "markdown"]).exit(0).prints("**SIMULATED**");
    assert_eq!(eval(&project, &["--mock", "--format", "json"]).json()["simulated"], true);
    assert!(server.asked().is_empty());
}
