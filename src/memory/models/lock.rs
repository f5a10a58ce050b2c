//! One process at a time works on the files of a model.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

use super::files::{make_folder, unwritable};
use crate::error::Result;

/// The time between two looks whether another process is done.
const LOOK: Duration = Duration::from_millis(200);

/// Holds the model called `name` in `folder` until it is dropped; the system lets go of it when the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other process works on the model.
    ///
    /// # Errors
    /// `Invalid` when the folder cannot be written.
    pub(super) async fn wait(folder: &Path, name: &str) -> Result<Self> {
        loop {
            if let Some(lock) = Self::now(folder, name)? {
                return Ok(lock);
            }
            tracing::info!(model = name, "another process works on the model");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The lock, unless another process has it.
    ///
    /// # Errors
    /// `Invalid` when the folder cannot be written.
    pub(super) fn now(folder: &Path, name: &str) -> Result<Option<Self>> {
        make_folder(folder)?;
        let path = folder.join(format!(".{name}.lock"));
        let mut options = File::options();
        let file = options.create(true).write(true).truncate(false).open(&path).map_err(|err| unwritable(&path, err))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(err)) => Err(unwritable(&path, err)),
        }
    }
}
