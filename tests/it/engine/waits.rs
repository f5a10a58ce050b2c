//! Nodes that wait for people and for times. On paused time, but for the clocks of those who answer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agentflow::{
    engine::{Clock, OpenQuestion, RunOptions, RunState, Stop, Taken, answer, check_answer, open_questions, open_waits},
    error::{Error, ErrorKind, Result},
    model::{Approval, ChatRequest, ChatResponse, Decision, EventBody, FinishReason, Price, RunStatus, Value},
    provider::{OnText, Provider},
    store::this_process,
};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::Instant;

use super::{
    flow::{Flow, Ran, Watcher},
    recovery::store_of,
};

/// Says its prompt after two seconds, and does not count as simulated.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl Provider for Echo {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(ChatResponse {
            content: request.messages.last().map(|message| message.content.clone()).unwrap_or_default(),
            tool_requests: Vec::new(),
            finish: FinishReason::Stop,
            usage: None,
            model: request.model.clone(),
        })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }
}

fn flow(yaml: &str) -> Flow {
    Flow::new(yaml).provider(Arc::new(Echo))
}

/// What goes on in a process that takes the run over `later`.
async fn resumed(flow: &Flow, later: SignedDuration) -> Ran {
    let clock = Clock::at(Timestamp::now().checked_add(later).unwrap());
    let options = RunOptions { clock, ..flow.options() };
    let result = flow.engine().resume(Arc::clone(&flow.plan), options, Arc::new(Watcher::default()), Stop::default()).await;
    let events = agentflow::engine::read_run(&flow.store, flow.run).await.unwrap().events;
    Ran { result: result.unwrap(), events, calls: Vec::new(), shown: Vec::new() }
}

fn choice(question: &OpenQuestion, option: &str, form: Option<Value>) -> Approval {
    Approval {
        step: question.request.step,
        fingerprint: question.request.fingerprint.clone(),
        decision: Decision::Choose,
        option: Some(option.to_owned()),
        form,
        by: "ada".to_owned(),
        comment: Some("because".to_owned()),
    }
}

/// Answers the only open question.
async fn choose(flow: &Flow, ran: &Ran, option: &str, form: Option<Value>) -> Result<Taken> {
    let open = open_questions(&ran.events);
    let [question] = open.as_slice() else { panic!("{open:?}") };
    let given = [(question.node.clone(), question.attempt, choice(question, option, form))];
    answer(&flow.store, flow.run, &this_process(), Duration::from_secs(30), &given).await
}

fn waits(ran: &Ran) {
    assert_eq!(ran.result.status, RunStatus::Waiting, "{:?}", ran.result);
}

/// A run cut after any of its events, the first `from` aside, ends the same, and its replay is what it was.
async fn is_the_same_wherever_it_is_cut(flow: &Flow, whole: &Ran, yaml: &str, from: usize, later: SignedDuration) {
    for cut in from..whole.events.len() {
        let prefix = &whole.events[..cut];
        let mut step_by_step = RunState::new(Arc::clone(&flow.plan), &BTreeMap::new());
        for event in prefix {
            step_by_step.apply(event).unwrap();
        }
        let replayed = RunState::replay(Arc::clone(&flow.plan), &BTreeMap::new(), prefix).unwrap();
        assert_eq!(replayed.summary(), step_by_step.summary());
        assert_eq!(replayed.next_wake(), step_by_step.next_wake());
        let mut rest = self::flow(yaml).store(store_of(flow, prefix).await);
        rest.run = flow.run;
        let mut ran = resumed(&rest, later).await;
        if ran.result.status == RunStatus::Waiting {
            let given = whole.events.iter().find_map(|event| match &event.body {
                EventBody::ApprovalGiven { node, attempt, approval } => Some((node.clone(), *attempt, approval.clone())),
                _ => None,
            });
            let question = open_questions(&ran.events).remove(0);
            let (node, attempt, mut approval) = given.unwrap();
            approval.fingerprint = question.request.fingerprint;
            let given = [(node, attempt, approval)];
            answer(&rest.store, rest.run, &this_process(), Duration::from_secs(30), &given).await.unwrap();
            ran = resumed(&rest, later).await;
        }
        assert_eq!(ran.result.status, whole.result.status, "cut after {cut}: {:?}", ran.result.error);
        assert_eq!(ran.result.outputs, whole.result.outputs, "cut after {cut}");
    }
}

