//! One run beside an earlier one: what became slower by more than is allowed, and by more than either spreads.

use std::fmt;

use super::{figure::Figure, history::Run, measure::aligned};

/// How much slower is allowed when nobody says.
pub(crate) const THRESHOLD: f64 = 0.15;

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Worse,
    Better,
    Same,
    /// Changed by more than is allowed, but no more than it spreads.
    Unclear,
    /// Measured on another machine, where it means something else.
    Elsewhere,
    /// Not in the earlier run.
    New,
}

/// Two runs beside each other.
pub(crate) struct Comparison {
    head: String,
    rows: Vec<(Figure, Option<Figure>, Option<f64>, Verdict)>,
}

impl Comparison {
    /// Compares `now` with `before`; `threshold` is what may be lost, in parts of what it was.
    pub(crate) fn of(before: &Run, now: &Run, threshold: f64) -> Self {
        let is_same_machine = before.machine == now.machine;
        let rows = now.figures.iter().map(|figure| {
            let earlier = before.figures.iter().find(|earlier| earlier.name == figure.name && earlier.unit == figure.unit);
            let Some(earlier) = earlier else { return (figure.clone(), None, None, Verdict::New) };
            let change = change(earlier, figure);
            let verdict = if is_same_machine || figure.is_of_any_machine() {
                judge(earlier, figure, threshold)
            } else {
                Verdict::Elsewhere
            };
            (figure.clone(), Some(earlier.clone()), Some(change), verdict)
        });
        let machine = if is_same_machine { "the same machine" } else { "another machine: only ratios are judged" };
        let head =
            format!("against {} of {}, {machine}; allowed: {:.0} %", before.commit, before.at.strftime("%F"), threshold * 100.0);
        Self { head, rows: rows.collect() }
    }

    /// Whether anything became worse.
    pub(crate) fn has_worse(&self) -> bool {
        self.rows.iter().any(|(.., verdict)| *verdict == Verdict::Worse)
    }
}

/// By how much `now` is more than `before`, in parts of what that was.
#[expect(clippy::float_cmp, reason = "nothing, compared with nothing, is no change")]
fn change(before: &Figure, now: &Figure) -> f64 {
    let ([_, was, _], [_, is, _]) = (before.compared(), now.compared());
    if was == is { 0.0 } else { is / was - 1.0 }
}

fn judge(before: &Figure, now: &Figure, threshold: f64) -> Verdict {
    let ([was_low, _, was_high], [low, _, high]) = (before.compared(), now.compared());
    let change = change(before, now);
    match (change > threshold, change < -threshold) {
        (true, _) if low > was_high => Verdict::Worse,
        (_, true) if high < was_low => Verdict::Better,
        (true, _) | (_, true) => Verdict::Unclear,
        _ => Verdict::Same,
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.head)?;
        let rows = self.rows.iter().map(|(now, before, change, verdict)| {
            let word = match verdict {
                Verdict::Worse => "WORSE",
                Verdict::Better => "better",
                Verdict::Same => "",
                Verdict::Unclear => "within its spread",
                Verdict::Elsewhere => "another machine",
                Verdict::New => "new",
            };
            let before = before.as_ref().map_or_else(String::new, Figure::shown);
            let change = change.map_or_else(String::new, |change| format!("{:+.0} %", change * 100.0));
            let spread = format!("± {:.0} %", now.spread() * 50.0);
            [now.name.clone(), before, now.shown(), spread, change, word.to_owned()]
        });
        let head = ["figure", "before", "now", "spread", "change", ""].map(str::to_owned);
        f.write_str(&aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))
    }
}
