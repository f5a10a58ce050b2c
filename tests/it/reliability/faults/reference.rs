//! What docs/semantics.md says of failures, written down again by hand: the table and the formula of the delays. It shares nothing with
//! the code that it judges, and kinds are told by their names in the log.

use sha2::{Digest as _, Sha256};

/// Whether the same model is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    Once,
    Always,
}

/// Who is asked when it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Nobody,
    /// The next of the chain.
    Second,
    /// The next of the chain that is marked for it.
    Marked,
}

/// The row of a kind.
pub(super) fn row(kind: &str) -> (Again, Next) {
    match kind {
        "transient" | "not_ready" | "throttle" | "overloaded" | "truncated" | "timeout" | "schema" => {
            (Again::Always, Next::Second)
        }
        "malformed" => (Again::Once, Next::Second),
        "quota" | "unknown_model" => (Again::Never, Next::Second),
        "context_length" | "auth" => (Again::Never, Next::Marked),
        "request" | "refused" => (Again::Never, Next::Nobody),
        other => panic!("the table has no `{other}`"),
    }
}

/// The `retry` of a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policy {
    pub(super) max_attempts: usize,
    pub(super) initial_ms: u32,
    pub(super) factor: f64,
    pub(super) max_ms: u32,
    pub(super) jitter: &'static str,
}

impl Policy {
    /// What nodes have that say nothing.
    pub(super) fn usual() -> Self {
        Self { max_attempts: 4, initial_ms: 500, factor: 2.0, max_ms: 30_000, jitter: "full" }
    }

    /// Any other.
    pub(super) fn draw(rng: &mut fastrand::Rng) -> Self {
        Self {
            max_attempts: rng.usize(1..=4),
            initial_ms: rng.u32(20..2_000),
            factor: f64::from(rng.u32(10..40)) / 10.0,
            max_ms: rng.u32(1_000..20_000),
            jitter: *rng.choice(["full", "equal", "none"].iter()).expect("there are three"),
        }
    }

    /// As a workflow says it.
    pub(super) fn yaml(&self) -> String {
        let Self { max_attempts, initial_ms, factor, max_ms, jitter } = self;
        format!(
            "{{ max_attempts: {max_attempts}, initial: {initial_ms}ms, factor: {factor}, max: {max_ms}ms, jitter: {jitter} }}"
        )
    }

    /// The delay before retry `n`, from 0, in milliseconds; `r` is in [0, 1), `asked_ms` is what the server asks for.
    pub(super) fn delay_ms(&self, kind: &str, n: i32, r: f64, asked_ms: Option<f64>) -> f64 {
        let slow = if matches!(kind, "throttle" | "overloaded") { 2.0 } else { 1.0 };
        let d = (slow * f64::from(self.initial_ms) * self.factor.powi(n)).min(slow * f64::from(self.max_ms));
        let delay = match self.jitter {
            "none" => d,
            "full" if slow < 2.0 => (r * d).max(d.min(100.0)),
            _ => d / 2.0 + r * d / 2.0,
        };
        asked_ms.map_or(delay, |a| a.max(delay) + r * (a / 10.0).min(1_000.0))
    }
}

/// The `r` of an attempt: the first four bytes of SHA-256 over run, node and attempt, as a fraction. A resume comes to the same.
pub(super) fn fraction(run: &str, node: &str, attempt: u32) -> f64 {
    let hash = Sha256::digest(format!("{run}/{node}/{attempt}").as_bytes());
    let head = [hash[0], hash[1], hash[2], hash[3]];
    f64::from(u32::from_be_bytes(head)) / 2_f64.powi(32)
}

#[test]
fn the_formula_gives_what_the_page_says() {
    let usual = Policy::usual();
    let plain = Policy { jitter: "none", ..Policy::usual() };
    let microseconds = |ms: f64| format!("{ms:.3}").replace('.', "").parse::<u64>().unwrap();
    let check = |policy: &Policy, kind, n, r, asked, expected_ms: u64| {
        assert_eq!(microseconds(policy.delay_ms(kind, n, r, asked)), expected_ms * 1_000, "{policy:?} {kind} {n} {r} {asked:?}");
    };
    for (n, plain_ms) in [(0, 500), (1, 1_000), (2, 2_000), (9, 30_000)] {
        check(&plain, "transient", n, 0.9, None, plain_ms);
        check(&usual, "transient", n, 0.5, None, plain_ms / 2);
        check(&usual, "transient", n, 0.0, None, 100);
        check(&usual, "throttle", n, 0.0, None, plain_ms);
    }
    check(&usual, "throttle", 0, 0.5, Some(7_000.0), 7_350);
    check(&usual, "transient", 0, 0.5, Some(60_000.0), 60_500);
}
