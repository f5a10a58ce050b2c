//! The files of a revision, as [`Files`]: a workflow is compiled from them as from the disk.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use super::{Repository, git, text};
use crate::{
    diagnostic::{Files, MAX_FILE_BYTES, decode_text},
    error::{Error, ErrorKind, Result},
};

/// How many links are followed to a file.
const MOST_LINKS: usize = 8;
/// The modes of what is no folder: a file, a program, and a link.
const FILE: &str = "100644";
const PROGRAM: &str = "100755";
const LINK: &str = "120000";

/// A revision of a repository: what was in its files.
#[derive(Debug, Clone)]
pub struct Revision {
    repository: Repository,
    /// As it was named.
    name: String,
    /// By path from the root of the repository.
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    is_link: bool,
    object: String,
    bytes: u64,
}

impl Revision {
    pub(super) fn read(repository: &Repository, name: &str, commit: &str) -> Result<Self> {
        let listed = git(&repository.root, &["ls-tree", "-r", "-z", "--long", "--full-tree", commit])?;
        let entries = listed.split(|byte| *byte == 0).filter_map(entry).collect();
        Ok(Self { repository: repository.clone(), name: name.to_owned(), entries })
    }

    /// What it was called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The files that were in `folder` and in the folders below it, named as if they were found there, in the order of their names.
    #[must_use]
    pub fn files_in(&self, folder: &Path) -> Vec<PathBuf> {
        let Some(inside) = self.inside(folder) else { return Vec::new() };
        let rest = self.entries.keys().filter_map(|path| path.strip_prefix(&inside).ok());
        rest.filter(|rest| !rest.as_os_str().is_empty()).map(|rest| folder.join(rest)).collect()
    }

    /// A path from the root of the repository; `None` for one outside of it.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let Repository { root, here } = &self.repository;
        let whole = plain(&here.join(path));
        if let Ok(inside) = whole.strip_prefix(root) {
            return Some(inside.to_owned());
        }
        // The way there may lead over links outside of the repository.
        let (folder, name) = (whole.parent()?, whole.file_name()?);
        Some(fs::canonicalize(folder).ok()?.join(name).strip_prefix(root).ok()?.to_owned())
    }

    /// What is at `path` in the end, when links are followed.
    fn find(&self, path: &Path) -> Option<&Entry> {
        let mut path = self.inside(path)?;
        for _ in 0..=MOST_LINKS {
            match self.entries.get(&path) {
                Some(entry) if !entry.is_link => return Some(entry),
                Some(_) => path = self.follow(&path, Path::new(""))?,
                None => {
                    let linked = path.ancestors().skip(1).find(|above| self.entries.contains_key(*above))?.to_owned();
                    let rest = path.strip_prefix(&linked).ok()?.to_owned();
                    path = self.follow(&linked, &rest)?;
                }
            }
        }
        None
    }

    /// Where the link at `link` leads, and `rest` from there; `None` when that is outside of the repository.
    fn follow(&self, link: &Path, rest: &Path) -> Option<PathBuf> {
        let entry = self.entries.get(link).filter(|entry| entry.is_link)?;
        let target = text(&git(&self.repository.root, &["cat-file", "blob", &entry.object]).ok()?);
        let root = &self.repository.root;
        let beside = root.join(link.parent()?).join(target).join(rest);
        Some(plain(&beside).strip_prefix(root).ok()?.to_owned())
    }
}

impl Files for Revision {
    fn read(&self, path: &Path) -> Result<String> {
        let shown = format!("{}:{}", self.name, path.display());
        let entry = self.find(path).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no file `{shown}`")))?;
        if entry.bytes > MAX_FILE_BYTES {
            return Err(Error::new(ErrorKind::Invalid, format!("`{shown}` is larger than 1 MiB")));
        }
        decode_text(&shown, git(&self.repository.root, &["cat-file", "blob", &entry.object])?)
    }

    fn exists(&self, path: &Path) -> bool {
        self.find(path).is_some()
    }
}

