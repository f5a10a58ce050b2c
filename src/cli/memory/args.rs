//! `memory` as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use crate::{
    cli::{
        args::ShowFormat,
        policy::args::PolicyArgs,
        values::{InputArg, parse_scope},
    },
    memory::SearchBy,
    model::{CollectionName, Scope},
};

/// `memory`.
#[derive(Debug, Subcommand)]
pub enum MemoryCommand {
    /// Add files, folders, globs, URLs or standard input to a collection
    Add(MemoryAddArgs),
    /// Find passages in a collection
    Search(MemorySearchArgs),
    /// List the collections, or the documents of one
    List(MemoryListArgs),
    /// Show a document with its passages
    Show(MemoryShowArgs),
    /// Remove documents or a collection for good
    Rm(MemoryRemoveArgs),
    /// Show how large collections are
    Stats(MemoryStatsArgs),
    /// Make all vectors of a collection anew, perhaps by another embedder
    Reindex(MemoryReindexArgs),
    /// Write a collection out as JSON Lines
    Export(MemoryExportArgs),
    /// Read in what `memory export` has written
    Import(MemoryImportArgs),
}

/// `memory add`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow memory add docs --collection docs
  agentflow memory add 'src/**/*.rs' README.md -c code --embedder local
  agentflow memory add https://example.com/guide.html -c web
  git log -50 | agentflow memory add - --name git-log -c notes --meta kind=history")]
pub struct MemoryAddArgs {
    /// Files, folders, globs, URLs; `-` reads standard input
    #[arg(value_name = "PATH|GLOB|URL", required = true, value_hint = ValueHint::AnyPath)]
    pub places: Vec<String>,
    /// The collection; made if it is not there
    #[arg(short, long, value_name = "NAME")]
    pub collection: CollectionName,
    /// By what the vectors of a new collection are made: local, PROVIDER/MODEL, lexical (none) or mock
    #[arg(long, value_name = "EMBEDDER")]
    pub embedder: Option<String>,
    /// What standard input is called
    #[arg(long, value_name = "NAME", default_value = "stdin")]
    pub name: String,
    /// Whose it is: project, workflow:NAME, agent:NAME or run:ID
    #[arg(long, value_name = "SCOPE", value_parser = parse_scope, default_value = "project")]
    pub scope: Scope,
    /// Note this about each document, for filters; what reads as JSON is JSON; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub meta: Vec<InputArg>,
    /// Strangers or models may have written it; always so for URLs
    #[arg(long)]
    pub untrusted: bool,
    /// How the result is told
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
    /// Which hosts may be asked that are not public.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `memory search`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow memory search 'how does a run resume?' -c docs
  agentflow memory search AF022 -c docs --by words --source 'docs/**/*.md' --format json")]
pub struct MemorySearchArgs {
    /// What is looked for; `-` reads standard input
    #[arg(value_name = "QUERY")]
    pub query: String,
    /// The collection
    #[arg(short, long, value_name = "NAME")]
    pub collection: CollectionName,
    /// How many passages at most
    #[arg(short, long, value_name = "NUMBER", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub k: u16,
    /// By what
    #[arg(long, value_name = "WAY", default_value = "both")]
    pub by: ByArg,
    /// The least similarity, -1 to 1
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = similarity)]
    pub min_score: Option<f64>,
    /// Only documents whose names fit; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub source: Vec<String>,
    /// Only what is of this scope; may be given several times
    #[arg(long, value_name = "SCOPE", value_parser = parse_scope)]
    pub scope: Vec<Scope>,
    /// Only documents of which this is noted; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub meta: Vec<InputArg>,
    /// Only what no stranger and no model may have written
    #[arg(long)]
    pub trusted_only: bool,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// By what is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ByArg {
    /// By meaning and by words
    Both,
    /// By meaning only
    Meaning,
    /// By words only
    Words,
}

impl From<ByArg> for SearchBy {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Both => Self::Both,
            ByArg::Meaning => Self::Meaning,
            ByArg::Words => Self::Words,
        }
    }
}

/// `memory list`.
#[derive(Debug, Args)]
pub struct MemoryListArgs {
    /// List the documents of this collection
    #[arg(value_name = "COLLECTION")]
    pub collection: Option<CollectionName>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `memory show`.
#[derive(Debug, Args)]
pub struct MemoryShowArgs {
    /// The collection
    #[arg(value_name = "COLLECTION")]
    pub collection: CollectionName,
    /// The document, as `memory list` calls it
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `memory rm`.
#[derive(Debug, Args)]
pub struct MemoryRemoveArgs {
    /// The collection
    #[arg(value_name = "COLLECTION")]
    pub collection: CollectionName,
    /// The documents, by their names or by globs
    #[arg(value_name = "SOURCE", required_unless_present = "all", conflicts_with = "all")]
    pub sources: Vec<String>,
    /// The whole collection
    #[arg(long)]
    pub all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// `memory stats`.
#[derive(Debug, Args)]
pub struct MemoryStatsArgs {
    /// Only of this collection
    #[arg(value_name = "COLLECTION")]
    pub collection: Option<CollectionName>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `memory reindex`.
#[derive(Debug, Args)]
pub struct MemoryReindexArgs {
    /// The collection
    #[arg(value_name = "COLLECTION")]
    pub collection: CollectionName,
    /// By what, instead of what the manifest says or what made them before
    #[arg(long, value_name = "EMBEDDER")]
    pub embedder: Option<String>,
    /// How the result is told
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `memory export`.
#[derive(Debug, Args)]
pub struct MemoryExportArgs {
    /// The collection
    #[arg(value_name = "COLLECTION")]
    pub collection: CollectionName,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Leave the vectors out: they are made anew when it is read in
    #[arg(long)]
    pub no_vectors: bool,
}

/// `memory import`.
#[derive(Debug, Args)]
pub struct MemoryImportArgs {
    /// The file; `-` reads standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// What the collection is to be called, instead of what the file says
    #[arg(short, long, value_name = "NAME")]
    pub collection: Option<CollectionName>,
    /// Make the vectors anew, instead of trusting those in the file
    #[arg(long)]
    pub recompute: bool,
    /// Strangers or models may have written all of it
    #[arg(long)]
    pub untrusted: bool,
    /// How the result is told
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

fn similarity(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number| (-1.0..=1.0).contains(number)).ok_or_else(|| "write a number from -1 to 1".to_owned())
}
