//! The examples do what they say. Each is compiled in here as a module, so that what is tested is what people copy.

use agentflow::plan::{DrawFormat, draw};
use serde_json::json;

#[path = "../../examples/agents_by_capability.rs"]
#[expect(dead_code, reason = "`main` is for people")]
mod agents_by_capability;
#[path = "../../examples/conditional_branch.rs"]
#[expect(dead_code, reason = "`main` is for people")]
mod conditional_branch;
#[path = "../../examples/custom_provider.rs"]
#[expect(dead_code, reason = "`main` is for people")]
mod custom_provider;
#[path = "../../examples/parallel_evaluation.rs"]
#[expect(dead_code, reason = "`main` is for people")]
mod parallel_evaluation;
#[path = "../../examples/three_node_decision.rs"]
#[expect(dead_code, reason = "`main` is for people")]
mod three_node_decision;

#[tokio::test(start_paused = true)]
async fn three_nodes_decide() {
    let outputs = three_node_decision::decide("What now?").await.unwrap();
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["question", "options", "decision"]);
    assert_eq!(outputs["options"][1], json!({ "name": "import in the background", "cost_days": 3 }));
    assert_eq!(outputs["decision"]["choice"], "import in the background");
}

#[tokio::test(start_paused = true)]
async fn evaluators_work_at_the_same_time() {
    let plan = parallel_evaluation::graph().unwrap();
    insta::assert_snapshot!(draw(&plan, DrawFormat::Ascii { width: 80, unicode: true }), @r#"
┌─────────────────┐  ┌─────────────────┐  ┌─────────────────┐
│ cost            │  │ risk            │  │ benefit         │
│ agent evaluator │  │ agent evaluator │  │ agent evaluator │
└────────┬────────┘  └────────┬────────┘  └────────┬────────┘
         └────────────────────┼────────────────────┘
                              ▼
                         ┌─────────┐
                         │ verdict │
                         │ value   │
                         └─────────┘
"#);
    let started = tokio::time::Instant::now();
    let outputs = parallel_evaluation::evaluate(plan, "Do it.").await.unwrap();
    // Three answers of 50 ms each; the clock is paused, so this is exact up to the engine's own timers.
    assert!(started.elapsed() < std::time::Duration::from_millis(100), "took {:?}", started.elapsed());
    assert_eq!(outputs["verdict"], "go");
    assert_eq!(outputs["reasons"], json!(["twice the present bill", "we have done it before", "nobody has to get up at night"]));
}

#[tokio::test(start_paused = true)]
async fn one_branch_of_three_runs() {
    for (kind, urgent, result, alarm) in [
        ("bug", true, "a ticket for the developers", "a call to whoever is on duty"),
        ("bug", false, "a ticket for the developers", "none"),
        ("wish", true, "a line in the list of wishes", "none"),
        ("other", false, "a friendly answer", "none"),
    ] {
        let outputs = conditional_branch::answer("…", kind, urgent).await.unwrap();
        assert_eq!((outputs["result"].as_str(), outputs["alarm"].as_str()), (Some(result), Some(alarm)), "{kind}, {urgent}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_own_provider_answers_and_is_paid() {
    let result = custom_provider::count("one two three").await.unwrap();
    assert_eq!(result.outputs["count"], "3 words");
    assert_eq!(result.spend.to_string(), "$0.0130");
}

#[test]
fn agents_registered_at_run_time_are_chosen_by_what_they_can_do() {
    let plan = agents_by_capability::staffed(&agents_by_capability::known().unwrap()).unwrap();
    let told: Vec<_> = plan.choices.iter().map(|choice| format!("{}: {}", choice.agent, choice.why)).collect();
    assert_eq!(
        told,
        [
            "junior: the cheapest ($0.000140 for 1,000 tokens) of 3 agents with `review`: `junior`, `expert`, `local`",
            "expert: the only agent with `rust`",
        ]
    );
}
