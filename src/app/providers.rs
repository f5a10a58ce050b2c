//! From the manifest and the environment to providers: keys are read here, and here it is found out whether all models of a plan
//! can be asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;
use serde::Serialize;
use tracing::info;

use crate::{
    agent::{CallLimits, Models, ModelsSettings, ProviderLimits},
    app::{MockOptions, environment, project},
    error::{Error, ErrorKind, Result},
    manifest::{ApiKey, Manifest, ProviderKind, ProviderManifest},
    model::{BUILT_IN_PROVIDERS, ModelRef, Price, ProviderName},
    plan::{GraphPlan, NodeKind, Plan},
    provider::{
        AnthropicProvider, BuiltInKind, HttpClient, MockAnswer, MockProvider, MockSettings, OpenAiProvider, Provider, Providers,
        ServerSettings, builtin,
    },
    tool::LiveSecrets,
};

/// The models that the nodes of a plan ask, and the nodes that have none.
#[derive(Debug, Default)]
struct Needs {
    /// By model, the first node that asks it.
    models: BTreeMap<String, (ModelRef, String)>,
    /// Nodes without a model, with their agents.
    without: Vec<(String, String)>,
}

/// Makes the models that `plan` needs. `folder` is what relative key files are relative to; keys that are read are noted in `live`. Where
/// a cassette `asks_nobody`, no key is needed.
///
/// # Errors
/// `Invalid` when a node has no model, or its model no provider that can be used.
pub fn models(
    plan: &Plan,
    manifest: Option<&Manifest>,
    folder: &Path,
    mock: Option<MockOptions>,
    asks_nobody: bool,
    live: &mut LiveSecrets,
) -> Result<Models> {
    let max_concurrent = manifest.and_then(|manifest| manifest.defaults.max_concurrent.as_ref()).map(|limit| limit.value);
    let mut settings = ModelsSettings { max_concurrent, ..ModelsSettings::default() };
    let mut providers = Providers::default();
    if let Some(options) = mock {
        let written = manifest.and_then(|manifest| written(manifest, "mock"));
        providers.answer_everything_by(Arc::new(mock_provider(written, options)?));
        return Ok(Models::new(providers, settings));
    }
    let mut needs = Needs::default();
    needs.add(plan);
    if let [(node, agent), ..] = needs.without.as_slice() {
        return Err(Error::new(ErrorKind::Invalid, format!("agent `{agent}` of node `{node}` has no model"))
            .hint("set `model = \"provider/model\"` for the agent, or under `[defaults]` in agents.toml")
            .hint(format!("or for this run: `--model {agent}=openai/gpt-5-mini`, or `--mock` for simulated answers")));
    }
    let http = HttpClient::default();
    let mut missing = Vec::new();
    for (model, node) in needs.first_by_provider() {
        let name = &model.provider;
        let written = manifest.and_then(|manifest| written(manifest, name.as_str()));
        let mut resolved = resolve(name.as_str(), written, folder).ok_or_else(|| unknown(name))?;
        let state = std::mem::replace(&mut resolved.key, Ok(KeyState::NotNeeded));
        let state = if asks_nobody { state.unwrap_or(KeyState::NotNeeded) } else { state? };
        let url = resolved.base_url.as_deref().unwrap_or("none");
        info!(provider = %name, kind = ?resolved.kind, url, key = ?state, "provider found");
        if let KeyState::Missing { source } = state
            && !asks_nobody
        {
            missing.push((name.clone(), source, model.clone(), node.to_owned()));
            continue;
        }
        if let Some(key) = &resolved.secret {
            live.note(format!("key of {name}"), key.clone());
        }
        settings.providers.insert(name.clone(), limits(manifest, written));
        providers.register(name.clone(), provider(name, written, resolved, &http)?);
    }
    if !missing.is_empty() {
        return Err(no_keys(&missing));
    }
    register_others(manifest, folder, &http, &mut settings, &mut providers, live);
    Ok(Models::new(providers, settings))
}

