//! One part of the suite: how much of it is to be done, from which seed, and what came of it.

use std::{env, fs, path::PathBuf, time::Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the parts are called, in order; the first is part 1.
pub(crate) const NAMES: [&str; 10] = [
    "named kills",
    "kills at random times",
    "system-call faults",
    "power loss",
    "two runners on one run",
    "provider faults",
    "breaker and limiter against a model",
    "random graphs",
    "deterministic simulation",
    "messages under kills",
];

/// How many violations are told one by one.
const TOLD: usize = 20;

/// A part under way.
pub(crate) struct Part {
    number: u8,
    begun: Instant,
    seed: u64,
    target: u64,
    counted: Map<String, Value>,
}

/// What was counted in a part.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) part: u8,
    pub(crate) name: String,
    /// How many tries there were to be.
    pub(crate) target: u64,
    /// How many there were.
    pub(crate) reached: u64,
    pub(crate) violations: usize,
    pub(crate) seconds: f64,
    pub(crate) seed: u64,
    /// Everything else that was counted.
    pub(crate) counted: Map<String, Value>,
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Amount {
    Quick,
    Full { factor: f64 },
}

impl Amount {
    fn wanted() -> Self {
        let text = env::var_os("AGENTFLOW_RELIABILITY").unwrap_or_default().to_string_lossy().into_owned();
        Self::read(&text).unwrap_or_else(|| panic!("AGENTFLOW_RELIABILITY is `quick`, `full` or a number, not `{text}`"))
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "" | "quick" => Some(Self::Quick),
            "full" => Some(Self::Full { factor: 1.0 }),
            number => number.parse().ok().filter(|factor| *factor > 0.0).map(|factor| Self::Full { factor }),
        }
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "volumes are small")]
    fn of(self, quick: u64, full: u64) -> u64 {
        match self {
            Self::Quick => quick,
            Self::Full { factor } => ((full as f64 * factor).ceil() as u64).max(1),
        }
    }
}

impl Part {
    /// Begins a part, and says from which seed.
    #[expect(clippy::print_stdout, reason = "whoever wants to do the same again needs the seed")]
    pub(crate) fn begin(number: u8) -> Self {
        let given = env::var_os("AGENTFLOW_SEED").map(|seed| seed.to_string_lossy().into_owned());
        let read = |text: String| text.parse().unwrap_or_else(|_| panic!("AGENTFLOW_SEED is a number, not `{text}`"));
        let seed = given.map_or_else(|| fastrand::u64(..), read);
        println!("part {number}: AGENTFLOW_SEED={seed}");
        Self { number, begun: Instant::now(), seed, target: 0, counted: Map::new() }
    }

    /// How many tries are to be made: `quick` in ordinary test runs, `full` (or the factor of it that is wanted) for the figures.
    pub(crate) fn volume(&mut self, quick: u64, full: u64) -> u64 {
        self.target = Amount::wanted().of(quick, full);
        self.target
    }

    /// Whether this is more than the slice that ordinary test runs do.
    pub(crate) fn is_full() -> bool {
        Amount::wanted() != Amount::Quick
    }

    /// Random numbers for try `number`: the same for the same seed, whatever the other tries take.
    pub(crate) fn random(&self, number: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Notes something else that was counted.
    pub(crate) fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.counted.insert(name.to_owned(), value.into());
    }

    /// Writes the figures down; fails when there are violations, or fewer tries than there were to be.
    #[track_caller]
    #[expect(clippy::print_stdout, reason = "the figures are what it is for")]
    pub(crate) fn finish(self, reached: u64, violations: &[String]) {
        let name = NAMES[usize::from(self.number) - 1].to_owned();
        let seconds = (self.begun.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        let Self { number, seed, target, counted, .. } = self;
        let figures = Figures { part: number, name, target, reached, violations: violations.len(), seconds, seed, counted };
        let line = serde_json::to_string(&figures).unwrap();
        println!("{line}");
        if let Some(folder) = folder() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("part-{number}.json")), line + "\n").unwrap();
        }
        let told: Vec<_> = violations.iter().take(TOLD).map(String::as_str).collect();
        let (count, told) = (violations.len(), told.join("\n- "));
        assert!(violations.is_empty(), "part {number}, AGENTFLOW_SEED={seed}: {count} violations\n- {told}");
        assert!(reached >= target, "part {number}: {reached} of {target} tries");
    }
}

/// Where figures are written to.
pub(crate) fn folder() -> Option<PathBuf> {
    env::var_os("AGENTFLOW_RELIABILITY_FIGURES").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

#[test]
fn the_volume_is_a_slice_all_or_a_factor_of_all() {
    let volume = |text| Amount::read(text).map(|amount| amount.of(10, 2_000));
    let volumes = ["", "quick", "full", "0.1", "3", "0", "-1", "much"].map(volume);
    assert_eq!(volumes, [Some(10), Some(10), Some(2_000), Some(200), Some(6_000), None, None, None]);
}
