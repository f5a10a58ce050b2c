//! Carries a [`Turn`] through: asks the model what the machine wants to know, or takes the answer from the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;

use crate::{
    agent::{
        Call, CallLimits, CallRecord, Called, ConversationTask, Entry, Journal, MemoryTask, Models, Recorded, Step, Tools, Turn,
        conversation::{self, Budget, Opening, Steps},
        fingerprint, memory,
        tools::{Around, Performed, ToolStep, told},
    },
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{
        AgentOverrides, AgentProfile, CallOrigin, ChatMessage, ChatRequest, ModelRef, NodePath, OnAmbiguous, RunId, StepId,
        ToolPattern, ToolRequest, ToolSpec, Value,
    },
    tool::{Grants, Tool},
};

/// What an agent is asked to do in one attempt of a node.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// The run.
    pub run: RunId,
    /// The node instance.
    pub node: &'a NodePath,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The agent; of it, only the name, `max_concurrent` and the rates are read here.
    pub agent: &'a AgentProfile,
    /// The model.
    pub model: &'a ModelRef,
    /// The models whose recorded answers may be taken: those of the whole chain of fallbacks.
    pub chain: Vec<&'a ModelRef>,
    /// How long it waits for the breaker of the model, while that is left alone.
    pub patience: Duration,
    /// The system prompt, rendered.
    pub system: Option<String>,
    /// The prompt, rendered.
    pub prompt: String,
    /// JSON Schema of the answer; text when absent.
    pub output: Option<&'a Value>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f64>,
    /// The most tokens of one answer.
    pub max_tokens: Option<u32>,
    /// The most model calls, repair turns included.
    pub max_turns: u32,
    /// The tools it may ask for.
    pub tools: &'a [ToolPattern],
    /// What calls of tools are held to.
    pub grants: &'a Arc<Grants>,
    /// What is done about calls of which nobody knows whether they were made; `None` leaves it to the tool's settings.
    pub on_ambiguous: Option<OnAmbiguous>,
    /// By what the placeholders of secrets in the run are made.
    pub secret_key: &'a str,
    /// How long one call may take.
    pub call_timeout: Duration,
    /// The search whose results go into the prompt.
    pub recall: Option<MemoryTask<'a>>,
    /// Where prompt and answer are put.
    pub remember: Option<MemoryTask<'a>>,
    /// The conversation that it goes on with.
    pub conversation: Option<ConversationTask>,
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Answered {
    /// The answer, or why there is none.
    pub outcome: Result<Value>,
    /// The last answered call, when it is not in the log yet: to be recorded together with the outcome.
    pub last_call: Option<CallRecord>,
    /// What was overlooked to get the answer, in words for people.
    pub notes: Vec<String>,
}

/// Makes one attempt at `task`.
///
/// `recorded` is what the log has of this conversation: its answers and results are taken, never asked for again. Makes no retries;
/// a failed call of a model ends the attempt, a failed call of a tool is told to the model. Dropping the future ends the calls
/// under way.
///
/// # Errors
/// In `outcome`: those of [`Models::call`] and of listing the tools; `Schema` with the raw text when the answer cannot be used;
/// `Refused`; `Budget` when the turns are used up; `Waiting` when a person has to decide about a call first; `Divergent` when the log
/// holds an answer to another question; those of the journal.
pub async fn drive(task: Task<'_>, models: &Models, tools: &Tools, recorded: &Recorded, journal: &dyn Journal) -> Answered {
    let mut attempt = Attempt { task, models, tools, offered: Vec::new(), recorded, journal, pending: None };
    let outcome = Box::pin(attempt.run()).await;
    let last_call = attempt.pending;
    match outcome {
        Ok((value, notes)) => Answered { outcome: Ok(value), last_call, notes },
        Err(error) => Answered { outcome: Err(error), last_call, notes: Vec::new() },
    }
}

/// An attempt under way.
struct Attempt<'a> {
    task: Task<'a>,
    models: &'a Models,
    tools: &'a Tools,
    /// The tools the model is told of.
    offered: Vec<Arc<dyn Tool>>,
    recorded: &'a Recorded,
    journal: &'a dyn Journal,
    /// The last answer, which is not in the log yet.
    pending: Option<CallRecord>,
}