/// The providers of the models of `plan`, to be really asked.
///
/// # Errors
/// As [`models`].
pub fn live(plan: &Plan, manifest: Option<(&Path, &Manifest)>) -> Result<BTreeMap<ProviderName, Arc<dyn Provider>>> {
    let folder = manifest.map_or_else(|| PathBuf::from("."), |(path, _)| project::folder_of(path));
    let models = models(plan, manifest.map(|(_, manifest)| manifest), &folder, None, false, &mut LiveSecrets::default())?;
    let providers = models.providers();
    Ok(providers.names().filter_map(|name| Some((name.clone(), Arc::clone(providers.get(name)?)))).collect())
}

/// Adds the providers that no node asks and that could be asked: an agent may be set to one of their models while a run goes on.
fn register_others(
    manifest: Option<&Manifest>,
    folder: &Path,
    http: &HttpClient,
    settings: &mut ModelsSettings,
    providers: &mut Providers,
    live: &mut LiveSecrets,
) {
    for name in names(manifest) {
        let Ok(name) = ProviderName::new(name) else { continue };
        if providers.get(&name).is_some() {
            continue;
        }
        let written = manifest.and_then(|manifest| written(manifest, name.as_str()));
        let Some(mut resolved) = resolve(name.as_str(), written, folder) else { continue };
        let key = std::mem::replace(&mut resolved.key, Ok(KeyState::NotNeeded));
        if !matches!(key, Ok(KeyState::NotNeeded | KeyState::Found { .. })) {
            continue;
        }
        let secret = resolved.secret.clone();
        // One that lacks something else is missed only when it is asked.
        let Ok(made) = provider(&name, written, resolved, http) else { continue };
        if let Some(key) = secret {
            live.note(format!("key of {name}"), key);
        }
        settings.providers.insert(name.clone(), limits(manifest, written));
        providers.register(name, made);
    }
}

/// The providers that a workflow may name: the built-in ones and those of the manifest.
fn names(manifest: Option<&Manifest>) -> BTreeSet<&str> {
    let own = manifest.into_iter().flat_map(|manifest| &manifest.providers).map(|(name, _)| name.value.as_str());
    BUILT_IN_PROVIDERS.iter().copied().chain(own).collect()
}

/// The agents of a plan that have no model, and neither have the nodes that ask them.
pub(super) fn agents_without_model(plan: &Plan) -> BTreeSet<String> {
    let mut needs = Needs::default();
    needs.add(plan);
    needs.without.into_iter().map(|(_, agent)| agent).collect()
}

/// The model that stands for none where answers are simulated.
pub(super) fn no_model() -> ModelRef {
    "mock/simulated".parse().expect("it is written as models are")
}

/// One provider, as `doctor` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderReport {
    /// Its name.
    pub name: String,
    /// Where its interface begins.
    pub base_url: Option<String>,
    /// Whether it has the key it wants.
    #[serde(flatten)]
    pub key: KeyState,
}

/// All providers that a workflow may name: the built-in ones and those of the manifest, by name.
#[must_use]
pub fn report(manifest: Option<&Manifest>, folder: &Path) -> Vec<ProviderReport> {
    let of = |name: &str| {
        let resolved = resolve(name, manifest.and_then(|manifest| written(manifest, name)), folder)?;
        let key = resolved.key.unwrap_or_else(|err| KeyState::Missing { source: err.to_string() });
        Some(ProviderReport { name: name.to_owned(), base_url: resolved.base_url, key })
    };
    names(manifest).into_iter().filter_map(of).collect()
}

impl Needs {
    /// For each provider, the first model that is asked of it, and the node that asks.
    fn first_by_provider(&self) -> impl Iterator<Item = (&ModelRef, &str)> {
        let mut seen = BTreeSet::new();
        self.models.values().filter(move |(model, _)| seen.insert(&model.provider)).map(|(model, node)| (model, node.as_str()))
    }

    /// The needs of a plan, and of the agents and workflows that are called as tools.
    fn add(&mut self, plan: &Plan) {
        self.add_graph(&plan.graph, "");
        for (tool, delegate) in &plan.delegates {
            self.add_graph(&delegate.graph, &format!("{tool}."));
        }
    }

