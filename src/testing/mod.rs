//! Tests of workflows.

pub mod coverage;
