//! `agentflow why`: why the agents of a node were asked, or were not.

use crate::{
    app::{
        self, Settings, runs,
        why::{self, Answer, Explanation, Reason, Reasons},
    },
    cli::{
        args::{ShowFormat, WhyArgs},
        clean, exit, json,
        table::table,
        terminal::Terminal,
    },
    error::{Error, ErrorKind, Result},
};

/// Explains a node of a run.
pub(super) async fn why(args: &WhyArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let store = app::open_existing_store(settings)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no run yet").hint("`--store URL` names another store"))?;
    let run = runs::find(&store, &args.run).await?;
    let against = why::find_other(&store, args.against.as_deref()).await?;
    let explanation = why::explain(&store, run, &args.node, against).await?;
    match args.format {
        ShowFormat::Json => terminal.print(&json::document(&explanation)?)?,
        ShowFormat::Text => show(&explanation, terminal)?,
    }
    Ok(exit::SUCCEEDED)
}

fn show(explanation: &Explanation, terminal: &Terminal) -> Result<()> {
    match explanation.against {
        Some(against) => terminal.note(&format!("run {} against run {against}", explanation.id)),
        None => terminal.note(&format!("run {}; there is no earlier run of the workflow", explanation.id)),
    }
    let rows = explanation.nodes.iter().map(row).collect();
    terminal.print(&table(terminal, &["NODE", "ANSWER", "WHY"], rows))
}

fn row(reasons: &Reasons) -> Vec<String> {
    let (answer, why) = match &reasons.answer {
        Answer::Reused { node, .. } if *node == reasons.node => ("reused", "everything it rests on is the same".to_owned()),
        Answer::Reused { node, .. } => ("reused", format!("everything it rests on is the same as in `{node}`")),
        Answer::Asked => ("asked", reasons.reasons.iter().map(told).collect::<Vec<_>>().join("; ")),
        Answer::NotAsked { why } => ("none", why.clone()),
    };
    vec![reasons.node.to_string(), answer.to_owned(), clean::one_line(&why)]
}

/// A reason in words.
fn told(reason: &Reason) -> String {
    let with = |what: &str, details: &[String]| match details {
        [] => what.to_owned(),
        details => format!("{what}: {}", details.join(", ")),
    };
    match reason {
        Reason::Nothing { there } => format!("nothing to take: {there}"),
        Reason::Invalidated => "it was to be asked anew".to_owned(),
        Reason::Definition { parts } => with("its definition changed", parts),
        Reason::Input { causes } => with("its rendered input changed", causes),
        Reason::Model { before, now } => format!("the model changed: {before} → {now}"),
        Reason::Same { note } => format!("nothing changed: {note}"),
    }
}
