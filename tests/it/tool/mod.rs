//! Tools as they are called: by arguments, under a policy.

mod files;
mod permitted;
