//! Servers that speak OpenAI's chat completions and embeddings.
//!
//! Requests are built with the types of `async-openai`, so that they are what OpenAI documents. Sending and reading are ours:
//! its client drops the headers of an error (`Retry-After` among them), has no bound for what it reads, and its answer types
//! refuse servers that leave fields out.

pub(super) mod answer;
mod embedder;
mod request;
mod tool_calls;
mod vectors;
mod window;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderName},
};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ChatRequest, ChatResponse, Price},
    provider::{
        OnText, Provider, ServerSettings,
        http::{Endpoint, HttpClient, is_local},
        openai::{
            answer::Completions,
            request::{Dialect, lacks_tools},
        },
        pricing, stream, windows,
    },
};

pub use embedder::OpenAiEmbedder;

/// How often a request is put into other words for a server that does not know some of it.
const MAX_REFUSALS: u32 = 6;
/// Where chat completions are.
const CHAT: &str = "/chat/completions";

/// A server that speaks OpenAI's chat completions.
#[derive(Debug)]
pub struct OpenAiProvider {
    http: HttpClient,
    endpoint: Endpoint,
    prices: BTreeMap<String, Price>,
    windows: BTreeMap<String, u32>,
    /// How the server wants to be spoken to, for a model it has not refused anything of.
    usual: Dialect,
    /// What was learned from refusals, by model and whether tools were offered: some servers refuse a form only beside these.
    learned: Mutex<HashMap<(String, bool), Dialect>>,
}

impl OpenAiProvider {
    /// Makes one for `settings.base_url`, to which `/chat/completions` is appended. Opens no connection.
    ///
    /// # Errors
    /// `Invalid` when the URL, the key or a header cannot be used.
    pub fn new(settings: ServerSettings, http: HttpClient) -> Result<Self> {
        let endpoint = endpoint(&settings, CHAT)?;
        let is_openai = is_azure(&endpoint.url) || endpoint.url.host_str() == Some("api.openai.com");
        let usual = Dialect::usual(is_openai, is_local(&endpoint.url));
        let ServerSettings { prices, windows, .. } = settings;
        Ok(Self { http, endpoint, prices, windows, usual, learned: Mutex::default() })
    }

    fn dialect(&self, topic: &(String, bool)) -> Dialect {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).get(topic).copied().unwrap_or(self.usual)
    }

    fn learn(&self, topic: (String, bool), dialect: Dialect) {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).insert(topic, dialect);
    }
}

#[async_trait]
impl Provider for OpenAiProvider {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        let topic = (request.model.clone(), !request.tools.is_empty());
        let usual = self.dialect(&topic);
        let mut dialect = usual;
        let mut refusals = 0;
        let mut answer = loop {
            match self.http.post(&self.endpoint, &request.model, dialect.body(request)?).await {
                Ok(answer) => break answer,
                // A refused request is not answered and not paid: putting it differently is no retry.
                Err(error) if error.kind() == ErrorKind::Request && refusals < MAX_REFUSALS => {
                    let Some(other) = dialect.adapted(request, error.message()) else { return Err(explained(error, request)) };
                    tracing::warn!(refused = %error, "asking again without what the server refuses");
                    dialect = other;
                    refusals += 1;
                }
                Err(error) => return Err(explained(error, request)),
            }
        };
        if dialect != usual {
            self.learn(topic, dialect);
        }
        let draft = stream::read(&mut answer, &Completions, on_text).await?;
        draft.into_response(answer.asked(), request)
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.prices.get(model).copied().or_else(|| pricing::price(self.endpoint.url.host_str()?, model))
    }

    fn window(&self, model: &str) -> Option<u32> {
        self.windows.get(model).copied().or_else(|| windows::window(self.endpoint.url.host_str()?, model))
    }

    fn address(&self) -> Option<String> {
        Some(self.endpoint.address())
    }
}

/// Where `path` of a server is, and what goes with each request to it.
fn endpoint(settings: &ServerSettings, path: &str) -> Result<Endpoint> {
    let ServerSettings { name, base_url, key, headers, .. } = settings;
    let is_azure = Url::parse(base_url).is_ok_and(|url| is_azure(&url));
    // Azure takes keys in a header of its own; a bearer token is something else there.
    let key_header = if is_azure { (HeaderName::from_static("api-key"), "") } else { (AUTHORIZATION, "Bearer ") };
    // Whoever wrote the address of the chat down meant the server.
    let base = base_url.trim_end_matches('/').strip_suffix(CHAT).unwrap_or(base_url);
    Endpoint::new(name.as_str(), base, path, key.as_ref(), key_header, headers)
}

fn is_azure(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.ends_with(".azure.com"))
}

/// The failure of a request, with a word about it where it is refused because of its tools. Some servers say that as if the model were
/// unknown or they were broken; it will not go away.
fn explained(error: Error, request: &ChatRequest) -> Error {
    if request.tools.is_empty() || !lacks_tools(error.message()) {
        return error;
    }
    Error::new(ErrorKind::Request, error.message())
        .hint(format!("model `{}` has no tool interface here: take another model, or leave `tools` out", request.model))
}
