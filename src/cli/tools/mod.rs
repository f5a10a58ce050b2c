//! `agentflow tools`: the tools of the project; one call of one of them; approval of what a server offers.

pub mod args;
mod offer;

use std::io::Read as _;

use serde_json::{Map, Value};

use crate::{
    app::{
        self, Settings,
        toolkit::{ToolReport, Toolkit, trust},
    },
    cli::{
        args::ShowFormat,
        clean, exit, json,
        page::Page,
        run::{block_on, run_source},
        table::table,
        terminal::{BOLD, Terminal},
    },
    diagnostic::nearest,
    error::{Error, ErrorKind, Result},
    model::{ToolName, ToolPattern},
    store,
    tool::BuiltIn,
};

use args::{ToolsCallArgs, ToolsCommand, ToolsListArgs, ToolsShowArgs};

/// Does what the sub-command says with the tools of the folder.
pub(super) fn tools(command: &ToolsCommand, settings: &Settings, verbose: bool, terminal: &Terminal) -> Result<u8> {
    match command {
        ToolsCommand::List(args) => list(args, settings, terminal),
        ToolsCommand::Show(args) => show(args, settings, terminal),
        ToolsCommand::Call(args) => call(args, settings, verbose, terminal),
        ToolsCommand::Trust(args) => approve(&args.server, settings, terminal),
    }
}

fn list(args: &ToolsListArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let toolkit = Toolkit::here(settings)?;
    let (reports, unasked) = match &args.agent {
        Some(agent) => (block_on(toolkit.select(toolkit.patterns_of(agent)?))?, Vec::new()),
        None if args.mcp => {
            let mut reports = toolkit.built_in();
            let servers =
                toolkit.servers().map(|server| ToolPattern::new(format!("mcp:{server}/*"))).collect::<Result<Vec<_>>>()?;
            reports.extend(block_on(toolkit.select(&servers))?);
            (reports, Vec::new())
        }
        None => (toolkit.built_in(), toolkit.servers().map(str::to_owned).collect()),
    };
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&reports)?).map(|()| exit::SUCCEEDED);
    }
    let rows = reports.iter().map(|report| {
        vec![
            report.name.to_string(),
            report.effect.as_str().to_owned(),
            needs(report),
            report.agents.join(", "),
            clean::short(first_sentence(&report.description), 60),
        ]
    });
    terminal.print(&table(terminal, &["TOOL", "EFFECT", "NEEDS", "AGENTS", "WHAT"], rows.collect()))?;
    for server in unasked {
        terminal.note(&format!("the tools of MCP server `{server}` are listed with: agentflow tools list --mcp"));
    }
    Ok(exit::SUCCEEDED)
}

/// What must be permitted, marked where nothing of it is.
fn needs(report: &ToolReport) -> String {
    match (report.needs.is_empty(), report.permitted) {
        (true, _) => "nothing".to_owned(),
        (_, true) => report.needs.join(" "),
        (_, false) => format!("{} (not permitted)", report.needs.join(" ")),
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first)
}

fn show(args: &ToolsShowArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let toolkit = Toolkit::here(settings)?;
    if let Some(server) = args.name.strip_prefix("mcp:").filter(|server| !server.contains('/')) {
        let offer = block_on(toolkit.offer(server))?;
        return terminal
            .print(&match args.format {
                ShowFormat::Json => json::document(&offer)?,
                ShowFormat::Text => offer::page(&offer, terminal),
            })
            .map(|()| exit::SUCCEEDED);
    }
    let pattern = ToolPattern::new(known(&toolkit, &args.name)?.as_str())?;
    let report = block_on(toolkit.select(std::slice::from_ref(&pattern)))?.pop();
    let report = report.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no tool `{}`", args.name)))?;
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&report)?).map(|()| exit::SUCCEEDED);
    }
    let mut page = Page::default();
    page.line(&terminal.paint_out(BOLD, report.name.as_str()));
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            page.line(&format!("  {name:<12}{value}"));
        }
    };
    row("effect", report.effect.as_str());
    row("needs", &needs(&report));
    row("results", if report.untrusted { "may hold what strangers wrote" } else { "" });
    row("agents", &report.agents.join(", "));
    page.gap();
    for line in clean::block(&report.description).lines() {
        page.line(&format!("  {line}"));
    }
    page.gap();
    page.line(&terminal.paint_out(BOLD, "arguments"));
    let schema = serde_json::to_string_pretty(&report.parameters).unwrap_or_default();
    for line in clean::json(&schema).lines() {
        page.line(&format!("  {line}"));
    }
    terminal.print(&page.into_text())?;
    Ok(exit::SUCCEEDED)
}

/// The name of a tool; of those that are always there, it is known whether there is one.
fn known(toolkit: &Toolkit, written: &str) -> Result<ToolName> {
    let name = ToolName::new(written)?;
    let known = toolkit.built_in();
    // A built-in tool without its key is not among them; what it lacks is told when it is called.
    let is_built_in = BuiltIn::find(name.as_str()).is_some();
    if is_built_in || name.as_str().contains(':') || known.iter().any(|report| report.name == name) {
        return Ok(name);
    }
    let error = Error::new(ErrorKind::NotFound, format!("there is no tool `{name}`"));
    Err(match nearest(name.as_str(), known.iter().map(|report| report.name.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`agentflow tools list` shows what there is"),
    })
}

/// One call is a run of one node: the policy, the log and the audit are those of any other.
fn call(args: &ToolsCallArgs, settings: &Settings, verbose: bool, terminal: &Terminal) -> Result<u8> {
    let toolkit = Toolkit::here(settings)?;
    let name = known(&toolkit, &args.name)?;
    let arguments = arguments(args)?;
    toolkit.check(&name, &arguments)?;
    let source = toolkit.workflow_of_call(&name, &arguments);
    run_source(&source, args.output, settings, verbose, terminal)
}

/// The arguments: an object as JSON, then single ones.
fn arguments(args: &ToolsCallArgs) -> Result<Map<String, Value>> {
    let whole = match args.json.as_deref() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Error::new(ErrorKind::Invalid, "standard input cannot be read").source(error))?;
            Some(text)
        }
        json => json.map(str::to_owned),
    };
    let mut arguments = match whole {
        Some(text) => serde_json::from_str(&text).map_err(|error| {
            Error::new(ErrorKind::Invalid, "the arguments are no JSON object")
                .source(error)
                .hint("write `{\"path\": \"README.md\"}`, or one by one: `-a path=README.md`")
        })?,
        None => Map::new(),
    };
    for arg in &args.arg {
        // What reads as JSON is JSON; anything else is text.
        let value = serde_json::from_str(&arg.value).unwrap_or_else(|_| Value::String(arg.value.clone()));
        arguments.insert(arg.name.clone(), value);
    }
    Ok(arguments)
}

fn approve(server: &str, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let toolkit = Toolkit::here(settings)?;
    let server = toolkit.server(server)?;
    let place = app::store_here(settings)?;
    let changes = block_on(async {
        let store = store::open(&place.url, place.synchronous).await?;
        trust(server, &store).await
    })?;
    if changes.is_empty() {
        terminal.note(&format!("MCP server `{}` offers what was approved before", server.name()));
    }
    for change in changes {
        terminal.print(&format!("approved: {}\n", clean::printable(&change)))?;
    }
    Ok(exit::SUCCEEDED)
}
