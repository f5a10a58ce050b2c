//! `agentflow runs watch`: a view of a run that another process makes, from its events in the store. It changes nothing.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;

use crate::{
    app::{self, Settings, live::Holder, runs, steer::Steered},
    cli::{
        args::{OutputForm, RunWatchArgs},
        exit,
        failure::{self, FailedNode},
        numbers,
        outputs::EventLines,
        run::{Showing, print_outputs},
        signals, steer,
        terminal::Terminal,
        ui::{Speaker, Ui},
    },
    engine::{EventPages, Observer, RunResult, open_questions, open_waits},
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, Owner, RunId, RunStatus},
    store::Store,
};

/// The time between two looks at the store.
const PAUSE: Duration = Duration::from_millis(500);

/// Follows the run to its end, and returns its exit code.
pub(super) async fn watch(args: &RunWatchArgs, store: &Arc<dyn Store>, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let run = runs::find(store, &args.run).await?;
    let mut pages = EventPages::new(store, run);
    let mut view = View::new(run);
    // All that has happened so far is read before anything is drawn.
    let mut past = Vec::new();
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        past.extend(page.into_iter().map(|(event, _)| event));
    }
    let Some(began) = past.first().map(|event| event.at) else {
        return Err(Error::new(ErrorKind::NotFound, format!("run `{run}` has no events"))
            .hint("its process ended before it began; `agentflow runs rm` removes it"));
    };
    let plan = app::plan_of(run, &past)?.ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, format!("the workflow that is stored with run `{run}` cannot be used by this version"))
            .hint("`agentflow runs events` shows what happened")
    })?;
    // Before anything is shown: whoever sees it may want to leave.
    let mut leaving = signals::Kinds::listen()?;
    let showing = Showing { output: args.output, verbose: false, past: &[] };
    let mut ui = Ui::start_at(&plan, terminal, showing.style(terminal), &[], began);
    let lines = (args.output == OutputForm::Jsonl).then(EventLines::start);
    view.observers = ui.observer().into_iter().chain(lines.as_ref().map(EventLines::observer)).collect();
    view.speaker = Some(ui.speaker());
    for event in &past {
        view.take(event);
    }
    let suffix = settings.store.as_deref().map(|url| format!(" --store {url}")).unwrap_or_default();
    let watched = view.follow(store, &mut pages, past, &mut leaving, &|line| ui.speaker().say(format!("{line}{suffix}"))).await;
    ui.close();
    drop(view.observers);
    let written = lines.map_or(Ok(()), EventLines::finish);
    let (result, ended_at) = match watched? {
        Watched::Ended(result, at) => (result, at),
        Watched::Left(code) => {
            terminal.note(&format!("run {run} goes on without being watched"));
            return Ok(code);
        }
    };
    written.and_then(|()| print_outputs(&result, args.output, terminal))?;
    ui.sum_up_in(numbers::between(began, ended_at), run, result.status, &result.spend);
    if matches!(result.status, RunStatus::Failed | RunStatus::Cancelled) {
        let next = format!("look at it with: agentflow runs show {run}{suffix}");
        failure::tell(terminal, run, view.failed.as_ref(), result.error.as_ref(), &next);
    }
    Ok(exit::of_run(result.status, result.error.as_ref().map(|error| error.kind)))
}

/// How the view ended.
enum Watched {
    /// With the run, then.
    Ended(Box<RunResult>, Timestamp),
    /// By a signal, with this exit code; the run goes on.
    Left(u8),
}

/// What is known of the run while it is watched.
struct View {
    run: RunId,
    observers: Vec<Box<dyn Observer>>,
    speaker: Option<Speaker>,
    owner: Option<Owner>,
    failed: Option<FailedNode>,
    end: Option<(RunResult, Timestamp)>,
    /// Whether it was told that no process holds the run.
    told: bool,
}

impl View {
    fn new(run: RunId) -> Self {
        Self { run, observers: Vec::new(), speaker: None, owner: None, failed: None, end: None, told: false }
    }

    fn take(&mut self, event: &Event) {
        FailedNode::watch(&mut self.failed, event);
        match &event.body {
            EventBody::RunCreated { owner, .. } | EventBody::RunResumed { owner, .. } => {
                self.owner = Some(owner.clone());
                self.told = false;
            }
            EventBody::RunFinished { status, outputs, error, spend } => {
                let (status, spend) = (*status, *spend);
                let result = RunResult {
                    run: self.run,
                    status,
                    outputs: outputs.clone(),
                    error: error.clone(),
                    spend,
                    mailboxes: Vec::new(),
                };
                self.end = Some((result, event.at));
            }
            _ => {}
        }
        if let Some(speaker) = &self.speaker
            && let Some(line) = steer::line(event)
        {
            speaker.say(line);
        }
        for observer in &self.observers {
            observer.on_event(self.run, event);
        }
    }

    /// Looks at the store until the run has ended or a signal comes. `events` is what has happened so far.
    async fn follow(
        &mut self,
        store: &Arc<dyn Store>,
        pages: &mut EventPages,
        mut events: Vec<Event>,
        leaving: &mut signals::Kinds,
        say: &dyn Fn(String),
    ) -> Result<Watched> {
        loop {
            if let Some((result, at)) = self.end.take() {
                return Ok(Watched::Ended(Box::new(result), at));
            }
            let page = pages.next().await?;
            for (event, _) in page {
                self.take(&event);
                events.push(event);
            }
            if self.end.is_some() {
                continue;
            }
            if !self.told && self.owner.as_ref().map(Holder::of) == Some(Holder::Gone) {
                self.told = true;
                say(self.why_it_stands_still(&events));
            }
            tokio::select! {
                () = sleep(PAUSE) => self.check_it_is_there(store).await?,
                code = leaving.next() => return Ok(Watched::Left(code)),
            }
        }
    }

    /// What can be done about a run that no process holds.
    fn why_it_stands_still(&self, events: &[Event]) -> String {
        let run = self.run;
        match runs::detail(run, events).map(|detail| detail.summary.status) {
            Some(_) if let Some(line) = steer::standstill(run, &Steered::of(events), "") => line,
            Some("waiting") => match open_waits(events).first().filter(|_| open_questions(events).is_empty()) {
                Some(wait) => format!("run {run} waits until {}; after that, go on with: agentflow resume {run}", wait.until),
                None => format!("run {run} waits for a person; see what it asks with: agentflow approve {run}"),
            },
            _ => format!("the process of run {run} has ended; go on with: agentflow resume {run}"),
        }
    }

    async fn check_it_is_there(&self, store: &Arc<dyn Store>) -> Result<()> {
        if runs::exists(store, self.run).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, format!("run `{}` was removed", self.run)))
    }
}
