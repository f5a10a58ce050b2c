//! A log and a cache that somebody else wrote: plain data into fixed types, in which no tag chooses what is made.

use agentflow::model::{EventBody, ToolIntent};
use serde_json::{Value, json};

use super::super::project::Project;

/// What makes other programs load a class, or run it.
fn tagged() -> [Value; 6] {
    [
        json!({ "lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": { "command": "touch pwned" } }),
        json!({ "lc": 2, "type": "constructor", "method": [null, "construct"], "id": ["os", "system"], "args": ["touch pwned"] }),
        json!({ "lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"] }),
        json!({ "__class__": "os.system", "py/reduce": [{ "py/function": "os.system" }, ["touch pwned"]] }),
        json!({ "type": "json", "module": "os", "name": "system", "args": ["touch pwned"] }),
        json!(["pickle", "Y29zCnN5c3RlbQooUyd0b3VjaCBwd25lZCcKdFIu"]),
    ]
}

#[test]
fn cve_2025_64439_cve_2026_28277_no_tag_chooses_what_an_event_is() {
    for body in tagged() {
        assert!(serde_json::from_value::<EventBody>(body.clone()).is_err(), "{body}");
    }
    let good = json!({ "type": "node_cancelled", "node": "a" });
    serde_json::from_value::<EventBody>(good.clone()).unwrap();
    for key in ["lc", "id", "kwargs", "__class__", "py/object", "constructor"] {
        let mut more = good.clone();
        more[key] = json!("os.system");
        assert!(serde_json::from_value::<EventBody>(more).is_err(), "`{key}` is passed over");
    }
    assert!(serde_json::from_value::<ToolIntent>(tagged()[0].clone()).is_err());
}

#[test]
fn cve_2025_68664_a_tag_in_data_is_data() {
    for value in tagged() {
        let workflow =
            json!({ "nodes": { "a": { "value": value }, "b": { "value": "{{ a }}" } }, "outputs": { "b": "{{ b }}" } });
        let project = Project::new().with("agents.toml", "").with("w.json", workflow.to_string());
        let ran = project.run(&["run", "w.json", "--output", "json"]);
        ran.exit(0);
        assert_eq!(ran.json(), json!({ "b": value }));
        let again = project.run(&["resume", "last", "--output", "json"]);
        again.exit(0);
        assert_eq!(again.json(), json!({ "b": value }));
        assert!(!project.path("pwned").exists());
    }
}

fn tamper(project: &Project, sql: &str, body: &Value) -> usize {
    let file = rusqlite::Connection::open(project.path(".agentflow/agentflow.db")).unwrap();
    file.execute(sql, [body.to_string()]).unwrap()
}

#[test]
fn cve_2025_64439_cve_2026_28277_a_record_that_was_put_in_is_refused() {
    for body in tagged() {
        let project = Project::new().with("agents.toml", "").with("w.yaml", "nodes: { a: { value: 1 } }\n");
        project.run(&["run", "w.yaml"]).exit(0);
        assert_eq!(tamper(&project, "UPDATE records SET body = ? WHERE seq = 1", &body), 1);
        project.run(&["runs", "show", "last"]).exit(4);
        project.run(&["resume", "last"]).exit(4);
        assert!(!project.path("pwned").exists());
    }
}

#[test]
fn cve_2026_27794_what_was_put_into_the_cache_is_no_result() {
    let workflow =
        "permissions: ['fs:read:**']\nnodes: { a: { tool: read_file, args: { path: a.txt } } }\noutputs: { a: '{{ a }}' }\n";
    for body in tagged() {
        let project = Project::new().with("agents.toml", "[tools.read_file]\ncache = \"1h\"\n").with("w.yaml", workflow);
        let read = |project: &Project| {
            let ran = project.run(&["run", "w.yaml", "--allow", "fs:read:**"]);
            ran.exit(0);
            ran.stdout.trim().to_owned()
        };
        let project = project.with("a.txt", "one");
        assert_eq!(read(&project), "one");
        let project = project.with("a.txt", "two");
        assert_eq!(read(&project), "one", "the result was not kept");
        assert_eq!(tamper(&project, "UPDATE documents SET value = ? WHERE key LIKE 'cache/tool/%'", &body), 1);
        assert_eq!(read(&project), "two");
    }
}
