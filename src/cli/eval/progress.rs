//! A line for each row that was scored.

use std::time::Duration;

use crate::{
    cli::{
        clean, numbers,
        terminal::{RED, Terminal},
    },
    eval::Progress,
    model::Spend,
};

/// Tells of a row; what was found in the store is counted only.
pub(super) fn tell(progress: Progress<'_>, terminal: &Terminal) {
    let Progress { result, done, all, is_recorded } = progress;
    if is_recorded {
        return;
    }
    let scores =
        result.scores.iter().map(|(name, score)| format!("{} {}", clean::one_line(name), super::numbers::score(score.score)));
    let status = match result.status.as_str() {
        "succeeded" => String::new(),
        status => format!("  {}", terminal.paint_err(RED, status)),
    };
    let time = result.duration_ms.map(|ms| format!("  {}", numbers::duration(Duration::from_millis(ms)))).unwrap_or_default();
    let mut spend = Spend::from(result.spend);
    spend += result.judge_spend.into();
    terminal.note(&format!(
        "{done}/{all}  {} {}{status}  {}{time}  {spend}",
        clean::one_line(&result.row),
        clean::one_line(&result.variant),
        scores.collect::<Vec<_>>().join("  "),
    ));
}
