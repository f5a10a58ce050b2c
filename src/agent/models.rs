//! One call of a model: its turn, its breaker, its time limit, and what it cost. Makes no retries.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    agent::{
        AnswerForm, Notice, OnNotice,
        gate::{CallLimits, Gate, Place},
        health::{Health, Target},
        patience::Patience,
        window,
    },
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{AgentName, ChatRequest, ChatResponse, Cost, ModelRef, Price, ProviderName, Usage, Value},
    provider::{Cassette, OnText, Provider, Providers},
    resilience::{BreakerPolicy, Change, SharedClock},
    store::Store,
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

/// How long a call waits before it is worth telling.
const WORTH_TELLING: Duration = Duration::from_millis(100);

/// How much providers may be asked.
#[derive(Debug, Clone, Default)]
pub struct ModelsSettings {
    /// Calls in flight at once over all providers; 64 when absent.
    pub max_concurrent: Option<u32>,
    /// What holds for one provider.
    pub providers: BTreeMap<ProviderName, ProviderLimits>,
}

/// How much one provider may be asked.
#[derive(Debug, Clone, Copy)]
pub struct ProviderLimits {
    /// Calls and rates; 16 calls in flight at once when it does not say.
    pub calls: CallLimits,
    /// When a model is left alone; never, when absent.
    pub breaker: Option<BreakerPolicy>,
}

impl Default for ProviderLimits {
    fn default() -> Self {
        Self { calls: CallLimits::default(), breaker: Some(BreakerPolicy::default()) }
    }
}

/// The gates of agents with one name, and how many calls each lets through when somebody has said so.
#[derive(Debug, Default)]
struct AgentGates {
    by_limits: Vec<(CallLimits, Arc<Gate>)>,
    places: Option<u32>,
}

/// The models of a run, what may be asked of them at once, and how they are. Simulated providers have no limits but those of agents,
/// and are always well.
#[derive(Debug)]
pub struct Models {
    providers: Providers,
    all: Gate,
    settings: ModelsSettings,
    gates: Mutex<HashMap<ProviderName, Arc<Gate>>>,
    /// By name and limits: workflows may each have an agent of the same name.
    agents: Mutex<HashMap<AgentName, AgentGates>>,
    health: Health,
    /// By the text of the schema: compiling one takes longer than all else in a call that is simulated.
    forms: Mutex<HashMap<String, AnswerForm>>,
    cassette: Option<Arc<Cassette>>,
}

