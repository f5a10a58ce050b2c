//! Part 7: the circuit breaker and the rate limiter against small models of them that keep every call in a list and know nothing
//! of buckets, tickets or virtual schedules.

use std::time::Duration;

use agentflow::resilience::{Admission, Breaker, BreakerPolicy, Outcome, Phase, Ticket};
use fastrand::Rng;
use jiff::Timestamp;

use super::{limiter, part::Part};

/// Where the time of a sequence begins, in milliseconds since 1970.
const BEGINNING: i64 = 1_800_000_000_000;
/// The most steps of one sequence.
const STEPS: usize = 150;

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Good,
    Bad { retry_after: Option<i64> },
    Spent,
    Nothing,
}

/// What a model says to a call: it goes, or it does not until then (in milliseconds).
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Go,
    Wait(i64),
}

/// A breaker as somebody would write it who has all the memory in the world. Times are in milliseconds.
struct Naive {
    policy: BreakerPolicy,
    phase: Phase,
    /// How often the phase has changed.
    changes: usize,
    /// Every call that counted since it was closed: when it ended, and whether well.
    ended: Vec<(i64, bool)>,
    open_until: i64,
    failed_probes: u32,
    good_probes: usize,
    /// Calls let through, by number: the number of changes before each, and until when it is waited for, if it is a probe.
    calls: Vec<(usize, Option<i64>)>,
    reported: Vec<usize>,
}

