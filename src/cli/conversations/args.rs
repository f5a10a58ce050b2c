//! `conversations` as clap reads it.

use clap::{Args, Subcommand};

use crate::{
    cli::{args::ShowFormat, values::parse_scope},
    model::Scope,
};

/// `conversations`.
#[derive(Debug, Subcommand)]
pub enum ConversationsCommand {
    /// List the conversations
    List(ConversationsListArgs),
    /// Show what was said in a conversation, as it is kept
    Show(ConversationShowArgs),
    /// Remove conversations for good
    Rm(ConversationRemoveArgs),
}

/// `conversations list`.
#[derive(Debug, Args)]
pub struct ConversationsListArgs {
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `conversations show`.
#[derive(Debug, Args)]
pub struct ConversationShowArgs {
    /// What it is called
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Whose it is, where several have the name: project, workflow:NAME or run:ID
    #[arg(long, value_name = "SCOPE", value_parser = parse_scope)]
    pub scope: Option<Scope>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `conversations rm`.
#[derive(Debug, Args)]
pub struct ConversationRemoveArgs {
    /// What they are called
    #[arg(value_name = "NAMES", required = true)]
    pub names: Vec<String>,
    /// Whose they are, where several have the name: project, workflow:NAME or run:ID
    #[arg(long, value_name = "SCOPE", value_parser = parse_scope)]
    pub scope: Option<Scope>,
}
