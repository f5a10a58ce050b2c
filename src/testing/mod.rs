//! Tests of workflows: runs with mocked nodes, agents and tools, on a clock of their own, that nobody is paid for.
//!
//! [`TestRunner`] is the kit for Rust programs; a [`Script`] says what is mocked, [`rehearse`] makes the run, and a [`TestRun`] tells what
//! came of it.
//!
//! Files of tests: `discover` finds them, `load` reads them with their workflows, `cases` makes the cases, `check` tells what is wrong with
//! them before anything is run, `suite` runs them: `scripted` makes their scripts, `faults` and `crash` let things go wrong, `expect` holds
//! what happened (`course`) against what is expected (`matcher`), `snapshot` against what was written down. `coverage` counts what they took.
//!
//! ```
//! use agentflow::testing::{MockAgent, TestRunner};
//! use serde_json::json;
//!
//! let run = TestRunner::of_text(
//!     "inputs: { text: string }
//! nodes:
//!   sort: { agent: sorter, prompt: '{{ inputs.text }}', output: { kind: bug | wish }, route: { on: sort.kind, cases: { bug: fix, wish: plan } } }
//!   fix: { value: fixed }
//!   plan: { value: planned }
//! outputs: { done: '{{ fix or plan }}' }",
//! )
//! .input("text", json!("it crashes"))
//! .agent(MockAgent::new("sorter").answers([json!({ "kind": "bug" })]))
//! .run()?;
//!
//! run.assert_succeeded();
//! run.assert_executed("fix", 1);
//! run.assert_not_executed("plan");
//! assert_eq!(run.execution_order(), ["sort", "fix"]);
//! assert_eq!(run.output("done"), Some(&json!("fixed")));
//! # Ok::<(), agentflow::Error>(())
//! ```

pub mod cases;
pub mod check;
pub mod course;
pub mod coverage;
mod crash;
pub mod difference;
pub mod discover;
pub mod expect;
pub mod faults;
mod live;
pub mod load;
pub mod matcher;
mod mortal_store;
mod rehearse;
mod run;
mod runner;
mod script;
mod scripted;
pub mod selection;
pub mod snapshot;
mod stand_ins;
pub mod suite;
mod taped;
pub mod unmet;

pub use rehearse::{LiveProviders, rehearse, rehearse_live};
pub use run::{Asked, TestRun};
pub use runner::{MockAgent, TestRunner};
pub use script::{Failure, NodeScript, Script, StepScript};
pub use scripted::script;
