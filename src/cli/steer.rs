//! `agentflow pause` and `agentflow cancel`, and how it is told that people steer a run.

use std::sync::Arc;

use crate::{
    app::{
        self, Settings, runs,
        steer::{self, Cancelled, Steered, TakenUp},
    },
    cli::{args::SteerRunArgs, clean, exit, terminal::Terminal},
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, RunId},
    store::Store,
};

/// Asks the process that holds the run to pause it.
pub(super) async fn pause(args: &SteerRunArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let (store, run) = find(&args.run, settings).await?;
    let already = if steer::pause(&store, run).await? { "" } else { " already" };
    terminal.note(&format!(
        "run {run} is to pause{already}: it begins nothing, and its process ends when what is in flight has ended"
    ));
    terminal.note(&format!("go on with: agentflow resume {run}"));
    Ok(exit::SUCCEEDED)
}

/// Cancels the run, or asks the process that holds it to.
pub(super) async fn cancel(args: &SteerRunArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let (store, run) = find(&args.run, settings).await?;
    match steer::cancel(&store, run).await? {
        Cancelled::Ended => terminal.note(&format!("run {run} is cancelled")),
        Cancelled::Asked(owner) => terminal.note(&format!("run {run} is to be cancelled: {owner} ends what is in flight")),
    }
    Ok(exit::SUCCEEDED)
}

/// Has the process that holds a paused run go on with it, if one still does; the exit code when that is all there is to do.
pub(super) async fn go_on(name: &str, settings: &Settings, terminal: &Terminal) -> Result<Option<u8>> {
    let Some(store) = app::open_existing_store(settings).await? else { return Ok(None) };
    let run = runs::find(&store, name).await?;
    if !steer::go_on(&store, run).await? {
        return Ok(None);
    }
    match steer::taken_up(&store, run).await? {
        TakenUp::ByHolder(owner) => {
            terminal.note(&format!("run {run} goes on in {owner}; watch it with: agentflow runs watch {run}"));
            Ok(Some(exit::SUCCEEDED))
        }
        TakenUp::ByNobody => Ok(None),
    }
}

async fn find(name: &str, settings: &Settings) -> Result<(Arc<dyn Store>, RunId)> {
    let unknown = || {
        Error::new(ErrorKind::NotFound, format!("there is no run `{}`", name.escape_default()))
            .hint("`--store URL` names another store")
    };
    let store = app::open_existing_store(settings).await?.ok_or_else(unknown)?;
    let run = runs::find(&store, name).await?;
    Ok((store, run))
}

/// What an event by which people steer a run tells, in a line.
pub(super) fn line(event: &Event) -> Option<String> {
    if let Some((agent, mode, by)) = event.body.agent_mode() {
        return Some(format!("agent {agent} is {} (by {})", mode.as_str(), clean::one_line(by)));
    }
    match &event.body {
        EventBody::RunPaused { by } => {
            Some(format!("the run is paused (by {}); what is in flight goes to its end", clean::one_line(by)))
        }
        EventBody::RunContinued { by } => Some(format!("the run goes on (by {})", clean::one_line(by))),
        EventBody::RunCancelRequested { by } => Some(format!("the run is cancelled (by {})", clean::one_line(by))),
        EventBody::AgentChanged { agent, overrides, refused, by } => {
            let how =
                if overrides.is_empty() { "is as its author wrote it".to_owned() } else { format!("is set to {overrides}") };
            let refused = refused.as_ref().map(|why| format!("; not taken over: {}", clean::one_line(why))).unwrap_or_default();
            Some(format!("agent {agent} {how} (by {}){refused}", clean::one_line(by)))
        }
        _ => None,
    }
}

/// Why a run stands still that somebody paused, or that waits for agents, and how it goes on.
pub(super) fn standstill(run: RunId, steered: &Steered, suffix: &str) -> Option<String> {
    if steered.paused_by.is_some() {
        return Some(format!("run {run} is paused; go on with: agentflow resume {run}{suffix}"));
    }
    let agents: Vec<_> = steered.holding().collect();
    let names: Vec<_> = agents.iter().map(|(agent, _)| *agent).collect();
    let told: Vec<_> = agents.iter().map(|(agent, mode)| format!("agent {agent}, which is {}", mode.as_str())).collect();
    let all = names.join(" ");
    (!names.is_empty()).then(|| {
        format!(
            "run {run} waits for {}; let it go on with: agentflow agents resume {all}, then: agentflow resume {run}{suffix}",
            told.join(", and for ")
        )
    })
}
