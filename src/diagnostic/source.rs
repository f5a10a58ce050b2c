//! The files a project is made of, and positions in them.

use std::{
    fmt, io,
    io::Read as _,
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{
    diagnostic::align,
    error::{Error, ErrorKind, Result},
    model::StoredSource,
};

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

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

impl Span {
    /// The bytes `range` of `file`.
    #[must_use]
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file, start: narrow(range.start), end: narrow(range.end.max(range.start)) }
    }

    /// The bytes as a range.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The smallest span with both in it; `self` when they are in different files.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file != other.file {
            return self;
        }
        Self { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A value and where it is written. For values made in code, the span is that of an empty file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, written at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Changes the value and keeps the place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), span: self.span }
    }
}

/// A place as people count it: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file, as [`SourceFile::path`].
    pub path: PathBuf,
    /// The line of the first byte.
    pub line: usize,
    /// The column of the first byte.
    pub column: usize,
    /// The line of the byte after the last one.
    pub end_line: usize,
    /// The column of the byte after the last one.
    pub end_column: usize,
}

/// One file: its path as shown to people, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user gave it or as it was found; `<stdin>` for standard input.
    pub path: PathBuf,
    /// The text, without a byte order mark.
    pub text: String,
    /// Where each line begins, so that positions are found without reading the text again.
    lines: Vec<u32>,
}

impl SourceFile {
    fn new(path: PathBuf, text: String) -> Self {
        let lines = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, byte)| *byte == b'\n')
                    .map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)),
            )
            .collect();
        Self { path, text, lines }
    }

    /// Line and column of a byte, both from 1; the last place for a byte beyond the end.
    #[must_use]
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let offset = floor_char(&self.text, offset);
        let line = self.lines.partition_point(|start| *start as usize <= offset);
        let start = self.lines[line - 1] as usize;
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// The text of a line (from 1), without its line break; empty when there is no such line.
    #[must_use]
    pub fn line(&self, line: usize) -> &str {
        let Some(start) = line.checked_sub(1).and_then(|index| self.lines.get(index)) else {
            return "";
        };
        let rest = &self.text[*start as usize..];
        rest.split('\n').next().unwrap_or("").trim_end_matches('\r')
    }
}

/// The nearest character boundary at or before `offset`.
fn floor_char(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// All files read so far, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file and returns its id. A byte order mark is dropped.
    pub fn add(&mut self, path: PathBuf, text: String) -> FileId {
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let id = FileId(u32::try_from(self.files.len()).expect("no project has four billion files"));
        self.files.push(SourceFile::new(path, text));
        id
    }

    /// The file of an id that [`Sources::add`] gave.
    #[must_use]
    pub fn get(&self, file: FileId) -> &SourceFile {
        &self.files[file.0 as usize]
    }

    /// All files with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(&self.files)
    }

    /// The text of a span; empty when the span does not fit its file.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.files.get(span.file.0 as usize).and_then(|file| file.text.get(span.range())).unwrap_or("")
    }

    /// Where a span begins and ends, as people count it.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        let file = self.get(span.file);
        let (line, column) = file.line_and_column(span.start as usize);
        let (end_line, end_column) = file.line_and_column(span.end as usize);
        Position { path: file.path.clone(), line, column, end_line, end_column }
    }

    /// Where the bytes `range` of a string value stand in the file: `decoded` is the value and `span` its source, with quotes or
    /// block scalar header. Gives `span` when source and value do not belong together.
    #[must_use]
    pub fn inside(&self, span: Span, decoded: &str, range: Range<usize>) -> Span {
        let is_toml = self
            .files
            .get(span.file.0 as usize)
            .and_then(|file| file.path.extension())
            .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        align::source_range(self.text(span), decoded, range, is_toml)
            .map_or(span, |inner| Span::new(span.file, span.start as usize + inner.start..span.start as usize + inner.end))
    }
}

/// Where files come from: the disk, or the log of a run.
pub trait Files: fmt::Debug {
    /// Reads a whole file as text. A byte order mark is dropped.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when it is a directory, cannot be opened, is larger than [`MAX_FILE_BYTES`], not UTF-8, or contains a
    /// NUL byte.
    fn read(&self, path: &Path) -> Result<String>;

    /// Whether there is a file at `path`.
    fn exists(&self, path: &Path) -> bool;
}

