//! One call of a model: permits, rate limits, the time limit, and what the call cost. Makes no retries.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use crate::{
    agent::AnswerForm,
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{AgentName, ChatRequest, ChatResponse, Cost, ModelRef, Price, ProviderName, Usage, Value},
    provider::{OnText, Provider, Providers},
    resilience::{Rate, RateLimiter},
};

/// Calls in flight at once, of one provider and over all of them, unless set otherwise.
const CALLS_PER_PROVIDER: u32 = 16;
const CALLS: u32 = 64;
/// How many schemas are kept compiled.
const MAX_FORMS: usize = 1_000;
/// How many characters are about one token.
const CHARACTERS_PER_TOKEN: usize = 4;
/// What is reserved for an answer without `max_tokens`, in tokens.
const USUAL_ANSWER: u32 = 1_000;

/// How much providers may be asked.
#[derive(Debug, Clone, Default)]
pub struct ModelsSettings {
    /// Calls in flight at once over all providers; 64 when absent.
    pub max_concurrent: Option<u32>,
    /// What holds for one provider.
    pub providers: BTreeMap<ProviderName, ProviderLimits>,
}

/// How much one provider may be asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProviderLimits {
    /// Calls in flight at once; 16 when absent.
    pub max_concurrent: Option<u32>,
    /// Calls in a span of time.
    pub requests: Option<Rate>,
    /// Tokens, read and written, in a span of time.
    pub tokens: Option<Rate>,
}

/// The models of a run and what may be asked of them at once. Simulated providers have no limits but those of agents.
#[derive(Debug)]
pub struct Models {
    providers: Providers,
    calls: Semaphore,
    settings: ModelsSettings,
    gates: Mutex<HashMap<ProviderName, Arc<Gate>>>,
    /// By agent and its `max_concurrent`: workflows may each have an agent of the same name.
    agents: Mutex<HashMap<(AgentName, u32), Arc<Semaphore>>>,
    /// By the text of the schema: compiling one takes longer than all else in a call that is simulated.
    forms: Mutex<HashMap<String, AnswerForm>>,
}

/// What calls of one provider pass through.
#[derive(Debug)]
struct Gate {
    calls: Semaphore,
    requests: Option<RateLimiter>,
    tokens: Option<RateLimiter>,
}

/// A call that was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// The answer.
    pub response: ChatResponse,
    /// What it cost.
    pub cost: Cost,
    /// From the request to the last byte; waiting for permits and rate limits is not in it.
    pub duration: Duration,
}

impl Models {
    /// Joins `providers` with how much they may be asked.
    #[must_use]
    pub fn new(providers: Providers, settings: ModelsSettings) -> Self {
        Self {
            providers,
            calls: semaphore(settings.max_concurrent.unwrap_or(CALLS)),
            settings,
            gates: Mutex::default(),
            agents: Mutex::default(),
            forms: Mutex::default(),
        }
    }

    /// The providers.
    #[must_use]
    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// The provider of `model`.
    ///
    /// # Errors
    /// `Invalid` when there is none of that name; its hints say what to do.
    pub fn provider(&self, model: &ModelRef) -> Result<&Arc<dyn Provider>> {
        self.providers.get(&model.provider).ok_or_else(|| {
            let known: Vec<_> = self.providers.names().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() { "none is set up".to_owned() } else { format!("set up are {}", known.join(", ")) };
            Error::new(ErrorKind::Invalid, format!("no provider `{}` for model `{model}`: {known}", model.provider))
                .hint(format!(
                    "add `[providers.{}]` with `kind` and `base_url` to agents.toml, or name another model",
                    model.provider
                ))
                .hint("`--mock` runs the workflow with simulated answers")
        })
    }

    /// What `model` charges, as far as it is known.
    #[must_use]
    pub fn price(&self, model: &ModelRef) -> Option<Price> {
        self.providers.get(&model.provider)?.price(&model.model)
    }

    /// Asks `model` once, as soon as the agent (at most `max_concurrent` calls at once), the provider and the rate limits let it.
    ///
    /// The call is cut off after `timeout`; waiting for its turn does not count. `on_text` is told each piece of the answer.
    ///
    /// # Errors
    /// Those of [`Provider::chat`], and `Timeout`.
    pub async fn call(
        &self,
        model: &ModelRef,
        max_concurrent: Option<u32>,
        timeout: Duration,
        request: &ChatRequest,
        on_text: &OnText<'_>,
    ) -> Result<Called> {
        let provider = self.provider(model)?;
        let agent = max_concurrent.map(|limit| self.agent_calls(&request.origin.agent, limit));
        let _agent_permit = match &agent {
            Some(calls) => Some(permit(calls).await?),
            None => None,
        };
        if provider.is_simulated() {
            return ask(provider.as_ref(), model, timeout, request, on_text).await;
        }
        let gate = self.gate(&model.provider);
        let _provider_permit = permit(&gate.calls).await?;
        let reserved = tokens_of(request);
        gate.wait(reserved).await;
        let _permit = permit(&self.calls).await?;
        crash_point!("call.permitted");
        let called = ask(provider.as_ref(), model, timeout, request, on_text).await;
        gate.settle(reserved, &called);
        called
    }

