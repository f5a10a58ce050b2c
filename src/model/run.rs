//! How a run and its nodes stand, and what they have cost.

use std::{fmt, ops::AddAssign};

use serde::{Deserialize, Serialize};

use crate::model::Usage;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Started, and not ended in any way; also that of a run whose process died.
    Running,
    /// All its outputs are there.
    Succeeded,
    /// A node failed and nothing caught it.
    Failed,
    /// Stopped by a person.
    Cancelled,
    /// Cannot go on before a person has decided something; no process holds it.
    Waiting,
}

/// How a node instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Not all its incoming edges are decided.
    Pending,
    /// May start as soon as a permit is free.
    Ready,
    /// An attempt is under way.
    Running,
    /// Between two attempts, or for something from outside.
    Waiting,
    /// Its output is there.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// No edge to it was taken, or its `when` was false.
    Skipped,
    /// The run ended before it could.
    Cancelled,
}

impl NodeStatus {
    /// Whether the status will not change any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped | Self::Cancelled)
    }

    /// The status as written in files, tables and templates.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl RunStatus {
    /// The status as written in files and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Waiting => "waiting",
        }
    }
}

/// What a model charges, in USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// For tokens read.
    pub input: f64,
    /// For tokens read from the provider's cache; as `input` when absent.
    pub cached_input: Option<f64>,
    /// For tokens written.
    pub output: f64,
}

impl Price {
    /// What `usage` costs, in USD.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    pub fn of(&self, usage: Usage) -> f64 {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens - cached;
        (fresh as f64 * self.input
            + cached as f64 * self.cached_input.unwrap_or(self.input)
            + usage.output_tokens as f64 * self.output)
            / 1_000_000.0
    }

    /// USD for 1,000 tokens, of which three in four are read and one is written: one number to compare models by.
    #[must_use]
    pub fn per_thousand(&self) -> f64 {
        (3.0 * self.input + self.output) / 4_000.0
    }
}

/// What a call cost: known, or unpriced. An unknown price is never $0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// In USD.
    Usd(f64),
    /// The model has no price in the table or in the manifest, or its tokens were not reported.
    Unpriced,
    /// Simulated: no provider was paid.
    Simulated,
    /// Taken from a cassette: no provider was paid.
    Replayed {
        /// What it cost when it was recorded, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usd: Option<f64>,
    },
}

/// Calls, tokens and money of a node or a run so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// Model calls that were answered.
    pub calls: u64,
    /// Of them, calls without a known price.
    pub unpriced_calls: u64,
    /// Of them, calls answered by the mock provider.
    pub simulated_calls: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Money for the priced calls, in USD.
    pub usd: f64,
    /// Calls that may have been under way when a process died: they are made again, and their answers and prices are not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_calls: u64,
    /// Calls of tools that were made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tool_calls: u64,
    /// Of the calls, those that were answered by a cassette.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replayed_calls: u64,
    /// What these cost when they were recorded, in USD; nobody was paid that again.
    #[serde(default, skip_serializing_if = "is_free")]
    pub replayed_usd: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_free(usd: &f64) -> bool {
    *usd == 0.0
}

impl Spend {
    /// The spend of one call.
    #[must_use]
    pub fn of_call(usage: Option<Usage>, cost: Cost) -> Self {
        let usage = usage.unwrap_or_default();
        Self {
            calls: 1,
            unpriced_calls: u64::from(cost == Cost::Unpriced),
            simulated_calls: u64::from(cost == Cost::Simulated),
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            usd: if let Cost::Usd(usd) = cost { usd } else { 0.0 },
            lost_calls: 0,
            tool_calls: 0,
            replayed_calls: u64::from(matches!(cost, Cost::Replayed { .. })),
            replayed_usd: if let Cost::Replayed { usd } = cost { usd.unwrap_or_default() } else { 0.0 },
        }
    }

