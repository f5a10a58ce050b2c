//! What is to be done next, as far as the events so far tell.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::{
    RunState, Start,
    parts::{FrameId, Inner, InstanceId},
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{EventBody, NodeStatus, RunStatus, Value},
    plan::{GraphOutput, JoinMode, NodeKind, Plan, WaitNode},
    template::{Shared, TemplateTree},
};

/// What the scheduler has to do. Every event in it is to be appended and applied before the next step is asked for.
#[derive(Debug)]
pub(in crate::engine) enum Step {
    /// Append and apply this: a decision that needs no work.
    Record(Box<EventBody>),
    /// Append and apply the event, then run the attempt.
    Start(Box<Start>),
}

/// Whether a node runs, by its incoming edges.
enum Edges {
    Undecided,
    Taken,
    NotTaken,
}

impl RunState {
    /// The next thing to do at `now`, or `None` when something in flight has to end first.
    pub(in crate::engine) fn next_step(&mut self, now: Timestamp) -> Option<Step> {
        if self.ending.is_some() || self.frames.is_empty() || self.is_stopped() {
            return None;
        }
        loop {
            if let Some(body) = self.dead_letter(now) {
                return Some(Step::Record(Box::new(body)));
            }
            if let Some(id) = self.dirty.pop_front() {
                if let Some(body) = self.examine(id, now) {
                    // There may be more to do for it once this is applied.
                    self.dirty.push_front(id);
                    return Some(Step::Record(Box::new(body)));
                }
                continue;
            }
            self.wake_due(now);
            if !self.dirty.is_empty() {
                continue;
            }
            if let Some(step) = self.next_ready(now) {
                return Some(step);
            }
            if self.dirty.is_empty() {
                return self.examine_run().or_else(|| self.in_vain()).map(Box::new).map(Step::Record);
            }
        }
    }

    /// What there is to record of an instance, if anything.
    fn examine(&mut self, id: InstanceId, now: Timestamp) -> Option<EventBody> {
        let instance = self.instance(id);
        match instance.status {
            NodeStatus::Pending => self.examine_pending(id, now),
            NodeStatus::Running => match &instance.inner {
                Inner::Nothing if self.stands(id) => self.examine_standing(id, now),
                Inner::Nothing => self.examine_mail(id, now),
                Inner::Frame(frame) => self.examine_container(id, *frame, now),
                Inner::Elements(_) => self.examine_elements(id, now),
            },
            NodeStatus::Waiting if self.is_halted_at(id) => Some(EventBody::NodeCancelled { node: instance.path.clone() }),
            NodeStatus::Waiting if self.is_paused(id) && self.stands(id) => self.examine_standing(id, now),
            NodeStatus::Waiting
            | NodeStatus::Ready
            | NodeStatus::Succeeded
            | NodeStatus::Failed
            | NodeStatus::Skipped
            | NodeStatus::Cancelled => None,
        }
    }

    /// Whether the instance itself may not start any more.
    pub(super) fn is_halted_at(&self, id: InstanceId) -> bool {
        self.siblings_failed(id) || self.is_halted(self.instance(id).frame)
    }

    fn examine_pending(&mut self, id: InstanceId, now: Timestamp) -> Option<EventBody> {
        if self.is_halted_at(id) || self.instance(id).queued {
            return None;
        }
        // An attempt that a dead process left behind goes on, whatever its edges and conditions would say by now.
        if self.instance(id).element.is_some() || self.instance(id).attempt > 0 {
            return self.begin(id, now);
        }
        let skipped = |reason: &str| EventBody::NodeSkipped { node: self.path(id).clone(), reason: reason.to_owned() };
        match self.edges(id) {
            Ok(Edges::Undecided) => return None,
            Ok(Edges::NotTaken) => return Some(skipped("no edge to it was taken")),
            Ok(Edges::Taken) => {}
            Err(error) => return Some(self.failure(id, &error, now)),
        }
        if let Some(when) = &self.node(id).when {
            match when.is_true(&self.scope_at(id, when.references(), None)) {
                Ok(true) => {}
                Ok(false) => return Some(skipped("its `when` is false")),
                Err(error) => return Some(self.failure(id, &error.context("`when`"), now)),
            }
        }
        if self.is_mapped_parent(id) {
            return Some(self.begin_map(id, now));
        }
        self.begin(id, now)
    }

    /// Whether the incoming edges start the node.
    fn edges(&self, id: InstanceId) -> Result<Edges> {
        let instance = self.instance(id);
        let node = self.node(id);
        if node.incoming.is_empty() {
            return Ok(Edges::Taken);
        }
        if node.join == JoinMode::All && instance.undecided > 0 {
            return Ok(Edges::Undecided);
        }
        let has_control = node.incoming.iter().any(|edge| edge.kind.is_control());
        for edge in node.incoming.iter().filter(|edge| !has_control || edge.kind.is_control()) {
            if self.is_taken(id, &edge.kind, edge.from)? {
                return Ok(Edges::Taken);
            }
        }
        Ok(if instance.undecided > 0 { Edges::Undecided } else { Edges::NotTaken })
    }

