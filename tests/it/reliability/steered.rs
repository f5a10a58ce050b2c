//! A run that is steered from other processes while it goes on: each asks for one thing, and waits until the run has said that it
//! knows.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Output},
    time::Duration,
};

use super::lab::{Lab, Running};

/// What is done to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Steering {
    /// It is paused.
    Pause,
    /// Its agent is paused, set, drained and let go on.
    Agents,
    /// Its agent is terminated.
    Terminate,
    /// It is cancelled.
    Cancel,
}

impl Steering {
    /// The commands, and the event by which the run says that it knows.
    fn commands(self) -> &'static [(&'static [&'static str], &'static str)] {
        match self {
            Self::Pause => &[(&["pause", "last"], "run_paused")],
            Self::Agents => &[
                (&["agents", "pause", "a", "--workflow", "flow.yaml"], "agent_paused"),
                (&["agents", "set", "a", "temperature=0.5", "--workflow", "flow.yaml"], "agent_changed"),
                (&["agents", "drain", "a", "--workflow", "flow.yaml"], "agent_draining"),
                (&["agents", "resume", "a", "--workflow", "flow.yaml"], "agent_resumed"),
            ],
            Self::Terminate => &[(&["agents", "terminate", "a", "--workflow", "flow.yaml"], "agent_terminated")],
            Self::Cancel => &[(&["cancel", "last"], "run_cancel_requested")],
        }
    }

    /// Starts the run, steers it as soon as an attempt begins, and waits for its end. All commands are given, also when the run is killed
    /// over one of them.
    pub(super) fn do_with(self, lab: &Lab<'_>, mut run: Command, lease: Duration) -> Output {
        let mut child = run.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let running = Running::follow(child);
        let mut see = |what: &str| lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(what)));
        see("attempt_started");
        for (command, event) in self.commands() {
            Running::start(lab.agentflow(command, lease)).end();
            see(event);
        }
        lines.for_each(drop);
        running.end()
    }
}