    fn add_graph(&mut self, graph: &GraphPlan, prefix: &str) {
        for node in &graph.nodes {
            let path = format!("{prefix}{}", node.id);
            match &node.kind {
                NodeKind::Agent(agent) => {
                    if agent.model.is_none() {
                        self.without.push((path.clone(), agent.agent.name.to_string()));
                    }
                    for model in agent.models() {
                        self.models.entry(model.to_string()).or_insert_with(|| (model.clone(), path.clone()));
                    }
                }
                NodeKind::Graph(inner) => self.add_graph(inner, &format!("{path}.")),
                NodeKind::Workflow { plan, .. } => self.add_graph(&plan.graph, &format!("{path}.")),
                NodeKind::Tool(_)
                | NodeKind::Value(_)
                | NodeKind::StandIn { .. }
                | NodeKind::Approval(_)
                | NodeKind::Wait(_)
                | NodeKind::Send(_)
                | NodeKind::Receive(_) => {}
            }
        }
    }
}

/// What the manifest says of the provider called `name`.
fn written<'a>(manifest: &'a Manifest, name: &str) -> Option<&'a ProviderManifest> {
    manifest.providers.iter().find(|(written, _)| written.value == name).map(|(_, provider)| provider)
}

/// What manifest, built-in knowledge and environment say of one provider.
struct Resolved {
    kind: ProviderKind,
    base_url: Option<String>,
    key: Result<KeyState>,
    secret: Option<SecretString>,
}

/// Whether a provider has the key it wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "key", rename_all = "snake_case")]
pub enum KeyState {
    /// It wants none.
    NotNeeded,
    /// It is there.
    Found {
        /// Where, e.g. `OPENAI_API_KEY`; never the key itself.
        source: String,
    },
    /// It is not there.
    Missing {
        /// Where it was looked for.
        source: String,
    },
}

/// Finds out what is known of the provider called `name`; `None` when that is nothing.
fn resolve(name: &str, written: Option<&ProviderManifest>, folder: &Path) -> Option<Resolved> {
    let known = builtin(name);
    let kind = match (written.and_then(|written| written.kind.as_ref()), known) {
        (Some(kind), _) => kind.value,
        (None, Some(known)) => match known.kind {
            BuiltInKind::OpenAi => ProviderKind::OpenAi,
            BuiltInKind::Anthropic => ProviderKind::Anthropic,
            BuiltInKind::Mock => ProviderKind::Mock,
        },
        (None, None) => return None,
    };
    let own_url = written.and_then(|written| written.base_url.as_ref()).map(|url| url.value.clone());
    let usual_url = known.and_then(|known| known.base_url);
    // The usual key goes to the usual address only: another server that is given by its URL has to be trusted with it by name.
    let usual_key = known.and_then(|known| known.key_env).filter(|_| own_url.is_none() || usual_url.is_none());
    let (key, secret) = match (written.and_then(|written| written.api_key.as_ref()), usual_key) {
        (Some(ApiKey::Env(variable)), _) => key_of_variable(&variable.value),
        (Some(ApiKey::File(file)), _) => key_of_file(&folder.join(&file.value)),
        (None, Some(variable)) => key_of_variable(variable),
        (None, None) => (Ok(KeyState::NotNeeded), None),
    };
    let base_url = own_url.or_else(|| usual_url.map(str::to_owned));
    Some(Resolved { kind, base_url, key, secret })
}

/// The key of something other than a provider, noted in `live`. `owner` is whose it is, for messages.
///
/// # Errors
/// `Invalid` when it is not there, naming where it was looked for.
pub(super) fn key(api_key: &ApiKey, folder: &Path, owner: &str, live: &mut LiveSecrets) -> Result<SecretString> {
    let (state, secret) = match api_key {
        ApiKey::Env(variable) => key_of_variable(&variable.value),
        ApiKey::File(file) => key_of_file(&folder.join(&file.value)),
    };
    match (state?, secret) {
        (_, Some(secret)) => {
            live.note(owner, secret.clone());
            Ok(secret)
        }
        (KeyState::Missing { source } | KeyState::Found { source }, None) => {
            Err(Error::new(ErrorKind::Invalid, format!("{owner} has no key: `{source}` is not set"))
                .hint(format!("set `{source}` and run again; with `--mock` no key is needed")))
        }
        (KeyState::NotNeeded, None) => Err(Error::new(ErrorKind::Invalid, format!("{owner} has no key"))),
    }
}

fn key_of_variable(name: &str) -> (Result<KeyState>, Option<SecretString>) {
    match environment::variable(name) {
        Some(key) => (Ok(KeyState::Found { source: name.to_owned() }), Some(key.trim().to_owned().into())),
        None => (Ok(KeyState::Missing { source: name.to_owned() }), None),
    }
}

