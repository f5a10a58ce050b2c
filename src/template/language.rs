//! What the language has, by name: what the reference of templates is made from.

use crate::template::{checks, filters, syntax};

/// Everything that a template can use besides operators and statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// What may stand after `|`: the name, and how it is written with its arguments, e.g. `join(d, attribute)`.
    pub filters: Vec<(&'static str, String)>,
    /// What may stand after `is`.
    pub tests: Vec<&'static str>,
    /// What can be called.
    pub functions: Vec<&'static str>,
}

/// The whole language, in the order in which it is written down here.
#[must_use]
pub fn language() -> Language {
    let usage = |name| filters::find(name).map_or_else(String::new, filters::Filter::usage);
    Language {
        filters: filters::names().map(|name| (name, usage(name))).collect(),
        tests: checks::names().collect(),
        functions: vec![syntax::FUNCTION],
    }
}
