//! How runs behave: edges, conditions, maps, loops, failures, limits, recovery.

mod branches;
mod failures;
mod flow;
mod limits;
mod maps_and_loops;
mod recovery;
mod time;
