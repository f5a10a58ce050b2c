//! What a template may read: names and their values, in layers.

use std::{collections::HashMap, fmt, sync::Arc};

use indexmap::IndexMap;
use minijinja::value::Value as Data;

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
    template::{budget::Budget, convert},
};

/// A value of a run, converted once for all templates. Cloning copies no data.
#[derive(Clone)]
pub struct Shared(pub(super) Data);

impl Shared {
    /// Converts `value`.
    #[must_use]
    pub fn new(value: &Value) -> Self {
        Self(convert::from_json(value))
    }

    /// The value of what is absent, such as the output of a skipped node.
    #[must_use]
    pub fn none() -> Self {
        Self(Data::from(()))
    }

    /// A map of values that are converted already.
    #[must_use]
    pub fn object(fields: IndexMap<String, Self>) -> Self {
        Self(Data::from_pairs(fields.into_iter().map(|(name, value)| (name, value.0))))
    }

    /// A list of values that are converted already.
    #[must_use]
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self(items.into_iter().map(|item| item.0).collect())
    }

    /// The value as it was before conversion.
    ///
    /// # Errors
    /// `Template`, when it is larger than a template may make a value.
    pub fn to_json(&self) -> Result<Value> {
        convert::to_json(&self.0, &mut Budget::new())
            .map_err(|fault| Error::new(ErrorKind::Template, format!("an output {}", fault.message)))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({})", self.0.kind())
    }
}

/// Names and their values. A child sees what its parent holds when the child is made, and may hide it.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    layer: Arc<Layer>,
}

#[derive(Debug, Clone, Default)]
struct Layer {
    names: HashMap<String, Shared>,
    parent: Option<Arc<Layer>>,
}

impl Scope {
    /// A scope without names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives `name` a value, here and for children made later.
    pub fn set(&mut self, name: &str, value: Shared) {
        Arc::make_mut(&mut self.layer).names.insert(name.to_owned(), value);
    }

    /// A scope of its own that sees the names of this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { layer: Arc::new(Layer { names: HashMap::new(), parent: Some(Arc::clone(&self.layer)) }) }
    }

    /// The value of `name`, the nearest layer first.
    pub(super) fn get(&self, name: &str) -> Option<&Data> {
        let mut layer = Some(&self.layer);
        while let Some(current) = layer {
            if let Some(found) = current.names.get(name) {
                return Some(&found.0);
            }
            layer = current.parent.as_ref();
        }
        None
    }

    /// All names, for suggestions.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let mut layer = Some(&self.layer);
        while let Some(current) = layer {
            names.extend(current.names.keys().map(String::as_str));
            layer = current.parent.as_ref();
        }
        names.sort_unstable();
        names
    }
}
