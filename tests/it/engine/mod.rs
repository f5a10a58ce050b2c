//! How runs behave: edges, conditions, maps, loops, failures, limits, recovery.

mod branches;
mod dead_models;
mod delegates;
mod failures;
mod fallback;
pub(crate) mod flow;
mod inspection;
mod limits;
mod maps_and_loops;
mod messages;
mod misfits;
mod model_down;
mod outage;
mod project_mail;
pub(crate) mod recovery;
mod reuse;
mod revise;
mod steering;
mod time;
mod tools;
mod waits;
