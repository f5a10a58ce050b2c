//! One test run, from a script to what came of it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    crash::{Deaths, Paid},
    faults::{Faults, FaultyProvider},
    live::PartlyScripted,
    mortal_store::MortalStore,
    run::TestRun,
    script::{NodeScript, Script},
    stand_ins::{MockedNodes, MockedTools},
    taped::{TapedProvider, cassette},
};
use crate::{
    app::rehearsal::{Cast, Stage},
    engine::{RunOptions, RunResult, Stop, children_of, read_run},
    error::{Error, ErrorKind, Result},
    model::{Event, ProviderName, RunId},
    plan::{Plan, Rehearsed},
    provider::{Cassette, MockProvider, MockSettings, Provider},
    store::{InMemoryStore, Store},
};

/// Providers that are really asked, by name.
pub type LiveProviders = BTreeMap<ProviderName, Arc<dyn Provider>>;

/// Runs the workflow of `stage` once, as `script` says. Blocks the thread until the run has ended or can do nothing but wait; its time
/// passes by itself.
///
/// # Errors
/// `Invalid` when the script does not fit the workflow, or its inputs do not. A run that fails is a result.
pub fn rehearse(stage: &Stage, script: &Script) -> Result<TestRun> {
    on_a_runtime(stage, script, &LiveProviders::new(), true)
}

/// The same, in which agents without scripted answers really ask the models of `live`. Time is that of the clock on the wall.
///
/// # Errors
/// As [`rehearse`].
pub fn rehearse_live(stage: &Stage, script: &Script, live: &LiveProviders) -> Result<TestRun> {
    on_a_runtime(stage, script, live, false)
}

fn on_a_runtime(stage: &Stage, script: &Script, live: &LiveProviders, paused: bool) -> Result<TestRun> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
        .map_err(|err| Error::new(ErrorKind::Internal, "cannot start the runtime").source(err))?;
    let run = runtime.block_on(play(stage, script, live));
    runtime.shutdown_background();
    run
}

async fn play(stage: &Stage, script: &Script, live: &LiveProviders) -> Result<TestRun> {
    let mocks: BTreeMap<_, _> = script.nodes.iter().map(|(path, script)| (path.clone(), mocked(script))).collect();
    let plan = if mocks.is_empty() { Arc::clone(stage.plan()) } else { Arc::new(stage.plan().rehearse(&mocks)?) };
    let faults = Arc::new(Faults::new(script.faults.clone()));
    let nodes = Arc::new(MockedNodes::new(&script.nodes, Arc::clone(&faults)));
    let cassette = cassette(script)?;
    let troupe = Troupe::new(stage, script, &Answering { live, cassette: cassette.clone() }, faults, Arc::clone(&nodes));
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    let options = stage.options(&script.name, script.inputs.clone(), script.env.clone())?;
    let (result, asked_again) = troupe.perform(&plan, options, &store).await?;
    cassette.map_or(Ok(()), |cassette| cassette.finish(false).map(drop))?;
    let events = read_run(&store, result.run).await?.events;
    let called = called(&store, result.run, &events).await?;
    Ok(TestRun { plan: Arc::clone(stage.plan()), rehearsed: plan, events, called, result, asked: nodes.asked(), asked_again })
}

