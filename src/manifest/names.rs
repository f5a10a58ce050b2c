//! Which names may be given, as a check and as a pattern.

use crate::{
    diagnostic::{Code, Diagnostic, Span},
    manifest::{grammar::NameRule, load::shown},
    template::RESERVED_NAMES,
};

/// The pattern of a rule, for JSON Schema; reserved names are told apart from it.
pub(super) fn pattern(rule: NameRule) -> &'static str {
    match rule {
        NameRule::Filled => "^[\\s\\S]+$",
        NameRule::Name | NameRule::NodeId => "^[a-z0-9][a-z0-9_-]{0,63}$",
        NameRule::Identifier | NameRule::ElementName => "^[a-z_][a-z0-9_]{0,63}$",
        NameRule::Variable => "^[A-Za-z_][A-Za-z0-9_]{0,127}$",
        NameRule::Output => "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$",
        NameRule::Header => "^[A-Za-z0-9-]{1,128}$",
    }
}

/// Names that a rule refuses although they fit its pattern.
pub(super) fn refused(rule: NameRule) -> Vec<&'static str> {
    match rule {
        NameRule::NodeId => RESERVED_NAMES.to_vec(),
        NameRule::ElementName => RESERVED_NAMES.iter().copied().filter(|name| *name != "item").collect(),
        _ => Vec::new(),
    }
}

/// What is wrong with `name`, written at `span`.
pub(super) fn problem(rule: NameRule, name: &str, span: Span) -> Option<Diagnostic> {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let first = name.chars().next();
    let has = |most: usize, good: fn(char) -> bool| name.chars().count() <= most && name.chars().all(good);
    let (is_good, rules) = match rule {
        NameRule::Filled => (first.is_some(), "it must not be empty"),
        NameRule::Name | NameRule::NodeId => (
            first.is_some_and(lower) && has(64, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-'),
            "use 1 to 64 of a-z, 0-9, `_` and `-`, beginning with a letter or a digit",
        ),
        NameRule::Identifier | NameRule::ElementName => (
            first.is_some_and(|c| c.is_ascii_lowercase() || c == '_')
                && has(64, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "use 1 to 64 of a-z, 0-9 and `_`, not beginning with a digit, so that templates can name it",
        ),
        NameRule::Variable => (
            first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_') && has(128, |c| c.is_ascii_alphanumeric() || c == '_'),
            "a variable of the environment has letters, digits and `_`",
        ),
        NameRule::Output => (
            first.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
                && has(64, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-'),
            "use 1 to 64 letters, digits, `_` and `-`",
        ),
        NameRule::Header => {
            (first.is_some() && has(128, |c| c.is_ascii_alphanumeric() || c == '-'), "a header has letters, digits and `-`")
        }
    };
    if !is_good {
        let suggestion = suggestion(rule, name);
        let hint = suggestion.map_or_else(|| rules.to_owned(), |suggestion| format!("{rules}: for example `{suggestion}`"));
        let problem = Diagnostic::error(Code::INVALID_NAME, span, format!("`{}` is no valid name here", shown(name)));
        return Some(problem.label("invalid name").hint(hint));
    }
    refused(rule).contains(&name).then(|| {
        Diagnostic::error(Code::RESERVED_NAME, span, format!("`{name}` has another meaning in templates"))
            .label("reserved name")
            .hint(format!("choose another name, e.g. `{name}_1` or one that says what it does"))
    })
}

/// A valid name near `name`.
fn suggestion(rule: NameRule, name: &str) -> Option<String> {
    let with_dash = matches!(rule, NameRule::Name | NameRule::NodeId);
    if !with_dash && !matches!(rule, NameRule::Identifier | NameRule::ElementName) {
        return None;
    }
    let mut plain = String::new();
    for c in name.chars().flat_map(char::to_lowercase).take(64) {
        let keep =
            c.is_ascii_lowercase() || c.is_ascii_digit() && (with_dash || !plain.is_empty()) || c == '_' || c == '-' && with_dash;
        match c {
            _ if keep => plain.push(c),
            ' ' | '-' | '.' | '/' => plain.push('_'),
            _ => {}
        }
    }
    let plain = plain.trim_matches(['_', '-']);
    (!plain.is_empty() && plain.len() * 2 >= name.len()).then(|| plain.to_owned())
}
