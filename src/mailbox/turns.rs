//! Changes that others may cross: tried again, a little later each time.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    error::{Error, ErrorKind, Result},
    model::MailboxName,
};

/// The first pause.
const FIRST: Duration = Duration::from_micros(250);
/// How often the pause doubles.
const DOUBLINGS: u32 = 7;
/// How often a change is tried: for about half a minute.
const TRIES: u32 = 1_000;

/// The tries of one change.
#[derive(Debug, Default)]
pub(super) struct Turns {
    made: u32,
}

impl Turns {
    /// Waits for the next try after one that met a newer version. The first follows at once: who was faster is through.
    ///
    /// # Errors
    /// `Conflict` when it was tried often enough.
    pub(super) async fn next(&mut self, mailbox: &MailboxName) -> Result<()> {
        if self.made >= TRIES {
            let text = format!("mailbox `project:{mailbox}` is changed by others all the time");
            return Err(Error::new(ErrorKind::Conflict, text).hint("try again when fewer processes use it"));
        }
        if self.made > 0 {
            sleep(FIRST * (1 << (self.made - 1).min(DOUBLINGS))).await;
        }
        self.made += 1;
        Ok(())
    }

    /// As `next`, after a commit: passes every error on that is not one of a newer version.
    pub(super) async fn after(&mut self, error: Error, mailbox: &MailboxName) -> Result<()> {
        if error.kind() == ErrorKind::Conflict { self.next(mailbox).await } else { Err(error) }
    }
}
