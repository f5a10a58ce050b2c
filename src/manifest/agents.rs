//! A manifest file (`agents.toml`) as written.

use std::time::Duration;

use crate::{
    diagnostic::{FileId, Span, Spanned},
    manifest::{AgentMemoryManifest, Entries, MemoryManifest, Tree},
    model::{CallRates, Effect, FallbackReason, OnAmbiguous, Price, Rate},
    resilience::BreakerPolicy,
};

/// A manifest, well-formed but not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The file it is in.
    pub file: FileId,
    /// `[defaults]`.
    pub defaults: ManifestDefaults,
    /// `[agents.NAME]`.
    pub agents: Entries<AgentManifest>,
    /// `[providers.NAME]`.
    pub providers: Entries<ProviderManifest>,
    /// `[tools.NAME]`, of built-in tools.
    pub tools: Entries<ToolManifest>,
    /// `[mcp.NAME]`.
    pub mcp: Entries<McpManifest>,
    /// `[memory.NAME]`.
    pub memory: Entries<MemoryManifest>,
    /// `[store]`.
    pub store: Option<StoreManifest>,
}

/// `[defaults]`: for all agents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManifestDefaults {
    /// `provider/model`.
    pub model: Option<Spanned<String>>,
    /// For agents that name none of their own.
    pub fallback: Option<Vec<FallbackManifest>>,
    /// Of one model call.
    pub timeout: Option<Spanned<Duration>>,
    /// Sampling temperature.
    pub temperature: Option<Spanned<f64>>,
    /// Of one answer.
    pub max_tokens: Option<Spanned<u32>>,
    /// Model calls in flight over all agents.
    pub max_concurrent: Option<Spanned<u32>>,
    /// For all nodes that run agents.
    pub retry: Option<crate::manifest::RetryManifest>,
    /// For all models.
    pub breaker: Option<BreakerManifest>,
    /// For agents that name none of their own.
    pub tools: Option<Vec<Spanned<String>>>,
    /// For agents that name none of their own.
    pub permissions: Option<Vec<Spanned<String>>>,
}

/// An agent as written, in a manifest or inline in a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentManifest {
    /// The whole entry.
    pub span: Span,
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// What it can be asked for.
    pub capabilities: Vec<Spanned<String>>,
    /// `provider/model`.
    pub model: Option<Spanned<String>>,
    /// Instead of that of the defaults.
    pub fallback: Option<Vec<FallbackManifest>>,
    /// The system prompt, a template.
    pub system: Option<Spanned<String>>,
    /// The file of the system prompt, relative to the file the agent is in.
    pub system_file: Option<Spanned<String>>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<Spanned<f64>>,
    /// Of one answer.
    pub max_tokens: Option<Spanned<u32>>,
    /// Model calls of one node attempt.
    pub max_turns: Option<Spanned<u32>>,
    /// Of one model call.
    pub timeout: Option<Spanned<Duration>>,
    /// Calls in flight at once.
    pub max_concurrent: Option<Spanned<u32>>,
    /// How much it may ask.
    pub rate: RateManifest,
    /// For the nodes that run it.
    pub retry: Option<crate::manifest::RetryManifest>,
    /// Patterns of the tools it may call, instead of those of the defaults.
    pub tools: Option<Vec<Spanned<String>>>,
    /// What its tools may touch at most, instead of those of the defaults.
    pub permissions: Option<Vec<Spanned<String>>>,
    /// What it recalls, remembers and goes on with.
    pub memory: AgentMemoryManifest,
}

/// A model of a `fallback:`.
#[derive(Debug, Clone, PartialEq)]
pub struct FallbackManifest {
    /// `provider/model`.
    pub model: Spanned<String>,
    /// Failures after which it is asked although they end the chain otherwise.
    pub also_after: Vec<FallbackReason>,
}

/// The wire protocol of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenAI's chat completions, as many servers speak them.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Simulated answers.
    Mock,
}

/// How a key is found. It is read only when a run starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKey {
    /// In an environment variable.
    Env(Spanned<String>),
    /// In a file, relative to the manifest.
    File(Spanned<String>),
}

/// `[providers.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderManifest {
    /// The whole entry.
    pub span: Span,
    /// `openai`, `anthropic` or `mock`; known from the name for built-in providers.
    pub kind: Option<Spanned<ProviderKind>>,
    /// Where its interface begins, e.g. `http://127.0.0.1:8000/v1`.
    pub base_url: Option<Spanned<String>>,
    /// The key, if it wants one.
    pub api_key: Option<ApiKey>,
    /// USD per million tokens, by model.
    pub price: Entries<Price>,
    /// Tokens read and written in one call, by model.
    pub context: Entries<Spanned<u32>>,
    /// How much it may be asked.
    pub rate: RateManifest,
    /// For its models.
    pub breaker: Option<BreakerManifest>,
    /// Further headers of every request, e.g. `api-version`.
    pub headers: Entries<Spanned<String>>,
    /// Calls in flight at once; 16 when absent.
    pub max_concurrent: Option<Spanned<u32>>,
    /// Mock: how long an answer takes.
    pub latency: Option<Spanned<Duration>>,
    /// Mock: what the answers are derived from.
    pub seed: Option<Spanned<u64>>,
    /// Mock: answers in turn, by node or agent name, each a value, `{ tools: [{ name: … }] }` or `{ error: { status: … } }`.
    pub answers: Entries<Vec<Tree>>,
}

