//! What is written for CI: JUnit XML, from plain data.

pub(in crate::cli) mod junit;
