//! The command line: reads arguments, calls `app`, prints. The only room that writes to standard output and standard error.

pub mod agents;
mod approve;
pub mod args;
pub mod audit;
mod breakers;
mod cassette;
mod clean;
mod completions;
pub mod conversations;
mod diagnostics;
pub mod diff;
mod doctor;
mod dry_run;
pub mod eval;
mod explain;
mod failure;
mod fork;
mod graph;
mod init;
mod json;
mod lock;
mod man;
pub mod memory;
pub mod messages;
pub mod models;
mod numbers;
mod outputs;
mod page;
pub mod policy;
mod problem;
mod prompt;
mod ps;
mod questions;
pub mod report;
mod resume;
mod reuse;
mod run;
mod runs;
mod schema;
mod signals;
mod steer;
mod table;
mod terminal;
pub mod test;
pub mod tools;
mod ui;
mod validate;
pub mod values;
mod verify;
mod waits;
mod watch;
mod why;

use std::{
    ffi::OsString,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    thread,
};

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::{
    app::{MockOptions, Settings, exit, policy::PolicySettings},
    cli::terminal::Terminal,
    error::Result,
    memory::PDF_THREAD,
};

use args::{Cli, Command, ResumeArgs};
use memory::args::MemoryCommand;
use policy::args::PolicyCommand;
use tools::args::ToolsCommand;

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    install_panic_hook();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let code = panic::catch_unwind(AssertUnwindSafe(|| run(&arguments))).unwrap_or(exit::RUN_FAILED);
    ExitCode::from(code)
}

/// Parses `arguments`, the program's name first, and does what they say; returns the exit code.
fn run(arguments: &[OsString]) -> u8 {
    let command = Cli::command().color(help_color(arguments));
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(err) => {
            // Help and version go to standard output and are no error; a reader that has gone away is none either.
            drop(err.print());
            return if err.use_stderr() { exit::USAGE } else { exit::SUCCEEDED };
        }
    };
    let terminal = Terminal::new(&cli.global);
    start_log(cli.global.verbose, &terminal);
    match arm_crash_points().and_then(|()| dispatch(cli, &terminal)) {
        Ok(code) => code,
        Err(error) => {
            problem::tell(&terminal, &error);
            exit::of_error(&error)
        }
    }
}

fn dispatch(cli: Cli, terminal: &Terminal) -> Result<u8> {
    let settings = Settings { on_transfer: Some(models::bar(terminal)), ..settings(&cli) };
    let verbose = cli.global.verbose > 0;
    match cli.command {
        Command::Run(args) => run::run(&args, &settings, verbose, terminal),
        Command::Resume(args) => resume::resume(&args, &settings, verbose, terminal),
        Command::Pause(args) => run::block_on(steer::pause(&args, &settings, terminal)),
        Command::Cancel(args) => run::block_on(steer::cancel(&args, &settings, terminal)),
        Command::Approve(args) => {
            let (code, goes_on) = run::block_on(approve::approve(&args, &settings, terminal))?;
            match goes_on {
                Some(run) => resume::resume(&ResumeArgs::of(run, args.policy), &settings, verbose, terminal),
                None => Ok(code),
            }
        }
        Command::Fork(args) => fork::fork(&args, &settings, verbose, terminal),
        Command::Why(args) => run::block_on(why::why(&args, &settings, terminal)),
        Command::Diff(args) => run::block_on(diff::diff(&args, &settings, terminal)),
        Command::Eval(args) => eval::eval(&args, &settings, terminal),
        Command::Validate(args) => validate::validate(&args, &settings, terminal),
        Command::Test(args) => test::test(&args, &settings, terminal),
        Command::Lock(args) => lock::lock(&args, &settings, terminal),
        Command::Graph(args) => graph::graph(&args, &settings, terminal),
        Command::Agents(command) => agents::agents(&command, &settings, terminal),
        Command::Runs(command) => run::block_on(runs::runs(&command, &settings, terminal)),
        Command::Ps(args) => run::block_on(ps::ps(&args, &settings, terminal)),
        Command::Tools(command) => tools::tools(&command, &settings, verbose, terminal),
        Command::Conversations(command) => run::block_on(conversations::conversations(&command, &settings, terminal)),
        Command::Messages(command) => run::block_on(messages::messages(&command, &settings, terminal)),
        Command::Memory(command) => run::block_on(memory::memory(&command, &settings, terminal)),
        Command::Models(command) => models::models(&command, terminal),
        Command::Policy(command) => policy::policy(&command, &settings, terminal),
        Command::Audit(command) => run::block_on(audit::audit(&command, &settings, terminal)),
        Command::Schema(args) => schema::schema(&args, terminal),
        Command::Explain(args) => explain::explain(&args, terminal),
        Command::Init(args) => init::init(&args, terminal),
        Command::Doctor(args) => run::block_on(doctor::doctor(&args, &settings, terminal)),
        Command::Completions(args) => completions::completions(&args, terminal),
        Command::Man(args) => man::man(&args, terminal),
    }
}