/// A call to be made.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The model that is asked.
    pub model: &'a ModelRef,
    /// How much its agent may ask.
    pub agent_limits: CallLimits,
    /// How long it may take; waiting for its turn does not count.
    pub timeout: Duration,
    /// How long it waits, in all, for the breaker of a model that is left alone; zero where another model can be asked instead.
    pub patience: Duration,
    /// What is asked.
    pub request: &'a ChatRequest,
    /// Is set when the call leaves the process: until then, it may be given up without a loss.
    pub out: Option<&'a AtomicBool>,
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
            all: Gate::new(CallLimits { max_concurrent: settings.max_concurrent, ..CallLimits::default() }, CALLS),
            settings,
            gates: Mutex::default(),
            agents: Mutex::default(),
            health: Health::default(),
            forms: Mutex::default(),
            cassette: None,
        }
    }

    /// The same models, of which what is asked is recorded in `cassette`, or played from it. What is played has no limits, and what it
    /// has recorded says nothing about the health of models now.
    #[must_use]
    pub fn with_cassette(self, cassette: Arc<Cassette>) -> Self {
        Self { cassette: Some(cassette), ..self }
    }

    /// The cassette.
    #[must_use]
    pub fn cassette(&self) -> Option<&Arc<Cassette>> {
        self.cassette.as_ref()
    }

    /// The same models, before anything is known of them, with the time of `clock` for their breakers.
    #[must_use]
    pub fn with_clock(self, clock: SharedClock) -> Self {
        Self { health: Health::with_clock(clock), ..self }
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

    /// How many tokens could be added to `request` if `model` were asked it; `None` when its window is not known.
    pub(super) fn room_beside(&self, model: &ModelRef, request: &ChatRequest) -> Option<usize> {
        window::room_beside(self.providers.get(&model.provider)?.as_ref(), model, request)
    }

    /// Shares what is found out about the health of models with all processes that have `store`.
    pub fn share_health(&self, store: &Arc<dyn Store>) {
        self.health.share_through(store);
    }

    /// Whether a call of `model` that failed may be made again. Counts the retry: at most a fifth of the calls of a model are, and
    /// one per second at least.
    #[must_use]
    pub fn may_retry(&self, model: &ModelRef) -> bool {
        self.health.may_retry(model)
    }

    /// Makes one call, as soon as the rates of its agent and its provider and the calls in flight let it; or takes what came of it from
    /// the cassette.
    ///
    /// `on_text` is told each piece of the answer, `on_notice` what happens around the call. No place among the calls in flight is
    /// held while it waits for a rate.
    ///
    /// # Errors
    /// `ContextLength`, before anything is asked, when the call is too long for the model; those of [`Provider::chat`]; `Timeout`;
    /// `CircuitOpen` when the model is left alone; `Unrecorded` when the cassette does not have it and nobody may be asked.
    pub async fn call(&self, call: Call<'_>, on_text: &OnText<'_>, on_notice: &OnNotice<'_>) -> Result<Called> {
        let provider = self.provider(call.model)?;
        window::check(provider.as_ref(), call.model, call.request)?;
        let Some(cassette) = &self.cassette else { return self.ask(provider, call, on_text, on_notice).await };
        if let Some(played) = cassette.answer(call.model, call.request)? {
            let response = played.outcome?;
            on_text(&response.content);
            return Ok(Called { response, cost: played.cost, duration: Duration::ZERO });
        }
        let called = self.ask(provider, call, on_text, on_notice).await;
        let duration = called.as_ref().map(|called| called.duration).unwrap_or_default();
        let came = called.map(|called| (called.response, called.cost));
        cassette.keep(call.model, call.request, came).map(|(response, cost)| Called { response, cost, duration })
    }

    /// Really asks.
    async fn ask(
        &self,
        provider: &Arc<dyn Provider>,
        call: Call<'_>,
        on_text: &OnText<'_>,
        on_notice: &OnNotice<'_>,
    ) -> Result<Called> {
        let reserved = tokens_of(call.request);
        let agent = self.agent(call);
        let turn = Turn { call, on_notice };
        if provider.is_simulated() {
            turn.wait("rate limit", agent.reserve(reserved)).await;
            let _place = turn.hold(agent.place()).await?;
            let called = ask(provider.as_ref(), call, on_text).await;
            agent.settle(reserved, &called);
            return called;
        }
        let gate = self.gate(&call.model.provider);
        let policy = self.limits(&call.model.provider).breaker;
        let target = self.health.target(call.model, || provider.address(), policy);
        let tell_wait = |wait| turn.tell_wait("breaker", wait);
        let mut patience = Patience::new(call.patience, &tell_wait);
        while let Err(refused) = self.health.look(&target, call.model).await {
            patience.outwait(refused).await?;
        }
        let for_agent = agent.reserve(reserved);
        let for_provider = gate.reserve(reserved).max(target.pace.reserve(Instant::now()));
        turn.wait("rate limit", for_agent.max(for_provider)).await;
        let (_places, (admitted, change)) = loop {
            turn.wait("pause", target.pace.pause(Instant::now())).await;
            let places = turn.hold(self.places(&agent, &gate)).await?;
            if !target.pace.pause(Instant::now()).is_zero() {
                continue;
            }
            match self.health.admit(&target, call.model, call.timeout.saturating_mul(2)).await {
                Ok(admitted) => break (places, admitted),
                Err(refused) => {
                    drop(places);
                    patience.outwait(refused).await?;
                }
            }
        };
        turn.tell(change);
        crash_point!("call.permitted");
        let made_at = Instant::now();
        let called = ask(provider.as_ref(), call, on_text).await;
        turn.tell(admitted.report(called.as_ref().err()).await);
        for gate in [&agent, &gate] {
            gate.settle(reserved, &called);
        }
        if let Err(error) = &called {
            slow_down(error, made_at, &gate, &target);
        }
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

    fn agent(&self, call: Call<'_>) -> Arc<Gate> {
        let limits = call.agent_limits;
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let gates = match agents.get_mut(&call.request.origin.agent) {
            Some(gates) => gates,
            None => agents.entry(call.request.origin.agent.clone()).or_default(),
        };
        if let Some((_, known)) = gates.by_limits.iter().find(|(known, _)| *known == limits) {
            return Arc::clone(known);
        }
        let gate = Arc::new(Gate::new(limits, u32::MAX));
        gate.set_places(gates.places);
        gates.by_limits.push((limits, Arc::clone(&gate)));
        gate
    }

    /// Sets how many calls of agents called `agent` may be in flight at once, also for calls that wait already; `None` is as many as
    /// each was made for. Calls in flight beyond that go to their end.
    pub fn set_places(&self, agent: &AgentName, places: Option<u32>) {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let gates = agents.entry(agent.clone()).or_default();
        gates.places = places;
        gates.by_limits.iter().for_each(|(_, gate)| gate.set_places(places));
    }

    fn limits(&self, provider: &ProviderName) -> ProviderLimits {
        self.settings.providers.get(provider).copied().unwrap_or_default()
    }

    fn gate(&self, provider: &ProviderName) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Gate::new(self.limits(provider).calls, CALLS_PER_PROVIDER));
        gates.entry(provider.clone()).or_insert_with(new).clone()
    }

    /// A place among the calls of the agent, of the provider, and among all.
    async fn places<'a>(&'a self, agent: &'a Gate, provider: &'a Gate) -> Result<[Place<'a>; 3]> {
        Ok([agent.place().await?, provider.place().await?, self.all.place().await?])
    }
}

