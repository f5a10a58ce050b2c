//! The one lock for writing that all connections to the file share: how it is waited for, and how long it is kept.

use std::{thread, time::Duration};

use rusqlite::Connection;

/// How long the lock is kept before a transaction ends: what is left to do is done in the next one.
pub(super) const KEPT_FOR: Duration = Duration::from_micros(700);
/// How long it is left to others before it is taken again: longer than the steps in which they try.
pub(super) const LEFT_FOR: Duration = Duration::from_micros(400);

/// How long a step of waiting is, at first.
const STEP: Duration = Duration::from_micros(100);
/// How many steps there are before they grow longer.
const SHORT_STEPS: i32 = 1_000;
/// How long a step is then.
const LONG_STEP: Duration = Duration::from_millis(10);
/// How many steps there are before it is given up: half a minute.
const STEPS: i32 = 4_000;

/// Has the connection wait for the lock in short steps. SQLite's own grow to a tenth of a second, in which others take it again
/// and again.
pub(super) fn wait_in_short_steps(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(|waited: i32| {
        sleep(if waited < SHORT_STEPS { STEP } else { LONG_STEP });
        waited < STEPS
    }))
}

/// Waits on a thread that may block.
#[expect(clippy::disallowed_methods, reason = "on a thread of its own, never on a worker of the runtime")]
pub(super) fn sleep(time: Duration) {
    thread::sleep(time);
}
