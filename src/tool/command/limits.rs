//! What a program and those it starts may use, each process for itself.

use std::io;

use rustix::process::Pid;

/// Bounds of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Seconds of processor time.
    pub cpu_seconds: u64,
    /// Bytes of address space. Programs such as Go's and Java's reserve much more than they use.
    pub memory: u64,
    /// Bytes of the largest file it may write.
    pub file_size: u64,
    /// Files open at once.
    pub open_files: u64,
    /// Processes and threads; the system counts all of the user, so this must leave room for those that are there.
    pub processes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_seconds: 600, memory: 8 << 30, file_size: 1 << 30, open_files: 1024, processes: 8192 }
    }
}

impl Limits {
    /// Sets the bounds of a process that has just begun; what it starts from then on has the same.
    ///
    /// They would rather be set between fork and exec, but nothing of ours may run there without `unsafe`. So there is a moment, well
    /// before a program that is loaded dynamically comes to its own code, in which it has those of this process. That is good
    /// enough against programs that go wrong; it is no wall against one that is hostile from the start, which none of these bounds is.
    #[cfg(target_os = "linux")]
    pub(super) fn apply(&self, process: Pid) -> io::Result<()> {
        use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

        let bounds = [
            (Resource::Core, 0),
            (Resource::Cpu, self.cpu_seconds),
            (Resource::As, self.memory),
            (Resource::Fsize, self.file_size),
            (Resource::Nofile, self.open_files),
            (Resource::Nproc, self.processes),
        ];
        for (resource, bound) in bounds {
            // Nobody but root may be given more than this process has.
            let bound = getrlimit(resource).maximum.map_or(bound, |most| most.min(bound));
            prlimit(Some(process), resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
        }
        Ok(())
    }

    /// Elsewhere than on Linux, no process can set the bounds of another one.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn apply(&self, _process: Pid) -> io::Result<()> {
        Ok(())
    }
}

/// What a signal that ended a program says, if it is one of those that bounds lead to.
pub(super) fn meaning(signal: i32) -> &'static str {
    use rustix::process::Signal;

    match Signal::from_named_raw(signal) {
        Some(Signal::XCPU) => " (it used all its processor time)",
        Some(Signal::XFSZ) => " (it wrote too large a file)",
        Some(Signal::KILL) => " (killed; perhaps for using too much processor time or memory)",
        Some(Signal::SEGV) => " (a fault in its memory)",
        Some(Signal::ABORT) => " (it gave up by itself)",
        _ => "",
    }
}
