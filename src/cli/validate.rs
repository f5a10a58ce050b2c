//! `agentflow validate`: every problem of every file, at once. Needs no key and opens no socket.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    app::{self, Settings, WorkflowSource, inputs::StandardInput},
    cli::{
        args::{ValidateArgs, ValidateFormat},
        clean,
        diagnostics::{Problems, counted},
        exit, lock,
        numbers::plural,
        run::block_on,
        table,
        terminal::{GREEN, RED, Terminal, YELLOW},
    },
    diagnostic::{Diagnostic, DiagnosticFormat, DiskFiles, Severity, Sources, render},
    error::{Error, ErrorKind, Result},
    model::{Permission, Value},
    plan::{Choice, LockChange, MANIFEST_NAMES, NodeSurface, Surface},
    testing::{discover::is_test_file, load::Loader},
};

/// What is checked when no file is named.
pub(super) const DEFAULT_FOLDER: &str = "workflows";
/// How deep folders are searched.
const MAX_DEPTH: usize = 16;

/// Checks the files and tells what is wrong on standard output.
pub(super) fn validate(args: &ValidateArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let files = files(&args.files)?;
    // A policy that cannot be used is a problem, too, though none of the files.
    app::policy::policy(settings, Path::new("."))?;
    let mut stdin = StandardInput::default();
    let mut problems = Problems::default();
    let mut reports = Vec::new();
    let mut not_agreed = false;
    for path in &files {
        let Checked { mut diagnostics, sources, surface, choices, changes, unagreed } =
            check(path, args.locked, settings, &mut stdin)?;
        let has_grown = changes.iter().any(|change| !change.is_less);
        let failed = fails(&diagnostics, args.strict) || has_grown;
        not_agreed |= has_grown;
        if matches!(args.format, ValidateFormat::Github | ValidateFormat::Sarif) {
            diagnostics.extend(unagreed);
        }
        let new = problems.add(diagnostics, &sources);
        if args.format == ValidateFormat::Text {
            terminal.print(&told(path, failed, &new, &problems.sources, terminal))?;
            terminal.print(&chosen(&choices))?;
            terminal.print(&asked_for(&surface, terminal))?;
            terminal.print(&lock::told(&changes))?;
        }
        reports.push(FileReport { file: shown(path), surface, choices, changes });
    }
    let whole = match args.format {
        ValidateFormat::Text => None,
        ValidateFormat::Json => {
            terminal.print(&document(&problems, &reports))?;
            None
        }
        ValidateFormat::Sarif => Some(DiagnosticFormat::Sarif),
        ValidateFormat::Github => Some(DiagnosticFormat::Github),
    };
    if let Some(format) = whole {
        let mut text = render(&problems.all, &problems.sources, format);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        terminal.print(&text)?;
    }
    let (errors, warnings) = problems.count();
    if errors + warnings > 0 {
        terminal.note(&format!("{} in {}", counted(terminal, errors, warnings), plural(files.len() as u64, "file")));
    }
    Ok(if not_agreed || fails(&problems.all, args.strict) { exit::USAGE } else { exit::SUCCEEDED })
}

/// What is known of one file once it was checked.
struct Checked {
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
    surface: Surface,
    choices: Vec<Choice>,
    changes: Vec<LockChange>,
    /// Those that are more than was agreed, as problems.
    unagreed: Vec<Diagnostic>,
}

impl Checked {
    /// A file that no plan is made of.
    fn without_plan(diagnostics: Vec<Diagnostic>, sources: Sources) -> Self {
        let (surface, choices) = (Surface::default(), Vec::new());
        Self { diagnostics, sources, surface, choices, changes: Vec::new(), unagreed: Vec::new() }
    }
}

/// What is told of one file besides its problems.
struct FileReport {
    file: String,
    surface: Surface,
    choices: Vec<Choice>,
    changes: Vec<LockChange>,
}

/// Checks one file: a manifest or tests, when that is what its name says, otherwise a workflow.
fn check(path: &Path, locked: bool, settings: &Settings, stdin: &mut StandardInput) -> Result<Checked> {
    if is_manifest(path) {
        let compiled = app::compile_manifest(path, settings);
        let (diagnostics, sources) = (compiled.diagnostics, compiled.sources);
        return Ok(Checked::without_plan(diagnostics, sources));
    }
    if is_test_file(path) {
        let loaded = Loader::new(&DiskFiles, settings.manifest.clone()).load(path);
        return Ok(Checked::without_plan(loaded.problems, loaded.sources));
    }
    let source = WorkflowSource::read(path, stdin)?;
    let mut compiled = block_on(app::compile(&source, settings))?;
    let surface = compiled.plan.as_ref().map(Surface::of).unwrap_or_default();
    let choices = compiled.plan.as_ref().map(|plan| plan.choices.clone()).unwrap_or_default();
    let changes = if locked { lock::changes(path, &compiled)? } else { Vec::new() };
    let unagreed = lock::problems(path, &changes, &mut compiled);
    Ok(Checked { diagnostics: compiled.diagnostics, sources: compiled.sources, surface, choices, changes, unagreed })
}

/// Whom nodes that ask for capabilities get, and why, where there was somebody to choose from.
fn chosen(choices: &[Choice]) -> String {
    let several = choices.iter().filter(|choice| choice.among.len() > 1);
    several.fold(String::new(), |told, choice| told + &format!("  {}: {}\n", choice.agent, clean::one_line(&choice.why)))
}

