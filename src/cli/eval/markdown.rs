//! The result of an eval as Markdown, for a pull request.

use std::time::Duration;

use crate::{
    cli::{
        clean,
        numbers::{duration, plural},
    },
    eval::{Comparison, EvalReport},
};

use super::{numbers, text};

/// How many of the worst rows of a variant are shown.
const WORST: usize = 5;

/// The whole text.
pub(super) fn report(report: &EvalReport) -> String {
    let mut lines = vec![format!("### Eval: {}", cell(&report.name)), String::new()];
    if report.simulated {
        lines.extend(["**SIMULATED**: the scores say nothing of a model.".to_owned(), String::new()]);
    }
    if !report.complete {
        lines.extend([format!("**INCOMPLETE**: not all of {} were run.", plural(report.rows as u64, "row")), String::new()]);
    }
    let scores = report.variants.iter().flat_map(|variant| {
        variant.scorers.iter().map(|scorer| {
            let below = if scorer.is_below() { " (below its limit)" } else { "" };
            vec![
                cell(&variant.name),
                cell(&scorer.name),
                format!("{}{below}", numbers::with_interval(scorer.mean, scorer.mean_interval)),
                numbers::rate(scorer.pass_rate, scorer.pass_interval),
                variant.rows.to_string(),
                scorer.failed.to_string(),
            ]
        })
    });
    lines.extend(table(&["variant", "scorer", "mean (95 %)", "passed (95 %)", "rows", "not scored"], scores));
    let costs = report.variants.iter().map(|variant| {
        let time = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| duration(Duration::from_millis(ms)));
        let (each, all) = numbers::cost(variant);
        let runs = [variant.runs.to_string(), variant.failed_runs.to_string()];
        let [runs, failed] = runs;
        vec![cell(&variant.name), runs, failed, each, time(variant.latency.p50_ms), time(variant.latency.p95_ms), all]
    });
    lines.extend(table(&["variant", "runs", "failed", "cost per run", "p50", "p95", "all, with judges"], costs));
    if !report.comparisons.is_empty() {
        let compared = report.comparisons.iter().map(|comparison| {
            vec![
                cell(&comparison.scorer),
                format!("{} against {}", cell(&comparison.to), cell(&comparison.from)),
                difference(comparison),
                comparison.rows.to_string(),
                format!("**{}**", comparison.verdict.as_str()),
            ]
        });
        lines.extend(table(&["scorer", "compared", "difference (95 %)", "rows", "verdict"], compared));
    }
    let worst: Vec<_> = report
        .variants
        .iter()
        .flat_map(|variant| report.worst(&variant.name, WORST))
        .map(|result| vec![cell(&result.row), cell(&result.variant), format!("`{}`", result.run), cell(&text::why(result))])
        .collect();
    if !worst.is_empty() {
        lines.extend(["<details><summary>Worst rows</summary>".to_owned(), String::new()]);
        lines.extend(table(&["row", "variant", "run", "why"], worst));
        lines.extend(["</details>".to_owned(), String::new()]);
    }
    lines.join("\n")
}

/// `+0.10 (+0.02..+0.18)`; `-` where nothing can be said.
pub(super) fn difference(comparison: &Comparison) -> String {
    let interval =
        comparison.interval.map(|found| format!(" ({}..{})", numbers::difference(found.low), numbers::difference(found.high)));
    match comparison.difference {
        Some(difference) => numbers::difference(difference) + &interval.unwrap_or_default(),
        None => "-".to_owned(),
    }
}

fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Vec<String> {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rule = format!("|{}", "---|".repeat(headings.len()));
    [line(&head), rule].into_iter().chain(rows.into_iter().map(|cells| line(&cells))).chain([String::new()]).collect()
}

/// Text of others that stays in its cell.
fn cell(text: &str) -> String {
    let mut shown = String::new();
    for character in clean::one_line(text).chars() {
        if matches!(character, '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#') {
            shown.push('\\');
        }
        match character {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '@' => shown.push_str("&#64;"),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_in_its_cell() {
        assert_eq!(cell("a | b\n<img> [x](y) @team `c`"), "a \\| b &lt;img&gt; \\[x\\](y) &#64;team \\`c\\`");
    }
}
