//! `agentflow run`: checks the workflow, gathers its inputs, runs it and writes its outputs.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use indexmap::IndexMap;
use jiff::Timestamp;
use tracing::{debug, trace};

use crate::{
    app::{
        self, Prepared, Settings, WorkflowSource, approve,
        inputs::{Gathered, GivenInput, GivenValue, StandardInput, gather, missing_error},
        steer::Steered,
    },
    cli::{
        args::{OutputForm, RunArgs},
        cassette, clean, diagnostics, dry_run, exit,
        failure::{self, FailedNode},
        json, memory, numbers, outputs,
        outputs::EventLines,
        problem, prompt, questions,
        report::Reports,
        reuse::Tally,
        signals::Signals,
        steer,
        terminal::{PAGE, Terminal, YELLOW},
        ui::{Speaker, Style, Ui},
        waits::Waits,
    },
    crash::crash_point,
    diagnostic::{DiagnosticFormat, render},
    engine::{Engine, Observer, OpenQuestion, Progress, RunOptions, RunResult, Stop, open_questions, read_run},
    error::{Error, ErrorKind, Result},
    model::{Event, MailboxName, Origin, RunId, RunStatus},
    plan::Plan,
};

/// Runs the workflow, or tells what a run would do. Reports that are wanted tell of a run that could not begin, too.
pub(super) fn run(args: &RunArgs, settings: &Settings, verbose: bool, terminal: &Terminal) -> Result<u8> {
    let reports = Reports::wanted(&args.report, args.workflow.display().to_string())?;
    let ran = begin(args, settings, &reports, verbose, terminal);
    if let Err(error) = &ran {
        reports.not_begun(&problem::text(false, error))?;
    }
    ran
}

fn begin(args: &RunArgs, settings: &Settings, reports: &Reports<'_>, verbose: bool, terminal: &Terminal) -> Result<u8> {
    let mut stdin = StandardInput::default();
    let source = WorkflowSource::read(&args.workflow, &mut stdin)?;
    let mut compiled = block_on(app::compile(&source, settings))?;
    diagnostics::tell(terminal, &compiled.diagnostics, &compiled.sources);
    let Some(plan) = compiled.plan.take() else {
        let format = DiagnosticFormat::Text { color: false, width: PAGE };
        reports.not_begun(&render(&compiled.diagnostics, &compiled.sources, format))?;
        return Ok(exit::USAGE);
    };
    let given: Vec<GivenInput> =
        args.input.iter().map(|input| GivenInput { name: input.name.clone(), value: GivenValue::parse(&input.value) }).collect();
    let mut gathered = gather(&plan, &given, args.inputs.as_deref(), &mut stdin)?;
    let manifest = compiled.manifest_path.as_deref().zip(compiled.manifest.as_ref());
    if args.dry_run {
        return dry_run::tell(&plan, &gathered, manifest, settings, args.output, terminal);
    }
    // Whether the run can begin is found out before a person is asked for anything.
    let prepared = app::prepare(plan, &source, manifest, settings)?;
    prepared.plan.check_nodes(args.invalidate.iter().map(String::as_str))?;
    complete(&prepared.plan, &mut gathered, terminal)?;
    let mut options = prepared.options(RunId::generate(), gathered.values)?;
    let showing = Showing { output: args.output, verbose, past: &[] };
    block_on(async {
        if let Some(code) = bring_up(&prepared, terminal).await? {
            return Ok(code);
        }
        let engine = prepared.engine().await?;
        if let Some(name) = &args.reuse {
            options.origin = origin(&engine, &prepared, name.as_deref(), &args.invalidate, terminal).await?;
        }
        let run = options.run;
        let driven = drive(&prepared, &engine, options, Begin::New, &showing, settings, terminal).await;
        let driven = cassette::finish(&prepared, args.cassette.prune, driven, terminal);
        reports.after(driven, engine.store(), run, terminal).await
    })
}

/// Runs a workflow that needs no inputs and that this program made.
pub(super) fn run_source(
    source: &WorkflowSource,
    output: OutputForm,
    settings: &Settings,
    verbose: bool,
    terminal: &Terminal,
) -> Result<u8> {
    let mut compiled = block_on(app::compile(source, settings))?;
    diagnostics::tell(terminal, &compiled.diagnostics, &compiled.sources);
    let Some(plan) = compiled.plan.take() else { return Ok(exit::USAGE) };
    let manifest = compiled.manifest_path.as_deref().zip(compiled.manifest.as_ref());
    let prepared = app::prepare(plan, source, manifest, settings)?;
    let options = prepared.options(RunId::generate(), IndexMap::new())?;
    let showing = Showing { output, verbose, past: &[] };
    block_on(async {
        if let Some(code) = bring_up(&prepared, terminal).await? {
            return Ok(code);
        }
        let engine = prepared.engine().await?;
        drive(&prepared, &engine, options, Begin::New, &showing, settings, terminal).await
    })
}

