//! The loop of a run: asks the state what to do, does it, records what came of it.
//!
//! Nothing waits for a level of the graph: an attempt starts as soon as its own inputs are there, a place is free, and the events it
//! rests on are durable.

mod answers;
mod beginning;
mod ending;
mod exchange;
mod mailing;
mod steering;

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

pub(super) use self::steering::Rein;
use self::{
    answers::Answers,
    ending::{in_words, renewed},
    steering::Steering,
};
use super::{
    Engine, RunResult,
    attempt::{Attempt, Told},
    clock::Clock,
    control::Wishes,
    deadlines::Deadlines,
    inbox::Inbox,
    kill_points,
    log::RunLog,
    observer::{Observer, Progress},
    project_mail::{News, ProjectMail},
    state::{InstanceId, Job, MANY_EVENTS, MAX_EVENTS, RunState, Start, Step},
    stop::{Stop, Wish},
};
use crate::{
    agent::{Answered, Entry},
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, RunId, Seq},
};

/// What an attempt's task gives back.
type Ended = (InstanceId, Answered);
/// Where attempts tell what comes.
type TellingEnd = mpsc::UnboundedSender<(InstanceId, Told)>;
type Renewal = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One run being driven.
pub(super) struct Scheduler {
    engine: Engine,
    run: RunId,
    observer: Arc<dyn Observer>,
    clock: Clock,
    state: RunState,
    log: RunLog,
    attempts: JoinSet<Ended>,
    handles: HashMap<InstanceId, AbortHandle>,
    /// What attempts tell while they go on.
    told: (TellingEnd, mpsc::UnboundedReceiver<(InstanceId, Told)>),
    /// Starts that wait until what they rest on is durable.
    held: Vec<Start>,
    /// Attempts that wait until something is durable.
    unrecorded: Vec<Unrecorded>,
    deadlines: Deadlines,
    /// Whether something that gathered is waited for.
    is_urgent: bool,
    /// When what gathered is written although nothing waits for it.
    flush_at: Option<Instant>,
    /// Whether this process holds the run; it does not when the run had ended before.
    is_claimed: bool,
    renew_at: Instant,
    renewal: Option<Renewal>,
    /// Whether the observer was told that the store is down.
    told_outage: bool,
    /// Set when the run is to stop: until when calls in flight may end.
    stop_at: Option<Instant>,
    /// How people's answers come in.
    answers: Answers,
    /// How people steer it.
    steering: Steering,
    /// What it has to do with mailboxes of the project.
    project: ProjectMail,
}

/// An attempt that waits until something is durable.
struct Unrecorded {
    seq: Seq,
    id: InstanceId,
    recorded: oneshot::Sender<Result<()>>,
    /// Whether it is what a call of a tool rests on: that is made then, whoever is paused.
    is_intent: bool,
}

/// What woke the loop.
enum Woken {
    Written(Result<Vec<Arc<Event>>>),
    Told(InstanceId, Told),
    Ended(Result<Ended, JoinError>),
    Renewed(Result<()>),
    Answers(Result<Option<Inbox>>),
    Wish(Wish),
    Looked(Result<Arc<Wishes>>),
    Mail(News),
    Timer,
}

impl Scheduler {
    /// Runs until the run has ended or is to stop.
    pub(super) async fn drive(mut self, stop: Stop) -> Result<RunResult> {
        let mut wishes = stop.watch();
        let wish = *wishes.borrow_and_update();
        self.on_wish(wish);
        self.look_first(&mut wishes).await?;
        while !self.is_done() {
            if self.may_begin() {
                self.decide()?;
            }
            self.launch()?;
            self.write_if_needed();
            self.look_beyond();
            self.note_patience();
            if self.is_done() {
                break;
            }
            self.keep_time();
            match self.wait(&mut wishes).await {
                Woken::Written(events) => self.on_written(&events?),
                Woken::Told(id, told) => self.on_told(id, told)?,
                Woken::Ended(ended) => self.on_ended(ended)?,
                Woken::Renewed(result) => self.on_renewed(result)?,
                Woken::Answers(result) => self.on_answers(result)?,
                Woken::Wish(wish) => self.on_wish(wish),
                Woken::Looked(looked) => self.on_looked(looked)?,
                Woken::Mail(news) => self.on_news(news)?,
                Woken::Timer => self.on_timer()?,
            }
            self.note_patience();
        }
        self.close(wishes).await
    }

    /// Whether something new may begin.
    fn may_begin(&self) -> bool {
        self.stop_at.is_none() && self.log.outage().is_none() && !self.state.is_stopped()
    }

