//! A disk that forgets: what was flushed is there after a power loss, and of everything else, anything may be.
//!
//! What is modelled: the contents of files, their lengths, and the names in folders. A write that was not flushed may be lost, be
//! there, or be torn: each sector of 512 bytes is old or new on its own, so later writes may be there when earlier ones are not. Bytes
//! next to a write are not harmed (what SQLite calls power-safe overwrite), and a sector is never half old and half new. A file that
//! grew may have its new length and zeros where the data should be. Names that were not flushed with their folder may be
//! missing, or be the old ones still, each on its own; folders of most file systems keep more than that (see [`Names`]). What a disk
//! loses after it said that it has it is not modelled.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fastrand::Rng;

use super::trace::{Deed, Step};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// When the name of a new file is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// When its folder was flushed: all that POSIX says.
    WithTheFolder,
    /// When the file itself was flushed, too, as ext4, XFS and Btrfs have it.
    WithTheFile,
}

/// How much of what was not flushed is lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Everything,
    Nothing,
    /// Each write as a whole, one of so many.
    Writes(f64),
    /// Each sector, one of so many.
    Sectors(f64),
    /// All that came after a point, and the write at the point is torn.
    Tail,
}

/// A change to a file that was not flushed.
#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Debug, Default)]
struct File {
    flushed: Vec<u8>,
    pending: Vec<(Change, usize)>,
}

/// A change to the names in a folder that was not flushed.
#[derive(Debug, Clone)]
enum Naming {
    Add(PathBuf, Entry),
    Remove(PathBuf),
    Move { from: PathBuf, to: PathBuf, entry: Entry },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    File(usize),
}

/// The disk below one folder, which itself is there for good.
pub(super) struct Disk {
    names_are_durable: Names,
    files: Vec<File>,
    /// As the program sees them.
    names: BTreeMap<PathBuf, Entry>,
    flushed_names: BTreeMap<PathBuf, Entry>,
    pending_names: Vec<Naming>,
}

impl Disk {
    pub(super) fn new(names_are_durable: Names) -> Self {
        Self {
            names_are_durable,
            files: Vec::new(),
            names: BTreeMap::new(),
            flushed_names: BTreeMap::new(),
            pending_names: Vec::new(),
        }
    }

    /// Takes the next step.
    pub(super) fn take(&mut self, step: &Step) {
        match &step.deed {
            Deed::Create(path) => drop(self.file_at(path)),
            Deed::MakeFolder(path) => self.name(Naming::Add(path.clone(), Entry::Folder)),
            Deed::Write { path, at, bytes } => {
                let file = self.file_at(path);
                self.files[file].pending.push((Change::Write { at: *at, bytes: bytes.clone() }, step.ended));
            }
            Deed::Truncate { path, length } => {
                let file = self.file_at(path);
                self.files[file].pending.push((Change::Truncate(*length), step.ended));
            }
            Deed::Flush(path) => self.flush(path, step.began),
            Deed::Rename { from, to } => {
                let entry = self.names[from];
                self.name(Naming::Move { from: from.clone(), to: to.clone(), entry });
            }
            Deed::Unlink(path) => self.name(Naming::Remove(path.clone())),
            Deed::Show(_) => {}
        }
    }

    /// The file of that name, which comes into being when it is not there.
    fn file_at(&mut self, path: &Path) -> usize {
        if let Some(Entry::File(file)) = self.names.get(path) {
            return *file;
        }
        self.files.push(File::default());
        let file = self.files.len() - 1;
        self.name(Naming::Add(path.to_owned(), Entry::File(file)));
        file
    }

    fn name(&mut self, naming: Naming) {
        apply_naming(&mut self.names, &naming);
        self.pending_names.push(naming);
    }

    /// Keeps what was done to a file, or to a folder, before the flush began.
    fn flush(&mut self, path: &Path, began: usize) {
        let Some(Entry::File(file)) = self.names.get(path).copied() else {
            return self.flush_names(|naming| folders(naming).contains(&path));
        };
        let File { flushed, pending } = &mut self.files[file];
        let (done, left) = std::mem::take(pending).into_iter().partition(|(_, ended)| *ended < began);
        *pending = left;
        let done: Vec<(Change, usize)> = done;
        for (change, _) in &done {
            apply(flushed, change, || true);
        }
        if self.names_are_durable == Names::WithTheFile {
            self.flush_names(
                |naming| matches!(naming, Naming::Add(_, entry) | Naming::Move { entry, .. } if *entry == Entry::File(file)),
            );
        }
    }

