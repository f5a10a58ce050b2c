//! The circuit breaker of one target: it is left alone after too many failures, and tried again one call at a time.
//!
//! Plain data without clock, chance, input or output: the state is a document that processes share, the time is given.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::window::{Window, after};

/// How many probes must succeed before the breaker closes.
const SUCCESSES_TO_CLOSE: u32 = 2;
/// The longest a breaker stays open after failures, unless its policy or the server says longer.
const LONGEST_OPEN: Duration = Duration::from_secs(5 * 60);
/// How long it stays open when the account has nothing left.
const OPEN_FOR_QUOTA: Duration = Duration::from_secs(15 * 60);
/// The longest that a server's wish to be left alone is followed.
const LONGEST_REQUESTED: Duration = Duration::from_secs(60 * 60);
/// How much of an error is kept.
const MAX_ERROR: usize = 300;

/// When a breaker opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it; so do this many failures in the window when they are half of its calls or more, and the
    /// calls are at least twice as many. At least 1.
    pub failures: u32,
    /// How far back calls count.
    pub window: Duration,
    /// How long it stays open; doubled with each failed probe, up to 5 minutes.
    pub open_for: Duration,
    /// How many calls may try the target at once when it has been left alone; at least 1.
    pub probes: u32,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, window: Duration::from_secs(60), open_for: Duration::from_secs(30), probes: 1 }
    }
}

/// What a breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Lets them through.
    Closed,
    /// Refuses them.
    Open,
    /// Lets a few through, to see whether they fail.
    HalfOpen,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

/// The state of one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Breaker {
    /// Grows with every change of phase, so that the results of calls that began before it are told apart.
    generation: u64,
    /// Since when it is in its phase; absent when it never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(flatten)]
    state: State,
    /// The failure that came last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum State {
    Closed {
        window: Window,
        /// Failures since the last success.
        in_a_row: u32,
    },
    Open {
        until: Timestamp,
        /// How often a probe has failed since it was closed.
        reopened: u32,
    },
    HalfOpen {
        successes: u32,
        probes: Vec<Probe>,
        /// The number of the next probe.
        next: u32,
        reopened: u32,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { window: Window::default(), in_a_row: 0 }
    }
}

/// A call that tries the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Probe {
    number: u32,
    /// When it is given up for lost, and another one may try.
    until: Timestamp,
}

/// Lets one call through; its outcome is reported with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    generation: u64,
    probe: Option<u32>,
}

impl Ticket {
    /// Whether it is one of the few that try a target which was left alone.
    #[must_use]
    pub fn is_probe(self) -> bool {
        self.probe.is_some()
    }
}

/// Whether a call is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Passed(Ticket),
    /// It is not.
    Refused {
        /// When another call may be let through, as far as is known now.
        until: Timestamp,
    },
}

/// How a call that was let through ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Well.
    Succeeded,
    /// The target failed.
    Failed {
        /// In words.
        error: &'a str,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The account has nothing left.
    QuotaSpent {
        /// In words.
        error: &'a str,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// In a way that says nothing about the target, or not at all.
    Ignored,
}

/// A breaker changed its phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it was.
    pub from: Phase,
    /// What it is.
    pub to: Phase,
    /// Why, in words.
    pub reason: String,
}

