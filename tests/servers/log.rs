//! The file that says what the server was asked. A request is on disk before its answer leaves, so no kill of a client, and none of the
//! server, loses one.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;

/// A request, as the log tells it.
#[derive(Serialize)]
pub(crate) struct Entry<'a> {
    /// Its number, from 1. The log gives it.
    pub(crate) n: u64,
    /// When it came, in milliseconds since 1970. The log gives it.
    pub(crate) at_ms: i64,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The last message of a conversation; `null` for an effect.
    pub(crate) prompt: Option<&'a str>,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) body_sha256: String,
    /// What the server will do.
    pub(crate) reply: String,
    /// The key was seen before, so nothing is done again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) repeat: bool,
}

/// Numbers requests and writes them down.
pub(crate) struct Log {
    file: Option<File>,
    /// Whether lines are flushed to disk.
    sync: bool,
    /// The number of the last line written; held while a line is written.
    written: Mutex<u64>,
    /// The number of the last line that is on disk; held while the disk works, so that those who wait meanwhile share the next flush.
    durable: Mutex<u64>,
}

impl Log {
    /// Appends to `path`.
    pub(crate) fn open(path: &Path, sync: bool) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { file: Some(file), sync, ..Self::nowhere() })
    }

    /// Counts, and writes nothing.
    pub(crate) fn nowhere() -> Self {
        Self { file: None, sync: false, written: Mutex::new(0), durable: Mutex::new(0) }
    }

    /// Whether anybody reads what is written.
    pub(crate) fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    /// Numbers a request and writes it down; returns once it is on disk. `entry` makes it from its number: lines are written in the
    /// order of what it decides.
    pub(crate) fn request<'a>(&self, entry: impl FnOnce(u64) -> Entry<'a>) -> io::Result<()> {
        let number = {
            let mut written = lock(&self.written);
            let entry = Entry { at_ms: Timestamp::now().as_millisecond(), ..entry(*written + 1) };
            self.line(&entry)?;
            *written += 1;
            *written
        };
        let Some(file) = self.file.as_ref().filter(|_| self.sync) else { return Ok(()) };
        let mut durable = lock(&self.durable);
        if *durable < number {
            let written = *lock(&self.written);
            file.sync_data()?;
            *durable = written;
        }
        Ok(())
    }

    /// Notes that an answer could be sent.
    pub(crate) fn done(&self, number: u64) -> io::Result<()> {
        #[derive(Serialize)]
        struct Done {
            n: u64,
            done: bool,
        }
        let _written = lock(&self.written);
        self.line(&Done { n: number, done: true })
    }

    fn line(&self, line: &impl Serialize) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        file.write_all(text.as_bytes())
    }
}

/// Whoever panicked with the lock held left a number that is right.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
