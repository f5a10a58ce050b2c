//! A figure that is kept of a run of the benchmarks: its median, how far it spreads, and what it is held against.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::measure::{quantile, show};

/// What is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// `SECTION/WHAT`, the same in every run.
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) median: f64,
    /// The lower and the upper quartile.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// What one unit of the yardstick took in the same section of the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) yard: Option<f64>,
}

/// What a figure counts. Less is better in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Seconds, held against a piece of work for the processor.
    Processor,
    /// Seconds, held against writes to the disk that are waited for.
    Disk,
    /// Seconds that something else decides, such as a model that is waited for.
    Seconds,
    /// How many times as long as something else, which was measured in turns with it.
    Times,
    /// KiB of memory or disk.
    Kibibytes,
    /// What is missing to all, from 0 to 1.
    Missing,
}

impl Figure {
    /// Of times that the same work took.
    pub(crate) fn of(unit: Unit, times: &[Duration]) -> Self {
        let mut times = times.to_vec();
        let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut times, share).as_secs_f64());
        Self { name: String::new(), unit, median, low, high, yard: None }
    }

    /// Of times by the turn, each beside the time of what it is compared with in that turn.
    pub(crate) fn pairs(times: &[Duration], others: &[Duration]) -> Self {
        let ratio = |(time, other): (&Duration, &Duration)| time.as_secs_f64() / other.as_secs_f64();
        let mut ratios: Vec<f64> = times.iter().zip(others).map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let [low, median, high] = [1, 2, 3].map(|quarter| ratios[(ratios.len() - 1) * quarter / 4]);
        Self { name: String::new(), unit: Unit::Times, median, low, high, yard: None }
    }

    /// Of one number, which is the same every time or nearly so.
    pub(crate) fn one(unit: Unit, value: f64) -> Self {
        Self { name: String::new(), unit, median: value, low: value, high: value, yard: None }
    }

    /// How many of `count` things each time was for.
    pub(crate) fn each(self, count: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let count = count as f64;
        Self { median: self.median / count, low: self.low / count, high: self.high / count, ..self }
    }

    /// The quartiles and the median, as they are compared with those of another run: times by their yardstick.
    pub(crate) fn compared(&self) -> [f64; 3] {
        [self.low, self.median, self.high].map(|value| value / self.yard.unwrap_or(1.0))
    }

    /// Whether it means the same on another machine.
    pub(crate) fn is_of_any_machine(&self) -> bool {
        matches!(self.unit, Unit::Times | Unit::Missing)
    }

    /// The median, for people.
    pub(crate) fn shown(&self) -> String {
        match self.unit {
            Unit::Processor | Unit::Disk | Unit::Seconds => show(Duration::from_secs_f64(self.median)),
            Unit::Times => format!("× {:.2}", self.median),
            Unit::Kibibytes => format!("{:.1} MB", self.median / 1024.0),
            Unit::Missing => format!("{:.2} % missing", self.median * 100.0),
        }
    }

    /// How far the quartiles are from each other, in parts of the median.
    pub(crate) fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.high - self.low) / self.median }
    }
}
