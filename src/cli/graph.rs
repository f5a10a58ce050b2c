//! `agentflow graph`: draws a workflow that is well.

use std::fs;

use crate::{
    app::{self, Settings, WorkflowSource, inputs::StandardInput},
    cli::{
        args::{GraphArgs, GraphFormat},
        diagnostics, exit,
        run::block_on,
        terminal::Terminal,
    },
    error::{Error, ErrorKind, Result},
    plan::{DrawFormat, draw},
};

/// The columns of a drawing that goes to a file.
const PAGE: usize = 80;

/// Draws the workflow to standard output or into a file.
pub(super) fn graph(args: &GraphArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let source = WorkflowSource::read(&args.workflow, &mut StandardInput::default())?;
    let compiled = block_on(app::compile(&source, settings))?;
    diagnostics::tell(terminal, &compiled.diagnostics, &compiled.sources);
    let Some(plan) = compiled.plan else { return Ok(exit::USAGE) };
    let width = if args.output.is_none() && terminal.out.is_terminal { terminal.width_out() } else { PAGE };
    let format = match args.format {
        GraphFormat::Ascii => DrawFormat::Ascii { width, unicode: terminal.draws },
        GraphFormat::Mermaid => DrawFormat::Mermaid,
        GraphFormat::Dot => DrawFormat::Dot,
        GraphFormat::Svg => DrawFormat::Svg,
        GraphFormat::Json => DrawFormat::Json,
    };
    let mut drawing = draw(&plan, format);
    if !drawing.ends_with('\n') {
        drawing.push('\n');
    }
    match &args.output {
        None => terminal.print(&drawing)?,
        Some(path) => fs::write(path, drawing).map_err(|err| {
            Error::new(ErrorKind::Invalid, format!("cannot write the drawing to `{}`", path.display())).source(err)
        })?,
    }
    Ok(exit::SUCCEEDED)
}
