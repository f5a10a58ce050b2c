//! One attempt of a node that asks an agent or calls a tool, as a task of its own; it speaks to the scheduler by messages only.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    observer::{Observer, Progress},
    rehearsal::{Rehearsed, StandIns},
    scheduler::Rein,
    state::{Brief, InstanceId, Job, Start},
};
use crate::{
    agent::{Answered, Entry, Journal, MemoryTask, Models, Notice, Recorded, Seal, Task, ToolTask, Tools, call_tool, drive},
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{AgentOverrides, NodePath, RunId, ToolResult, Value},
    plan::{AgentNode, NodeKind},
    tool::{Grants, messages::MailboxRequest},
};

/// What an attempt tells while it goes on.
#[expect(clippy::large_enum_variant, reason = "most of what is told is of the large kind")]
pub(super) enum Told {
    /// Something that the log is to keep.
    Kept {
        entry: Entry,
        /// Told when it is durable, or why the attempt must end.
        recorded: Option<oneshot::Sender<Result<()>>>,
    },
    /// Something happened around a call.
    Noticed(Notice),
    /// Something is asked of the mailboxes of the run.
    Asked(Box<Asked>),
}

/// What is asked of the mailboxes of the run by a step of an attempt.
pub(super) struct Asked {
    pub(super) request: MailboxRequest,
    /// What names the step.
    pub(super) key: String,
    /// Makes the result of the step of the answer.
    pub(super) seal: Seal,
    /// Told the result.
    pub(super) answered: oneshot::Sender<ToolResult>,
    /// Told when it is durable, or why the attempt must end.
    pub(super) recorded: oneshot::Sender<Result<()>>,
}

/// Everything an attempt needs.
pub(super) struct Attempt {
    pub(super) run: RunId,
    pub(super) start: Start,
    pub(super) recorded: Recorded,
    pub(super) models: Arc<Models>,
    pub(super) tools: Arc<Tools>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) tell: mpsc::UnboundedSender<(InstanceId, Told)>,
    /// What stands in for nodes.
    pub(super) stand_ins: Option<Arc<dyn StandIns>>,
    /// How it is steered.
    pub(super) rein: watch::Receiver<Rein>,
}

impl Attempt {
    /// Runs to the end.
    pub(super) async fn run(self) -> Answered {
        crash_point!("attempt.begun");
        let journal = Traces { attempt: &self, node: &self.start.path };
        if let Some(outcome) = self.rehearse().await {
            return Answered { outcome, last_call: None, notes: vec!["mocked".to_owned()] };
        }
        match self.start.work.job() {
            Job::Agent { node, brief } => self.ask(node, brief, &journal).await,
            Job::Tool { node, arguments } => {
                let task = ToolTask {
                    run: self.run,
                    node: &self.start.path,
                    tool: &node.tool,
                    arguments: arguments.clone(),
                    output: node.output.as_deref(),
                    grants: &node.grants,
                    on_ambiguous: node.on_ambiguous,
                    secret_key: &self.start.secret_key,
                };
                call_tool(task, &self.tools, &self.recorded, &journal).await
            }
            Job::StandIn { of, .. } => {
                let text = format!("nothing stands in for the work of this node, which is `{}`", of.word());
                Answered { outcome: Err(Error::new(ErrorKind::Internal, text)), last_call: None, notes: Vec::new() }
            }
        }
    }

    /// What comes of the attempt in a rehearsal, if something stands in for the node.
    async fn rehearse(&self) -> Option<Result<Value>> {
        let stand_ins = self.stand_ins.as_ref()?;
        let mut given = Rehearsed {
            run: self.run,
            node: &self.start.path,
            attempt: self.start.attempt,
            is_mocked: false,
            agent: None,
            model: self.start.written.as_ref().or(self.start.model.as_ref()),
            system: None,
            prompt: None,
            tool: None,
            arguments: None,
        };
        let brief = match self.start.work.job() {
            Job::Agent { node, brief } => {
                given.agent = Some(&node.agent.name);
                Some(brief)
            }
            Job::Tool { node, arguments } => {
                (given.tool, given.arguments) = (Some(&node.tool), Some(arguments));
                None
            }
            Job::StandIn { of, brief, arguments } => {
                given.is_mocked = true;
                given.agent = of.agent().map(|node| &node.agent.name);
                given.tool = if let NodeKind::Tool(node) = of { Some(&node.tool) } else { None };
                given.arguments = arguments;
                brief
            }
        };
        given.system = brief.and_then(|brief| brief.system.as_deref());
        given.prompt = brief.map(|brief| brief.prompt.as_str());
        stand_ins.perform(given).await
    }

