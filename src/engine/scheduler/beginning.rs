//! How a run comes to the scheduler: created, or taken over from its log.

use std::{collections::HashMap, sync::Arc};

use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::{Answers, Scheduler, Steering};
use crate::{
    crash::crash_point,
    engine::{
        Clock, Engine, Observer, RunOptions, ask_run, deadlines::Deadlines, log::RunLog, project_mail::ProjectMail,
        recover::read_run, reuse::Reuse, revise, run_control, state::RunState,
    },
    error::{Error, ErrorKind, Result},
    model::{EventBody, Owner, RunId, RunWish},
    plan::Plan,
    store::{Digest, StreamId},
};

impl Scheduler {
    /// Claims a new run and puts its first event into the log.
    pub(in crate::engine) async fn create(
        engine: &Engine,
        plan: Arc<Plan>,
        options: RunOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        let reuse = match &options.origin {
            Some(origin) => Some(Reuse::read(&engine.store, &plan, origin).await?),
            None => None,
        };
        let stream = StreamId::run(options.run);
        let epoch = engine.store.claim(&stream, &options.owner, engine.settings.lease).await?;
        crash_point!("create.claimed");
        let patience = engine.settings.store_patience;
        let log = RunLog::new(Arc::clone(&engine.store), options.run, epoch, 0, Digest::ZERO, patience);
        // The random part of an id is as good as any other.
        let nonce = plan.lends_secrets().then(|| RunId::generate().to_string());
        let state = engine.state(Arc::clone(&plan), &options.env).reusing(reuse);
        let caller = options.parent.as_ref().map(|parent| parent.run);
        let steering = Steering::new(engine, &state, options.run, options.owner.clone(), caller);
        let mut scheduler = Self::new(engine, options.run, options.clock, observer, state, log, steering);
        scheduler.answers = Answers::new(options.asks_people);
        scheduler.record(EventBody::RunCreated {
            run: options.run,
            workflow: plan.name.clone(),
            plan_digest: plan.digest.clone(),
            sources: plan.stored_sources.clone(),
            inputs: options.inputs,
            settings: options.settings,
            agentflow: env!("CARGO_PKG_VERSION").to_owned(),
            owner: options.owner,
            origin: options.origin,
            parent: options.parent,
            nonce,
        })?;
        crash_point!("create.queued");
        Ok(scheduler)
    }

    /// Claims a recorded run and rebuilds its state.
    pub(in crate::engine) async fn recover(
        engine: &Engine,
        plan: Arc<Plan>,
        options: RunOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        let mut recorded = read_run(&engine.store, options.run).await?;
        crash_point!("resume.read");
        let mut epoch = 0;
        if !recorded.has_ended() {
            epoch = engine.store.claim(&StreamId::run(options.run), &options.owner, engine.settings.lease).await?;
            crash_point!("resume.claimed");
            // The former owner may have written until the claim, the end of the run included.
            recorded.read_on(&engine.store).await?;
        }
        let ended = recorded.has_ended();
        let revised = match options.revision {
            Some(_) if ended => return Err(revise::ended(options.run)),
            Some(revision) => Some(revision.check(options.run, &plan, &recorded.events)?),
            None if revise::recorded_digest(&recorded.events) == Some(plan.digest.as_str()) => None,
            None => {
                return Err(Error::new(
                    ErrorKind::Divergent,
                    format!("run `{}` was recorded with another workflow", options.run),
                ));
            }
        };
        let reuse = match recorded.origin() {
            Some(origin) if !ended => Reuse::read_again(&engine.store, &plan, origin).await,
            _ => None,
        };
        let mut state = engine.state(plan, &options.env).reusing(reuse);
        state.apply_all(&recorded.events)?;
        crash_point!("resume.replayed");
        let patience = engine.settings.store_patience;
        let log = RunLog::new(Arc::clone(&engine.store), options.run, epoch, state.next_seq(), recorded.last, patience);
        let caller = options.parent.as_ref().map(|parent| parent.run);
        let steering = Steering::new(engine, &state, options.run, options.owner.clone(), caller);
        let mut scheduler = Self::new(engine, options.run, options.clock, observer, state, log, steering);
        scheduler.answers = Answers::new(options.asks_people);
        scheduler.is_claimed = epoch > 0;
        if !ended {
            let given_up = scheduler.state.given_up();
            let continued = going_on(engine, options.run, &options.owner, scheduler.state.is_run_paused()).await?;
            scheduler.record(EventBody::RunResumed { owner: options.owner, revised })?;
            if let Some(by) = continued {
                scheduler.record(EventBody::RunContinued { by })?;
            }
            crash_point!("resume.queued");
            if let Some(error) = given_up {
                scheduler.fail(&error)?;
            }
            for id in scheduler.state.timed() {
                scheduler.deadlines.set(id, scheduler.state.time_left(id));
            }
            scheduler.take_up_mail();
        }
        Ok(scheduler)
    }

    fn new(
        engine: &Engine,
        run: RunId,
        clock: Clock,
        observer: Arc<dyn Observer>,
        state: RunState,
        log: RunLog,
        steering: Steering,
    ) -> Self {
        let now = Instant::now();
        let deadlines = Deadlines::of_run(state.run_time_left());
        Self {
            engine: engine.clone(),
            run,
            observer,
            clock,
            state,
            log,
            attempts: JoinSet::new(),
            handles: HashMap::new(),
            told: mpsc::unbounded_channel(),
            held: Vec::new(),
            unrecorded: Vec::new(),
            deadlines,
            is_urgent: true,
            flush_at: None,
            is_claimed: true,
            renew_at: now + engine.settings.lease / 3,
            renewal: None,
            told_outage: false,
            stop_at: None,
            answers: Answers::new(false),
            steering,
            project: ProjectMail::new(Arc::clone(&engine.store), run, clock),
        }
    }
}

/// Takes back that somebody wishes a pause of a run that is gone on with. For one that is paused, says who goes on with it; nobody does
/// with one that is to be cancelled.
async fn going_on(engine: &Engine, run: RunId, owner: &Owner, is_paused: bool) -> Result<Option<String>> {
    let by = match run_control(&engine.store, run).await?.map(|control| (control.wish, control.by)) {
        Some((RunWish::Cancel, _)) => return Ok(None),
        Some((RunWish::GoOn, by)) => by,
        Some((RunWish::Pause, _)) => {
            let by = owner.to_string();
            ask_run(&engine.store, run, RunWish::GoOn, &by).await?;
            by
        }
        None => owner.to_string(),
    };
    Ok(is_paused.then_some(by))
}
