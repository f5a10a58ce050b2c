//! Answers to failure and load: when to try again, and how much to ask at once. Knows nothing of what it guards.

mod limiter;
mod retry;
mod verdict;

pub use limiter::{Rate, RateLimiter};
pub use retry::{Jitter, RetryPolicy};
pub use verdict::{Again, Counts, Next, Verdict, verdict};