    async fn ask(&self, node: &AgentNode, brief: &Brief, journal: &Traces<'_>) -> Answered {
        let Some(model) = self.start.written.as_ref().or(self.start.model.as_ref()) else {
            let error = Error::new(ErrorKind::Invalid, format!("agent `{}` has no model", node.agent.name))
                .hint("give the agent a `model`, or `[defaults] model` in the manifest");
            return Answered { outcome: Err(error), last_call: None, notes: Vec::new() };
        };
        let task = Task {
            run: self.run,
            node: &self.start.path,
            attempt: self.start.attempt,
            agent: &node.agent,
            model,
            chain: node.models().collect(),
            patience: self.start.patience,
            system: brief.system.clone(),
            prompt: brief.prompt.clone(),
            output: node.output.as_deref(),
            temperature: node.temperature,
            max_tokens: node.max_tokens,
            max_turns: node.max_turns,
            tools: &node.tools,
            grants: &node.grants,
            on_ambiguous: node.on_ambiguous,
            secret_key: &self.start.secret_key,
            call_timeout: node.call_timeout,
            recall: memory_task(brief.recall.as_ref(), node.recall.as_ref().map(|recall| &recall.grants)),
            remember: memory_task(brief.remember.as_ref(), node.remember.as_ref().map(|remember| &remember.grants)),
            conversation: brief.conversation.clone(),
        };
        drive(task, &self.models, &self.tools, &self.recorded, journal).await
    }
}

fn memory_task<'a>(arguments: Option<&'a Value>, grants: Option<&'a Arc<Grants>>) -> Option<MemoryTask<'a>> {
    arguments.zip(grants).map(|(arguments, grants)| MemoryTask { arguments, grants })
}

/// The journal of an attempt: calls go to the log, pieces of text to the observer.
struct Traces<'a> {
    attempt: &'a Attempt,
    node: &'a NodePath,
}

#[async_trait]
impl Journal for Traces<'_> {
    async fn record(&self, entry: Entry) -> Result<()> {
        let (recorded, durable) = oneshot::channel();
        let gone = || Error::new(ErrorKind::Cancelled, "the run has ended");
        let told = Told::Kept { entry, recorded: Some(recorded) };
        self.attempt.tell.send((self.attempt.start.id, told)).map_err(|_| gone())?;
        durable.await.map_err(|_| gone())??;
        crash_point!("journal.told");
        Ok(())
    }

    fn note(&self, entry: Entry) {
        // A run that has ended keeps nothing more.
        self.attempt.tell.send((self.attempt.start.id, Told::Kept { entry, recorded: None })).ok();
    }

    async fn exchange(&self, request: MailboxRequest, key: &str, seal: Seal) -> Result<ToolResult> {
        let (answered, answer) = oneshot::channel();
        let (recorded, durable) = oneshot::channel();
        let gone = || Error::new(ErrorKind::Cancelled, "the run has ended");
        let told = Told::Asked(Box::new(Asked { request, key: key.to_owned(), seal, answered, recorded }));
        self.attempt.tell.send((self.attempt.start.id, told)).map_err(|_| gone())?;
        let result = answer.await.map_err(|_| gone())?;
        durable.await.map_err(|_| gone())??;
        crash_point!("messages.told");
        Ok(result)
    }

    fn on_call(&self, ordinal: u32) {
        self.attempt.observer.on_progress(self.attempt.run, &Progress::CallStarted { node: self.node, ordinal });
    }

    fn on_text(&self, text: &str) {
        self.attempt.observer.on_progress(self.attempt.run, &Progress::Text { node: self.node, text });
        crash_point!("call.text-shown");
    }

    fn on_notice(&self, notice: Notice) {
        // A run that has ended does not want to know.
        self.attempt.tell.send((self.attempt.start.id, Told::Noticed(notice))).ok();
    }

    fn overrides(&self) -> AgentOverrides {
        let overrides = self.attempt.rein.borrow().overrides.clone();
        if self.attempt.start.is_own_model { overrides } else { AgentOverrides { model: None, ..overrides } }
    }

    async fn held(&self) -> Error {
        let mut rein = self.attempt.rein.clone();
        let held = match rein.wait_for(|rein| rein.held().is_some()).await {
            Ok(rein) => rein.held(),
            // A run that has ended ends its attempts.
            Err(_) => None,
        };
        match held {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }
}
