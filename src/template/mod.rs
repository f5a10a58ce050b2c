//! `{{ … }}` in strings and the bare expressions of `when`, `until`, `map` and `route.on`: one language, MiniJinja, with bounds.
//!
//! `plan` parses and asks for [`Reference`]s; `engine` renders over a [`Scope`]. The output of a model is never parsed as a template.
//!
//! MiniJinja reads the text (`syntax`) and brings the values and many filters. Evaluation is this room's own (`machine`), because
//! MiniJinja's fuel counts instructions but bounds neither the memory nor the time of one: here every step, byte and list element is
//! paid from one `budget`. What differs from Jinja: an unknown name or field is an error, never an empty string; a list or map in a
//! text is written as JSON, `none` as `none`; what is `none` counts as not defined, so that `| default(…)` and `is defined` speak of
//! skipped nodes too; values of different types have no order; the line of a `{% … %}` tag that stands alone leaves nothing behind,
//! and a final newline stays.

mod access;
mod budget;
mod checks;
mod code;
mod convert;
mod fault;
mod filters;
mod language;
mod machine;
mod operate;
mod problem;
mod reference;
mod round;
mod scope;
mod syntax;

use std::{fmt, ops::Range, sync::Arc};

use indexmap::IndexMap;

pub use language::{Language, language};
pub use problem::SyntaxProblem;
pub use scope::{Scope, Shared};

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
    template::{
        code::{Node, Statement},
        fault::Fault,
        machine::Machine,
    },
};

/// The longest template, in bytes.
pub const MAX_SOURCE: usize = 64 * 1024;

/// Names that are no node ids, because templates give them another meaning.
pub const RESERVED_NAMES: &[&str] = &[
    "inputs", "nodes", "item", "index", "loop", "run", "env", "secrets", "messages", "self", "true", "false", "none", "not",
    "and", "or", "in", "is", "if", "else", "for", "range",
];

/// Whether `name` can be written bare in a template: an ASCII letter or `_`, then letters, digits and `_`, and no word of the language.
#[must_use]
pub fn is_identifier(name: &str) -> bool {
    const WORDS: &[&str] = &["true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"];
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
        && !WORDS.contains(&name)
}

/// A name that a template or an expression reads, with the fields it takes from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name and what follows it by `.field` or `["field"]`: `["triage", "risk"]`; a literal index is a field too, `"0"`. Ends at
    /// the first dynamic subscript or call.
    pub path: Vec<String>,
    /// Bytes of the template's source, from the name to the last field of `path`.
    pub range: Range<usize>,
    /// Whether an absent value is provided for: `| default(…)`, `is defined`, `is none`, ….
    pub guarded: bool,
    /// What is absent when this is read: `["a"]` for `b` in `a | default(b)` and in `{% if a %}…{% else %}{{ b }}{% endif %}`.
    pub instead_of: Vec<Vec<String>>,
}

/// A string with `{{ … }}` in it, compiled. Cheap to clone.
#[derive(Clone)]
pub struct Template {
    inner: Arc<Compiled<Vec<Statement>>>,
}

/// A bare expression, compiled. Cheap to clone.
#[derive(Clone)]
pub struct Expression {
    inner: Arc<Compiled<Node>>,
}

struct Compiled<T> {
    source: String,
    code: T,
    references: Vec<Reference>,
    /// Of an expression: the references, when only its truth is asked.
    tested: Vec<Reference>,
}

impl Template {
    /// Compiles `source`.
    ///
    /// # Errors
    /// The first problem: broken syntax, a statement other than `for`, `if` and `set`, an unknown filter, test, function or argument,
    /// or a text beyond the limits.
    pub fn parse(source: &str) -> Result<Self, SyntaxProblem> {
        let code = syntax::parse_template(source)?;
        let references = reference::of_statements(&code);
        Ok(Self { inner: Arc::new(Compiled { source: source.to_owned(), code, references, tested: Vec::new() }) })
    }

    /// What was compiled.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// What it reads, in the order written; a name that is read twice is there twice.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.inner.references
    }

    /// Renders over `scope`. A template that is exactly one `{{ … }}` gives that value, any other one a string.
    ///
    /// # Errors
    /// `Template`, when a name or field is not there, an operation does not fit its values, or a limit is reached.
    pub fn render(&self, scope: &Scope) -> Result<Value> {
        let Some(node) = code::single_expression(&self.inner.code) else {
            return self.render_text(scope).map(Value::String);
        };
        let mut machine = Machine::new(scope);
        machine.value(node).map_err(|fault| self.inner.error(fault))
    }

    /// Renders over `scope` as text.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_text(&self, scope: &Scope) -> Result<String> {
        let mut machine = Machine::new(scope);
        machine.text(&self.inner.code).map_err(|fault| self.inner.error(fault))
    }
}