/// Brings the collections that the plan reads up to their files; the exit code when a signal came.
async fn bring_up(prepared: &Prepared, terminal: &Terminal) -> Result<Option<u8>> {
    match prepared.memory() {
        Some((project, names)) => memory::sync(project, &names, terminal).await,
        None => Ok(None),
    }
}

/// The earlier run that answers are taken of.
async fn origin(
    engine: &Engine,
    prepared: &Prepared,
    name: Option<&str>,
    invalidated: &[String],
    terminal: &Terminal,
) -> Result<Option<Origin>> {
    let (plan, simulated) = (&prepared.plan, prepared.simulated);
    let origin = app::reuse::origin(engine.store(), plan, name, invalidated, simulated).await?;
    if origin.is_none() {
        let (which, name) = (if simulated { "simulated" } else { "real" }, clean::one_line(&plan.name));
        terminal.note(&format!("there is no earlier {which} run of `{name}` in the store, so everything is asked"));
    }
    Ok(origin)
}

/// Asks for missing inputs where somebody can be asked.
fn complete(plan: &Plan, gathered: &mut Gathered, terminal: &Terminal) -> Result<()> {
    if gathered.missing.is_empty() {
        return Ok(());
    }
    if !terminal.can_ask || !terminal.err.is_terminal {
        return Err(missing_error(plan, &gathered.missing));
    }
    gathered.values.extend(prompt::ask(terminal, plan, &gathered.missing)?);
    Ok(())
}

/// Runs `future` to its end on a runtime of one thread: the store and the display have threads of their own, and models only
/// make it wait.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|err| Error::new(crate::ErrorKind::Internal, "cannot start the runtime").source(err))?;
    let result = runtime.block_on(future);
    // Connections that are still open are not waited for.
    runtime.shutdown_background();
    result
}

/// Whether a run begins or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// From its beginning.
    New,
    /// From its log.
    Again,
}

/// How a run is shown.
#[derive(Clone, Copy)]
pub(super) struct Showing<'a> {
    /// What standard output carries.
    pub(super) output: OutputForm,
    /// Whether the log goes to standard error.
    pub(super) verbose: bool,
    /// What has happened to the run before.
    pub(super) past: &'a [Event],
}

impl Showing<'_> {
    pub(super) fn style(&self, terminal: &Terminal) -> Style {
        let events_on_screen = self.output == OutputForm::Jsonl && terminal.out.is_terminal;
        if terminal.quiet || events_on_screen {
            Style::Silent
        } else if terminal.err.is_terminal && terminal.draws && !self.verbose {
            Style::Live
        } else {
            Style::Plain
        }
    }
}

/// Runs `prepared`, shows it, and writes what came of it; returns the exit code. Where somebody can be asked, what the run asks is put
/// to them, and it goes on with their answers.
pub(super) async fn drive(
    prepared: &Prepared,
    engine: &Engine,
    options: RunOptions,
    begin: Begin,
    showing: &Showing<'_>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<u8> {
    if prepared.simulated {
        terminal
            .talk(&terminal.paint_err(YELLOW, "SIMULATED: `--mock` answers every model call; nothing below was said by a model"));
    }
    let run = options.run;
    let can_ask = terminal.can_ask && terminal.err.is_terminal;
    let options = RunOptions { asks_people: can_ask, ..options };
    let mut past = showing.past.to_vec();
    let mut begin = begin;
    loop {
        let showing = Showing { past: &past, ..*showing };
        let driven = drive_once(prepared, engine, options.clone(), begin, &showing, settings, terminal).await?;
        if driven.status != RunStatus::Waiting {
            return Ok(driven.code);
        }
        if let Some(line) = &driven.held {
            terminal.talk(line);
            return Ok(driven.code);
        }
        let commands = Commands::of(prepared, settings);
        let waits = Waits::of(engine.store(), run, driven.mailboxes).await?;
        if !can_ask || !waits.asks {
            waits.tell(run, &commands, terminal);
            return Ok(driven.code);
        }
        let _signals = Signals::leave_at_once(waits.in_words(run, &commands), terminal)?;
        past = read_run(engine.store(), run).await?.events;
        let mut answers = ask(terminal, open_questions(&past)).await?;
        // A question whose time was over while it was read has its default, which the run takes when it goes on.
        let given = answers.len();
        answers.retain(|answer| !is_over(answer));
        let mut is_answered = given > 0;
        for (child, open) in approve::asking_children(engine.store(), run).await? {
            let given = ask(terminal, open).await?;
            if !given.is_empty() {
                approve::give(engine.store(), child.run, &given).await?;
                is_answered = true;
            }
        }
        if !is_answered {
            waits.tell(run, &commands, terminal);
            return Ok(driven.code);
        }
        if !answers.is_empty() {
            approve::give(engine.store(), run, &answers).await?;
        }
        past = read_run(engine.store(), run).await?.events;
        begin = Begin::Again;
    }
}

