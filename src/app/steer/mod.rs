//! Steering agents and runs that go on, perhaps in another process: what commands do, and what the events of a run say of it.

mod agents;
mod events;
mod runs;

pub use agents::{AgentStatus, Steerable, setting};
pub use events::Steered;
pub use runs::{Cancelled, TakenUp, cancel, go_on, pause, taken_up};
