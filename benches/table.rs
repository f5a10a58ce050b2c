//! The rows of the table, and the figures that are kept of them.

use std::fmt;

use crate::{figure::Figure, measure::aligned, yardstick::Yardstick};

/// What was measured so far.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 4]>,
    section: String,
    yardstick: Option<Yardstick>,
    figures: Vec<Figure>,
}

impl Table {
    /// Begins the rows about `name`.
    pub(crate) fn section(&mut self, name: &str) {
        self.rows.push([format!("— {name}"), String::new(), String::new(), String::new()]);
        name.clone_into(&mut self.section);
        self.yardstick = Some(Yardstick::take());
    }

    /// Keeps a figure under a name of the section that stays the same, to be compared with that of other runs.
    pub(crate) fn keep(&mut self, name: impl AsRef<str>, mut figure: Figure) {
        let name = format!("{}/{}", self.section, name.as_ref());
        assert!(self.figures.iter().all(|kept| kept.name != name), "`{name}` is kept twice");
        figure.yard = self.yardstick.and_then(|yardstick| yardstick.of(figure.unit));
        figure.name = name;
        self.figures.push(figure);
    }

    /// What was kept.
    pub(crate) fn into_figures(self) -> Vec<Figure> {
        self.figures
    }

    /// A figure nobody set a target for.
    pub(crate) fn told(&mut self, what: impl Into<String>, measured: impl Into<String>) {
        self.rows.push([what.into(), String::new(), measured.into(), String::new()]);
    }

    /// A figure with a target, and whether it is met.
    pub(crate) fn wanted(&mut self, what: impl Into<String>, target: impl Into<String>, measured: impl Into<String>, met: bool) {
        self.rows.push([what.into(), target.into(), measured.into(), if met { "ok" } else { "MISSED" }.to_owned()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["what", "target", "measured", ""].map(str::to_owned);
        f.write_str(&aligned(&std::iter::once(head).chain(self.rows.iter().cloned()).collect::<Vec<_>>()))
    }
}
