//! `run --record` and `run --replay`: what models and tools were asked, in a file, and runs that ask nobody.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::project::{CHAIN, Project, Ran};
use crate::fault_server::FaultServer;

/// The key of the provider, which is also said in a prompt, in an answer and in a file.
const CANARY: &str = "c4n4ry-of-the-provider-01";

const FLOW: &str = "\
name: notes
inputs:
  topic: { type: string, default: barley }
permissions: ['fs:write:out/**', 'NET']
agents:
  clerk: { model: lab/small, system: Be brief. }
  critic: { model: lab/small, tools: [http_put, calculator], permissions: ['NET'] }
nodes:
  plan: { agent: clerk, prompt: 'Plan {{ inputs.topic }}.', retry: { initial: 1ms } }
  one: { agent: clerk, prompt: 'The same for {{ plan }}.' }
  two: { agent: clerk, prompt: 'The same for {{ plan }}.' }
  review: { agent: critic, prompt: 'Review {{ plan }}.', on_error: continue }
  keep: { tool: write_file, args: { path: out/plan.txt, content: '{{ plan }}, {{ one }}, {{ two }}' } }
outputs:
  text: '{{ plan }}, {{ one }}, {{ two }}, {{ review | default(\"none\") }}'
  kept: '{{ keep }}'
";

/// A project with a model that is asked for real, and a server that is written to.
struct Lab {
    project: Project,
    model: Option<FaultServer>,
    effects: FaultServer,
}

impl Lab {
    fn new() -> Self {
        let effects = FaultServer::start(&json!([]));
        let mut lab = Self { project: Project::new(), model: None, effects };
        fs::create_dir(lab.project.path("out")).unwrap();
        lab.change(&[]);
        lab.ask_a_fresh_model(503);
        lab
    }

    /// The workflow, with these changes.
    fn change(&self, changes: &[(&str, &str)]) {
        let flow = FLOW.replace("'NET'", &format!("'net:{}'", self.effects.url()));
        let flow = changes.iter().fold(flow, |flow, (from, to)| {
            assert!(flow.contains(from), "{from}");
            flow.replace(from, to)
        });
        fs::write(self.project.path("flow.yaml"), flow).unwrap();
    }

    /// Lets another model answer, which has been asked nothing yet and refuses the first request with this status.
    fn ask_a_fresh_model(&mut self, refusal: u16) {
        let put = json!({"name": "http_put", "arguments": {"url": self.effects.url(), "json": {"n": 1}}});
        let calculate = json!({"name": "calculator", "arguments": {"expression": "20 + 22"}});
        let model = FaultServer::start(&json!([
            {"prompt": "Plan", "reply": {"sequence": [{"status": {"status": refusal}}, {"ok": {"text": "the plan"}}]}},
            {"prompt": "The same", "reply": {"sequence": [{"ok": {"text": "alpha"}}, {"ok": {"text": "beta"}}]}},
            {"prompt": "Review", "reply": {"conversation": [
                {"ok": {"tool_calls": [put, calculate]}}, {"ok": {"text": "It is good."}}
            ]}},
            {"prompt": "Compute", "reply": {"conversation": [
                {"ok": {"tool_calls": [calculate]}}, {"ok": {"text": "It is good."}}
            ]}},
        ]));
        let manifest = format!(
            "[providers.lab]\nkind = \"openai\"\nbase_url = \"{}/v1\"\napi_key = {{ env = \"LAB_KEY\" }}\n\
             price = {{ \"small\" = {{ input = 1000.0, output = 1000.0 }} }}\n",
            model.url()
        );
        fs::write(self.project.path("agents.toml"), manifest).unwrap();
        self.model = Some(model);
    }

    /// Runs with the key and with all that is permitted.
    fn real(&self, args: &[&str]) -> Ran {
        let net = format!("net:{}", self.effects.url());
        let mut command = self.project.command(&[args, &["--allow", "fs:write:out/**", "--allow", &net]].concat());
        command.env("LAB_KEY", CANARY);
        self.project.ran(command)
    }

    fn asked(&self) -> usize {
        self.model.as_ref().map_or(0, |model| model.asked().len())
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.project.path(path)).unwrap()
    }

    /// The events of the last run, without what is another in every run.
    fn events(&self) -> Vec<Value> {
        let shown = self.project.run(&["runs", "show", "last", "--format", "json"]).json();
        let events = self.project.run(&["runs", "events", "last", "--format", "json"]);
        let text = events.stdout.replace(shown["id"].as_str().unwrap(), "RUN");
        let mut events: Vec<Value> = serde_json::from_str(&text).unwrap();
        events.iter_mut().for_each(without_times);
        events
    }
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let varying = ["at", "owner", "nonce", "retry_at", "deadline", "key", "trace_id", "span_id", "parent_span_id"];
            for name in varying {
                fields.shift_remove(name);
            }
            fields.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The events of each node, in order: nodes that run at once may come in another order.
