//! Answers to failure and load: what follows from a failure, when to try again, when to leave a target alone, how much to ask at
//! once. Knows nothing of what it guards.

mod breaker;
mod budget;
mod clock;
mod limiter;
mod pace;
mod retry;
mod verdict;
mod window;

pub use crate::model::Rate;
pub use breaker::{Admission, Breaker, BreakerPolicy, Change, Outcome, Phase, Tally, Ticket};
pub use budget::RetryBudget;
pub use clock::{SharedClock, time_left};
pub use limiter::RateLimiter;
pub use pace::Pace;
pub use retry::{Jitter, RetryPolicy};
pub use verdict::{Again, Counts, Next, Verdict, verdict};
