//! Durations, rates and counts as people write them: `1h30m`, `20/m`, `400k`. The command line reads them in the same way.

use std::time::Duration;

use crate::model::Rate;

/// The largest count, so that no sum of counts overflows.
pub const MAX_COUNT: u64 = 999_999_999_999_999;

/// The units of durations, longest first, in milliseconds.
const UNITS: [(&str, f64); 5] = [("d", 86_400_000.0), ("h", 3_600_000.0), ("m", 60_000.0), ("s", 1_000.0), ("ms", 1.0)];
/// The most digits of one number in a duration.
const MAX_DIGITS: usize = 9;

/// Reads a duration: numbers with the units `d`, `h`, `m`, `s`, `ms`, longest first, e.g. `500ms`, `1.5s`, `1h30m`.
///
/// # Errors
/// What is wrong, as a sentence without its subject, e.g. ``has no unit: write `30s` ``.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("is empty: write for example `30s`".to_owned());
    }
    let mut units = UNITS.iter();
    let mut milliseconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest);
        let Some(amount) = read_number(number) else {
            return Err(format!("is no duration: expected a number at `{rest}`, as in `500ms`, `30s`, `5m` or `1h30m`"));
        };
        let unit = &after[..after.len() - after.trim_start_matches(|c: char| c.is_alphabetic()).len()];
        if unit.is_empty() && !after.trim().is_empty() {
            return Err(
                "is no duration: write the unit right behind the number, as in `500ms`, `30s`, `5m` or `1h30m`".to_owned()
            );
        }
        if unit.is_empty() {
            return Err(format!("has no unit: write `{text}s` for seconds, or `ms`, `m`, `h`, `d`"));
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(format!("has an unknown unit `{unit}`: write `ms`, `s`, `m`, `h` or `d`"));
        }
        let Some((_, factor)) = units.find(|(name, _)| *name == unit) else {
            return Err("has its units in the wrong order: the longest comes first, each once, as in `1h30m`".to_owned());
        };
        milliseconds += amount * factor;
        rest = &after[unit.len()..];
    }
    Ok(Duration::from_secs_f64(milliseconds / 1_000.0))
}

/// Reads a count: a whole number, or one with `k` (thousand), `M` (million) or `G` (thousand million), e.g. `400k`, `1.5M`.
///
/// # Errors
/// What is wrong, as a sentence without its subject.
pub fn parse_count(text: &str) -> Result<u64, String> {
    let bad = || format!("is no count: write a whole number, or for example `400k` or `{}`", "1.5M");
    let (number, suffix) = split_number(text.trim());
    let decimals = match suffix {
        "" => 0,
        "k" | "K" => 3,
        "M" => 6,
        "G" => 9,
        _ => return Err(bad()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if read_number(number).is_none() || fraction.len() > decimals {
        return Err(bad());
    }
    // The point moves to the right by as many digits as the suffix stands for, so no rounding comes in.
    let digits = format!("{whole}{fraction:0<decimals$}");
    digits.parse().ok().filter(|count| *count <= MAX_COUNT).ok_or_else(|| "is too large".to_owned())
}

/// Reads a rate: a count per `s`, `m`, `h` or `d`, e.g. `20/m`, `90k/m`.
///
/// # Errors
/// What is wrong, as a sentence without its subject.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let Some((amount, unit)) = text.trim().split_once('/') else {
        return Err("is no rate: write for example `20/m` for twenty a minute".to_owned());
    };
    let amount = parse_count(amount.trim())?;
    let Some((_, milliseconds)) = UNITS[..4].iter().find(|(name, _)| *name == unit.trim()) else {
        return Err(format!("is no rate: `{}` is no span of time; write `/s`, `/m`, `/h` or `/d`", unit.trim()));
    };
    if amount == 0 {
        return Err("must allow more than nothing".to_owned());
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
    Ok(Rate { amount: amount as f64, per: Duration::from_secs_f64(milliseconds / 1_000.0) })
}

fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len())
}

/// Digits with at most one point between them.
fn read_number(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() > MAX_DIGITS + 6 || fraction.len() > MAX_DIGITS {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        #[track_caller]
        fn check(text: &str, milliseconds: u64) {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        check("500ms", 500);
        check("30s", 30_000);
        check("1.5s", 1_500);
        check("5m", 300_000);
        check("24h", 86_400_000);
        check("1h30m", 5_400_000);
        check("1d2h3m4s5ms", 93_784_005);
        check("0s", 0);
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        #[track_caller]
        fn check(text: &str, reason: &str) {
            let found = parse_duration(text).unwrap_err();
            assert!(found.starts_with(reason), "{found}");
        }
        check("30", "has no unit: write `30s`");
        check("", "is empty");
        check("30 s", "is no duration: write the unit right behind");
        check("5min", "has an unknown unit `min`");
        check("30m1h", "has its units in the wrong order");
        check("1s1s", "has its units in the wrong order");
        check("-1s", "is no duration");
        check("1.s", "is no duration");
        check("soon", "is no duration");
        check("9999999999999999s", "is no duration");
    }

    #[test]
    fn counts_are_read_without_rounding() {
        assert_eq!(parse_count("400k"), Ok(400_000));
        assert_eq!(parse_count("1.5M"), Ok(1_500_000));
        assert_eq!(parse_count("0.1k"), Ok(100));
        assert_eq!(parse_count("2G"), Ok(2_000_000_000));
        assert_eq!(parse_count("17"), Ok(17));
        for bad in ["", "k", "1.5", "1.2345k", "4m", "1e3", "-1", "1_000", "999999999999999k", "1 k"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_are_read() {
        assert_eq!(parse_rate("20/m"), Ok(Rate { amount: 20.0, per: Duration::from_mins(1) }));
        assert_eq!(parse_rate("90k/h"), Ok(Rate { amount: 90_000.0, per: Duration::from_hours(1) }));
        for bad in ["20", "20/min", "/m", "0/s", "20/ms", "x/s"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }
}