impl Attempt<'_> {
    async fn run(&mut self) -> Result<(Value, Vec<String>)> {
        let form = self.models.form(self.task.output)?;
        self.offered = self.tools.select(self.task.tools).await?;
        let specs: Vec<ToolSpec> = self.offered.iter().map(|tool| tool.spec().clone()).collect();
        let (system, prompt) = (self.task.system.take(), self.prompt().await?);
        let turn = Turn::new(system, prompt, form, self.task.max_turns);
        let mut opening = self.opening(&turn, &specs).await?;
        let mut turn = turn.after(opening.note.take(), std::mem::take(&mut opening.earlier));
        loop {
            match turn.step() {
                Step::Done(answer) => {
                    let answer = answer?;
                    self.remember(&answer.value).await?;
                    let mut notes = std::mem::take(&mut opening.notes);
                    notes.extend(answer.notes);
                    notes.extend(self.go_on(&answer.value, &opening).await?);
                    return Ok((answer.value, notes));
                }
                Step::CallModel(messages) => {
                    let settings = self.settings_of(turn.turns());
                    let request = self.request(messages, &specs, &turn, &settings);
                    self.call_model(request, settings, &mut turn).await?;
                }
                Step::CallTools(requests) => {
                    let results = self.call_tools(turn.turns() - 1, requests).await?;
                    turn.take_results(results);
                }
            }
        }
    }

    /// The prompt, with what memory has about it.
    async fn prompt(&self) -> Result<String> {
        let prompt = self.task.prompt.clone();
        match self.task.recall {
            Some(recall) => memory::with_passages(prompt, recall, self.around(), self.tools, self.recorded, self.journal).await,
            None => Ok(prompt),
        }
    }

    /// Keeps what was asked and answered, where the task says so.
    async fn remember(&mut self, answer: &Value) -> Result<()> {
        let Some(remember) = self.task.remember else { return Ok(()) };
        self.keep_answer();
        let said = (self.task.prompt.as_str(), answer);
        memory::remember(said, remember, self.around(), self.tools, self.recorded, self.journal).await
    }

    /// What was said before, where the task goes on with a conversation: as much as fits beside the request that `turn` begins with.
    async fn opening(&self, turn: &Turn, specs: &[ToolSpec]) -> Result<Opening> {
        let (Some(task), Step::CallModel(messages)) = (&self.task.conversation, turn.step()) else {
            return Ok(Opening::default());
        };
        let request = self.request(messages, specs, turn, &self.settings_of(turn.turns()));
        let left = self.task.chain.iter().filter_map(|model| self.models.room_beside(model, &request)).min();
        let models = self.task.chain.iter().map(|model| model.model.clone()).collect();
        conversation::open(task, Budget { left, models }, &self.steps()).await
    }

    /// Adds what was asked and answered to the conversation, where the task goes on with one.
    async fn go_on(&mut self, answer: &Value, opening: &Opening) -> Result<Vec<String>> {
        if self.task.conversation.is_some() {
            self.keep_answer();
        }
        let Some(task) = &self.task.conversation else { return Ok(Vec::new()) };
        let said = (self.task.prompt.as_str(), answer);
        conversation::go_on(task, said, opening, &self.task.model.model, &self.steps()).await
    }

    /// Has the last answer kept before what follows it.
    fn keep_answer(&mut self) {
        if let Some(answer) = self.pending.take() {
            self.journal.note(Entry::Answer(answer));
        }
    }

    fn steps(&self) -> Steps<'_> {
        Steps { tools: self.tools, around: self.around(), recorded: self.recorded, journal: self.journal }
    }

    fn around(&self) -> Around<'_> {
        Around {
            run: self.task.run,
            node: self.task.node,
            grants: self.task.grants,
            on_ambiguous: self.task.on_ambiguous,
            secret_key: self.task.secret_key,
        }
    }

    /// What the agent is set to for call `ordinal`: what it was set to then, when the log has its answer.
    fn settings_of(&self, ordinal: u32) -> AgentOverrides {
        self.recorded.call(ordinal).map_or_else(|| self.journal.overrides(), |known| known.overrides.clone())
    }

    fn request(&self, messages: &[ChatMessage], tools: &[ToolSpec], turn: &Turn, settings: &AgentOverrides) -> ChatRequest {
        let task = &self.task;
        ChatRequest {
            origin: CallOrigin {
                run: task.run,
                node: task.node.clone(),
                agent: task.agent.name.clone(),
                attempt: task.attempt,
                ordinal: turn.turns(),
            },
            model: settings.model.as_ref().unwrap_or(task.model).model.clone(),
            messages: messages.to_vec(),
            tools: tools.to_vec(),
            output: turn.output().cloned(),
            temperature: settings.temperature.or(task.temperature),
            max_tokens: task.max_tokens,
        }
    }

    /// Asks the model, or takes its answer from the log.
    async fn call_model(&mut self, request: ChatRequest, settings: AgentOverrides, turn: &mut Turn) -> Result<()> {
        let (task, ordinal) = (&self.task, turn.turns());
        if let Some(call) = self.pending.take() {
            self.journal.record(Entry::Answer(call)).await?;
        }
        let model = settings.model.as_ref().unwrap_or(task.model);
        if let Some(known) = self.recorded.call(ordinal) {
            // An answer of the model before in the chain is as good as one of this, and so is one of a model that somebody set.
            let asked = task.chain.iter().copied().chain(&settings.model).find(|model| model.to_string() == known.model);
            if asked.is_none_or(|model| known.fingerprint != fingerprint(model, &request)) {
                return Err(divergent(task.node, known, model));
            }
            turn.take(&known.response);
            crash_point!("replay.answer-taken");
            return Ok(());
        }
        self.journal.on_call(ordinal);
        crash_point!("call.before");
        crash_point!("call.before-repair" if ordinal > 0);
        let called = self.ask(model, &request).await?;
        crash_point!("call.answered");
        turn.take(&called.response);
        self.pending = Some(CallRecord {
            ordinal,
            model: model.to_string(),
            fingerprint: fingerprint(model, &request),
            response: called.response,
            cost: called.cost,
            duration_ms: u64::try_from(called.duration.as_millis()).unwrap_or(u64::MAX),
            overrides: settings,
        });
        Ok(())
    }

    /// Makes one call of the model. One that waits for its turn is given up when nothing new may be begun; one that is out is not.
    async fn ask(&self, model: &ModelRef, request: &ChatRequest) -> Result<Called> {
        let (task, journal) = (&self.task, self.journal);
        let agent_limits = CallLimits { max_concurrent: task.agent.max_concurrent, rates: task.agent.rates };
        let out = AtomicBool::new(false);
        let call = Call { model, agent_limits, timeout: task.call_timeout, patience: task.patience, request, out: Some(&out) };
        let held = async {
            let why = journal.held().await;
            if out.load(Ordering::Relaxed) { std::future::pending().await } else { why }
        };
        let (on_text, on_notice) = (|text: &str| journal.on_text(text), |notice| journal.on_notice(notice));
        tokio::select! {
            biased;
            why = held => Err(why),
            called = self.models.call(call, &on_text, &on_notice) => called,
        }
    }

    /// Makes the calls that an answer asks for, all at once; returns what the model is told of each, in order.
    async fn call_tools(&mut self, turn: u32, requests: &[ToolRequest]) -> Result<Vec<String>> {
        self.keep_answer();
        let around = self.around();
        let steps = requests.iter().zip(0..).map(|(request, index)| {
            let step = self.step(StepId { turn, index }, request);
            self.tools.perform(step, around, self.recorded, self.journal)
        });
        let mut results = Vec::with_capacity(requests.len());
        let mut waits = false;
        for performed in join_all(steps).await {
            match performed? {
                Performed::Result(result) => results.push(told(&result)),
                Performed::Waits => waits = true,
            }
        }
        if waits {
            return Err(Error::new(ErrorKind::Waiting, "a person has to decide about a call of a tool first"));
        }
        Ok(results)
    }

    fn step(&self, id: StepId, request: &ToolRequest) -> ToolStep {
        let tool = self.offered.iter().find(|tool| tool.spec().name.wire() == request.name).cloned();
        let tool = tool.ok_or_else(|| (request.name.clone(), self.unknown_tool(&request.name)));
        let text = if request.arguments.trim().is_empty() { "{}" } else { &request.arguments };
        let arguments = serde_json::from_str(text).map_err(|error| {
            let problem = Error::new(ErrorKind::Invalid, format!("the arguments are no JSON: {error}"));
            (Value::String(request.arguments.clone()), problem)
        });
        ToolStep { id, tool, arguments }
    }

    fn unknown_tool(&self, name: &str) -> Error {
        let names: Vec<_> = self.offered.iter().map(|tool| format!("`{}`", tool.spec().name.wire())).collect();
        let there_are =
            if names.is_empty() { "there are no tools".to_owned() } else { format!("the tools are {}", names.join(", ")) };
        Error::new(ErrorKind::NotFound, format!("there is no tool `{}`; {there_are}", name.escape_debug()))
    }
}

/// The log answers another question than the one that is asked now.
fn divergent(node: &NodePath, known: &CallRecord, model: &ModelRef) -> Error {
    let ordinal = known.ordinal;
    let what =
        if known.model == model.to_string() { "another request".to_owned() } else { format!("a request to `{}`", known.model) };
    Error::new(
        ErrorKind::Divergent,
        format!("node `{node}`: the log holds the answer to {what} as call {ordinal} of this attempt"),
    )
    .hint("the run was recorded with another prompt, model, schema or tools; begin a new run to use the changed ones")
}
