//! Tests of workflows: runs with mocked nodes, agents and tools, on a clock of their own, that nobody is paid for.
//!
//! [`TestRunner`] is the kit for Rust programs; a [`Script`] says what is mocked, [`rehearse`] makes the run, and a [`TestRun`] tells what
//! came of it.
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

pub mod coverage;
mod rehearse;
mod run;
mod runner;
mod script;
mod stand_ins;

pub use rehearse::rehearse;
pub use run::{Asked, TestRun};
pub use runner::{MockAgent, TestRunner};
pub use script::{Failure, NodeScript, Script, StepScript};
