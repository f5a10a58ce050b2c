//! `agentflow models`: the local models that make vectors.

pub mod args;
mod bar;

use crate::{
    app::embedders,
    cli::{args::ShowFormat, exit, json, run::block_on, table::table, terminal::Terminal},
    diagnostic::nearest,
    error::{Error, ErrorKind, Result},
    memory::models::{DEFAULT_MODEL, KNOWN_MODELS, KnownModel},
};

use args::{ModelsCommand, ModelsImportArgs, ModelsListArgs, ModelsPullArgs};

pub(super) use bar::bar;

/// Does what the command says; returns the exit code.
pub(super) fn models(command: &ModelsCommand, terminal: &Terminal) -> Result<u8> {
    match command {
        ModelsCommand::List(args) => list(args, terminal),
        ModelsCommand::Pull(args) => pull(args, terminal),
        ModelsCommand::Import(args) => import(args, terminal),
    }
}

fn list(args: &ModelsListArgs, terminal: &Terminal) -> Result<u8> {
    let reports = embedders::models()?.list()?;
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&reports)?).map(|()| exit::SUCCEEDED);
    }
    let rows = reports.iter().map(|report| {
        let place = if report.is_here { report.folder.display().to_string() } else { "not here".to_owned() };
        vec![report.name.clone(), report.embedder.clone(), format!("{} MB", report.bytes.div_ceil(1_000_000)), place]
    });
    terminal.print(&table(terminal, &["MODEL", "EMBEDDER", "SIZE", "WHERE"], rows.collect()))?;
    for report in reports.iter().filter(|report| !report.is_here) {
        terminal.note(&format!("it is downloaded when it is first needed, or with: agentflow models pull {}", report.name));
    }
    Ok(exit::SUCCEEDED)
}

fn pull(args: &ModelsPullArgs, terminal: &Terminal) -> Result<u8> {
    let name = args.name.as_deref().unwrap_or(DEFAULT_MODEL);
    let model = KnownModel::find(name).ok_or_else(|| unknown(name))?;
    let models = embedders::models()?.tell(bar(terminal));
    let was_here = models.has(model);
    let folder = block_on(models.pull(model))?;
    let done = if was_here { "is here already" } else { "is here now" };
    terminal.note(&format!("model `{name}` {done}"));
    terminal.print(&format!("{}\n", folder.display()))?;
    Ok(exit::SUCCEEDED)
}

fn import(args: &ModelsImportArgs, terminal: &Terminal) -> Result<u8> {
    let imported = embedders::models()?.import(&args.folder, args.name.as_deref())?;
    terminal
        .note(&format!("model `{}` is here now; collections name it by: embedder = \"{}\"", imported.name, imported.embedder));
    terminal.print(&format!("{}\n", imported.folder.display()))?;
    Ok(exit::SUCCEEDED)
}

/// The error of a model of which it is not known where it could be downloaded.
fn unknown(name: &str) -> Error {
    let known: Vec<_> = KNOWN_MODELS.iter().map(|model| format!("`{}`", model.name)).collect();
    let error = Error::new(ErrorKind::NotFound, format!("it is not known where model `{}` could be had", name.escape_default()));
    let error = match nearest(name, KNOWN_MODELS.iter().map(|model| model.name)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("known are {}", known.join(", "))),
    };
    error.hint("any other is taken over from a folder: `agentflow models import DIR --name NAME`")
}
