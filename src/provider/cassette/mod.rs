//! Cassettes: what models and tools were asked in a run and what they answered, in one file that people read and git merges. A run that
//! plays one asks nobody.
//!
//! An answer is found by its key, a digest of what is asked without secrets and without what is another in every run (the ids and times
//! that the run makes, the ids that servers give to requests for tools, placeholders of secrets); and among answers to the same by the
//! node that asks. Each node is given them in turn, from the first one, whatever other nodes do meanwhile: a run plays in the same way
//! each time, in whatever order its nodes come to ask.

mod deck;
mod difference;
mod entry;
mod file;
mod key;
mod mode;
mod nearest;
mod play;
mod question;
mod report;
mod scrub;
mod tools;
mod volatile;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub(super) use file::rewritten;
pub use mode::CassetteMode;
pub use play::Played;
pub use report::CassetteReport;
pub use scrub::Scrub;
pub use tools::{PlayedResult, TapedCall};

use self::{
    deck::Deck,
    entry::{Answer, Asked, Called, FORMAT, Offer, Outcome, Tape},
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{AgentName, NodePath, RunId, StepId, ToolName},
};

/// How many times longer than the writing itself took, nothing is written again: a cassette that has become long is not written after
/// each answer.
const REST: u32 = 20;

/// A cassette in use, by a run and by all runs that it begins.
#[derive(Debug)]
pub struct Cassette {
    path: PathBuf,
    mode: CassetteMode,
    scrub: Arc<dyn Scrub>,
    /// Agents whose requests are none of its business.
    left: BTreeSet<AgentName>,
    state: Mutex<State>,
}

/// What is in a cassette, and how it is used.
#[derive(Debug)]
struct State {
    offers: BTreeMap<String, Offer>,
    requests: Deck<Asked, Answer>,
    calls: Deck<Called, Outcome>,
    settled: HashSet<String>,
    /// Of runs that were begun by a call of a tool, what leads to them.
    places: HashMap<RunId, String>,
    played: usize,
    recorded: usize,
    missed: usize,
    writing: Writing,
}

/// When the file was written last.
#[derive(Debug, Default)]
struct Writing {
    is_due: bool,
    last: Option<(Instant, Duration)>,
}

impl Cassette {
    /// Opens the cassette in the file `path`. One that is recorded begins empty, unless the run has begun before: then it goes on with
    /// what it has.
    ///
    /// # Errors
    /// `Invalid` when there is nothing to play, when it is no cassette, or when it is to be recorded and cannot be written; `Corrupt` when
    /// a newer version wrote it.
    pub fn open(path: impl Into<PathBuf>, mode: CassetteMode, has_begun: bool, scrub: Arc<dyn Scrub>) -> Result<Self> {
        let path = path.into();
        if mode.records() {
            file::check_writable(&path)?;
        }
        let read = if mode == CassetteMode::Record && !has_begun { None } else { file::read(&path)? };
        let is_new = read.is_none();
        if is_new && !mode.records() {
            let message = format!("there is no cassette `{}`", path.display());
            return Err(Error::new(ErrorKind::Invalid, message).hint("record it with: agentflow run FILE --record CASSETTE"));
        }
        let mut state = State::of(read.unwrap_or_default());
        state.writing.is_due = is_new;
        Ok(Self { path, mode, scrub, left: BTreeSet::new(), state: Mutex::new(state) })
    }

    /// The same cassette, which leaves what these agents ask to whoever answers them: it neither plays nor records it.
    #[must_use]
    pub fn leaving(self, agents: impl IntoIterator<Item = AgentName>) -> Self {
        Self { left: agents.into_iter().collect(), ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is done with it.
    #[must_use]
    pub fn mode(&self) -> CassetteMode {
        self.mode
    }

    /// Tells that `run` is begun by a call that `node` of `parent` makes of `tool`, as `step`.
    pub fn enter(&self, run: RunId, parent: RunId, node: &NodePath, tool: &ToolName, step: StepId) {
        let mut state = self.state();
        let place = format!("{} > {tool} {step}", state.place(parent, node));
        state.places.insert(run, place);
    }

    /// Ends the use of the cassette: writes what is not written yet, without what was not used where that is to be dropped, and tells what
    /// came of it.
    ///
    /// # Errors
    /// `Invalid` when it cannot be written.
    pub fn finish(&self, drop_unused: bool) -> Result<CassetteReport> {
        let mut state = self.state();
        let unused = state.unused();
        let dropped = if drop_unused { unused.len() } else { 0 };
        if state.writing.is_due || dropped > 0 {
            file::write(&self.path, &state.tape(drop_unused))?;
            state.writing.is_due = false;
        }
        Ok(CassetteReport {
            path: self.path.clone(),
            played: state.played,
            recorded: state.recorded,
            missed: state.missed,
            unused,
            dropped,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what has been added, unless it was written just now: a process that is killed loses little of what it paid for.
    fn save(&self, state: &mut State) {
        state.writing.is_due = true;
        let rests = |(at, took): (Instant, Duration)| at.elapsed() < took.saturating_mul(REST);
        if state.writing.last.is_some_and(rests) {
            return;
        }
        let begun = Instant::now();
        match file::write(&self.path, &state.tape(false)) {
            Ok(()) => state.writing.is_due = false,
            // Told at the end, when it cannot be written then either.
            Err(error) => tracing::warn!(%error, "the cassette is not written yet"),
        }
        state.writing.last = Some((Instant::now(), begun.elapsed()));
    }
}

impl State {
    fn of(tape: Tape) -> Self {
        let mut settled = HashSet::new();
        for answer in tape.requests.iter().flat_map(|entry| &entry.answers) {
            answer.settle(&mut settled);
        }
        for outcome in tape.calls.iter().flat_map(|entry| &entry.answers) {
            outcome.settle(&mut settled);
        }
        Self {
            offers: tape.offers.into_iter().map(|offer| (offer.tool.clone(), offer)).collect(),
            requests: Deck::new(tape.requests),
            calls: Deck::new(tape.calls),
            settled,
            places: HashMap::new(),
            played: 0,
            recorded: 0,
            missed: 0,
            writing: Writing::default(),
        }
    }

    /// The cassette as it is written.
    fn tape(&self, only_used: bool) -> Tape {
        Tape {
            format: FORMAT,
            offers: self.offers.values().cloned().collect(),
            requests: self.requests.sorted(only_used),
            calls: self.calls.sorted(only_used),
        }
    }

    /// A node with what leads to its run.
    fn place(&self, run: RunId, node: &NodePath) -> String {
        self.places.get(&run).map_or_else(|| node.to_string(), |place| format!("{place} > {node}"))
    }

    /// What nobody has asked for, in words.
    fn unused(&self) -> Vec<String> {
        let requests = self.requests.unused().map(|entry| format!("{}: {} (key {})", entry.node, entry.asked.model, entry.key));
        let calls = self.calls.unused().map(|entry| format!("{}: {} (key {})", entry.node, entry.asked.tool, entry.key));
        requests.chain(calls).collect()
    }
}
