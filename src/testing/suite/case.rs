//! One case: its script is played, and what happened is held against what is expected.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::{CaseReport, Outcome, SuiteOptions, broken};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{EventBody, NodePath, Spend, Value},
    testing::{
        cases::Case,
        course::Course,
        expect::{Evidence, unmet},
        load::{Ready, TestFile},
        rehearse::{rehearse, rehearse_live},
        run::TestRun,
        scripted::script,
        snapshot::{Compared, Snapshots, taken},
        unmet::{Place, Unmet},
    },
};

/// A case that was run.
pub(super) struct Ran {
    pub(super) report: CaseReport,
    /// Its run, and the environment variables it was given.
    pub(super) run: Option<(TestRun, BTreeMap<String, String>)>,
    /// What is to be written down of it.
    pub(super) taken: Option<Value>,
}

/// Runs `case`, unless it is to be skipped.
pub(super) fn run(file: &TestFile, case: &Case, snapshots: &Snapshots, options: &SuiteOptions<'_>) -> Ran {
    let mut report = not_run(file, case);
    if let Some(why) = &case.skip {
        report.outcome = Outcome::Skipped(why.clone());
        return Ran { report, run: None, taken: None };
    }
    let begun = Instant::now();
    let played = catch_unwind(AssertUnwindSafe(|| play(file, case, options)))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "this is a defect of agentflow: the run of the test broke off")));
    let (run, env) = match played {
        Ok(played) => played,
        Err(error) => {
            report.unmet.push(broken("run", report.at.clone(), &error));
            (report.outcome, report.took) = (Outcome::Failed, begun.elapsed());
            return Ran { report, run: None, taken: None };
        }
    };
    let (prompts, calls) = (prompts(&run), calls(&run));
    let evidence = Evidence {
        plan: &run.rehearsed,
        events: &run.events,
        status: run.status(),
        outputs: &run.result.outputs,
        error: run.result.error.as_ref(),
        exit_code: run.exit_code(),
        spend: run.result.spend,
        prompts: &prompts,
        calls: &calls,
    };
    report.unmet = unmet(&case.body.expect, case.named_at, evidence, &file.sources);
    let again = run.asked_again.iter().map(|what| {
        Unmet::new("crash", report.at.clone(), "nothing that is recorded to be asked again", format!("{what}, asked once more"))
    });
    report.unmet.extend(again);
    let wanted: Vec<&str> = case.body.snapshot.iter().map(|part| part.value.as_str()).collect();
    let taken = (!wanted.is_empty()).then(|| taken(&wanted, run.result.run, evidence));
    if let Some(taken) = taken.as_ref().filter(|_| !options.update) {
        compare(taken, case, file, snapshots, options, &mut report);
    }
    let course = Course::of(&run.rehearsed, &run.events);
    report.route = course.route();
    report.status = Some(run.status().as_str().to_owned());
    report.spend = run.result.spend;
    report.run_took = run.duration();
    report.outcome = if report.unmet.is_empty() { Outcome::Passed } else { Outcome::Failed };
    report.took = begun.elapsed();
    Ran { report, run: Some((run, env)), taken }
}

/// The report of a case that is not run.
pub(super) fn not_run(file: &TestFile, case: &Case) -> CaseReport {
    CaseReport {
        name: case.name.clone(),
        at: Place::of(&file.sources, case.named_at),
        workflow: file.workflow.as_ref().map(|workflow| workflow.path.clone()).unwrap_or_default(),
        outcome: Outcome::NotRun,
        unmet: Vec::new(),
        notes: Vec::new(),
        took: Duration::ZERO,
        run_took: Duration::ZERO,
        status: None,
        route: Vec::new(),
        spend: Spend::default(),
    }
}

fn play(file: &TestFile, case: &Case, options: &SuiteOptions<'_>) -> Result<(TestRun, BTreeMap<String, String>)> {
    let workflow = file.workflow.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "the test has no workflow"))?;
    let ready = workflow.ready(options.live)?;
    let Ready { stage, prices, live } = &*ready;
    let script = script(case, &file.path, prices, options.live)?;
    let run = if options.live { rehearse_live(stage, &script, live) } else { rehearse(stage, &script) }?;
    Ok((run, script.env))
}

/// What agents of the workflow were asked first, by instance.
fn prompts(run: &TestRun) -> Vec<(NodePath, String)> {
    let mut prompts: Vec<(NodePath, String)> = Vec::new();
    for asked in run.asked.iter().filter(|asked| asked.run == run.result.run) {
        if let Some(prompt) = asked.prompt.as_ref().filter(|_| prompts.iter().all(|(node, _)| *node != asked.node)) {
            prompts.push((asked.node.clone(), prompt.clone()));
        }
    }
    prompts
}

/// The agents that were asked and the tools that were called, each time that they were.
fn calls(run: &TestRun) -> Vec<String> {
    let agents = run.asked.iter().filter_map(|asked| Some(asked.agent.as_ref()?.to_string()));
    let mocked = run.asked.iter().filter(|asked| asked.is_mocked).filter_map(|asked| Some(asked.tool.as_ref()?.to_string()));
    let tools = run.events.iter().filter_map(|event| match &event.body {
        EventBody::ToolCalled { call, .. } => Some(call.tool.clone()),
        _ => None,
    });
    agents.chain(mocked).chain(tools).collect()
}

/// Holds what was taken of a run against what is written down.
fn compare(
    taken: &Value,
    case: &Case,
    file: &TestFile,
    snapshots: &Snapshots,
    options: &SuiteOptions<'_>,
    report: &mut CaseReport,
) {
    let at = case.body.snapshot.first().map_or(case.named_at, |part| part.span);
    let path = snapshots.path().display();
    let place = Place::of(&file.sources, at);
    match snapshots.compare(&case.name, taken) {
        Compared::Same => {}
        Compared::Missing if options.in_ci => {
            let unmet = Unmet::new("snapshot", place, format!("a snapshot in `{path}`"), "none");
            report.unmet.push(unmet.hint("run `agentflow test --update` and put the file into version control"));
        }
        Compared::Missing => {
            report
                .notes
                .push(format!("{place}: there is no snapshot to compare with: `agentflow test --update` writes it to `{path}`"));
        }
        Compared::Different(difference) => {
            let unmet = Unmet::new("snapshot", place, format!("what is written down in `{path}`"), "something else");
            let hint = "if it is to be so from now on, `agentflow test --update` writes it down".to_owned();
            report.unmet.push(Unmet { difference, hint: Some(hint), ..unmet });
        }
    }
}
