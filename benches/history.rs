//! Runs of the benchmarks as they are kept: each a line of `target/bench/history.jsonl`, and one a file when it is to be compared with.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::figure::Figure;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) at: Timestamp,
    /// The commit that was checked out, with a `+` when there were changes.
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) figures: Vec<Figure>,
}

/// What figures depend on besides the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
}

impl Run {
    /// A run that ends now, here.
    pub(crate) fn now(figures: Vec<Figure>) -> Self {
        Self { at: Timestamp::now(), commit: commit(), machine: Machine::this(), figures }
    }

    /// Adds it to the history, and says where that is.
    pub(crate) fn keep(&self) -> PathBuf {
        let path = folder().join("history.jsonl");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        writeln!(file, "{}", serde_json::to_string(self).unwrap()).unwrap();
        path
    }

    /// Keeps it under `name`, for later runs to be compared with, and says where.
    pub(crate) fn save(&self, name: &str) -> PathBuf {
        let path = path_of(name);
        fs::write(&path, serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
        path
    }

    /// The run that was kept under `name`.
    pub(crate) fn saved(name: &str) -> Result<Self, String> {
        let path = path_of(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}; `--save {name}` makes it", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Machine {
    fn this() -> Self {
        let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            processor: model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS.to_owned(),
        }
    }
}

/// A name stands for a file below `target/bench`; what ends with `.json` is a path.
fn path_of(name: &str) -> PathBuf {
    if Path::new(name).extension().is_some_and(|extension| extension == "json") {
        PathBuf::from(name)
    } else {
        folder().join(format!("{name}.json"))
    }
}

fn folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from).join("bench");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let is_changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    if is_changed { commit + "+" } else { commit }
}