fn key_of_file(path: &Path) -> (Result<KeyState>, Option<SecretString>) {
    let source = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(key) => (Ok(KeyState::Found { source }), Some(key.trim().to_owned().into())),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => (Ok(KeyState::Missing { source }), None),
        Err(err) => (Err(Error::new(ErrorKind::Invalid, format!("cannot read the key in `{source}`")).source(err)), None),
    }
}

/// Makes the provider called `name`, with its key or without.
fn provider(
    name: &ProviderName,
    written: Option<&ProviderManifest>,
    resolved: Resolved,
    http: &HttpClient,
) -> Result<Arc<dyn Provider>> {
    let kind = resolved.kind;
    if kind == ProviderKind::Mock {
        return Ok(Arc::new(mock_provider(written, MockOptions::default())?));
    }
    let settings = server_settings(name, written, resolved)?;
    Ok(match kind {
        ProviderKind::Anthropic => Arc::new(AnthropicProvider::new(settings, http.clone())?),
        ProviderKind::OpenAi | ProviderKind::Mock => Arc::new(OpenAiProvider::new(settings, http.clone())?),
    })
}

/// What is said of the server called `name`.
fn server_settings(name: &ProviderName, written: Option<&ProviderManifest>, resolved: Resolved) -> Result<ServerSettings> {
    let Some(base_url) = resolved.base_url else {
        return Err(Error::new(ErrorKind::Invalid, format!("provider `{name}` has no `base_url`"))
            .hint(format!("add it to agents.toml under `[providers.{name}]`; it differs from account to account")));
    };
    let headers = written.map(|written| &written.headers[..]).unwrap_or_default();
    let prices = written.map(|written| &written.price[..]).unwrap_or_default();
    Ok(ServerSettings {
        name: name.clone(),
        base_url,
        key: resolved.secret,
        headers: headers.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect(),
        prices: prices.iter().map(|(model, price)| (model.value.clone(), *price)).collect(),
        windows: windows(written),
    })
}

/// How much the models of a provider read and write, where its manifest says so.
fn windows(written: Option<&ProviderManifest>) -> BTreeMap<String, u32> {
    let written = written.map(|written| &written.context[..]).unwrap_or_default();
    written.iter().map(|(model, tokens)| (model.value.clone(), tokens.value)).collect()
}

/// A provider that is asked for something else than answers.
pub(super) enum Server {
    /// A server, and how many calls it may be asked at once.
    At {
        /// The protocol it speaks.
        kind: ProviderKind,
        /// Where it is, with its key.
        settings: ServerSettings,
        /// Calls in flight at once.
        max_concurrent: Option<u32>,
    },
    /// None: it is simulated.
    Simulated,
}

/// The server called `name`, with its key.
///
/// # Errors
/// `Invalid` when it is not known or has no address, `Auth` when its key is not there.
pub(super) fn server(name: &ProviderName, manifest: Option<&Manifest>, folder: &Path) -> Result<Server> {
    let written = manifest.and_then(|manifest| written(manifest, name.as_str()));
    let mut resolved = resolve(name.as_str(), written, folder).ok_or_else(|| unknown(name))?;
    if resolved.kind == ProviderKind::Mock {
        return Ok(Server::Simulated);
    }
    if let KeyState::Missing { source } = std::mem::replace(&mut resolved.key, Ok(KeyState::NotNeeded))? {
        return Err(Error::new(ErrorKind::Auth, format!("provider `{name}` has no key: `{source}` is not set"))
            .hint(format!("set `{source}` and run again"))
            .hint("or take an embedder that needs none: `local`, or a local server such as `ollama/nomic-embed-text`"));
    }
    let kind = resolved.kind;
    let max_concurrent = limits(manifest, written).calls.max_concurrent;
    Ok(Server::At { kind, settings: server_settings(name, written, resolved)?, max_concurrent })
}

/// The key of the provider called `name`, if it has one that is there.
pub(super) fn secret_of(name: &str, manifest: Option<&Manifest>, folder: &Path) -> Option<SecretString> {
    resolve(name, manifest.and_then(|manifest| written(manifest, name)), folder)?.secret
}

