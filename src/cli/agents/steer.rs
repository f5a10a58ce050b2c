//! `agentflow agents pause`, `resume`, `drain`, `terminate`, `set`, `reset` and `status`: steer agents while runs go on.

use std::path::Path;

use super::args::{AgentsResetArgs, AgentsSetArgs, AgentsStatusArgs, AgentsSteerArgs};
use crate::{
    agent::{AgentChange, AgentControl},
    app::{
        Settings, WorkflowSource,
        inputs::StandardInput,
        steer::{AgentStatus, Steerable, setting},
    },
    cli::{args::ShowFormat, clean, exit, json, numbers, run::block_on, table::table, terminal::Terminal},
    error::Result,
    model::{AgentMode, AgentName},
};

/// Lets agents be asked, or not.
pub(super) fn turn(args: &AgentsSteerArgs, mode: AgentMode, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    block_on(async {
        let steerable = read(args.workflow.as_deref(), settings).await?;
        // All names are looked up before anything is changed.
        let agents: Vec<AgentName> = args.names.iter().map(|name| steerable.agent(name)).collect::<Result<_>>()?;
        for agent in agents {
            let (_, is_new) = steerable.change(&agent, &AgentChange::To(mode)).await?;
            let already = if is_new { "" } else { " already" };
            terminal.note(&format!("agent {agent} is {}{already}: {}", mode.as_str(), meaning(mode)));
        }
        Ok(exit::SUCCEEDED)
    })
}

/// What follows from a mode.
fn meaning(mode: AgentMode) -> &'static str {
    match mode {
        AgentMode::Active => "its nodes go on",
        AgentMode::Paused => "it takes no further step in any run until it is resumed",
        AgentMode::Draining => "it goes on with what it has begun, and begins nothing",
        AgentMode::Terminated => "nodes that ask it fail",
    }
}

/// Sets an agent.
pub(super) fn set(args: &AgentsSetArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    block_on(async {
        let steerable = read(args.workflow.as_deref(), settings).await?;
        let agent = steerable.agent(&args.name)?;
        let words: Vec<_> = args.settings.iter().map(|arg| (arg.name.clone(), arg.value.clone())).collect();
        let overrides = steerable.overrides(&words)?;
        let (control, is_new) = steerable.change(&agent, &AgentChange::Set(overrides)).await?;
        tell_set(&agent, &control, is_new, terminal);
        Ok(exit::SUCCEEDED)
    })
}

/// Takes back what an agent was set to.
pub(super) fn reset(args: &AgentsResetArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let key = args.key.as_deref().map(setting).transpose()?;
    block_on(async {
        let steerable = read(args.workflow.as_deref(), settings).await?;
        let agent = steerable.agent(&args.name)?;
        let (control, is_new) = steerable.change(&agent, &AgentChange::Reset(key)).await?;
        tell_set(&agent, &control, is_new, terminal);
        Ok(exit::SUCCEEDED)
    })
}

fn tell_set(agent: &AgentName, control: &AgentControl, is_new: bool, terminal: &Terminal) {
    let (already, from) = if is_new { ("", "; it holds from its next step on") } else { (" already", "") };
    let how = match control.overrides.to_string() {
        text if text.is_empty() => "is as its author wrote it".to_owned(),
        text => format!("is set to {text}"),
    };
    terminal.note(&format!("agent {agent} {how}{already}{from}"));
}

/// Shows how the agents stand.
pub(super) fn status(args: &AgentsStatusArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    block_on(async {
        let all = read(args.workflow.as_deref(), settings).await?.status().await?;
        if args.format == ShowFormat::Json {
            terminal.print(&json::document(&all)?)?;
            return Ok(exit::SUCCEEDED);
        }
        let headings = ["AGENT", "STATE", "UNDER WAY", "SET TO", "LAST CHANGE"];
        terminal.print(&table(terminal, &headings, all.iter().map(row).collect()))?;
        Ok(exit::SUCCEEDED)
    })
}

fn row(status: &AgentStatus) -> Vec<String> {
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let changed = status
        .changed
        .as_ref()
        .map(|last| format!("{}, {}, by {}", numbers::moment(last.at), clean::one_line(&last.change), clean::one_line(&last.by)));
    vec![
        status.name.clone(),
        status.state.as_str().to_owned(),
        status.under_way.to_string(),
        or_none(status.overrides.to_string()),
        or_none(changed.unwrap_or_default()),
    ]
}

async fn read(workflow: Option<&Path>, settings: &Settings) -> Result<Steerable> {
    let source = workflow.map(|path| WorkflowSource::read(path, &mut StandardInput::default())).transpose()?;
    Steerable::read(source.as_ref(), settings).await
}
