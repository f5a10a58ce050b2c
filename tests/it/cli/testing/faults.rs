//! What goes wrong in tests, and what they cost.

use super::project;
use crate::cli::project::Project;

/// Agents that are not mocked, so that providers are asked.
const ASKING: &str = "
name: asking
agents: { writer: { model: openai/gpt-5-mini, fallback: [anthropic/claude-haiku-4-5] } }
permissions: ['net:example.com']
nodes:
  draft: { agent: writer, prompt: Write, output: { text: string }, retry: { max_attempts: 3, initial: 1m, jitter: none }, timeout: 2h }
  fetch: { needs: draft, tool: http_get, args: { url: 'https://example.com' }, retry: { max_attempts: 2, initial: 1s, jitter: none } }
  last: { value: '{{ draft.text }}', needs: fetch }
outputs: { text: '{{ last }}' }
";

#[track_caller]
fn passes(tests: &str) {
    let project =
        Project::new().with("asking.yaml", ASKING).with("asking.test.yaml", format!("workflow: asking.yaml\ntests:\n{tests}"));
    let ran = project.run(&["test"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn faults_of_models_are_met_by_retries_and_fallbacks() {
    passes(
        "  - name: a storm
    faults: [{ kind: rate_limit, at: openai/gpt-5-mini, times: 2, retry_after: 10s }]
    expect: { attempts: { draft: 3 }, executed: { last: 1 }, events: [{ type: attempt_failed, error: { kind: throttle } }] }
  - name: another model
    faults: [{ kind: quota, at: openai/gpt-5-mini, times: 9 }]
    expect: { events: [{ type: fallback_taken, from: openai/gpt-5-mini, to: anthropic/claude-haiku-4-5 }] }
  - name: unavailable
    faults: [{ kind: unavailable, at: draft }, { kind: overloaded, at: writer, after: 1 }]
    expect: { attempts: { draft: 3 } }
  - name: no answer
    faults: [{ kind: timeout, at: draft }]
    expect: { attempts: { draft: 2 }, events: [{ type: attempt_failed, error: { kind: timeout } }] }
  - name: slow
    faults: [{ kind: slow, at: draft, delay: 90s }]
    expect: { attempts: { draft: 1 }, max_duration: 100s }
  - name: half of the JSON is repaired
    faults: [{ kind: malformed, at: draft }]
    expect: { attempts: { draft: 1 }, events: [{ type: model_responded, ordinal: 1 }] }
  - name: cut
    faults: [{ kind: truncated, at: draft }]
    expect: { attempts: { draft: 2 }, events: [{ type: attempt_failed, error: { kind: truncated } }] }
  - name: declined
    faults: [{ kind: refused, at: draft, times: 9 }]
    expect: { error: { kind: refused, node: draft }, not_executed: [fetch, last] }
  - name: no key
    faults: [{ kind: auth, times: 9 }]
    expect: { error: { kind: auth, node: draft } }
  - name: broken
    faults: [{ kind: connection, at: openai/gpt-5-mini, times: 9 }]
    expect: { status: succeeded, events: [{ type: fallback_taken }] }
",
    );
}

#[test]
fn faults_of_tools_are_met_and_denied_calls_are_told() {
    passes(
        "  - name: denied
    faults: [{ kind: denied, at: http_get }]
    expect: { error: { kind: denied, node: fetch }, exit_code: 6, events: [{ type: tool_denied, denial: { tool: http_get } }] }
  - name: flaky
    faults: [{ kind: connection, at: fetch }]
    tools: { http_get: { output: { status: 200, body: x } } }
    expect: { status: succeeded, attempts: { fetch: 2 }, calls: { http_get: 2 } }
  - name: mocked and denied
    mocks: { fetch: { output: x } }
    faults: [{ kind: denied, at: http_get }]
    expect: { error: { kind: denied, node: fetch } }
",
    );
}

#[test]
fn nothing_that_is_recorded_is_asked_again_after_a_crash() {
    passes(
        "  - name: after the first
    faults: [{ kind: crash, at: draft }]
    expect: { events: [{ type: node_succeeded, node: draft }, { type: run_resumed }, { type: node_succeeded, node: last }], calls: { writer: 1, http_get: 1 } }
  - name: twice
    faults: [{ kind: crash, at: draft }, { kind: crash, at: fetch }]
    expect: { events: [{ type: run_resumed }, { type: run_resumed }], calls: { writer: 1 } }
  - name: after the last
    faults: [{ kind: crash, at: last }]
    expect: { status: succeeded }
",
    );
    let mapped = project(
        "  - name: in the middle of a map
    faults: [{ kind: crash, at: 'review[0]' }]
    expect: { executed: { review: 2 }, events: [{ type: run_resumed }] }
",
    )
    .run(&["test"]);
    assert_eq!(mapped.code, Some(0), "{}{}", mapped.stdout, mapped.stderr);
}

#[test]
fn made_up_answers_cost_what_the_model_would_when_they_are_priced() {
    let flow = "
name: dear
limits: { max_cost_usd: 0.000001 }
agents: { writer: { model: openai/gpt-5-pro, max_tokens: 100 } }
nodes:
  draft: { agent: writer, prompt: 'Write a long text about nothing' }
  again: { agent: writer, prompt: 'And again {{ draft }}' }
outputs: { text: '{{ again }}' }
";
    let tests = "workflow: dear.yaml
tests:
  - { name: free, expect: { max_cost_usd: 0 } }
  - { name: too dear, priced: true, expect: { exit_code: 7, error: { kind: budget } } }
";
    let ran = Project::new().with("dear.yaml", flow).with("dear.test.yaml", tests).run(&["test"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn what_a_cassette_has_is_played_and_what_it_lacks_fails_or_is_made_up() {
    let flow = "agents: { writer: { model: openai/gpt-5-mini } }\ninputs: { n: integer }\nnodes:\n  draft: { agent: writer, prompt: 'Write {{ inputs.n }}' }\noutputs: { text: '{{ draft }}' }\n";
    let project = Project::new().with("flow.yaml", flow);
    let recorded = project.run(&["run", "flow.yaml", "-i", "n=1", "--mock", "--record", "tape.yaml", "--output", "json"]);
    let text = recorded.exit(0).json()["text"].as_str().unwrap().to_owned();
    // What is played is what stands in the file, and nothing that is made up.
    let tape = std::fs::read_to_string(project.path("tape.yaml")).unwrap();
    assert!(tape.contains(&text), "{tape}");
    std::fs::write(project.path("tape.yaml"), tape.replace(&text, "as it was recorded")).unwrap();
    let project = project.with(
        "flow.test.yaml",
        "workflow: flow.yaml
tests:
  - { name: played, inputs: { n: 1 }, cassette: tape.yaml, expect: { outputs: { text: as it was recorded } } }
  - { name: scripted, inputs: { n: 1 }, cassette: tape.yaml, agents: { writer: [mine] }, expect: { outputs: { text: mine } } }
  - { name: missing, inputs: { n: 2 }, cassette: tape.yaml, expect: { error: { kind: unrecorded, node: draft } } }
  - { name: made up, inputs: { n: 2 }, cassette: { file: tape.yaml, mode: replay }, expect: { status: succeeded } }
  - { name: in spite of it, inputs: { n: 1 }, cassette: tape.yaml, faults: [{ kind: refused, at: draft }], expect: { error: { kind: refused } } }
",
    );
    let ran = project.run(&["test"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}
