//! Variables that templates read must not be secrets: what a template reads stands in prompts and in the log.

use std::borrow::Cow;

use crate::{
    app::environment,
    error::{Error, ErrorKind, Result},
    tool::Redactor,
};

/// What names of variables end in that hold secrets on most machines, whatever their values look like.
const USUAL: [&str; 8] =
    ["API_KEY", "TOKEN", "SECRET", "SECRET_KEY", "SECRET_ACCESS_KEY", "PASSWORD", "PRIVATE_KEY", "CREDENTIALS"];

/// Refuses the variables of `names` that are set to a secret: a key of a provider or a tool, a secret of the policy, what looks like
/// somebody's key, or what is called like one.
///
/// # Errors
/// `Denied`, naming the variable and how a secret is lent instead.
pub(super) fn refuse_secrets(names: &[String], redactor: &Redactor) -> Result<()> {
    for (name, value) in environment::variables(names) {
        if is_called_secret(&name) || matches!(redactor.redact(&value), Cow::Owned(_)) {
            let message =
                format!("the workflow reads the variable `{name}`, which holds a secret: prompts and the log would hold it");
            return Err(Error::new(ErrorKind::Denied, message).hint(format!(
                "take it out of `env`, list it under `[secrets]` in the policy file, and give it to a tool as `secrets.{name}`"
            )));
        }
    }
    Ok(())
}

fn is_called_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    USUAL.iter().any(|usual| name.strip_suffix(usual).is_some_and(|before| before.is_empty() || before.ends_with('_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_by_their_end() {
        for name in ["OPENAI_API_KEY", "github_token", "AWS_SECRET_ACCESS_KEY", "PASSWORD", "DB_PASSWORD", "STRIPE_SECRET"] {
            assert!(is_called_secret(name), "{name}");
        }
        for name in ["HOME", "LANG", "TOKENS", "MAX_TOKENS", "SECRETARY", "KEYBOARD", "BUILD_ID"] {
            assert!(!is_called_secret(name), "{name}");
        }
    }
}