    /// The form of answers that follow `schema`; made once for each schema.
    ///
    /// # Errors
    /// `Invalid` when it is no JSON Schema.
    pub(super) fn form(&self, schema: Option<&Value>) -> Result<AnswerForm> {
        let Some(schema) = schema else { return Ok(AnswerForm::Text) };
        let text = schema.to_string();
        if let Some(known) = self.forms.lock().unwrap_or_else(PoisonError::into_inner).get(&text) {
            return Ok(known.clone());
        }
        let form = AnswerForm::new(Some(schema))?;
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if forms.len() < MAX_FORMS {
            forms.insert(text, form.clone());
        }
        Ok(form)
    }

    fn agent_calls(&self, agent: &AgentName, limit: u32) -> Arc<Semaphore> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.entry((agent.clone(), limit)).or_insert_with(|| Arc::new(semaphore(limit))).clone()
    }

    fn gate(&self, provider: &ProviderName) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .entry(provider.clone())
            .or_insert_with(|| {
                let limits = self.settings.providers.get(provider).copied().unwrap_or_default();
                Arc::new(Gate {
                    calls: semaphore(limits.max_concurrent.unwrap_or(CALLS_PER_PROVIDER)),
                    requests: limits.requests.map(RateLimiter::new),
                    tokens: limits.tokens.map(RateLimiter::new),
                })
            })
            .clone()
    }
}

impl Gate {
    /// Reserves one call of `tokens` and waits until both are free.
    async fn wait(&self, tokens: f64) {
        let for_call = self.requests.as_ref().map_or(Duration::ZERO, |limiter| limiter.reserve(1.0));
        let for_tokens = self.tokens.as_ref().map_or(Duration::ZERO, |limiter| limiter.reserve(tokens));
        let wait = for_call.max(for_tokens);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Corrects what was reserved, once it is known what was used. An unreported usage stays as estimated.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    fn settle(&self, reserved: f64, called: &Result<Called>) {
        let used = match called {
            Ok(called) => called.response.usage.map(|usage| (usage.input_tokens + usage.output_tokens) as f64),
            Err(_) => Some(0.0),
        };
        if let (Some(limiter), Some(used)) = (&self.tokens, used) {
            limiter.settle(reserved, used);
        }
    }
}

/// Asks within `timeout` and puts a price on the answer.
async fn ask(
    provider: &dyn Provider,
    model: &ModelRef,
    timeout: Duration,
    request: &ChatRequest,
    on_text: &OnText<'_>,
) -> Result<Called> {
    let begun = Instant::now();
    let response = tokio::time::timeout(timeout, provider.chat(request, on_text)).await.map_err(|_| {
        Error::new(ErrorKind::Timeout, format!("model `{model}` did not answer within {timeout:?}"))
            .hint("raise `timeout` of the agent, which bounds one model call")
    })??;
    let cost = if provider.is_simulated() {
        Cost::Simulated
    } else {
        match (response.usage, provider.price(&request.model)) {
            (Some(usage), Some(price)) => Cost::Usd(price.of(usage)),
            _ => Cost::Unpriced,
        }
    };
    Ok(Called { response, cost, duration: begun.elapsed() })
}

/// A semaphore of `permits`, one at least.
fn semaphore(permits: u32) -> Semaphore {
    Semaphore::new(usize::try_from(permits).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS))
}

async fn permit(semaphore: &Semaphore) -> Result<SemaphorePermit<'_>> {
    semaphore
        .acquire()
        .await
        .map_err(|err| Error::new(ErrorKind::Internal, "a semaphore of the model calls was closed").source(err))
}

/// About how many tokens a call will use that sends so many bytes; its answer has at most `max_tokens`, if that is known.
#[must_use]
pub fn estimated_tokens(bytes: usize, max_tokens: Option<u32>) -> Usage {
    Usage {
        input_tokens: (bytes / CHARACTERS_PER_TOKEN) as u64,
        cached_tokens: 0,
        output_tokens: u64::from(max_tokens.unwrap_or(USUAL_ANSWER)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn tokens_of(request: &ChatRequest) -> f64 {
    let bytes = request.messages.iter().map(|message| message.content.len()).sum();
    let usage = estimated_tokens(bytes, request.max_tokens);
    (usage.input_tokens + usage.output_tokens) as f64
}