const NAP: &str = "
nodes: { nap: { wait: { for: 30s } } }
outputs: { until: '{{ nap.until }}' }
";

#[tokio::test(start_paused = true)]
async fn a_process_is_held_for_a_wait_that_is_soon_over() {
    let began = Instant::now();
    let ran = flow(NAP).run().await.succeeded();
    assert_eq!(began.elapsed().as_secs(), 30);
    let started = ran.events.iter().find(|event| event.body.kind() == "attempt_started").unwrap().at;
    let until: Timestamp = ran.result.outputs["until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.duration_since(started), SignedDuration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn no_process_is_held_for_a_long_wait_and_a_resume_before_its_end_waits_on() {
    let yaml = NAP.replace("30s", "1h");
    let flow = flow(&yaml);
    let began = Instant::now();
    let ran = flow.run().await;
    waits(&ran);
    let until = open_waits(&ran.events).remove(0).until;
    for minutes in [10, 58] {
        let early = resumed(&flow, SignedDuration::from_mins(minutes)).await;
        waits(&early);
        assert_eq!(open_waits(&early.events).remove(0).until, until, "the end is found out once");
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    let ran = resumed(&flow, SignedDuration::from_hours(2)).await.succeeded();
    assert_eq!(ran.result.outputs["until"], json!(until.to_string()));
    // The wait begins with its second event.
    is_the_same_wherever_it_is_cut(&flow, &ran, &yaml, 2, SignedDuration::from_hours(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_over_is_not_waited_for_and_one_that_is_none_fails() {
    let yaml = |until: &str| format!("inputs: {{ t: string }}\nnodes: {{ nap: {{ wait: {{ until: \"{until}\" }} }} }}\n");
    let began = Instant::now();
    flow(&yaml("{{ inputs.t }}")).input("t", "2020-01-01T00:00:00Z").run().await.succeeded();
    assert!(began.elapsed() < Duration::from_secs(1));
    let ran = flow(&yaml("{{ inputs.t }}")).input("t", "soon").run().await;
    ran.failed("node `nap`: `until` gives `soon`, which is no time");
}

#[tokio::test(start_paused = true)]
async fn time_limits_do_not_run_while_a_run_only_waits() {
    let yaml = "
limits: { timeout: 5s }
agents: { a: { model: mock/m } }
nodes:
  group: { timeout: 3s, nodes: { nap: { wait: { for: 50s } }, say: { agent: a, prompt: 'said {{ nap.until is string }}' } } }
";
    let began = Instant::now();
    flow(yaml).run().await.succeeded();
    assert_eq!(began.elapsed().as_secs(), 52);
    let late = yaml.replace("timeout: 3s", "timeout: 1s");
    flow(&late).run().await.failed("node `group`: no result within its time limit of 1 s");
}

const GATE: &str = "
nodes:
  text: { value: a text }
  gate: { approval: { message: 'Publish {{ text }}?', options: [approve, later, reject], form: { reason: string } } }
outputs: { gate: '{{ gate }}' }
";

#[tokio::test]
async fn a_gate_is_answered_once_with_one_of_its_options_and_its_form() {
    let flow = flow(GATE);
    let waiting = flow.run().await;
    waits(&waiting);
    let question = open_questions(&waiting.events).remove(0);
    assert_eq!(question.request.question.reason, "Publish a text?");
    let refused = |error: Result<Taken>| {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.message().to_owned()
    };
    let form = Some(json!({"reason": "good"}));
    assert_eq!(refused(choose(&flow, &waiting, "maybe", form.clone()).await), "`maybe` is no option of node `gate`");
    assert_eq!(refused(choose(&flow, &waiting, "approve", None).await), "node `gate` wants its form filled in");
    assert_eq!(
        refused(choose(&flow, &waiting, "approve", Some(json!({"reason": 1}))).await),
        "the form of node `gate` is not filled in right: at /reason: 1 is not of type \"string\""
    );
    waits(&flow.resume().await);
    assert_eq!(choose(&flow, &waiting, "approve", form.clone()).await.unwrap(), Taken::ByGiver);
    assert_eq!(
        refused(choose(&flow, &waiting, "later", form.clone()).await),
        "node `gate` has its answer already: `approve` by ada"
    );
    let ran = flow.resume().await.succeeded();
    let gate = &ran.result.outputs["gate"];
    assert_eq!((&gate["option"], &gate["approved"], &gate["by"]), (&json!("approve"), &json!(true), &json!("ada")));
    assert_eq!((&gate["comment"], &gate["form"]), (&json!("because"), &json!({"reason": "good"})));
    assert!(gate["at"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert!(open_questions(&ran.events).is_empty());
}

#[tokio::test]
async fn a_gate_is_the_same_wherever_its_run_is_cut() {
    let yaml = GATE.replace("'{{ gate }}'", "'{{ gate.option }}'");
    let flow = flow(&yaml);
    let waiting = flow.run().await;
    choose(&flow, &waiting, "later", Some(json!({"reason": "not yet"}))).await.unwrap();
    let ran = flow.resume().await.succeeded().output("gate", "later");
    is_the_same_wherever_it_is_cut(&flow, &ran, &yaml, 1, SignedDuration::ZERO).await;
}

#[tokio::test]
async fn who_rejects_fills_nothing_in_and_the_run_is_denied_unless_it_is_handled() {
    let flow = flow(GATE);
    let waiting = flow.run().await;
    choose(&flow, &waiting, "reject", None).await.unwrap();
    let ran = flow.resume().await;
    assert_eq!(ran.result.error.as_ref().map(|error| error.kind), Some(ErrorKind::Denied));
    ran.failed("node `gate`: ada rejected it: because");

    let handled = "
nodes:
  gate: { approval: { message: Go? }, on_error: { goto: plan_b } }
  plan_a: { value: a, needs: gate }
  plan_b: { value: b }
";
    let flow = self::flow(handled);
    let waiting = flow.run().await;
    choose(&flow, &waiting, "reject", None).await.unwrap();
    flow.resume().await.succeeded().ended_in_any_order(&["gate failed", "plan_a skipped", "plan_b succeeded"]);
}

/// A gate that is open for an hour.
fn with_default(rest: &str) -> String {
    format!(
        "nodes: {{ gate: {{ approval: {{ message: Go?, options: [approve, later, reject], timeout: 1h{rest} }} }} }}\noutputs: {{ option: '{{{{ gate.option }}}}' }}\n"
    )
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_in_time_the_default_is_taken_also_when_no_process_ran() {
    let cases = [
        (", on_timeout: later", Ok("later")),
        ("", Err(ErrorKind::Denied)),
        (", on_timeout: reject", Err(ErrorKind::Denied)),
        (", on_timeout: fail", Err(ErrorKind::Timeout)),
    ];
    for (rest, expected) in cases {
        let flow = flow(&with_default(rest));
        let waiting = flow.run().await;
        waits(&waiting);
        waits(&resumed(&flow, SignedDuration::from_mins(58)).await);
        let ran = resumed(&flow, SignedDuration::from_mins(61)).await;
        let came = match &ran.result.error {
            Some(error) => Err(error.kind),
            None => Ok(ran.result.outputs["option"].as_str().unwrap()),
        };
        assert_eq!(came, expected, "{rest}");
        assert!(choose(&flow, &waiting, "approve", None).await.is_err(), "it is too late");
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_process_takes_the_default_when_the_time_is_over() {
    let yaml = with_default(", on_timeout: later").replace("1h", "40s");
    let began = Instant::now();
    flow(&yaml).run().await.succeeded().output("option", "later");
    assert_eq!(began.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn who_asks_people_at_once_is_not_held_for_the_end_of_a_question() {
    let flow = flow(&with_default("").replace("1h", "40s"));
    let began = Instant::now();
    let options = RunOptions { asks_people: true, ..flow.options() };
    let engine = flow.engine();
    let result = engine.run(Arc::clone(&flow.plan), options, Arc::new(Watcher::default()), Stop::default()).await.unwrap();
    assert_eq!(result.status, RunStatus::Waiting);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn an_answer_after_the_end_is_refused_before_anybody_has_noticed_the_end() {
    let waiting = flow(&with_default("")).run().await;
    let question = open_questions(&waiting.events).remove(0);
    let approval = choice(&question, "approve", None);
    let until = question.request.question.gate.as_ref().unwrap().until.unwrap();
    let just_before = until.checked_sub(SignedDuration::from_millis(1)).unwrap();
    check_answer(&question, &approval, just_before).unwrap();
    let error: Error = check_answer(&question, &approval, until).unwrap_err();
    assert_eq!(error.message(), format!("the time to answer node `gate` was over at {until}"));
}

#[tokio::test(start_paused = true)]
async fn what_is_pushed_back_is_made_again_with_the_comment() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  work:
    loop: { until: gate.approved, max: 3 }
    nodes:
      draft: { agent: a, prompt: \"Write. {{ loop.previous.gate.comment | default('', true) }}\" }
      gate: { approval: { message: '{{ draft }}', options: [approve, push_back, reject] } }
outputs: { text: '{{ work.draft }}' }
";
    let flow = flow(yaml);
    let first = flow.run().await;
    assert_eq!(open_questions(&first.events)[0].request.question.reason, "Write. ");
    choose(&flow, &first, "push_back", None).await.unwrap();
    let second = flow.resume().await;
    waits(&second);
    assert_eq!(open_questions(&second.events)[0].request.question.reason, "Write. because");
    choose(&flow, &second, "approve", None).await.unwrap();
    flow.resume().await.succeeded().output("text", "Write. because");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_elsewhere_asks_nobody_any_more() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  gate: { approval: { message: Go? } }
  nap: { wait: { for: 1h } }
  say: { agent: a, prompt: x }
  bad: { wait: { until: '{{ say }}' } }
";
    let ran = flow(yaml).run().await;
    assert_eq!(ran.result.status, RunStatus::Failed, "{:?}", ran.result);
    assert!(open_questions(&ran.events).is_empty() && open_waits(&ran.events).is_empty());
    ran.ended_in_any_order(&["bad failed", "gate cancelled", "nap cancelled", "say succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn elements_of_a_map_wait_each_by_itself() {
    let yaml = "
nodes: { each: { map: '[1, 2]', approval: { message: 'Take {{ item }}?', options: [approve, skip] } } }
outputs: { taken: \"{{ each | map(attribute='option') | list }}\" }
";
    let flow = flow(yaml);
    let waiting = flow.run().await;
    let open = open_questions(&waiting.events);
    assert_eq!(open.len(), 2);
    let given: Vec<_> = open
        .iter()
        .zip(["skip", "approve"])
        .map(|(question, option)| (question.node.clone(), question.attempt, choice(question, option, None)))
        .collect();
    answer(&flow.store, flow.run, &this_process(), Duration::from_secs(30), &given[1..]).await.unwrap();
    waits(&flow.resume().await);
    answer(&flow.store, flow.run, &this_process(), Duration::from_secs(30), &given[..1]).await.unwrap();
    flow.resume().await.succeeded().output("taken", json!(["skip", "approve"]));
}

#[tokio::test(start_paused = true)]
async fn a_simulated_run_asks_nobody_and_waits_for_nothing() {
    let yaml = "
nodes:
  nap: { wait: { for: 10h } }
  gate: { approval: { message: Go?, options: [reject, publish], form: { days: integer } }, needs: nap }
outputs: { option: '{{ gate.option }}', days: '{{ gate.form.days is integer }}' }
";
    let began = Instant::now();
    let ran = Flow::new(yaml).run().await.succeeded().output("option", "publish").output("days", true);
    assert!(began.elapsed() < Duration::from_secs(1));
    let notes: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::NodeSucceeded { notes, .. } => Some(notes.join("")),
            _ => None,
        })
        .collect();
    assert_eq!(notes, ["simulated: it was not waited for", "simulated: nobody was asked, `publish` is taken"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_reaches_a_run_that_a_process_holds() {
    let yaml = "
nodes:
  gate: { approval: { message: Go? } }
  nap: { wait: { for: 40s } }
outputs: { option: '{{ gate.option }}' }
";
    let flow = flow(yaml);
    let began = Instant::now();
    let (ran, taken) = tokio::join!(flow.run(), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let events = agentflow::engine::read_run(&flow.store, flow.run).await.unwrap().events;
        let question = open_questions(&events).remove(0);
        let given = [(question.node.clone(), question.attempt, choice(&question, "approve", None))];
        let mut other = this_process();
        other.process += 1;
        let first = answer(&flow.store, flow.run, &other, Duration::from_secs(30), &given).await;
        let second = [(question.node.clone(), question.attempt, choice(&question, "reject", None))];
        (first, answer(&flow.store, flow.run, &other, Duration::from_secs(30), &second).await)
    });
    assert_eq!(taken.0.unwrap(), Taken::ByHolder);
    assert_eq!(taken.1.unwrap_err().message(), "node `gate` has its answer already: `approve` by ada");
    assert_eq!(began.elapsed().as_secs(), 40, "the run went on to the end of its wait");
    ran.succeeded().output("option", "approve").ended(&["gate succeeded", "nap succeeded"]);
}