    fn flush_names(&mut self, which: impl Fn(&Naming) -> bool) {
        let (flushed, pending) = std::mem::take(&mut self.pending_names).into_iter().partition(which);
        self.pending_names = pending;
        let flushed: Vec<Naming> = flushed;
        for naming in &flushed {
            apply_naming(&mut self.flushed_names, naming);
        }
    }

    /// The files that are there when the power comes back. The steps in `under_way` had begun.
    pub(super) fn after_power_loss<'a>(
        &self,
        under_way: impl Iterator<Item = &'a Step>,
        random: &mut Rng,
    ) -> Vec<(PathBuf, Vec<u8>)> {
        let loss = match random.u8(0..6) {
            0 => Loss::Everything,
            1 => Loss::Nothing,
            2 => Loss::Writes(random.f64()),
            3 | 4 => Loss::Sectors(random.f64()),
            _ => Loss::Tail,
        };
        let mut more: Vec<(usize, Change)> = Vec::new();
        for step in under_way {
            let (path, change) = match &step.deed {
                Deed::Write { path, at, bytes } => (path, Change::Write { at: *at, bytes: bytes.clone() }),
                Deed::Truncate { path, length } => (path, Change::Truncate(*length)),
                _ => continue,
            };
            if let Some(Entry::File(file)) = self.names.get(path) {
                more.push((*file, change));
            }
        }
        let mut names = self.flushed_names.clone();
        for naming in &self.pending_names {
            let kept = match loss {
                Loss::Everything => false,
                Loss::Nothing => true,
                _ => random.bool(),
            };
            if kept {
                apply_naming(&mut names, naming);
            }
        }
        let reachable = |path: &Path| {
            let above = path.ancestors().skip(1).filter(|above| self.names.contains_key(*above));
            above.into_iter().all(|above| names.contains_key(above))
        };
        let mut files = Vec::new();
        for (path, entry) in &names {
            if let (Entry::File(file), true) = (entry, reachable(path)) {
                let pending = self.files[*file].pending.iter().map(|(change, _)| change);
                let pending: Vec<_> = pending.chain(more.iter().filter(|(of, _)| of == file).map(|(_, change)| change)).collect();
                files.push((path.clone(), contents(&self.files[*file].flushed, &pending, loss, random)));
            }
        }
        files
    }
}

/// The folders whose names are changed.
fn folders(naming: &Naming) -> [&Path; 2] {
    let (one, other) = match naming {
        Naming::Add(path, _) | Naming::Remove(path) => (path, path),
        Naming::Move { from, to, .. } => (from, to),
    };
    [one, other].map(|path| path.parent().unwrap())
}

fn apply_naming(names: &mut BTreeMap<PathBuf, Entry>, naming: &Naming) {
    match naming {
        Naming::Add(path, entry) => drop(names.insert(path.clone(), *entry)),
        Naming::Remove(path) => drop(names.remove(path)),
        Naming::Move { from, to, entry } => {
            names.remove(from);
            names.insert(to.clone(), *entry);
        }
    }
}

/// A file after the loss of some of what was not flushed.
fn contents(flushed: &[u8], pending: &[&Change], loss: Loss, random: &mut Rng) -> Vec<u8> {
    let mut bytes = flushed.to_vec();
    let cut = random.usize(0..=pending.len());
    for (nth, change) in pending.iter().enumerate() {
        let share = match loss {
            Loss::Everything => 1.0,
            Loss::Nothing => 0.0,
            Loss::Writes(share) => f64::from(u8::from(random.f64() < share)),
            Loss::Sectors(share) => share,
            Loss::Tail if nth == cut => 0.5,
            Loss::Tail => f64::from(u8::from(nth > cut)),
        };
        apply(&mut bytes, change, || random.f64() >= share);
        // The length is kept apart from the data, and may be there without it.
        if let Change::Write { at, bytes: written } = change
            && share < 1.0
            && bytes.len() < at + written.len()
            && random.bool()
        {
            bytes.resize(at + written.len(), 0);
        }
    }
    bytes
}

