//! `agentflow.lock`: where it is, read and written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    app::{
        Settings, policy,
        project::folder_of,
        toolkit::permit,
        tools::{Wanted, tools},
    },
    error::{Error, ErrorKind, Result},
    manifest::Manifest,
    model::ToolPattern,
    plan::{Compiled, Lock, Plan},
    tool::{LiveSecrets, mcp::ServerDefinition},
};

/// What the file is called.
pub const LOCK_FILE: &str = "agentflow.lock";

/// The lock that a workflow belongs to: the one beside its manifest, or beside itself when it has none.
#[must_use]
pub fn lock_of(workflow: &Path, compiled: &Compiled) -> PathBuf {
    folder_of(compiled.manifest_path.as_deref().unwrap_or(workflow)).join(LOCK_FILE)
}

/// What a lock calls a workflow: its path from the lock's folder where it is inside, with `/`.
#[must_use]
pub fn name_in(lock: &Path, workflow: &Path) -> String {
    let whole = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (folder, file) = (whole(&folder_of(lock)), whole(workflow));
    let inside = file.strip_prefix(&folder).unwrap_or(workflow);
    inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Reads a lock; `None` when there is none.
///
/// # Errors
/// `Invalid` when it cannot be read.
pub fn read_lock(path: &Path) -> Result<Option<Lock>> {
    let unreadable = |why: &str| {
        Error::new(ErrorKind::Invalid, format!("cannot read the lock `{}`: {why}", path.display()))
            .hint("`agentflow lock` writes it anew; remove it before that")
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(unreadable("the system refuses it").source(err)),
    };
    let lock: Lock = serde_json::from_str(&text).map_err(|err| unreadable("it is no lock").source(err))?;
    if lock.is_known() { Ok(Some(lock)) } else { Err(unreadable("it was written by another version")) }
}

/// Starts the MCP servers that the nodes of `plan` name, and asks each what it offers. The operator must permit something of each.
///
/// # Errors
/// `Denied` for a server that the operator does not permit; those of starting and asking one.
pub async fn ask_servers(plan: &Plan, manifest: &Manifest, folder: &Path, settings: &Settings) -> Result<Vec<ServerDefinition>> {
    let Wanted::Named(patterns) = Wanted::by(plan) else { return Ok(Vec::new()) };
    let served: Vec<ToolPattern> = patterns.into_iter().filter(|pattern| pattern.server().is_some()).collect();
    let (policy, _) = policy::policy(settings, folder)?;
    for server in served.iter().filter_map(ToolPattern::server) {
        permit(policy.rules(), server)?;
    }
    let made = tools(Some(manifest), folder, &Wanted::Named(served), None, false, &mut LiveSecrets::default())?;
    let mut offered = Vec::with_capacity(made.servers.len());
    for server in made.servers.values() {
        offered.push(server.definition().await?);
    }
    Ok(offered)
}

/// Writes a lock, whole or not at all.
///
/// # Errors
/// `Invalid` when it cannot be written.
pub fn write_lock(path: &Path, lock: &Lock) -> Result<()> {
    let failed =
        |err: io::Error| Error::new(ErrorKind::Invalid, format!("cannot write the lock `{}`", path.display())).source(err);
    let text = serde_json::to_string_pretty(lock).map_err(|err| failed(err.into()))? + "\n";
    let beside = path.with_extension("lock.new");
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(|err| {
        drop(fs::remove_file(&beside));
        failed(err)
    })
}
