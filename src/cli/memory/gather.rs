//! What the places on the command line mean, before any of it is read.

use std::{
    collections::HashSet,
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use crate::{
    app::{
        Settings,
        memory::{ProjectMemory, download},
    },
    cli::memory::{args::MemoryAddArgs, noted},
    error::{Error, ErrorKind, Result},
    memory::{Content, ExtractLimits, Found, Item, Notes, Pending, ReadItem, Sources},
    model::Writer,
};

/// What is to be added.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) pending: Vec<Pending>,
    /// What was found and cannot be read, and why.
    pub(super) skipped: Vec<(String, Error)>,
    /// The files among it.
    names: HashSet<String>,
}

/// Looks for all places.
///
/// # Errors
/// `NotFound` and `Invalid` for a place that is none: nothing is added then.
pub(super) fn gather(args: &MemoryAddArgs, project: &ProjectMemory, settings: &Settings) -> Result<Gathered> {
    let sources = project.sources()?;
    let folder = project.folder().canonicalize().unwrap_or_else(|_| project.folder().to_owned());
    let notes = Notes { scope: args.scope.clone(), untrusted: args.untrusted, metadata: noted(&args.meta) };
    let mut gathered = Gathered::default();
    let mut read_stdin = false;
    for place in &args.places {
        if place == "-" {
            if std::mem::replace(&mut read_stdin, true) {
                return Err(Error::new(ErrorKind::Invalid, "standard input can be read once only"));
            }
            gathered.pending.push(Pending::from(item(&args.name, stdin()?, None, notes.clone())));
        } else if is_url(place) {
            gathered.pending.push(page(place.clone(), settings.clone(), folder.clone(), notes.clone()));
        } else {
            files(&sources, &from_project(place, &folder)?, &notes, &mut gathered)?;
        }
    }
    Ok(gathered)
}

fn is_url(place: &str) -> bool {
    let start = place.get(..8).unwrap_or(place).to_ascii_lowercase();
    start.starts_with("http://") || start.starts_with("https://")
}

/// A page, which strangers wrote.
fn page(url: String, settings: Settings, folder: PathBuf, notes: Notes) -> Pending {
    let notes = Notes { untrusted: true, ..notes };
    Pending::new(url.clone(), async move {
        let got = download(&url, &settings, &folder).await?;
        let note = (got.url != url).then(|| format!("it is from {}", got.url));
        Ok(ReadItem { item: item(&url, got.bytes, got.media_type, notes), note })
    })
}

fn item(source: &str, bytes: Vec<u8>, media_type: Option<String>, notes: Notes) -> Item {
    let Notes { scope, untrusted, metadata } = notes;
    let content = Content::Bytes { bytes, media_type };
    Item { source: source.to_owned(), content, scope, writer: Writer::default(), untrusted, metadata }
}

fn stdin() -> Result<Vec<u8>> {
    let most = ExtractLimits::default().source_bytes;
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(most as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|err| Error::new(ErrorKind::Invalid, "standard input cannot be read").source(err))?;
    Ok(bytes)
}

/// A place of the working folder as one of the project's folder, from which names are.
fn from_project(place: &str, folder: &Path) -> Result<String> {
    let here = std::env::current_dir()
        .map_err(|err| Error::new(ErrorKind::Invalid, "the working folder cannot be found").source(err))?;
    if place.trim().is_empty() || Path::new(place).is_absolute() || here == folder {
        return Ok(place.to_owned());
    }
    let mut path = PathBuf::new();
    for part in here.join(place).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    let place = path.strip_prefix(folder).unwrap_or(&path);
    Ok(if place.as_os_str().is_empty() { ".".to_owned() } else { place.to_string_lossy().into_owned() })
}

fn files(sources: &Sources, place: &str, notes: &Notes, gathered: &mut Gathered) -> Result<()> {
    let mut is_empty = true;
    for found in sources.find(place)? {
        is_empty = false;
        match found {
            // A file that two places name is added once.
            Found::File(file) if !gathered.names.insert(file.name.clone()) => {}
            Found::File(file) => gathered.pending.push(Pending::file(file, notes.clone())),
            Found::Skipped { name, why } => gathered.skipped.push((name, Error::new(ErrorKind::Invalid, why))),
        }
    }
    if is_empty {
        let text = format!("`{}` fits no file", place.escape_debug());
        return Err(Error::new(ErrorKind::NotFound, text)
            .hint("hidden files, `target`, `node_modules` and what `.gitignore` names are left out; name such a file itself"));
    }
    Ok(())
}
