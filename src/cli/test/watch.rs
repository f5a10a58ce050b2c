//! `agentflow test --watch`: runs again what a change of a file touches.

use std::{
    collections::BTreeSet,
    io::BufRead as _,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, recommended_watcher};

use super::Bench;
use crate::{
    cli::{exit, terminal::DIM},
    error::{Error, ErrorKind, Result},
    testing::{
        load::TestFile,
        selection::{Changes, files_of},
    },
};

/// How long no further file must change before the tests are run: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(150);
/// How often it is looked whether a signal came.
const LOOK: Duration = Duration::from_millis(100);

/// What comes from outside.
enum News {
    Changed(PathBuf),
    /// Everything is to be run again.
    All,
    Quit,
}

/// Runs all tests, then those that are touched by each change, until it is ended. The exit code is that of the last round.
pub(super) fn watch(bench: &Bench<'_>) -> Result<u8> {
    let (send, news) = mpsc::channel();
    let mut watched = Watched::new(send.clone())?;
    if bench.terminal.can_ask {
        listen_to_keys(send);
    }
    let mut code = round(bench, None, &mut watched)?;
    let mut touched: BTreeSet<PathBuf> = BTreeSet::new();
    let (mut all, mut since) = (false, Instant::now());
    while !bench.is_stopped() {
        match news.recv_timeout(LOOK) {
            Ok(News::Changed(path)) => {
                touched.insert(path);
                since = Instant::now();
            }
            Ok(News::All) => (all, since) = (true, Instant::now().checked_sub(QUIET).unwrap_or(since)),
            Ok(News::Quit) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if (all || !touched.is_empty()) && since.elapsed() >= QUIET {
            let changes = Changes::of(std::mem::take(&mut touched));
            code = round(bench, (!all).then_some(&changes), &mut watched)?.or_before(code);
            all = false;
        }
    }
    Ok(code.0.unwrap_or(exit::SUCCEEDED))
}

/// The exit code of a round; none for one in which nothing was to be run.
#[derive(Clone, Copy)]
struct Code(Option<u8>);

impl Code {
    fn or_before(self, before: Self) -> Self {
        Self(self.0.or(before.0))
    }
}

/// Runs the tests that `changes` touch, or all of them.
fn round(bench: &Bench<'_>, changes: Option<&Changes>, watched: &mut Watched) -> Result<Code> {
    let files = match bench.discovered() {
        Ok(paths) => bench.load(&paths),
        // What is written at the moment may be gone for a moment.
        Err(error) if changes.is_some() => {
            crate::cli::problem::tell(bench.terminal, &error);
            return Ok(Code(Some(exit::USAGE)));
        }
        Err(error) => return Err(error),
    };
    watched.follow(&files);
    let touched: Vec<TestFile> = files.into_iter().filter(|file| changes.is_none_or(|changes| changes.touch(file))).collect();
    if touched.is_empty() {
        return Ok(Code(None));
    }
    if bench.terminal.out.is_terminal && bench.terminal.draws {
        bench.terminal.print("\u{1b}[2J\u{1b}[H")?;
    }
    let code = if bench.tell_problems(&touched)? {
        exit::USAGE
    } else {
        let round = bench.run(&touched)?;
        bench.tell(&round)?;
        if round.report.has_failed() { exit::RUN_FAILED } else { exit::SUCCEEDED }
    };
    let keys = if bench.terminal.can_ask { " · Enter runs all, q and Enter ends" } else { "" };
    bench.terminal.note(&bench.terminal.paint_err(DIM, &format!("watching {} folders{keys}", watched.folders.len())));
    Ok(Code(Some(code)))
}

/// A line on standard input: `q` ends it, any other runs everything again. The end of the input is nothing.
fn listen_to_keys(send: Sender<News>) {
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            let news = if line.trim().eq_ignore_ascii_case("q") { News::Quit } else { News::All };
            if send.send(news).is_err() {
                return;
            }
        }
    });
}

/// The folders that are looked at.
struct Watched {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

impl Watched {
    fn new(send: Sender<News>) -> Result<Self> {
        let watcher = recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            // When nobody listens any more, the program is about to end.
            event.paths.into_iter().for_each(|path| drop(send.send(News::Changed(path))));
        });
        let watcher = watcher.map_err(|err| Error::new(ErrorKind::Internal, "cannot watch files").source(err))?;
        Ok(Self { watcher, folders: BTreeSet::new() })
    }

    /// Looks at the folders of all files that the tests rest on. A folder that cannot be looked at is left out.
    fn follow(&mut self, files: &[TestFile]) {
        for path in files.iter().flat_map(files_of) {
            let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")).to_owned();
            if !self.folders.contains(&folder) && self.watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                self.folders.insert(folder);
            }
        }
    }
}
