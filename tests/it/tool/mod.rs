//! Tools as they are called: by arguments, under a policy.

mod command;
mod files;
mod permitted;
