//! The JSON of an earlier eval, as far as a later one is held against it.

use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;

use super::FORMAT;
use crate::{
    error::{Error, ErrorKind, Result},
    eval::{compare::RowScore, figures::mean, spec::EvalSpec},
};

/// An earlier eval.
#[derive(Debug, Clone, Deserialize)]
pub struct Baseline {
    format: u32,
    /// Whether its answers were simulated.
    pub simulated: bool,
    /// Whether all of its rows were run.
    pub complete: bool,
    results: Vec<Past>,
}

/// A run that was scored.
#[derive(Debug, Clone, Deserialize)]
struct Past {
    row: String,
    digest: String,
    variant: String,
    scores: IndexMap<String, PastScore>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct PastScore {
    score: f64,
}

impl Baseline {
    /// Reads the file that `eval --save` wrote, or that holds what `--format json` printed.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a file that is none, or of a newer version.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let kind = if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Invalid };
            Error::new(kind, format!("cannot read the baseline `{shown}`")).source(error)
        })?;
        let baseline: Self = serde_json::from_str(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::new(ErrorKind::Invalid, format!("{shown}:{line}:{column}: the baseline is no result of an eval"))
                .source(error)
                .hint("make one with `agentflow eval … --save FILE`")
        })?;
        if baseline.format != FORMAT {
            let message = format!("the baseline `{shown}` has format {}, this program knows {FORMAT}", baseline.format);
            return Err(Error::new(ErrorKind::Invalid, message).hint("make a new one with `agentflow eval … --save FILE`"));
        }
        Ok(baseline)
    }

    /// Refuses to be compared with what it says nothing of.
    ///
    /// # Errors
    /// `Invalid` when one side is simulated and the other is not, or when it has no scores of a variant.
    pub fn check(&self, spec: &EvalSpec, simulated: bool) -> Result<()> {
        if self.simulated != simulated {
            let (one, other) = if simulated { ("are not", "are") } else { ("are", "are not") };
            let message = format!("the answers of the baseline {one} simulated, and those of this eval {other}");
            return Err(Error::new(ErrorKind::Invalid, message).hint("compare what is alike"));
        }
        let is_there = |variant: &str| spec.scorers.iter().any(|scorer| self.side(variant, &scorer.name).is_some());
        let Some(missing) = spec.variants.iter().find(|variant| !is_there(&variant.name)) else { return Ok(()) };
        let mut names: Vec<String> = self.results.iter().map(|past| format!("`{}`", past.variant)).collect();
        names.dedup();
        let message = format!("the baseline has no scores of variant `{}`; it has variants {}", missing.name, names.join(", "));
        Err(Error::new(ErrorKind::Invalid, message).hint("give variants and scorers the names that they had"))
    }

    /// The scores of `variant` by `scorer`, row by row, with the name they have here: those of the variant of this name, or of the only
    /// one. `None` when there are none.
    #[must_use]
    pub fn side(&self, variant: &str, scorer: &str) -> Option<(&str, IndexMap<String, RowScore>)> {
        let is_here = self.results.iter().any(|past| past.variant == variant);
        let only = self.results.first().filter(|first| self.results.iter().all(|past| past.variant == first.variant));
        let name = if is_here { Some(variant) } else { only.map(|past| past.variant.as_str()) }?;
        let name = self.results.iter().find(|past| past.variant == name).map(|past| past.variant.as_str())?;
        let mut rows: IndexMap<&str, (&str, Vec<f64>)> = IndexMap::new();
        for past in self.results.iter().filter(|past| past.variant == name) {
            let Some(score) = past.scores.get(scorer) else { continue };
            rows.entry(&past.row).or_insert_with(|| (&past.digest, Vec::new())).1.push(score.score);
        }
        let rows: IndexMap<String, RowScore> = rows
            .into_iter()
            .filter_map(|(row, (digest, scores))| {
                Some((row.to_owned(), RowScore { digest: digest.to_owned(), score: mean(&scores)? }))
            })
            .collect();
        (!rows.is_empty()).then_some((name, rows))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Baseline> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base.json");
        std::fs::write(&path, text).unwrap();
        Baseline::read(&path)
    }

    fn past(variants: &[&str]) -> String {
        let result = |variant: &&str| {
            json!([
                {"row": "a", "digest": "1", "variant": variant, "scores": {"kind": {"score": 1.0, "passed": true}}, "run": "x"},
                {"row": "a", "digest": "1", "variant": variant, "scores": {"kind": {"score": 0.0, "passed": false}}},
            ])
        };
        let results: Vec<_> = variants.iter().flat_map(|variant| result(variant).as_array().unwrap().clone()).collect();
        json!({"format": 1, "simulated": false, "complete": true, "name": "n", "results": results}).to_string()
    }

    #[test]
    fn repeats_are_averaged_and_the_only_variant_stands_for_any() {
        let baseline = read(&past(&["old"])).unwrap();
        let (name, rows) = baseline.side("new", "kind").unwrap();
        assert_eq!((name, rows["a"].score), ("old", 0.5));
        assert!(baseline.side("new", "tone").is_none());
    }

    #[test]
    fn of_several_variants_the_one_of_the_same_name_is_meant() {
        let baseline = read(&past(&["one", "two"])).unwrap();
        assert_eq!(baseline.side("two", "kind").unwrap().0, "two");
        assert!(baseline.side("three", "kind").is_none());
    }

    #[test]
    fn what_it_says_nothing_of_is_told_before_anything_is_run() {
        let spec = |name: &str| {
            let mut spec = EvalSpec::over("e", "rows.csv".into());
            spec.scorers.push("exact:kind".parse::<crate::eval::ScoreOption>().unwrap().0);
            spec.variants.push(crate::eval::VariantSpec::plain(name, "w.yaml".into()));
            spec
        };
        let baseline = read(&past(&["one", "two"])).unwrap();
        assert!(baseline.check(&spec("two"), false).is_ok());
        let error = baseline.check(&spec("three"), false).unwrap_err();
        assert_eq!(error.message(), "the baseline has no scores of variant `three`; it has variants `one`, `two`");
        assert!(baseline.check(&spec("two"), true).unwrap_err().message().contains("simulated"));
    }

    #[test]
    fn what_is_no_baseline_is_refused_with_its_place() {
        assert!(read("{\"format\": 1,\n}").unwrap_err().message().contains("base.json:2:1: the baseline is no result"));
        assert!(read(&past(&["x"]).replacen("\"format\":1", "\"format\":9", 1)).unwrap_err().message().contains("has format 9"));
        assert_eq!(Baseline::read(Path::new("/nowhere/b.json")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
