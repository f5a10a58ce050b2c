//! The guard of URLs by itself: for fuzz targets, and no part of the interface.

use super::guard::Target;
use crate::{
    error::Result,
    tool::{Authorized, ToolCall},
};

/// The URL that a request to `url` would ask for, redirected to each of `locations` in turn, if `call` may go there each time.
///
/// # Errors
/// `Invalid` for what is no URL, `Malformed` for such a redirect, `Denied` when `call` may not go there.
pub fn permitted(url: &str, locations: &[&str], call: &Authorized<ToolCall>) -> Result<String> {
    let mut target = Target::parse(url)?;
    target.permit(call)?;
    for location in locations {
        target = target.join(location)?;
        target.permit(call)?;
    }
    Ok(target.url().to_string())
}
