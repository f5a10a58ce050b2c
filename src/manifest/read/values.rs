//! Single values of a tree that has been checked. What does not fit has been reported already and reads as `None`.

use std::time::Duration;

use crate::{
    diagnostic::Spanned,
    manifest::{Entries, Tree, TreeKind, units},
    model::{Effect, OnAmbiguous, Rate},
};

/// Text.
pub(super) fn text(tree: &Tree) -> Option<Spanned<String>> {
    Some(Spanned::new(tree.as_str()?.to_owned(), tree.span))
}

/// An expression: text, or a bare `true` or `false`.
pub(super) fn expression(tree: &Tree) -> Option<Spanned<String>> {
    match tree.kind {
        TreeKind::Bool(value) => Some(Spanned::new(value.to_string(), tree.span)),
        _ => text(tree),
    }
}

/// A number.
pub(super) fn number(tree: &Tree) -> Option<Spanned<f64>> {
    Some(Spanned::new(tree.as_number()?, tree.span))
}

/// A count, as a number or as text.
pub(super) fn count(tree: &Tree) -> Option<Spanned<u64>> {
    let count = match tree.as_str() {
        Some(text) => units::parse_count(text).ok()?,
        None => u64::try_from(tree.as_whole()?).ok()?,
    };
    Some(Spanned::new(count, tree.span))
}

/// A count of up to 32 bits.
pub(super) fn count32(tree: &Tree) -> Option<Spanned<u32>> {
    let count = count(tree)?;
    Some(Spanned::new(u32::try_from(count.value).ok()?, tree.span))
}

/// A duration.
pub(super) fn duration(tree: &Tree) -> Option<Spanned<Duration>> {
    Some(Spanned::new(units::parse_duration(tree.as_str()?).ok()?, tree.span))
}

/// A rate.
pub(super) fn rate(tree: &Tree) -> Option<Spanned<Rate>> {
    Some(Spanned::new(units::parse_rate(tree.as_str()?).ok()?, tree.span))
}

/// What a call does to the world.
pub(super) fn effect(tree: &Tree) -> Option<Spanned<Effect>> {
    let all = [Effect::Pure, Effect::Read, Effect::Idempotent, Effect::Write];
    let word = tree.as_str()?;
    all.into_iter().find(|effect| effect.as_str() == word).map(|effect| Spanned::new(effect, tree.span))
}

/// What becomes of a call that was perhaps made.
pub(super) fn on_ambiguous(tree: &Tree) -> Option<Spanned<OnAmbiguous>> {
    let all = [OnAmbiguous::Ask, OnAmbiguous::Rerun, OnAmbiguous::AssumeDone];
    let word = tree.as_str()?;
    all.into_iter().find(|choice| choice.as_str() == word).map(|choice| Spanned::new(choice, tree.span))
}

/// A list of texts, or a single text.
pub(super) fn texts(tree: &Tree) -> Vec<Spanned<String>> {
    match tree.as_list() {
        Some(items) => items.iter().filter_map(text).collect(),
        None => text(tree).into_iter().collect(),
    }
}

/// A map whose values are read by `read`; what it refuses is left out.
pub(super) fn entries<T>(tree: Option<&Tree>, mut read: impl FnMut(&Spanned<String>, &Tree) -> Option<T>) -> Entries<T> {
    tree.and_then(Tree::as_map)
        .unwrap_or_default()
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), read(key, value)?)))
        .collect()
}
