//! How people steer a live run: what is wished is looked at every so often, recorded, and done.

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::Arc,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tracing::warn;

use super::{Scheduler, Wish};
use crate::{
    crash::crash_point,
    engine::{
        Engine,
        control::{Called, Lookout, Wishes, end_called, forget_wish},
        read_run,
        state::{InstanceId, RunState},
    },
    error::{Error, ErrorKind, Result},
    model::{AgentName, AgentOverrides, EventBody, Owner, RunId, RunStatus, Spend},
};

type Looking = Pin<Box<dyn Future<Output = Result<Arc<Wishes>>> + Send>>;

/// What an attempt has to know of how it is steered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::engine) struct Rein {
    /// Why it may take no further step.
    held: Option<String>,
    /// What its agent is set to, as far as that is durable.
    pub(in crate::engine) overrides: AgentOverrides,
}

impl Rein {
    /// Why the attempt may take no further step, if it may not.
    pub(in crate::engine) fn held(&self) -> Option<Error> {
        self.held.as_ref().map(|why| Error::new(ErrorKind::Waiting, why.clone()))
    }
}

/// How a run is steered from outside.
pub(super) struct Steering {
    lookout: Arc<Lookout>,
    /// The next look.
    pub(super) looking: Option<Looking>,
    /// The agents that the run may ask.
    agents: BTreeSet<AgentName>,
    /// What they are set to by events that are durable.
    durable: HashMap<AgentName, AgentOverrides>,
    /// The reins of the attempts under way.
    reins: HashMap<InstanceId, Reined>,
    /// Who makes the run.
    owner: Owner,
    /// Whether anybody wishes anything of the run.
    is_wished: bool,
    /// Until when it is waited for agents, when nothing but they can go on.
    patience: Option<Instant>,
    /// Set for a run that another one called.
    _called: Option<Called>,
}

/// The reins of one attempt.
struct Reined {
    rein: watch::Sender<Rein>,
    /// Whether it was ever held.
    was_held: bool,
}

impl Steering {
    /// That of a run of `owner`, which `caller` called, if it was called.
    pub(super) fn new(engine: &Engine, state: &RunState, run: RunId, owner: Owner, caller: Option<RunId>) -> Self {
        let plan = state.plan();
        let names = plan.agents.keys().filter_map(|name| AgentName::new(name).ok());
        let durable = state.all_overrides().map(|(agent, overrides)| (agent.clone(), overrides.clone())).collect();
        Self {
            lookout: Arc::clone(&engine.lookout),
            looking: None,
            agents: names.chain(plan.agents_asked().cloned()).collect(),
            durable,
            reins: HashMap::new(),
            owner,
            is_wished: false,
            patience: None,
            _called: caller.map(|caller| engine.lookout.called(run, caller)),
        }
    }

    /// When the patience with agents is over.
    pub(super) fn patience(&self) -> Option<Instant> {
        self.patience
    }
}

impl Scheduler {
    /// Looks before anything begins, unless the run is to stop before that.
    pub(super) async fn look_first(&mut self, wishes: &mut watch::Receiver<Wish>) -> Result<()> {
        if self.state.ending().is_some() {
            return Ok(());
        }
        self.take_places();
        let lookout = Arc::clone(&self.steering.lookout);
        let looked = tokio::select! {
            biased;
            Ok(()) = wishes.changed() => {
                let wish = *wishes.borrow_and_update();
                self.on_wish(wish);
                return Ok(());
            }
            looked = lookout.look_again(&self.engine.store) => looked,
        };
        self.on_looked(looked)
    }

    /// Records what was found, does it, and looks again after a while.
    pub(super) fn on_looked(&mut self, looked: Result<Arc<Wishes>>) -> Result<()> {
        let (lookout, store) = (Arc::clone(&self.steering.lookout), Arc::clone(&self.engine.store));
        let look_every = self.engine.settings.look_every;
        self.steering.looking = Some(Box::pin(async move {
            sleep(look_every).await;
            lookout.look(&store).await
        }));
        match looked {
            Ok(_) if self.stop_at.is_some() => Ok(()),
            Ok(wishes) => self.steer(&wishes),
            Err(error) => {
                warn!(run.id = %self.run, %error, "what people wish of the run cannot be read");
                Ok(())
            }
        }
    }