/// Asks on a thread of its own, so that signals are heard meanwhile.
async fn ask(terminal: &Terminal, open: Vec<OpenQuestion>) -> Result<Vec<approve::Answer>> {
    let terminal = terminal.clone();
    let asked = tokio::task::spawn_blocking(move || questions::ask(&terminal, open)).await;
    asked.map_err(|error| Error::new(ErrorKind::Internal, "the questions could not be asked").source(error))
}

/// Whether the time to answer is over.
fn is_over(answer: &approve::Answer) -> bool {
    let gate = answer.question.request.question.gate.as_ref();
    gate.is_some_and(|gate| gate.is_over(Timestamp::now()))
}

/// How a run stands after it was driven.
struct Driven {
    status: RunStatus,
    code: u8,
    /// Why it stands still, when somebody paused it or agents that it asks.
    held: Option<String>,
    /// The mailboxes that it waits for.
    mailboxes: Vec<MailboxName>,
}

async fn drive_once(
    prepared: &Prepared,
    engine: &Engine,
    options: RunOptions,
    begin: Begin,
    showing: &Showing<'_>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Driven> {
    let run = options.run;
    let stop = Stop::default();
    let mut ui = Ui::start(&prepared.plan, terminal, showing.style(terminal), showing.past);
    let signals = Signals::listen(stop.clone(), ui.speaker(), terminal.err.color)?;
    let lines = (showing.output == OutputForm::Jsonl).then(EventLines::start);
    let watch = Arc::new(Watch::new(&ui, lines.as_ref(), showing.past));
    let observer = Arc::clone(&watch) as Arc<dyn Observer>;
    let plan = Arc::clone(&prepared.plan);
    let result = match begin {
        Begin::New => engine.run(plan, options, observer, stop).await,
        Begin::Again => engine.resume(plan, options, observer, stop).await,
    };
    crash_point!("run.ended");
    let result = match result {
        Ok(result) => result,
        Err(err) => {
            ui.close();
            let written = lines.map_or(Ok(()), EventLines::finish);
            let goes_on = err.kind() == ErrorKind::StoreUnavailable && watch.is_recorded.load(Ordering::Relaxed);
            let err = if goes_on { err.hint(Commands::of(prepared, settings).resume(run)) } else { err };
            return Err(if written.is_err() { err.hint("standard output could not be written, too") } else { err });
        }
    };
    ui.close();
    let written = lines.map_or(Ok(()), EventLines::finish);
    let written = written.and_then(|()| print_outputs(&result, showing.output, terminal));
    crash_point!("run.shown");
    ui.sum_up(run, result.status, &result.spend);
    if let Some(line) = watch.reused() {
        terminal.note(&line);
    }
    let commands = Commands::of(prepared, settings);
    let code = tell_failure(&result, &watch, &signals, &commands, terminal);
    let held = watch.standstill(run, &commands.suffix);
    written.map(|()| Driven { status: result.status, code, held, mailboxes: result.mailboxes })
}

/// Writes the outputs of a run that succeeded.
pub(super) fn print_outputs(result: &RunResult, output: OutputForm, terminal: &Terminal) -> Result<()> {
    match (result.status, output) {
        (RunStatus::Succeeded, OutputForm::Text) => terminal.print(&outputs::text(terminal, &result.outputs)),
        (RunStatus::Succeeded, OutputForm::Json) => terminal.print(&json::document(&result.outputs)?),
        (_, OutputForm::Jsonl) | (RunStatus::Running | RunStatus::Failed | RunStatus::Cancelled | RunStatus::Waiting, _) => {
            Ok(())
        }
    }
}

/// Tells why there are no outputs, if there are none; returns the exit code.
fn tell_failure(result: &RunResult, watch: &Watch, signals: &Signals, commands: &Commands, terminal: &Terminal) -> u8 {
    let run = result.run;
    match result.status {
        // For what it waits is told later, by who may ask for it.
        RunStatus::Succeeded | RunStatus::Waiting => {}
        RunStatus::Running => {
            terminal.talk(&format!("run {run} was interrupted; {}", commands.resume(run)));
            if signals.came() {
                return signals.exit_code();
            }
        }
        RunStatus::Failed | RunStatus::Cancelled => {
            failure::tell(terminal, run, watch.failed().as_ref(), result.error.as_ref(), &commands.show(run));
        }
    }
    exit::of_run(result.status, result.error.as_ref().map(|error| error.kind))
}

