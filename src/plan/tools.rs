//! What a plan knows of tools before any is asked: which there are, what they do to the world, and what may be written of them.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    diagnostic::{Code, Diagnostic, Spanned, nearest},
    manifest::{Manifest, McpManifest, ToolManifest},
    model::{Effect, Permission, ToolName, ToolPattern, Value},
    plan::{CompileOptions, catalog::Catalog, scope::listed},
    tool::{BUILT_INS, BuiltIn, Level, built_in_specs},
};

/// The tools that a workflow may name.
#[derive(Debug)]
pub(super) struct KnownTools {
    /// Those that a program brings itself.
    more: BTreeSet<ToolName>,
    settings: BTreeMap<String, ToolManifest>,
    servers: BTreeMap<String, Option<McpManifest>>,
    /// Whether there is a manifest that could not be read: it may have any server and any agent.
    are_open: bool,
    /// JSON Schemas of the arguments of built-in tools, by name; made when one is asked for.
    schemas: OnceCell<BTreeMap<String, Value>>,
}

impl KnownTools {
    pub(super) fn new(manifest: Option<&Manifest>, options: &CompileOptions, are_open: bool) -> Self {
        let mut servers: BTreeMap<_, _> = options.servers.iter().map(|name| (name.clone(), None)).collect();
        let written = manifest.into_iter().flat_map(|manifest| &manifest.mcp);
        servers.extend(written.map(|(name, server)| (name.value.clone(), Some(server.clone()))));
        let settings = manifest.into_iter().flat_map(|manifest| &manifest.tools);
        Self {
            more: options.tools.clone(),
            settings: settings.map(|(name, tool)| (name.value.clone(), tool.clone())).collect(),
            servers,
            are_open,
            schemas: OnceCell::new(),
        }
    }

    /// JSON Schema of the arguments of a built-in tool. A program may bring a tool of the same name, of which nothing is known.
    pub(super) fn arguments(&self, name: &ToolName) -> Option<&Value> {
        if self.more.contains(name) {
            return None;
        }
        let all = || built_in_specs().into_iter().map(|spec| (spec.name.to_string(), spec.parameters)).collect();
        self.schemas.get_or_init(all).get(name.as_str())
    }

    /// Reads the name of a tool; `None` when there is no such tool, which is reported.
    pub(super) fn name(&self, written: &Spanned<String>, agents: &Catalog, problems: &mut Vec<Diagnostic>) -> Option<ToolName> {
        let name = match ToolName::new(&written.value) {
            Ok(name) => name,
            Err(err) => {
                problems.push(Self::unreadable(written, &err));
                return None;
            }
        };
        let pattern = ToolPattern::new(name.as_str()).ok()?;
        match self.problem(&pattern, agents) {
            Some((message, hint)) => {
                problems.push(Diagnostic::error(Code::UNKNOWN_TOOL, written.span, message).hint(hint));
                None
            }
            None => Some(name),
        }
    }

    /// Reads patterns of tools; one that means nothing is reported and left out. The agents they name are looked up later, by
    /// [`KnownTools::check_agents`].
    pub(super) fn patterns(&self, written: &[Spanned<String>], problems: &mut Vec<Diagnostic>) -> Vec<Spanned<ToolPattern>> {
        let mut read = Vec::with_capacity(written.len());
        for text in written {
            match ToolPattern::new(&text.value) {
                Ok(pattern) if pattern.as_str().starts_with("agent:") => read.push(Spanned::new(pattern, text.span)),
                Ok(pattern) => match self.problem(&pattern, &Catalog::default()) {
                    Some((message, hint)) => {
                        problems.push(Diagnostic::error(Code::UNKNOWN_TOOL, text.span, message).hint(hint));
                    }
                    None => read.push(Spanned::new(pattern, text.span)),
                },
                Err(err) => problems.push(Self::unreadable(text, &err)),
            }
        }
        read
    }

    /// Reports patterns that name agents there are not.
    pub(super) fn check_agents(&self, patterns: &[Spanned<ToolPattern>], agents: &Catalog, problems: &mut Vec<Diagnostic>) {
        for pattern in patterns.iter().filter(|pattern| pattern.value.as_str().starts_with("agent:")) {
            if let Some((message, hint)) = self.problem(&pattern.value, agents) {
                problems.push(Diagnostic::error(Code::UNKNOWN_TOOL, pattern.span, message).hint(hint));
            }
        }
    }

