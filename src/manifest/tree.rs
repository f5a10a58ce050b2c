//! One tree for YAML, TOML and JSON: every value and every key knows where it is written.

use std::collections::HashMap;

use crate::{
    diagnostic::{Span, Spanned},
    manifest::Entries,
    model::Value,
};

/// A value with its position.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// Where the value is written; for strings, with their quotes.
    pub span: Span,
    /// The value.
    pub kind: TreeKind,
}

/// What a [`Tree`] holds.
#[derive(Debug, Clone, PartialEq)]
pub enum TreeKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order written, without duplicate keys.
    Map(Entries<Tree>),
}

impl Tree {
    /// `kind`, written at `span`.
    #[must_use]
    pub fn new(span: Span, kind: TreeKind) -> Self {
        Self { span, kind }
    }

    /// A value made in code: everything in it has the place `span`.
    #[must_use]
    pub fn from_value(value: &Value, span: Span) -> Self {
        let kind = match value {
            Value::Null => TreeKind::Null,
            Value::Bool(value) => TreeKind::Bool(*value),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| TreeKind::Float(number.as_f64().unwrap_or(f64::NAN)), TreeKind::Integer)
            }
            Value::String(text) => TreeKind::String(text.clone()),
            Value::Array(items) => TreeKind::List(items.iter().map(|item| Self::from_value(item, span)).collect()),
            Value::Object(fields) => TreeKind::Map(
                fields.iter().map(|(key, item)| (Spanned::new(key.clone(), span), Self::from_value(item, span))).collect(),
            ),
        };
        Self { span, kind }
    }

    /// The value without its positions. Infinite numbers and NaN, which JSON does not have, become `null`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.kind {
            TreeKind::Null => Value::Null,
            TreeKind::Bool(value) => Value::Bool(*value),
            TreeKind::Integer(number) => Value::from(*number),
            TreeKind::Float(number) => Value::from(*number),
            TreeKind::String(text) => Value::String(text.clone()),
            TreeKind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            TreeKind::Map(entries) => {
                Value::Object(entries.iter().map(|(key, item)| (key.value.clone(), item.to_value())).collect())
            }
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            TreeKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&[(Spanned<String>, Self)]> {
        match &self.kind {
            TreeKind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.kind {
            TreeKind::List(items) => Some(items),
            _ => None,
        }
    }

    /// `true` or `false`, if it is one of them.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            TreeKind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if it is one without a fraction that fits.
    #[must_use]
    pub fn as_whole(&self) -> Option<i64> {
        match self.kind {
            TreeKind::Integer(number) => Some(number),
            #[expect(clippy::cast_possible_truncation, reason = "the number is whole and within 2^53")]
            TreeKind::Float(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => Some(number as i64),
            _ => None,
        }
    }

    /// The number, if it is a finite one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self.kind {
            #[expect(clippy::cast_precision_loss, reason = "numbers of the format are far below 2^52")]
            TreeKind::Integer(number) => Some(number as f64),
            TreeKind::Float(number) if number.is_finite() => Some(number),
            _ => None,
        }
    }

    /// The value of a key, if it is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The key with its place and its value, if it is a map that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&(Spanned<String>, Self)> {
        self.as_map()?.iter().find(|(name, _)| name.value == key)
    }

    /// What it is, for "found …": `a number`, `a list`, ….
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            TreeKind::Null => "nothing",
            TreeKind::Bool(true) => "`true`",
            TreeKind::Bool(false) => "`false`",
            TreeKind::Integer(_) => "a whole number",
            TreeKind::Float(_) => "a number",
            TreeKind::String(_) => "text",
            TreeKind::List(_) => "a list",
            TreeKind::Map(_) => "a map",
        }
    }
}

/// Collects the entries of a map and finds keys that are there twice.
#[derive(Default)]
pub(super) struct MapBuilder {
    entries: Entries<Tree>,
    /// Made only for large maps: most have a handful of keys.
    index: HashMap<String, usize>,
}

impl MapBuilder {
    const SMALL: usize = 16;

    /// Adds an entry, or gives the place of the earlier key of that name and drops the new one.
    pub(super) fn insert(&mut self, key: Spanned<String>, value: Tree) -> Result<(), Span> {
        if let Some(at) = self.position(&key.value) {
            return Err(self.entries[at].0.span);
        }
        self.entries.push((key, value));
        if self.entries.len() == Self::SMALL {
            self.index = self.entries.iter().enumerate().map(|(at, (key, _))| (key.value.clone(), at)).collect();
        } else if let (true, Some((key, _))) = (self.entries.len() > Self::SMALL, self.entries.last()) {
            self.index.insert(key.value.clone(), self.entries.len() - 1);
        }
        Ok(())
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    pub(super) fn into_entries(self) -> Entries<Tree> {
        self.entries
    }

    fn position(&self, key: &str) -> Option<usize> {
        if self.entries.len() < Self::SMALL {
            return self.entries.iter().position(|(name, _)| name.value == key);
        }
        self.index.get(key).copied()
    }
}
