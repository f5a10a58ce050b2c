//! Answers of an earlier run are taken over where they rest on the same, and nowhere else.

use std::{collections::BTreeSet, time::Duration};

use agentflow::{
    error::ErrorKind,
    model::{EventBody, Origin, OriginKind, RunId},
    store::StreamId,
};
use serde_json::json;

use super::{
    flow::{Flow, Ran},
    recovery::{EVERYTHING, store_of_runs},
};

/// A chain, a node beside it, and a map.
const FLOW: &str = "
inputs: { topic: { type: string, default: bridges } }
agents: { writer: { model: mock/m, system: 'Be brief.' }, critic: { model: mock/n } }
nodes:
  parts: { agent: writer, prompt: 'Parts of {{ inputs.topic }}', output: [string] }
  each: { map: parts, as: part, agent: writer, prompt: 'Write on {{ part }}' }
  aside: { agent: critic, prompt: 'Something else' }
  end: { agent: critic, prompt: \"{{ each | join(', ') }} and {{ aside }}\" }
outputs: { end: '{{ end }}' }
";

/// The same project with a changed file, in the same store, as a new run that takes over what it can.
pub(super) fn next(earlier: &Flow, yaml: &str) -> Flow {
    let mut flow = Flow::new(yaml).store(earlier.store.clone());
    flow.origin = Some(Origin::reuse(earlier.run));
    flow
}

/// The nodes that were asked anew.
#[track_caller]
fn asked(ran: &Ran, expected: &[&str]) {
    let mut nodes: Vec<&str> = ran.calls.iter().map(|call| call.split('#').next().unwrap()).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, expected);
}

