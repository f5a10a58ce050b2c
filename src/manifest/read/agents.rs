//! The tree of a manifest file → [`Manifest`].

use super::{
    memory,
    values::{count, count32, duration, effect, entries, number, on_ambiguous, rate, text, texts},
};
use crate::{
    diagnostic::{FileId, Spanned},
    manifest::{
        AgentManifest, ApiKey, BreakerManifest, FallbackManifest, Manifest, ManifestDefaults, McpManifest, ProviderKind,
        ProviderManifest, RateManifest, RetryManifest, StoreManifest, ToolManifest, Tree,
    },
    model::{FallbackReason, Price},
};

pub(super) fn manifest(tree: &Tree, file: FileId) -> Manifest {
    Manifest {
        file,
        defaults: tree.get("defaults").map(defaults).unwrap_or_default(),
        agents: entries(tree.get("agents"), |_, value| Some(agent(value))),
        providers: entries(tree.get("providers"), |_, value| Some(provider(value))),
        tools: entries(tree.get("tools"), |_, value| Some(tool(value))),
        mcp: entries(tree.get("mcp"), |_, value| Some(mcp_server(value))),
        memory: entries(tree.get("memory"), |_, value| Some(memory::collection(value))),
        store: tree.get("store").map(|store| StoreManifest {
            url: store.get("url").and_then(text),
            synchronous: store.get("synchronous").and_then(text),
        }),
    }
}

fn defaults(tree: &Tree) -> ManifestDefaults {
    ManifestDefaults {
        model: tree.get("model").and_then(text),
        fallback: tree.get("fallback").and_then(fallback),
        timeout: tree.get("timeout").and_then(duration),
        temperature: tree.get("temperature").and_then(number),
        max_tokens: tree.get("max_tokens").and_then(count32),
        max_concurrent: tree.get("max_concurrent").and_then(count32),
        retry: tree.get("retry").map(retry),
        breaker: tree.get("breaker").map(breaker),
        tools: tree.get("tools").map(texts),
        permissions: tree.get("permissions").map(texts),
    }
}

/// The rates below `rate`.
fn rates(tree: &Tree) -> RateManifest {
    let of = |name| tree.get("rate").and_then(|rates| rates.get(name)).and_then(rate);
    RateManifest { requests: of("requests"), tokens: of("tokens") }
}

fn breaker(tree: &Tree) -> BreakerManifest {
    BreakerManifest {
        is_on: tree.as_bool().map(|is_on| Spanned::new(is_on, tree.span)),
        failures: tree.get("failures").and_then(count32),
        window: tree.get("window").and_then(duration),
        open_for: tree.get("open_for").and_then(duration),
        probes: tree.get("probes").and_then(count32),
    }
}

pub(super) fn retry(tree: &Tree) -> RetryManifest {
    RetryManifest {
        max_attempts: tree.get("max_attempts").and_then(count32),
        initial: tree.get("initial").and_then(duration),
        factor: tree.get("factor").and_then(number),
        max: tree.get("max").and_then(duration),
        jitter: tree.get("jitter").and_then(text),
    }
}

/// The models of a `fallback:`; one that cannot be read is left out.
pub(super) fn fallback(tree: &Tree) -> Option<Vec<FallbackManifest>> {
    let model = |tree: &Tree| {
        let reasons = tree.get("also_after").map(texts).unwrap_or_default();
        Some(FallbackManifest {
            model: text(tree).or_else(|| text(tree.get("model")?))?,
            also_after: reasons.iter().filter_map(|word| FallbackReason::from_word(&word.value)).collect(),
        })
    };
    Some(tree.as_list()?.iter().filter_map(model).collect())
}

