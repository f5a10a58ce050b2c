//! `{{ … }}` in strings and the bare expressions of `when`, `until`, `map` and `route.on`: one language, MiniJinja, with bounds.
//!
//! `plan` parses and asks for [`Reference`]s; `engine` renders over a [`Scope`]. The output of a model is never parsed as a template.

use std::ops::Range;

/// A string with `{{ … }}` in it, compiled.
#[derive(Debug, Clone)]
pub struct Template {
    source: std::sync::Arc<str>,
}

/// A bare expression, compiled.
#[derive(Debug, Clone)]
pub struct Expression {
    source: std::sync::Arc<str>,
}

/// Data whose strings are templates: what `value`, `with`, `outputs` and `on_error: { use: … }` hold.
#[derive(Debug, Clone)]
pub enum TemplateTree {
    /// A value without templates.
    Literal(crate::model::Value),
    /// A string with `{{ … }}`.
    Text(Template),
    /// A list.
    List(Vec<TemplateTree>),
    /// A map.
    Map(indexmap::IndexMap<String, TemplateTree>),
}

/// A name that a template or an expression reads, with the fields it takes from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name and what follows it by `.field` or `["field"]`: `["triage", "risk"]`. Ends at the first dynamic subscript or call.
    pub path: Vec<String>,
    /// Bytes of the template's source.
    pub range: Range<usize>,
    /// Whether an absent value is provided for: `| default(…)`, `is defined`, `is none`, ….
    pub guarded: bool,
}
