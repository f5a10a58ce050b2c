//! `agentflow schema`: a file format as JSON Schema, for editors and other tools, or as Markdown, for readers.

use crate::{
    cli::{
        args::{SchemaArgs, SchemaFormat, SchemaName},
        exit, json,
        terminal::Terminal,
    },
    error::Result,
    manifest::{SchemaOf, json_schema, reference},
};

/// Prints the description of the format.
pub(super) fn schema(args: &SchemaArgs, terminal: &Terminal) -> Result<u8> {
    let of = match args.of {
        SchemaName::Workflow => SchemaOf::Workflow,
        SchemaName::Agents => SchemaOf::Agents,
        SchemaName::Test => SchemaOf::Test,
        SchemaName::Eval => SchemaOf::Eval,
        SchemaName::Policy => SchemaOf::Policy,
    };
    let text = match args.format {
        SchemaFormat::Json => json::document(&json_schema(of))?,
        SchemaFormat::Markdown => reference(of),
    };
    terminal.print(&text)?;
    Ok(exit::SUCCEEDED)
}
