//! Scores, intervals and estimates as people read them.

use crate::{
    cli::numbers::{count, plural, small_usd},
    eval::{EvalEstimate, Interval, VariantReport},
    model::Spend,
};

/// `0.85`.
pub(super) fn score(score: f64) -> String {
    format!("{score:.2}")
}

/// `0.85 (0.70..0.94)`; `-` for nothing.
pub(super) fn with_interval(value: Option<f64>, interval: Option<Interval>) -> String {
    match (value, interval) {
        (None, _) => "-".to_owned(),
        (Some(value), None) => score(value),
        (Some(value), Some(interval)) => format!("{} ({}..{})", score(value), score(interval.low), score(interval.high)),
    }
}

/// `85 % (70..94)`.
pub(super) fn rate(value: Option<f64>, interval: Option<Interval>) -> String {
    let percent = |share: f64| format!("{:.0}", share * 100.0);
    match (value, interval) {
        (None, _) => "-".to_owned(),
        (Some(value), None) => format!("{} %", percent(value)),
        (Some(value), Some(interval)) => format!("{} % ({}..{})", percent(value), percent(interval.low), percent(interval.high)),
    }
}

/// `+0.10`, `-0.05`.
pub(super) fn difference(value: f64) -> String {
    format!("{value:+.2}")
}

/// What a variant cost: each run, and all with the judges.
pub(super) fn cost(variant: &VariantReport) -> (String, String) {
    let spend = Spend::from(variant.spend);
    let mut all = spend;
    all += variant.judge_spend.into();
    let each = match variant.cost_per_run_usd {
        Some(usd) => small_usd(usd),
        None if spend.calls == 0 => "-".to_owned(),
        None => Spend { usd: 0.0, ..spend }.to_string(),
    };
    (each, all.to_string())
}

/// A line or two about what an eval may do and cost.
pub(super) fn estimate(estimate: &EvalEstimate) -> String {
    let mut parts = vec![plural(estimate.rows as u64, "row")];
    if estimate.variants.len() > 1 {
        parts.push(plural(estimate.variants.len() as u64, "variant"));
    }
    if estimate.repeats > 1 {
        parts.push(plural(u64::from(estimate.repeats), "repeat"));
    }
    let judges =
        if estimate.judgments > 0 { format!(" and {}", plural(estimate.judgments as u64, "judgment")) } else { String::new() };
    let runs = format!("{}: {}{judges}", parts.join(" x "), plural(estimate.runs as u64, "run"));
    let calls = &estimate.calls;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of calls are far below 2^52, and not negative"
    )]
    let expected = calls.expected.ceil() as u64;
    let calls = format!("{} calls are expected, {} at most", count(expected), count(calls.most));
    format!("{runs}; {calls}; {}", money(estimate))
}

fn money(estimate: &EvalEstimate) -> String {
    if estimate.simulated {
        return "nothing is paid: answers are simulated".to_owned();
    }
    let most = match estimate.cost_usd.most {
        Some(most) => format!("${most:.2} at most"),
        None => "and nothing bounds it but `--max-cost USD`".to_owned(),
    };
    let unpriced = estimate.unpriced.join(", ");
    match (estimate.unpriced.is_empty(), estimate.cost_usd.expected > 0.0) {
        (true, _) => format!("${:.4} are expected, {most}", estimate.cost_usd.expected),
        (false, true) => {
            format!("${:.4} are expected, {most}; without {unpriced}, whose price is not known", estimate.cost_usd.expected)
        }
        (false, false) => format!("the cost is not known: {unpriced} has no price"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_shown_with_how_sure_they_are() {
        let interval = Some(Interval { low: 0.5655, high: 1.0 });
        assert_eq!(with_interval(Some(1.0), interval), "1.00 (0.57..1.00)");
        assert_eq!(rate(Some(0.85), interval), "85 % (57..100)");
        assert_eq!((with_interval(None, None), rate(Some(0.5), None)), ("-".to_owned(), "50 %".to_owned()));
        assert_eq!([0.1, -0.054].map(difference), ["+0.10", "-0.05"]);
    }
}
