//! What came of the use of a cassette.

use std::path::PathBuf;

use serde::Serialize;

/// What came of the use of a cassette.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CassetteReport {
    /// Where it is.
    pub path: PathBuf,
    /// How many answers of models and tools were taken from it.
    pub played: usize,
    /// How many were added.
    pub recorded: usize,
    /// How many were asked for that it does not have.
    pub missed: usize,
    /// What it has that nobody asked for.
    pub unused: Vec<String>,
    /// How many of these were dropped.
    pub dropped: usize,
}