    /// Begins an instance whose edges and conditions allow it. Agents queue for a place, the rest happens at once.
    pub(super) fn begin(&mut self, id: InstanceId, now: Timestamp) -> Option<EventBody> {
        if let Some(error) = self.exceeded_count(id) {
            return Some(self.failure(id, &error, now));
        }
        if self.node(id).looped.is_some()
            && let Some(error) = self.exceeded_iterations()
        {
            return Some(self.failure(id, &error, now));
        }
        let node = self.node(id);
        match &node.kind {
            NodeKind::Agent(agent) => {
                if let Some(reused) = self.reused(id, agent) {
                    return Some(reused);
                }
                self.enqueue(id);
                None
            }
            NodeKind::Tool(tool) => {
                if let Some(reused) = self.reused_result(id, tool) {
                    return Some(reused);
                }
                self.enqueue(id);
                None
            }
            NodeKind::StandIn { .. } => {
                self.enqueue(id);
                None
            }
            NodeKind::Graph(_) => Some(self.started(id, None)),
            NodeKind::Value(tree) => match self.render(id, tree) {
                Ok(output) => Some(self.success(id, output).unwrap_or_else(|error| self.failure(id, &error, now))),
                Err(error) => Some(self.failure(id, &error, now)),
            },
            // Another try begins anew, whether it waits or not.
            NodeKind::Send(_) | NodeKind::Receive(_) if self.instance(id).attempt > 0 => Some(self.started(id, None)),
            NodeKind::Send(_) | NodeKind::Receive(_) => self.examine_mail(id, now),
            NodeKind::Wait(wait) if matches!(**wait, WaitNode::Message { .. }) => match self.instance(id).attempt {
                0 => self.examine_mail(id, now),
                _ => Some(self.started(id, None)),
            },
            NodeKind::Approval(_) | NodeKind::Wait(_) => Some(self.begin_standing(id, now)),
            NodeKind::Workflow { plan, with } => match self.inner_inputs(id, plan, with) {
                Ok(inputs) => Some(self.started(id, Some(inputs))),
                Err(error) => Some(self.failure(id, &error, now)),
            },
        }
    }

    /// The event with which the next attempt of an instance begins that asks nobody.
    pub(super) fn started(&self, id: InstanceId, inputs: Option<IndexMap<String, Value>>) -> EventBody {
        EventBody::AttemptStarted {
            node: self.path(id).clone(),
            attempt: self.instance(id).attempt + 1,
            agent: None,
            chosen: None,
            model: None,
            basis: None,
            elements: None,
            inputs,
        }
    }

    pub(super) fn render(&self, id: InstanceId, tree: &TemplateTree) -> Result<Value> {
        tree.render(&self.scope_at(id, tree.references(), None))
    }

    /// The inputs of an inner workflow, defaults applied and checked.
    fn inner_inputs(
        &self,
        id: InstanceId,
        plan: &Plan,
        with: &IndexMap<String, TemplateTree>,
    ) -> Result<IndexMap<String, Value>> {
        let given = with
            .iter()
            .map(|(name, tree)| {
                Ok((name.clone(), self.render(id, tree).map_err(|error| error.context(format!("input `{name}`")))?))
            })
            .collect::<Result<IndexMap<_, _>>>()?;
        plan.complete_inputs(given)
    }

    fn begin_map(&mut self, id: InstanceId, now: Timestamp) -> EventBody {
        if let Some(error) = self.exceeded_count(id) {
            return self.failure(id, &error, now);
        }
        match self.map_items(id) {
            Ok(items) => EventBody::AttemptStarted {
                node: self.path(id).clone(),
                attempt: 1,
                agent: None,
                chosen: None,
                model: None,
                basis: None,
                elements: Some(items.len()),
                inputs: None,
            },
            Err(error) => self.failure(id, &error, now),
        }
    }

    /// The elements a mapped node has, by its expression.
    pub(super) fn map_items(&self, id: InstanceId) -> Result<Vec<Shared>> {
        let Some(map) = &self.node(id).map else { return Ok(Vec::new()) };
        match map.over.evaluate(&self.scope_at(id, map.over.references(), None))? {
            Value::Array(items) => Ok(items.iter().map(Shared::new).collect()),
            other => Err(Error::new(
                ErrorKind::Template,
                format!("`map: {}` gives {}, not a list", map.over.source(), kind_of(&other)),
            )
            .hint("map over an expression that gives a list")),
        }
    }

