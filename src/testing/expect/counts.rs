//! Which nodes ran, how often and in which order, and what was called.

use super::Look;
use crate::{diagnostic::Spanned, manifest::ExpectManifest, testing::course::Course};

pub(super) fn look(expect: &ExpectManifest, look: &mut Look<'_>) {
    for (name, times) in &expect.executed {
        let found = look.course.executed(&name.value);
        counted(&format!("executed.{}", name.value), &name.value, times, found, look);
    }
    for name in &expect.not_executed {
        let found = look.course.executed(&name.value);
        if found > 0 {
            look.fail(format!("not_executed: {}", name.value), name.span, "no execution", format!("{found}"));
        }
    }
    for name in expect.skipped.iter().filter(|name| !look.course.is_skipped(&name.value)).collect::<Vec<_>>() {
        let became = look.became(&name.value);
        look.fail(format!("skipped: {}", name.value), name.span, "a skipped node", became);
    }
    for (name, times) in &expect.attempts {
        let found = look.course.attempts(&name.value);
        counted(&format!("attempts.{}", name.value), &name.value, times, found, look);
    }
    for (name, times) in &expect.calls {
        let found = look.evidence.calls.iter().filter(|called| **called == name.value).count();
        if found != times.value as usize {
            look.fail(format!("calls.{}", name.value), times.span, times.value.to_string(), found.to_string());
        }
    }
    order(&expect.order, look);
    routes(expect, look);
}

fn counted(what: &str, node: &str, times: &Spanned<u32>, found: usize, look: &mut Look<'_>) {
    if found == times.value as usize {
        return;
    }
    let became = (found == 0).then(|| look.became(node));
    look.fail(what, times.span, times.value.to_string(), found.to_string()).hint = became;
}

/// Each node must have ended after the one before it; others may have ended between them.
fn order(expected: &[Spanned<String>], look: &mut Look<'_>) {
    let mut from = 0;
    for (at, name) in expected.iter().enumerate() {
        let ends = look.course.ends();
        let next = ends[from..].iter().position(|path| Course::is_end_of(&name.value, path));
        if let Some(next) = next {
            from += next + 1;
            continue;
        }
        let earlier = ends[..from].iter().any(|path| Course::is_end_of(&name.value, path));
        // Where nothing inside of nodes is expected, nothing inside is told.
        let is_told = |path: &&str| !path.ends_with(']') && (!path.contains('.') || name.value.contains('.'));
        let found: Vec<&str> = ends.iter().map(|path| path.as_str()).filter(is_told).collect();
        let (found, became) = (found.join(", "), look.became(&name.value));
        let after = at.checked_sub(1).map(|before| format!(" after `{}`", expected[before].value)).unwrap_or_default();
        let failure = look.fail("order", name.span, format!("`{}`{after}", name.value), format!("the order {found}"));
        failure.hint = (!earlier).then_some(became);
        return;
    }
}

fn routes(expect: &ExpectManifest, look: &mut Look<'_>) {
    for (name, expected) in &expect.routes {
        let wanted: Vec<&str> = expected.iter().map(|node| node.value.as_str()).collect();
        let span = expected.first().map_or(name.span, |node| node.span);
        let shown = |nodes: &[&str]| if nodes.is_empty() { "no node".to_owned() } else { format!("`{}`", nodes.join("`, `")) };
        let chosen: Vec<(String, Vec<&str>)> = look
            .course
            .routes(&name.value)
            .map(|(path, chosen)| (path.to_string(), chosen.iter().map(String::as_str).collect()))
            .collect();
        let what = format!("routes.{}", name.value);
        if chosen.is_empty() {
            let became = look.became(&name.value);
            look.fail(what, span, shown(&wanted), format!("no choice: {became}"));
            continue;
        }
        for (path, chosen) in chosen {
            let same = chosen.len() == wanted.len() && chosen.iter().all(|node| wanted.contains(node));
            if !same {
                let of = if path == name.value { String::new() } else { format!(" of `{path}`") };
                look.fail(what.clone(), span, shown(&wanted), format!("{}{of}", shown(&chosen)));
            }
        }
    }
}
