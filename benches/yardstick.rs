//! What this machine does with work that is always the same, at this moment: times are held against it, so that a busy or a slower
//! hour is not taken for a change of the program.

use std::{hint::black_box, time::Duration};

use sha2::{Digest as _, Sha256};

use crate::{
    figure::Unit,
    measure::{quantile, time},
    store::raw_flushes,
};

/// How many times each piece of work is done.
const ROUNDS: usize = 15;
/// What is hashed at once.
const BYTES: usize = 256 * 1024;

/// How long one piece of work takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Yardstick {
    processor: Duration,
    disk: Duration,
}

impl Yardstick {
    pub(crate) fn take() -> Self {
        let bytes = vec![7; BYTES];
        let hash = || {
            let _hash = black_box(Sha256::digest(black_box(&bytes)));
        };
        let mut hashes: Vec<_> = (0..ROUNDS).map(|_| time(hash)).collect();
        let folder = tempfile::tempdir_in(".").unwrap();
        let mut flushes = raw_flushes(&folder.path().join("yard"), ROUNDS);
        Self { processor: quantile(&mut hashes, 0.5), disk: quantile(&mut flushes, 0.5) }
    }

    /// In seconds, what figures of this unit are held against.
    pub(crate) fn of(&self, unit: Unit) -> Option<f64> {
        match unit {
            Unit::Processor => Some(self.processor.as_secs_f64()),
            Unit::Disk => Some(self.disk.as_secs_f64()),
            Unit::Seconds | Unit::Times | Unit::Kibibytes | Unit::Missing => None,
        }
    }
}