    fn is_done(&self) -> bool {
        let stopped = self.stop_at.is_some_and(|at| self.attempts.is_empty() || at <= Instant::now());
        let waits = self.steering.patience().is_some_and(|until| Instant::now() < until);
        self.state.ending().is_some() || self.state.cancelled_by().is_some() || stopped || self.is_blocked() && !waits
    }

    /// Whether nothing can go on for so long that no process is to be held for it, or not before the run or an agent is let go on.
    fn is_blocked(&self) -> bool {
        let hold = self.engine.settings.hold;
        let questions = !self.answers.are_asked_for;
        self.attempts.is_empty() && self.held.is_empty() && self.state.is_blocked(self.clock.now(), hold, questions)
    }

    /// No time limit runs while the run does nothing but wait.
    fn keep_time(&mut self) {
        if self.state.stands_still() {
            self.deadlines.stop();
        } else if self.deadlines.are_stopped() {
            self.deadlines = Deadlines::of_run(self.state.run_time_left());
            for id in self.state.timed() {
                self.deadlines.set(id, self.state.time_left(id));
            }
        }
    }

    /// Records every decision that the events so far allow.
    fn decide(&mut self) -> Result<()> {
        while let Some(step) = self.state.next_step(self.clock.now()) {
            match step {
                Step::Record(body) => self.record(*body)?,
                Step::Start(start) => {
                    self.record(start.event.clone())?;
                    crash_point!("attempt.queued");
                    crash_point!("backoff.over" if start.attempt > 1);
                    self.held.push(*start);
                }
            }
        }
        Ok(())
    }

    /// Puts an event into the log and into the state.
    fn record(&mut self, body: EventBody) -> Result<()> {
        let event = self.log.push(self.clock.now(), body)?;
        self.state.apply(&event)?;
        if event.seq == MANY_EVENTS {
            self.observer.on_progress(self.run, &Progress::ManyEvents { events: MANY_EVENTS, most: MAX_EVENTS });
        }
        match &event.body {
            EventBody::AttemptStarted { node, .. } => {
                if let Some(id) = self.state.id_of(node) {
                    self.deadlines.set(id, self.state.time_left(id));
                }
            }
            EventBody::AttemptPaused { node, .. } => {
                if let Some(id) = self.state.id_of(node) {
                    self.deadlines.forget(id);
                }
            }
            EventBody::AttemptFailed { node, attempt, retry_at, .. } => {
                let delay = Duration::try_from(retry_at.duration_since(event.at)).unwrap_or_default();
                self.observer.on_progress(self.run, &Progress::RetryWaiting { node, attempt: attempt + 1, delay });
            }
            _ => {}
        }
        Ok(())
    }

    /// Starts the attempts whose grounds are durable.
    fn launch(&mut self) -> Result<()> {
        if self.held.is_empty() || self.log.outage().is_some() {
            return Ok(());
        }
        for start in std::mem::take(&mut self.held) {
            if self.state.is_final(start.id) || self.stop_at.is_some() {
                continue;
            }
            if self.state.may_go_on(start.id).is_err() {
                self.record(self.state.paused(start.id, None, true))?;
                continue;
            }
            if !self.log.is_durable(start.horizon) {
                self.held.push(start);
                continue;
            }
            let model = start.model.as_ref().map(ToString::to_string).unwrap_or_default();
            let agent = match start.work.job() {
                Job::Agent { node, .. } => Some((node.agent.name.as_str(), model.as_str())),
                Job::Tool { .. } | Job::StandIn { .. } => None,
            };
            self.observer.on_progress(self.run, &Progress::AttemptStarted { node: &start.path, attempt: start.attempt, agent });
            let id = start.id;
            let rein = self.rein(id, self.state.agent_of(id).cloned().as_ref());
            let attempt = Attempt {
                run: self.run,
                recorded: self.state.recorded(id).clone(),
                start,
                models: Arc::clone(&self.engine.models),
                tools: Arc::clone(&self.engine.tools),
                observer: Arc::clone(&self.observer),
                tell: self.told.0.clone(),
                stand_ins: self.engine.stand_ins.clone(),
                rein,
            };
            crash_point!("attempt.durable");
            // Boxed: the runtime moves what it is given several times.
            let handle = self.attempts.spawn(Box::pin(async move { (id, attempt.run().await) }));
            self.handles.insert(id, handle);
            crash_point!("attempt.spawned");
        }
        Ok(())
    }

