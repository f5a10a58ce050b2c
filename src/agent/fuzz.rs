//! The search for JSON in answers by itself: for fuzz targets, and no part of the interface.

use super::json::find;
use crate::model::Value;

/// The JSON in what a model wrote; an object or a list is liked best.
#[must_use]
pub fn json_in(text: &str) -> Option<Value> {
    find(text, |value| value.is_object() || value.is_array()).ok().map(|found| found.value)
}
