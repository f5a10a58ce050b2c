//! Values on the command line that have a grammar of their own.

use std::{str::FromStr, time::Duration};

use crate::model::{AgentName, ModelRef, Permission};

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
    fn models_may_contain_slashes_and_colons() {
        let arg: ModelArg = "writer=openrouter/meta/llama-3:free".parse().unwrap();
        assert_eq!((arg.agent.as_str(), arg.model.to_string().as_str()), ("writer", "openrouter/meta/llama-3:free"));
        assert!("writer".parse::<ModelArg>().is_err());
        assert!("Writer=a/b".parse::<ModelArg>().is_err());
    }
}
