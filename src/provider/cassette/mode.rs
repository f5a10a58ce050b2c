//! What is done with a cassette.

use serde::{Deserialize, Serialize};

/// What is done with a cassette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CassetteMode {
    /// Everything is really asked, and written into a fresh file.
    Record,
    /// What the cassette has is taken from it; what is missing is really asked, and added.
    Replay,
    /// What the cassette has is taken from it; what is missing is an error. Nobody is asked, and no key is needed.
    ReplayOrFail,
    /// What the cassette has is taken from it; what is missing is asked, and nothing is written. For tests, in which a simulated model
    /// answers what was not recorded.
    ReplayOrAsk,
}

impl CassetteMode {
    /// Whether answers are added.
    #[must_use]
    pub fn records(self) -> bool {
        matches!(self, Self::Record | Self::Replay)
    }

    /// Whether answers are taken.
    #[must_use]
    pub fn plays(self) -> bool {
        !matches!(self, Self::Record)
    }

    /// Whether nobody is ever asked.
    #[must_use]
    pub fn asks_nobody(self) -> bool {
        matches!(self, Self::ReplayOrFail)
    }
}
