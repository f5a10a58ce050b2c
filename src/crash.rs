//! Named places at which a debug build can be told to die as by `kill -9`. The reliability suite kills the program at each of them.
//!
//! A release build has no such places: a point expands to nothing, and its name is not in the program.

/// Marks a place where the process may be told to die. With a condition, only those times count at which it holds.
macro_rules! crash_point {
    ($name:literal) => {{
        #[cfg(debug_assertions)]
        $crate::crash::pass($name);
    }};
    ($name:literal if $condition:expr) => {{
        #[cfg(debug_assertions)]
        if $condition {
            $crate::crash::pass($name);
        }
    }};
}

pub(crate) use crash_point;

/// What calls a function at run time cannot stand in a constant: in a release build, a point is nothing.
#[cfg(not(debug_assertions))]
const _: () = {
    crash_point!("nowhere");
    crash_point!("nowhere, ever" if true);
};

#[cfg(debug_assertions)]
pub use armed::arm;
#[cfg(debug_assertions)]
pub(crate) use armed::pass;

#[cfg(debug_assertions)]
mod armed {
    use std::{
        fs::File,
        io::Write as _,
        path::Path,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    use rustix::process;

    use crate::error::{Error, ErrorKind, Result};

    /// What the process was told when it started. Absent: points are passed by.
    static ORDERS: OnceLock<Orders> = OnceLock::new();

    #[derive(Debug)]
    struct Orders {
        death: Option<Death>,
        /// Where each point that is passed is written down.
        trace: Option<File>,
    }

    #[derive(Debug)]
    struct Death {
        point: String,
        /// How often the point will have been passed when the process dies.
        hit: u64,
        passed: AtomicU64,
    }

    /// Has the process die at a point, the n-th time it is passed (`death`: `POINT:N`), and points written down (`trace`: a file
    /// that is appended to, one name a line). Once for a process; a second time has no effect.
    ///
    /// # Errors
    /// `Invalid` when `death` cannot be read, or the file cannot be opened.
    pub fn arm(death: Option<&str>, trace: Option<&Path>) -> Result<()> {
        let death = death.map(read).transpose()?;
        let open = |path: &Path| {
            File::options().append(true).create(true).open(path).map_err(|error| {
                Error::new(ErrorKind::Invalid, format!("the trace `{}` cannot be written", path.display())).source(error)
            })
        };
        let trace = trace.map(open).transpose()?;
        // Who armed it first is obeyed.
        drop(ORDERS.set(Orders { death, trace }));
        Ok(())
    }

    fn read(death: &str) -> Result<Death> {
        let parts = death.rsplit_once(':').and_then(|(point, hit)| Some((point.to_owned(), hit.parse().ok()?)));
        let (point, hit) = parts.filter(|(_, hit)| *hit > 0).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("`{death}` names no crash point")).hint("write it as `commit.done:2`")
        })?;
        Ok(Death { point, hit, passed: AtomicU64::new(0) })
    }

    /// Is called at each point.
    pub(crate) fn pass(point: &str) {
        let Some(orders) = ORDERS.get() else { return };
        if let Some(mut trace) = orders.trace.as_ref() {
            // One write each, so that lines of several threads do not mix.
            trace.write_all(format!("{point}\n").as_bytes()).ok();
        }
        if orders.death.as_ref().is_some_and(|death| death.is_due(point)) {
            process::kill_process(process::getpid(), process::Signal::KILL).ok();
            // A process that cannot kill itself must not go on either.
            std::process::abort();
        }
    }

    impl Death {
        fn is_due(&self, point: &str) -> bool {
            self.point == point && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.hit
        }
    }

    #[cfg(test)]
    mod tests {
        use super::read;
        use crate::error::ErrorKind;

        #[test]
        fn the_hit_that_was_named_is_the_one() {
            let death = read("commit.done:2").unwrap();
            let due = ["commit.done", "commit.begun", "commit.done", "commit.done"].map(|point| death.is_due(point));
            assert_eq!(due, [false, false, true, false]);
        }

        #[test]
        fn orders_that_cannot_be_read_are_refused() {
            for bad in ["", "commit.done", "commit.done:", "commit.done:0", "commit.done:x"] {
                assert_eq!(read(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
            }
        }
    }
}
