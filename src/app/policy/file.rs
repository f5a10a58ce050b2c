//! Where the policy file is, and whether it can be trusted: it belongs to the operator, and nobody else may have written it.

use std::{
    fs::{File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    app::{environment, policy::PolicySettings, project::folder_of},
    diagnostic::{MAX_FILE_BYTES, Sources, decode_text},
    error::{Error, ErrorKind, Result},
    manifest::{PolicyManifest, read_policy_text},
};

/// The policy file below the folder of a person's settings.
const DEFAULT_FILE: &str = "agentflow/policy.toml";
/// How many problems of a policy file are told.
const MOST_TOLD: usize = 10;
/// The largest file that is a secret, in bytes.
const MOST_OF_SECRET: u64 = 64 * 1024;

/// Where the policy file is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPlace {
    /// The file.
    pub path: PathBuf,
    /// Who says so.
    by: NamedBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamedBy {
    /// `--policy`
    Option,
    /// `AGENTFLOW_POLICY`
    Variable,
    /// Nobody: it is where such files are kept.
    Default,
}

/// Where the policy file is looked for; `None` when nobody says so and there is no home.
#[must_use]
pub fn place(settings: &PolicySettings) -> Option<PolicyPlace> {
    if let Some(path) = &settings.file {
        return Some(PolicyPlace { path: path.clone(), by: NamedBy::Option });
    }
    if let Some(path) = environment::variable("AGENTFLOW_POLICY") {
        return Some(PolicyPlace { path: path.into(), by: NamedBy::Variable });
    }
    let absolute = |name| environment::variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let settings = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(PolicyPlace { path: settings.join(DEFAULT_FILE), by: NamedBy::Default })
}

/// Reads the policy file; `None` when it was not named and is not there. `project` is the folder of the project, without links.
pub(super) fn read(place: &PolicyPlace, project: &Path) -> Result<Option<(PolicyManifest, Sources)>> {
    let path = &place.path;
    let file = match open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == ErrorKind::NotFound && place.by == NamedBy::Default => return Ok(None),
        Err(err) => return Err(err),
    };
    if place.by != NamedBy::Option && is_inside(path, project) {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("the policy file `{}` is in the project `{}`", path.display(), project.display()),
        )
        .hint("who writes the project, or a tool in it, could give itself permissions: keep the policy elsewhere")
        .hint(format!("or say that it is meant: `--policy {}`", path.display())));
    }
    let metadata = file.metadata().map_err(|err| unreadable(path, err))?;
    check_owner(path, metadata.uid(), rustix::process::geteuid().as_raw())?;
    check_writers(path, &metadata)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|err| unreadable(path, err))?;
    let text = decode_text(&path.display().to_string(), bytes)?;
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let manifest = read_policy_text(path, text, &mut sources, &mut problems);
    let told: Vec<String> = problems
        .iter()
        .map(|problem| {
            let place = sources.position(problem.span);
            let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("line {}, column {}: {}{hint}", place.line, place.column, problem.message)
        })
        .collect();
    match manifest {
        Some(manifest) if told.is_empty() => Ok(Some((manifest, sources))),
        _ => Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "the policy file `{}` has errors\n       {}",
                path.display(),
                told[..told.len().min(MOST_TOLD)].join("\n       ")
            ),
        )
        .hint("nothing is run by a policy that is not understood; `agentflow schema policy` prints what it may have")),
    }
}

/// The value in the file of a secret, or why there is none.
pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(MOST_OF_SECRET).read_to_string(&mut text)?;
        Ok(text)
    };
    // A pipe would keep the reader waiting for ever.
    if !path.is_file() {
        return Err(format!("there is no file `{}`", path.display()));
    }
    read().map_err(|err| format!("`{}` cannot be read: {err}", path.display()))
}

fn open(path: &Path) -> Result<File> {
    let found = path.metadata().map_err(|err| unreadable(path, err))?;
    if !found.is_file() {
        return Err(Error::new(ErrorKind::Invalid, format!("the policy `{}` is no file", path.display())));
    }
    File::open(path).map_err(|err| unreadable(path, err))
}

fn unreadable(path: &Path, err: io::Error) -> Error {
    if err.kind() == io::ErrorKind::NotFound {
        return Error::new(ErrorKind::NotFound, format!("there is no policy file `{}`", path.display()))
            .hint(format!("`agentflow policy init --policy {}` makes one", path.display()));
    }
    Error::new(ErrorKind::Invalid, format!("the policy file `{}` cannot be read", path.display())).source(err)
}

/// Whether the file, or the link that leads to it, is below `project`.
fn is_inside(path: &Path, project: &Path) -> bool {
    let file = path.canonicalize();
    let link = folder_of(path).canonicalize().map(|folder| path.file_name().map_or(folder.clone(), |name| folder.join(name)));
    [file, link].into_iter().flatten().any(|path| path.starts_with(project))
}

/// Refuses a file that belongs neither to this user, `me`, nor to the administrator.
fn check_owner(path: &Path, owner: u32, me: u32) -> Result<()> {
    if [me, 0].contains(&owner) {
        return Ok(());
    }
    Err(refused(
        path,
        &format!("it belongs to user {owner}, and this is user {me}"),
        format!("look at what is in it, then make it yours: `chown {me} {}`", path.display()),
    ))
}

