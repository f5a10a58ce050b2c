//! Durations, counts and money as people read them.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::Spend;

/// `850ms`, `3.4s`, `2m03s`, `1h02m`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..60 => format!("{seconds}.{}s", time.subsec_millis() / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The time from one moment to another; zero when the clock was set back in between.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// `950`, `1.2k`, `34k`, `1.2M`.
pub(super) fn count(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..10_000 => format!("{}.{}k", number / 1_000, number % 1_000 / 100),
        10_000..1_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}.{}M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

/// `1 call`, `2 calls`.
pub(super) fn plural(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// `$0.0002`, `$0.00003`: with two digits that count, and at least four behind the point.
pub(super) fn small_usd(usd: f64) -> String {
    let digits = if usd > 0.0 { (1.0 - usd.log10().floor()).clamp(4.0, 9.0) } else { 4.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 4 and 9")]
    let digits = digits as usize;
    format!("${usd:.digits$}")
}

/// `13 calls · 34k tokens · $0.0213`; `no calls` for none.
pub(super) fn spend(spend: &Spend) -> String {
    if spend.calls == 0 {
        return spend.to_string();
    }
    format!("{} · {} tokens · {spend}", plural(spend.calls, "call"), count(spend.tokens()))
}

/// `2026-11-22 12:30:07` in the time zone of the machine, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let texts: Vec<_> =
            [0, 850, 1_000, 3_456, 59_999, 60_000, 123_000, 3_720_000].map(|ms| duration(Duration::from_millis(ms))).into();
        assert_eq!(texts, ["0ms", "850ms", "1.0s", "3.4s", "59.9s", "1m00s", "2m03s", "1h02m"]);
    }

    #[test]
    fn counts_are_short() {
        assert_eq!([999, 1_000, 1_290, 12_900, 999_999, 1_250_000].map(count), ["999", "1.0k", "1.2k", "12k", "999k", "1.2M"]);
    }
}