    fn examine_elements(&mut self, id: InstanceId, now: Timestamp) -> Option<EventBody> {
        let width = self.node(id).map.as_ref().and_then(|map| map.concurrency);
        let Inner::Elements(elements) = &mut self.instance_mut(id).inner else { return None };
        let (failed, open, active, ids) = (elements.failed.clone(), elements.open, elements.active, elements.ids.clone());
        if let Some(failed) = failed {
            if active > 0 {
                return None;
            }
            return Some(self.failed_for_good(id, &failed.into()));
        }
        if self.is_halted_at(id) {
            return (active == 0).then(|| EventBody::NodeCancelled { node: self.path(id).clone() });
        }
        if open == 0 {
            let outputs = ids.map(|child| self.instance(InstanceId(child)).output.to_json()).collect::<Result<_>>();
            return Some(
                outputs
                    .and_then(|outputs| self.success(id, Value::Array(outputs)))
                    .unwrap_or_else(|error| self.failure(id, &error, now)),
            );
        }
        // Elements start in order; those before the window have ended or may still run.
        let settled = u32::try_from(ids.len() - open).unwrap_or(u32::MAX);
        let window = width.map_or(ids.end, |width| ids.start.saturating_add(settled).saturating_add(width).min(ids.end));
        let Inner::Elements(elements) = &mut self.instance_mut(id).inner else { return None };
        let offered = elements.next..window.max(elements.next);
        elements.next = offered.end;
        self.dirty.extend(offered.map(InstanceId));
        None
    }

    fn examine_container(&mut self, id: InstanceId, inner: FrameId, now: Timestamp) -> Option<EventBody> {
        let frame = self.frame(inner);
        if let Some(failed) = &frame.failed {
            let error = Error::from(failed.clone());
            return (frame.active == 0).then(|| self.failure(id, &error, now));
        }
        if frame.open > 0 {
            let stopped = self.is_halted_at(id) && frame.active == 0;
            return stopped.then(|| EventBody::NodeCancelled { node: self.path(id).clone() });
        }
        // What was cut off in it has no output that it could pass on.
        if frame.nodes.iter().any(|node| self.instance(*node).status == NodeStatus::Cancelled) {
            return Some(EventBody::NodeCancelled { node: self.path(id).clone() });
        }
        match self.finish_iteration(id, inner) {
            Ok(body) => Some(body),
            Err(error) => Some(self.failure(id, &error, now)),
        }
    }

    /// All nodes inside have ended: another iteration, or the output.
    fn finish_iteration(&self, id: InstanceId, inner: FrameId) -> Result<EventBody> {
        let frame = self.frame(inner);
        if let (Some(looped), Some(iteration)) = (&self.node(id).looped, frame.iteration) {
            let done = match &looped.until {
                Some(until) => {
                    until.is_true(&self.scope_inside(inner, until.references())).map_err(|error| error.context("`until`"))?
                }
                None => false,
            };
            if !done && iteration < looped.max && !self.is_halted_at(id) {
                if let Some(error) = self.exceeded_iterations() {
                    return Err(error);
                }
                return Ok(EventBody::IterationStarted { node: self.path(id).clone(), iteration: iteration + 1 });
            }
        }
        let output = match (&self.node(id).kind, frame.graph.output) {
            (NodeKind::Workflow { .. }, _) => serde_json::to_value(self.outputs_of(inner)?)
                .map_err(|error| Error::new(ErrorKind::Internal, "outputs cannot be written as JSON").source(error))?,
            (_, GraphOutput::Single) => self.instance(frame.nodes[0]).output.to_json()?,
            (_, GraphOutput::All) => self.frame_outputs(inner).to_json()?,
        };
        self.success(id, output)
    }

    /// The outputs of all nodes of a frame, by id.
    pub(super) fn frame_outputs(&self, frame: FrameId) -> Shared {
        let frame = self.frame(frame);
        let outputs = frame.nodes.iter().zip(&frame.graph.nodes);
        Shared::object(outputs.map(|(id, node)| (node.id.to_string(), self.instance(*id).output.clone())).collect())
    }

    /// The outputs of the workflow that a frame runs.
    fn outputs_of(&self, frame: FrameId) -> Result<IndexMap<String, Value>> {
        let run = self.frame(frame);
        if run.plan.outputs.is_empty() {
            let ends = run.graph.nodes.iter().zip(&run.nodes).filter(|(node, _)| node.successors.is_empty());
            return ends.map(|(node, id)| Ok((node.id.to_string(), self.instance(*id).output.to_json()?))).collect();
        }
        let outputs = run.plan.outputs.iter();
        outputs
            .map(|(name, tree)| {
                let value = tree.render(&self.scope_inside(frame, tree.references()));
                Ok((name.clone(), value.map_err(|error| error.context(format!("output `{name}`")))?))
            })
            .collect()
    }

    /// Whether the run as a whole has ended.
    fn examine_run(&self) -> Option<EventBody> {
        // What it sent is to arrive, and only a run that has not ended can be gone on with.
        if self.has_undelivered() {
            return None;
        }
        let root = FrameId::ROOT;
        let frame = self.frame(root);
        let finished = |status, outputs, error: Option<Error>| EventBody::RunFinished {
            status,
            outputs,
            error: error.map(|error| error.to_record()),
            spend: frame.spend,
        };
        if let Some(failed) = &frame.failed {
            let ended = frame.active == 0;
            return ended.then(|| finished(RunStatus::Failed, IndexMap::new(), Some(failed.clone().into())));
        }
        if frame.open > 0 {
            return None;
        }
        Some(match self.outputs_of(root) {
            Ok(outputs) => finished(RunStatus::Succeeded, outputs, None),
            Err(error) => finished(RunStatus::Failed, IndexMap::new(), Some(error)),
        })
    }
}

/// The kind of a value, with its article.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "none",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
