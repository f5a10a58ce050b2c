//! Values on the command line that have a grammar of their own.

use std::{str::FromStr, time::Duration};

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::model::{AgentName, ModelRef, Permission, Scope};

/// `KEY=VALUE` of `-i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputArg {
    /// The name of the input.
    pub name: String,
    /// What stands after the first `=`.
    pub value: String,
}

impl FromStr for InputArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("write KEY=VALUE, KEY=@FILE or KEY=-".to_owned()),
        }
    }
}

/// `NAME=VALUE` of `agents set`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingArg {
    /// What is set.
    pub name: String,
    /// To what.
    pub value: String,
}

impl FromStr for SettingArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, e.g. temperature=0.2")?;
        Ok(Self { name: name.trim().to_owned(), value: value.trim().to_owned() })
    }
}

/// `AGENT=PROVIDER/MODEL` of `--model`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelArg {
    /// Which agent.
    pub agent: AgentName,
    /// Its model for this run.
    pub model: ModelRef,
}

impl FromStr for ModelArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (agent, model) = text.split_once('=').ok_or("write AGENT=PROVIDER/MODEL, e.g. writer=ollama/qwen3:8b")?;
        Ok(Self {
            agent: agent.parse().map_err(|err: crate::Error| err.to_string())?,
            model: model.parse().map_err(|err: crate::Error| err.to_string())?,
        })
    }
}

/// Reads a permission as it is written in files.
pub(super) fn parse_permission(text: &str) -> Result<Permission, String> {
    text.parse().map_err(|err: crate::Error| err.hints().first().cloned().unwrap_or_else(|| err.to_string()))
}

/// Reads whose something is.
pub(super) fn parse_scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|err: crate::Error| err.hints().first().cloned().unwrap_or_else(|| err.to_string()))
}

/// A moment, as `--since` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinceArg {
    /// So long before now.
    Ago(Duration),
    /// That one.
    At(Timestamp),
}

impl SinceArg {
    /// The moment, seen from `now`.
    #[must_use]
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(duration) => now.checked_sub(duration).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }
}

impl FromStr for SinceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        // Without a zone, it is the time of the machine; a day begins at midnight.
        if let Ok(at) = text.parse::<civil::DateTime>() {
            let at = at.to_zoned(TimeZone::system()).map_err(|err| err.to_string())?;
            return Ok(Self::At(at.timestamp()));
        }
        parse_duration(text)
            .map(Self::Ago)
            .map_err(|_| "write a time such as 2026-11-22 or 2026-11-22T12:00:00Z, or a duration such as 2h".to_owned())
    }
}

/// Reads an amount of money above nothing.
pub(super) fn parse_usd(text: &str) -> Result<f64, String> {
    let usd = text.strip_prefix('$').unwrap_or(text).parse::<f64>().ok();
    usd.filter(|usd| usd.is_finite() && *usd > 0.0).ok_or_else(|| "write an amount in USD above 0, e.g. 0.002".to_owned())
}

/// Reads a duration as it is written in files.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    crate::manifest::parse_duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_divided_at_the_first_equals_sign() {
        assert_eq!("a=b=c".parse(), Ok(InputArg { name: "a".into(), value: "b=c".into() }));
        assert!("novalue".parse::<InputArg>().is_err());
        assert!("=x".parse::<InputArg>().is_err());
    }

    #[test]
    fn since_is_a_time_or_a_time_ago() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let since = |text: &str| text.parse::<SinceArg>().map(|since| since.from(now).to_string());
        assert_eq!(since("2h").as_deref(), Ok("2026-11-22T10:00:00Z"));
        assert_eq!(since("2026-11-21T08:00:00+01:00").as_deref(), Ok("2026-11-21T07:00:00Z"));
        assert!(matches!("2026-11-21".parse(), Ok(SinceArg::At(_))) && matches!("2026-11-21 08:30".parse(), Ok(SinceArg::At(_))));
        assert_eq!("999999999d".parse::<SinceArg>().map(|since| since.from(now)), Ok(Timestamp::MIN));
        for bad in ["", "yesterday", "2", "2026-13-01"] {
            assert!(bad.parse::<SinceArg>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn models_may_contain_slashes_and_colons() {
        let arg: ModelArg = "writer=openrouter/meta/llama-3:free".parse().unwrap();
        assert_eq!((arg.agent.as_str(), arg.model.to_string().as_str()), ("writer", "openrouter/meta/llama-3:free"));
        assert!("writer".parse::<ModelArg>().is_err());
        assert!("Writer=a/b".parse::<ModelArg>().is_err());
    }
}