/// Commands that a person may type next: they name the store where it would not be found.
pub(super) struct Commands {
    suffix: String,
    /// Whether the run is gone with this process.
    gone: bool,
}

impl Commands {
    fn of(prepared: &Prepared, settings: &Settings) -> Self {
        let mut here = settings.clone();
        here.store = None;
        let found = app::store_here(&here).is_ok_and(|place| same_file(&place.url, &prepared.store.url));
        let suffix = if found { String::new() } else { format!(" --store {}", quoted(&prepared.store.url)) };
        Self { suffix, gone: prepared.store.url == "memory:" }
    }

    pub(super) fn resume(&self, run: RunId) -> String {
        if self.gone {
            return "it was kept in memory only and cannot be gone on with".to_owned();
        }
        format!("go on with: agentflow resume {run}{}", self.suffix)
    }

    pub(super) fn answer(&self, run: RunId) -> String {
        if self.gone {
            return "it was kept in memory only and cannot be gone on with".to_owned();
        }
        format!("see what it asks with: agentflow approve {run}{}", self.suffix)
    }

    fn show(&self, run: RunId) -> String {
        if self.gone {
            return "the run was kept in memory only; without `--store memory:` it can be looked at later".to_owned();
        }
        format!("look at it with: agentflow runs show {run}{}", self.suffix)
    }
}

/// Whether two URLs name the same store, though they may be written in different ways.
fn same_file(one: &str, other: &str) -> bool {
    let path = |url: &str| url.strip_prefix("sqlite:").and_then(|path| Path::new(path).canonicalize().ok());
    one == other || path(one).is_some_and(|one| path(other) == Some(one))
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/.:_-+=@,".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Passes on what happens to all who want to know, and remembers which node failed.
struct Watch {
    observers: Vec<Box<dyn Observer>>,
    speaker: Speaker,
    /// Whether anything of the run is in the store.
    is_recorded: AtomicBool,
    failed: Mutex<Option<FailedNode>>,
    tally: Mutex<Tally>,
    steered: Mutex<Steered>,
}

impl Watch {
    fn new(ui: &Ui, lines: Option<&EventLines>, past: &[Event]) -> Self {
        let (mut failed, mut tally) = (None, Tally::default());
        for event in past {
            FailedNode::watch(&mut failed, event);
            tally.watch(event);
        }
        let observers = ui.observer().into_iter().chain(lines.map(EventLines::observer)).collect();
        Self {
            observers,
            speaker: ui.speaker(),
            is_recorded: AtomicBool::new(!past.is_empty()),
            failed: Mutex::new(failed),
            tally: Mutex::new(tally),
            steered: Mutex::new(Steered::of(past)),
        }
    }

    fn failed(&self) -> Option<FailedNode> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the run stands still, when it is for how people steer it.
    fn standstill(&self, run: RunId, suffix: &str) -> Option<String> {
        steer::standstill(run, &self.steered.lock().unwrap_or_else(PoisonError::into_inner), suffix)
    }

    fn reused(&self) -> Option<String> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).line()
    }
}

impl Observer for Watch {
    fn on_event(&self, run: RunId, event: &Event) {
        let node = event.body.node().map_or("", |node| node.as_str());
        debug!(run.id = %run, seq = event.seq, node, "{}", event.body.kind());
        self.is_recorded.store(true, Ordering::Relaxed);
        FailedNode::watch(&mut self.failed.lock().unwrap_or_else(PoisonError::into_inner), event);
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).watch(event);
        self.steered.lock().unwrap_or_else(PoisonError::into_inner).take(event);
        if let Some(line) = steer::line(event) {
            self.speaker.say(line);
        }
        for observer in &self.observers {
            observer.on_event(run, event);
        }
    }

    fn on_progress(&self, run: RunId, progress: &Progress<'_>) {
        trace!(run.id = %run, ?progress);
        match progress {
            Progress::StoreWaiting { reason, patience } => self.speaker.say(format!(
                "{reason}; nothing new starts, and what is in hand is tried to be recorded for {} more",
                numbers::duration(*patience)
            )),
            Progress::StoreBack => self.speaker.say("the store works again; the run goes on".to_owned()),
            Progress::ManyEvents { events, most } => self.speaker.say(format!("the run has {events} events; it may have {most}")),
            _ => {}
        }
        for observer in &self.observers {
            observer.on_progress(run, progress);
        }
    }
}
