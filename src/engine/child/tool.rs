//! The tool that stands for another agent or workflow.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, json};

use super::{Runner, meter::Counting};
use crate::{
    engine::{Ending, RecordedRun, RunOptions, Stop, read_run},
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, EventBody, Parent, RunId, RunStatus, ToolName, ToolSpec, Value},
    plan::{GraphPlan, NodeKind, Plan},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput, mentioned},
};

/// How long a call may take, unless the manifest says otherwise.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Calls an agent or a workflow by a run of its own.
#[derive(Debug)]
pub(super) struct Delegate {
    spec: ToolSpec,
    plan: Arc<Plan>,
    settings: Value,
    env: BTreeMap<String, String>,
    runner: Arc<Runner>,
    is_untrusted: bool,
}

impl Delegate {
    pub(super) fn new(
        name: &ToolName,
        plan: &Arc<Plan>,
        settings: Value,
        env: BTreeMap<String, String>,
        runner: Arc<Runner>,
    ) -> Self {
        let spec = ToolSpec {
            name: name.clone(),
            description: description(name, plan),
            parameters: parameters(plan),
            effect: Effect::Idempotent,
        };
        Self { spec, plan: Arc::clone(plan), settings, env, runner, is_untrusted: has_tools(&plan.graph) }
    }

    /// Begins the run, goes on with it, or takes what came of it. A run that has ended needs no plan.
    async fn drive(&self, run: RunId, options: RunOptions, observer: Arc<Counting>) -> Result<Option<Ending>> {
        let engine = self.runner.engine()?;
        let plan = Arc::clone(&self.plan);
        let result = match read_run(engine.store(), run).await {
            Ok(recorded) => {
                recorded.events.iter().for_each(|event| observer.take(event));
                if let Some(ending) = ending(&recorded) {
                    return Ok(Some(ending));
                }
                engine.resume(plan, options, observer, Stop::default()).await?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => engine.run(plan, options, observer, Stop::default()).await?,
            Err(error) => return Err(error),
        };
        let has_ended = matches!(result.status, RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled);
        Ok(has_ended.then_some(Ending { status: result.status, outputs: result.outputs, error: result.error }))
    }

    /// What is told of a run that has ended.
    fn told(&self, run: RunId, ending: Ending) -> Result<ToolOutput> {
        let name = &self.spec.name;
        if ending.status == RunStatus::Succeeded {
            let mut outputs = ending.outputs;
            let value = match name.agent() {
                Some(_) => outputs.pop().map(|(_, answer)| answer).unwrap_or_default(),
                None => Value::Object(outputs.into_iter().collect()),
            };
            return Ok(ToolOutput::new(value));
        }
        let (kind, why) = match ending.error {
            // What a cassette does not have is told as it is: the caller ends as well.
            Some(error) if error.kind == ErrorKind::Unrecorded => return Err(error.into()),
            // Whatever it was, the same run is not made again; and a budget that was its own is not that of the caller.
            Some(error) => (if error.kind == ErrorKind::Denied { error.kind } else { ErrorKind::Request }, error.message),
            None => (ErrorKind::Cancelled, "it was cancelled".to_owned()),
        };
        Err(Error::new(kind, format!("`{name}` failed: {why}")).hint(format!("look at it with: agentflow runs show {run}")))
    }
}

#[async_trait]
impl Tool for Delegate {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn is_untrusted(&self) -> bool {
        self.is_untrusted
    }

    fn usual_timeout(&self) -> Duration {
        TIMEOUT
    }

    /// A simulated model answers in its run as well.
    fn is_safe_to_simulate(&self) -> bool {
        true
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        // What is given to a run is recorded, and so no secret may be among it.
        if let Some(secret) = mentioned(arguments).first() {
            let message = format!("the secret `{secret}` cannot be handed to `{}`", self.spec.name);
            return Err(Error::new(ErrorKind::Invalid, message).hint("have it use the secret by itself"));
        }
        Ok(Vec::new())
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let name = &self.spec.name;
        let Some(caller) = context.caller else {
            return Err(Error::new(ErrorKind::Invalid, format!("`{name}` can be called in runs only")));
        };
        let Value::Object(given) = call.into_inner().arguments else {
            return Err(Error::new(ErrorKind::Invalid, format!("`{name}` is called with names and values")));
        };
        let run = caller.run.child(context.idempotency_key);
        let parent = Parent { run: caller.run, node: caller.node.clone(), step: caller.step, tool: name.clone() };
        let options = RunOptions {
            run,
            settings: self.settings.clone(),
            env: self.env.clone(),
            parent: Some(parent),
            ..RunOptions::new(self.plan.complete_inputs(given.into_iter().collect())?)
        };
        let waits = |why: &str| {
            Error::new(ErrorKind::Waiting, format!("run {run} of `{name}` {why}"))
                .hint(format!("see what it asks with: agentflow approve {run}"))
        };
        match Box::pin(self.drive(run, options, Arc::new(Counting(caller.meter.clone())))).await {
            Ok(Some(ending)) => self.told(run, ending),
            Ok(None) => Err(waits("waits for a person")),
            // Somebody else works on it, or it cannot be recorded just now: it is gone on with when its caller is.
            Err(error) if can_go_on_later(error.kind()) => Err(waits("cannot go on at present").source(error)),
            Err(error) => Err(error),
        }
    }
}

fn can_go_on_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Locked | ErrorKind::Fenced | ErrorKind::Conflict | ErrorKind::StoreUnavailable)
}

/// How a run has ended, if it has.
fn ending(recorded: &RecordedRun) -> Option<Ending> {
    match &recorded.events.last()?.body {
        EventBody::RunFinished { status, outputs, error, .. } => {
            Some(Ending { status: *status, outputs: outputs.clone(), error: error.clone() })
        }
        _ => None,
    }
}

fn description(name: &ToolName, plan: &Plan) -> String {
    let own = plan.description.as_deref().map(|text| format!("{} ", text.trim())).unwrap_or_default();
    match name.agent() {
        Some(agent) => format!("{own}Hands a task to the agent `{agent}` and gives its answer. It sees nothing but the task."),
        None => format!("{own}Runs the workflow `{}` and gives its outputs.", plan.name),
    }
}

/// JSON Schema of the inputs.
fn parameters(plan: &Plan) -> Value {
    let property = |(name, input): (&String, &crate::plan::InputPlan)| {
        let mut schema = input.schema.clone();
        if let Some(fields) = schema.as_object_mut() {
            let more = [("description", input.description.clone().map(Value::from)), ("default", input.default.clone())];
            fields.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        }
        (name.clone(), schema)
    };
    let properties: Map<_, _> = plan.inputs.iter().map(property).collect();
    let required: Vec<_> = plan.inputs.iter().filter(|(_, input)| input.default.is_none()).map(|(name, _)| name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// Whether something in a graph is told by tools what strangers may have written.
fn has_tools(graph: &GraphPlan) -> bool {
    graph.nodes.iter().any(|node| match &node.kind {
        NodeKind::Agent(agent) => !agent.tools.is_empty(),
        NodeKind::Tool(_) => true,
        NodeKind::Graph(_) | NodeKind::Workflow { .. } => node.inside().is_some_and(|inside| has_tools(inside)),
        NodeKind::Value(_)
        | NodeKind::StandIn { .. }
        | NodeKind::Approval(_)
        | NodeKind::Wait(_)
        | NodeKind::Send(_)
        | NodeKind::Receive(_) => false,
    })
}
