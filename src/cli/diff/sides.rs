//! What is compared: two runs or two files. The names alone decide, so that a script does the same everywhere.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// What workflow files end in.
const ENDINGS: [&str; 4] = ["yaml", "yml", "toml", "json"];

/// What two names name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sides<'a> {
    /// Two runs.
    Runs(&'a str, &'a str),
    /// Two workflow files.
    Files(&'a Path, &'a Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Run,
    File,
}

impl<'a> Sides<'a> {
    /// Finds out what `names` name. `is_file` tells whether there is a file of a name.
    ///
    /// # Errors
    /// `Invalid` unless there are two names of one kind, and each can only be of one kind.
    pub(super) fn of(names: &'a [String], is_file: impl Fn(&str) -> bool) -> Result<Self> {
        let [one, other] = names else {
            return Err(Error::new(ErrorKind::Invalid, format!("two things are compared, and {} given", is_are(names.len())))
                .hint("name two runs or two workflow files; with `--rev REV`, as many files and folders as you like"));
        };
        match (kind(one, &is_file)?, kind(other, &is_file)?) {
            (Kind::Run, Kind::Run) => Ok(Self::Runs(one, other)),
            (Kind::File, Kind::File) => Ok(Self::Files(Path::new(one), Path::new(other))),
            (Kind::Run, Kind::File) => Err(mixed(one, other)),
            (Kind::File, Kind::Run) => Err(mixed(other, one)),
        }
    }
}

fn is_are(count: usize) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}

fn mixed(run: &str, file: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("`{}` is a run and `{}` is a file", run.escape_default(), file.escape_default()))
        .hint("compare two runs, or two files")
        .hint("`agentflow diff --rev REV FILE` compares a workflow with itself at a revision of git")
}

fn kind(name: &str, is_file: impl Fn(&str) -> bool) -> Result<Kind> {
    let shown = name.escape_default();
    let has_ending = Path::new(name).extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    if has_ending || name.contains(['/', '\\']) {
        return Ok(Kind::File);
    }
    let can_be_run = name == "last" || !name.is_empty() && name.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    match (can_be_run, is_file(name)) {
        (true, false) => Ok(Kind::Run),
        (false, true) => Ok(Kind::File),
        (true, true) => Err(Error::new(ErrorKind::Invalid, format!("`{shown}` may be a run, and there is a file of that name"))
            .hint(format!("write `./{shown}` for the file"))
            .hint("write more of its id for the run; `agentflow runs list` shows it")),
        (false, false) => Err(Error::new(ErrorKind::NotFound, format!("`{shown}` is neither a run nor a file"))
            .hint("a run is named by its id, the beginning of it, or `last`; a workflow file by its path")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(one: &str, other: &str, files: &[&str]) -> String {
        let names = [one.to_owned(), other.to_owned()];
        match Sides::of(&names, |name| files.contains(&name)) {
            Ok(Sides::Runs(..)) => "runs".to_owned(),
            Ok(Sides::Files(..)) => "files".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_tell_what_they_name() {
        assert_eq!(sides("last", "0193", &[]), "runs");
        assert_eq!(sides("0193ab7c-0a", "LAST".to_lowercase().as_str(), &["flow"]), "runs");
        assert_eq!(sides("a.yaml", "old/flow", &[]), "files");
        assert_eq!(sides("a.toml", "flow", &["flow"]), "files");
        assert_eq!(sides("./last", "./0193", &["last"]), "files");
        assert_eq!(sides("beef.json", "beef.yml", &[]), "files");
    }

    #[test]
    fn what_is_ambiguous_or_nothing_is_told() {
        assert!(sides("last", "0193", &["last"]).contains("`last` may be a run, and there is a file of that name"));
        assert!(sides("last", "flow", &[]).contains("`flow` is neither a run nor a file"));
        assert!(sides("a.yaml", "last", &[]).contains("`last` is a run and `a.yaml` is a file"));
        let one = ["a.yaml".to_owned()];
        assert!(Sides::of(&one, |_| true).unwrap_err().to_string().contains("two things are compared, and 1 is given"));
    }
}