    fn steer(&mut self, wishes: &Wishes) -> Result<()> {
        let wish = self.steering.lookout.wish_for(wishes, self.run);
        self.steering.is_wished |= wishes.has(self.run);
        let models = Arc::clone(&self.engine.models);
        let refuses = |model: &_| models.provider(model).err().map(|error| error.message().to_owned());
        let events = self.state.wished(wish.as_ref(), wishes, &self.steering.agents, refuses);
        if events.is_empty() {
            return Ok(());
        }
        crash_point!("steer.seen");
        for body in events {
            if let EventBody::AgentChanged { overrides: AgentOverrides { model: Some(model), .. }, .. } = &body
                && let Some(price) = models.price(model)
            {
                self.state.learn_price(model, price);
            }
            self.record(body)?;
        }
        crash_point!("steer.queued");
        self.is_urgent = true;
        for (id, error) in self.state.terminated() {
            self.record(self.state.failed_for_good(id, &error))?;
        }
        self.abort_ended();
        if self.state.cancelled_by().is_some() {
            self.attempts.abort_all();
        }
        self.pull_reins();
        Ok(())
    }

    /// Tells attempts under way whether they may go on.
    fn pull_reins(&mut self) {
        let state = &self.state;
        self.steering.reins.retain(|id, reined| {
            let held = state.may_go_on(*id).err().map(|error| error.message().to_owned());
            reined.was_held |= held.is_some();
            reined.rein.send_if_modified(|rein| {
                let is_new = rein.held != held;
                rein.held = held;
                is_new
            });
            !reined.rein.is_closed()
        });
    }

    /// Gives an attempt that begins its reins.
    pub(super) fn rein(&mut self, id: InstanceId, agent: Option<&AgentName>) -> watch::Receiver<Rein> {
        let overrides = agent.and_then(|agent| self.steering.durable.get(agent)).cloned().unwrap_or_default();
        let (rein, reader) = watch::channel(Rein { held: None, overrides });
        self.steering.reins.insert(id, Reined { rein, was_held: false });
        reader
    }

    /// Whether the attempt that has ended was ever held: it may have ended for that.
    pub(super) fn was_held(&mut self, id: InstanceId) -> bool {
        self.steering.reins.remove(&id).is_some_and(|reined| reined.was_held) || self.state.may_go_on(id).is_err()
    }

    /// What agents are set to holds as soon as it is durable.
    pub(super) fn on_changed(&mut self, agent: &AgentName, overrides: &AgentOverrides) {
        self.steering.durable.insert(agent.clone(), overrides.clone());
        self.engine.models.set_places(agent, overrides.max_concurrent);
        for (id, reined) in &self.steering.reins {
            if self.state.agent_of(*id) == Some(agent) {
                reined.rein.send_modify(|rein| rein.overrides.clone_from(overrides));
            }
        }
    }

    /// What the log says of how many calls agents may have in flight holds from the beginning.
    fn take_places(&self) {
        for (agent, overrides) in &self.steering.durable {
            self.engine.models.set_places(agent, overrides.max_concurrent);
        }
    }

    /// Whether the run stands still because of agents alone, which may be let go on in a while.
    pub(super) fn note_patience(&mut self) {
        let outside = || self.state.waits_for_project() || !self.state.holding_agents().is_empty();
        // What is sent is to arrive, whoever else is waited for.
        let waits = || self.state.has_undelivered() || !self.state.asks_people() && outside();
        // Only a run that stands still is looked through.
        if self.is_blocked() && !self.state.is_run_paused() && waits() {
            self.steering.patience.get_or_insert_with(|| Instant::now() + self.engine.settings.hold);
        } else {
            self.steering.patience = None;
        }
    }

    /// Ends a cancelled run, whose attempts have ended, with the runs that it called.
    pub(super) async fn end_cancelled(&mut self) -> Result<()> {
        let Some(by) = self.state.cancelled_by().map(str::to_owned) else { return Ok(()) };
        let (store, lease) = (Arc::clone(&self.engine.store), self.engine.settings.lease);
        let events = read_run(&store, self.run).await?.events;
        end_called(&store, self.run, &events, &self.steering.owner, lease, &by).await;
        let mut spend = self.state.spend();
        for id in self.state.running_attempts() {
            if self.state.agent_of(id).is_some() {
                // Whether its call was answered, and paid for, is not known.
                spend += Spend { lost_calls: 1, ..Spend::default() };
            }
            self.record(self.state.cancelled(id))?;
        }
        self.record(EventBody::RunFinished {
            status: RunStatus::Cancelled,
            outputs: indexmap::IndexMap::new(),
            error: None,
            spend,
        })
    }

    /// Forgets what was wished of a run that has ended.
    pub(super) async fn forget_wish(&mut self) {
        if self.steering.is_wished
            && self.state.ending().is_some()
            && let Err(error) = forget_wish(&self.engine.store, self.run).await
        {
            warn!(run.id = %self.run, %error, "what people wished of the run could not be forgotten");
        }
    }
}
