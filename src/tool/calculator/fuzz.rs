//! The calculator without a call: for fuzz targets, and no part of the interface.

use crate::error::Result;

/// The value of an expression, as it is written.
///
/// # Errors
/// `Invalid` for what has none.
pub fn value_of(expression: &str) -> Result<String> {
    super::compute(expression).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
