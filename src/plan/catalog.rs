//! The agents a workflow may use: those of the manifest, and the workflow's own, which win. Defaults are applied and files read.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use crate::{
    diagnostic::{Code, Diagnostic, Files, Sources, Span, Spanned, nearest},
    manifest::{AgentManifest, AgentMemoryManifest, Entries, FallbackManifest, Manifest, ManifestDefaults, RetryManifest},
    model::{AgentName, AgentProfile, BUILT_IN_PROVIDERS, FallbackModel, ModelRef, ProviderName, ToolName, ToolPattern},
    plan::{
        CompileOptions,
        draft::{Place, place_of},
        texts,
        tools::{KnownTools, permissions},
    },
    template::Template,
};

/// Agents by name, ascending.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    entries: BTreeMap<String, CatalogEntry>,
}

/// One agent.
#[derive(Debug, Clone)]
pub struct CatalogEntry {
    profile: Option<Arc<AgentProfile>>,
    system: Option<(Place, Template)>,
    retry: Option<RetryManifest>,
    memory: AgentMemoryManifest,
    tools: Vec<Spanned<ToolPattern>>,
    span: Span,
    inline: bool,
    hides: Option<Span>,
}

impl CatalogEntry {
    /// The agent; `None` when its name is invalid, which has been reported.
    #[must_use]
    pub fn profile(&self) -> Option<&Arc<AgentProfile>> {
        self.profile.as_ref()
    }

    /// Where it is written.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether it is in the workflow rather than in the manifest.
    #[must_use]
    pub fn is_inline(&self) -> bool {
        self.inline
    }

    /// Where the agent of the manifest is written that has the same name; the one in the workflow wins.
    #[must_use]
    pub fn hides(&self) -> Option<Span> {
        self.hides
    }

    /// For the nodes that run it.
    pub(super) fn retry(&self) -> Option<&RetryManifest> {
        self.retry.as_ref()
    }

    /// What it recalls, remembers and goes on with.
    pub(super) fn memory(&self) -> &AgentMemoryManifest {
        &self.memory
    }

    /// Its tools, or those of the defaults, with the places where they are written.
    pub(super) fn tools(&self) -> &[Spanned<ToolPattern>] {
        &self.tools
    }

    pub(super) fn system(&self) -> Option<&(Place, Template)> {
        self.system.as_ref()
    }
}

impl Catalog {
    /// The agents, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &CatalogEntry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// The agent called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&CatalogEntry> {
        self.entries.get(name)
    }

    /// The agents that a pattern such as `agent:critic` means.
    pub(super) fn called(&self, pattern: &ToolPattern) -> impl Iterator<Item = &Arc<AgentProfile>> {
        let is_called = |name: &str| ToolName::new(format!("agent:{name}")).is_ok_and(|name| pattern.covers(&name));
        self.entries.iter().filter(move |(name, _)| is_called(name)).filter_map(|(_, entry)| entry.profile.as_ref())
    }

    /// The agents that these tools delegate to, and those they delegate to in turn.
    pub(super) fn delegates(&self, tools: &[ToolPattern]) -> BTreeMap<String, &Arc<AgentProfile>> {
        let mut found = BTreeMap::new();
        let mut open: Vec<&ToolPattern> = tools.iter().collect();
        while let Some(pattern) = open.pop() {
            for agent in self.called(pattern) {
                if found.insert(agent.name.to_string(), agent).is_none() {
                    open.extend(&agent.tools);
                }
            }
        }
        found
    }

    /// All capabilities that some agent has.
    #[must_use]
    pub fn capabilities(&self) -> BTreeSet<&str> {
        let profiles = self.entries.values().filter_map(|entry| entry.profile.as_deref());
        profiles.flat_map(|profile| &profile.capabilities).map(String::as_str).collect()
    }
}

