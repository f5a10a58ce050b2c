//! The progress of a download: a bar at a terminal, a line at its beginning elsewhere, nothing with `-q`.

use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    cli::terminal::Terminal,
    memory::models::{OnTransfer, Transfer},
};

/// What a download is told to: shows how far it has come.
pub(in crate::cli) fn bar(terminal: &Terminal) -> OnTransfer {
    let terminal = terminal.clone();
    let bar: Mutex<Option<ProgressBar>> = Mutex::default();
    OnTransfer::new(move |transfer: Transfer<'_>| {
        let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| begin(&terminal, transfer));
        bar.set_position(transfer.done);
        if transfer.done == transfer.total {
            bar.finish_and_clear();
        }
    })
}

fn begin(terminal: &Terminal, transfer: Transfer<'_>) -> ProgressBar {
    let is_drawn = terminal.err.is_terminal && terminal.draws && !terminal.quiet;
    if !is_drawn {
        let size = transfer.total / 1_000_000;
        terminal.note(&format!("downloading model `{}`, {size} MB", transfer.model));
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(transfer.total), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_message(format!("model {}", transfer.model))
}
