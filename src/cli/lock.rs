//! `agentflow lock`: writes down what was agreed about workflows. `validate --locked` holds them to it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    app::{
        self, Settings, WorkflowSource,
        inputs::StandardInput,
        lock::{ask_servers, lock_of, name_in, read_lock, write_lock},
        project::folder_of,
    },
    cli::{args::LockArgs, clean, diagnostics, exit, numbers::plural, run, terminal::Terminal, validate},
    diagnostic::{Code, Diagnostic, FileId, Span},
    error::{Error, ErrorKind, Result},
    manifest::{Entries, NodeKindManifest, NodeManifest, read_workflow_text},
    plan::{Compiled, Lock, LockChange},
};

/// Writes the locks that the workflows belong to. Other workflows in them stay as they are.
pub(super) fn lock(args: &LockArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let mut locks: BTreeMap<PathBuf, Lock> = BTreeMap::new();
    let mut failed = false;
    let files = validate::files(&args.files)?;
    for path in &files {
        let compiled = run::block_on(app::compile(&WorkflowSource::read(path, &mut StandardInput::default())?, settings))?;
        diagnostics::tell(terminal, &compiled.diagnostics, &compiled.sources);
        let Some(plan) = &compiled.plan else {
            failed = true;
            continue;
        };
        let file = lock_of(path, &compiled);
        let lock = match locks.remove(&file) {
            Some(lock) => lock,
            None => read_lock(&file)?.unwrap_or_default(),
        };
        let mut lock = lock;
        lock.set_workflow(name_in(&file, path), plan);
        if let Some(manifest) = &compiled.manifest {
            lock.set_servers(manifest);
            if args.mcp {
                let offered = run::block_on(ask_servers(plan, manifest, &folder_of(&file), settings))?;
                for server in offered {
                    lock.set_offered(server);
                }
            }
        }
        locks.insert(file, lock);
    }
    if failed {
        return Ok(exit::USAGE);
    }
    for (file, lock) in &locks {
        write_lock(file, lock)?;
        terminal.note(&format!("wrote {} with {}", file.display(), plural(lock.workflows.len() as u64, "workflow")));
    }
    Ok(exit::SUCCEEDED)
}

/// What is other about a workflow than was agreed.
pub(super) fn changes(path: &Path, compiled: &Compiled) -> Result<Vec<LockChange>> {
    let Some(plan) = &compiled.plan else { return Ok(Vec::new()) };
    let file = lock_of(path, compiled);
    let Some(agreed) = read_lock(&file)? else {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no lock `{}`", file.display()))
            .hint(format!("write it with `agentflow lock {}`", path.display())));
    };
    let mut now = Lock::default();
    now.set_workflow(name_in(&file, path), plan);
    if let Some(manifest) = &compiled.manifest {
        now.set_servers(manifest);
    }
    Ok(agreed.changes(&now))
}

/// What there is more than was agreed, as problems at the nodes and servers that have it.
pub(super) fn problems(path: &Path, changes: &[LockChange], compiled: &mut Compiled) -> Vec<Diagnostic> {
    let grown: Vec<_> = changes.iter().filter(|change| !change.is_less).collect();
    let workflow = compiled.sources.iter().next().filter(|_| !grown.is_empty());
    let Some((_, file)) = workflow.map(|(id, file)| (id, file.clone())) else { return Vec::new() };
    // The workflow is read once more, for its plan does not know where its nodes are written.
    let begin = Span::new(FileId(u32::try_from(compiled.sources.iter().count()).unwrap_or_default()), 0..0);
    let written = read_workflow_text(&file.path, file.text, &mut compiled.sources, &mut Vec::new());
    let nodes = written.as_ref().map(|written| &written.nodes);
    let servers = compiled.manifest.iter().flat_map(|manifest| manifest.mcp.iter().map(|(name, _)| name));
    let problem = |change: &&LockChange| {
        let (subject, span) = if let Some(node) = &change.node {
            (format!("node `{node}`"), nodes.and_then(|nodes| key_of(nodes, node)))
        } else {
            let server = servers.clone().find(|name| change.place == format!("mcp.{}", name.value));
            (change.place.clone(), server.map(|name| name.span))
        };
        Diagnostic::error(Code::NOT_AGREED, span.unwrap_or(begin), format!("{subject}: {}", change.what))
            .hint(format!("if that is meant, agree with `agentflow lock {}`", path.display()))
    };
    grown.iter().map(problem).collect()
}

/// Where the node with this path is written; of one in another workflow, the node that runs that.
fn key_of(nodes: &Entries<NodeManifest>, path: &str) -> Option<Span> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let (key, node) = nodes.iter().find(|(key, _)| key.value == first)?;
    let inner = match &node.kind {
        NodeKindManifest::Nodes(nodes) => key_of(nodes, rest),
        _ => None,
    };
    inner.or(Some(key.span))
}

/// The changes as lines.
pub(super) fn told(changes: &[LockChange]) -> String {
    let line = |change: &LockChange| {
        let sign = if change.is_less { '-' } else { '+' };
        format!("  {sign} {}: {}\n", clean::one_line(&change.place), clean::one_line(&change.what))
    };
    let mut text: String = changes.iter().map(line).collect();
    if changes.iter().any(|change| !change.is_less) {
        text.push_str("  this is not what was agreed; look at it, then agree with `agentflow lock`\n");
    }
    text
}
