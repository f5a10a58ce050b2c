//! What the other sides of tools wrote down: the effect server, and the programs that were run.

use std::{fs, os::unix::ffi::OsStrExt as _, path::Path};

use crate::reliability::lab::{Lab, until};

/// A call that reached the other side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    pub(crate) mark: String,
    pub(crate) key: Option<String>,
    /// Whether it was done, rather than refused with a status.
    pub(crate) is_done: bool,
    /// The number that the server answered.
    pub(crate) n: Option<u64>,
}

/// Calls of each kind, in order.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) server: Vec<Made>,
    pub(crate) programs: Vec<Made>,
    /// What programs did, which is once for each key.
    pub(crate) done_by_programs: Vec<String>,
}

impl Accounts {
    /// Reads them, once nothing that was begun is still under way.
    pub(crate) fn read(lab: &Lab<'_>) -> Self {
        until("programs that were started have ended", || !is_inhabited(&lab.path(".")));
        let mut server: Vec<Made> = Vec::new();
        for asked in lab.effects() {
            // What was done under a key is answered again.
            let is_same = |made: &&Made| asked.repeat && made.is_done && made.key == asked.idempotency_key;
            let n = server.iter().find(is_same).map_or(Some(asked.n), |earlier| earlier.n);
            let path = asked.path.split('?').next().unwrap_or_default();
            let mark = path.rsplit('/').next().unwrap_or_default().to_owned();
            server.push(Made { mark, key: asked.idempotency_key, is_done: asked.reply == "ok", n });
        }
        let begun = lines(&lab.path("begun"));
        let program = |line: &String| {
            let (mark, key) = line.split_once(' ').unwrap_or((line, ""));
            Made { mark: mark.to_owned(), key: Some(key.to_owned()), is_done: true, n: None }
        };
        Self { server, programs: begun.iter().map(program).collect(), done_by_programs: lines(&lab.path("done")) }
    }

    /// All calls of one step.
    pub(crate) fn of<'a>(&'a self, mark: &'a str) -> impl Iterator<Item = &'a Made> {
        self.server.iter().chain(&self.programs).filter(move |made| made.mark == mark)
    }

    /// The calls that came since `earlier` was read.
    pub(crate) fn since(&self, earlier: &Self) -> Vec<&Made> {
        let server = self.server.iter().skip(earlier.server.len());
        server.chain(self.programs.iter().skip(earlier.programs.len())).collect()
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
}

/// Whether a process works in `folder`: a program outlives who started it, if that is killed.
fn is_inhabited(folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut processes = processes.filter(|entry| entry.file_name().as_bytes().iter().all(u8::is_ascii_digit));
    // Those of others cannot be looked into, and are none of ours.
    processes.any(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|place| place.starts_with(&folder)))
}