fn by_node(events: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut nodes: Vec<(String, Vec<Value>)> = Vec::new();
    for event in events {
        let mut event = event.clone();
        event.as_object_mut().unwrap().shift_remove("seq");
        let node = event["node"].as_str().unwrap_or_default().to_owned();
        match nodes.iter_mut().find(|(known, _)| *known == node) {
            Some((_, events)) => events.push(event),
            None => nodes.push((node, vec![event])),
        }
    }
    nodes.sort_by(|(one, _), (other, _)| one.cmp(other));
    nodes
}

#[test]
fn a_recorded_run_is_played_without_server_key_permission_and_without_doing_anything() {
    let mut lab = Lab::new();
    lab.ask_a_fresh_model(429);
    let recorded = lab.real(&["run", "flow.yaml", "--output", "json", "--record", "notes.cassette.yaml"]);
    recorded.exit(0).says("recorded in `[folder]/notes.cassette.yaml`");
    assert_eq!((lab.asked(), lab.effects.asked().len()), (6, 1));
    let tape = lab.text("notes.cassette.yaml");
    assert!(tape.contains("error:\n      kind: throttle") && tape.contains("- user: Plan barley."), "{tape}");
    assert!(!tape.contains("calculator\n    arguments"), "what only computes is not recorded:\n{tape}");
    let cost = lab.project.run(&["runs", "show", "last", "--format", "json"]).json()["cost_usd"].as_f64().unwrap();
    assert!(cost > 0.0);
    let events_of_recording = by_node(&lab.events());

    lab.model = None;
    fs::remove_file(lab.project.path("out/plan.txt")).unwrap();
    let played = lab.project.run(&["run", "flow.yaml", "--output", "json", "--replay", "notes.cassette.yaml"]);
    played.exit(0).says("played from").says("replayed");
    assert_eq!(played.stdout, recorded.stdout);
    assert!(!lab.project.path("out/plan.txt").exists(), "no file is written");
    assert_eq!(lab.effects.asked().len(), 1, "nothing is sent");
    let shown = lab.project.run(&["runs", "show", "last", "--format", "json"]).json();
    let replayed = shown["replayed_usd"].as_f64().unwrap();
    assert!((replayed - cost).abs() < 1e-9 && shown["cost_usd"] == 0.0, "nobody was paid again: {shown:#}");
    let attempts = |events: &[(String, Vec<Value>)]| {
        let failed = events.iter().flat_map(|(_, events)| events).filter(|event| event["type"] == "attempt_failed");
        failed.map(|event| (event["node"].clone(), event["error"]["kind"].clone())).collect::<Vec<_>>()
    };
    let first = lab.events();
    assert_eq!(attempts(&by_node(&first)), attempts(&events_of_recording));
    assert_eq!(attempts(&by_node(&first)), [(json!("plan"), json!("throttle"))]);

    // Once more: the same to the last byte.
    let again = lab.project.run(&["run", "flow.yaml", "--output", "json", "--replay", "notes.cassette.yaml"]);
    assert_eq!(again.stdout, played.stdout);
    assert_eq!(by_node(&lab.events()), by_node(&first));
    assert_eq!(lab.text("notes.cassette.yaml"), tape, "a replay leaves the file as it is");
}

#[test]
fn two_recordings_of_the_same_conversation_are_the_same_file() {
    let mut lab = Lab::new();
    // One node at a time, so that the server's answers go to the same nodes; and nothing is sent to the other server, whose answers
    // count what it was sent.
    lab.change(&[("name: notes\n", "name: notes\nlimits: { concurrency: 1 }\n"), ("'Review {{", "'Compute {{")]);
    lab.real(&["run", "flow.yaml", "--record", "one.cassette.yaml"]).exit(0);
    lab.ask_a_fresh_model(503);
    lab.real(&["run", "flow.yaml", "--record", "two.cassette.yaml"]).exit(0);
    assert_eq!(lab.text("one.cassette.yaml"), lab.text("two.cassette.yaml"));
}

