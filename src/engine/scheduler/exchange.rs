//! What attempts ask of the mailboxes of the run.

use super::{Scheduler, Unrecorded};
use crate::{
    agent::Entry,
    crash::crash_point,
    engine::{attempt::Asked, state::InstanceId},
    error::Result,
};

impl Scheduler {
    /// Has the mailboxes answer. What follows and the result of the step stand in the log one after the other, in one append.
    pub(super) fn on_asked(&mut self, id: InstanceId, asked: Asked) -> Result<()> {
        let Asked { request, key, seal, answered, recorded } = asked;
        let now = self.clock.now();
        while let Some(dead) = self.state.dead_letter(now) {
            self.record(dead)?;
        }
        let output = match self.state.exchange(id, request, &key, now) {
            Ok((event, output)) => {
                event.into_iter().try_for_each(|event| self.record(event))?;
                Ok(output)
            }
            Err(error) => Err(error),
        };
        crash_point!("messages.queued");
        let result = seal(output);
        let seq = self.state.next_seq();
        self.record(self.state.kept(id, Entry::Result(result.clone())))?;
        // An attempt that is gone needs no answer.
        answered.send(result).ok();
        self.unrecorded.push(Unrecorded { seq, id, recorded, is_intent: false });
        self.is_urgent = true;
        Ok(())
    }
}
