//! `agentflow doctor`: what agentflow finds here, and what is missing for a run. Opens no socket without `--online`, and changes nothing without
//! `--reset-breakers`.

use std::{
    net::{TcpStream, ToSocketAddrs as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use crate::{
    app::{
        self, Settings, policy, project,
        providers::{KeyState, ProviderReport},
        servers::{self, ServerReport},
    },
    cli::{
        args::{DoctorArgs, ShowFormat},
        breakers::BreakersReport,
        clean, exit, json,
        page::Page,
        terminal::{BOLD, DIM, GREEN, RED, Terminal, YELLOW},
    },
    error::Result,
    store::{self, Store},
    tool::Rules,
};

/// How long a local server may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// How programs are kept that tools and MCP servers are.
const CHILDREN: &str = "own process group, cleared environment, rlimits for `command`; no Landlock, no seccomp";

/// Everything that was found.
#[derive(Serialize)]
struct Report {
    agentflow: &'static str,
    sqlite: &'static str,
    manifest: Option<String>,
    store: StoreReport,
    policy: PolicyReport,
    children: &'static str,
    providers: Vec<Reached>,
    mcp: Vec<ServerReport>,
    breakers: BreakersReport,
    terminal: TerminalReport,
}

#[derive(Serialize)]
struct StoreReport {
    url: String,
    /// `ready`, `new` or `broken`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// The operator's policy in short; `agentflow policy show` has all of it.
#[derive(Default, Serialize)]
struct PolicyReport {
    file: Option<String>,
    exists: bool,
    rules: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// A provider, and whether its server answers, if that was tried.
#[derive(Serialize)]
struct Reached {
    #[serde(flatten)]
    provider: ProviderReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<bool>,
}

#[derive(Serialize)]
struct TerminalReport {
    stdout: bool,
    stderr: bool,
    colors: bool,
    width: usize,
}

/// Looks around and tells.
pub(super) async fn doctor(args: &DoctorArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let path = project::manifest_here(settings.manifest.as_deref())?;
    let compiled = path.as_deref().map(|path| app::compile_manifest(path, settings));
    let manifest = compiled.as_ref().and_then(|compiled| compiled.manifest.as_ref());
    let folder = path.as_deref().map_or_else(|| Path::new(".").to_owned(), project::folder_of);
    let (policy, rules) = look_at_policy(settings, &folder);
    let (store, opened) = look_at_store(settings).await;
    let breakers = match &opened {
        Some(store) => BreakersReport::of(store, args.reset_breakers).await?,
        None => BreakersReport::default(),
    };
    let report = Report {
        agentflow: env!("CARGO_PKG_VERSION"),
        sqlite: store::sqlite_version(),
        manifest: path.as_ref().map(|path| path.display().to_string()),
        store,
        providers: app::providers::report(manifest, &folder)
            .into_iter()
            .map(|provider| Reached { answers: args.online.then(|| answers(&provider)).flatten(), provider })
            .collect(),
        policy,
        children: CHILDREN,
        mcp: manifest.map(|manifest| servers::report(manifest, &rules)).unwrap_or_default(),
        breakers,
        terminal: TerminalReport {
            stdout: terminal.out.is_terminal,
            stderr: terminal.err.is_terminal,
            colors: terminal.out.color,
            width: terminal.width_out(),
        },
    };
    terminal.print(&match args.format {
        ShowFormat::Json => json::document(&report)?,
        ShowFormat::Text => text(&report, terminal),
    })?;
    Ok(if report.store.state == "broken" { exit::STORE_UNAVAILABLE } else { exit::SUCCEEDED })
}

/// The policy, and its rules; none where it cannot be used.
fn look_at_policy(settings: &Settings, folder: &Path) -> (PolicyReport, Rules) {
    match policy::read(settings, folder) {
        Ok(read) => {
            let (file, rules) = (read.report.file, read.report.rules.iter().filter(|rule| !rule.is_built_in()).count());
            (PolicyReport { file, exists: read.report.exists, rules, problem: None }, read.policy.rules().clone())
        }
        Err(err) => (PolicyReport { problem: Some(err.to_string()), ..PolicyReport::default() }, Rules::default()),
    }
}

async fn look_at_store(settings: &Settings) -> (StoreReport, Option<Arc<dyn Store>>) {
    let place = match app::store_here(settings) {
        Ok(place) => place,
        Err(err) => return (StoreReport { url: String::new(), state: "broken", problem: Some(err.to_string()) }, None),
    };
    let url = place.url.clone();
    match app::open_existing_store(settings).await {
        Ok(Some(store)) => (StoreReport { url, state: "ready", problem: None }, Some(store)),
        Ok(None) => (StoreReport { url, state: "new", problem: None }, None),
        Err(err) => (StoreReport { url, state: "broken", problem: Some(err.to_string()) }, None),
    }
}

/// Whether somebody listens at the address of a local server; `None` for servers elsewhere.
fn answers(provider: &ProviderReport) -> Option<bool> {
    let url = provider.base_url.as_deref()?;
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    if !matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0") {
        return None;
    }
    let port = if scheme == "https" { 443 } else { 80 };
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:{port}") };
    let reached = address.to_socket_addrs().ok()?.any(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok());
    Some(reached)
}

fn text(report: &Report, terminal: &Terminal) -> String {
    let mut page = Page::default();
    let mut row = |name: &str, value: &str| page.line(&format!("{name:<11}{value}"));
    row("agentflow", report.agentflow);
    row("SQLite", report.sqlite);
    let none = terminal.paint_out(YELLOW, "none here or in a folder above (`agentflow init` makes one)");
    row("manifest", report.manifest.as_deref().unwrap_or(&none));
    let state = match report.store.state {
        "ready" => terminal.paint_out(GREEN, "ready"),
        "new" => "made by the first run".to_owned(),
        _ => terminal.paint_out(RED, &clean::one_line(report.store.problem.as_deref().unwrap_or("broken"))),
    };
    row("store", &format!("{} ({state})", report.store.url));
    let seen = match (report.terminal.stdout, report.terminal.stderr) {
        (true, true) => format!("{} columns", report.terminal.width),
        (false, true) => "standard error only".to_owned(),
        (true, false) => "standard output only".to_owned(),
        (false, false) => "none".to_owned(),
    };
    row("terminal", &format!("{seen}, {}", if report.terminal.colors { "colours" } else { "no colours" }));
    row("policy", &policy_in_words(&report.policy, terminal));
    row("children", report.children);
    page.gap();
    page.line(&terminal.paint_out(BOLD, "providers"));
    let width = report.providers.iter().map(|reached| reached.provider.name.len()).max().unwrap_or(0);
    for Reached { provider, answers } in &report.providers {
        let mark = match (&provider.key, answers) {
            (KeyState::Missing { .. }, _) | (_, Some(false)) => terminal.paint_out(DIM, "·"),
            _ => terminal.paint_out(GREEN, "✔"),
        };
        let key = match &provider.key {
            KeyState::NotNeeded => "no key needed".to_owned(),
            KeyState::Found { source } => format!("key in {source}"),
            KeyState::Missing { source } => format!("no key: {source} is not there"),
        };
        let reached = match answers {
            Some(true) => ", answers",
            Some(false) => ", does not answer",
            None => "",
        };
        let url = provider.base_url.as_deref().map(|url| format!(", {url}")).unwrap_or_default();
        page.line(&format!("  {mark} {:<width$}  {key}{}{reached}", provider.name, clean::one_line(&url)));
    }
    if !report.mcp.is_empty() {
        page.gap();
        page.line(&terminal.paint_out(BOLD, "MCP servers (not started)"));
    }
    let width = report.mcp.iter().map(|server| server.name.len()).max().unwrap_or(0);
    for server in &report.mcp {
        let (mark, permitted) = if server.permitted {
            (terminal.paint_out(GREEN, "✔"), "permitted".to_owned())
        } else {
            (terminal.paint_out(DIM, "·"), format!("not permitted (`--allow mcp:{}`)", server.name))
        };
        let place = clean::one_line(&server.place);
        page.line(&format!("  {mark} {:<width$}  {}, {place}, {permitted}", server.name, server.transport.as_str()));
    }
    report.breakers.show(&mut page, terminal);
    page.into_text()
}

fn policy_in_words(policy: &PolicyReport, terminal: &Terminal) -> String {
    if let Some(problem) = &policy.problem {
        return terminal.paint_out(RED, &clean::one_line(problem));
    }
    let file = policy.file.as_deref().unwrap_or("no place for one");
    match (policy.exists, policy.rules) {
        (false, _) => format!("{file} (not there: tools may touch nothing)"),
        (true, 1) => format!("{file} (1 rule)"),
        (true, rules) => format!("{file} ({rules} rules)"),
    }
}
