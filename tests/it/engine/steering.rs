//! Agents and runs that people steer while they go on: held, let go on, set to something else, ended.

mod agents;
mod cancelled;
mod paused;
mod replayed;
mod settings;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentflow::{
    Result,
    agent::{AgentChange, Tools, change_agent},
    engine::{ask_run, read_run},
    model::{
        AgentMode, AgentName, AgentOverrides, ChatRequest, ChatResponse, Effect, Event, EventBody, FinishReason, Price, RunWish,
        ToolRequest, Usage,
    },
    provider::{OnText, Provider},
    tool::{Policy, Rules, Tool, Toolbox},
};
use async_trait::async_trait;
use serde_json::json;
use tokio::time::sleep;

use super::flow::Flow;
use crate::tool::probe::Probe;

/// How long a call takes.
const CALL: Duration = Duration::from_secs(10);
/// The rules under which `read_file` may be called.
const DOCS: &str = "fs:read:docs/**";

/// A model that takes its time, remembers what it was asked, and calls a tool before it answers where it has one.
#[derive(Debug, Default)]
struct Team {
    asked: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most: AtomicUsize,
    /// How many turns of an agent with tools are calls of a tool.
    turns: u32,
}

/// Counts a call until it is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Provider for Team {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        let origin = &request.origin;
        let heat = request.temperature.map(|heat| format!(" at {heat}")).unwrap_or_default();
        self.asked.lock().unwrap().push(format!("{}#{} {}{heat}", origin.node, origin.ordinal, request.model));
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        let _one = InFlight(&self.in_flight);
        sleep(CALL).await;
        let calls = !request.tools.is_empty() && origin.ordinal < self.turns;
        let call = ToolRequest {
            id: format!("c{}", origin.ordinal),
            name: "read_file".to_owned(),
            arguments: json!({"n": origin.ordinal}).to_string(),
        };
        Ok(ChatResponse {
            content: format!("{} {}", origin.node, origin.ordinal),
            tool_requests: if calls { vec![call] } else { Vec::new() },
            finish: if calls { FinishReason::ToolRequests } else { FinishReason::Stop },
            usage: Some(Usage { input_tokens: 10, cached_tokens: 0, output_tokens: 5 }),
            model: request.model.clone(),
        })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        Some(Price { input: 1.0, cached_input: None, output: 1.0 })
    }
}

/// A run, and what it is steered with.
struct Scene {
    flow: Flow,
    team: Arc<Team>,
    read: Arc<Probe>,
}

impl Scene {
    fn new(yaml: &str) -> Self {
        Self::with_turns(yaml, 0)
    }

    fn with_turns(yaml: &str, turns: u32) -> Self {
        Self::reading(yaml, turns, Probe::new("read_file", Effect::Read))
    }

    /// With `read` as the tool.
    fn reading(yaml: &str, turns: u32, read: Probe) -> Self {
        let (team, read) = (Arc::new(Team { turns, ..Team::default() }), Arc::new(read));
        let mut toolbox = Toolbox::default();
        toolbox.add(Arc::clone(&read) as Arc<dyn Tool>);
        let rules = Rules { allow: vec![DOCS.parse().unwrap()], ask: Vec::new(), deny: Vec::new() };
        let flow = Flow::new(yaml).provider(team.clone());
        let flow = if flow.plan.delegates.is_empty() {
            flow.tools(Tools::new(toolbox, Policy::new(rules), BTreeMap::new()))
        } else {
            flow.toolbox(toolbox, rules)
        };
        Self { flow, team, read }
    }

    /// What models were asked so far: `node#ordinal model`, with the temperature if there is one.
    fn asked(&self) -> Vec<String> {
        self.team.asked.lock().unwrap().clone()
    }

    async fn events(&self) -> Vec<Event> {
        read_run(&self.flow.store, self.flow.run).await.map(|run| run.events).unwrap_or_default()
    }

    /// Waits until the log has an event such as `attempt_started one`.
    async fn seen(&self, event: &str) {
        while !told(&self.events().await).iter().any(|told| told == event) {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until models have been asked so often.
    async fn asked_so_often(&self, times: usize) {
        while self.asked().len() < times {
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn wish(&self, wish: RunWish) {
        ask_run(&self.flow.store, self.flow.run, wish, "ada").await.unwrap();
    }

    async fn to(&self, agent: &str, mode: AgentMode) {
        self.change(agent, &AgentChange::To(mode)).await;
    }

    async fn set(&self, agent: &str, overrides: AgentOverrides) {
        self.change(agent, &AgentChange::Set(overrides)).await;
    }

    async fn change(&self, agent: &str, change: &AgentChange) {
        change_agent(&self.flow.store, &AgentName::new(agent).unwrap(), change, "ada").await.unwrap();
    }
}

fn heat(temperature: f64) -> AgentOverrides {
    AgentOverrides { temperature: Some(temperature), ..AgentOverrides::default() }
}

/// `run_paused`, `agent_paused writer`, `attempt_started one`, ….
fn told(events: &[Event]) -> Vec<String> {
    let of = |event: &Event| {
        let agent = match &event.body {
            EventBody::AgentChanged { agent, .. } => Some(agent),
            body => body.agent_mode().map(|(agent, ..)| agent),
        };
        let about = agent.map(agentflow::model::AgentName::as_str).or(event.body.node().map(agentflow::model::NodePath::as_str));
        about.map_or_else(|| event.body.kind().to_owned(), |about| format!("{} {about}", event.body.kind()))
    };
    events.iter().map(of).collect()
}

/// How often an event is in the log.
fn times(events: &[Event], what: &str) -> usize {
    told(events).iter().filter(|told| *told == what).count()
}
