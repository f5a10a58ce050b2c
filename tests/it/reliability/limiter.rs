//! The rate limiter against a bucket that leaks: what was reserved flows in, time lets it out.

use std::time::Duration;

use agentflow::resilience::{Rate, RateLimiter};
use fastrand::Rng;
use tokio::time::Instant;

/// The most steps of one sequence.
const STEPS: usize = 100;
/// What a share moves by, in hundredths of a per cent.
const RECOVERY: f64 = 500.0;

/// A bucket that leaks. Times are in seconds.
struct Bucket {
    amount: f64,
    per: f64,
    /// What has not leaked out yet, as the time it takes.
    level: f64,
    /// When the server complained last and was heard, and the share that was left, in hundredths of a per cent.
    complaint: Option<(i64, f64)>,
}

impl Bucket {
    /// In hundredths of a per cent, counted up from the last complaint.
    fn share(&self, now: i64) -> f64 {
        let Some((at, mut share)) = self.complaint else { return 10_000.0 };
        let mut time = at + 10_000;
        while time <= now && share < 10_000.0 {
            share += RECOVERY;
            time += 10_000;
        }
        share.min(10_000.0)
    }

    fn time_of(&self, amount: f64, now: i64) -> f64 {
        amount * self.per / (self.amount * self.share(now) / 10_000.0)
    }

    fn reserve(&mut self, amount: f64, now: i64) -> f64 {
        let before = self.level.max(0.0);
        self.level = before + self.time_of(amount, now);
        (self.level - self.per).max(0.0).min(before)
    }
}

/// Makes one sequence of reservations, corrections and complaints; the first difference, if there is one.
pub(super) fn sequence(rng: &mut Rng, waits: &mut u64) -> Result<(), String> {
    let rate = Rate { amount: f64::from(rng.u32(1..1_000)), per: Duration::from_secs(rng.u64(1..100)) };
    let limiter = RateLimiter::new(rate);
    let mut bucket = Bucket { amount: rate.amount, per: rate.per.as_secs_f64(), level: 0.0, complaint: None };
    let complains = rng.bool();
    let began = Instant::now();
    let seconds = |ms: i64| Duration::from_millis(ms.unsigned_abs()).as_secs_f64();
    let instant = |ms: i64| began + Duration::from_millis(ms.unsigned_abs());
    let (mut now, mut let_through): (i64, Vec<(f64, f64)>) = (0, Vec::new());
    let mut is_corrected = false;
    for step in 0..rng.usize(1..STEPS) {
        let pause = if rng.u32(0..3) == 0 { rng.i64(0..20_000) } else { 0 };
        now += pause;
        bucket.level -= seconds(pause);
        match rng.u32(0..10) {
            0 if complains => {
                let made_at = rng.i64(0..=now);
                if bucket.complaint.is_none_or(|(heard, _)| made_at >= heard) {
                    bucket.complaint = Some((now, (bucket.share(now) / 2.0).max(RECOVERY)));
                }
                limiter.slow_down_at(instant(now), instant(made_at));
            }
            1 if step > 0 => {
                is_corrected = true;
                let (reserved, used) = (f64::from(rng.u32(0..100)), f64::from(rng.u32(0..100)));
                let time = bucket.time_of((used - reserved).abs(), now);
                if !let_through.is_empty() {
                    bucket.level += if used > reserved { time } else { -time };
                }
                limiter.settle_at(instant(now), reserved, used);
            }
            _ => {
                let amount = rate.amount * rng.f64() * if rng.u32(0..20) == 0 { 3.0 } else { 0.3 };
                let expected = bucket.reserve(amount, now);
                let wait = limiter.reserve_at(instant(now), amount).as_secs_f64();
                if (wait - expected).abs() > 1e-5 {
                    return Err(format!("step {step}: a wait of {wait} s where {expected} s is right, with {rate:?}"));
                }
                *waits += u64::from(wait > 0.0);
                let_through.push((seconds(now) + wait, amount));
            }
        }
    }
    if is_corrected { Ok(()) } else { keeps_to(rate, &let_through) }
}

/// Calls are let through in their order, and in no span of time are there more than the rate allows.
fn keeps_to(rate: Rate, let_through: &[(f64, f64)]) -> Result<(), String> {
    if !let_through.is_sorted_by(|(earlier, _), (later, _)| *later >= earlier - 1e-5) {
        return Err(format!("not first come, first served: {let_through:?}"));
    }
    for (index, (from, _)) in let_through.iter().enumerate() {
        let mut sum = 0.0;
        for (to, amount) in &let_through[index..] {
            // What is above the rate alone passes when nothing is owed, and is paid back afterwards.
            let allowed = rate.amount * (1.0 + (to - from) / rate.per.as_secs_f64());
            if sum > allowed + 1e-3 {
                return Err(format!("{sum} in {} s, where {allowed} is allowed, with {rate:?}", to - from));
            }
            sum += amount;
        }
    }
    Ok(())
}