fn reused(ran: &Ran) -> Vec<(String, String)> {
    let of = |body: &EventBody| match body {
        EventBody::NodeSucceeded { node, reused: Some(reused), .. } => Some((node.to_string(), reused.node.to_string())),
        _ => None,
    };
    let mut found: Vec<_> = ran.events.iter().filter_map(|event| of(&event.body)).collect();
    found.sort();
    found
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_workflow_costs_nothing_the_second_time() {
    let first = Flow::new(FLOW).answer("parts", json!(["piers", "cables"]));
    let before = first.run().await.succeeded();
    let again = next(&first, FLOW);
    let ran = again.run().await.succeeded();
    asked(&ran, &[]);
    assert_eq!(ran.result.outputs, before.result.outputs);
    assert_eq!(ran.result.spend.calls, 0);
    assert_eq!(reused(&ran).len(), 5);
    // And the answers may be handed on further.
    let third = next(&again, FLOW).run().await.succeeded();
    asked(&third, &[]);
    assert_eq!(third.result.outputs, before.result.outputs);
}

#[tokio::test(start_paused = true)]
async fn a_changed_prompt_is_asked_anew_with_what_depends_on_the_answer() {
    let first = Flow::new(FLOW).answer("parts", json!(["piers", "cables"])).answer("aside", "one");
    first.run().await.succeeded();
    let changed = next(&first, &FLOW.replace("Something else", "Something new")).answer("aside", "two");
    asked(&changed.run().await.succeeded(), &["aside", "end"]);
    // The same answer as before: what reads it rests on the same.
    let same = next(&first, &FLOW.replace("Something else", "Something new")).answer("aside", "one");
    asked(&same.run().await.succeeded(), &["aside"]);
}

#[tokio::test(start_paused = true)]
async fn the_system_prompt_the_settings_and_the_model_count_and_other_words_do_not() {
    let first = Flow::new(FLOW).answer("parts", json!(["piers"]));
    first.run().await.succeeded();
    let check = async |from: &str, to: &str, expected: &[&str]| {
        let changed = next(&first, &FLOW.replace(from, to)).answer("parts", json!(["piers"]));
        asked(&changed.run().await.succeeded(), expected);
    };
    check("Be brief.", "Be long.", &["each[0]", "end", "parts"]).await;
    check("mock/n", "mock/o", &["aside", "end"]).await;
    check("output: [string]", "output: [string], temperature: 0.3", &["parts"]).await;
    check("prompt: 'Something else'", "prompt: 'Something else', retry: { max_attempts: 2 }, timeout: 9s", &[]).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_changed_elements_of_a_map_are_asked_wherever_they_stand() {
    let yaml = "
inputs: { words: [string] }
agents: { a: { model: mock/m } }
nodes:
  each: { map: inputs.words, agent: a, prompt: 'On {{ item }}' }
outputs: { each: '{{ each }}' }
";
    let first = Flow::new(yaml).input("words", json!(["one", "two", "three"]));
    let before = first.run().await.succeeded();
    let again = next(&first, yaml).input("words", json!(["zero", "three", "one", "two"]));
    let ran = again.run().await.succeeded();
    asked(&ran, &["each[0]"]);
    let pair = |new: &str, old: &str| (new.to_owned(), old.to_owned());
    assert_eq!(reused(&ran), [pair("each[1]", "each[2]"), pair("each[2]", "each[0]"), pair("each[3]", "each[1]")]);
    assert_eq!(ran.result.outputs["each"][1], before.result.outputs["each"][2]);
}

#[tokio::test(start_paused = true)]
async fn samples_of_the_same_prompt_stay_as_many_as_they_were() {
    let yaml = |count: u32| {
        format!(
            "
agents: {{ a: {{ model: mock/m }} }}
nodes:
  sample: {{ map: range({count}), agent: a, prompt: Guess }}
outputs: {{ all: '{{{{ sample }}}}' }}
"
        )
    };
    let first = Flow::new(&yaml(2)).answer("sample[0]", "red").answer("sample[1]", "blue");
    first.run().await.succeeded();
    let more = next(&first, &yaml(3)).answer("sample[2]", "green");
    let ran = more.run().await.succeeded().output("all", json!(["red", "blue", "green"]));
    asked(&ran, &["sample[2]"]);
}

#[tokio::test(start_paused = true)]
async fn the_finished_nodes_of_a_failed_run_are_taken_over_and_the_failed_one_is_not() {
    let first = Flow::new(FLOW).answer("parts", json!(["piers"])).fail("end", 400, 1);
    first.run().await.failed("node `end`: mock model `n` failed with status 400: as its script says");
    asked(&next(&first, FLOW).run().await.succeeded(), &["end"]);
}

#[tokio::test(start_paused = true)]
async fn an_output_that_stood_in_for_a_failure_is_not_taken_over() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  shaky: { agent: a, prompt: Try, on_error: { use: nothing } }
outputs: { shaky: '{{ shaky }}' }
";
    let first = Flow::new(yaml).fail("shaky", 400, 1);
    first.run().await.succeeded().output("shaky", "nothing");
    asked(&next(&first, yaml).run().await.succeeded(), &["shaky"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_invalidated_is_asked_and_what_comes_after_only_if_it_reads_something_else() {
    let first = Flow::new(FLOW).answer("parts", json!(["piers", "cables"])).answer("each[1]", "old");
    first.run().await.succeeded();
    let with = |names: &[&str], answer: &str| {
        let mut flow = next(&first, FLOW).answer("each[1]", answer);
        flow.origin.as_mut().unwrap().invalidated = names.iter().map(ToString::to_string).collect();
        flow
    };
    asked(&with(&["each[1]"], "old").run().await.succeeded(), &["each[1]"]);
    asked(&with(&["each[1]"], "new").run().await.succeeded(), &["each[1]", "end"]);
    asked(&with(&["each", "aside"], "new").run().await.succeeded(), &["aside", "each[0]", "each[1]", "end"]);
}

#[tokio::test(start_paused = true)]
async fn a_fork_asks_a_node_and_all_that_comes_after_it() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  start: { agent: a, prompt: Begin }
  improve:
    loop: { max: 2 }
    nodes:
      draft: { agent: a, prompt: 'Draft {{ start }}' }
      judge: { agent: a, prompt: 'Judge {{ draft }}' }
      aside: { agent: a, prompt: 'Look at {{ start }}' }
  end: { agent: a, prompt: 'End {{ start }}', needs: improve }
";
    let first = Flow::new(yaml);
    first.run().await.succeeded();
    let fork = |from: &str| {
        let mut flow = next(&first, yaml);
        flow.origin = Some(Origin { kind: OriginKind::Fork, from: Some(from.to_owned()), ..Origin::reuse(first.run) });
        flow
    };
    let later = ["end", "improve@1.judge", "improve@2.aside", "improve@2.draft", "improve@2.judge"];
    asked(&fork("improve.judge").run().await.succeeded(), &later);
    asked(&fork("improve@2.judge").run().await.succeeded(), &["end", "improve@2.judge"]);
    asked(&fork("end").run().await.succeeded(), &["end"]);
}

#[tokio::test(start_paused = true)]
async fn a_route_is_chosen_anew_over_the_answer_that_was_taken() {
    let yaml = |small: &str| {
        format!(
            "
agents: {{ a: {{ model: mock/m }} }}
nodes:
  size: {{ agent: a, prompt: How big, output: {{ size: string }}, route: {{ on: size.size, cases: {{ {small}: keep }}, default: cut }} }}
  keep: {{ value: kept }}
  cut: {{ value: cut }}
outputs: {{ out: '{{{{ keep | default(cut) }}}}' }}
"
        )
    };
    let first = Flow::new(&yaml("small")).answer("size", json!({"size": "small"}));
    first.run().await.succeeded().output("out", "kept");
    let again = next(&first, &yaml("tiny"));
    asked(&again.run().await.succeeded().output("out", "cut"), &[]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_over_answers_ends_the_same_wherever_it_is_cut() {
    let first = Flow::new(FLOW).answer("parts", json!(["piers", "cables"])).answer("aside", "one");
    let before = first.run().await.succeeded();
    let changed = FLOW.replace("Something else", "Something new");
    let second = next(&first, &changed).answer("aside", "two");
    let whole = second.run().await.succeeded();
    for cut in 1..whole.events.len() {
        let store = store_of_runs(&[(first.run, &before.events), (second.run, &whole.events[..cut])]).await;
        let mut rest = Flow::new(&changed).store(store).answer("aside", "two");
        rest.run = second.run;
        let resumed = rest.resume().await.succeeded();
        assert_eq!(resumed.result.outputs, whole.result.outputs, "cut after {cut} events");
        for call in &resumed.calls {
            assert!(whole.calls.contains(call), "cut after {cut} events: `{call}` was asked");
        }
        assert_eq!(reused(&resumed), reused(&whole), "cut after {cut} events");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_earlier_run_is_gone_asks_what_is_left() {
    let first = Flow::new(FLOW).answer("parts", json!(["piers"]));
    let before = first.run().await.succeeded();
    let second = next(&first, FLOW);
    let whole = second.run().await.succeeded();
    let store = store_of_runs(&[(first.run, &before.events), (second.run, &whole.events[..1])]).await;
    store.remove_stream(&StreamId::run(first.run)).await.unwrap();
    let mut rest = Flow::new(FLOW).store(store).answer("parts", json!(["piers"]));
    rest.run = second.run;
    asked(&rest.resume().await.succeeded(), &["aside", "each[0]", "end", "parts"]);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_run_that_is_not_there_is_told_before_anything_begins() {
    let mut flow = Flow::new(FLOW);
    flow.origin = Some(Origin::reuse(RunId::generate()));
    let error =
        flow.engine().run(flow.plan.clone(), flow.options(), std::sync::Arc::new(()), flow.stop.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(flow.store.streams(StreamId::RUNS).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_a_run_that_ended_anywhere_exactly_the_finished_answers_are_taken() {
    let first = Flow::new(EVERYTHING);
    let whole = first.run().await.succeeded();
    let all: BTreeSet<String> = whole.calls.iter().map(|call| call.split('#').next().unwrap().to_owned()).collect();
    for cut in 1..=whole.events.len() {
        let prefix = &whole.events[..cut];
        let mut again = Flow::new(EVERYTHING).store(store_of_runs(&[(first.run, prefix)]).await);
        again.origin = Some(Origin::reuse(first.run));
        let ran = again.run().await.succeeded();
        assert_eq!(ran.result.outputs, whole.result.outputs, "cut after {cut} events");
        let finished: BTreeSet<String> = prefix
            .iter()
            .filter_map(|event| match &event.body {
                EventBody::NodeSucceeded { node, .. } => Some(node.to_string()),
                _ => None,
            })
            .collect();
        let expected: Vec<&str> = all.difference(&finished).map(String::as_str).collect();
        asked(&ran, &expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_waits_for_no_place() {
    let yaml = |slow: &str| {
        format!(
            "
limits: {{ concurrency: 1 }}
agents: {{ a: {{ model: mock/m }} }}
nodes:
  slow: {{ agent: a, prompt: {slow} }}
  one: {{ agent: a, prompt: One }}
  two: {{ agent: a, prompt: 'Two {{{{ one }}}}' }}
"
        )
    };
    let first = Flow::new(&yaml("before"));
    first.run().await.succeeded();
    let again = next(&first, &yaml("after")).latency(Duration::from_secs(5));
    let ran = again.run().await.succeeded();
    assert_eq!(ran.endings(), ["one succeeded", "two succeeded", "slow succeeded"]);
    asked(&ran, &["slow"]);
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_does_not_keep_answers_from_being_taken() {
    let yaml = "
limits: { max_tokens: 1 }
agents: { a: { model: mock/m } }
nodes:
  one: { agent: a, prompt: One }
";
    let free = yaml.replace("limits: { max_tokens: 1 }\n", "");
    let first = Flow::new(&format!("{free}  two: {{ agent: a, prompt: 'Two {{{{ one }}}}' }}\n"));
    first.run().await.succeeded();
    let limited = format!("{yaml}  two: {{ agent: a, prompt: 'Two {{{{ one }}}}' }}\n");
    let ran = next(&first, &limited).run().await.succeeded();
    asked(&ran, &[]);
    let fresh = Flow::new(&limited).run().await;
    assert_eq!(fresh.result.error.unwrap().kind, ErrorKind::Budget);
}
