//! `agentflow policy`: what the operator permits here, and where it is written.

pub mod args;

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use serde::Serialize;

use crate::{
    app::{
        Settings,
        policy::{self, PolicyReport, RuleKind},
        project,
    },
    cli::{
        args::ShowFormat,
        clean, exit, json,
        page::Page,
        terminal::{BOLD, GREEN, RED, Terminal, YELLOW},
    },
    error::{Error, ErrorKind, Result},
    model::Permission,
};

use args::{PolicyCheckArgs, PolicyCommand, PolicyShowArgs};

/// What `policy init` writes.
const STARTER: &str = include_str!("../starter/policy.toml");

/// Does what the command says; returns the exit code.
pub(super) fn policy(command: &PolicyCommand, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    match command {
        PolicyCommand::Show(args) => show(args, settings, terminal),
        PolicyCommand::Check(args) => check(args, settings, terminal),
        PolicyCommand::Init(_) => init(settings, terminal),
    }
}

/// The policy of the project that the working folder is in.
fn here(settings: &Settings) -> Result<policy::OperatorPolicy> {
    let manifest = project::manifest_here(settings.manifest.as_deref())?;
    policy::read(settings, &manifest.as_deref().map_or_else(|| Path::new(".").to_owned(), project::folder_of))
}

fn show(args: &PolicyShowArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let report = here(settings)?.report;
    terminal.print(&match args.format {
        ShowFormat::Json => json::document(&report)?,
        ShowFormat::Text => text(&report, terminal),
    })?;
    Ok(exit::SUCCEEDED)
}

fn text(report: &PolicyReport, terminal: &Terminal) -> String {
    let mut page = Page::default();
    let file = report.file.as_deref().map(clean::printable);
    let file = match (&file, report.exists) {
        (Some(file), true) => file.to_string(),
        (Some(file), false) => format!("{file} (not there; `agentflow policy init` makes it)"),
        (None, _) => "none: there is no home folder to keep it in; name one with `--policy FILE`".to_owned(),
    };
    page.line(&format!("policy file  {file}"));
    page.line(&format!("project      {}", clean::printable(&report.project)));
    page.gap();
    if report.rules.iter().all(policy::RuleReport::is_built_in) {
        page.line("There are no rules of yours, so tools may touch nothing but memory.");
    }
    let rules: Vec<_> = report.rules.iter().map(|rule| (rule, clean::printable(rule.permission.as_str()))).collect();
    let width = rules.iter().map(|(_, text)| text.chars().count()).max().unwrap_or(0);
    for (rule, text) in &rules {
        let kind = format!("{:<5}", rule.rule.as_str());
        page.line(&format!("  {}  {text:<width$}  {}", painted(rule.rule, &kind, terminal), clean::printable(&rule.from)));
    }
    if !report.secrets.is_empty() {
        page.gap();
        page.line(&terminal.paint_out(BOLD, "secrets"));
        let width = report.secrets.iter().map(|secret| secret.name.len()).max().unwrap_or(0);
        for secret in &report.secrets {
            let state = match &secret.problem {
                None => terminal.paint_out(GREEN, "there"),
                Some(problem) => terminal.paint_out(YELLOW, &clean::printable(problem)),
            };
            page.line(&format!("  {:<width$}  {} ({state})", secret.name, clean::printable(&secret.from)));
        }
    }
    page.into_text()
}

/// What the policy says of one thing.
#[derive(Serialize)]
struct Checked<'a> {
    permission: &'a Permission,
    rule: RuleKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a policy::RuleReport>,
}

fn check(args: &PolicyCheckArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let here = here(settings)?;
    let checked = args.permissions.iter().map(|permission| {
        let access = permission.as_access().ok_or_else(|| pattern(permission))?;
        let (rule, by) = here.judge(&access);
        Ok(Checked { permission, rule, by })
    });
    let checked: Vec<Checked<'_>> = checked.collect::<Result<_>>()?;
    terminal.print(&match args.format {
        ShowFormat::Json => json::document(&checked)?,
        ShowFormat::Text => checked.iter().map(|checked| line(checked, terminal) + "\n").collect(),
    })?;
    let strongest = checked.iter().map(|checked| checked.rule).min();
    Ok(match strongest {
        Some(RuleKind::Deny) => exit::DENIED,
        Some(RuleKind::Ask) => exit::WAITING,
        Some(RuleKind::Allow) | None => exit::SUCCEEDED,
    })
}

fn line(checked: &Checked<'_>, terminal: &Terminal) -> String {
    let verdict = match checked.rule {
        RuleKind::Deny => "denied",
        RuleKind::Ask => "asked about",
        RuleKind::Allow => "allowed",
    };
    let why = match checked.by {
        Some(rule) => format!("by `{}`, {}", clean::printable(rule.permission.as_str()), clean::printable(&rule.from)),
        None => "no rule permits it".to_owned(),
    };
    format!("{}: {} ({why})", clean::printable(checked.permission.as_str()), painted(checked.rule, verdict, terminal))
}

fn painted(rule: RuleKind, text: &str, terminal: &Terminal) -> String {
    let style = match rule {
        RuleKind::Deny => RED,
        RuleKind::Ask => YELLOW,
        RuleKind::Allow => GREEN,
    };
    terminal.paint_out(style, text)
}

fn pattern(permission: &Permission) -> Error {
    Error::new(ErrorKind::Invalid, format!("`{}` stands for many things, which may be permitted or not", permission.as_str()))
        .hint("name one of them, without `*`; of an MCP server name a tool: `mcp:SERVER/TOOL`")
}

/// Writes a policy file that nobody else can read. One that is there stays as it is.
fn init(settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let place = policy::place(&settings.policy).ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "there is no home folder to keep a policy in").hint("name a file: `--policy FILE`")
    })?;
    let path = &place.path;
    let write = || -> io::Result<()> {
        let folder = project::folder_of(path);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(STARTER.as_bytes())
    };
    match write() {
        Ok(()) => {}
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists && fs::symlink_metadata(path).is_ok() => {
            return Err(Error::new(ErrorKind::Invalid, format!("`{}` is there already; nothing was written", path.display()))
                .hint("`agentflow policy show` tells what it says"));
        }
        Err(err) => {
            return Err(Error::new(ErrorKind::Invalid, format!("cannot write `{}`", path.display()))
                .source(err)
                .hint("name a file in a folder that can be written: `--policy FILE`"));
        }
    }
    terminal.note(&format!("  {} {}", terminal.paint_err(BOLD, "created"), clean::printable(&path.display().to_string())));
    terminal
        .note("\nIt permits nothing but memory yet. Write into it what tools may touch, and look with: agentflow policy show");
    Ok(exit::SUCCEEDED)
}