    /// Why a pattern means no tool, and what to do about it.
    fn problem(&self, pattern: &ToolPattern, agents: &Catalog) -> Option<(String, String)> {
        match pattern.as_str().split_once(':') {
            None => {
                let is_known = BuiltIn::covered_by(pattern).next().is_some() || self.own(pattern).next().is_some();
                (!is_known).then(|| (format!("unknown tool `{pattern}`"), self.hint(pattern.as_str())))
            }
            Some(("mcp", _)) if !self.are_open => {
                let server = pattern.server().unwrap_or_default();
                (!self.servers.contains_key(server)).then(|| {
                    let hint = match nearest(server, self.servers.keys().map(String::as_str)) {
                        Some(near) => format!("did you mean `{}`?", pattern.as_str().replacen(server, near, 1)),
                        None => format!("describe it in the manifest: `[mcp.{server}]` with `command` or `url`"),
                    };
                    (format!("tool `{pattern}`: there is no MCP server `{server}`"), hint)
                })
            }
            Some(("agent", name)) if !self.are_open => agents.called(pattern).next().is_none().then(|| {
                let names: Vec<&str> = agents.entries().map(|(name, _)| name).collect();
                let hint = match nearest(name, names.iter().copied()) {
                    Some(near) => format!("did you mean `agent:{near}`?"),
                    None => format!("the agents are {}", listed(names)),
                };
                (format!("tool `{pattern}`: there is no agent `{name}`"), hint)
            }),
            Some(_) => None,
        }
    }

    fn hint(&self, name: &str) -> String {
        let known = || BUILT_INS.iter().map(|tool| tool.name).chain(self.more.iter().map(ToolName::as_str));
        match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the tools are {}, and those of MCP servers, `mcp:SERVER/TOOL`", listed(known())),
        }
    }

    fn unreadable(written: &Spanned<String>, err: &crate::Error) -> Diagnostic {
        let problem = Diagnostic::error(Code::UNKNOWN_TOOL, written.span, err.message());
        let near = nearest(&written.value, BUILT_INS.iter().map(|tool| tool.name));
        match near.map(|near| format!("did you mean `{near}`?")).or_else(|| err.hints().first().map(ToString::to_string)) {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }

    /// Whether a program brings the tool itself.
    pub(super) fn is_own(&self, name: &str) -> bool {
        self.more.iter().any(|own| own.as_str() == name)
    }

    /// The tools of a program that a pattern means.
    pub(super) fn own(&self, pattern: &ToolPattern) -> impl Iterator<Item = &ToolName> {
        self.more.iter().filter(move |name| pattern.covers(name))
    }

    /// What a call of a tool that is no MCP server's does at most: what the manifest says, or what is `known`.
    pub(super) fn effect(&self, name: &str, known: Effect) -> Effect {
        self.settings.get(name).and_then(|tool| tool.effect.as_ref()).map_or(known, |effect| effect.value)
    }

    /// What a call of the tools that a pattern means does at most. Of what nothing is said, the worst.
    pub(super) fn effect_of(&self, pattern: &ToolPattern) -> Effect {
        let Some(server) = pattern.server() else {
            if pattern.as_name().is_some_and(|name| name.delegates()) {
                return self.effect(pattern.as_str(), Effect::Idempotent);
            }
            let built_in = BuiltIn::covered_by(pattern).map(|tool| self.effect(tool.name, tool.effect));
            let own = self.own(pattern).map(|name| self.effect(name.as_str(), Effect::Write));
            return built_in.chain(own).max().unwrap_or(Effect::Write);
        };
        let mut worst = Effect::Pure;
        for (written, effect) in self.servers.get(server).into_iter().flatten().flat_map(|server| &server.effects) {
            let Ok(said) = ToolPattern::new(format!("mcp:{server}/{}", written.value)) else { continue };
            if said.overlaps(pattern) {
                worst = worst.max(effect.value);
            }
            if said.is_wider_than(pattern) {
                return worst;
            }
        }
        Effect::Write
    }

    /// How long a call may take, where the manifest says so.
    pub(super) fn timeout(&self, name: &ToolName) -> Option<Duration> {
        let of_server = || {
            let (server, _) = name.as_str().strip_prefix("mcp:")?.split_once('/')?;
            self.servers.get(server)?.as_ref()?.timeout.as_ref()
        };
        let own = self.settings.get(name.as_str()).and_then(|tool| tool.timeout.as_ref());
        own.or_else(of_server).map(|timeout| timeout.value)
    }
}

/// Reads `permissions:`; what is none is reported and left out.
pub(super) fn permissions(written: &[Spanned<String>], problems: &mut Vec<Diagnostic>) -> Vec<Permission> {
    let read = |text: &Spanned<String>| match text.value.parse() {
        Ok(permission) => Some(permission),
        Err(err) => {
            let err: crate::Error = err;
            let problem = Diagnostic::error(Code::BAD_PERMISSION, text.span, err.message());
            problems.push(match err.hints().first() {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
            None
        }
    };
    written.iter().filter_map(read).collect()
}

/// What `owner` asks for, where it says so.
pub(super) fn level(owner: String, written: Option<&Vec<Spanned<String>>>, problems: &mut Vec<Diagnostic>) -> Option<Level> {
    written.map(|written| Level { owner, permissions: permissions(written, problems) })
}