/// Files on disk. A file over 1 MiB is refused before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> Result<String> {
        let shown = path.display();
        let failed = |err: &io::Error| match err.kind() {
            io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("no file `{shown}`")),
            io::ErrorKind::PermissionDenied => Error::new(ErrorKind::Invalid, format!("`{shown}` may not be read"))
                .hint("check the permissions of the file and of its folders"),
            _ => Error::new(ErrorKind::Invalid, format!("`{shown}` cannot be read: {err}")),
        };
        let metadata = std::fs::metadata(path).map_err(|err| failed(&err))?;
        if metadata.is_dir() {
            return Err(Error::new(ErrorKind::Invalid, format!("`{shown}` is a directory")).hint("name a file in it"));
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(too_large(&shown.to_string()));
        }
        let file = std::fs::File::open(path).map_err(|err| failed(&err))?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
        // A pipe or a device has no length in advance.
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|err| failed(&err))?;
        decode_text(&shown.to_string(), bytes)
    }

    fn exists(&self, path: &Path) -> bool {
        path.is_file()
    }
}

fn too_large(shown: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("`{shown}` is larger than 1 MiB"))
        .hint("a workflow, manifest or prompt is text that people write: give data as an input instead")
}

/// Checks what was read of a file or of standard input: its size, UTF-8, no NUL bytes. Drops a byte order mark.
///
/// # Errors
/// `Invalid`, with the position of the first bad byte.
pub fn decode_text(shown: &str, bytes: Vec<u8>) -> Result<String> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(shown));
    }
    let place = |offset: usize| {
        let line = bytes[..offset].split(|byte| *byte == b'\n').count();
        format!("byte {offset}, line {line}")
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Error::new(ErrorKind::Invalid, format!("`{shown}` is no text: NUL at {}", place(at)))
            .hint("save the file as UTF-8; UTF-16 and binary files are not read"));
    }
    if let Err(err) = std::str::from_utf8(&bytes) {
        return Err(Error::new(ErrorKind::Invalid, format!("`{shown}` is not UTF-8: at {}", place(err.valid_up_to())))
            .hint("save the file as UTF-8"));
    }
    let mut text = String::from_utf8(bytes).expect("checked above");
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Files as they were when a run began.
#[derive(Debug, Clone)]
pub struct StoredFiles {
    files: Vec<StoredSource>,
}

impl StoredFiles {
    /// Serves `files` by their paths.
    #[must_use]
    pub fn new(files: Vec<StoredSource>) -> Self {
        Self { files }
    }

    fn find(&self, path: &Path) -> Option<&StoredSource> {
        self.files.iter().find(|file| Path::new(&file.path) == path)
    }
}

impl Files for StoredFiles {
    fn read(&self, path: &Path) -> Result<String> {
        self.find(path)
            .map(|file| file.text.clone())
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the run has no file `{}`", path.display())))
    }

    fn exists(&self, path: &Path) -> bool {
        self.find(path).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_characters_and_lines_end_with_or_without_a_carriage_return() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml".into(), "\u{feff}aé: b\r\nc\n".to_owned());
        let at = |range| {
            let position = sources.position(Span::new(file, range));
            (position.line, position.column, position.end_line, position.end_column)
        };
        assert_eq!(at(0..1), (1, 1, 1, 2));
        assert_eq!(at(5..6), (1, 5, 1, 6));
        assert_eq!(at(8..9), (2, 1, 2, 2));
        assert_eq!(at(10..99), (3, 1, 3, 1));
        assert_eq!(sources.get(file).line(1), "aé: b");
        assert_eq!(sources.get(file).line(9), "");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_position() {
        assert_eq!(decode_text("f", b"a\nb\0".to_vec()).unwrap_err().message(), "`f` is no text: NUL at byte 3, line 2");
        assert_eq!(decode_text("f", b"a\xff".to_vec()).unwrap_err().message(), "`f` is not UTF-8: at byte 1, line 1");
        assert_eq!(decode_text("f", "\u{feff}a".into()).unwrap(), "a");
        assert_eq!(decode_text("f", vec![b'a'; 1024 * 1024 + 1]).unwrap_err().message(), "`f` is larger than 1 MiB");
    }

    #[test]
    fn stored_files_are_found_by_path() {
        let files = StoredFiles::new(vec![StoredSource { path: "a/b.md".into(), text: "hi".into() }]);
        assert_eq!(files.read(Path::new("a/b.md")).unwrap(), "hi");
        assert_eq!(files.read(Path::new("b.md")).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(files.exists(Path::new("a/b.md")) && !files.exists(Path::new("b.md")));
    }
}
