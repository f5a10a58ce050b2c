//! The files a project is made of, and positions in them.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{error::Result, model::StoredSource};

/// Which of the [`Sources`] a span is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

/// A value and where it is written. For values made in code, the span is that of an empty file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub span: Span,
}

/// One file: its path as shown to people, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user gave it or as it was found; `<stdin>` for standard input.
    pub path: PathBuf,
    /// The text, without a byte order mark.
    pub text: String,
}

/// All files read so far, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    files: Vec<SourceFile>,
}

/// Where files come from: the disk, or the log of a run.
pub trait Files: fmt::Debug {
    /// Reads a whole file as text.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when it is a directory, too large, not UTF-8, or contains a NUL byte.
    fn read(&self, path: &Path) -> Result<String>;

    /// Whether there is a file at `path`.
    fn exists(&self, path: &Path) -> bool;
}

/// Files on disk. A file over 1 MiB is refused before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

/// Files as they were when a run began.
#[derive(Debug, Clone)]
pub struct StoredFiles {
    files: Vec<StoredSource>,
}
