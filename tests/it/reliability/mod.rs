//! The reliability suite: what docs/semantics.md promises, tried in volume and judged from outside of the engine.
//!
//! Each part is one test, `part_N_…`. Ordinary test runs do a slice of it; `scripts/reliability` does all, and prints a table of what
//! was counted.
//!
//! | variable | does |
//! |---|---|
//! | `AGENTFLOW_RELIABILITY` | how much: `quick` (when absent), `full`, or a factor of `full`, such as `0.1` |
//! | `AGENTFLOW_SEED` | does the same again; every part prints the seed it had |
//! | `AGENTFLOW_RELIABILITY_FIGURES` | a folder that each part writes its figures to, as one line of JSON in `part-N.json` |

mod breaker;
mod course;
mod effects;
mod faults;
mod graphs;
mod lab;
mod ledger;
mod limiter;
mod messages;
mod named_kills;
pub(crate) mod part;
mod points;
mod power;
mod random_kills;
mod simulation;
mod steered;
mod syscalls;
mod table;
mod two_runners;
mod workload;
