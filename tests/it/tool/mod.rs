//! Tools as they are called: by arguments, under a policy, against what is really there.

mod files;
mod mcp;
mod permitted;
pub(crate) mod probe;
mod steps;
