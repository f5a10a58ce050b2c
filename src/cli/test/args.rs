//! `test` as clap reads it.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, ValueEnum, ValueHint};

use super::coverage::CoverageArgs;
use crate::testing::suite::Filter;

/// `test`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow test
  agentflow test workflows/review-change.yaml --filter 'risky change'
  agentflow test --changed origin/main --junit tests.xml
  agentflow test --watch
  agentflow test workflows --coverage --fail-under nodes=100,edges=100

Exit codes: 0 all tests passed, 1 a test failed or too little is covered, 2 wrong usage or files")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct TestArgs {
    /// Test files, workflows whose tests are meant, or folders [default: all test files here and below]
    #[arg(value_name = "FILES", value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Run the tests whose name has TEXT in it, or matches /PATTERN/
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<Filter>,
    /// Run the tests of what changed since REV, in git: workflows with all that they are made of, and their callers
    #[arg(long, value_name = "REV")]
    pub changed: Option<String>,
    /// Write snapshots down as they are now, and remove those of no test
    #[arg(long)]
    pub update: bool,
    /// Run again what a change of a file touches, until `q` or Ctrl-C
    #[arg(long, conflicts_with = "format")]
    pub watch: bool,
    /// Let agents without scripted answers ask real models; this costs money
    #[arg(long)]
    pub live: bool,
    /// End at the first test that fails
    #[arg(long)]
    pub fail_fast: bool,
    /// How many tests run at once [default: as many as there are processors]
    #[arg(short, long, value_name = "NUMBER")]
    pub jobs: Option<NonZeroUsize>,
    /// What standard output carries
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TestFormat,
    /// Write a report in JUnit XML into this file, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
    /// What is told of coverage.
    #[command(flatten)]
    pub coverage: CoverageArgs,
}

/// How tests are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// To read
    Text,
    /// As a JSON document
    Json,
    /// As JUnit XML
    Junit,
}
