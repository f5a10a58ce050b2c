//! The result of an eval as tables.

use std::{fmt::Write as _, time::Duration};

use crate::{
    cli::{
        clean,
        numbers::{count, duration, plural},
        page::Page,
        table::table,
        terminal::{BOLD, DIM, RED, Terminal, YELLOW},
    },
    eval::{EvalReport, RowResult, ScorerReport, VariantReport},
};

use super::numbers;

/// How many of the worst rows of a variant are shown.
const WORST: usize = 5;

/// The whole page.
pub(super) fn report(report: &EvalReport, terminal: &Terminal) -> String {
    let mut page = Page::default();
    page.line(&heading(report, terminal));
    page.gap();
    page.block(&scores(report, terminal));
    page.gap();
    page.block(&costs(report, terminal));
    if !report.comparisons.is_empty() {
        page.gap();
        page.block(&comparisons(report, terminal));
    }
    let worst = worst(report);
    if !worst.is_empty() {
        page.gap();
        page.block(&table(terminal, &["WORST ROWS", "VARIANT", "RUN", "WHY"], worst));
        page.line(&terminal.paint_out(DIM, "look at one with: agentflow runs show RUN"));
    }
    page.into_text()
}

fn heading(report: &EvalReport, terminal: &Terminal) -> String {
    let mut line = terminal.paint_out(BOLD, &clean::one_line(&report.name));
    let repeats = if report.repeats > 1 { format!(", {} each", plural(u64::from(report.repeats), "run")) } else { String::new() };
    write!(line, "  {}{repeats}", plural(report.rows as u64, "row")).expect("writing to a string cannot fail");
    if report.simulated {
        write!(line, "  {}", terminal.paint_out(YELLOW, "SIMULATED")).expect("writing to a string cannot fail");
    }
    if !report.complete {
        write!(line, "  {}", terminal.paint_out(RED, "INCOMPLETE")).expect("writing to a string cannot fail");
    }
    line
}

fn scores(report: &EvalReport, terminal: &Terminal) -> String {
    let rows = report.variants.iter().flat_map(|variant| variant.scorers.iter().map(|scorer| score(variant, scorer)));
    table(terminal, &["VARIANT", "SCORER", "MEAN (95 %)", "PASSED (95 %)", "ROWS", "NOT SCORED", ""], rows.collect())
}

fn score(variant: &VariantReport, scorer: &ScorerReport) -> Vec<String> {
    vec![
        variant.name.clone(),
        scorer.name.clone(),
        numbers::with_interval(scorer.mean, scorer.mean_interval),
        numbers::rate(scorer.pass_rate, scorer.pass_interval),
        variant.rows.to_string(),
        scorer.failed.to_string(),
        scorer.fail_under.filter(|_| scorer.is_below()).map(|limit| format!("below {limit}")).unwrap_or_default(),
    ]
}

fn costs(report: &EvalReport, terminal: &Terminal) -> String {
    let rows = report.variants.iter().map(|variant| {
        let time = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| duration(Duration::from_millis(ms)));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of counts")]
        let tokens = variant.tokens_per_run.map_or_else(|| "-".to_owned(), |tokens| count(tokens.round() as u64));
        let (each, all) = numbers::cost(variant);
        vec![
            variant.name.clone(),
            variant.runs.to_string(),
            variant.failed_runs.to_string(),
            each,
            tokens,
            time(variant.latency.p50_ms),
            time(variant.latency.p95_ms),
            all,
        ]
    });
    table(terminal, &["VARIANT", "RUNS", "FAILED", "COST/RUN", "TOKENS/RUN", "P50", "P95", "ALL, WITH JUDGES"], rows.collect())
}

fn comparisons(report: &EvalReport, terminal: &Terminal) -> String {
    let rows = report.comparisons.iter().map(|comparison| {
        let unpaired = match comparison.unpaired {
            0 => String::new(),
            unpaired => format!(" ({unpaired} not in both)"),
        };
        vec![
            comparison.scorer.clone(),
            format!("{} against {}", comparison.to, comparison.from),
            super::markdown::difference(comparison),
            format!("{:.3}", comparison.p_value),
            format!("{}{unpaired}", comparison.rows),
            comparison.verdict.as_str().to_owned(),
        ]
    });
    table(terminal, &["SCORER", "COMPARED", "DIFFERENCE (95 %)", "P", "ROWS", "VERDICT"], rows.collect())
}

fn worst(report: &EvalReport) -> Vec<Vec<String>> {
    let rows = report.variants.iter().flat_map(|variant| report.worst(&variant.name, WORST));
    rows.map(|result| vec![result.row.clone(), result.variant.clone(), result.run.to_string(), why(result)]).collect()
}

/// Why a row did not pass, on a line.
pub(super) fn why(result: &RowResult) -> String {
    if let Some(error) = &result.error {
        return clean::short(&format!("{}: {error}", result.status), 100);
    }
    let missed = result.scores.iter().filter(|(_, score)| !score.passed).map(|(name, score)| {
        let reason = score.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{name} {}{reason}", numbers::score(score.score))
    });
    clean::short(&missed.collect::<Vec<_>>().join("; "), 100)
}
