//! The file of a cassette: read and checked, written all at once.

use std::{io::Write as _, path::Path};

use tempfile::NamedTempFile;

use super::entry::{FORMAT, Tape};
use crate::{
    error::{Error, ErrorKind, Result},
    model::yaml,
};

/// What stands above everything else.
const HEAD: &str =
    "# Recorded by agentflow: what was asked, and what was answered. Answers may be edited; what was asked is recorded anew.\n";

/// Reads a cassette; `None` when there is no such file.
///
/// # Errors
/// `Invalid` when it cannot be read or is no cassette; `Corrupt` when it is of a newer version.
pub(super) fn read(path: &Path) -> Result<Option<Tape>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(err) => {
            let message = format!("cannot read the cassette `{}`", path.display());
            return Err(Error::new(ErrorKind::Invalid, message).source(err));
        }
    };
    parse(&text).map(Some).map_err(|err| err.context(format!("cassette `{}`", path.display())))
}

/// Reads the text of a cassette.
///
/// # Errors
/// As [`read`].
pub(super) fn parse(text: &str) -> Result<Tape> {
    let tape: Tape = serde_saphyr::from_str(text).map_err(|err| {
        let text = err.to_string();
        let error = Error::new(ErrorKind::Invalid, text.lines().next().unwrap_or("it is no YAML").to_owned());
        if text.contains("<<<<<<<") {
            error.hint("it has conflicts of a merge: `git checkout --conflict=diff3 FILE` shows both sides whole; keep both")
        } else {
            error
        }
    })?;
    if tape.format > FORMAT {
        let message = format!("it has format {}, and this program reads up to {FORMAT}", tape.format);
        return Err(Error::new(ErrorKind::Corrupt, message).hint("use a newer version of agentflow, or record it anew"));
    }
    Ok(tape)
}

/// The text of a cassette.
pub(super) fn text(tape: &Tape) -> String {
    let value = serde_json::to_value(tape).expect("plain data has a JSON form");
    format!("{HEAD}{}", yaml::document(&value))
}

/// The text that a cassette is written as, once it is read from `text`.
///
/// # Errors
/// As [`read`].
pub(in crate::provider) fn rewritten(text: &str) -> Result<String> {
    parse(text).map(|tape| self::text(&tape))
}

/// Writes a cassette in the place of what the file held, all at once.
///
/// # Errors
/// `Invalid` when it cannot be written.
pub(super) fn write(path: &Path, tape: &Tape) -> Result<()> {
    let written = beside(path).and_then(|mut file| {
        file.write_all(text(tape).as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file.persist(path)?)
    });
    written.map(drop).map_err(|err| cannot_write(path).source(err))
}

/// Finds out whether a cassette can be written, before anything is paid for.
///
/// # Errors
/// `Invalid` when it cannot.
pub(super) fn check_writable(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(cannot_write(path).hint("it is a folder: name a file in it, e.g. `run.cassette.yaml`"));
    }
    beside(path).map(drop).map_err(|err| cannot_write(path).source(err))
}

/// A new file in the folder of `path`, which others may read as far as the person lets others read new files.
fn beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cassette-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn cannot_write(path: &Path) -> Error {
    Error::new(ErrorKind::Invalid, format!("cannot write the cassette `{}`", path.display()))
}