/// What the options say about how to work.
fn settings(cli: &Cli) -> Settings {
    let mut settings = Settings { manifest: cli.global.manifest.clone(), store: cli.global.store.clone(), ..Settings::default() };
    if let Command::Run(args) = &cli.command {
        settings.mock = args.mock.then(|| MockOptions {
            latency_ms: args.mock_latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            seed: args.mock_seed,
        });
        settings.cassette = args.cassette.choice();
        settings.models = args.model.iter().map(|arg| (arg.agent.to_string(), arg.model.clone())).collect();
    }
    if let Command::Eval(args) = &cli.command {
        settings.mock = args.mock.then(|| MockOptions {
            latency_ms: args.mock_latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            seed: args.mock_seed,
        });
    }
    settings.policy = policy_settings(&cli.command);
    settings
}

/// What the options say about the policy. Those of commands that call no tools say nothing.
fn policy_settings(command: &Command) -> PolicySettings {
    let args = match command {
        Command::Run(args) => &args.policy,
        Command::Resume(args) => &args.policy,
        Command::Approve(args) => &args.policy,
        Command::Fork(args) => &args.policy,
        Command::Eval(args) => &args.policy,
        Command::Validate(args) => &args.policy,
        Command::Lock(args) => &args.policy,
        Command::Tools(ToolsCommand::List(args)) => &args.policy,
        Command::Tools(ToolsCommand::Show(args)) => &args.policy,
        Command::Tools(ToolsCommand::Call(args)) => &args.policy,
        Command::Tools(ToolsCommand::Trust(args)) => &args.policy,
        Command::Memory(MemoryCommand::Add(args)) => &args.policy,
        Command::Policy(PolicyCommand::Show(args)) => &args.policy,
        Command::Policy(PolicyCommand::Check(args)) => &args.policy,
        Command::Policy(PolicyCommand::Init(args)) => {
            return PolicySettings { file: args.policy.clone(), ..PolicySettings::default() };
        }
        Command::Pause(_)
        | Command::Cancel(_)
        | Command::Why(_)
        | Command::Diff(_)
        | Command::Graph(_)
        | Command::Agents(_)
        | Command::Runs(_)
        | Command::Ps(_)
        | Command::Messages(_)
        | Command::Conversations(_)
        | Command::Memory(_)
        | Command::Models(_)
        | Command::Audit(_)
        | Command::Schema(_)
        | Command::Test(_)
        | Command::Explain(_)
        | Command::Init(_)
        | Command::Doctor(_)
        | Command::Completions(_)
        | Command::Man(_) => return PolicySettings::default(),
    };
    args.to_settings()
}

/// `--color` as far as it matters for help and usage errors, which are printed before there are any options.
fn help_color(arguments: &[OsString]) -> clap::ColorChoice {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    let has = |when: &str| {
        words.contains(&format!("--color={when}").as_str()) || words.windows(2).any(|pair| pair == ["--color", when])
    };
    if has("never") {
        clap::ColorChoice::Never
    } else if has("always") {
        clap::ColorChoice::Always
    } else {
        clap::ColorChoice::Auto
    }
}

/// For tests: `AGENTFLOW_CRASH=POINT:N` kills this process at a point, `AGENTFLOW_CRASH_TRACE=FILE` writes down which are passed.
/// Only debug builds have such points.
fn arm_crash_points() -> Result<()> {
    #[cfg(debug_assertions)]
    {
        let death = std::env::var_os("AGENTFLOW_CRASH");
        let trace = std::env::var_os("AGENTFLOW_CRASH_TRACE").map(std::path::PathBuf::from);
        if death.is_some() || trace.is_some() {
            let death = death.map(|death| death.to_string_lossy().into_owned());
            crate::crash::arm(death.as_deref(), trace.as_deref())?;
        }
    }
    Ok(())
}

/// With `-v`, writes what the library logs to standard error. Without it, nothing is set up.
fn start_log(verbose: u8, terminal: &Terminal) {
    let filter = match verbose {
        0 => return,
        1 => "agentflow=info,warn",
        2 => "agentflow=debug,info",
        _ => "trace",
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(terminal.err.color)
        // A line that cannot be written would be told to the same place, which panics when it cannot be told there.
        .log_internal_errors(false);
    // A second subscriber in one process (tests of the library) is no reason to fail.
    drop(subscriber.try_init());
}

/// A panic is a defect: it is told in one sentence, and the exit code is that of a failed run. One of the reader of PDFs is that of a
/// damaged file, and told as an error.
fn install_panic_hook() {
    panic::set_hook(Box::new(|info| {
        if thread::current().name() == Some(PDF_THREAD) {
            return;
        }
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
        let text = format!(
            "error: this is a defect of agentflow: {}{place}\n\nhint: what was recorded is safe; please report what you did and this message\n",
            clean::one_line(&message)
        );
        drop(std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()));
    }));
}