    /// What the calls cost when they were made, in USD: money that was paid, and money that was paid when a cassette was recorded.
    #[must_use]
    pub fn worth_usd(&self) -> f64 {
        self.usd + self.replayed_usd
    }

    /// Whether nothing was called.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What came after `earlier`, which is a part of this.
    #[must_use]
    pub fn beyond(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            unpriced_calls: self.unpriced_calls.saturating_sub(earlier.unpriced_calls),
            simulated_calls: self.simulated_calls.saturating_sub(earlier.simulated_calls),
            input_tokens: self.input_tokens.saturating_sub(earlier.input_tokens),
            output_tokens: self.output_tokens.saturating_sub(earlier.output_tokens),
            usd: (self.usd - earlier.usd).max(0.0),
            lost_calls: self.lost_calls.saturating_sub(earlier.lost_calls),
            tool_calls: self.tool_calls.saturating_sub(earlier.tool_calls),
            replayed_calls: self.replayed_calls.saturating_sub(earlier.replayed_calls),
            replayed_usd: (self.replayed_usd - earlier.replayed_usd).max(0.0),
        }
    }

    /// Tokens read and written.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// The counts stay at the highest number there is: servers and damaged logs may say any.
impl AddAssign for Spend {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.unpriced_calls = self.unpriced_calls.saturating_add(other.unpriced_calls);
        self.simulated_calls = self.simulated_calls.saturating_add(other.simulated_calls);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.usd += other.usd;
        self.lost_calls = self.lost_calls.saturating_add(other.lost_calls);
        self.tool_calls = self.tool_calls.saturating_add(other.tool_calls);
        self.replayed_calls = self.replayed_calls.saturating_add(other.replayed_calls);
        self.replayed_usd += other.replayed_usd;
    }
}

/// `$0.0123`, `$0.0123 + 2 unpriced`, `unpriced`, `simulated`, `$0.0123 replayed` or `no calls`, each perhaps with ` + 1 call lost`.
impl fmt::Display for Spend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = [self.unpriced_calls, self.simulated_calls, self.replayed_calls];
        let priced = others.into_iter().fold(self.calls, u64::saturating_sub);
        let replayed = match self.replayed_usd {
            0.0 => "replayed".to_owned(),
            usd => format!("${usd:.4} replayed"),
        };
        match (self.calls, priced, self.unpriced_calls, self.replayed_calls) {
            (0, ..) => f.write_str("no calls"),
            (_, 0, 0, 0) => f.write_str("simulated"),
            (_, 0, 0, _) => f.write_str(&replayed),
            (_, 0, _, _) => f.write_str("unpriced"),
            (_, _, 0, _) => write!(f, "${:.4}", self.usd),
            (_, _, unpriced, _) => write!(f, "${:.4} + {unpriced} unpriced", self.usd),
        }?;
        if self.replayed_calls > 0 && (priced > 0 || self.unpriced_calls > 0) {
            write!(f, " + {replayed}")?;
        }
        match self.lost_calls {
            0 => Ok(()),
            1 => f.write_str(" + 1 call lost"),
            lost => write!(f, " + {lost} calls lost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_call_can_have_are_counted_as_the_most_there_are() {
        let usage = Usage { input_tokens: u64::MAX - 1, cached_tokens: 0, output_tokens: 7 };
        assert_eq!(usage.tokens(), u64::MAX);
        let mut spend = Spend::default();
        (0..3).for_each(|_| spend += Spend::of_call(Some(usage), Cost::Unpriced));
        assert_eq!((spend.calls, spend.input_tokens, spend.output_tokens, spend.tokens()), (3, u64::MAX, 21, u64::MAX));
        assert_eq!(spend.to_string(), "unpriced");
    }

    #[test]
    fn parts_that_are_more_than_the_whole_can_be_told() {
        let odd = Spend { calls: 1, unpriced_calls: 2, simulated_calls: u64::MAX, ..Spend::default() };
        assert_eq!(odd.to_string(), "unpriced");
    }
}
