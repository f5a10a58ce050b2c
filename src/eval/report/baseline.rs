//! The JSON of an earlier eval, as far as a later one is held against it.

use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;

use super::FORMAT;
use crate::{
    error::{Error, ErrorKind, Result},
    eval::{compare::RowScore, figures::mean},
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
    fn what_is_no_baseline_is_refused_with_its_place() {
        assert!(read("{\"format\": 1,\n}").unwrap_err().message().contains("base.json:2:1: the baseline is no result"));
        assert!(read(&past(&["x"]).replacen("\"format\":1", "\"format\":9", 1)).unwrap_err().message().contains("has format 9"));
        assert_eq!(Baseline::read(Path::new("/nowhere/b.json")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
