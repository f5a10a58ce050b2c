//! `agentflow eval`: runs a workflow over the rows of a data set, scores what comes out, and tells what it means.

pub mod args;
mod markdown;
mod numbers;
mod progress;
mod text;

use std::{path::Path, sync::Arc};

use crate::{
    app::{self, Settings},
    cli::{
        diagnostics::{self, Problems},
        exit, json, memory,
        run::block_on,
        signals::Signals,
        terminal::{Terminal, YELLOW},
        ui::Speaker,
    },
    diagnostic::Sources,
    engine::Stop,
    error::{Error, ErrorKind, Result},
    eval::{
        Baseline, EvalRecord, EvalReport, EvalSpec, Evaluation, Found, Places, Ready, Runner, Verdict, estimate, find_record,
        from_file, is_eval_file, keep, prepare, report,
    },
    model::RunId,
    store,
};

use args::{EvalArgs, EvalFormat};

/// Runs the eval, goes on with one, or tells what one would cost; returns the exit code.
pub(super) fn eval(args: &EvalArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    // What cannot be read is found out before anything is paid for.
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose()?;
    if let Some(name) = &args.resume {
        return block_on(resume(name, args, baseline.as_ref(), settings, terminal));
    }
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let options = args.options();
    let (spec, places) = match args.files.iter().find(|file| is_eval_file(file)) {
        None => (options.alone()?, Places::default()),
        Some(_) if args.files.len() > 1 => {
            return Err(Error::new(ErrorKind::Invalid, "an eval file names its workflow itself, and is given alone")
                .hint("compare with another workflow by `--variant NAME=WORKFLOW`, or give both as `variants` in the file"));
        }
        Some(file) => {
            let Some(read) = from_file(file, &mut sources, &mut problems) else {
                diagnostics::tell(terminal, &problems, &sources);
                return Ok(exit::USAGE);
            };
            read
        }
    };
    let spec = options.apply(spec)?;
    let settings = Settings { models: options.common_models(), ..settings.clone() };
    can_compare(args, &spec, baseline.as_ref(), settings.mock.is_some())?;
    block_on(async {
        let found = Box::pin(prepare(spec, &places, &settings, sources, problems)).await?;
        let Some(evaluation) = checked(found, terminal) else { return Ok(exit::USAGE) };
        let estimate = estimate(&evaluation);
        if args.dry_run {
            let shown = match args.format {
                EvalFormat::Json => json::document(&estimate)?,
                EvalFormat::Text | EvalFormat::Markdown => numbers::estimate(&estimate) + "\n",
            };
            terminal.print(&shown)?;
            return Ok(exit::SUCCEEDED);
        }
        terminal.note(&numbers::estimate(&estimate));
        let ready = evaluation.ready()?;
        for variant in &ready.variants {
            if let Some((project, names)) = variant.memory()
                && let Some(code) = memory::sync(project, &names, terminal).await?
            {
                return Ok(code);
            }
        }
        let id = RunId::generate();
        let record = EvalRecord::new(id, &evaluation, app::working_folder()?, &settings);
        let store = open(&ready).await?;
        keep(&store, &record).await?;
        Box::pin(drive(&evaluation, &ready, &record, &store, args, baseline.as_ref(), terminal)).await
    })
}

/// Goes on with a recorded eval: as it was when it began.
async fn resume(
    name: &str,
    args: &EvalArgs,
    baseline: Option<&Baseline>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<u8> {
    let none = || Error::new(ErrorKind::NotFound, "there is no eval yet").hint("`--store URL` names another store");
    let store = app::open_existing_store(settings).await?.ok_or_else(none)?;
    let record = find_record(&store, name).await?;
    record.check_folder(&app::working_folder()?)?;
    let settings = Settings {
        manifest: record.manifest.clone(),
        mock: record.mock,
        models: record.models.clone(),
        store: settings.store.clone(),
        policy: settings.policy.clone(),
        on_transfer: settings.on_transfer.clone(),
        ..Settings::default()
    };
    let mut spec = record.spec.clone();
    spec.concurrency = args.concurrency.unwrap_or(spec.concurrency);
    spec.max_cost_usd = args.max_cost.or(spec.max_cost_usd);
    spec.fail_under = args.fail_under.or(spec.fail_under);
    can_compare(args, &spec, baseline, settings.mock.is_some())?;
    let found = Box::pin(prepare(spec, &Places::default(), &settings, Sources::default(), Vec::new())).await?;
    let Some(evaluation) = checked(found, terminal) else { return Ok(exit::USAGE) };
    record.check(&evaluation)?;
    let ready = evaluation.ready()?;
    Box::pin(drive(&evaluation, &ready, &record, &store, args, baseline, terminal)).await
}

/// What regresses must be held against something, and a baseline against what is like it.
fn can_compare(args: &EvalArgs, spec: &EvalSpec, baseline: Option<&Baseline>, simulated: bool) -> Result<()> {
    if let Some(baseline) = baseline {
        baseline.check(spec, simulated)?;
    }
    if !args.fail_on_regression || baseline.is_some() || spec.variants.len() > 1 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, "`--fail-on-regression` needs something to compare with")
        .hint("name the result of an earlier eval with `--baseline FILE`, or give two variants"))
}

