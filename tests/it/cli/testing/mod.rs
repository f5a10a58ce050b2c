//! `agentflow test`: files of tests in, what did not hold out.

mod coverage;
mod expectations;
mod faults;
mod options;
mod problems;

use super::project::{Project, Ran};

/// A workflow with a route, a map, a loop, a retry and a person to ask.
const FLOW: &str = "
name: flow
inputs: { diff: string }
agents:
  triager: { model: openai/gpt-5-mini }
  critic: { model: openai/gpt-5-mini, fallback: [anthropic/claude-haiku-4-5] }
nodes:
  triage:
    agent: triager
    prompt: 'Sort {{ inputs.diff }}'
    output: { risk: low | high, areas: [string] }
    retry: { max_attempts: 4, initial: 1m, jitter: none }
    route: { on: triage.risk, cases: { low: glance, high: review } }
  glance: { agent: critic, prompt: 'Look at {{ inputs.diff }}' }
  review: { map: triage.areas, as: area, agent: critic, prompt: 'Review {{ area }}', output: { findings: [string] }, retry: { max_attempts: 2, initial: 1s, jitter: none } }
  polish: { needs: [glance, review], join: any, loop: { until: 'polish == \"good\"', max: 3 }, agent: triager, prompt: 'Polish' }
  tell: { needs: polish, send: { to: critic, type: note, body: '{{ polish }}' } }
  gate: { needs: tell, approval: { message: 'Publish?' } }
outputs: { risk: '{{ triage.risk }}', text: '{{ polish }}' }
";

/// The mocks with which it goes through.
const MOCKS: &str = "
  mocks:
    triage: { output: { risk: high, areas: [auth, db] } }
    review: { each: { outputs: [{ findings: [a] }, { findings: [] }] } }
    polish: { outputs: [bad, good] }
    gate: { approve: true }
";

/// A project with the workflow and these tests of it, which share inputs and mocks.
fn project(tests: &str) -> Project {
    let file = format!("workflow: flow.yaml\ndefaults:\n  inputs: {{ diff: '+x' }}{MOCKS}tests:\n{tests}");
    Project::new().with("flow.yaml", FLOW).with("flow.test.yaml", file)
}

/// Runs one test that expects what is written in `expect` on one line.
fn expecting(expect: &str) -> Ran {
    project(&format!("  - name: t\n    expect: {expect}\n")).run(&["test"])
}

/// What did not hold: `PLACE WHAT expected EXPECTED found FOUND`.
fn unmet(ran: &Ran) -> Vec<String> {
    let mut lines = ran.stdout.lines().map(str::trim);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(place) = line.strip_prefix("flow.test.yaml:") {
            let expected = lines.next().unwrap_or_default();
            let actual = lines.next().unwrap_or_default();
            let words = format!("{place} {expected} {actual}");
            found.push(words.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    found
}
