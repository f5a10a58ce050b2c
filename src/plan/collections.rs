//! The collections of a manifest: what their settings say must be possible.

use std::collections::BTreeSet;

use crate::{
    diagnostic::{Code, Diagnostic, Spanned, nearest},
    manifest::{Entries, MemoryManifest},
    memory::CollectionSettings,
    plan::scope::listed,
};

/// Embedders that are no provider's.
const EMBEDDERS: [&str; 3] = ["local", "lexical", "mock"];

/// Looks at each. `providers` are those whose models may make vectors.
pub(super) fn check(memory: &Entries<MemoryManifest>, providers: &BTreeSet<String>, problems: &mut Vec<Diagnostic>) {
    for (_, collection) in memory {
        problems.extend(overlap(collection));
        problems.extend(collection.embedder.as_ref().and_then(|written| embedder(written, providers)));
    }
}

/// Chunks that repeat as much as they hold would never come to an end.
fn overlap(collection: &MemoryManifest) -> Option<Diagnostic> {
    let usual = CollectionSettings::default();
    let tokens = |written: Option<&Spanned<u32>>, usual: usize| {
        written.map_or(usual, |tokens| usize::try_from(tokens.value).unwrap_or(usize::MAX))
    };
    let chunk = tokens(collection.chunk.as_ref(), usual.chunk_tokens);
    let overlap = tokens(collection.overlap.as_ref(), usual.overlap_tokens);
    let span = collection.overlap.as_ref().or(collection.chunk.as_ref())?.span;
    let message = format!("a chunk of {chunk} tokens cannot repeat {overlap} of the one before");
    (overlap * 2 > chunk).then(|| {
        Diagnostic::error(Code::OUT_OF_RANGE, span, message).hint("`overlap` is at most half of `chunk`; an eighth is usual")
    })
}

fn embedder(written: &Spanned<String>, providers: &BTreeSet<String>) -> Option<Diagnostic> {
    let (first, model) = match written.value.split_once('/') {
        Some((first, model)) => (first, Some(model)),
        None => (written.value.as_str(), None),
    };
    let is_good = match model {
        None => EMBEDDERS.contains(&first),
        Some(model) => !model.is_empty() && (first == "local" || providers.contains(first)),
    };
    if is_good {
        return None;
    }
    let known = EMBEDDERS.iter().copied().chain(providers.iter().map(String::as_str));
    let hint = match (nearest(first, known), model) {
        (Some(near), Some(model)) if near != first && !model.is_empty() => format!("did you mean `{near}/{model}`?"),
        (Some(near), None) if EMBEDDERS.contains(&near) => format!("did you mean `{near}`?"),
        _ => format!("it is one of {}, or `PROVIDER/MODEL`", listed(EMBEDDERS)),
    };
    Some(Diagnostic::error(Code::BAD_MODEL, written.span, format!("unknown embedder `{}`", written.value)).hint(hint))
}
