//! Tools as they are called: by arguments, under a policy.

mod files;
mod permitted;
//! Tools, against what is really there.

mod mcp;
