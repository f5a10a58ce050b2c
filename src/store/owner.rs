//! Which process holds a stream, and whether it is still there.

use rustix::{process, system};

use crate::model::Owner;

/// This process, as the owner of what it claims.
#[must_use]
pub fn this_process() -> Owner {
    let process = std::process::id();
    Owner { host: host(), process, started: start_of(process).unwrap_or(0) }
}

/// Whether `owner` is known to be dead: a process of this host that has ended. An owner elsewhere is never known to be.
#[must_use]
pub fn is_gone(owner: &Owner) -> bool {
    owner.host == host() && !is_running(owner.process, owner.started)
}

fn host() -> String {
    system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether process `id` exists and is the one that started at `started` (0: not known).
fn is_running(id: u32, started: u64) -> bool {
    match look_up(id) {
        Found::Running(start) => started == 0 || start == started,
        Found::Ended => false,
        // No `/proc`, or one that hides the processes of other users.
        Found::Nothing => {
            let Some(id) = i32::try_from(id).ok().and_then(process::Pid::from_raw) else { return false };
            // Only "no such process" tells: a process of another user answers "not permitted".
            process::test_kill_process(id) != Err(rustix::io::Errno::SRCH)
        }
    }
}

/// When process `id` started, in clock ticks since the host's boot; absent when it has ended, or where there is no `/proc`.
fn start_of(id: u32) -> Option<u64> {
    match look_up(id) {
        Found::Running(start) => Some(start),
        Found::Ended | Found::Nothing => None,
    }
}

/// What `/proc` says of a process.
enum Found {
    /// It is there, and started then.
    Running(u64),
    /// It has ended; its parent has not asked yet how.
    Ended,
    /// Nothing.
    Nothing,
}

/// Looks process `id` up.
///
/// # Source
/// `proc_pid_stat(5)`: fields 3 (state) and 22 (starttime), counted behind the closing parenthesis of field 2.
fn look_up(id: u32) -> Found {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { return Found::Nothing };
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    if matches!(fields.next(), Some("Z" | "X")) {
        return Found::Ended;
    }
    fields.nth(18).and_then(|start| start.parse().ok()).map_or(Found::Nothing, Found::Running)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn this_process_is_not_gone() {
        assert!(!is_gone(&this_process()));
    }

    #[test]
    fn a_process_id_that_was_used_again_is_gone() {
        let me = this_process();
        if me.started == 0 {
            return;
        }
        assert!(is_gone(&Owner { started: me.started - 1, ..me }));
    }

    #[test]
    fn an_ended_process_is_gone_even_before_its_parent_knows() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("`cat` is on every host");
        let owner = Owner { process: child.id(), started: start_of(child.id()).unwrap_or(0), ..this_process() };
        assert!(!is_gone(&owner));
        drop(child.stdin.take());
        if cfg!(target_os = "linux") {
            // Until it is waited for, the child is a zombie.
            while !is_gone(&owner) {
                std::thread::yield_now();
            }
        }
        child.wait().expect("the child was started above");
        assert!(is_gone(&owner));
    }

    #[test]
    fn a_process_of_another_host_is_never_known_to_be_gone() {
        assert!(!is_gone(&Owner { host: "another-host".to_owned(), process: 1, started: 1 }));
    }
}
