//! What a manifest lets the tools and the models of a workflow reach, besides what permissions say: the variables and programs that a
//! tool is given, and where requests are sent.

use std::collections::{BTreeMap, BTreeSet};

use super::{PermissionChange, Version};
use crate::{
    app::tools::Wanted,
    diagnostic::Spanned,
    manifest::{ApiKey, Entries, Manifest, ProviderManifest, ToolManifest},
    plan::Plan,
};

/// What a tool or a provider may reach.
#[derive(Default)]
struct Reach {
    /// Each of these is something more: variables that programs are given, programs that run what they are given.
    given: BTreeSet<(&'static str, String)>,
    /// Where it is reached and as whom; another one is neither more nor less, and so has to be looked at.
    way: BTreeMap<&'static str, String>,
}

/// What may be reached by one version only.
pub(super) fn changes(one: &Version, other: &Version) -> Vec<PermissionChange> {
    let (before, after) = (reach(one), reach(other));
    let nothing = Reach::default();
    let mut changes = Vec::new();
    // A tool that is new is told of by the node that may call it, a provider by the model.
    for (place, now) in &after {
        let then = before.get(place).unwrap_or(&nothing);
        for (what, name) in now.given.difference(&then.given) {
            changes.push(PermissionChange::wider(place, format!("{what} added: {name}")));
        }
        for (what, name) in then.given.difference(&now.given) {
            changes.push(PermissionChange::narrower(place, format!("{what} removed: {name}")));
        }
        let ways: BTreeSet<&str> = then.way.keys().chain(now.way.keys()).copied().collect();
        for what in ways {
            let said = |reach: &Reach| reach.way.get(what).map_or_else(|| "the usual".to_owned(), Clone::clone);
            let (then, now) = (said(then), said(now));
            if then != now && before.contains_key(place) {
                changes.push(PermissionChange::wider(place, format!("{what}: {then} → {now}")));
            }
        }
    }
    changes
}

/// By `tools.NAME` and `providers.NAME`, of those that the workflow may use.
fn reach(version: &Version) -> BTreeMap<String, Reach> {
    let Some(plan) = &version.plan else { return BTreeMap::new() };
    let wanted = Wanted::by(plan);
    let tools = named(version.manifest.as_ref(), |manifest| &manifest.tools);
    let providers = named(version.manifest.as_ref(), |manifest| &manifest.providers);
    let mut reach: BTreeMap<String, Reach> = tools
        .into_iter()
        .filter(|(name, _)| wanted.has(name))
        .map(|(name, tool)| (format!("tools.{name}"), of_tool(tool)))
        .collect();
    for name in asked(plan) {
        let written = providers.get(name.as_str()).map(|provider| of_provider(provider));
        reach.insert(format!("providers.{name}"), written.unwrap_or_default());
    }
    reach
}

fn named<T>(manifest: Option<&Manifest>, entries: fn(&Manifest) -> &Entries<T>) -> BTreeMap<&str, &T> {
    manifest.map(entries).into_iter().flatten().map(|(name, entry)| (name.value.as_str(), entry)).collect()
}

/// The providers whose models may answer.
fn asked(plan: &Plan) -> BTreeSet<String> {
    plan.models().map(|model| model.provider.to_string()).collect()
}

fn of_tool(tool: &ToolManifest) -> Reach {
    let mut reach = Reach::default();
    reach.given.extend(tool.env.iter().map(|name| ("variable", name.value.clone())));
    reach.given.extend(tool.interpreters.iter().map(|program| ("interpreter", program.value.clone())));
    let words = [("provider", &tool.provider), ("base_url", &tool.base_url), ("folder", &tool.folder), ("engine", &tool.engine)];
    reach.way.extend(words.into_iter().filter_map(|(what, word)| Some((what, written(word.as_ref()?)))));
    reach.way.extend(tool.api_key.as_ref().map(|key| ("api_key", of_key(key))));
    reach
}

fn of_provider(provider: &ProviderManifest) -> Reach {
    let mut reach = Reach::default();
    reach.way.extend(provider.base_url.as_ref().map(|url| ("base_url", written(url))));
    reach.way.extend(provider.api_key.as_ref().map(|key| ("api_key", of_key(key))));
    // What a header says may be a secret.
    let headers: Vec<String> = provider.headers.iter().map(|(name, _)| name.value.clone()).collect();
    reach.way.extend((!headers.is_empty()).then(|| ("headers", headers.join(", "))));
    reach
}

fn written(word: &Spanned<String>) -> String {
    format!("`{}`", word.value)
}

fn of_key(key: &ApiKey) -> String {
    match key {
        ApiKey::Env(name) => format!("the variable `{}`", name.value),
        ApiKey::File(path) => format!("the file `{}`", path.value),
    }
}