#[test]
fn no_secret_is_in_the_file_and_it_is_played_without_the_secret() {
    let lab = Lab::new();
    lab.change(&[("content: '{{ plan }}", "content: '{{ inputs.topic }}")]);
    let topic = format!("topic={CANARY}");
    lab.real(&["run", "flow.yaml", "-i", &topic, "--record", "a.cassette.yaml"]).exit(0);
    assert!(lab.text("out/plan.txt").contains(CANARY), "it was a part of what was really done");
    let tape = lab.text("a.cassette.yaml");
    assert_eq!(tape.matches("c4n4ry").count(), 0, "{tape}");
    assert!(tape.contains("[secret key of lab]"), "{tape}");
    // The key is not known in this process, and stands in the prompt all the same.
    lab.project.run(&["run", "flow.yaml", "-i", &topic, "--replay", "a.cassette.yaml"]).exit(0);
    lab.project.run(&["run", "flow.yaml", "-i", "topic=another", "--replay", "a.cassette.yaml"]).exit(0);
    lab.real(&["run", "flow.yaml", "-i", &topic, "--replay", "a.cassette.yaml"]).exit(0);
}

#[test]
fn a_changed_prompt_ends_the_run_and_is_shown_beside_what_was_recorded() {
    let lab = Lab::new();
    lab.real(&["run", "flow.yaml", "--record", "a.cassette.yaml"]).exit(0);
    let asked = lab.asked();
    // `review` goes on after errors; not after this one.
    lab.change(&[("'Review {{ plan }}.'", "'Look at {{ plan }}.'")]);
    let missed = lab.project.run(&["run", "flow.yaml", "--replay", "a.cassette.yaml"]);
    missed
        .exit(1)
        .says("node `review`, attempt 1: the cassette `[folder]/a.cassette.yaml` has no answer to this request")
        .says("--- recorded: node review")
        .says("-  Review the plan.")
        .says("+  Look at the plan.")
        .says("--record-missing");
    assert_eq!(lab.asked(), asked);
    let shown = lab.project.run(&["runs", "show", "last", "--format", "json"]).json();
    assert_eq!((&shown["status"], &shown["error"]["kind"]), (&json!("failed"), &json!("unrecorded")));
    // A tool that is called with something else.
    lab.change(&[("content: '", "content: 'Now: ")]);
    lab.project
        .run(&["run", "flow.yaml", "--replay", "a.cassette.yaml"])
        .exit(1)
        .says("node `keep`, step 0.0: the cassette `[folder]/a.cassette.yaml` has no answer to this call of `write_file`")
        .says("+  \"content\": \"Now: the plan, ");
}

#[test]
fn what_is_missing_is_asked_and_added_and_what_is_not_needed_is_dropped() {
    let lab = Lab::new();
    lab.real(&["run", "flow.yaml", "--record", "a.cassette.yaml"]).exit(0);
    let (asked, before) = (lab.asked(), lab.text("a.cassette.yaml"));
    lab.change(&[("'Review {{ plan }}.'", "'Look at {{ plan }}.'")]);
    let added = lab.real(&["run", "flow.yaml", "--replay", "a.cassette.yaml", "--record-missing"]);
    added
        .exit(0)
        .says("1 answer recorded in")
        .says("not asked for: 3 entries of")
        .says("  review: lab/small (key ")
        .says("`--prune` drops them");
    assert_eq!(lab.asked(), asked + 1);
    let after = lab.text("a.cassette.yaml");
    assert!(after.contains("Look at the plan.") && after.contains("Review the plan."));
    // What was there stands where it stood.
    assert!(before.lines().all(|line| after.contains(line)));
    lab.project.run(&["run", "flow.yaml", "--replay", "a.cassette.yaml", "--prune"]).exit(0).says("dropped: 3 entries of");
    let pruned = lab.text("a.cassette.yaml");
    assert!(pruned.contains("Look at the plan.") && !pruned.contains("Review the plan."));
    lab.project.run(&["run", "flow.yaml", "--replay", "a.cassette.yaml"]).exit(0);
}

#[test]
fn a_recording_of_a_run_that_fails_is_written_and_plays_the_failure() {
    let lab = Lab::new();
    // Nothing may be written: the policy says no.
    let net = format!("net:{}", lab.effects.url());
    let mut command = lab.project.command(&[
        "run",
        "flow.yaml",
        "--record",
        "a.cassette.yaml",
        "--allow",
        "fs:write:elsewhere/**",
        "--allow",
        &net,
    ]);
    command.env("LAB_KEY", CANARY);
    let failed = lab.project.ran(command);
    failed.exit(6).says("is not permitted");
    let played = lab.project.run(&["run", "flow.yaml", "--replay", "a.cassette.yaml"]);
    played.exit(6).says("is not permitted").prints_nothing();
}