/// The events of the runs that a run called, and of those that these called.
async fn called(store: &Arc<dyn Store>, run: RunId, events: &[Event]) -> Result<Vec<Vec<Event>>> {
    let mut found = Vec::new();
    let mut open = children_of(run, events);
    while let Some(child) = open.pop() {
        // One that was called when the process died may never have begun.
        match read_run(store, child.run).await {
            Ok(recorded) => {
                open.extend(children_of(child.run, &recorded.events));
                found.push(recorded.events);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn mocked(script: &NodeScript) -> Rehearsed {
    match script {
        NodeScript::Whole(_) => Rehearsed::Whole,
        NodeScript::Each(_) => Rehearsed::Each,
        NodeScript::Answer(answer) => Rehearsed::Answer(answer.clone()),
    }
}

/// Who answers for models, besides the mock model.
struct Answering<'a> {
    live: &'a LiveProviders,
    cassette: Option<Arc<Cassette>>,
}

/// Who plays in all acts of a rehearsal: a process that dies is followed by another one, and whoever it asked is the same.
struct Troupe<'a> {
    stage: &'a Stage,
    script: &'a Script,
    faults: Arc<Faults>,
    nodes: Arc<MockedNodes>,
    tools: Arc<MockedTools>,
    provider: Arc<dyn Provider>,
    named: BTreeMap<ProviderName, Arc<dyn Provider>>,
    paid: Arc<Paid>,
}

impl<'a> Troupe<'a> {
    fn new(
        stage: &'a Stage,
        script: &'a Script,
        answering: &Answering<'_>,
        faults: Arc<Faults>,
        nodes: Arc<MockedNodes>,
    ) -> Self {
        let settings = MockSettings { seed: script.seed, answers: script.agents.clone(), ..MockSettings::default() };
        let mock: Arc<dyn Provider> = Arc::new(MockProvider::new(settings));
        let tools = Arc::new(MockedTools::new(&script.tools, Arc::clone(&faults), stage.plan()));
        let paid = Arc::new(Paid::default());
        let mut named = BTreeMap::new();
        for name in asked_providers(stage.plan()) {
            let real = answering.live.get(name);
            if real.is_none() && faults.is_empty() && script.prices.is_none() && answering.cassette.is_none() {
                continue;
            }
            let inner = match real {
                Some(real) => Arc::new(PartlyScripted::new(script, Arc::clone(&mock), Arc::clone(real))) as Arc<dyn Provider>,
                None => Arc::clone(&mock),
            };
            let inner = match &answering.cassette {
                Some(cassette) => {
                    Arc::new(TapedProvider::new(name.clone(), Arc::clone(cassette), script, inner)) as Arc<dyn Provider>
                }
                None => inner,
            };
            let provider = FaultyProvider::new(name.clone(), inner, Arc::clone(&faults), Arc::clone(&paid));
            let provider = match &script.prices {
                Some(prices) if real.is_none() => provider.priced(of_provider(name, prices)),
                _ => provider,
            };
            named.insert(name.clone(), Arc::new(provider) as Arc<dyn Provider>);
        }
        Self { stage, script, faults, nodes, tools, provider: mock, named, paid }
    }

    fn cast(&self) -> Cast {
        Cast {
            provider: Arc::clone(&self.provider),
            named: self.named.clone(),
            stand_ins: Arc::clone(&self.nodes) as _,
            tools: Arc::clone(&self.tools) as _,
        }
    }

    /// The run, through all crashes; and what was asked again though its answer was recorded.
    async fn perform(&self, plan: &Arc<Plan>, options: RunOptions, store: &Arc<dyn Store>) -> Result<(RunResult, Vec<String>)> {
        let deaths = Arc::new(Deaths::new(self.faults.crashes()));
        let own: Arc<dyn Store> = if self.faults.crashes().next().is_none() {
            Arc::clone(store)
        } else {
            Arc::new(MortalStore { inner: Arc::clone(store), deaths: Arc::clone(&deaths) })
        };
        let engine = || self.stage.engine(self.cast(), &self.script.env, Arc::clone(&own));
        let mut running = Box::pin({
            let (engine, plan, options, deaths) = (engine(), Arc::clone(plan), options.clone(), Arc::clone(&deaths));
            async move { engine.run(plan, options, deaths, Stop::default()).await }
        }) as std::pin::Pin<Box<dyn Future<Output = Result<RunResult>>>>;
        let mut durable = Vec::new();
        loop {
            let ended = tokio::select! {
                biased;
                () = deaths.next() => None,
                result = &mut running => Some(result?),
            };
            if let Some(result) = ended {
                let again = durable.iter().flat_map(|then| self.paid.again(then, &self.nodes.asked())).collect();
                return Ok((result, again));
            }
            drop(running);
            deaths.begin();
            let events = read_run(store, options.run).await?.events;
            durable.push(self.paid.durable(options.run, &events, &self.nodes.asked()));
            running = Box::pin({
                let (engine, plan, options, deaths) = (engine(), Arc::clone(plan), options.clone(), Arc::clone(&deaths));
                async move { engine.resume(plan, options, deaths, Stop::default()).await }
            });
        }
    }
}

/// The providers of the models that a plan may ask.
fn asked_providers(plan: &Plan) -> std::collections::BTreeSet<&ProviderName> {
    plan.models().map(|model| &model.provider).collect()
}

/// The prices of the models of one provider, by their names.
fn of_provider(name: &ProviderName, prices: &BTreeMap<String, crate::model::Price>) -> BTreeMap<String, crate::model::Price> {
    let own = |(model, price): (&String, &crate::model::Price)| {
        let (provider, model) = model.split_once('/')?;
        (provider == name.as_str()).then(|| (model.to_owned(), *price))
    };
    prices.iter().filter_map(own).collect()
}
