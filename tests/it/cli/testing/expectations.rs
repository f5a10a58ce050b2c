//! Each expectation, where it holds and where it does not.

use super::{expecting, project, unmet};

/// Expects `expect` to hold.
#[track_caller]
fn holds(expect: &str) {
    let ran = expecting(expect);
    assert_eq!(ran.code, Some(0), "{expect}\n{}{}", ran.stdout, ran.stderr);
}

/// Expects `expect` not to hold, and to be told so.
#[track_caller]
fn fails(expect: &str, told: &[&str]) {
    let ran = expecting(expect);
    assert_eq!(ran.code, Some(1), "{expect}\n{}{}", ran.stdout, ran.stderr);
    assert_eq!(unmet(&ran), told, "{expect}\n{}", ran.stdout);
}

#[test]
fn counts_order_and_routes_are_held_against_what_happened() {
    holds("{ executed: { triage: 1, review: 2, polish: 2, gate: 1 }, not_executed: [glance], skipped: [glance] }");
    holds("{ order: [triage, review, polish, tell, gate], attempts: { triage: 1, review: 2, polish: 2 } }");
    holds("{ routes: { triage: review }, calls: { critic: 2, triager: 3 } }");
    fails(
        "{ executed: { review: 3, glance: 1 } }",
        &["11:35: executed.review expected 3 found 2", "11:46: executed.glance expected 1 found 0"],
    );
    fails("{ not_executed: [review] }", &["11:30: not_executed: review expected no execution found 2"]);
    fails("{ skipped: [review] }", &["11:25: skipped: review expected a skipped node found it succeeded"]);
    fails("{ attempts: { triage: 2 } }", &["11:35: attempts.triage expected 2 found 1"]);
    fails("{ routes: { triage: [glance] } }", &["11:34: routes.triage expected `glance` found `review`"]);
    fails("{ calls: { critic: 1 } }", &["11:32: calls.critic expected 1 found 2"]);
    fails(
        "{ order: [gate, triage] }",
        &["11:29: order expected `triage` after `gate` found the order triage, review, polish, tell, gate"],
    );
}

#[test]
fn values_are_held_against_matchers() {
    holds("{ outputs: { risk: high, text: { matches: '^go' } }, nodes: { triage: { contains: { areas: [auth, db] } } } }");
    holds("{ nodes: { 'review[1]': { findings: [] }, review: { length: 2 }, polish: good } }");
    holds("{ prompts: { triage: { contains: '+x' }, review: Review auth, 'review[1]': Review db } }");
    fails(
        "{ outputs: { risk: low, text: { length: { min: 5 } } } }",
        &[
            "11:32: outputs.risk expected \"low\" found \"high\"",
            "11:53: outputs.text expected length a number of at least 5 found length 4: \"good\"",
        ],
    );
    fails(
        "{ nodes: { 'review[0]': { findings: [b] }, glance: x } }",
        &[
            "11:50: nodes.review[0].findings[0] expected \"b\" found \"a\"",
            "11:64: nodes.glance expected a value found none: it was skipped: no edge to it was taken",
        ],
    );
    fails(
        "{ prompts: { triage: { not: { contains: Sort } } } }",
        &["11:41: prompts.triage expected not something that contains \"Sort\" found \"Sort +x\""],
    );
}

#[test]
fn messages_and_events_are_held_in_their_order() {
    holds("{ messages: [{ to: critic, type: note, body: good, from: tell }] }");
    holds(
        "{ messages: [{ body: { matches: o } }], events: [{ type: attempt_started, node: triage }, { type: message_sent, message: { body: good } }] }",
    );
    fails("{ messages: [] }", &["11:25: messages expected 0 found 1"]);
    fails("{ messages: [{ body: bad }] }", &["11:34: messages[0].body expected \"bad\" found \"good\""]);
    fails(
        "{ events: [{ type: run_finished }, { type: run_created }] }",
        &["11:48: events[1] expected {\"type\":\"run_created\"} found it only before the one above it"],
    );
}

#[test]
fn the_end_of_a_run_is_expected_in_three_ways() {
    let ran = project(
        "  - name: rejected
    mocks: { gate: { approve: false } }
    expect: { status: failed, exit_code: 6, error: { node: gate, message: { contains: reject } } }
  - name: refused
    mocks: { triage: { fail: { kind: denied, message: not today } } }
    expect: { error: { kind: denied, node: triage, message: { contains: not today } }, exit_code: 6 }
  - name: not expected
    mocks: { triage: { fail: { kind: denied, message: not today } } }
  - name: another
    mocks: { triage: { fail: { kind: denied, message: not today } } }
    expect: { error: { kind: timeout, node: gate, message: later } }
",
    )
    .run(&["test"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("2 failed, 2 passed"), "{}", ran.stdout);
    assert_eq!(
        unmet(&ran),
        [
            "16:11: status expected succeeded found failed",
            "20:30: error.kind expected `timeout` found `denied`",
            "20:45: error.node expected `gate` found `triage`",
            "20:60: error.message expected \"later\" found \"not today\"",
        ]
    );
    assert!(ran.stdout.contains("node `triage`: not today"), "{}", ran.stdout);
}

#[test]
fn what_a_run_may_cost_and_take_is_bounded() {
    let tests = "  - name: free
    mocks: { polish: { output: good } }
    expect: { max_cost_usd: 0, max_tokens: 1, max_duration: 1s }
  - name: slow
    mocks: { triage: { fail: { kind: overloaded, times: 1 }, output: { risk: low, areas: [] } } }
    expect: { max_duration: 30s }
";
    let ran = project(tests).run(&["test"]);
    assert!(ran.stdout.contains("1 failed, 1 passed"), "{}", ran.stdout);
    assert!(unmet(&ran)[0].starts_with("15:29: max_duration expected at most 30s found 6"), "{:?}", unmet(&ran));
}
