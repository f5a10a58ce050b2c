//! How much has to be covered: `--fail-under 80`, `--fail-under nodes=100,edges=100`.

use std::{fmt, str::FromStr};

use super::{Coverage, point::Sort};

/// The least that has to be covered, in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// By sort of points; `None` stands for all points.
    least: Vec<(Option<Sort>, f64)>,
}

/// A sort of points of which too little is covered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shortfall {
    /// Which; `None` for all points.
    pub sort: Option<Sort>,
    /// What is covered, in percent.
    pub percent: f64,
    /// What has to be.
    pub least: f64,
}

impl Threshold {
    /// Of what too little is covered.
    #[must_use]
    pub fn shortfalls(&self, coverage: &Coverage) -> Vec<Shortfall> {
        let found = self.least.iter().map(|(sort, least)| Shortfall {
            sort: *sort,
            percent: coverage.tally(*sort).percent(),
            least: *least,
        });
        found.filter(|found| found.percent < found.least).collect()
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.sort.map_or("all points", Sort::as_str);
        write!(f, "{} % of {what} are covered, {} % have to be", percent(self.percent), percent(self.least))
    }
}

/// A percentage as people read it: 100 only when nothing is missing.
pub(super) fn percent(value: f64) -> String {
    // What is cut off never makes more of it than there is.
    let tenths = (value * 10.0 + 1e-9).floor() / 10.0;
    if tenths.fract() == 0.0 { format!("{tenths:.0}") } else { format!("{tenths:.1}") }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let least = text.split(',').map(|part| {
            let (sort, least) = match part.split_once('=') {
                None => (None, part),
                Some((name, least)) => (Some(named(name.trim())?), least),
            };
            let number = least.trim().trim_end_matches('%').trim().parse().ok().filter(|number| (0.0..=100.0).contains(number));
            Ok((sort.flatten(), number.ok_or_else(|| format!("`{}` is no percentage from 0 to 100", least.trim()))?))
        });
        Ok(Self { least: least.collect::<Result<_, String>>()? })
    }
}

fn named(name: &str) -> Result<Option<Sort>, String> {
    if name == "all" {
        return Ok(None);
    }
    let names = || Sort::ALL.map(Sort::as_str).join(", ");
    Sort::named(name).map(Some).ok_or_else(|| format!("`{name}` is no sort of points; they are all, {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_number_or_one_for_each_sort() {
        let of = |text: &str| text.parse::<Threshold>().unwrap().least;
        assert_eq!(of("80"), [(None, 80.0)]);
        assert_eq!(of("nodes=100, edges=99.5%,all=90"), [(Some(Sort::Nodes), 100.0), (Some(Sort::Edges), 99.5), (None, 90.0)]);
        assert_eq!("101".parse::<Threshold>().unwrap_err(), "`101` is no percentage from 0 to 100");
        assert!(
            "lines=3".parse::<Threshold>().unwrap_err().starts_with("`lines` is no sort of points; they are all, nodes, edges")
        );
        assert!("".parse::<Threshold>().is_err());
    }

    #[test]
    fn a_percentage_is_never_rounded_up() {
        assert_eq!([percent(100.0), percent(99.99), percent(33.333), percent(0.0)], ["100", "99.9", "33.3", "0"]);
    }
}
