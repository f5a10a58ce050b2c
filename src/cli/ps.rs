//! `agentflow ps`: the runs that have not ended.

use std::sync::Arc;

use crate::{
    app::{
        self, Settings,
        live::{LOOKED_AT, LiveRun, LiveRuns, live},
    },
    cli::{
        args::{PsArgs, ShowFormat},
        exit, json, numbers,
        table::table,
        terminal::Terminal,
    },
    error::Result,
    model::Spend,
    store::Store,
};

/// How many nodes of a run are named.
const NAMED: usize = 3;

/// Lists the runs.
pub(super) async fn ps(args: &PsArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let store: Option<Arc<dyn Store>> = app::open_existing_store(settings).await?;
    let found = match &store {
        Some(store) => live(store, args.all).await?,
        None => LiveRuns::default(),
    };
    if args.format == ShowFormat::Json {
        terminal.print(&json::document(&found)?)?;
        return Ok(exit::SUCCEEDED);
    }
    if found.runs.is_empty() {
        terminal.note("no run is under way");
    } else {
        let headings = ["RUN", "WORKFLOW", "STATE", "SINCE", "PROCESS", "COST", "NODES"];
        terminal.print(&table(terminal, &headings, found.runs.iter().map(row).collect()))?;
    }
    for run in &found.damaged {
        terminal.note(&format!("the log of run {run} is damaged; `agentflow runs verify {run}` tells more"));
    }
    if found.older > 0 {
        terminal.note(&format!("only the newest {LOOKED_AT} runs were looked at; there are {} older ones", found.older));
    }
    Ok(exit::SUCCEEDED)
}

/// `running`, or `running (writer paused)`.
fn state(run: &LiveRun) -> String {
    if run.held_agents.is_empty() {
        return run.state.to_owned();
    }
    let held: Vec<_> = run.held_agents.iter().map(|(agent, mode)| format!("{agent} {}", mode.as_str())).collect();
    format!("{} ({})", run.state, held.join(", "))
}

fn row(run: &LiveRun) -> Vec<String> {
    let mut nodes: Vec<String> = run.nodes.iter().take(NAMED).map(ToString::to_string).collect();
    if run.nodes.len() > NAMED {
        nodes.push(format!("{} more", run.nodes.len() - NAMED));
    }
    vec![
        run.id.to_string(),
        run.workflow.clone(),
        state(run),
        numbers::moment(run.since),
        format!("{} {}", run.owner.process, run.holder.as_str()),
        Spend::from(run.spend).to_string(),
        nodes.join(", "),
    ]
}
