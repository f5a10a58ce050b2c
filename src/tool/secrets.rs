//! Secrets that the operator lends to calls of tools. What runs, is logged and is shown has placeholders; values are put in their
//! places at the very last, by [`Authorized::reveal`](crate::tool::Authorized::reveal).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
    tool::LiveSecrets,
};

/// How placeholders begin. With what follows they pass through URLs, headers and JSON as they are.
const PREFIX: &str = "agentflow-secret-";
/// How many hexadecimal digits of a digest stand in a placeholder.
const DIGITS: usize = 32;
/// The shortest value that is used, in characters: a shorter one could not be kept out of logs.
const SHORTEST: usize = 8;

/// Secrets by name, with their values as far as they are there. What the operator did not list does not exist.
#[derive(Clone, Default)]
pub struct Secrets {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone)]
enum Entry {
    Found(SecretString),
    /// Why it cannot be used, in words.
    Missing(String),
}

impl Secrets {
    /// Adds a secret, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, value: SecretString) {
        let is_long = value.expose_secret().chars().count() >= SHORTEST;
        let entry = if is_long {
            Entry::Found(value)
        } else {
            Entry::Missing(format!("it has fewer than {SHORTEST} characters, too few to be kept out of logs"))
        };
        self.entries.insert(name.into(), entry);
    }

    /// Adds a secret whose value is not there. That is an error only for who uses it.
    pub fn insert_missing(&mut self, name: impl Into<String>, why: impl Into<String>) {
        self.entries.insert(name.into(), Entry::Missing(why.into()));
    }

    /// The names, ascending, each with why it cannot be used, if it cannot.
    pub fn names(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.entries.iter().map(|(name, entry)| match entry {
            Entry::Found(_) => (name.as_str(), None),
            Entry::Missing(why) => (name.as_str(), Some(why.as_str())),
        })
    }

    /// Notes all values, so that they are kept out of what is logged and shown.
    pub fn note_all(&self, live: &mut LiveSecrets) {
        for (name, entry) in &self.entries {
            if let Entry::Found(value) = entry {
                live.note(name, value.clone());
            }
        }
    }

    /// What stands for the secret `name` in a run. Who does not know `run_key`, which must be told to no model, cannot write it.
    #[must_use]
    pub fn placeholder(run_key: &[u8], name: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(b"af-secret-1");
        hash.update((run_key.len() as u64).to_be_bytes());
        hash.update(run_key);
        hash.update(name.as_bytes());
        let digest = HEXLOWER.encode(&hash.finalize());
        format!("{PREFIX}{name}-{}", &digest[..DIGITS])
    }

    /// `arguments` with the values of the secrets `names` in the places of their placeholders. What only looks like a placeholder of
    /// this run stays as it is.
    ///
    /// # Errors
    /// `Denied` for the placeholder of a secret that is not among `names`, or that the operator did not list; `Invalid` when its value is not
    /// there.
    pub fn reveal(&self, arguments: &Value, run_key: &[u8], names: &BTreeSet<String>) -> Result<Value> {
        Ok(match arguments {
            Value::String(text) => Value::String(self.reveal_text(text, run_key, names)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.reveal(item, run_key, names)).collect::<Result<_>>()?)
            }
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.reveal(value, run_key, names)?)))
                    .collect::<Result<_>>()?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => arguments.clone(),
        })
    }

    fn reveal_text(&self, text: &str, run_key: &[u8], names: &BTreeSet<String>) -> Result<String> {
        let mut told = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(found) = next_placeholder(rest) {
            let whole = &rest[found.start..found.end];
            told.push_str(&rest[..found.start]);
            if Self::placeholder(run_key, found.name) == whole {
                told.push_str(self.value(found.name, names)?.expose_secret());
            } else {
                told.push_str(whole);
            }
            rest = &rest[found.end..];
        }
        told.push_str(rest);
        Ok(told)
    }

    fn value(&self, name: &str, names: &BTreeSet<String>) -> Result<&SecretString> {
        if !names.contains(name) {
            return Err(Error::new(ErrorKind::Denied, format!("secret `{name}` is not permitted here")));
        }
        match self.entries.get(name) {
            Some(Entry::Found(value)) => Ok(value),
            Some(Entry::Missing(why)) => {
                Err(Error::new(ErrorKind::Invalid, format!("secret `{name}` cannot be used")).hint(why.clone()))
            }
            None => Err(Error::new(ErrorKind::Denied, format!("the policy has no secret `{name}`"))
                .hint(format!("list it in the policy file: `[secrets] {name} = {{ env = \"{name}\" }}`"))),
        }
    }
}

