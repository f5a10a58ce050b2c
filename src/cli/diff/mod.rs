//! `agentflow diff`: two runs, or two versions of workflows, side by side.

pub mod args;
mod markdown;
mod runs;
mod sides;
mod told;
mod workflow_text;
mod workflows;

use std::path::Path;

use crate::{
    app::{Settings, review::Reviews},
    cli::{exit, json, terminal::Terminal},
    error::{Error, ErrorKind, Result},
};

use args::{DiffArgs, DiffFormat, FailOn};
use sides::Sides;

/// Compares two runs, or workflows; the exit code tells whether they differ only when it is asked to.
pub(super) async fn diff(args: &DiffArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let reviews = match &args.rev {
        Some(revision) => workflows::since(revision, &args.names, settings, terminal)?,
        None => match Sides::of(&args.names, |name| Path::new(name).is_file())? {
            Sides::Runs(one, other) => {
                for_files_only(args)?;
                return runs::diff(one, other, args, settings, terminal).await;
            }
            Sides::Files(one, other) => match workflows::files(one, other, settings, terminal)? {
                Some(reviews) => reviews,
                None => return Ok(exit::USAGE),
            },
        },
    };
    match args.format {
        DiffFormat::Json => terminal.print(&json::document(&reviews)?)?,
        DiffFormat::Text => terminal.print(&workflow_text::text(&reviews, terminal))?,
        DiffFormat::Markdown => terminal.print(&markdown::comment(&reviews, args.rev.as_deref()))?,
    }
    Ok(code(args, &reviews))
}

fn code(args: &DiffArgs, reviews: &Reviews) -> u8 {
    match args.fail_on {
        Some(FailOn::Widened) if reviews.widened => exit::DENIED,
        _ if args.exit_code && !reviews.same => exit::RUN_FAILED,
        _ => exit::SUCCEEDED,
    }
}

/// Refuses what says nothing about runs.
fn for_files_only(args: &DiffArgs) -> Result<()> {
    let option = match (args.format, args.fail_on) {
        (DiffFormat::Markdown, _) => "--format markdown",
        (_, Some(FailOn::Widened)) => "--fail-on widened",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Invalid, format!("`{option}` is for workflow files, and these are runs"))
        .hint("`agentflow runs report RUN --format markdown` tells of a run in Markdown"))
}
