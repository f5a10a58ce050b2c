//! `agentflow agents`: the agents of the manifest, defaults applied.

use serde::Serialize;

use crate::{
    app::{self, Settings, project},
    cli::{
        args::{AgentsCommand, ShowFormat},
        clean, diagnostics, exit, json,
        page::Page,
        table::table,
        terminal::{BOLD, Terminal},
    },
    diagnostic::{Severity, nearest},
    error::{Error, ErrorKind, Result},
    model::{AgentProfile, FallbackModel, ModelRef},
};

/// An agent as JSON shows it.
#[derive(Serialize)]
struct AgentReport {
    name: String,
    description: Option<String>,
    capabilities: Vec<String>,
    model: Option<ModelRef>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fallback: Vec<FallbackModel>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    max_turns: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Vec<String>>,
    timeout_ms: Option<u64>,
    max_concurrent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    defined_at: String,
}

/// Lists the agents, or shows one.
pub(super) fn agents(command: &AgentsCommand, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let Some(path) = project::manifest_here(settings.manifest.as_deref())? else {
        return Err(Error::new(ErrorKind::NotFound, "there is no manifest here or in a folder above")
            .hint("name one with `--manifest FILE`, or make a project with `agentflow init`"));
    };
    let compiled = app::compile_manifest(&path);
    diagnostics::tell(terminal, &compiled.diagnostics, &compiled.sources);
    let mut reports = Vec::new();
    for (_, entry) in compiled.catalog.entries() {
        let Some(profile) = entry.profile() else { continue };
        let at = compiled.sources.position(entry.span());
        reports.push(report(profile, format!("{}:{}", at.path.display(), at.line)));
    }
    match command {
        AgentsCommand::List(args) => list(reports, args.format, terminal)?,
        AgentsCommand::Show(args) => {
            let names: Vec<String> = reports.iter().map(|report| report.name.clone()).collect();
            let found = reports.into_iter().find(|report| report.name == args.name);
            show(&found.ok_or_else(|| unknown(&args.name, &names))?, args.format, terminal)?;
        }
    }
    let failed = compiled.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
    Ok(if failed { exit::USAGE } else { exit::SUCCEEDED })
}

fn report(profile: &AgentProfile, defined_at: String) -> AgentReport {
    AgentReport {
        name: profile.name.to_string(),
        description: profile.description.clone(),
        capabilities: profile.capabilities.clone(),
        model: profile.model.clone(),
        fallback: profile.fallback.clone(),
        temperature: profile.temperature,
        max_tokens: profile.max_tokens,
        max_turns: profile.max_turns,
        tools: profile.tools.iter().map(ToString::to_string).collect(),
        permissions: profile.permissions.as_ref().map(|asked| asked.iter().map(ToString::to_string).collect()),
        timeout_ms: profile.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        max_concurrent: profile.max_concurrent,
        system: profile.system.clone(),
        defined_at,
    }
}

fn list(mut reports: Vec<AgentReport>, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        for report in &mut reports {
            report.system = None;
        }
        return terminal.print(&json::document(&reports)?);
    }
    let rows = reports.into_iter().map(|report| {
        vec![
            report.name,
            report.model.map_or_else(|| "-".to_owned(), |model| model.to_string()),
            report.capabilities.join(", "),
            report.description.unwrap_or_default(),
        ]
    });
    terminal.print(&table(terminal, &["AGENT", "MODEL", "CAPABILITIES", "DESCRIPTION"], rows.collect()))
}

fn show(report: &AgentReport, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        return terminal.print(&json::document(report)?);
    }
    let mut page = Page::default();
    page.line(&terminal.paint_out(BOLD, &report.name));
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            page.line(&format!("  {name:<15}{}", clean::block(&value)));
        }
    };
    row("description", report.description.clone());
    row("capabilities", Some(report.capabilities.join(", ")));
    row("model", Some(report.model.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)));
    row("fallback", Some(report.fallback.iter().map(|model| model.model.to_string()).collect::<Vec<_>>().join(", ")));
    row("temperature", report.temperature.map(|value| value.to_string()));
    row("max_tokens", report.max_tokens.map(|value| value.to_string()));
    row("max_turns", report.max_turns.map(|value| value.to_string()));
    row("tools", Some(report.tools.join(", ")));
    row(
        "permissions",
        report.permissions.as_ref().map(|asked| if asked.is_empty() { "none".to_owned() } else { asked.join(", ") }),
    );
    row("timeout", report.timeout_ms.map(|ms| super::numbers::duration(std::time::Duration::from_millis(ms))));
    row("max_concurrent", report.max_concurrent.map(|value| value.to_string()));
    row("defined at", Some(report.defined_at.clone()));
    if let Some(system) = &report.system {
        page.gap();
        page.line(&terminal.paint_out(BOLD, "system prompt"));
        for line in clean::block(system).trim_end().lines() {
            page.line(&format!("  {line}"));
        }
    }
    terminal.print(&page.into_text())
}

fn unknown(name: &str, names: &[String]) -> Error {
    let error = Error::new(ErrorKind::NotFound, format!("there is no agent `{}`", name.escape_default()));
    match nearest(name, names.iter().map(String::as_str)) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("there are {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))),
    }
}