/// What the nodes of a workflow may do with tools, when there are some.
fn asked_for(surface: &Surface, terminal: &Terminal) -> String {
    if surface.is_empty() {
        return String::new();
    }
    let row = |node: &NodeSurface| {
        let effect = node.effect.as_str();
        let effect = if node.approved_by_a_person { format!("{effect}, approved by a person") } else { effect.to_owned() };
        let permissions = node.permissions.iter().map(Permission::as_str).collect::<Vec<_>>().join(", ");
        let permissions = if permissions.is_empty() { "nothing".to_owned() } else { permissions };
        vec![node.node.clone(), node.tools.join(", "), effect, permissions]
    };
    let rows = surface.nodes.iter().map(row).collect();
    let table = table::table(terminal, &["NODE", "TOOLS", "EFFECT", "MAY TOUCH"], rows);
    table.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}

/// Problems, surfaces, choices and what is not as it was agreed, as one JSON document.
fn document(problems: &Problems, files: &[FileReport]) -> String {
    let found: Value =
        serde_json::from_str(&render(&problems.all, &problems.sources, DiagnosticFormat::Json)).unwrap_or_default();
    let asked: Vec<Value> = files
        .iter()
        .filter(|report| !report.surface.is_empty())
        .map(|FileReport { file, surface, .. }| {
            json!({"file": file, "permissions": surface.permissions(), "nodes": surface.nodes})
        })
        .collect();
    let choices: Vec<Value> =
        files.iter().flat_map(|report| report.choices.iter().map(|choice| chosen_in(&report.file, choice))).collect();
    let changes: Vec<&LockChange> = files.iter().flat_map(|report| &report.changes).collect();
    format!("{:#}\n", json!({"problems": found, "permissions": asked, "choices": choices, "lock": changes}))
}

/// A choice for a workflow that `file` is or runs.
fn chosen_in(file: &str, choice: &Choice) -> Value {
    let among: Vec<&str> = choice.among.iter().map(|(agent, _)| agent.as_str()).collect();
    let Choice { workflow, capabilities, agent, why, .. } = choice;
    json!({
        "file": file, "workflow": workflow, "capabilities": capabilities, "agent": agent, "why": why, "among": among
    })
}

/// The file as it is told.
fn shown(path: &Path) -> String {
    if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() }
}

/// What is told of one file: its problems, or that it is well.
fn told(path: &Path, failed: bool, new: &[Diagnostic], sources: &Sources, terminal: &Terminal) -> String {
    let mut text = render(new, sources, DiagnosticFormat::Text { color: terminal.out.color, width: terminal.width_out() });
    if !text.is_empty() {
        text = text.trim_end().to_owned() + "\n\n";
    }
    let name = shown(path);
    let verdict = match (failed, new.is_empty()) {
        (true, _) => terminal.paint_out(RED, "failed"),
        (false, true) => terminal.paint_out(GREEN, "ok"),
        (false, false) => format!("{} with {}", terminal.paint_out(YELLOW, "ok"), plural(new.len() as u64, "warning")),
    };
    format!("{text}{name}: {verdict}\n")
}

fn fails(diagnostics: &[Diagnostic], strict: bool) -> bool {
    diagnostics.iter().any(|problem| strict || problem.severity == Severity::Error)
}

/// The files that `named` stands for: those of folders, each once, in order.
pub(super) fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let default = [PathBuf::from(DEFAULT_FOLDER)];
    let named = match named {
        [] if !default[0].is_dir() => {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no folder `{DEFAULT_FOLDER}` here"))
                .hint("name the files: `agentflow validate FILES…`, or make a project with `agentflow init`"));
        }
        [] => &default[..],
        named => named,
    };
    let mut files = Vec::new();
    for path in named {
        if path.is_dir() {
            let before = files.len();
            collect(path, 0, &mut files)?;
            if files.len() == before {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no workflow in the folder `{}`", path.display()))
                    .hint("workflows end in .yaml, .yml, .toml or .json"));
            }
        } else if !files.contains(path) {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Adds the workflows in `folder` and in the folders below it, in the order of their names.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let failed =
        |err: io::Error| Error::new(ErrorKind::Invalid, format!("cannot read the folder `{}`", folder.display())).source(err);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        entries.push((entry.path(), entry.file_type().map_err(failed)?));
    }
    entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    for (path, kind) in entries {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // Links to folders are not followed: they may lead in a circle.
        if kind.is_dir() && !hidden && depth < MAX_DEPTH {
            collect(&path, depth + 1, files)?;
        } else if !kind.is_dir() && !hidden && is_workflow(&path) && !files.contains(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_workflow(path: &Path) -> bool {
    is_workflow_name(path) && path.is_file()
}

/// Whether a file of this name is taken for a workflow.
pub(super) fn is_workflow_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let stem = ["yaml", "yml", "toml", "json"].iter().find_map(|ending| name.strip_suffix(&format!(".{ending}")));
    let is_other = stem
        .is_some_and(|stem| stem.rsplit_once('.').is_some_and(|(_, kind)| ["test", "snap", "eval", "cassette"].contains(&kind)));
    stem.is_some_and(|stem| !stem.is_empty()) && !is_other && !is_manifest(path)
}

fn is_manifest(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| MANIFEST_NAMES.contains(&name))
}