/// Reads the agents of a manifest, defaults applied.
pub fn catalog(manifest: &Manifest, files: &dyn Files, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Catalog {
    let tools = KnownTools::new(Some(manifest), &CompileOptions::default(), false);
    let known = providers(Some(manifest), &BTreeSet::new());
    catalog_with(&manifest.defaults, &manifest.agents, &known, &tools, files, sources, problems)
}

/// Reads these agents of a manifest, whose models may name these providers.
pub(super) fn catalog_with(
    defaults: &ManifestDefaults,
    agents: &Entries<AgentManifest>,
    providers: &BTreeSet<String>,
    tools: &KnownTools,
    files: &dyn Files,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Catalog {
    if let Some(model) = &defaults.model {
        parse_model(model, providers, problems);
    }
    if let Some(chain) = &defaults.fallback {
        parse_fallback(chain, providers, problems);
    }
    let default_tools = defaults.tools.as_ref().map(|written| tools.patterns(written, problems)).unwrap_or_default();
    if let Some(written) = &defaults.permissions {
        permissions(written, problems);
    }
    let mut reader = Reader { files, sources, problems, providers, tools, defaults };
    let mut catalog = Catalog::default();
    for (name, agent) in agents {
        let entry = reader.read(name, agent, false);
        catalog.entries.insert(name.value.clone(), entry);
    }
    tools.check_agents(&default_tools, &catalog, problems);
    for (_, entry) in catalog.entries() {
        tools.check_agents(&entry.tools, &catalog, problems);
    }
    catalog
}

/// What is needed to read agents beyond their own text.
pub(super) struct Reader<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) sources: &'a mut Sources,
    pub(super) problems: &'a mut Vec<Diagnostic>,
    pub(super) providers: &'a BTreeSet<String>,
    pub(super) tools: &'a KnownTools,
    pub(super) defaults: &'a ManifestDefaults,
}

impl Reader<'_> {
    /// `base` with the agents of a workflow, which win over those of the same name.
    pub(super) fn with_inline(&mut self, base: &Catalog, inline: &Entries<AgentManifest>) -> Catalog {
        let mut catalog = base.clone();
        for (name, agent) in inline {
            let hides = base.get(&name.value).map(CatalogEntry::span);
            let entry = CatalogEntry { hides, ..self.read(name, agent, true) };
            catalog.entries.insert(name.value.clone(), entry);
        }
        for (_, entry) in catalog.entries().filter(|(_, entry)| entry.inline) {
            self.tools.check_agents(&entry.tools, &catalog, self.problems);
        }
        catalog
    }

    fn read(&mut self, name: &Spanned<String>, agent: &AgentManifest, inline: bool) -> CatalogEntry {
        let system = self.system(agent);
        let model = match &agent.model {
            Some(model) => parse_model(model, self.providers, self.problems),
            // A bad default has been reported where it is written.
            None => self.defaults.model.as_ref().and_then(|model| model.value.parse().ok()),
        };
        let fallback = match (&agent.fallback, &self.defaults.fallback) {
            (Some(chain), _) => parse_fallback(chain, self.providers, self.problems),
            (None, Some(chain)) => parse_fallback(chain, self.providers, &mut Vec::new()),
            (None, None) => Vec::new(),
        };
        let tools = match (&agent.tools, &self.defaults.tools) {
            (Some(written), _) => self.tools.patterns(written, self.problems),
            (None, Some(written)) => self.tools.patterns(written, &mut Vec::new()),
            (None, None) => Vec::new(),
        };
        let permitted = match (&agent.permissions, &self.defaults.permissions) {
            (Some(written), _) => Some(permissions(written, self.problems)),
            (None, Some(written)) => Some(permissions(written, &mut Vec::new())),
            (None, None) => None,
        };
        let value = |own: &Option<Spanned<u32>>, default: &Option<Spanned<u32>>| {
            own.as_ref().or(default.as_ref()).map(|number| number.value)
        };
        let profile = AgentName::new(&name.value).ok().map(|name| {
            Arc::new(AgentProfile {
                name,
                description: agent.description.as_ref().map(|text| text.value.clone()),
                capabilities: agent.capabilities.iter().map(|capability| capability.value.clone()).collect(),
                model,
                fallback,
                system: system.as_ref().map(|(_, template)| template.source().to_owned()),
                temperature: agent.temperature.as_ref().or(self.defaults.temperature.as_ref()).map(|number| number.value),
                max_tokens: value(&agent.max_tokens, &self.defaults.max_tokens),
                max_turns: value(&agent.max_turns, &None),
                timeout: agent.timeout.as_ref().or(self.defaults.timeout.as_ref()).map(|timeout| timeout.value),
                max_concurrent: value(&agent.max_concurrent, &None),
                rates: agent.rate.rates(),
                tools: tools.iter().map(|pattern| pattern.value.clone()).collect(),
                permissions: permitted,
            })
        });
        let memory = agent.memory.clone();
        CatalogEntry { profile, system, retry: agent.retry.clone(), memory, tools, span: agent.span, inline, hides: None }
    }

    fn system(&mut self, agent: &AgentManifest) -> Option<(Place, Template)> {
        if let Some(text) = &agent.system {
            let place = Place::Text(text.span);
            return Some((place, parse_template(&text.value, place, self.sources, self.problems)?));
        }
        let named = agent.system_file.as_ref()?;
        let base = self.sources.get(named.span.file).path.clone();
        match texts::read(self.files, self.sources, &base, &named.value) {
            Ok((file, text)) => Some((Place::File(file), parse_template(&text, Place::File(file), self.sources, self.problems)?)),
            Err(problem) => {
                self.problems.push(problem.at(named.span));
                None
            }
        }
    }
}