impl Expression {
    /// Compiles `source`.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse(source: &str) -> Result<Self, SyntaxProblem> {
        let code = syntax::parse_expression(source)?;
        let references = reference::of_node(&code);
        let tested = reference::of_condition(&code);
        Ok(Self { inner: Arc::new(Compiled { source: source.to_owned(), code, references, tested }) })
    }

    /// What was compiled.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// What it reads, in the order written; a name that is read twice is there twice.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.inner.references
    }

    /// As [`Expression::references`], the same ones in the same order, when only the truth of the expression is asked: there an absent
    /// name is not true, and no mistake.
    #[must_use]
    pub fn references_of_condition(&self) -> &[Reference] {
        &self.inner.tested
    }

    /// Evaluates over `scope`.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn evaluate(&self, scope: &Scope) -> Result<Value> {
        Machine::new(scope).value(&self.inner.code).map_err(|fault| self.inner.error(fault))
    }

    /// Whether the expression holds over `scope`: not `false`, `none`, zero, or an empty string, list or map.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn is_true(&self, scope: &Scope) -> Result<bool> {
        Machine::new(scope).is_true(&self.inner.code).map_err(|fault| self.inner.error(fault))
    }

    /// The paths that are certainly there when the expression holds: `["a"]` of `a is not none`, of `nodes.a.status == "succeeded"`.
    #[must_use]
    pub fn present_when_true(&self) -> Vec<Vec<String>> {
        reference::present_when_true(&self.inner.code)
    }

    /// The parts that `and` joins, as written.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<&str> {
        reference::conjuncts(&self.inner.code).into_iter().filter_map(|range| self.source().get(range)).map(str::trim).collect()
    }

    /// Whether the value is always true or false: a comparison, a test, or such joined by `and`, `or` and `not`.
    #[must_use]
    pub fn is_condition(&self) -> bool {
        reference::is_condition(&self.inner.code)
    }

    /// The value of an expression that reads nothing, e.g. `1 > 2`; `None` for any other.
    #[must_use]
    pub fn constant(&self) -> Option<Value> {
        if self.inner.references.is_empty() { self.evaluate(&Scope::new()).ok() } else { None }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source()).finish()
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source()).finish()
    }
}

impl<T> Compiled<T> {
    /// Says which part of the source failed, and on which line if there are several.
    fn error(&self, fault: Fault) -> Error {
        let Some(range) = fault.range else {
            return Error::new(ErrorKind::Template, fault.message);
        };
        let mut excerpt: String =
            self.source.get(range.clone()).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        if excerpt.chars().count() > MAX_EXCERPT {
            excerpt = excerpt.chars().take(MAX_EXCERPT).chain(['…']).collect();
        }
        let line = if self.source.trim_end().contains('\n') {
            format!(" (line {})", self.source[..range.start].matches('\n').count() + 1)
        } else {
            String::new()
        };
        let error = Error::new(ErrorKind::Template, format!("`{excerpt}`{line}: {}", fault.message));
        match fault.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// How much of a failing expression an error shows, in characters.
const MAX_EXCERPT: usize = 60;

/// Data whose strings are templates: what `value`, `with`, `outputs` and `on_error: { use: … }` hold.
#[derive(Debug, Clone)]
pub enum TemplateTree {
    /// A value without templates.
    Literal(Value),
    /// A string with `{{ … }}`.
    Text(Template),
    /// A list.
    List(Vec<TemplateTree>),
    /// A map.
    Map(IndexMap<String, TemplateTree>),
}

impl TemplateTree {
    /// Whether `text` must be compiled, because it holds `{{`, `{%` or `{#`. Other strings are literals.
    #[must_use]
    pub fn is_template(text: &str) -> bool {
        ["{{", "{%", "{#"].iter().any(|start| text.contains(start))
    }

    /// What it reads, in the order written.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found.into_iter()
    }

    fn collect<'tree>(&'tree self, found: &mut Vec<&'tree Reference>) {
        match self {
            Self::Literal(_) => {}
            Self::Text(template) => found.extend(template.references()),
            Self::List(items) => items.iter().for_each(|item| item.collect(found)),
            Self::Map(fields) => fields.values().for_each(|field| field.collect(found)),
        }
    }

    /// Renders every string in it.
    ///
    /// # Errors
    /// As [`Template::render`], with the place in the tree.
    pub fn render(&self, scope: &Scope) -> Result<Value> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Text(template) => template.render(scope),
            Self::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| item.render(scope).map_err(|err| err.context(format!("element {index}"))))
                .collect::<Result<_>>()
                .map(Value::Array),
            Self::Map(fields) => fields
                .iter()
                .map(|(name, field)| {
                    let value = field.render(scope).map_err(|err| err.context(format!("`{name}`")))?;
                    Ok((name.clone(), value))
                })
                .collect::<Result<_>>()
                .map(Value::Object),
        }
    }

    /// Whether nothing in it is a template.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        match self {
            Self::Literal(_) => true,
            Self::Text(_) => false,
            Self::List(items) => items.iter().all(Self::is_literal),
            Self::Map(fields) => fields.values().all(Self::is_literal),
        }
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