    /// Gives the store what gathered, when something waits for it; otherwise sees to it that it does not wait for long.
    fn write_if_needed(&mut self) {
        if !self.log.has_unwritten() || self.log.is_writing() {
            return;
        }
        if self.is_urgent || !self.held.is_empty() || !self.unrecorded.is_empty() {
            self.log.write();
            self.is_urgent = false;
            self.flush_at = None;
        } else {
            self.flush_at.get_or_insert_with(|| Instant::now() + self.engine.settings.flush_after);
        }
    }

    async fn wait(&mut self, wishes: &mut watch::Receiver<Wish>) -> Woken {
        let timer = self.next_timer();
        let (renewal, answers, steering, project) = (&mut self.renewal, &mut self.answers, &mut self.steering, &mut self.project);
        tokio::select! {
            biased;
            Ok(()) = wishes.changed() => Woken::Wish(*wishes.borrow_and_update()),
            events = self.log.written() => Woken::Written(events),
            Some((id, told)) = self.told.1.recv() => Woken::Told(id, told),
            Some(ended) = self.attempts.join_next() => Woken::Ended(ended),
            result = outcome(renewal) => Woken::Renewed(result),
            result = outcome(&mut answers.look) => Woken::Answers(result),
            looked = outcome(&mut steering.looking) => Woken::Looked(looked),
            news = project.news() => Woken::Mail(news),
            () = sleep_until(timer) => Woken::Timer,
        }
    }

    fn next_timer(&self) -> Instant {
        let wake = self.state.next_wake().filter(|_| self.may_begin()).map(|at| self.clock.instant(at));
        let look = Some(self.answers.look_at).filter(|_| self.is_to_look());
        let timers = [self.flush_at, self.stop_at, self.deadlines.next(), wake, look, self.steering.patience()];
        timers.into_iter().flatten().min().unwrap_or(self.renew_at).min(self.renew_at)
    }

    /// Shows what has become durable, and lets attempts go on that waited for it.
    fn on_written(&mut self, events: &[Arc<Event>]) {
        self.tell_outage();
        for event in events {
            kill_points::on_durable(event);
            self.observer.on_event(self.run, event);
            if let EventBody::AgentChanged { agent, overrides, .. } = &event.body {
                self.on_changed(agent, overrides);
            }
            self.mail_on_durable(event);
        }
        crash_point!("durable.shown" if !events.is_empty());
        let (durable, waiting) =
            std::mem::take(&mut self.unrecorded).into_iter().partition(|waits| self.log.is_durable(waits.seq));
        self.unrecorded = waiting;
        for Unrecorded { id, recorded, is_intent, .. } in durable {
            let verdict = match self.state.exceeded_budget(id) {
                _ if self.stop_at.is_some() => Err(Error::new(ErrorKind::Interrupted, "the run is stopping")),
                Some(error) => Err(error),
                None if is_intent => Ok(()),
                None => self.state.may_go_on(id),
            };
            crash_point!("journal.durable");
            // An attempt that is gone needs no answer.
            recorded.send(verdict).ok();
        }
    }

    /// Tells once that the store is down, and once that it works again.
    fn tell_outage(&mut self) {
        let outage = self.log.outage();
        if outage.is_some() == self.told_outage {
            return;
        }
        self.told_outage = outage.is_some();
        let progress = outage.map_or(Progress::StoreBack, |outage| Progress::StoreWaiting {
            reason: &outage.error.message,
            patience: self.engine.settings.store_patience,
        });
        self.observer.on_progress(self.run, &progress);
    }

    fn on_told(&mut self, id: InstanceId, told: Told) -> Result<()> {
        if self.state.is_final(id) {
            return Ok(());
        }
        match told {
            Told::Kept { entry, recorded } => {
                let is_intent = matches!(entry, Entry::Intent(_));
                let recorded = match (recorded, self.state.may_go_on(id)) {
                    // It is not begun: the attempt goes on from what the log has.
                    (Some(recorded), Err(held)) if is_intent => {
                        recorded.send(Err(held)).ok();
                        return Ok(());
                    }
                    (recorded, _) => recorded,
                };
                crash_point!("journal.in-hand");
                let seq = self.state.next_seq();
                self.record(self.state.kept(id, entry))?;
                crash_point!("journal.queued");
                if let Some(recorded) = recorded {
                    self.unrecorded.push(Unrecorded { seq, id, recorded, is_intent });
                    self.is_urgent = true;
                }
                Ok(())
            }
            Told::Noticed(notice) => self.record(self.state.noticed(id, notice)),
            Told::Asked(asked) => self.on_asked(id, *asked),
        }
    }