/// All provider names there are: those of the manifest, the built-in ones, and `more`.
pub(super) fn providers(manifest: Option<&Manifest>, more: &BTreeSet<ProviderName>) -> BTreeSet<String> {
    let written = manifest.iter().flat_map(|manifest| &manifest.providers).map(|(name, _)| name.value.clone());
    let more = more.iter().map(|name| name.as_str().to_owned());
    BUILT_IN_PROVIDERS.iter().map(|name| (*name).to_owned()).chain(written).chain(more).collect()
}

/// Reads a template; a problem is reported with its place inside the text.
pub(super) fn parse_template(text: &str, place: Place, sources: &Sources, problems: &mut Vec<Diagnostic>) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(problem) => {
            let code = if problem.unknown_function { Code::UNKNOWN_FUNCTION } else { Code::TEMPLATE_SYNTAX };
            let span = place_of(sources, place, text, problem.range);
            let diagnostic = Diagnostic::error(code, span, problem.message);
            problems.push(match problem.hint {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            });
            None
        }
    }
}

/// Reads `provider/model` and looks the provider up.
pub(super) fn parse_model(
    written: &Spanned<String>,
    providers: &BTreeSet<String>,
    problems: &mut Vec<Diagnostic>,
) -> Option<ModelRef> {
    let model: ModelRef = match written.value.parse() {
        Ok(model) => model,
        Err(err) => {
            let err: crate::Error = err;
            let diagnostic = Diagnostic::error(Code::BAD_MODEL, written.span, err.message());
            problems.push(match err.hints().first() {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            });
            return None;
        }
    };
    if providers.contains(model.provider.as_str()) {
        return Some(model);
    }
    problems.push(unknown_provider(&model, written.span, providers));
    None
}

/// Reads the models of a `fallback:`; one that has a problem is left out.
pub(super) fn parse_fallback(
    written: &[FallbackManifest],
    providers: &BTreeSet<String>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<FallbackModel> {
    let model = |fallback: &FallbackManifest| {
        let model = parse_model(&fallback.model, providers, problems)?;
        Some(FallbackModel { model, also_after: fallback.also_after.clone() })
    };
    written.iter().filter_map(model).collect()
}

/// The problem of a model whose provider nobody knows.
pub(super) fn unknown_provider(model: &ModelRef, span: Span, providers: &BTreeSet<String>) -> Diagnostic {
    let name = model.provider.as_str();
    let hint = match nearest(name, providers.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}/{}`?", model.model),
        None => format!(
            "add `[providers.{name}]` with its `base_url` to the manifest, or use one of {}",
            BUILT_IN_PROVIDERS.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    Diagnostic::error(Code::BAD_MODEL, span, format!("unknown provider `{name}`"))
        .label("is neither in the manifest nor built in")
        .hint(hint)
}

/// The folder of a file; empty for a file without one.
pub(super) fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}
