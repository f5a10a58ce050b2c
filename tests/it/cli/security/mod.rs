//! What attackers did to others, tried here. Each test is named after the vulnerability it answers; those of a single tool are beside its
//! tests, and docs/tools.md lists all.

mod canary;
mod names;
mod screen;
mod state;
mod workflow_file;