impl Naive {
    fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            phase: Phase::Closed,
            changes: 0,
            ended: Vec::new(),
            open_until: 0,
            failed_probes: 0,
            good_probes: 0,
            calls: Vec::new(),
            reported: Vec::new(),
        }
    }

    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.changes += 1;
        self.ended.clear();
        self.good_probes = 0;
        if phase == Phase::Closed {
            self.failed_probes = 0;
        }
    }

    fn call(&mut self, now: i64, lease: i64) -> Says {
        if self.phase == Phase::Open {
            if now < self.open_until {
                return Says::Wait(self.open_until);
            }
            self.change(Phase::HalfOpen);
        }
        let mut lease_end = None;
        if self.phase == Phase::HalfOpen {
            let numbered = self.calls.iter().enumerate();
            let waited_for: Vec<i64> = numbered
                .filter(|(number, (changes, _))| *changes == self.changes && !self.reported.contains(number))
                .filter_map(|(_, (_, until))| until.filter(|until| now < *until))
                .collect();
            if waited_for.len() >= self.policy.probes as usize {
                return Says::Wait(*waited_for.iter().min().unwrap());
            }
            lease_end = Some(now + lease);
        }
        self.calls.push((self.changes, lease_end));
        Says::Go
    }

    fn end(&mut self, number: usize, end: End, now: i64, spread: i64) {
        self.reported.push(number);
        let (changes, lease_end) = self.calls[number];
        if changes != self.changes || lease_end.is_some_and(|until| now >= until) || end == End::Nothing {
            return;
        }
        if end == End::Good {
            self.ended.push((now, true));
            self.good_probes += 1;
            if self.phase == Phase::HalfOpen && self.good_probes == 2 {
                self.change(Phase::Closed);
            }
            return;
        }
        self.ended.push((now, false));
        if self.phase == Phase::HalfOpen {
            self.failed_probes += u32::from(end != End::Spent);
        } else if end != End::Spent && !self.is_too_much(now) {
            return;
        }
        let usual = millis(self.policy.open_for);
        let mut open_for = usual.saturating_mul(1 << self.failed_probes.min(20)).min(usual.max(300_000));
        open_for = open_for * (900 + spread) / 1_000;
        if end == End::Spent {
            open_for = 900_000;
        }
        if let End::Bad { retry_after: Some(asked) } = end {
            open_for = open_for.max(asked.min(3_600_000));
        }
        self.open_until = now + open_for;
        self.change(Phase::Open);
    }

    /// Whether the failures of a closed breaker are too many.
    fn is_too_much(&self, now: i64) -> bool {
        let limit = self.policy.failures as usize;
        if self.ended.iter().rev().take_while(|(_, well)| !well).count() >= limit {
            return true;
        }
        let sixth = millis(self.policy.window) / 6;
        let bucket = |at: i64| at / sixth;
        let seen: Vec<bool> = self.ended.iter().filter(|(at, _)| bucket(*at) > bucket(now) - 6).map(|(_, well)| *well).collect();
        let failures = seen.iter().filter(|well| !**well).count();
        seen.len() >= 2 * limit && failures * 2 >= seen.len()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn policy(rng: &mut Rng) -> BreakerPolicy {
    if rng.bool() {
        return BreakerPolicy::default();
    }
    BreakerPolicy {
        failures: rng.u32(1..8),
        window: Duration::from_secs(6 * rng.u64(1..20)),
        open_for: Duration::from_secs(rng.u64(1..600)),
        probes: rng.u32(1..4),
    }
}

fn end(rng: &mut Rng, failing: f64) -> End {
    match rng.u32(0..20) {
        0 => End::Nothing,
        1 if rng.u32(0..8) == 0 => End::Spent,
        _ if rng.f64() < failing => {
            let retry_after = (rng.u32(0..5) == 0).then(|| rng.i64(0..5_000_000));
            End::Bad { retry_after }
        }
        _ => End::Good,
    }
}

/// Makes one sequence of calls; the first difference, if there is one.
fn sequence(rng: &mut Rng, phases: &mut [u64; 3]) -> Result<(), String> {
    let policy = policy(rng);
    let mut breaker = Breaker::default();
    let mut naive = Naive::new(policy);
    let (mut now, mut failing) = (BEGINNING + rng.i64(0..100_000), rng.f64());
    let mut tickets: Vec<(usize, Ticket)> = Vec::new();
    let mut last = now;
    for step in 0..rng.usize(1..STEPS) {
        now += match rng.u32(0..10) {
            0 => rng.i64(0..400_000),
            // To the very moment that something ends.
            1 if naive.phase == Phase::Open && naive.open_until > now => naive.open_until - now,
            2..6 => rng.i64(0..8_000),
            _ => 0,
        };
        if rng.u32(0..15) == 0 {
            failing = rng.f64();
        }
        if rng.u32(0..5) == 0 {
            // Another process reads the document.
            breaker = serde_json::from_value(serde_json::to_value(&breaker).unwrap()).unwrap();
        }
        if tickets.is_empty() || rng.u32(0..5) < 2 {
            let lease = rng.i64(1_000..120_000);
            let expected = naive.call(now, lease);
            let refusal = breaker.refusal(&policy, time(now));
            let (admission, _) = breaker.admit(&policy, time(now), Duration::from_millis(lease.unsigned_abs()));
            let says = match admission {
                Admission::Passed(ticket) => {
                    tickets.push((naive.calls.len().wrapping_sub(1), ticket));
                    last = last.max(now + lease);
                    Says::Go
                }
                Admission::Refused { until } => Says::Wait(until.as_millisecond()),
            };
            if says != expected || refusal.map_or(Says::Go, |until| Says::Wait(until.as_millisecond())) != says {
                return Err(format!("step {step}: {says:?} where {expected:?} is right, under {policy:?}"));
            }
        } else {
            let (number, ticket) = tickets.swap_remove(rng.usize(0..tickets.len()));
            // In thousandths, so that every time is a whole number of milliseconds.
            let (end, spread) = (end(rng, failing), rng.i32(0..200));
            naive.end(number, end, now, i64::from(spread));
            let outcome = match end {
                End::Good => Outcome::Succeeded,
                End::Bad { retry_after } => {
                    Outcome::Failed { error: "down", retry_after: retry_after.map(|ms| Duration::from_millis(ms.unsigned_abs())) }
                }
                End::Spent => Outcome::QuotaSpent { error: "spent", retry_after: None },
                End::Nothing => Outcome::Ignored,
            };
            breaker.report(&policy, ticket, outcome, time(now), f64::from(spread) / 200.0);
        }
        if breaker.phase() != naive.phase || breaker.generation() != naive.changes as u64 {
            return Err(format!("step {step}: {} where {} is right, under {policy:?}", breaker.phase(), naive.phase));
        }
        phases[naive.phase as usize] += 1;
    }
    comes_back(breaker, &policy, now.max(last).max(naive.open_until))
}

/// A breaker whose calls are all lost lets others through after its time, and closes when they end well.
fn comes_back(mut breaker: Breaker, policy: &BreakerPolicy, at: i64) -> Result<(), String> {
    for _ in 0..2 {
        let Admission::Passed(ticket) = breaker.admit(policy, time(at), Duration::from_secs(1)).0 else {
            return Err(format!("stuck {}: {breaker:?}, under {policy:?}", breaker.phase()));
        };
        breaker.report(policy, ticket, Outcome::Succeeded, time(at), 0.0);
    }
    if breaker.phase() == Phase::Closed { Ok(()) } else { Err(format!("stuck {}: {breaker:?}", breaker.phase())) }
}

#[test]
fn part_7_breaker_and_limiter() {
    let mut part = Part::begin(7);
    let volume = part.volume(500, 50_000);
    let (mut violations, mut phases, mut waits) = (Vec::new(), [0; 3], 0);
    for number in 0..volume {
        let mut rng = part.random(number);
        for outcome in [sequence(&mut rng, &mut phases), limiter::sequence(&mut rng, &mut waits)] {
            violations.extend(outcome.err().map(|difference| format!("sequence {number}: {difference}")));
        }
    }
    let [closed, open, half_open] = phases;
    part.figure("steps closed", closed);
    part.figure("steps open", open);
    part.figure("steps half-open", half_open);
    part.figure("waits for a rate", waits);
    assert!(phases.iter().all(|steps| *steps > volume) && waits > volume, "{phases:?} {waits}: not everything was tried");
    part.finish(volume, &violations);
}