/// Changes `bytes`, of a write only the sectors that are kept.
fn apply(bytes: &mut Vec<u8>, change: &Change, mut keeps: impl FnMut() -> bool) {
    match change {
        Change::Truncate(length) => {
            if keeps() {
                bytes.resize(*length, 0);
            }
        }
        Change::Write { at, bytes: written } => {
            let mut from = 0;
            while from < written.len() {
                let sector_end = ((at + from) / SECTOR + 1) * SECTOR;
                let to = (sector_end - at).min(written.len());
                if keeps() {
                    if bytes.len() < at + to {
                        bytes.resize(at + to, 0);
                    }
                    bytes[at + from..at + to].copy_from_slice(&written[from..to]);
                }
                from = to;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        PathBuf::from("/s").join(name)
    }

    /// A disk after these deeds, one after the other.
    fn disk(names: Names, deeds: Vec<Deed>) -> Disk {
        let mut disk = Disk::new(names);
        for (nth, deed) in deeds.into_iter().enumerate() {
            disk.take(&Step { deed, began: nth, ended: nth });
        }
        disk
    }

    fn write(name: &str, byte: u8, length: usize) -> Deed {
        Deed::Write { path: path(name), at: 0, bytes: vec![byte; length] }
    }

    /// All that may be there under `name` after a power loss; `None` when nothing may.
    fn outcomes(disk: &Disk, name: &str) -> Vec<Option<Vec<u8>>> {
        let after = |seed| {
            let files = disk.after_power_loss(std::iter::empty(), &mut Rng::with_seed(seed));
            files.into_iter().find(|(path, _)| path.ends_with(name)).map(|(_, bytes)| bytes)
        };
        let mut found: Vec<_> = (0..500).map(after).collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn what_was_flushed_is_there_and_what_was_not_may_be_torn_lost_or_zero() {
        let flushed = vec![write("a", 1, 1024), Deed::Flush(path("a")), Deed::Flush("/s".into())];
        assert_eq!(outcomes(&disk(Names::WithTheFolder, flushed.clone()), "a"), [Some(vec![1; 1024])]);
        let again = disk(Names::WithTheFolder, [flushed, vec![write("a", 2, 1024)]].concat());
        let torn = |one, other| Some([[one; 512], [other; 512]].concat());
        assert_eq!(outcomes(&again, "a"), [torn(1, 1), torn(1, 2), torn(2, 1), torn(2, 2)]);
    }

    #[test]
    fn a_name_is_there_when_its_folder_was_flushed_or_where_that_is_enough_the_file() {
        let deeds = vec![Deed::MakeFolder(path("f")), Deed::Flush("/s".into()), write("f/a", 1, 512), Deed::Flush(path("f/a"))];
        assert_eq!(outcomes(&disk(Names::WithTheFile, deeds.clone()), "a"), [Some(vec![1; 512])]);
        assert_eq!(outcomes(&disk(Names::WithTheFolder, deeds.clone()), "a"), [None, Some(vec![1; 512])]);
        let flushed = [deeds, vec![Deed::Flush(path("f"))]].concat();
        assert_eq!(outcomes(&disk(Names::WithTheFolder, flushed.clone()), "a"), [Some(vec![1; 512])]);
        let renamed = disk(Names::WithTheFolder, [flushed, vec![Deed::Rename { from: path("f/a"), to: path("f/b") }]].concat());
        assert_eq!(outcomes(&renamed, "b"), [None, Some(vec![1; 512])]);
        assert_eq!(outcomes(&renamed, "a"), [None, Some(vec![1; 512])]);
    }

    #[test]
    fn a_flush_that_began_before_a_write_ended_says_nothing_of_it() {
        let mut disk = disk(Names::WithTheFile, vec![write("a", 1, 512), Deed::Flush(path("a"))]);
        disk.take(&Step { deed: write("a", 2, 512), began: 10, ended: 13 });
        disk.take(&Step { deed: Deed::Flush(path("a")), began: 12, ended: 14 });
        assert_eq!(outcomes(&disk, "a").len(), 2);
        disk.take(&Step { deed: Deed::Flush(path("a")), began: 15, ended: 16 });
        assert_eq!(outcomes(&disk, "a"), [Some(vec![2; 512])]);
    }
}