impl fmt::Debug for Secrets {
    /// The names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

/// The names of the secrets whose placeholders stand in `arguments`, or what looks like one.
#[must_use]
pub fn mentioned(arguments: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(arguments, &mut names);
    names
}

/// The placeholders of secrets that stand in `text`, each with the name of its secret.
#[must_use]
pub fn placeholders(text: &str) -> Vec<(String, String)> {
    let (mut all, mut rest) = (Vec::new(), text);
    while let Some(found) = next_placeholder(rest) {
        all.push((rest[found.start..found.end].to_owned(), found.name.to_owned()));
        rest = &rest[found.end..];
    }
    all
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some(found) = next_placeholder(rest) {
                names.insert(found.name.to_owned());
                rest = &rest[found.end..];
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

struct Found<'a> {
    name: &'a str,
    start: usize,
    end: usize,
}

/// The first of `text` that has the form of a placeholder.
fn next_placeholder(text: &str) -> Option<Found<'_>> {
    let mut from = 0;
    while let Some(at) = text[from..].find(PREFIX) {
        let start = from + at;
        let name_at = start + PREFIX.len();
        let rest = &text[name_at..];
        let name_len = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let digits = rest[name_len..].strip_prefix('-').unwrap_or_default();
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        if name_len > 0 && digits.bytes().take(DIGITS).filter(is_digit).count() == DIGITS {
            return Some(Found { name: &rest[..name_len], start, end: name_at + name_len + 1 + DIGITS });
        }
        from = name_at;
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &[u8] = b"key of a run";

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.insert("TOKEN", "value-of-token".to_owned().into());
        secrets.insert("OTHER", "value-of-other".to_owned().into());
        secrets.insert("PIN", "1234".to_owned().into());
        secrets.insert_missing("GONE", "`GONE` is not set");
        secrets
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn values_stand_where_their_placeholders_stood() {
        let (token, other) = (Secrets::placeholder(KEY, "TOKEN"), Secrets::placeholder(KEY, "OTHER"));
        let arguments =
            json!({ "headers": { "authorization": format!("Bearer {token}") }, "n": 1, "both": [format!("é{other}{token}.")] });
        let all = mentioned(&arguments);
        assert_eq!(all, names(&["OTHER", "TOKEN"]));
        assert_eq!(
            secrets().reveal(&arguments, KEY, &all).unwrap(),
            json!({ "headers": { "authorization": "Bearer value-of-token" }, "n": 1, "both": ["évalue-of-othervalue-of-token."] })
        );
    }

    #[test]
    fn cve_2025_68664_a_secret_that_is_not_granted_is_not_lifted() {
        let arguments = json!(Secrets::placeholder(KEY, "TOKEN"));
        let refused = secrets().reveal(&arguments, KEY, &names(&["OTHER"])).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied);
        // No variable of the environment is a secret because it is there.
        let path = json!(Secrets::placeholder(KEY, "PATH"));
        assert_eq!(secrets().reveal(&path, KEY, &names(&["PATH"])).unwrap_err().message(), "the policy has no secret `PATH`");
    }

    #[test]
    fn a_placeholder_that_a_model_made_up_stays_text() {
        let made_up = format!("{PREFIX}TOKEN-{}", "0".repeat(DIGITS));
        let of_another_run = Secrets::placeholder(b"another key", "TOKEN");
        let renamed = Secrets::placeholder(KEY, "OTHER").replace("OTHER", "TOKEN");
        for text in [made_up, of_another_run, renamed] {
            let arguments = json!({ "a": text });
            assert_eq!(secrets().reveal(&arguments, KEY, &names(&["TOKEN"])).unwrap(), arguments);
            assert_eq!(mentioned(&arguments), names(&["TOKEN"]), "the policy is asked all the same");
        }
    }

    #[test]
    fn what_is_cut_off_or_has_no_name_is_no_placeholder() {
        let whole = Secrets::placeholder(KEY, "TOKEN");
        for text in ["", PREFIX, &whole[..whole.len() - 1], &format!("{PREFIX}-{}", "0".repeat(DIGITS)), &whole.to_uppercase()] {
            assert_eq!(mentioned(&json!(text)), names(&[]), "{text}");
        }
        assert_eq!(mentioned(&json!(format!("{PREFIX}{whole}é"))), names(&["TOKEN"]));
    }

    #[test]
    fn a_value_that_is_not_there_or_too_short_is_an_error_of_who_uses_it() {
        for (name, why) in [("GONE", "is not set"), ("PIN", "fewer than 8")] {
            let err = secrets().reveal(&json!(Secrets::placeholder(KEY, name)), KEY, &names(&[name])).unwrap_err();
            assert!(err.message().contains("cannot be used") && err.hints()[0].contains(why), "{err:?}");
        }
    }

    #[test]
    fn debug_tells_names_only() {
        assert_eq!(format!("{:?}", secrets()), r#"{"GONE", "OTHER", "PIN", "TOKEN"}"#);
    }
}