/// `rate = { requests = "60/m", tokens = "90k/m" }`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RateManifest {
    /// Calls.
    pub requests: Option<Spanned<Rate>>,
    /// Tokens read and written.
    pub tokens: Option<Spanned<Rate>>,
}

impl RateManifest {
    /// What is written, without its places.
    #[must_use]
    pub fn rates(&self) -> CallRates {
        CallRates { requests: self.requests.as_ref().map(|rate| rate.value), tokens: self.tokens.as_ref().map(|rate| rate.value) }
    }
}

/// `breaker = { failures = 5, window = "60s", open_for = "30s", probes = 1 }`, or `breaker = false`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BreakerManifest {
    /// Whether there is one; `None` in the long form.
    pub is_on: Option<Spanned<bool>>,
    /// Failures in a row that open it.
    pub failures: Option<Spanned<u32>>,
    /// How far back calls count.
    pub window: Option<Spanned<Duration>>,
    /// How long it stays open.
    pub open_for: Option<Spanned<Duration>>,
    /// Calls that try again at once.
    pub probes: Option<Spanned<u32>>,
}

impl BreakerManifest {
    /// `policy` with what is written here; `None` when there is to be no breaker.
    #[must_use]
    pub fn over(&self, policy: Option<BreakerPolicy>) -> Option<BreakerPolicy> {
        if self.is_on.as_ref().is_some_and(|is_on| !is_on.value) {
            return None;
        }
        let policy = policy.unwrap_or_default();
        let number = |written: &Option<Spanned<u32>>, usual| written.as_ref().map_or(usual, |number| number.value);
        let duration = |written: &Option<Spanned<Duration>>, usual| written.as_ref().map_or(usual, |duration| duration.value);
        Some(BreakerPolicy {
            failures: number(&self.failures, policy.failures),
            window: duration(&self.window, policy.window),
            open_for: duration(&self.open_for, policy.open_for),
            probes: number(&self.probes, policy.probes),
        })
    }
}

/// `[store]`.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreManifest {
    /// `sqlite:PATH` or `memory:`.
    pub url: Option<Spanned<String>>,
    /// `full` or `normal`.
    pub synchronous: Option<Spanned<String>>,
}

/// `[tools.NAME]`. What only one tool has is absent for the others.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolManifest {
    /// The whole entry.
    pub span: Span,
    /// Of one call.
    pub timeout: Option<Spanned<Duration>>,
    /// How often it may be called.
    pub rate: Option<Spanned<Rate>>,
    /// How long a result stands for further calls with the same arguments.
    pub cache: Option<Spanned<Duration>>,
    /// Of a result, in bytes.
    pub max_output: Option<Spanned<u64>>,
    /// Calls in flight at once.
    pub max_concurrent: Option<Spanned<u32>>,
    /// Instead of what the tool says of itself.
    pub effect: Option<Spanned<Effect>>,
    /// What becomes of a call that was perhaps made.
    pub on_ambiguous: Option<Spanned<OnAmbiguous>>,
    /// `web_search`: who searches, `tavily`, `brave`, `google`, `searxng` or `duckduckgo`.
    pub provider: Option<Spanned<String>>,
    /// `web_search`: where the interface of the provider begins.
    pub base_url: Option<Spanned<String>>,
    /// `web_search`: the key of the provider.
    pub api_key: Option<ApiKey>,
    /// `web_search`: the id of Google's search engine.
    pub engine: Option<Spanned<String>>,
    /// `web_search`: results of a search that does not say how many.
    pub count: Option<Spanned<u32>>,
    /// `command`: programs that run what they are given and are permitted nevertheless.
    pub interpreters: Vec<Spanned<String>>,
    /// `command`: variables that programs are given.
    pub env: Vec<Spanned<String>>,
    /// `command`: where programs run, relative to the manifest.
    pub folder: Option<Spanned<String>>,
}

/// `[mcp.NAME]`: a program (`command`) or an address (`url`).
#[derive(Debug, Clone, PartialEq)]
pub struct McpManifest {
    /// The whole entry.
    pub span: Span,
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// The program and its arguments; empty for a server at an address.
    pub command: Vec<Spanned<String>>,
    /// The address.
    pub url: Option<Spanned<String>>,
    /// Variables that the program is given.
    pub env: Vec<Spanned<String>>,
    /// Where the program runs, relative to the manifest.
    pub folder: Option<Spanned<String>>,
    /// Further headers of every request.
    pub headers: Entries<Spanned<String>>,
    /// The bearer token.
    pub api_key: Option<ApiKey>,
    /// Of one call.
    pub timeout: Option<Spanned<Duration>>,
    /// Until it is ready.
    pub start_timeout: Option<Spanned<Duration>>,
    /// What calls do, by pattern of tools; the first that fits counts.
    pub effects: Entries<Spanned<Effect>>,
}
