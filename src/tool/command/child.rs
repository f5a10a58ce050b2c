//! A program that runs, with all it starts, on a leash: however the call ends, nothing of it stays.
//!
//! It gets a process group of its own, and the group is what is ended: politely, then not. A process that leaves the group by itself
//! (`setsid`) leaves the leash, too; there is no way to hold it without more rights than a user has.

use std::{io, os::unix::process::ExitStatusExt as _, process::ExitStatus, sync::atomic::AtomicUsize, time::Duration};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::{
    io::{copy, sink},
    process::{ChildStderr, ChildStdout, Command},
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::tool::command::{
    capture::{Flood, capture, feed},
    limits::Limits,
};

/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long what a program wrote is waited for once it has ended.
const DRAIN: Duration = Duration::from_secs(1);

/// A program that runs. Dropping it ends the program and all it started.
#[derive(Debug)]
pub(super) struct Child {
    /// Absent once it is on its way out.
    group: Option<Group>,
    outputs: Option<Outputs>,
}

/// What a program writes, on two ways.
type Outputs = (ChildStdout, ChildStderr);

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) exit_code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// It wrote more than there was room for, and was ended.
    pub(super) was_flooding: bool,
    /// Somebody out of reach still held its outputs open.
    pub(super) is_held_open: bool,
}

impl Child {
    /// Starts `command`, whose inputs and outputs are set, within `limits`.
    pub(super) fn start(mut command: Command, limits: &Limits) -> io::Result<Self> {
        let mut leader = command.process_group(0).kill_on_drop(true).spawn()?;
        let outputs = leader.stdout.take().zip(leader.stderr.take());
        let id = leader.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).ok_or(io::ErrorKind::NotFound)?;
        let group = Group { leader, id, is_over: false };
        // Without them it is not run: the group ends when it is dropped.
        limits.apply(id)?;
        Ok(Self { group: Some(group), outputs })
    }

    /// Gives it `stdin`, and takes in what it writes, up to `room` bytes, until it ends.
    pub(super) async fn run(mut self, stdin: Option<String>, room: usize) -> io::Result<Ended> {
        let (Some(group), Some((from, from_error))) = (&mut self.group, &mut self.outputs) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let to = group.leader.stdin.take();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let room = AtomicUsize::new(room);
        let mut was_flooding = false;
        let mut is_held_open = false;
        {
            let feeding = async {
                feed(to, stdin).await;
                Ok(())
            };
            let talk = async {
                tokio::try_join!(capture(from, &mut stdout, &room), capture(from_error, &mut stderr, &room), feeding).map(drop)
            };
            let mut talk = Box::pin(talk);
            let talked = tokio::select! {
                talked = &mut talk => Some(talked),
                gone = group.leader_is_gone() => {
                    gone?;
                    None
                }
            };
            match talked {
                Some(Ok(())) => group.leader_is_gone().await?,
                Some(Err(Flood)) => was_flooding = true,
                None => {
                    // What it started ends with it, and lets go of its outputs.
                    group.signal(Signal::KILL);
                    match timeout(DRAIN, talk).await {
                        Ok(Ok(())) => {}
                        Ok(Err(Flood)) => was_flooding = true,
                        Err(_) => is_held_open = true,
                    }
                }
            }
        }
        let Some(group) = self.group.take() else { return Err(io::ErrorKind::NotFound.into()) };
        let status = if was_flooding {
            group.signal(Signal::TERM);
            group.end(self.outputs.take()).await?
        } else {
            group.bury().await?
        };
        Ok(Ended { exit_code: status.code(), signal: status.signal(), stdout, stderr, was_flooding, is_held_open })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(group) = self.group.take() else { return };
        group.signal(Signal::TERM);
        match Handle::try_current() {
            // The task owns the group and is over after the grace; a runtime that shuts down drops it, and so ends the group.
            Ok(runtime) => drop(runtime.spawn(group.end(self.outputs.take()))),
            Err(_) => drop(group),
        }
    }
}

/// The program and its process group. Dropping it kills the group at once.
#[derive(Debug)]
struct Group {
    leader: tokio::process::Child,
    /// Of the program and of its group. INVARIANT: it means nobody else as long as the program has not been waited for, which is done
    /// last of all.
    id: Pid,
    is_over: bool,
}

impl Group {
    fn signal(&self, signal: Signal) {
        // It fails only when there is nobody left.
        kill_process_group(self.id, signal).ok();
    }

    /// Waits until the program has ended, and leaves it to be waited for.
    async fn leader_is_gone(&self) -> io::Result<()> {
        let mut changes = signal(SignalKind::child())?;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while waitid(WaitId::Pid(self.id), look)?.is_none() {
            changes.recv().await;
        }
        Ok(())
    }

    /// Has all of it end, which was asked to: in time, or by force. What it writes meanwhile is thrown away, but taken: a program that
    /// nobody listens to dies of that, and could not tidy up.
    async fn end(self, outputs: Option<Outputs>) -> io::Result<ExitStatus> {
        let ignoring = async {
            if let Some((mut from, mut from_error)) = outputs {
                let (mut nowhere, mut nowhere_else) = (sink(), sink());
                let _broken_or_ended = tokio::join!(copy(&mut from, &mut nowhere), copy(&mut from_error, &mut nowhere_else));
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            // Whether it went by itself does not matter: what it left is killed.
            _gone = timeout(GRACE, self.leader_is_gone()) => {}
            () = ignoring => {}
        }
        self.bury().await
    }

    /// Kills what is left of the group, and waits for the program.
    async fn bury(mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        let status = self.leader.wait().await;
        self.is_over = true;
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_over {
            self.signal(Signal::KILL);
        }
    }
}
