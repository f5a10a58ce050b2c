//! What `loop` is inside a `for`.

use std::sync::Arc;

use minijinja::value::Value as Data;

/// One pass through a `for`.
pub(super) struct Round {
    pub(super) items: Arc<[Data]>,
    pub(super) index: usize,
}

impl Round {
    const FIELDS: [&'static str; 11] =
        ["index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem", "nextitem"];

    pub(super) fn field(&self, name: &str) -> Option<Data> {
        let length = self.items.len();
        let neighbour =
            |index: Option<usize>| index.and_then(|index| self.items.get(index)).cloned().unwrap_or_else(|| Data::from(()));
        Some(match name {
            "index" => Data::from(self.index + 1),
            "index0" => Data::from(self.index),
            "revindex" => Data::from(length - self.index),
            "revindex0" => Data::from(length - self.index - 1),
            "first" => Data::from(self.index == 0),
            "last" => Data::from(self.index + 1 == length),
            "length" => Data::from(length),
            // There are no recursive loops.
            "depth" => Data::from(1),
            "depth0" => Data::from(0),
            "previtem" => neighbour(self.index.checked_sub(1)),
            "nextitem" => neighbour(Some(self.index + 1)),
            _ => return None,
        })
    }

    pub(super) fn to_map(&self) -> Data {
        Data::from_pairs(Self::FIELDS.iter().filter_map(|name| Some((*name, self.field(name)?))))
    }
}
