//! What is in a file, as it was at one moment.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::PathBuf,
    time::Duration,
};

use jiff::Timestamp;
use rustix::fs::OFlags;

use crate::{
    error::{Error, ErrorKind, Result},
    memory::Source,
};

/// How often a file that changes is read anew.
const ATTEMPTS: usize = 3;

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// What it is called: its path from the project's folder, with `/`.
    pub name: String,
    path: PathBuf,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSource {
    /// What is in it.
    pub source: Source,
    /// What a reader should know: that it was changing.
    pub note: Option<String>,
    /// What told its state when it was read; `None` when it may change without that telling it, because it has just been changed.
    pub stamp: Option<Stamp>,
}

/// What changes with a file: as long as it is the same, the file need not be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was last written.
    pub modified: Timestamp,
}

/// How long after a change the clock of a file system may stand still: what is changed twice meanwhile looks unchanged.
const TICK: Duration = Duration::from_secs(2);

impl SourceFile {
    pub(super) fn new(name: String, path: PathBuf) -> Self {
        Self { name, path }
    }

    /// Reads the file, if it has at most `max_bytes` bytes. Only a file is opened, however its path has changed since.
    ///
    /// # Errors
    /// `NotFound` when it is gone, `Invalid` when it is no file, cannot be read, or is larger.
    pub fn read(&self, max_bytes: usize) -> Result<ReadSource> {
        let read = settled(|| self.attempt(max_bytes)).map_err(|err| err.context(format!("`{}`", self.name.escape_debug())))?;
        let note = (!read.is_settled).then(|| format!("it was changing while it was read, {ATTEMPTS} times"));
        let stamp = read.stamp.filter(|_| read.is_settled);
        Ok(ReadSource { source: Source { name: self.name.clone(), bytes: read.bytes, media_type: None }, note, stamp })
    }

    /// What tells the state of the file now; `None` when that cannot be told.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        stamp_of(&self.path.symlink_metadata().ok().filter(Metadata::is_file)?)
    }

    fn attempt(&self, max_bytes: usize) -> Result<Attempt> {
        // Opening a pipe would wait for who writes into it.
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
        #[expect(clippy::cast_possible_wrap, reason = "the flags are those of `open`, whose type differs by name only")]
        let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(&self.path).map_err(unreadable)?;
        let begun = Timestamp::now();
        let before = file.metadata().map_err(unreadable)?;
        if !before.is_file() {
            return Err(Error::new(ErrorKind::Invalid, "it is no file").hint("only files are read"));
        }
        if usize::try_from(before.len()).map_or(true, |len| len > max_bytes) {
            return Err(too_large(before.len(), max_bytes));
        }
        let bytes = read_up_to(&file, max_bytes)?;
        let after = file.metadata().map_err(unreadable)?;
        let is_settled = stamp(&before) == stamp(&after) && (bytes.len() as u64 == after.len() || after.len() == 0);
        let stamp = stamp_of(&before).filter(|stamp| begun.duration_since(stamp.modified) > TICK.try_into().unwrap_or_default());
        Ok(Attempt { bytes, is_settled, stamp })
    }
}

/// What one attempt to read has read.
struct Attempt {
    bytes: Vec<u8>,
    /// Whether nobody changed the file meanwhile.
    is_settled: bool,
    stamp: Option<Stamp>,
}

fn stamp_of(metadata: &Metadata) -> Option<Stamp> {
    let nanoseconds = i32::try_from(metadata.mtime_nsec()).ok()?;
    Some(Stamp { bytes: metadata.len(), modified: Timestamp::new(metadata.mtime(), nanoseconds).ok()? })
}

/// Attempts until nobody changes the file meanwhile, some times.
fn settled(mut attempt: impl FnMut() -> Result<Attempt>) -> Result<Attempt> {
    let mut last = attempt()?;
    for _ in 1..ATTEMPTS {
        if last.is_settled {
            break;
        }
        last = attempt()?;
    }
    Ok(last)
}

/// What changes with a file.
fn stamp(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

fn read_up_to(file: &File, max_bytes: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max_bytes as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > max_bytes { Err(too_large(bytes.len() as u64, max_bytes)) } else { Ok(bytes) }
}

fn too_large(bytes: u64, max_bytes: usize) -> Error {
    let text = format!("it has {bytes} bytes or more; {max_bytes} are the most");
    Error::new(ErrorKind::Invalid, text).hint("add a part of it, or text made from it")
}

fn unreadable(err: io::Error) -> Error {
    match err.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "it is gone"),
        io::ErrorKind::PermissionDenied => {
            Error::new(ErrorKind::Invalid, "it may not be read by this user").hint("change its permissions")
        }
        _ => Error::new(ErrorKind::Invalid, format!("it cannot be read: {err}")).source(err),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::SystemTime};

    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, SourceFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, content).unwrap();
        (folder, SourceFile::new("a.txt".to_owned(), path))
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let (_folder, file) = file(b"12345");
        let read = file.read(5).unwrap();
        assert_eq!((read.source.bytes.as_slice(), read.note), (&b"12345"[..], None));
        assert!(file.read(4).unwrap_err().to_string().contains("5 bytes or more; 4 are the most"));
    }

    #[test]
    fn a_file_that_is_gone_is_told_by_its_kind() {
        let (_folder, file) = file(b"1");
        fs::remove_file(&file.path).unwrap();
        let err = file.read(5).unwrap_err();
        assert_eq!((err.kind(), err.to_string().as_str()), (ErrorKind::NotFound, "`a.txt`: it is gone"));
    }

    #[test]
    fn only_a_file_that_was_left_alone_for_a_while_tells_its_state() {
        let (_folder, file) = file(b"12345");
        assert_eq!(file.read(5).unwrap().stamp, None, "it may change again within the same tick");
        let an_hour_ago = SystemTime::from(Timestamp::now()) - Duration::from_secs(3_600);
        File::options().write(true).open(&file.path).unwrap().set_modified(an_hour_ago).unwrap();
        let stamp = file.read(5).unwrap().stamp.unwrap();
        assert_eq!((Some(stamp), stamp.bytes), (file.stamp(), 5));
        fs::write(&file.path, b"54321").unwrap();
        assert_ne!(file.stamp(), Some(stamp));
    }

    #[test]
    fn what_became_a_pipe_or_a_link_is_not_read() {
        let (_folder, file) = file(b"1");
        fs::remove_file(&file.path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &file.path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(file.read(5).unwrap_err().to_string().contains("it is no file"));
        fs::remove_file(&file.path).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &file.path).unwrap();
        assert_eq!(file.read(500).unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_told_if_it_does_not_end() {
        let attempts = |settled_at: usize| {
            let mut count = 0;
            let read = settled(|| {
                count += 1;
                Ok(Attempt { bytes: vec![u8::try_from(count).unwrap()], is_settled: count >= settled_at, stamp: None })
            });
            let read = read.unwrap();
            (read.bytes[0], read.is_settled)
        };
        assert_eq!(attempts(1), (1, true));
        assert_eq!(attempts(2), (2, true));
        assert_eq!(attempts(9), (3, false));
    }
}
