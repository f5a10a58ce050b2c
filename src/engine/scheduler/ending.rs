//! How a run leaves the scheduler: out of time, given up, or with all that happened recorded.

use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::watch;

use super::{Scheduler, Wish};
use crate::{
    crash::crash_point,
    engine::RunResult,
    error::{Error, ErrorKind, Result},
    model::{EventBody, RunStatus},
};

impl Scheduler {
    /// The run's own time limit has passed.
    pub(super) fn end_of_time(&mut self) -> Result<()> {
        let limit = self.state.plan().limits.timeout.unwrap_or_default();
        let error = Error::new(ErrorKind::Timeout, format!("the run did not end within its time limit of {}", in_words(limit)))
            .hint("raise `limits.timeout` in the workflow");
        for id in self.state.running_attempts() {
            self.record(self.state.cancelled(id))?;
        }
        self.abort_ended();
        self.fail(&error)
    }

    /// Ends the run as a whole.
    pub(super) fn fail(&mut self, error: &Error) -> Result<()> {
        self.record(EventBody::RunFinished {
            status: RunStatus::Failed,
            outputs: IndexMap::new(),
            error: Some(error.to_record()),
            spend: self.state.spend(),
        })
    }

    /// Writes what is left, gives the run back and says how it stands.
    pub(super) async fn close(mut self, mut wishes: watch::Receiver<Wish>) -> Result<RunResult> {
        self.attempts.shutdown().await;
        self.send_what_is_left().await;
        crash_point!("stop.attempts-ended" if self.stop_at.is_some());
        self.flush(&mut wishes).await?;
        if self.state.cancelled_by().is_some() && self.state.ending().is_none() {
            crash_point!("cancel.attempts-ended");
            self.end_cancelled().await?;
            self.flush(&mut wishes).await?;
        }
        crash_point!("close.flushed");
        self.project.close().await;
        if self.is_claimed {
            let given_back = self.log.renew(Duration::ZERO).await;
            // What is told is durable, and a claim that is not given back runs out by itself.
            if self.state.ending().is_none() {
                renewed(given_back)?;
            }
            crash_point!("close.given-back");
        }
        self.forget_wish().await;
        let spend = self.state.spend();
        let run = self.run;
        if let Some(ending) = self.state.ending().cloned() {
            return Ok(RunResult { run, status: ending.status, outputs: ending.outputs, error: ending.error, spend });
        }
        // It was let go of without being told to stop: because it waits.
        let status = if self.stop_at.is_none() { RunStatus::Waiting } else { RunStatus::Running };
        Ok(RunResult { run, status, outputs: IndexMap::new(), error: None, spend })
    }

    /// Writes what is left.
    async fn flush(&mut self, wishes: &mut watch::Receiver<Wish>) -> Result<()> {
        while self.log.is_writing() || self.log.has_unwritten() {
            self.log.write();
            let hurried = *wishes.borrow() == Wish::AtOnce;
            match self.log.outage() {
                Some(outage) if hurried => return Err(self.log.gave_up(outage.error.clone())),
                _ => {}
            }
            tokio::select! {
                biased;
                events = self.log.written() => self.on_written(&events?),
                Ok(()) = wishes.changed() => {}
            }
        }
        Ok(())
    }
}

/// A claim that cannot be extended just now is no reason to stop: safety rests on the epoch, and what counts is in the log.
pub(super) fn renewed(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::StoreUnavailable => {
            tracing::warn!(%error, "the claim on the run could not be renewed");
            Ok(())
        }
        result => result,
    }
}

/// `1.5 s`, `90 s`.
pub(super) fn in_words(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
