//! Two runs side by side.

use std::time::Duration;

use crate::{
    app::{
        self, Settings,
        compare::{self, Comparison, NodeComparison, NodeSide, ValueDifference},
        runs::{self, RunSummary},
    },
    cli::{
        clean,
        diff::args::{DiffArgs, DiffFormat},
        exit, json, numbers,
        page::Page,
        table::table,
        terminal::{BOLD, GREEN, RED, Terminal},
    },
    engine::read_run,
    error::{Error, ErrorKind, Result},
    model::Spend,
};

/// Compares two runs; the exit code tells whether they differ only when it is asked to.
pub(super) async fn diff(one: &str, other: &str, args: &DiffArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let store = app::open_existing_store(settings)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no run yet").hint("`--store URL` names another store"))?;
    let one = read_run(&store, runs::find(&store, one).await?).await?;
    let other = read_run(&store, runs::find(&store, other).await?).await?;
    let comparison = compare::compare(&one, &other)?;
    match args.format {
        DiffFormat::Json => terminal.print(&json::document(&comparison)?)?,
        DiffFormat::Text | DiffFormat::Markdown => terminal.print(&text(&comparison, terminal))?,
    }
    Ok(if args.exit_code && !comparison.same { exit::RUN_FAILED } else { exit::SUCCEEDED })
}

fn text(comparison: &Comparison, terminal: &Terminal) -> String {
    let mut page = Page::default();
    let totals = [("-", &comparison.one), ("+", &comparison.other)];
    page.block(&table(
        terminal,
        &["", "RUN", "WORKFLOW", "STATUS", "TIME", "CALLS", "TOKENS", "COST"],
        totals.iter().map(|(mark, run)| total(mark, run)).collect(),
    ));
    page.gap();
    page.block(&table(
        terminal,
        &["NODE", "STATUS", "TIME", "TOKENS", "COST", "DIFFERS"],
        comparison.nodes.iter().map(row).collect(),
    ));
    for node in comparison.nodes.iter().filter(|node| !node.difference.is_empty()) {
        values(&mut page, &format!("output of {}", node.node), &node.difference, terminal);
    }
    for (what, differing) in [("input", &comparison.inputs), ("output of the run,", &comparison.outputs)] {
        for ValueDifference { name, difference, .. } in differing {
            values(&mut page, &format!("{what} {}", clean::one_line(name)), difference, terminal);
        }
    }
    if comparison.same {
        page.gap();
        page.line("the runs went the same way and gave the same");
    }
    page.into_text()
}

fn total(mark: &str, run: &RunSummary) -> Vec<String> {
    let spend = Spend::from(run.spend);
    vec![
        mark.to_owned(),
        run.id.to_string(),
        run.workflow.clone(),
        run.status.to_owned(),
        time(run.duration_ms),
        spend.calls.to_string(),
        numbers::count(spend.tokens()),
        spend.to_string(),
    ]
}

/// A value of both runs, once where it is the same.
fn row(node: &NodeComparison) -> Vec<String> {
    let pair = |of: &dyn Fn(&NodeSide) -> String| {
        let side = |side: &Option<NodeSide>| side.as_ref().map_or_else(|| "-".to_owned(), of);
        let (one, other) = (side(&node.one), side(&node.other));
        if one == other { one } else { format!("{one} → {other}") }
    };
    let route = |side: &Option<NodeSide>| side.as_ref().and_then(|side| side.routed_to.clone());
    let mut differs = Vec::new();
    match (&node.one, &node.other) {
        (Some(_), None) => differs.push("only in the first run".to_owned()),
        (None, Some(_)) => differs.push("only in the second run".to_owned()),
        (Some(one), Some(other)) if one.status != other.status => differs.push("status".to_owned()),
        _ => {}
    }
    if let (Some(one), Some(other)) = (route(&node.one), route(&node.other))
        && one != other
    {
        differs.push(format!("route: {} → {}", one.join(", "), other.join(", ")));
    }
    if !node.difference.is_empty() {
        differs.push("output".to_owned());
    }
    vec![
        node.node.to_string(),
        pair(&|side| if side.reused { "reused".to_owned() } else { side.status.to_owned() }),
        pair(&|side| time(side.duration_ms)),
        pair(&|side| spent(side, &|spend| numbers::count(spend.tokens()))),
        pair(&|side| spent(side, &|spend| spend.to_string())),
        differs.join("; "),
    ]
}

fn spent(side: &NodeSide, of: &dyn Fn(&Spend) -> String) -> String {
    let spend = Spend::from(side.spend);
    if spend.calls == 0 { "-".to_owned() } else { of(&spend) }
}

fn time(milliseconds: u64) -> String {
    numbers::duration(Duration::from_millis(milliseconds))
}

fn values(page: &mut Page, title: &str, difference: &[String], terminal: &Terminal) {
    page.gap();
    page.line(&terminal.paint_out(BOLD, title));
    for line in difference {
        let style = if line.starts_with('-') { RED } else { GREEN };
        page.line(&format!("  {}", terminal.paint_out(style, &clean::one_line(line))));
    }
}
