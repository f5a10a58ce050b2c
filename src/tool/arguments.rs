//! The arguments of a call as a type of the tool's own.

use serde::de::DeserializeOwned;

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
};

/// Reads `arguments`. They were held to the tool's schema before; here is the second net.
///
/// # Errors
/// `Invalid` when they do not fit.
pub(super) fn read_arguments<T: DeserializeOwned>(arguments: &Value) -> Result<T> {
    T::deserialize(arguments).map_err(|err| Error::new(ErrorKind::Invalid, format!("the arguments do not fit: {err}")))
}
