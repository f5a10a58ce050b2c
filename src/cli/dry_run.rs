//! `agentflow run --dry-run`: what would be run, in which order, by whom, and what it may cost.

use std::path::Path;

use crate::{
    app::{
        Settings,
        estimate::{Calls, Estimate, estimate},
        inputs::Gathered,
        providers,
    },
    cli::{
        args::OutputForm,
        exit, json,
        page::Page,
        table::table,
        terminal::{BOLD, DIM, Terminal},
    },
    error::Result,
    manifest::Manifest,
    plan::Plan,
};

/// Prints the plan on standard output and runs nothing.
pub(super) fn tell(
    plan: &Plan,
    gathered: &Gathered,
    manifest: Option<(&Path, &Manifest)>,
    settings: &Settings,
    output: OutputForm,
    terminal: &Terminal,
) -> Result<u8> {
    let prices = providers::Prices::new(manifest.map(|(_, manifest)| manifest));
    let estimate = estimate(plan, &gathered.values, &|model| prices.of(model));
    if output != OutputForm::Text {
        terminal.print(&json::document(&estimate)?)?;
        return Ok(exit::SUCCEEDED);
    }
    terminal.print(&text(&estimate, gathered, settings, terminal))?;
    Ok(exit::SUCCEEDED)
}

fn text(estimate: &Estimate, gathered: &Gathered, settings: &Settings, terminal: &Terminal) -> String {
    let rows = estimate.nodes.iter().enumerate().map(|(nth, node)| {
        let who = match (&node.agent, &node.model) {
            (Some(agent), Some(model)) => format!("{agent} · {model}"),
            (Some(agent), None) => format!("{agent} · no model"),
            (None, _) => node.tool.as_ref().map_or_else(|| node.kind.to_owned(), |tool| format!("{} {tool}", node.kind)),
        };
        let about: Vec<String> = node.notes.iter().cloned().chain(node.chosen_by.clone()).collect();
        vec![
            (nth + 1).to_string(),
            node.node.clone(),
            who,
            if node.calls.most == 0 { "-".to_owned() } else { range(&node.calls) },
            if node.after.is_empty() { "-".to_owned() } else { node.after.join(", ") },
            about.join("; "),
        ]
    });
    let mut page = Page::default();
    page.line(&terminal.paint_out(BOLD, &estimate.workflow));
    page.gap();
    page.block(&table(terminal, &["#", "NODE", "WHO", "CALLS", "AFTER", "ABOUT"], rows.collect()));
    page.gap();
    page.line(&format!("calls  {}  (least / expected / most)", range(&estimate.calls)));
    page.line(&format!("cost   {}", cost(estimate, settings)));
    if !gathered.missing.is_empty() {
        page.line(&format!("still needs the inputs {}", gathered.missing.join(", ")));
    }
    let assumed = "Expected: conditions hold, cases of a route are equally likely, lists of unknown length have 3 elements, loops end half-way, \
                   answers have 600 tokens, nothing fails.\nMost: every loop, repair turn and retry is used up.";
    page.gap();
    page.line(&terminal.paint_out(DIM, assumed));
    page.into_text()
}

/// `13 / 21 / 180`.
pub(super) fn range(calls: &Calls) -> String {
    format!("{} / {:.0} / {}", calls.least, calls.expected.ceil(), calls.most)
}

fn cost(estimate: &Estimate, settings: &Settings) -> String {
    if settings.mock.is_some() {
        return "nothing: answers are simulated".to_owned();
    }
    let costs = &estimate.cost_usd;
    let most = match costs.most {
        Some(most) => format!("${most:.2} (limits.max_cost_usd ends the run)"),
        None => "not bounded; set limits.max_cost_usd".to_owned(),
    };
    let known = format!("${:.4} / ${:.4} / {most}", costs.least, costs.expected);
    if estimate.unpriced.is_empty() {
        known
    } else if costs.expected > 0.0 {
        format!("{known}; without {}, whose price is not known", estimate.unpriced.join(", "))
    } else {
        format!("not known: {} has no price; set one under [providers.NAME.price]", estimate.unpriced.join(", "))
    }
}
