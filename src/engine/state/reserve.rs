//! What is set aside for calls in flight, so that many that start together do not spend the same rest of a budget.
//!
//! Only decisions to start rest on it: it is no event, and a replay begins with nothing set aside.

use std::ops::{AddAssign, SubAssign};

use super::{
    RunState,
    budget::spent,
    parts::{Frame, InstanceId},
};
use crate::{agent::estimated_tokens, error::Error, plan::AgentNode};

/// Tokens and money that calls in flight may take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Reserve {
    tokens: u64,
    usd: f64,
}

/// Whether a call may start within the budgets.
#[derive(Debug)]
pub(super) enum Affords {
    /// It may, and takes so much at most, as far as that is known.
    Yes(Reserve),
    /// Not before something in flight has ended.
    Later,
    /// It would go beyond.
    Never(Error),
}

impl AddAssign for Reserve {
    fn add_assign(&mut self, other: Self) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.usd += other.usd;
    }
}

impl SubAssign for Reserve {
    fn sub_assign(&mut self, other: Self) {
        self.tokens = self.tokens.saturating_sub(other.tokens);
        self.usd = (self.usd - other.usd).max(0.0);
    }
}

impl RunState {
    /// Whether a call of the instance with prompts of so many bytes fits into the budgets of the run and of the workflows around it.
    ///
    /// A call whose answer is bounded by `max_tokens` never goes beyond. One without that bound is let through alone as long as
    /// something is left.
    pub(super) fn affords(&self, id: InstanceId, agent: &AgentNode, bytes: usize) -> Affords {
        let mut reserve = None;
        let is_bounded = |frame: &&Frame| frame.plan.limits.max_cost_usd.is_some() || frame.plan.limits.max_tokens.is_some();
        for frame in self.frames_around(id).filter(is_bounded) {
            let reserve = *reserve.get_or_insert_with(|| self.reserve_for(id, agent, bytes));
            if let Some(error) = beyond(frame, reserve) {
                if frame.running > 0 {
                    return Affords::Later;
                }
                if agent.max_tokens.is_some() {
                    return Affords::Never(error);
                }
            }
        }
        Affords::Yes(reserve.unwrap_or_default())
    }

    fn reserve_for(&self, id: InstanceId, agent: &AgentNode, bytes: usize) -> Reserve {
        let usage = estimated_tokens(bytes, agent.max_tokens);
        let price = self.target(id).and_then(|model| self.prices.get(model));
        Reserve { tokens: usage.tokens(), usd: price.map_or(0.0, |price| price.of(usage)) }
    }
}

/// Why a call that may take `reserve` would go beyond a budget of the frame, with what was spent and what is in flight.
fn beyond(frame: &Frame, reserve: Reserve) -> Option<Error> {
    // A run that plays a cassette ends where the recorded one did.
    let usd = frame.spend.worth_usd();
    let mut taken = frame.reserved;
    taken += reserve;
    if let Some(most) = frame.plan.limits.max_cost_usd
        && usd + taken.usd > most
    {
        let next = reserve.usd;
        return Some(spent("max_cost_usd", &format!("${usd:.4} of ${most:.4}, and the next call may take ${next:.4}")));
    }
    let tokens = frame.spend.tokens();
    if let Some(most) = frame.plan.limits.max_tokens
        && tokens.saturating_add(taken.tokens) > most
    {
        let next = reserve.tokens;
        return Some(spent("max_tokens", &format!("{tokens} of {most} tokens, and the next call may take {next}")));
    }
    None
}
