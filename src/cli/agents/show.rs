//! One agent, to read.

use std::time::Duration;

use super::{cost, measured_over, part};
use crate::{
    app::registry::{AgentCost, AgentReport, FiguresReport, Window},
    cli::{
        clean, numbers,
        page::Page,
        terminal::{BOLD, DIM, Terminal},
    },
};

/// All that is known of the agent.
pub(super) fn page(agent: &AgentReport, window: &Window, terminal: &Terminal) -> String {
    let mut page = Page::default();
    page.line(&terminal.paint_out(BOLD, &clean::one_line(&agent.name)));
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            page.line(&format!("  {name:<15}{}", clean::block(&value)));
        }
    };
    row("description", agent.description.clone());
    row("capabilities", Some(agent.capabilities.join(", ")));
    row("state", Some(agent.state.as_str().to_owned()));
    row("set to", Some(agent.overrides.to_string()));
    row("model", Some(agent.model.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)));
    row("fallback", Some(agent.fallback.iter().map(|model| model.model.to_string()).collect::<Vec<_>>().join(", ")));
    row("cost", cost_in_words(agent.cost));
    row("calls", calls(&agent.measured));
    row("success", attempts(&agent.measured));
    for (model, figures) in &agent.measured_by_model {
        let figures: Vec<String> = [calls(figures), attempts(figures)].into_iter().flatten().collect();
        row(&format!("  {}", clean::one_line(model)), Some(figures.join("; ")));
    }
    row("simulated", calls(&agent.simulated));
    row("temperature", agent.temperature.map(|value| value.to_string()));
    row("max_tokens", agent.max_tokens.map(|value| value.to_string()));
    row("max_turns", agent.max_turns.map(|value| value.to_string()));
    row("tools", Some(agent.tools.join(", ")));
    row(
        "permissions",
        agent.permissions.as_ref().map(|asked| if asked.is_empty() { "none".to_owned() } else { asked.join(", ") }),
    );
    row("timeout", agent.timeout_ms.map(|ms| numbers::duration(Duration::from_millis(ms))));
    row("max_concurrent", agent.max_concurrent.map(|value| value.to_string()));
    row("defined at", Some(agent.defined_at.clone()));
    row("in place of", agent.hides.clone());
    page.line(&terminal.paint_out(DIM, &format!("  {}", measured_over(window))));
    if !agent.history.is_empty() {
        page.gap();
        page.line(&terminal.paint_out(BOLD, "changes"));
        for entry in &agent.history {
            let (change, by) = (clean::one_line(&entry.change), clean::one_line(&entry.by));
            page.line(&format!("  {}  {change}, by {by}", numbers::moment(entry.at)));
        }
    }
    if let Some(system) = &agent.system {
        page.gap();
        page.line(&terminal.paint_out(BOLD, "system prompt"));
        for line in clean::block(system).trim_end().lines() {
            page.line(&format!("  {line}"));
        }
    }
    page.into_text()
}

fn cost_in_words(of: AgentCost) -> Option<String> {
    match of {
        AgentCost::Known { usd_per_1k, .. } => {
            Some(format!("{} for 1,000 tokens read / written ({} mixed)", cost(of), numbers::small_usd(usd_per_1k)))
        }
        AgentCost::Unpriced | AgentCost::Simulated => Some(cost(of)),
        AgentCost::NoModel => None,
    }
}

fn calls(figures: &FiguresReport) -> Option<String> {
    let latency = numbers::duration(Duration::from_millis(figures.latency_ms?));
    Some(format!("{}, {latency} on average", numbers::plural(figures.calls, "call")))
}

fn attempts(figures: &FiguresReport) -> Option<String> {
    figures.success_rate?;
    Some(format!("{} of {}", part(figures), numbers::plural(figures.attempts, "attempt")))
}
