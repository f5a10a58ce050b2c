//! An agent as the registry knows it, and the model it speaks to.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    error::{Error, ErrorKind},
    model::{AgentName, Permission, ProviderName, ToolPattern},
};

/// The providers that every project has without naming them in its manifest, ascending. `azure` needs a `base_url` there.
pub const BUILT_IN_PROVIDERS: &[&str] = &[
    "anthropic",
    "azure",
    "deepseek",
    "gemini",
    "groq",
    "llamacpp",
    "lmstudio",
    "mistral",
    "mock",
    "ollama",
    "openai",
    "openrouter",
    "together",
    "vllm",
];

/// A model and who serves it, written `provider/model`, e.g. `openai/gpt-5-mini` or `ollama/qwen3:8b`.
///
/// Only the first slash divides: `openrouter/meta/llama-3` is the model `meta/llama-3` of `openrouter`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ModelRef {
    /// Which provider of the manifest, or built in.
    pub provider: ProviderName,
    /// The model's name as the provider knows it.
    pub model: String,
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

impl FromStr for ModelRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || {
            Error::new(ErrorKind::Invalid, format!("`{}` is no model", text.escape_default()))
                .hint("write `provider/model`, for example `openai/gpt-5-mini` or `ollama/qwen3:8b`")
        };
        let (provider, model) = text.split_once('/').ok_or_else(bad)?;
        if model.is_empty() || model.len() > 200 || model.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(bad());
        }
        Ok(Self { provider: ProviderName::new(provider).map_err(|_| bad())?, model: model.to_owned() })
    }
}

impl TryFrom<String> for ModelRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl Serialize for ModelRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A model that is asked when those before it in the chain have failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackModel {
    /// The model.
    pub model: ModelRef,
    /// Failures after which it is asked although they end the chain for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_after: Vec<FallbackReason>,
}

/// A failure that another model does not mend, unless its author says that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackReason {
    /// The prompt is too long: a model with a larger context takes it.
    ContextLength,
    /// The key is refused: another provider has another key.
    Auth,
}

impl FallbackReason {
    /// The reason called `word` in files.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "context_length" => Some(Self::ContextLength),
            "auth" => Some(Self::Auth),
            _ => None,
        }
    }
}

/// So much per span of time, e.g. `60/m`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How much; more than 0.
    pub amount: f64,
    /// In how long.
    pub per: Duration,
}

/// How much may be asked in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallRates {
    /// Calls.
    pub requests: Option<Rate>,
    /// Tokens, read and written.
    pub tokens: Option<Rate>,
}

/// Everything a run needs to know of an agent, with defaults applied and files read.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentProfile {
    /// Its name in the manifest or in the workflow.
    pub name: AgentName,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// What it can be asked for by capability, in the order written.
    pub capabilities: Vec<String>,
    /// The model it speaks to; `None` when neither it nor the defaults name one.
    pub model: Option<ModelRef>,
    /// The models that stand in when that one fails, in this order.
    pub fallback: Vec<FallbackModel>,
    /// The system prompt, read from `system` or `system_file`; a template.
    pub system: Option<String>,
    /// Sampling temperature, 0 to 2; the provider's default when absent.
    pub temperature: Option<f64>,
    /// The most tokens one answer may have; the provider's default when absent.
    pub max_tokens: Option<u32>,
    /// The most model calls in one attempt, repair turns included.
    pub max_turns: Option<u32>,
    /// How long one model call may take.
    pub timeout: Option<Duration>,
    /// How many calls of this agent may be in flight at once.
    pub max_concurrent: Option<u32>,
    /// How much it may ask.
    pub rates: CallRates,
    /// The tools it may call.
    pub tools: Vec<ToolPattern>,
    /// What its tools may touch at most; `None` when neither it nor the defaults say so.
    pub permissions: Option<Vec<Permission>>,
}
