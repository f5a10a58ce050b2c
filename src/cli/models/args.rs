//! `models` as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::args::ShowFormat;

/// `models`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the local models that are known or here
    List(ModelsListArgs),
    /// Download a local model, unless it is here
    Pull(ModelsPullArgs),
    /// Take over a local model from a folder
    Import(ModelsImportArgs),
}

/// `models list`.
#[derive(Debug, Args)]
pub struct ModelsListArgs {
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `models pull`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Environment:
  AGENTFLOW_MODELS   the folder of models [default: agentflow/models in the user's cache]
  AGENTFLOW_OFFLINE  when set, nothing is downloaded
  HF_ENDPOINT        another hub, such as a mirror")]
pub struct ModelsPullArgs {
    /// The model [default: all-MiniLM-L6-v2]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// `models import`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow models import /media/usb/all-MiniLM-L6-v2
  agentflow models import ./my-model --name mine     # embedder = \"local/mine\"")]
pub struct ModelsImportArgs {
    /// The folder with config.json, tokenizer.json and model.safetensors
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// What it is called here [default: its own name if it is known, or that of the folder]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}
