//! What people wish of agents and runs while these go on, in whatever process: documents in the store.
//!
//! `wish` is the document of a run, `lookout` reads all documents for the runs of this process, `cancel` ends a run that no process
//! holds. The documents only ask: each run records what it finds as events, and what follows, follows from those.

mod cancel;
mod lookout;
mod wish;

pub use cancel::cancel_unheld;
pub(super) use cancel::end_called;
pub(super) use lookout::{Called, LOOK_EVERY, Lookout, Wishes};
pub use wish::{RunControl, ask_run, forget_wish, run_control};
