//! Makes tools and describes servers.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;

use super::{ProjectTools, Wanted};
use crate::{
    app::{environment, memory::ProjectMemory, providers::key},
    error::{Error, ErrorKind, Result},
    manifest::{Manifest, McpManifest, ToolManifest},
    tool::{
        LiveSecrets, Tool,
        calculator::Calculator,
        command::{Command, CommandSettings, Limits},
        files::file_tools,
        mcp::{INHERITED_VARIABLES, McpServer, McpSettings, McpTransport},
        memory::memory_tools,
        messages::message_tools,
        web::{SearchEngine, SearchSettings, WebClient, WebFetch, WebSearch, http_tools_over},
    },
};

/// The engine that searches when the manifest names none.
const USUAL_ENGINE: SearchEngine = SearchEngine::Duckduckgo;

/// Puts the wanted built-in tools into the box.
pub(super) fn built_in(
    manifest: Option<&Manifest>,
    folder: &Path,
    wanted: &Wanted,
    simulated: bool,
    live: &mut LiveSecrets,
    made: &mut ProjectTools,
) -> Result<()> {
    let any = |names: &[&str]| names.iter().any(|name| wanted.has(name));
    // Costs nothing before the first request.
    let client = WebClient::default();
    let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
    if wanted.has("calculator") {
        tools.push(Arc::new(Calculator::new()?));
    }
    if any(&["read_file", "write_file", "edit_file", "list_files", "search_files"]) {
        tools.extend(file_tools(folder, &[])?);
    }
    if any(&["http_get", "http_post", "http_put", "http_delete"]) {
        tools.extend(http_tools_over(&client));
    }
    if wanted.has("command") {
        tools.push(Arc::new(command(written(manifest, "command"), folder, live, made)?));
    }
    if wanted.has("web_fetch") {
        tools.push(Arc::new(WebFetch::over(client.clone())));
    }
    if wanted.has("web_search") {
        match search(written(manifest, "web_search"), folder, &client, live) {
            Ok(search) => tools.push(Arc::new(search)),
            // Who only looks at the tools there are needs no key.
            Err(_) if simulated => tools.push(Arc::new(WebSearch::new(SearchSettings::new(USUAL_ENGINE))?)),
            Err(_) if matches!(wanted, Wanted::All) => {}
            Err(error) => return Err(error),
        }
    }
    tools.extend(message_tools());
    for tool in tools.into_iter().filter(|tool| wanted.has(tool.spec().name.as_str())) {
        made.toolbox.add(tool);
    }
    Ok(())
}

/// Puts the wanted tools of memory into the box. None of them opens anything before it is called.
pub(super) fn of_memory(memory: &ProjectMemory, wanted: &Wanted, made: &mut ProjectTools) {
    for tool in memory_tools(&memory.memory).into_iter().filter(|tool| wanted.has(tool.spec().name.as_str())) {
        made.toolbox.add(tool);
    }
}

fn written<'m>(manifest: Option<&'m Manifest>, name: &str) -> Option<&'m ToolManifest> {
    manifest?.tools.iter().find(|(key, _)| key.value == name).map(|(_, tool)| tool)
}

/// The tool that runs programs; each of its values of variables is a secret.
fn command(written: Option<&ToolManifest>, folder: &Path, live: &mut LiveSecrets, made: &mut ProjectTools) -> Result<Command> {
    let names: Vec<String> = written.iter().flat_map(|written| &written.env).map(|name| name.value.clone()).collect();
    let environment = environment::variables(&names);
    for (name, value) in &environment {
        live.note(name, value.clone().into());
    }
    let inner = written.and_then(|written| written.folder.as_ref());
    let home = tempfile::Builder::new()
        .prefix("agentflow-")
        .tempdir()
        .map_err(|error| Error::new(ErrorKind::Invalid, "a folder for programs to work in cannot be made").source(error))?;
    let settings = CommandSettings {
        root: inner.map_or_else(|| folder.to_owned(), |inner| folder.join(&inner.value)),
        home: home.path().to_owned(),
        path: CommandSettings::USUAL_PATH.iter().map(PathBuf::from).collect(),
        interpreters: written.iter().flat_map(|written| &written.interpreters).map(|program| program.value.clone()).collect(),
        free_options: BTreeSet::new(),
        environment,
        limits: Limits::default(),
    };
    made.home = Some(home);
    Command::new(settings)
}

