//! Which file a name means, and which programs run whatever they are given.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind, Result};

/// Programs that run code or other programs out of their arguments or input: a permission for one of them would be one for everything.
/// Who means that lists the program among the interpreters, too. No such list is complete; the operator's permissions come first.
#[rustfmt::skip]
const INTERPRETERS: &[&str] = &[
    // Shells.
    "sh", "ash", "bash", "rbash", "csh", "dash", "elvish", "fish", "ksh", "mksh", "nu", "pwsh", "tcsh", "xonsh", "zsh",
    // Languages, and what fetches programs and runs them.
    "awk", "gawk", "mawk", "nawk", "bun", "bunx", "clisp", "deno", "ed", "emacs", "erl", "elixir", "ex", "expect", "gdb", "ghci", "groovy",
    "guile", "iex", "irb", "java", "jshell", "julia", "lldb", "lua", "luajit", "m", "node", "nodejs", "npx", "ocaml", "octave", "osascript",
    "perl", "php", "pipx", "psql", "pypy", "python", "R", "racket", "Rscript", "ruby", "sbcl", "sed", "gsed", "sqlite", "swipl", "tclsh", "ts-node", "tsx",
    "uvx", "vi", "view", "vim", "vimdiff", "nvim", "wish",
    // Wrappers of other programs.
    "at", "batch", "busybox", "chroot", "chrt", "crontab", "doas", "docker", "entr", "env", "firejail", "flock", "gmake", "ionice",
    "kubectl", "ld.so", "ltrace", "make", "nc", "ncat", "nice", "nohup", "nsenter", "parallel", "pkexec", "podman", "prlimit", "proot",
    "run-parts", "runuser", "screen", "script", "setarch", "setpriv", "setsid", "socat", "ssh", "sshpass", "start-stop-daemon", "stdbuf", "strace", "su", "sudo",
    "systemd-run", "taskset", "time", "timeout", "tini", "tmux", "toybox", "unbuffer", "unshare", "watch", "xargs",
    // Pagers start other programs at a key.
    "less", "man", "more", "most",
];

/// Programs that are many in one, and choose by the name they are called by: what their file is called says nothing.
const MANY_IN_ONE: &[&str] = &["busybox", "coreutils", "toybox", "uutils"];

/// Finds programs.
#[derive(Debug)]
pub(super) struct Programs {
    path: Vec<PathBuf>,
    interpreters: BTreeSet<String>,
}

impl Programs {
    /// Looks in the folders of `path`; of those that run others only `interpreters` are found.
    pub(super) fn new(path: Vec<PathBuf>, interpreters: BTreeSet<String>) -> Result<Self> {
        if let Some(folder) = path.iter().find(|folder| !folder.is_absolute()) {
            let message = format!("`{}` is no place to look for programs: it must be an absolute path", folder.display());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self { path, interpreters })
    }

    /// The folders as a variable.
    pub(super) fn path_variable(&self) -> Result<OsString> {
        // What `std::env::join_paths` does, which is out of reach here: nothing below `app` names the environment.
        let mut joined = OsString::new();
        for (index, folder) in self.path.iter().enumerate() {
            if folder.as_os_str().as_encoded_bytes().contains(&b':') {
                return Err(Error::new(ErrorKind::Invalid, format!("`{}` has a `:` in it", folder.display())));
            }
            if index > 0 {
                joined.push(":");
            }
            joined.push(folder);
        }
        Ok(joined)
    }

    /// The file of the program `name`, which is a bare name.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Denied` for one that runs whatever it is given.
    pub(super) fn find(&self, name: &str) -> Result<PathBuf> {
        let may_run_others = self.interpreters.contains(name);
        if is_interpreter(name) && !may_run_others {
            return Err(runs_others(name));
        }
        let file = self.path.iter().map(|folder| folder.join(name)).find(|file| is_executable(file)).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no program `{name}`"))
                .hint("programs are looked up in fixed folders only, not in the caller's `PATH`")
        })?;
        // The same program under another name is the same program.
        let real = fs::canonicalize(&file).ok().and_then(|real| Some(real.file_name()?.to_str()?.to_owned()));
        if real.is_some_and(|real| is_interpreter(&real) && !MANY_IN_ONE.contains(&real.as_str())) && !may_run_others {
            return Err(runs_others(name));
        }
        Ok(file)
    }
}

/// The name without what tells versions apart: `python3.12` is `python`.
pub(super) fn without_version(name: &str) -> &str {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    if plain.is_empty() { name } else { plain }
}

fn is_interpreter(name: &str) -> bool {
    [name, without_version(name)].iter().any(|name| INTERPRETERS.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn runs_others(name: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("`{name}` runs whatever program or code it is given, and is not run for that reason"))
        .hint(format!("name the program itself, or list `{name}` under `interpreters` in the settings of `command`"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn programs(folder: &Path, interpreters: &[&str]) -> Programs {
        let interpreters = interpreters.iter().map(|&name| name.to_owned()).collect();
        Programs::new(vec![folder.to_owned()], interpreters).unwrap()
    }

    fn program(folder: &Path, name: &str, mode: u32) {
        fs::write(folder.join(name), "").unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_runs_others_is_known_under_all_its_names() {
        for name in [
            "sh",
            "bash",
            "python3",
            "python3.12",
            "pypy3",
            "lua5.4",
            "perl5.36.0",
            "node",
            "npx",
            "env",
            "xargs",
            "sudo",
            "nice",
            "awk",
        ] {
            assert!(is_interpreter(name), "{name}");
        }
        for name in ["git", "ls", "sha256sum", "cargo", "rg", "7z", "[", "shuf"] {
            assert!(!is_interpreter(name), "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        program(path, "dash", 0o755);
        program(path, "busybox", 0o755);
        symlink("dash", path.join("harmless")).unwrap();
        symlink("busybox", path.join("ls")).unwrap();
        assert_eq!(programs(path, &[]).find("harmless").unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(programs(path, &[]).find("dash").unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(programs(path, &["dash"]).find("dash").unwrap(), path.join("dash"));
        assert_eq!(programs(path, &[]).find("ls").unwrap(), path.join("ls"));
    }

    #[test]
    fn only_files_that_can_be_run_are_programs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        program(path, "data", 0o644);
        fs::create_dir(path.join("folder")).unwrap();
        for name in ["data", "folder", "nothing"] {
            assert_eq!(programs(path, &[]).find(name).unwrap_err().kind(), ErrorKind::NotFound, "{name}");
        }
        assert!(Programs::new(vec!["bin".into()], BTreeSet::new()).is_err());
    }
}