#[test]
fn a_resume_goes_on_with_the_recording_and_with_the_replay() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let mock = ["run", "chain.yaml", "--mock", "--mock-latency", "400ms"];
    let started = project.start(&[&mock[..], &["--record", "a.cassette.yaml"]].concat(), "first: succeeded");
    started.signal(Signal::KILL);
    assert_eq!(started.end().code, None);
    let begun = fs::read_to_string(project.path("a.cassette.yaml")).unwrap();
    assert!(begun.contains("node: first") && !begun.contains("node: second"), "{begun}");
    let resumed = project.run(&["resume", "last"]);
    resumed.exit(0).says("1 answer recorded in");
    let whole = fs::read_to_string(project.path("a.cassette.yaml")).unwrap();
    assert!(whole.contains("node: first") && whole.contains("node: second") && whole.contains("simulated: true"), "{whole}");
    let played = project.run(&["run", "chain.yaml", "--mock", "--replay", "a.cassette.yaml"]);
    played.exit(0).says("2 answers played from");
    assert_eq!(played.stdout, resumed.stdout);
    // A replay that misses something, and goes on once that is there.
    fs::write(project.path("b.cassette.yaml"), &begun).unwrap();
    project.run(&["run", "chain.yaml", "--mock", "--replay", "b.cassette.yaml"]).exit(1).says("node `second`");
}

#[test]
fn simulated_answers_are_recorded_and_the_options_say_what_they_cannot_do() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let first = project.run(&["run", "chain.yaml", "--mock", "--mock-seed", "7", "--record", "a.cassette.yaml"]);
    first.exit(0);
    // The seed is another one; the answers are those of the file.
    let played = project.run(&["run", "chain.yaml", "--mock", "--mock-seed", "8", "--replay", "a.cassette.yaml"]);
    assert_eq!(played.exit(0).stdout, first.stdout);
    project.run(&["runs", "list"]).exit(0).prints("simulated");
    for (args, says) in [
        (&["--record", "a.yaml", "--replay", "a.yaml"][..], "cannot be used with"),
        (&["--record-missing"][..], "--replay"),
        (&["--prune"][..], "--replay"),
        (&["--replay", "none.cassette.yaml"][..], "there is no cassette `[folder]/none.cassette.yaml`"),
        (&["--record", "none/a.cassette.yaml"][..], "cannot write the cassette"),
    ] {
        project.run(&[&["run", "chain.yaml", "--mock"], args].concat()).exit(2).says(says);
    }
    let text = fs::read_to_string(project.path("a.cassette.yaml")).unwrap();
    let conflict = text.replace("requests:\n", "<<<<<<< ours\nrequests:\n");
    fs::write(project.path("conflict.yaml"), conflict).unwrap();
    project.run(&["run", "chain.yaml", "--mock", "--replay", "conflict.yaml"]).exit(2).says("conflict.yaml");
}

#[test]
fn tools_of_servers_are_offered_as_they_were_and_no_server_is_started() {
    let script = json!({"replies": {"echo": [{"text": "it echoes"}]}}).to_string();
    let server = std::path::Path::new(env!("CARGO_BIN_EXE_agentflow")).parent().unwrap().join("examples/fault-server");
    let manifest = format!("[mcp.s]\ncommand = [{server:?}, \"mcp\", \"--script\", \"script.json\"]\n");
    let flow = "name: f\npermissions: ['mcp:s']\nnodes:\n  ask: { tool: 'mcp:s/echo', args: { text: hello } }\noutputs: { said: '{{ ask }}' }\n";
    let project = Project::new().with("script.json", script).with("agents.toml", &manifest).with("flow.yaml", flow);
    let recorded = project.run(&["run", "flow.yaml", "--record", "a.cassette.yaml", "--allow", "mcp:s"]);
    recorded.exit(0).prints("it echoes");
    let tape = fs::read_to_string(project.path("a.cassette.yaml")).unwrap();
    assert!(tape.contains("- tool: \"mcp:s/echo\"") && tape.contains("it echoes") && tape.contains("untrusted: true"), "{tape}");
    // The server is not there any more.
    let gone = manifest.replace("fault-server", "not-there");
    fs::write(project.path("agents.toml"), gone).unwrap();
    let played = project.run(&["run", "flow.yaml", "--replay", "a.cassette.yaml"]);
    assert_eq!(played.exit(0).stdout, recorded.stdout);
}
