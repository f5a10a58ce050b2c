//! The last hashes of runs, kept outside the store. A chain shows that a record was changed; that the end of a chain was cut off, or the
//! whole of it made anew, only somebody can tell who knows how it ended before.

use std::{collections::BTreeMap, fmt, fs, io::Write as _, path::Path, str::FromStr};

use crate::{
    error::{Error, ErrorKind, Result},
    model::RunId,
};

/// The first line of a file of heads.
const TITLE: &str = "# agentflow audit heads, version 1: run, events, hash of the last";

/// How a run stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many events it had.
    pub events: u64,
    /// The hash of the last of them, in hex.
    pub hash: String,
}

/// How some runs stood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    /// By run.
    pub runs: BTreeMap<RunId, Head>,
}

impl Heads {
    /// Reads a file of heads.
    ///
    /// # Errors
    /// `NotFound` or `Invalid` when it cannot be read, or is no such file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|err| {
            let kind = if err.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Invalid };
            Error::new(kind, format!("cannot read the heads in `{}`", path.display())).source(err)
        })?;
        text.parse::<Self>().map_err(|err| err.context(format!("`{}`", path.display())))
    }

    /// Writes them into a file, in the place of what it held, all at once.
    ///
    /// # Errors
    /// `Invalid` when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
            file.write_all(self.to_string().as_bytes())?;
            file.as_file().sync_all()?;
            Ok(file.persist(path)?)
        });
        written.map(drop).map_err(|err| {
            Error::new(ErrorKind::Invalid, format!("cannot write the heads into `{}`", path.display())).source(err)
        })
    }
}

impl fmt::Display for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}")?;
        self.runs.iter().try_for_each(|(run, Head { events, hash })| writeln!(f, "{run} {events} {hash}"))
    }
}

impl FromStr for Heads {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut heads = Self::default();
        for (nth, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (run, head) = read_line(line).ok_or_else(|| {
                Error::new(ErrorKind::Invalid, format!("line {} is no head of a run", nth + 1))
                    .hint("give a file that `agentflow audit verify --head FILE` wrote")
            })?;
            heads.runs.insert(run, head);
        }
        Ok(heads)
    }
}

fn read_line(line: &str) -> Option<(RunId, Head)> {
    let mut words = line.split_whitespace();
    let (run, events, hash) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (words.next().is_none() && is_hash && events > 0).then(|| (run, Head { events, hash: hash.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_were_written() {
        let mut heads = Heads::default();
        let run = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        heads.runs.insert(run, Head { events: 12, hash: "ab".repeat(32) });
        assert_eq!(heads.to_string().parse::<Heads>().unwrap(), heads);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads");
        fs::write(&path, "what was there before").unwrap();
        heads.write(&path).unwrap();
        assert_eq!(Heads::read(&path).unwrap(), heads);
    }

    #[test]
    fn a_line_that_is_no_head_is_named() {
        let good = format!("01890a5d-ac96-774b-bcce-b302099a8057 1 {}", "0".repeat(64));
        for bad in ["x", "01890a5d-ac96-774b-bcce-b302099a8057 1 abc", &good.replace(" 1 ", " 0 "), &format!("{good} more")] {
            let error = format!("# a remark\n\n{good}\n{bad}\n").parse::<Heads>().unwrap_err();
            assert!(error.message().contains("line 4"), "{error}");
        }
    }
}