    /// Takes the result of an attempt, and of all others that ended meanwhile.
    fn on_ended(&mut self, ended: Result<Ended, JoinError>) -> Result<()> {
        let mut next = Some(ended);
        while let Some(ended) = next {
            // What the attempt told before its end comes before it in the log, too.
            while let Ok((id, told)) = self.told.1.try_recv() {
                self.on_told(id, told)?;
            }
            match ended {
                Ok((id, answered)) => self.on_answered(id, answered)?,
                Err(error) if error.is_cancelled() => {}
                Err(error) => return Err(Error::new(ErrorKind::Internal, "an attempt's task broke off").source(error)),
            }
            next = self.attempts.try_join_next();
        }
        Ok(())
    }

    fn on_answered(&mut self, id: InstanceId, answered: Answered) -> Result<()> {
        self.handles.remove(&id);
        let was_held = self.was_held(id);
        if self.state.is_final(id) {
            return Ok(());
        }
        self.is_urgent = true;
        crash_point!("outcome.in-hand");
        if let Some(call) = answered.last_call {
            self.record(self.state.kept(id, Entry::Answer(call)))?;
            crash_point!("outcome.call-queued");
        }
        let body = match answered.outcome {
            Ok(output) => match self.state.success_with_notes(id, output, answered.notes) {
                Ok(body) => body,
                Err(error) => self.state.failure(id, &error, self.clock.now()),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Divergent => return Err(error),
            Err(error) if error.kind() == ErrorKind::Waiting => self.state.paused(id, None, was_held),
            Err(error) => self.failure(id, error),
        };
        self.record(body)?;
        crash_point!("outcome.queued");
        Ok(())
    }

    /// The event of a failed attempt. A model that is retried more than it bears is not asked again.
    fn failure(&self, id: InstanceId, error: Error) -> EventBody {
        let body = self.state.failure(id, &error, self.clock.now());
        let is_overspent = || self.state.target(id).is_some_and(|model| !self.engine.models.may_retry(model));
        if matches!(body, EventBody::AttemptFailed { .. }) && is_overspent() {
            let error = error.hint("it was not tried again: a fifth of the calls of this model were retries already");
            return self.state.failure_of_target(id, &error);
        }
        body
    }

    /// A renewal that the store could not take is tried again well before the claim runs out.
    fn on_renewed(&mut self, result: Result<()>) -> Result<()> {
        self.renewal = None;
        if result.is_err() {
            self.renew_at = Instant::now() + self.engine.settings.lease / 10;
        }
        renewed(result)?;
        crash_point!("lease.renewed");
        Ok(())
    }

    fn on_wish(&mut self, wish: Wish) {
        match wish {
            Wish::GoOn => {}
            Wish::Gracefully => {
                crash_point!("stop.asked");
                self.stop_at = Some(Instant::now() + self.engine.settings.grace);
            }
            Wish::AtOnce => self.stop_at = Some(Instant::now()),
        }
    }

    fn on_timer(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush_at = None;
            self.is_urgent = true;
        }
        if self.renew_at <= now {
            crash_point!("lease.due");
            crash_point!("call.out" if !self.handles.is_empty());
            self.renew_at = now + self.engine.settings.lease / 3;
            if self.renewal.is_none() {
                self.renewal = Some(Box::pin(self.log.renew(self.engine.settings.lease)));
            }
        }
        if self.answers.look_at <= now && self.is_to_look() {
            self.look_for_answers(now);
        }
        crash_point!("timer.due" if self.may_begin() && self.state.next_wake().is_some_and(|at| at <= self.clock.now()));
        if self.deadlines.take_run(now) {
            return self.end_of_time();
        }
        while let Some(id) = self.deadlines.take_instance(now) {
            if !self.state.is_final(id) {
                self.is_urgent = true;
                let limit = self.state.time_limit(id).unwrap_or_default();
                let error = Error::new(ErrorKind::Timeout, format!("no result within its time limit of {}", in_words(limit)))
                    .hint("raise the node's `timeout`");
                for body in self.state.time_out(id, &error) {
                    self.record(body)?;
                }
                self.abort_ended();
            }
        }
        Ok(())
    }

    /// Ends the tasks whose instance has ended without them.
    fn abort_ended(&mut self) {
        let state = &self.state;
        self.handles.retain(|id, handle| {
            let ended = state.is_final(*id);
            if ended {
                handle.abort();
            }
            !ended
        });
    }
}

/// What comes of a future; nothing ever, when there is none.
async fn outcome<T>(future: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
