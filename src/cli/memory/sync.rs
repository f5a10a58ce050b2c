//! Collections that a workflow uses are brought up to their files before it runs.

use crate::{
    app::memory::ProjectMemory,
    cli::{
        memory::{
            interrupt::{Ended, until_signal},
            progress::Progress,
        },
        terminal::Terminal,
    },
    error::Result,
    memory::Added,
    model::CollectionName,
};

/// Brings the collections up to the files that the manifest names for them, and tells on one line what has changed in each. Returns the
/// exit code when a signal came.
///
/// # Errors
/// Those of the files, the embedder and the index: nothing was paid for a run.
pub(in crate::cli) async fn sync(project: &ProjectMemory, names: &[CollectionName], terminal: &Terminal) -> Result<Option<u8>> {
    for name in names {
        let Some(plan) = project.sync_plan(name)? else { continue };
        let progress = Progress::start(terminal, 0);
        let ended = until_signal(project.memory.sync(name, &plan, &progress)).await;
        progress.finish();
        let synced = match ended.map_err(|err| err.context("memory"))? {
            Ended::Done(synced) => synced,
            Ended::Stopped(code) => {
                terminal.talk(&format!("stopped while collection `{name}` was brought up to its files; nothing was run"));
                return Ok(Some(code));
            }
        };
        let Added { added, unchanged, embedded, .. } = synced.report.added;
        let failed = synced.report.failed.len();
        if added + synced.removed + failed > 0 {
            let failed = if failed > 0 { format!(", {failed} could not be read") } else { String::new() };
            terminal.note(&format!(
                "memory {name}: {added} added ({embedded} texts embedded), {} removed, {unchanged} unchanged{failed}",
                synced.removed
            ));
        }
    }
    Ok(None)
}