/// `MODE TYPE OBJECT BYTES<tab>PATH`, as `git ls-tree --long` writes it; `None` for what is neither file nor link.
fn entry(line: &[u8]) -> Option<(PathBuf, Entry)> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let about = std::str::from_utf8(&line[..tab]).ok()?;
    let path = PathBuf::from(std::str::from_utf8(&line[tab + 1..]).ok()?);
    let mut words = about.split_ascii_whitespace();
    let (mode, _, object, bytes) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_known = [FILE, PROGRAM, LINK].contains(&mode);
    is_known.then(|| (path, Entry { is_link: mode == LINK, object: object.to_owned(), bytes: bytes.parse().unwrap_or(u64::MAX) }))
}

/// A whole path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, process::Command};

    use tempfile::TempDir;

    use super::*;

    /// A repository with one commit, whose files are other by now.
    fn repository() -> (TempDir, Revision) {
        let folder = TempDir::new().unwrap();
        let root = folder.path();
        let run = |args: &[&str]| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
            let output = Command::new("git").arg("-C").arg(root).args(identity).args(args).output().unwrap();
            assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run(&["init", "-q", "-b", "main"]);
        fs::create_dir_all(root.join("real/deep")).unwrap();
        fs::write(root.join("real/deep/a b.md"), "then\n").unwrap();
        fs::write(root.join("large.md"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
        fs::write(root.join("bytes.md"), b"a\0b").unwrap();
        symlink("real/deep", root.join("folder")).unwrap();
        symlink("folder/a b.md", root.join("link.md")).unwrap();
        symlink("/etc/hostname", root.join("out.md")).unwrap();
        symlink("circle.md", root.join("circle.md")).unwrap();
        run(&["add", "-A"]);
        run(&["commit", "-q", "-m", "one"]);
        run(&["branch", "other"]);
        fs::write(root.join("real/deep/a b.md"), "now\n").unwrap();
        run(&["commit", "-q", "-a", "-m", "two"]);
        let revision = Repository::around(root).unwrap().at("HEAD~1").unwrap();
        (folder, revision)
    }

    #[test]
    fn files_are_read_as_they_were_and_links_are_followed_inside_of_the_repository() {
        let (folder, revision) = repository();
        let read = |path: &str| revision.read(&folder.path().join(path));
        for path in ["real/deep/a b.md", "real/./deep/../deep/a b.md", "folder/a b.md", "link.md"] {
            assert_eq!(read(path).unwrap(), "then\n", "{path}");
        }
        for path in ["out.md", "circle.md", "real", "none.md", "../none.md"] {
            assert_eq!(read(path).unwrap_err().kind(), ErrorKind::NotFound, "{path}");
            assert!(!revision.exists(&folder.path().join(path)), "{path}");
        }
    }

    #[test]
    fn what_is_no_text_or_too_large_is_refused_as_on_disk() {
        let (folder, revision) = repository();
        let refused = |path: &str| revision.read(&folder.path().join(path)).unwrap_err().to_string();
        assert!(refused("large.md").contains("is larger than 1 MiB"));
        assert!(refused("bytes.md").contains("is no text: NUL"));
    }

    #[test]
    fn the_files_of_a_folder_are_named_as_if_they_were_found_there() {
        let (folder, revision) = repository();
        assert_eq!(revision.files_in(&folder.path().join("real")), [folder.path().join("real/deep/a b.md")]);
        assert_eq!(revision.files_in(Path::new("/nowhere")), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn where_a_branch_left_another_is_a_revision_and_what_is_none_is_told() {
        let (folder, _) = repository();
        let repository = Repository::around(&folder.path().join("gone/with/its/folder.yaml")).unwrap();
        let file = folder.path().join("link.md");
        assert_eq!(repository.at("other...").unwrap().read(&file).unwrap(), "then\n");
        assert_eq!(repository.at("...").unwrap().read(&file).unwrap(), "now\n");
        for bad in ["none", "", "--all", "-h", "main:link.md", "none..."] {
            let err = repository.at(bad).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::NotFound, "{bad}: {err}");
        }
        assert_eq!(Repository::around(Path::new("/")).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