/// An agent; one that is no map at all is kept with nothing in it, so that what names it finds it.
pub(super) fn agent(tree: &Tree) -> AgentManifest {
    AgentManifest {
        span: tree.span,
        description: tree.get("description").and_then(text),
        capabilities: tree.get("capabilities").map(texts).unwrap_or_default(),
        model: tree.get("model").and_then(text),
        fallback: tree.get("fallback").and_then(fallback),
        system: tree.get("system").and_then(text),
        system_file: tree.get("system_file").and_then(text),
        temperature: tree.get("temperature").and_then(number),
        max_tokens: tree.get("max_tokens").and_then(count32),
        max_turns: tree.get("max_turns").and_then(count32),
        timeout: tree.get("timeout").and_then(duration),
        max_concurrent: tree.get("max_concurrent").and_then(count32),
        rate: rates(tree),
        retry: tree.get("retry").map(retry),
        tools: tree.get("tools").map(texts),
        permissions: tree.get("permissions").map(texts),
        memory: memory::of_agent(tree),
    }
}

fn provider(tree: &Tree) -> ProviderManifest {
    ProviderManifest {
        span: tree.span,
        kind: tree.get("kind").and_then(text).and_then(|kind| {
            let value = match kind.value.as_str() {
                "openai" => ProviderKind::OpenAi,
                "anthropic" => ProviderKind::Anthropic,
                "mock" => ProviderKind::Mock,
                _ => return None,
            };
            Some(Spanned::new(value, kind.span))
        }),
        base_url: tree.get("base_url").and_then(text),
        api_key: tree.get("api_key").and_then(api_key),
        price: entries(tree.get("price"), |_, value| price(value)),
        context: entries(tree.get("context"), |_, value| count32(value)),
        rate: rates(tree),
        breaker: tree.get("breaker").map(breaker),
        headers: entries(tree.get("headers"), |_, value| text(value)),
        max_concurrent: tree.get("max_concurrent").and_then(count32),
        latency: tree.get("latency").and_then(duration),
        seed: tree.get("seed").and_then(count),
        answers: entries(tree.get("answers"), |_, value| Some(value.as_list()?.to_vec())),
    }
}

fn tool(tree: &Tree) -> ToolManifest {
    ToolManifest {
        span: tree.span,
        timeout: tree.get("timeout").and_then(duration),
        rate: tree.get("rate").and_then(rate),
        cache: tree.get("cache").and_then(duration),
        max_output: tree.get("max_output").and_then(count),
        max_concurrent: tree.get("max_concurrent").and_then(count32),
        effect: tree.get("effect").and_then(effect),
        on_ambiguous: tree.get("on_ambiguous").and_then(on_ambiguous),
        provider: tree.get("provider").and_then(text),
        base_url: tree.get("base_url").and_then(text),
        api_key: tree.get("api_key").and_then(api_key),
        engine: tree.get("engine").and_then(text),
        count: tree.get("count").and_then(count32),
        interpreters: tree.get("interpreters").map(texts).unwrap_or_default(),
        env: tree.get("env").map(texts).unwrap_or_default(),
        folder: tree.get("folder").and_then(text),
    }
}

fn mcp_server(tree: &Tree) -> McpManifest {
    McpManifest {
        span: tree.span,
        description: tree.get("description").and_then(text),
        command: tree.get("command").map(texts).unwrap_or_default(),
        url: tree.get("url").and_then(text),
        env: tree.get("env").map(texts).unwrap_or_default(),
        folder: tree.get("folder").and_then(text),
        headers: entries(tree.get("headers"), |_, value| text(value)),
        api_key: tree.get("api_key").and_then(api_key),
        timeout: tree.get("timeout").and_then(duration),
        start_timeout: tree.get("start_timeout").and_then(duration),
        effects: entries(tree.get("effects"), |_, value| effect(value)),
    }
}

pub(super) fn api_key(tree: &Tree) -> Option<ApiKey> {
    let env = tree.get("env").and_then(text).map(ApiKey::Env);
    env.or_else(|| tree.get("file").and_then(text).map(ApiKey::File))
}

fn price(tree: &Tree) -> Option<Price> {
    let amount = |name| tree.get(name).and_then(Tree::as_number);
    Some(Price { input: amount("input")?, cached_input: amount("cached_input"), output: amount("output")? })
}
