//! Who answers model calls. The [`Provider`] trait is what a user plugs in; [`Providers`] finds the one a model names.

mod anthropic;
mod builtin;
mod calls;
mod cassette;
mod embedder;
#[doc(hidden)]
pub mod fuzz;
mod http;
mod mock;
mod openai;
mod pricing;
mod refusal;
mod simulate;
mod sse;
mod status;
mod stream;
pub mod tokens;
mod windows;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{
    error::Result,
    model::{ChatRequest, ChatResponse, Price, ProviderName},
};

pub use anthropic::AnthropicProvider;
pub use builtin::{BuiltIn, BuiltInKind, builtin};
pub use cassette::{Cassette, CassetteMode, CassetteReport, Played, PlayedResult, Scrub, TapedCall};
pub use embedder::Embedder;
pub use http::{HttpClient, HttpTimes};
pub use mock::{MockAnswer, MockCall, MockEmbedder, MockProvider, MockSettings};
pub use openai::{OpenAiEmbedder, OpenAiProvider};
pub use simulate::made_up;
pub use status::kind_of_status;

/// Is told each piece of an answer as it arrives. Returns at once.
pub type OnText<'a> = dyn Fn(&str) + Send + Sync + 'a;

/// Serves models.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync {
    /// Asks a model once and returns its whole answer. Makes no retries of its own.
    ///
    /// `on_text` is told each piece of the answer as it arrives, in order; pieces of an attempt that fails later are void.
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// `Transient`, `Throttle` (with the delay the server asks for), `Quota`, `Truncated`, `Malformed`, `Request`, `Auth`,
    /// `Timeout`: as the retryability table says. A refusal of the model is `Refused`.
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse>;

    /// What `model` charges; `None` when that is not known.
    fn price(&self, model: &str) -> Option<Price>;

    /// How many tokens `model` reads and writes in one call at most; `None` when that is not known.
    fn window(&self, _model: &str) -> Option<u32> {
        None
    }

    /// Where the server is, without what may be secret: models of the same name at one address share their health.
    fn address(&self) -> Option<String> {
        None
    }

    /// Whether answers are made up here, so that nothing is paid.
    fn is_simulated(&self) -> bool {
        false
    }
}

/// What a provider that is a server needs to know.
#[derive(Clone)]
pub struct ServerSettings {
    /// Its name in the manifest, for messages.
    pub name: ProviderName,
    /// Where its interface begins, e.g. `http://127.0.0.1:8000/v1`.
    pub base_url: String,
    /// The key, if it wants one. Never shown, not even where the server repeats it.
    pub key: Option<SecretString>,
    /// Further headers of every request; they replace those of the same name.
    pub headers: Vec<(String, String)>,
    /// What models cost, by name; goes before the built-in list.
    pub prices: BTreeMap<String, Price>,
    /// How many tokens models read and write in one call, by name; goes before the built-in list.
    pub windows: BTreeMap<String, u32>,
}

/// Without the key and the values of headers, which may be keys too.
impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSettings")
            .field("name", &self.name)
            .field("base_url", &self.base_url)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("prices", &self.prices)
            .field("windows", &self.windows)
            .finish_non_exhaustive()
    }
}

/// The providers of a run, by name.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    by_name: BTreeMap<ProviderName, Arc<dyn Provider>>,
    /// When set, answers for every provider (`--mock`).
    instead: Option<Arc<dyn Provider>>,
    /// Whether those that are registered answer themselves nevertheless.
    named_first: bool,
}

impl Providers {
    /// Registers `provider` under `name`; a later registration replaces an earlier one.
    pub fn register(&mut self, name: ProviderName, provider: Arc<dyn Provider>) {
        self.by_name.insert(name, provider);
    }

    /// Makes `provider` answer for every name, known or not.
    pub fn answer_everything_by(&mut self, provider: Arc<dyn Provider>) {
        self.instead = Some(provider);
    }

    /// Makes `provider` answer for every name but those that are registered.
    pub fn answer_everything_else_by(&mut self, provider: Arc<dyn Provider>) {
        self.instead = Some(provider);
        self.named_first = true;
    }

    /// The provider called `name`, if there is one.
    #[must_use]
    pub fn get(&self, name: &ProviderName) -> Option<&Arc<dyn Provider>> {
        let named = self.by_name.get(name);
        if self.named_first { named.or(self.instead.as_ref()) } else { self.instead.as_ref().or(named) }
    }

    /// Whether one provider that makes its answers up stands in for all others (`--mock`).
    #[must_use]
    pub fn are_simulated(&self) -> bool {
        self.instead.as_ref().is_some_and(|provider| provider.is_simulated())
    }

    /// The registered names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &ProviderName> {
        self.by_name.keys()
    }
}
