//! The one description of the format: which keys there are and what each takes. The structural check and the JSON Schema are made
//! from it. Only data here; nothing is computed.

mod agents;
mod approval;
mod eval_file;
mod interchange;
mod memory;
mod messages;
mod policy;
mod test_file;
mod tools;
mod workflow;

pub(super) use agents::MANIFEST;
pub(super) use eval_file::EVAL_FILE;
pub(super) use interchange::{EDGE, EXCHANGED_NODE, INTERCHANGE};
pub(super) use policy::POLICY;
pub(super) use test_file::TEST_FILE;
pub(super) use workflow::{NODE, WORKFLOW};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Text, taken as it is.
    Text,
    /// Text that may hold `{{ … }}`.
    Template,
    /// An expression: text, or a bare `true` or `false`.
    Expression,
    /// Text that is a name of its own.
    Name(NameRule),
    /// An address that begins with `http://` or `https://`.
    Url,
    /// What calls of tools may touch.
    Permission,
    /// The absolute path of a folder.
    Folder,
    /// One of these words, each with what it means.
    Word(&'static [(&'static str, &'static str)]),
    /// `true` or `false`.
    Bool,
    /// A number.
    Number {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// A whole number, written as a number.
    Whole {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A whole number or text such as `400k`; at least 1.
    Count(CountSize),
    /// A duration.
    Duration {
        /// Whether it may be zero.
        may_be_zero: bool,
    },
    /// A rate.
    Rate,
    /// Any value; its texts may be templates.
    Data,
    /// A schema, in shorthand or as JSON Schema.
    Schema,
    /// An input of a workflow: a schema, or the long form.
    Input,
    /// A list.
    List {
        /// Each item.
        of: &'static Shape,
        /// The fewest items.
        min: usize,
    },
    /// One, or a list of them.
    OneOrMany {
        /// Each item.
        of: &'static Shape,
        /// The fewest items of a list.
        min: usize,
    },
    /// A map with free keys.
    Map {
        /// What the keys must be.
        keys: NameRule,
        /// What the values must be.
        of: &'static Shape,
        /// Whether there must be an entry.
        filled: bool,
    },
    /// A map with the keys of the format.
    Object(&'static Object),
    /// A short form, or a map with the keys of the format.
    Short(&'static Shape, &'static Object),
}

/// How large a count may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountSize {
    /// Below a thousand million.
    Small,
    /// Below a thousand million million.
    Large,
}

impl CountSize {
    /// The largest count.
    pub(super) fn max(self) -> u64 {
        match self {
            Self::Small => 999_999_999,
            Self::Large => crate::manifest::MAX_COUNT,
        }
    }
}

/// What a name must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameRule {
    /// Any text but the empty one.
    Filled,
    /// `^[a-z0-9][a-z0-9_-]{0,63}$`: agents, providers.
    Name,
    /// The same, and not reserved: nodes.
    NodeId,
    /// `^[a-z_][a-z0-9_]{0,63}$`: inputs.
    Identifier,
    /// The same, and not reserved but for `item`: what templates call an element.
    ElementName,
    /// A variable of the environment.
    Variable,
    /// What an output may be called: a node id or an identifier.
    Output,
    /// The name of an HTTP header.
    Header,
}

/// A map with the keys of the format.
#[derive(Debug)]
pub(super) struct Object {
    /// Its name in the JSON Schema.
    pub name: &'static str,
    /// What it is, with its article, for messages: `an agent`.
    pub what: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys.
    pub fields: &'static [Field],
    /// Keys of which exactly one says what the thing is, with the keys that belong to each.
    pub kinds: &'static [Kind],
    /// Keys that are part of the format, but not of this version.
    pub later: &'static [&'static str],
    /// What its keys demand of each other.
    pub rules: &'static [Rule],
}

impl Object {
    /// An object without any keys, to be filled by struct update.
    pub(super) const EMPTY: Self = Self { name: "", what: "", doc: "", fields: &[], kinds: &[], later: &[], rules: &[] };

    /// The kinds that are written among `keys`. A key that belongs to another kind among them says nothing: an agent may have a
    /// `recall`, and is no node that recalls.
    pub(super) fn written_kinds(&self, has: &dyn Fn(&str) -> bool) -> Vec<&'static Kind> {
        let written: Vec<&'static Kind> = self.kinds.iter().filter(|kind| has(kind.field.name)).collect();
        let belongs = |kind: &Kind| written.iter().any(|other| other.has(kind.field.name));
        written.iter().copied().filter(|kind| !belongs(kind)).collect()
    }

    /// All keys it may have, those of its kinds included.
    pub(super) fn all_fields(&self) -> impl Iterator<Item = &'static Field> + '_ {
        self.fields.iter().chain(self.kinds.iter().flat_map(|kind| std::iter::once(&kind.field).chain(kind.fields)))
    }
}

/// A key of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The key.
    pub name: &'static str,
    /// Its value.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What it means, in a sentence.
    pub doc: &'static str,
}

impl Field {
    /// A key that may be left out.
    const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, required: false, doc }
    }

    /// A key that must be there.
    const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, required: true, doc }
    }
}

/// One of the things an object can be.
#[derive(Debug)]
pub(super) struct Kind {
    /// The key that says so.
    pub field: Field,
    /// Keys that only this kind has.
    pub fields: &'static [Field],
    /// Keys of this kind that are not in this version.
    pub later: &'static [&'static str],
    /// What its keys demand of each other.
    pub rules: &'static [Rule],
}

impl Kind {
    /// Whether it has the key `name` besides the one that says so.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }
}

/// What keys demand of each other.
#[derive(Debug)]
pub(super) enum Rule {
    /// At most one of them.
    NotBoth(&'static str, &'static str),
    /// At least one of them.
    Either(&'static str, &'static str),
    /// The first only with the second.
    Needs(&'static str, &'static str),
}
