//! `agentflow agents`: who there is, what they cost, what runs have shown of them, and how they are steered.

pub mod args;
mod show;
mod steer;

use std::path::Path;

use serde::Serialize;

use crate::{
    app::{
        Settings, WorkflowSource,
        inputs::StandardInput,
        registry::{AgentCost, AgentReport, FiguresReport, Registry, Window},
    },
    cli::{args::ShowFormat, diagnostics, exit, json, numbers, run::block_on, table::table, terminal::Terminal},
    diagnostic::Severity,
    error::Result,
    model::AgentMode,
};

use args::{AgentsCommand, AgentsFindArgs};

/// A list of agents as JSON shows it.
#[derive(Serialize)]
struct ListReport<'a> {
    agents: Vec<&'a AgentReport>,
    measured_over: Window,
}

/// Lists the agents, shows one, finds some, or steers some.
pub(super) fn agents(command: &AgentsCommand, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let look = |workflow: Option<&Path>, show: &dyn Fn(&Registry) -> Result<()>| {
        let registry = read(workflow, settings)?;
        diagnostics::tell(terminal, &registry.diagnostics, &registry.sources);
        show(&registry)?;
        let failed = registry.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
        Ok(if failed { exit::USAGE } else { exit::SUCCEEDED })
    };
    let turn = |args, mode| steer::turn(args, mode, settings, terminal);
    match command {
        AgentsCommand::List(args) => look(args.workflow.as_deref(), &|registry| {
            list(registry.agents.iter().collect(), registry.window, args.format, terminal)
        }),
        AgentsCommand::Show(args) => look(args.workflow.as_deref(), &|registry| {
            let agent = registry.agent(&args.name)?;
            match args.format {
                ShowFormat::Json => terminal.print(&json::document(agent)?),
                ShowFormat::Text => terminal.print(&show::page(agent, &registry.window, terminal)),
            }
        }),
        AgentsCommand::Find(args) => look(args.workflow.as_deref(), &|registry| find(registry, args, terminal)),
        AgentsCommand::Status(args) => steer::status(args, settings, terminal),
        AgentsCommand::Pause(args) => turn(args, AgentMode::Paused),
        AgentsCommand::Resume(args) => turn(args, AgentMode::Active),
        AgentsCommand::Drain(args) => turn(args, AgentMode::Draining),
        AgentsCommand::Terminate(args) => turn(args, AgentMode::Terminated),
        AgentsCommand::Set(args) => steer::set(args, settings, terminal),
        AgentsCommand::Reset(args) => steer::reset(args, settings, terminal),
    }
}

fn read(workflow: Option<&Path>, settings: &Settings) -> Result<Registry> {
    let source = workflow.map(|path| WorkflowSource::read(path, &mut StandardInput::default())).transpose()?;
    block_on(Registry::read(source.as_ref(), settings))
}

fn find(registry: &Registry, args: &AgentsFindArgs, terminal: &Terminal) -> Result<()> {
    let wanted: Vec<&str> = args.capability.iter().map(String::as_str).collect();
    let fitting = registry.find(&wanted, None)?;
    let found = registry.find(&wanted, args.under_cost)?;
    list(found, registry.window, args.format, terminal)?;
    let unpriced = fitting.iter().filter(|agent| agent.cost.usd_per_1k().is_none()).count();
    if args.under_cost.is_some() && unpriced > 0 {
        terminal.note(&format!("{} without a known price left out", numbers::plural(unpriced as u64, "agent")));
    }
    Ok(())
}

fn list(agents: Vec<&AgentReport>, window: Window, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        let agents: Vec<AgentReport> = agents.into_iter().map(|agent| AgentReport { system: None, ..agent.clone() }).collect();
        return terminal.print(&json::document(&ListReport { agents: agents.iter().collect(), measured_over: window })?);
    }
    let rows = agents.into_iter().map(|agent| {
        vec![
            agent.name.clone(),
            model(agent),
            agent.state.as_str().to_owned(),
            cost(agent.cost),
            latency(&agent.measured),
            success(&agent.measured),
            agent.capabilities.join(", "),
            agent.description.clone().unwrap_or_default(),
        ]
    });
    let headings = ["AGENT", "MODEL", "STATE", "COST/1K", "LATENCY", "SUCCESS", "CAPABILITIES", "DESCRIPTION"];
    terminal.print(&table(terminal, &headings, rows.collect()))?;
    terminal.note(&measured_over(&window));
    Ok(())
}

/// The model that it speaks to, and whether somebody set it.
fn model(agent: &AgentReport) -> String {
    match (&agent.overrides.model, &agent.model) {
        (Some(set), _) => format!("{set} (set)"),
        (None, Some(written)) => written.to_string(),
        (None, None) => "-".to_owned(),
    }
}

/// What 1,000 tokens cost, read and written: `$0.0003 / $0.0020`.
fn cost(cost: AgentCost) -> String {
    match cost {
        AgentCost::Known { read_usd_per_1k, written_usd_per_1k, .. } => {
            format!("{} / {}", numbers::small_usd(read_usd_per_1k), numbers::small_usd(written_usd_per_1k))
        }
        AgentCost::Unpriced => "unpriced".to_owned(),
        AgentCost::Simulated => "simulated".to_owned(),
        AgentCost::NoModel => "-".to_owned(),
    }
}

/// `1.2s (14)`: the average, and of how many calls.
fn latency(measured: &FiguresReport) -> String {
    match measured.latency_ms {
        Some(ms) => format!("{} ({})", numbers::duration(std::time::Duration::from_millis(ms)), measured.calls),
        None => "-".to_owned(),
    }
}

/// `93% (14)`: the part, and of how many attempts.
fn success(measured: &FiguresReport) -> String {
    if measured.attempts == 0 {
        return "-".to_owned();
    }
    format!("{} ({})", part(measured), measured.attempts)
}

/// `93%`; a failure is never rounded away.
fn part(measured: &FiguresReport) -> String {
    format!("{:.0}%", (measured.success_rate.unwrap_or_default() * 100.0).floor())
}

/// What the figures rest on, in words.
fn measured_over(window: &Window) -> String {
    let bounds = format!("the newest {} of the last {} days", window.most_runs, window.most_days);
    let Some(since) = window.since else { return format!("no run was measured yet ({bounds} count)") };
    let runs = numbers::plural(window.runs as u64, "run");
    let rest = match window.not_counted {
        0 => String::new(),
        more => format!("; {more} more are damaged or have yet to be read"),
    };
    format!("measured over {runs} since {} ({bounds} count; simulated answers do not){rest}", numbers::moment(since))
}
