//! One test run, from a script to what came of it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    run::TestRun,
    script::{NodeScript, Script},
    stand_ins::{MockedNodes, MockedTools},
};
use crate::{
    app::rehearsal::{Cast, Stage},
    engine::{Stop, read_run},
    error::{Error, ErrorKind, Result},
    plan::Rehearsed,
    provider::{MockProvider, MockSettings},
    store::{InMemoryStore, Store},
};

/// Runs the workflow of `stage` once, as `script` says. Blocks the thread until the run has ended or can do nothing but wait; its time
/// passes by itself.
///
/// # Errors
/// `Invalid` when the script does not fit the workflow, or its inputs do not. A run that fails is a result.
pub fn rehearse(stage: &Stage, script: &Script) -> Result<TestRun> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(|err| Error::new(ErrorKind::Internal, "cannot start the runtime").source(err))?;
    let run = runtime.block_on(play(stage, script));
    runtime.shutdown_background();
    run
}

async fn play(stage: &Stage, script: &Script) -> Result<TestRun> {
    let mocks: BTreeMap<_, _> = script.nodes.iter().map(|(path, script)| (path.clone(), mocked(script))).collect();
    let plan = if mocks.is_empty() { Arc::clone(stage.plan()) } else { Arc::new(stage.plan().rehearse(&mocks)?) };
    let nodes = Arc::new(MockedNodes::new(&script.nodes));
    let settings = MockSettings { seed: script.seed, answers: script.agents.clone(), ..MockSettings::default() };
    let cast = Cast {
        provider: Arc::new(MockProvider::new(settings)),
        stand_ins: Arc::clone(&nodes) as _,
        tools: Arc::new(MockedTools::new(&script.tools)),
    };
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    let engine = stage.engine(cast, &script.env, Arc::clone(&store));
    let options = stage.options(&script.name, script.inputs.clone(), script.env.clone())?;
    let result = engine.run(Arc::clone(&plan), options, Arc::new(()), Stop::default()).await?;
    let events = read_run(&store, result.run).await?.events;
    Ok(TestRun { plan: Arc::clone(stage.plan()), rehearsed: plan, events, result, asked: nodes.asked() })
}

fn mocked(script: &NodeScript) -> Rehearsed {
    match script {
        NodeScript::Whole(_) => Rehearsed::Whole,
        NodeScript::Each(_) => Rehearsed::Each,
        NodeScript::Answer(answer) => Rehearsed::Answer(answer.clone()),
    }
}
