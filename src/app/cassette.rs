//! Cassettes of runs: which one is used and how, and what may not stand in it.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    provider::{Cassette, Scrub},
    tool::{LiveSecrets, Redactor, placeholders},
};

pub use crate::provider::{CassetteMode, CassetteReport};

/// A cassette, and what is done with it. Kept with a run, so that a resume goes on in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CassetteChoice {
    /// Its file, relative to the working folder.
    pub path: PathBuf,
    /// What is done with it.
    pub mode: CassetteMode,
}

impl CassetteChoice {
    /// Whether nobody is ever asked.
    pub(super) fn asks_nobody(&self) -> bool {
        self.mode.asks_nobody()
    }

    /// Opens the cassette for a run that begins, or that has begun before. What is secret is what `live` knows, and what looks like a key.
    ///
    /// # Errors
    /// As [`Cassette::open`].
    pub fn open(&self, folder: &Path, has_begun: bool, live: &LiveSecrets) -> Result<Arc<Cassette>> {
        let scrub = Arc::new(Redacting(Redactor::new(live)));
        Cassette::open(folder.join(&self.path), self.mode, has_begun, scrub).map(Arc::new)
    }
}

/// Keeps secrets out of cassettes, as they are kept out of logs.
#[derive(Debug)]
struct Redacting(Redactor);

impl Scrub for Redacting {
    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.redact(text)
    }

    fn placeholders(&self, text: &str) -> Vec<(String, String)> {
        placeholders(text)
    }
}
