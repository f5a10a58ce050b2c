//! What happens around a call that a reader of the log wants to know.

use std::time::Duration;

use crate::{
    model::ModelRef,
    resilience::{Change, Phase},
};

/// Is told what happens around a call, as it happens. Returns at once.
pub type OnNotice<'a> = dyn Fn(Notice) + Send + Sync + 'a;

/// Something happened around a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It waited for its turn, for 100 ms at least.
    Waited {
        /// The ordinal of the call within its attempt, from 0.
        ordinal: u32,
        /// The model that is asked.
        model: ModelRef,
        /// For what: `rate limit`, `pause` (the server asked for it), `permit` or `breaker`.
        reason: &'static str,
        /// How long.
        duration: Duration,
    },
    /// The circuit breaker of its model changed by it.
    BreakerChanged {
        /// The model that is asked.
        model: ModelRef,
        /// What the breaker was.
        from: Phase,
        /// What it is.
        to: Phase,
        /// Why, in words.
        reason: String,
    },
}

impl Notice {
    /// The notice of a change of `model`'s breaker.
    pub(super) fn of(model: &ModelRef, change: Change) -> Self {
        let Change { from, to, reason } = change;
        Self::BreakerChanged { model: model.clone(), from, to, reason }
    }
}