/// The eval, if nothing is wrong with it; all problems are told.
fn checked(found: Found, terminal: &Terminal) -> Option<Evaluation> {
    let mut problems = Problems::default();
    for (diagnostics, sources) in found.problems {
        problems.add(diagnostics, &sources);
    }
    diagnostics::tell(terminal, &problems.all, &problems.sources);
    found.evaluation
}

/// The store of the first variant, which all runs of an eval are in.
async fn open(ready: &Ready) -> Result<Arc<dyn store::Store>> {
    let Some(first) = ready.variants.first() else {
        return Err(Error::new(ErrorKind::Internal, "an eval without variants"));
    };
    let place = &first.store;
    store::open(&place.url, place.synchronous).await
}

/// Runs the rows, and tells what came of it.
async fn drive(
    evaluation: &Evaluation,
    ready: &Ready,
    record: &EvalRecord,
    store: &Arc<dyn store::Store>,
    args: &EvalArgs,
    baseline: Option<&Baseline>,
    terminal: &Terminal,
) -> Result<u8> {
    if evaluation.simulated {
        terminal
            .talk(&terminal.paint_err(YELLOW, "SIMULATED: `--mock` answers every model call; the scores say nothing of a model"));
    }
    terminal.note(&format!("eval {}", record.id));
    let stop = Stop::default();
    let signals = Signals::listen(stop.clone(), Speaker::plain(terminal), terminal.err.color)?;
    let runner = Runner::new(evaluation, ready, record.id, store, stop);
    let ended = runner.run(&|progress| progress::tell(progress, terminal)).await;
    let ended = ended.map_err(|error| error.hint(format!("go on with: agentflow eval --resume {}", record.id)))?;
    let (is_complete, is_spent) = (ended.is_complete, ended.is_spent);
    let report = report(evaluation, record.id, record.started_at, ended, baseline);
    if let Some(path) = &args.save {
        save(path, &report)?;
    }
    let shown = match args.format {
        EvalFormat::Text => text::report(&report, terminal),
        EvalFormat::Json => json::document(&report)?,
        EvalFormat::Markdown => markdown::report(&report),
    };
    terminal.print(&shown)?;
    if !is_complete {
        let left = evaluation.runs() - report.results.len();
        let why = if is_spent { "the budget is spent" } else { "it was interrupted" };
        let more = if is_spent { " --max-cost USD" } else { "" };
        terminal.talk(&format!(
            "{left} of {} runs are left: {why}; go on with: agentflow eval --resume {}{more}",
            evaluation.runs(),
            record.id
        ));
    }
    Ok(code(&report, args, is_spent, &signals))
}

fn code(report: &EvalReport, args: &EvalArgs, is_spent: bool, signals: &Signals) -> u8 {
    if signals.came() && !report.complete {
        return signals.exit_code();
    }
    if is_spent {
        return exit::BUDGET;
    }
    if !report.complete {
        return exit::WAITING;
    }
    let is_worse = report.comparisons.iter().any(|comparison| comparison.verdict == Verdict::Worse);
    if report.is_below() || report.is_nothing_scored() || args.fail_on_regression && is_worse {
        return exit::RUN_FAILED;
    }
    exit::SUCCEEDED
}

fn save(path: &Path, report: &EvalReport) -> Result<()> {
    let text = json::document(report)?;
    std::fs::write(path, text)
        .map_err(|error| Error::new(ErrorKind::Invalid, format!("cannot write `{}`", path.display())).source(error))
}