/// Refuses a file that others than its owner may write or replace.
fn check_writers(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.mode() & 0o022 != 0 {
        return Err(refused(
            path,
            &format!("others may write it (mode {:03o})", metadata.mode() & 0o777),
            format!("look at what is in it, then: `chmod go-w {}`", path.display()),
        ));
    }
    let folder = folder_of(path);
    let is_open = |found: &Metadata| found.mode() & 0o002 != 0 && found.mode() & 0o1000 == 0;
    if folder.metadata().is_ok_and(|found| is_open(&found)) {
        return Err(refused(path, "everybody may replace it in its folder", format!("`chmod o-w {}`", folder.display())));
    }
    Ok(())
}

fn refused(path: &Path, why: &str, hint: String) -> Error {
    Error::new(ErrorKind::Invalid, format!("the policy file `{}` is not used: {why}", path.display())).hint(hint)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use tempfile::TempDir;

    use super::*;

    fn written(folder: &Path, mode: u32) -> PolicyPlace {
        let path = folder.join("policy.toml");
        fs::write(&path, "allow = ['net:a.example']\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        PolicyPlace { path, by: NamedBy::Default }
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        let folder = TempDir::new().unwrap();
        for mode in [0o600, 0o644, 0o400] {
            assert!(read(&written(folder.path(), mode), Path::new("/project")).unwrap().is_some(), "{mode:o}");
        }
        for mode in [0o620, 0o602, 0o666] {
            let err = read(&written(folder.path(), mode), Path::new("/project")).unwrap_err();
            assert!(err.kind() == ErrorKind::Invalid && err.message().contains(&format!("mode {mode:o}")), "{err:?}");
            assert!(err.hints()[0].contains(&format!("chmod go-w {}/policy.toml", folder.path().display())), "{err:?}");
        }
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        let path = Path::new("/etc/policy.toml");
        let owned = |owner, me| check_owner(path, owner, me);
        assert!(owned(1000, 1000).is_ok() && owned(0, 1000).is_ok() && owned(0, 0).is_ok());
        for me in [1000, 0] {
            let err = owned(1001, me).unwrap_err();
            assert!(err.kind() == ErrorKind::Invalid && err.message().contains("belongs to user 1001"), "{err:?}");
            assert!(err.hints()[0].contains(&format!("`chown {me} /etc/policy.toml`")), "{err:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_reached_is_an_error_though_nobody_named_it() {
        let folder = TempDir::new().unwrap();
        let place = PolicyPlace { path: written(folder.path(), 0o600).path.join("policy.toml"), by: NamedBy::Default };
        let err = read(&place, Path::new("/project")).unwrap_err();
        assert!(err.kind() == ErrorKind::Invalid && err.message().ends_with("cannot be read"), "{err:?}");
        let place = PolicyPlace { path: folder.path().to_owned(), by: NamedBy::Default };
        assert!(read(&place, Path::new("/project")).unwrap_err().message().ends_with("is no file"));
    }

    #[test]
    fn a_secret_is_read_from_a_file_and_from_nothing_else() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("deploy.key");
        fs::write(&path, "value-of-key\n").unwrap();
        assert_eq!(read_secret(&path).as_deref(), Ok("value-of-key\n"));
        assert!(read_secret(folder.path()).unwrap_err().starts_with("there is no file `"));
        assert!(read_secret(&folder.path().join("none")).unwrap_err().starts_with("there is no file `"));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        let why = read_secret(&path).unwrap_err();
        assert!(why.contains("deploy.key` cannot be read: "), "{why}");
    }

    #[test]
    fn a_file_in_a_folder_where_everybody_may_replace_it_is_refused() {
        let folder = TempDir::new().unwrap();
        let place = written(folder.path(), 0o600);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let err = read(&place, Path::new("/project")).unwrap_err();
        assert!(err.message().contains("everybody may replace it"), "{err:?}");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(read(&place, Path::new("/project")).unwrap().is_some());
    }

    #[test]
    fn a_file_in_the_project_is_refused_unless_it_is_named() {
        let folder = TempDir::new().unwrap();
        let project = folder.path().canonicalize().unwrap();
        let mut place = written(&project, 0o600);
        for by in [NamedBy::Default, NamedBy::Variable] {
            place.by = by;
            assert!(read(&place, &project).unwrap_err().message().contains("is in the project"));
        }
        place.by = NamedBy::Option;
        assert!(read(&place, &project).unwrap().is_some());
    }

    #[test]
    fn a_link_does_not_hide_that_a_file_is_in_the_project() {
        let (outside, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let project = folder.path().canonicalize().unwrap();
        let (inner, outer) = (written(&project, 0o600), written(outside.path(), 0o600));
        let link_out = project.join("link.toml");
        std::os::unix::fs::symlink(&outer.path, &link_out).unwrap();
        let link_in = outside.path().join("link.toml");
        std::os::unix::fs::symlink(&inner.path, &link_in).unwrap();
        for path in [link_out, link_in] {
            let place = PolicyPlace { path, by: NamedBy::Default };
            assert!(read(&place, &project).unwrap_err().message().contains("is in the project"), "{place:?}");
        }
        assert!(read(&outer, &project).unwrap().is_some());
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_only_when_it_was_named() {
        let folder = TempDir::new().unwrap();
        let mut place = PolicyPlace { path: folder.path().join("none.toml"), by: NamedBy::Default };
        assert_eq!(read(&place, Path::new("/project")).unwrap(), None);
        for by in [NamedBy::Option, NamedBy::Variable] {
            place.by = by;
            assert_eq!(read(&place, Path::new("/project")).unwrap_err().kind(), ErrorKind::NotFound);
        }
    }
}
