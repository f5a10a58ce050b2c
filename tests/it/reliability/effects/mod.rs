//! Calls that change the world, under kills: workflows with tools, and how what the other sides wrote down is held against the log.

mod accounts;
pub(crate) mod ledger;
mod logged;
pub(crate) mod step;
pub(crate) mod workloads;
