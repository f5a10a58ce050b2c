//! Times and what is made of many of them.

use std::time::{Duration, Instant};

/// How long `work` takes.
pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// How long this process has been on a processor, all its threads together; absent where the system does not tell. On a busy
/// machine it says more than the clock on the wall.
pub(crate) fn processor_time() -> Option<Duration> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    threads
        .map(|thread| {
            let told = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            told.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
        })
        .sum()
}

/// `, CPU 12.3 µs` for each of `count` things done since `before`.
pub(crate) fn processor_share(before: Option<Duration>, count: usize) -> String {
    let (Some(before), Some(after), Ok(count)) = (before, processor_time(), u32::try_from(count)) else { return String::new() };
    format!(", CPU {}", show(after.saturating_sub(before) / count))
}

/// The `share` (0 to 1) quantile of `times`.
pub(crate) fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
    let at = ((times.len() - 1) as f64 * share).round() as usize;
    times[at]
}

/// `12.3 µs`, `4.56 ms`, `1.23 s`.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        _ if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

/// `count` in `duration`, as a rate.
pub(crate) fn rate(count: usize, duration: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let rate = count as f64 / duration.as_secs_f64();
    format!("{rate:.0}/s")
}

/// The most memory this process had at once, in KiB; absent where the system does not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Rows with their columns below each other: the first to the left, the others to the right, and the last as it is.
pub(crate) fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:0$}", width(0)),
            _ if column + 1 == COLUMNS => cell.clone(),
            _ => format!("{cell:>0$}", width(column)),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
