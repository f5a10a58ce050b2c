//! What is counted of many searches.

use std::fmt;

/// How well searches found what was asked for.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Where the first right passage stood, from 1; `None` where it was not among those that were looked at.
    ranks: Vec<Option<usize>>,
}

impl Figures {
    /// Counts a search.
    pub(crate) fn count(&mut self, rank: Option<usize>) {
        self.ranks.push(rank);
    }

    /// Counts those of `other`, too.
    pub(crate) fn add(&mut self, other: &Self) {
        self.ranks.extend(&other.ranks);
    }

    /// How many searches there were.
    pub(crate) fn searches(&self) -> usize {
        self.ranks.len()
    }

    /// The share of searches in which one of the first `k` passages was right.
    pub(crate) fn hit_at(&self, k: usize) -> f64 {
        self.mean(|rank| if rank <= k { 1.0 } else { 0.0 })
    }

    /// The mean of 1 / rank.
    #[expect(clippy::cast_precision_loss, reason = "ranks are small")]
    pub(crate) fn reciprocal_rank(&self) -> f64 {
        self.mean(|rank| 1.0 / rank as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "there are some hundreds")]
    fn mean(&self, worth: impl Fn(usize) -> f64) -> f64 {
        self.ranks.iter().flatten().map(|&rank| worth(rank)).sum::<f64>() / self.ranks.len().max(1) as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} | {:.2} | {:.2}", self.hit_at(1), self.hit_at(5), self.reciprocal_rank())
    }
}

#[test]
fn figures_are_those_of_the_textbook() {
    let mut figures = Figures::default();
    for rank in [Some(1), Some(2), Some(10), None] {
        figures.count(rank);
    }
    assert_eq!(figures.to_string(), "0.25 | 0.50 | 0.40");
}
