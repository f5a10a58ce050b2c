//! The project's own workflows that look into memory, with a model whose answers are scripted and vectors that need none.

use serde_json::{Value, json};

use super::{flows, project::Project};

const ASK: &str = "workflows/ask-docs.yaml";
const REMEMBER: &str = "workflows/remembering.yaml";

/// The workflows of this repository, with one document, and a model that answers like this.
fn project(answers: &Value) -> Project {
    let memory = json!({ "docs": { "path": ["README.md"], "embedder": "mock" }, "incidents": { "embedder": "mock" }, "background": { "embedder": "mock" } });
    flows::project_with(answers, Some(&memory)).with("README.md", "# Retries\n\nRetries wait half a second.\n")
}

fn run(project: &Project, args: &[&str]) -> Value {
    let ran = project.run(&[&["run"], args, &["--output", "json"]].concat());
    ran.exit(0);
    ran.json()
}

/// How many times a model answered in the last run.
fn answers(project: &Project) -> usize {
    let events = project.run(&["runs", "events", "last", "--format", "json"]).json();
    events.as_array().unwrap().iter().filter(|event| event["type"] == "model_responded").count()
}

#[test]
fn an_answer_keeps_the_citations_that_were_handed_out_and_loses_the_others() {
    let answer =
        json!({ "found": "yes", "answer": "Half a second.", "citations": ["README.md:1-3", "GUIDE.md:7", "README.md:1-3"] });
    let project = project(&json!({ "answer": [answer] }));
    let outputs = run(&project, &[ASK, "-i", "question=How long do retries wait?"]);
    assert_eq!(outputs, json!({ "found": true, "answer": "Half a second.", "citations": ["README.md:1-3"] }));
}

#[test]
fn when_the_documents_do_not_tell_no_model_is_asked() {
    let project = project(&json!({ "answer": [{ "error": { "kind": "refused" } }] }));
    let outputs = run(&project, &[ASK, "-i", "question=Which wine goes with fish?"]);
    assert_eq!(outputs, json!({ "found": false, "answer": "The documents do not tell.", "citations": [] }));
    assert_eq!(answers(&project), 0);
}

#[test]
fn when_the_model_does_not_find_it_in_the_passages_nothing_was_found() {
    let answer = json!({ "found": "no", "answer": "They tell of retries only.", "citations": [] });
    let project = project(&json!({ "answer": [answer] }));
    let outputs = run(&project, &[ASK, "-i", "question=How long do retries of the store wait?"]);
    assert_eq!(outputs, json!({ "found": false, "answer": "They tell of retries only.", "citations": [] }));
}

#[test]
fn a_second_run_knows_what_the_first_has_learned() {
    let learned = json!({ "cause": "The report holds a transaction open.", "action": "Stop the report.", "helped": [], "lesson": "Reports run on a replica.", "is_new": true });
    let project = project(&json!({ "diagnosis": [learned] }));
    let first = run(&project, &[REMEMBER]);
    assert_eq!((&first["known_before"], &first["kept"]), (&json!([]), &json!(true)));
    let id = project.run_ids().pop().unwrap();
    let second = run(&project, &[REMEMBER]);
    assert_eq!(second["known_before"], json!([format!("incident/{id}")]));
    let found = project.run(&["memory", "search", "reports on a replica", "-c", "incidents", "--format", "json"]).json();
    assert!(
        found[0]["text"].as_str().unwrap().contains("Reports run on a replica.") && found[0]["untrusted"] == true,
        "{found:#}"
    );
}

#[test]
fn what_is_known_already_is_not_kept_again() {
    let known = json!({ "cause": "The same.", "action": "The same.", "helped": [], "lesson": "Nothing new.", "is_new": false });
    let project = project(&json!({ "diagnosis": [known] }));
    assert_eq!(run(&project, &[REMEMBER])["kept"], false);
    let found = project.run(&["memory", "list", "--format", "json"]).json();
    assert!(!found.to_string().contains("incidents"), "{found:#}");
}

#[test]
fn a_decision_looks_into_memory_if_somebody_has_filled_it() {
    let need = json!({ "question": "How fast is the import?", "why_it_matters": "x", "would_change_the_decision": true });
    let project =
        project(&json!({ "information": [{ "needs": [need] }], "judge": [{ "accepted": true, "score": 9, "problems": [] }] }))
            .with("records/import.md", "# Import\n\nThe import takes nine seconds, fast enough.\n");
    let passages = |project: &Project| {
        run(project, &["workflows/decision.yaml"]);
        flows::results(project).into_iter().find(|(node, _)| node.starts_with("records")).unwrap().1
    };
    assert_eq!(passages(&project), json!([]));
    project.run(&["memory", "add", "records", "--collection", "background"]).exit(0);
    assert_eq!(passages(&project)[0]["citation"], "records/import.md:1-3");
}