fn search(written: Option<&ToolManifest>, folder: &Path, client: &WebClient, live: &mut LiveSecrets) -> Result<WebSearch> {
    let engine = written.and_then(|written| written.provider.as_ref());
    let engine = engine.map_or(Ok(USUAL_ENGINE), |engine| engine.value.parse())?;
    let mut settings = SearchSettings::new(engine);
    if let Some(written) = written {
        settings.base_url = written.base_url.as_ref().map(|url| url.value.clone());
        settings.engine_id = written.engine.as_ref().map(|id| id.value.clone());
        if let Some(count) = &written.count {
            settings.count = count.value as usize;
        }
        if let Some(api_key) = &written.api_key {
            settings.key = Some(key(api_key, folder, "tool `web_search`", live)?);
        }
    }
    WebSearch::over(settings, client.clone())
}

/// Describes the wanted servers; none is started.
pub(super) fn servers(
    manifest: Option<&Manifest>,
    folder: &Path,
    wanted: &Wanted,
    live: &mut LiveSecrets,
    made: &mut ProjectTools,
) -> Result<()> {
    for (name, written) in manifest.iter().flat_map(|manifest| &manifest.mcp) {
        if !wanted.has_server(&name.value) {
            continue;
        }
        let transport = transport(&name.value, written, folder, live)?;
        let mut settings = McpSettings::new(&name.value, transport);
        if let Some(timeout) = &written.timeout {
            settings.call_timeout = timeout.value;
        }
        if let Some(timeout) = &written.start_timeout {
            settings.start_timeout = timeout.value;
        }
        settings.effects = written.effects.iter().map(|(tools, effect)| (tools.value.clone(), effect.value)).collect();
        settings.pins = Some(Arc::clone(&made.pins) as _);
        let server = McpServer::new(settings)?;
        made.toolbox.add_server(&name.value, Arc::new(server.clone()));
        made.servers.insert(name.value.clone(), server);
    }
    Ok(())
}

fn transport(name: &str, written: &McpManifest, folder: &Path, live: &mut LiveSecrets) -> Result<McpTransport> {
    let key = written.api_key.as_ref().map(|api_key| key(api_key, folder, &format!("MCP server `{name}`"), live)).transpose()?;
    if let Some(url) = &written.url {
        let plain = |(header, value): &(_, crate::diagnostic::Spanned<String>)| {
            let header: &crate::diagnostic::Spanned<String> = header;
            (header.value.clone(), SecretString::from(value.value.clone()))
        };
        let mut headers: BTreeMap<_, _> = written.headers.iter().map(plain).collect();
        if let Some(key) = key {
            headers.insert("authorization".to_owned(), bearer(&key));
        }
        return Ok(McpTransport::Http { url: url.value.clone(), headers });
    }
    let names: Vec<String> = written.env.iter().map(|variable| variable.value.clone()).collect();
    let values = environment::variables(&names);
    if let Some(missing) = names.iter().find(|name| !values.contains_key(*name)) {
        return Err(Error::new(ErrorKind::Invalid, format!("MCP server `{name}`: the variable `{missing}` is not set"))
            .hint(format!("set it, or take it out of `env` under `[mcp.{name}]`")));
    }
    let env = values
        .into_iter()
        .map(|(variable, value)| {
            let value = SecretString::from(value);
            live.note(&variable, value.clone());
            (variable, value)
        })
        .collect();
    let inherited: Vec<String> = INHERITED_VARIABLES.iter().map(|&variable| variable.to_owned()).collect();
    Ok(McpTransport::Stdio {
        command: written.command.iter().map(|word| word.value.clone()).collect(),
        env,
        inherited: environment::variables(&inherited),
        folder: written.folder.as_ref().map_or_else(|| folder.to_owned(), |inner| folder.join(&inner.value)),
    })
}

fn bearer(key: &SecretString) -> SecretString {
    use secrecy::ExposeSecret as _;
    SecretString::from(format!("Bearer {}", key.expose_secret()))
}