/// A call that waits for its turn, and tells how long.
struct Turn<'a> {
    call: Call<'a>,
    on_notice: &'a OnNotice<'a>,
}

impl Turn<'_> {
    async fn wait(&self, reason: &'static str, duration: Duration) {
        if !duration.is_zero() {
            self.tell_wait(reason, duration);
            tokio::time::sleep(duration).await;
        }
    }

    /// Waits for places among the calls in flight.
    async fn hold<T>(&self, places: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let places = places.await;
        self.tell_wait("permit", begun.elapsed());
        places
    }

    fn tell_wait(&self, reason: &'static str, duration: Duration) {
        if duration >= WORTH_TELLING {
            let ordinal = self.call.request.origin.ordinal;
            (self.on_notice)(Notice::Waited { ordinal, model: self.call.model.clone(), reason, duration });
        }
    }

    fn tell(&self, change: Option<Change>) {
        if let Some(change) = change {
            (self.on_notice)(Notice::of(self.call.model, change));
        }
    }
}

/// Asks less when the server says that a call was too much. Where no rate is set, one is learned for the model.
fn slow_down(error: &Error, made_at: Instant, gate: &Gate, target: &Target) {
    let now = Instant::now();
    if error.kind() == ErrorKind::Throttle && !gate.slow_down(made_at) {
        target.pace.slow_down(now, made_at);
    }
    if let (ErrorKind::Throttle | ErrorKind::Overloaded, Some(delay)) = (error.kind(), error.requested_delay()) {
        target.pace.pause_for(now, delay);
    }
}

/// Asks within the time limit and puts a price on the answer.
async fn ask(provider: &dyn Provider, call: Call<'_>, on_text: &OnText<'_>) -> Result<Called> {
    let Call { model, timeout, request, out, .. } = call;
    if let Some(out) = out {
        out.store(true, Ordering::Relaxed);
    }
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
    estimated_tokens(bytes, request.max_tokens).tokens() as f64
}
