//! Which tests are meant, by their names.

use std::str::FromStr;

use regex::{Regex, RegexBuilder};

use crate::error::{Error, ErrorKind};

/// The most that a compiled pattern may take, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// A part of a name, or `/PATTERN/`.
#[derive(Debug, Clone)]
pub struct Filter(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Part(String),
    Pattern(Regex),
}

impl Filter {
    /// Whether the test called `name` is meant. Of a part, upper and lower case are the same.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        match &self.0 {
            Kind::Part(part) => name.to_lowercase().contains(part),
            Kind::Pattern(pattern) => pattern.is_match(name),
        }
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let Some(pattern) = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|pattern| !pattern.is_empty())
        else {
            return Ok(Self(Kind::Part(text.to_lowercase())));
        };
        let pattern = RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).build();
        pattern.map(|pattern| Self(Kind::Pattern(pattern))).map_err(|err| {
            let why = err.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Error::new(ErrorKind::Invalid, format!("no valid regular expression between the slashes: {why}"))
                .hint("without slashes, the text is looked for as it is")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_or_a_pattern_of_the_name_is_looked_for() {
        let fits = |filter: &str, name: &str| filter.parse::<Filter>().unwrap().fits(name);
        assert!(fits("Risky", "a risky change [1]") && fits("[1]", "a risky change [1]"));
        assert!(!fits("safe", "a risky change [1]"));
        assert!(fits("/^a .*[12]\\]$/", "a risky change [1]") && !fits("/^risky/", "a risky change [1]"));
        assert!(fits("//", "a // b") && !fits("//", "a"));
        assert!("/(/".parse::<Filter>().unwrap_err().message().ends_with("unclosed group"));
    }
}
