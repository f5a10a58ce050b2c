//! What is asked of a run of the benchmarks.

use super::comparison::THRESHOLD;

/// What the arguments say.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// The sections; all of them when none is named.
    sections: Vec<String>,
    /// The name to keep the figures under.
    pub(crate) save: Option<String>,
    /// The name of the figures to compare with.
    pub(crate) against: Option<String>,
    /// How much slower is allowed, in parts of what it was.
    pub(crate) threshold: f64,
}

impl Options {
    /// Reads arguments; `known` are the sections there are.
    pub(crate) fn read(arguments: &[String], known: &[&str]) -> Result<Self, String> {
        let mut options = Self { sections: Vec::new(), save: None, against: None, threshold: THRESHOLD };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().cloned().ok_or_else(|| format!("`{argument}` needs a value"));
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--save" => options.save = Some(value()?),
                "--against" => options.against = Some(value()?),
                "--threshold" => options.threshold = share(&value()?)?,
                section if known.contains(&section) => options.sections.push(section.to_owned()),
                other => {
                    let known = known.join(", ");
                    return Err(format!(
                        "`{other}` is no section ({known}) and no option (`--save NAME`, `--against NAME`, `--threshold 15%`)"
                    ));
                }
            }
        }
        Ok(options)
    }

    /// Whether this section is to be measured.
    pub(crate) fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| wanted == section)
    }
}

/// `15%`, or `0.15`.
fn share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    number.ok().filter(|share| *share > 0.0 && share.is_finite()).ok_or_else(|| format!("`{text}` is no share: write `15%`"))
}
