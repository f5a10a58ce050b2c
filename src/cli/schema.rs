//! `agentflow schema`: the JSON Schema of a file format, for editors and other tools.

use crate::{
    cli::{
        args::{SchemaArgs, SchemaName},
        exit, json,
        terminal::Terminal,
    },
    error::Result,
    manifest::{SchemaOf, json_schema},
};

/// Prints the schema.
pub(super) fn schema(args: &SchemaArgs, terminal: &Terminal) -> Result<u8> {
    let of = match args.of {
        SchemaName::Workflow => SchemaOf::Workflow,
        SchemaName::Agents => SchemaOf::Agents,
        SchemaName::Test => SchemaOf::Test,
        SchemaName::Eval => SchemaOf::Eval,
        SchemaName::Policy => SchemaOf::Policy,
    };
    terminal.print(&json::document(&json_schema(of))?)?;
    Ok(exit::SUCCEEDED)
}
