//! What is written for CI: JUnit XML and Markdown, from plain data.

pub(in crate::cli) mod junit;
pub(in crate::cli) mod markdown;
