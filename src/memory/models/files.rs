//! Files and folders of models, with bounds.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// How much is read at once.
const PIECE: usize = 1 << 20;

/// The bytes of a file, `most` of them; `None` when it is not there.
///
/// # Errors
/// `Corrupt` when it has more, `Invalid` when it cannot be read.
pub(in crate::memory) fn read_file(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(err) => return Err(unreadable(path, err)),
    };
    let size = file.metadata().map_err(|err| unreadable(path, err))?.len();
    if size > most {
        let text = format!("`{}` has {size} bytes; no such file has more than {most}", path.display());
        return Err(Error::new(ErrorKind::Corrupt, text));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(most).read_to_end(&mut bytes).map_err(|err| unreadable(path, err))?;
    Ok(Some(bytes))
}

/// The SHA-256 of a file, in hex.
///
/// # Errors
/// `Invalid` when it cannot be read.
pub(in crate::memory) fn sha256_of(path: &Path) -> Result<String> {
    hash_of(path).map(|hash| HEXLOWER.encode(&hash.finalize()))
}

/// The hash of what a file has so far, to be gone on with.
pub(super) fn hash_of(path: &Path) -> Result<Sha256> {
    let mut file = File::open(path).map_err(|err| unreadable(path, err))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).map_err(|err| unreadable(path, err))? {
            0 => return Ok(hash),
            read => hash.update(&piece[..read]),
        }
    }
}

/// How many bytes a file has; `None` when it is none.
pub(super) fn size(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// How many bytes the files of a model have.
pub(super) fn size_of_folder(folder: &Path) -> u64 {
    [super::CONFIG, super::WEIGHTS, super::TOKENIZER, super::SENTENCES, super::POOLING]
        .iter()
        .filter_map(|name| size(&folder.join(name)))
        .sum()
}

/// The names of the folders in `folder`, sorted; none when it is not there.
pub(super) fn folders(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(unreadable(folder, err)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|err| unreadable(folder, err))?;
        if entry.path().is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

/// Makes `folder`, with those above it.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|err| unwritable(folder, err))
}

/// Puts the folder `ready` in the place of `folder`, whatever is there.
pub(super) fn put_in_place(ready: &Path, folder: &Path) -> Result<()> {
    if folder.symlink_metadata().is_ok() {
        let gone = ready.with_extension("old");
        drop(fs::remove_dir_all(&gone));
        fs::rename(folder, &gone).map_err(|err| unwritable(folder, err))?;
        fs::rename(ready, folder).map_err(|err| unwritable(folder, err))?;
        // What is left behind takes room and does no harm.
        drop(fs::remove_dir_all(&gone));
        return Ok(());
    }
    fs::rename(ready, folder).map_err(|err| unwritable(folder, err))
}

/// The error of something that cannot be read.
pub(super) fn unreadable(path: &Path, err: io::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("`{}` cannot be read", path.display())).source(err)
}

/// The error of something that cannot be written.
pub(super) fn unwritable(path: &Path, err: io::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("`{}` cannot be written", path.display()))
        .source(err)
        .hint("`AGENTFLOW_MODELS=DIR` names another folder for models")
}
