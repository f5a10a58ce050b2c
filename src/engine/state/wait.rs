//! Nodes with `wait` for a while or until a time. When it is over is found out once, and recorded.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{RunState, parts::InstanceId};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{EventBody, NodeStatus},
    plan::WaitNode,
};

impl RunState {
    /// The next event of a node that waits: until when, and its end.
    pub(super) fn examine_wait(&self, id: InstanceId, node: &WaitNode, now: Timestamp) -> Result<Option<EventBody>> {
        let instance = self.instance(id);
        if instance.status == NodeStatus::Running {
            let until = self.end_of_wait(id, node, instance.started_at.unwrap_or(now))?;
            return Ok(Some(self.paused(id, Some(until), false)));
        }
        match instance.due.filter(|_| self.is_due(id, now)) {
            Some(due) => self.waited(id, due, None).map(Some),
            None => Ok(None),
        }
    }

    /// The end of a wait in a simulated run.
    pub(super) fn wait_in_no_time(&self, id: InstanceId, node: &WaitNode, now: Timestamp) -> Result<EventBody> {
        let until = self.end_of_wait(id, node, now)?;
        self.waited(id, until, Some("simulated: it was not waited for".to_owned()))
    }

    fn waited(&self, id: InstanceId, until: Timestamp, note: Option<String>) -> Result<EventBody> {
        self.stood(id, json!({ "until": until.to_string() }), note)
    }

    fn end_of_wait(&self, id: InstanceId, node: &WaitNode, began: Timestamp) -> Result<Timestamp> {
        match node {
            WaitNode::For(duration) => {
                let duration = SignedDuration::try_from(*duration).ok();
                duration
                    .and_then(|duration| began.checked_add(duration).ok())
                    .ok_or_else(|| Error::new(ErrorKind::Invalid, "the wait would end after all time that can be written"))
            }
            WaitNode::Until(time) => {
                let text = time.render_text(&self.scope_at(id, time.references(), None));
                let text = text.map_err(|error| error.context("`until`"))?;
                text.trim().parse().map_err(|_| {
                    Error::new(ErrorKind::Template, format!("`until` gives `{}`, which is no time", text.trim().escape_debug()))
                        .hint("a time has its offset, for example `2027-01-31T09:00:00Z`")
                })
            }
            WaitNode::Message { .. } => Err(Error::new(ErrorKind::Internal, "a wait for a message has no end of its own")),
        }
    }
}
