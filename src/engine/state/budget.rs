//! The bounds of a run: nodes, iterations, events, money, tokens. What was spent is derived from the log, so a crash resets nothing.

use super::{RunState, parts::InstanceId};
use crate::{
    error::{Error, ErrorKind},
    model::Seq,
};

/// The most events of a run.
pub(in crate::engine) const MAX_EVENTS: Seq = 51_200;

/// How many of them are kept for the end of what is under way when no more may begin.
const FOR_THE_END: Seq = 1_200;

/// When a run has so many events, it is told that it is long.
pub(in crate::engine) const MANY_EVENTS: Seq = MAX_EVENTS / 5;

impl RunState {
    /// Whether a model call of the instance would go beyond a budget of the run or of a workflow around it.
    pub(in crate::engine) fn exceeded_budget(&self, id: InstanceId) -> Option<Error> {
        if let Some(error) = self.exceeded_events() {
            return Some(error);
        }
        self.frames_around(id).find_map(|frame| {
            let limits = &frame.plan.limits;
            if let Some(most) = limits.max_cost_usd
                && frame.spend.worth_usd() >= most
            {
                return Some(spent("max_cost_usd", &format!("${:.4} of ${most:.4}", frame.spend.worth_usd())));
            }
            if let Some(most) = limits.max_tokens
                && frame.spend.tokens() >= most
            {
                return Some(spent("max_tokens", &format!("{} of {most} tokens", frame.spend.tokens())));
            }
            let calls = frame.spend.tool_calls;
            (calls > limits.tool_calls).then(|| spent("tool_calls", &format!("{} calls of tools were made", limits.tool_calls)))
        })
    }

    /// Whether one more node instance would go beyond the run's bound.
    pub(super) fn exceeded_count(&self, id: InstanceId) -> Option<Error> {
        let most = self.plan.limits.nodes;
        let is_new = self.instance(id).started_at.is_none();
        self.exceeded_events()
            .or_else(|| (is_new && self.started >= most).then(|| spent("nodes", &format!("{most} node instances have started"))))
    }

    /// Whether one more iteration would go beyond the run's bound.
    pub(super) fn exceeded_iterations(&self) -> Option<Error> {
        let most = self.plan.limits.iterations;
        self.exceeded_events()
            .or_else(|| (self.iterations >= most).then(|| spent("iterations", &format!("{most} iterations have started"))))
    }

    /// Whether the log is so long that nothing more may begin.
    fn exceeded_events(&self) -> Option<Error> {
        (self.next_seq >= MAX_EVENTS - FOR_THE_END).then(|| {
            Error::new(
                ErrorKind::Budget,
                format!("a run has at most {MAX_EVENTS} events, and nothing more can begin in this one"),
            )
            .hint("divide the work into several runs")
        })
    }
}

pub(super) fn spent(limit: &str, figures: &str) -> Error {
    Error::new(ErrorKind::Budget, format!("the budget `limits.{limit}` is spent: {figures}"))
        .hint(format!("raise `limits.{limit}` in the workflow, then run it again"))
}