impl Breaker {
    /// What it does with calls. One that is open stays so until a call comes after its time.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Closed { .. } => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    /// Grows with every change of phase.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Since when it is in its phase; `None` when it never changed.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Until when it is open.
    #[must_use]
    pub fn open_until(&self) -> Option<Timestamp> {
        match self.state {
            State::Open { until, .. } => Some(until),
            State::Closed { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// The failure that came last.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Calls and failures that count at `now`; zero unless it is closed.
    #[must_use]
    pub fn recent(&self, policy: &BreakerPolicy, now: Timestamp) -> (u32, u32) {
        match &self.state {
            State::Closed { window, .. } => window.totals(now, policy.window),
            State::Open { .. } | State::HalfOpen { .. } => (0, 0),
        }
    }

    /// Whether it is closed and its last call did not fail: then a success changes nothing but the count of calls.
    #[must_use]
    pub fn is_untroubled(&self) -> bool {
        matches!(self.state, State::Closed { in_a_row: 0, .. })
    }

    /// Whether a call would be let through at `now`, without letting it.
    #[must_use]
    pub fn refusal(&self, policy: &BreakerPolicy, now: Timestamp) -> Option<Timestamp> {
        match &self.state {
            State::Closed { .. } => None,
            State::Open { until, .. } => (now < *until).then_some(*until),
            State::HalfOpen { probes, .. } => {
                let under_way = || probes.iter().map(|probe| probe.until).filter(|until| now < *until);
                let is_full = under_way().count() >= policy.probes.max(1) as usize;
                under_way().min().filter(|_| is_full)
            }
        }
    }

    /// Lets a call through at `now`, or refuses it.
    ///
    /// A probe is given up for lost after `lease`, so that one whose process has died does not keep the breaker half-open.
    pub fn admit(&mut self, policy: &BreakerPolicy, now: Timestamp, lease: Duration) -> (Admission, Option<Change>) {
        if let Some(until) = self.refusal(policy, now) {
            return (Admission::Refused { until }, None);
        }
        let mut change = None;
        if let State::Open { reopened, .. } = self.state {
            let state = State::HalfOpen { successes: 0, probes: Vec::new(), next: 0, reopened };
            change = Some(self.become_(state, now, "it has been left alone for long enough".to_owned()));
        }
        let mut ticket = Ticket { generation: self.generation, probe: None };
        if let State::HalfOpen { probes, next, .. } = &mut self.state {
            probes.retain(|probe| now < probe.until);
            probes.push(Probe { number: *next, until: after(now, lease) });
            ticket.probe = Some(*next);
            *next = next.wrapping_add(1);
        }
        (Admission::Passed(ticket), change)
    }

    /// Learns how the call of `ticket` ended. `random` is uniform in [0, 1).
    ///
    /// What was let through before the last change of phase, or was given up for lost, counts no more.
    pub fn report(
        &mut self,
        policy: &BreakerPolicy,
        ticket: Ticket,
        outcome: Outcome<'_>,
        now: Timestamp,
        random: f64,
    ) -> Option<Change> {
        if ticket.generation != self.generation || !self.takes_back(ticket, now) {
            return None;
        }
        let (error, retry_after, is_quota) = match outcome {
            Outcome::Ignored => return None,
            Outcome::Succeeded => return self.succeeded(policy, now),
            Outcome::Failed { error, retry_after } => (error, retry_after, false),
            Outcome::QuotaSpent { error, retry_after } => (error, retry_after, true),
        };
        self.last_error = Some(error.chars().take(MAX_ERROR).collect());
        let (reason, reopened) = match &mut self.state {
            State::Closed { window, in_a_row } => {
                window.count(now, policy.window, true);
                *in_a_row = in_a_row.saturating_add(1);
                let (calls, failures) = window.totals(now, policy.window);
                let limit = policy.failures.max(1);
                if is_quota {
                    ("the account has no quota left".to_owned(), 0)
                } else if *in_a_row >= limit {
                    (format!("{in_a_row} calls in a row failed"), 0)
                } else if calls >= limit.saturating_mul(2) && failures >= calls.saturating_sub(failures) {
                    (format!("{failures} of {calls} calls failed"), 0)
                } else {
                    return None;
                }
            }
            State::HalfOpen { reopened, .. } if is_quota => ("the account has no quota left".to_owned(), *reopened),
            State::HalfOpen { reopened, .. } => ("it failed again".to_owned(), reopened.saturating_add(1)),
            State::Open { .. } => return None,
        };
        let usual = if is_quota { OPEN_FOR_QUOTA } else { open_for(policy, reopened).mul_f64(0.9 + 0.2 * random) };
        let open_for = usual.max(retry_after.unwrap_or_default().min(LONGEST_REQUESTED));
        Some(self.become_(State::Open { until: after(now, open_for), reopened }, now, reason))
    }

    /// Counts successes that were held back because they changed nothing: see [`Tally`].
    pub fn absorb(&mut self, tally: &Tally) {
        if let State::Closed { window, .. } = &mut self.state
            && tally.generation == self.generation
        {
            window.absorb(&tally.window);
        }
    }

    /// Closes it by hand. Calls under way count no more.
    pub fn reset(&mut self, now: Timestamp) {
        self.become_(State::default(), now, String::new());
    }

    /// Whether `ticket` is not a probe, or one that is still waited for; it is no more.
    fn takes_back(&mut self, ticket: Ticket, now: Timestamp) -> bool {
        let (Some(number), State::HalfOpen { probes, .. }) = (ticket.probe, &mut self.state) else { return true };
        let found = probes.iter().position(|probe| probe.number == number).map(|at| probes.remove(at));
        found.is_some_and(|probe| now < probe.until)
    }

    fn succeeded(&mut self, policy: &BreakerPolicy, now: Timestamp) -> Option<Change> {
        match &mut self.state {
            State::Closed { window, in_a_row } => {
                window.count(now, policy.window, false);
                *in_a_row = 0;
                None
            }
            State::HalfOpen { successes, .. } => {
                *successes = successes.saturating_add(1);
                let is_well = *successes >= SUCCESSES_TO_CLOSE;
                is_well.then(|| self.become_(State::default(), now, format!("{SUCCESSES_TO_CLOSE} calls in a row succeeded")))
            }
            State::Open { .. } => None,
        }
    }

    fn become_(&mut self, state: State, now: Timestamp, reason: String) -> Change {
        let from = self.phase();
        self.state = state;
        self.generation = self.generation.saturating_add(1);
        self.since = Some(now);
        Change { from, to: self.phase(), reason }
    }
}

/// How long a breaker is open that was re-opened `reopened` times, before it is spread.
fn open_for(policy: &BreakerPolicy, reopened: u32) -> Duration {
    policy.open_for.saturating_mul(2_u32.saturating_pow(reopened)).min(LONGEST_OPEN.max(policy.open_for))
}

/// Successes of a closed breaker that were counted apart, because they change nothing that others must know at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    generation: u64,
    window: Window,
}

impl Tally {
    /// Counts a call that ended well at `now`.
    pub fn count(&mut self, policy: &BreakerPolicy, ticket: Ticket, now: Timestamp) {
        if self.generation != ticket.generation {
            *self = Self { generation: ticket.generation, window: Window::default() };
        }
        self.window.count(now, policy.window, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy =
        BreakerPolicy { failures: 5, window: Duration::from_secs(60), open_for: Duration::from_secs(30), probes: 1 };
    const LEASE: Duration = Duration::from_secs(20);
    const FAILED: Outcome<'static> = Outcome::Failed { error: "503", retry_after: None };
    const SPENT: Outcome<'static> = Outcome::QuotaSpent { error: "402", retry_after: None };

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[track_caller]
    fn pass(breaker: &mut Breaker, at: i64) -> Ticket {
        match breaker.admit(&POLICY, second(at), LEASE).0 {
            Admission::Passed(ticket) => ticket,
            Admission::Refused { until } => panic!("refused until {until}"),
        }
    }

    #[track_caller]
    fn refuse(breaker: &mut Breaker, at: i64, until: i64) {
        assert_eq!(breaker.admit(&POLICY, second(at), LEASE).0, Admission::Refused { until: second(until) });
    }

    /// A call that begins and ends at `at`; 0.5 spreads nothing.
    #[track_caller]
    fn call(breaker: &mut Breaker, at: i64, outcome: Outcome<'_>) -> Option<String> {
        let ticket = pass(breaker, at);
        let change = breaker.report(&POLICY, ticket, outcome, second(at), 0.5)?;
        Some(format!("{} → {}: {}", change.from, change.to, change.reason))
    }

    /// One that five failures opened at 0.
    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            assert_eq!(call(&mut breaker, 0, FAILED), None);
        }
        assert_eq!(call(&mut breaker, 0, FAILED).as_deref(), Some("closed → open: 5 calls in a row failed"));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_breaks_the_row() {
        let mut breaker = opened();
        refuse(&mut breaker, 29, 30);
        assert_eq!((breaker.last_error(), breaker.since()), (Some("503"), Some(second(0))));
        let mut breaker = Breaker::default();
        for outcome in [FAILED, FAILED, FAILED, FAILED, Outcome::Succeeded, FAILED, FAILED, FAILED, FAILED] {
            assert_eq!(call(&mut breaker, 0, outcome), None);
        }
    }

    #[test]
    fn half_of_ten_calls_open_it_when_they_lie_in_the_window() {
        let mut breaker = Breaker::default();
        for at in 0..9 {
            let outcome = if at % 2 == 0 { FAILED } else { Outcome::Succeeded };
            assert_eq!(call(&mut breaker, at, outcome), None);
        }
        assert_eq!(call(&mut breaker.clone(), 9, FAILED).as_deref(), Some("closed → open: 6 of 10 calls failed"));
        assert_eq!(call(&mut breaker, 60, FAILED), None);
    }

    #[test]
    fn what_says_nothing_of_the_target_does_not_count() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            assert_eq!(call(&mut breaker, 0, Outcome::Ignored), None);
        }
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn one_probe_at_a_time_and_two_successes_close_it() {
        let mut breaker = opened();
        let probe = pass(&mut breaker, 30);
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        refuse(&mut breaker, 31, 50);
        assert_eq!(breaker.report(&POLICY, probe, Outcome::Succeeded, second(32), 0.5), None);
        assert_eq!(call(&mut breaker, 32, Outcome::Succeeded).as_deref(), Some("half-open → closed: 2 calls in a row succeeded"));
        assert!(breaker.is_untroubled());
    }

    #[test]
    fn each_failed_probe_doubles_the_time_up_to_five_minutes() {
        let mut breaker = opened();
        let mut at = 30;
        for open_for in [60, 120, 240, 300, 300] {
            assert_eq!(call(&mut breaker, at, FAILED).as_deref(), Some("half-open → open: it failed again"));
            refuse(&mut breaker, at, at + open_for);
            at += open_for;
        }
        call(&mut breaker, at, Outcome::Succeeded);
        call(&mut breaker, at, Outcome::Succeeded);
        (0..5).for_each(|_| drop(call(&mut breaker, at, FAILED)));
        refuse(&mut breaker, at, at + 30);
    }

    #[test]
    fn the_time_is_spread_and_never_shorter_than_the_server_asks() {
        let open_until = |retry_after: Option<u64>, random| {
            let mut breaker = Breaker::default();
            for _ in 0..5 {
                let ticket = pass(&mut breaker, 0);
                let outcome = Outcome::Failed { error: "503", retry_after: retry_after.map(Duration::from_secs) };
                breaker.report(&POLICY, ticket, outcome, second(0), random);
            }
            breaker.open_until().unwrap().duration_since(second(0)).as_secs()
        };
        assert_eq!((open_until(None, 0.0), open_until(None, 0.999_999_999)), (27, 32));
        assert_eq!((open_until(Some(5), 0.0), open_until(Some(90), 0.0)), (27, 90));
        assert_eq!(open_until(Some(1_000_000), 0.0), 3_600);
    }

    #[test]
    fn a_spent_quota_opens_it_at_once_for_a_quarter_of_an_hour() {
        let mut breaker = Breaker::default();
        assert_eq!(call(&mut breaker, 0, SPENT).as_deref(), Some("closed → open: the account has no quota left"));
        refuse(&mut breaker, 899, 900);
        assert_eq!(call(&mut breaker, 900, SPENT).as_deref(), Some("half-open → open: the account has no quota left"));
        refuse(&mut breaker, 901, 1_800);
    }

    #[test]
    fn results_of_before_a_change_count_no_more() {
        let mut breaker = Breaker::default();
        let slow = pass(&mut breaker, 0);
        (0..5).for_each(|_| drop(call(&mut breaker, 0, FAILED)));
        let open = breaker.clone();
        assert_eq!(breaker.report(&POLICY, slow, SPENT, second(1), 0.5), None);
        assert_eq!(breaker, open);
        let probe = pass(&mut breaker, 30);
        assert_eq!(breaker.report(&POLICY, slow, Outcome::Succeeded, second(31), 0.5), None);
        assert!(breaker.report(&POLICY, probe, FAILED, second(31), 0.5).is_some());
    }

    #[test]
    fn a_lost_probe_gives_its_place_to_another_one() {
        let mut breaker = opened();
        let lost = pass(&mut breaker, 30);
        refuse(&mut breaker, 49, 50);
        let other = pass(&mut breaker, 50);
        assert_eq!(breaker.report(&POLICY, lost, FAILED, second(51), 0.5), None);
        refuse(&mut breaker, 51, 70);
        breaker.report(&POLICY, other, Outcome::Ignored, second(52), 0.5);
        pass(&mut breaker, 52);
    }

    #[test]
    fn the_state_is_a_document_that_stays_readable() {
        let mut breaker = opened();
        let document = serde_json::to_value(&breaker).unwrap();
        assert_eq!(
            document,
            serde_json::json!({
                "generation": 1, "since": "2027-01-15T08:00:00Z", "phase": "open", "until": "2027-01-15T08:00:30Z",
                "reopened": 0, "last_error": "503",
            })
        );
        assert_eq!(serde_json::from_value::<Breaker>(document).unwrap(), breaker);
        pass(&mut breaker, 30);
        let document = serde_json::to_value(&breaker).unwrap();
        assert_eq!(document["probes"], serde_json::json!([{"number": 0, "until": "2027-01-15T08:00:50Z"}]));
        assert_eq!(serde_json::from_value::<Breaker>(document).unwrap(), breaker);
        let closed = serde_json::json!({"generation": 0, "phase": "closed", "window": [], "in_a_row": 0});
        assert_eq!(serde_json::to_value(Breaker::default()).unwrap(), closed);
    }

    #[test]
    fn successes_that_were_held_back_count_in_the_end() {
        let (mut breaker, mut tally) = (Breaker::default(), Tally::default());
        for _ in 0..6 {
            let ticket = pass(&mut breaker, 0);
            tally.count(&POLICY, ticket, second(0));
        }
        (0..4).for_each(|_| drop(call(&mut breaker, 1, FAILED)));
        breaker.absorb(&tally);
        assert_eq!(breaker.recent(&POLICY, second(1)), (10, 4));
        assert_eq!(call(&mut breaker, 1, FAILED).as_deref(), Some("closed → open: 5 calls in a row failed"));
        breaker.absorb(&tally);
        breaker.reset(second(2));
        breaker.absorb(&tally);
        assert_eq!((breaker.phase(), breaker.recent(&POLICY, second(2))), (Phase::Closed, (0, 0)));
    }

    #[test]
    fn numbers_that_make_no_sense_in_a_document_are_survived() {
        let odd = |phase: serde_json::Value| {
            let mut document = serde_json::json!({"generation": u64::MAX - 1});
            document.as_object_mut().unwrap().extend(phase.as_object().unwrap().clone());
            serde_json::from_value::<Breaker>(document).unwrap()
        };
        let begins = second(0).as_millisecond();
        let bucket = serde_json::json!({"begins": begins, "calls": 10, "failures": 4_000_000_000_u32});
        let mut breaker = odd(serde_json::json!({"phase": "closed", "window": [bucket], "in_a_row": 0}));
        assert_eq!(call(&mut breaker, 0, FAILED).as_deref(), Some("closed → open: 4000000001 of 11 calls failed"));
        assert_eq!(call(&mut breaker, 30, FAILED).as_deref(), Some("half-open → open: it failed again"));
        let most = u32::MAX;
        let mut breaker =
            odd(serde_json::json!({"phase": "half_open", "successes": most, "probes": [], "next": most, "reopened": most}));
        let closed = call(&mut breaker, 0, Outcome::Succeeded);
        assert_eq!(closed.as_deref(), Some("half-open → closed: 2 calls in a row succeeded"));
    }
}