/// The error of a provider of which nothing is known.
fn unknown(name: &ProviderName) -> Error {
    Error::new(ErrorKind::Invalid, format!("provider `{name}` is not known"))
        .hint(format!("add `[providers.{name}]` with `kind` and `base_url` to agents.toml"))
}

/// The error of keys that are not there: what is missing, and the three ways forward.
fn no_keys(missing: &[(ProviderName, String, ModelRef, String)]) -> Error {
    let told: Vec<String> = missing
        .iter()
        .map(|(name, source, model, node)| {
            format!("provider `{name}` has no key: `{source}` is not set (node `{node}` asks `{model}`)")
        })
        .collect();
    let sources: Vec<String> = missing.iter().map(|(_, source, ..)| format!("`{source}`")).collect();
    Error::new(ErrorKind::Invalid, told.join("\n       "))
        .hint(format!("with a key: set {} and run again", sources.join(" and ")))
        .hint("with a local server such as Ollama: write `model = \"ollama/qwen3:8b\"` under `[defaults]` in agents.toml; it needs no key")
        .hint("with neither: add `--mock`, and a simulated model answers")
}

/// What a provider may be asked, and when its models are left alone: as it says, or else as the defaults do.
fn limits(manifest: Option<&Manifest>, written: Option<&ProviderManifest>) -> ProviderLimits {
    let calls = written.map(|written| CallLimits {
        max_concurrent: written.max_concurrent.as_ref().map(|limit| limit.value),
        rates: written.rate.rates(),
    });
    let of_defaults = manifest.and_then(|manifest| manifest.defaults.breaker.as_ref());
    let of_provider = written.and_then(|written| written.breaker.as_ref());
    let layers = [of_defaults, of_provider].into_iter().flatten();
    let breaker = layers.fold(ProviderLimits::default().breaker, |policy, layer| layer.over(policy));
    ProviderLimits { calls: calls.unwrap_or_default(), breaker }
}

/// The mock provider as the manifest describes it; `options` win.
fn mock_provider(written: Option<&ProviderManifest>, options: MockOptions) -> Result<MockProvider> {
    let mut settings = MockSettings { windows: windows(written), ..MockSettings::default() };
    if let Some(written) = written {
        settings.latency = written.latency.as_ref().map(|latency| latency.value).unwrap_or_default();
        settings.seed = written.seed.as_ref().map(|seed| seed.value).unwrap_or_default();
        for (name, answers) in &written.answers {
            let answers: Result<Vec<MockAnswer>> =
                answers.iter().map(|answer| MockAnswer::from_value(answer.to_value())).collect();
            let answers = answers.map_err(|err| err.context(format!("answers of the mock provider for `{}`", name.value)))?;
            settings.answers.insert(name.value.clone(), answers);
        }
    }
    if let Some(ms) = options.latency_ms {
        settings.latency = Duration::from_millis(ms);
    }
    if let Some(seed) = options.seed {
        settings.seed = seed;
    }
    Ok(MockProvider::new(settings))
}

/// What models charge, for estimates: as the manifest says, or else as is known of the provider. Needs no keys.
#[derive(Debug)]
pub struct Prices<'a> {
    manifest: Option<&'a Manifest>,
    http: HttpClient,
}

impl<'a> Prices<'a> {
    /// The prices that hold with `manifest`.
    #[must_use]
    pub fn new(manifest: Option<&'a Manifest>) -> Self {
        Self { manifest, http: HttpClient::default() }
    }

    /// Whether `model` says nothing of itself.
    #[must_use]
    pub fn is_simulated(&self, model: &ModelRef) -> bool {
        let written = self.manifest.and_then(|manifest| written(manifest, model.provider.as_str()));
        resolve(model.provider.as_str(), written, Path::new("")).is_some_and(|resolved| resolved.kind == ProviderKind::Mock)
    }

    /// The price of `model`, when it is known; nothing for a simulated one.
    #[must_use]
    pub fn of(&self, model: &ModelRef) -> Option<Price> {
        let written = self.manifest.and_then(|manifest| written(manifest, model.provider.as_str()));
        let resolved = resolve(model.provider.as_str(), written, Path::new(""))?;
        if resolved.kind == ProviderKind::Mock {
            return Some(Price { input: 0.0, cached_input: None, output: 0.0 });
        }
        provider(&model.provider, written, resolved, &self.http).ok()?.price(&model.model)
    }
}
