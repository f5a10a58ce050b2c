//! How each event changes the state: here, and for calls of tools in `steps`. Nothing else does.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;

use super::{
    Ending, RunState,
    open::object,
    outcome::ends_run,
    parts::{FrameId, Inner, InstanceId},
    reserve::Reserve,
    standing::Standing,
};
use crate::{
    agent::CallRecord,
    error::{Error, ErrorKind, ErrorRecord, Result},
    model::{Event, EventBody, Handled, NodePath, NodeStatus, RunId, RunStatus, Seq, Spend, Value},
    plan::{JoinMode, NodeKind, OnError},
    template::Shared,
};

impl RunState {
    /// Takes the next event.
    ///
    /// # Errors
    /// `Divergent` when it does not fit the plan or the events before it; the state is then not to be used any more.
    pub fn apply(&mut self, event: &Event) -> Result<()> {
        self.check_place(event)?;
        self.next_seq += 1;
        self.course.take(event, self.stands_still(), self.running > 0);
        let (seq, at) = (event.seq, event.at);
        match &event.body {
            EventBody::RunCreated { run, inputs, nonce, .. } => {
                self.secret_key = format!("{run}/{}", nonce.as_deref().unwrap_or_default()).into();
                self.on_created(*run, at, inputs);
            }
            EventBody::RunResumed { .. } => self.on_resumed(seq),
            EventBody::NodeSkipped { node, .. } => {
                let id = self.find_open(node)?;
                self.finalize(id, NodeStatus::Skipped, seq, at);
            }
            EventBody::AttemptStarted { node, attempt, elements, inputs, .. } => {
                let id = self.find_open(node)?;
                self.on_attempt(id, *attempt, seq, at);
                self.open_inside(id, *elements, inputs.as_ref(), seq)?;
            }
            EventBody::ModelResponded { node, ordinal, model, fingerprint, response, cost, duration_ms, overrides, .. } => {
                let call = CallRecord {
                    ordinal: *ordinal,
                    model: model.clone(),
                    fingerprint: fingerprint.clone(),
                    response: response.clone(),
                    cost: *cost,
                    duration_ms: *duration_ms,
                    overrides: overrides.clone(),
                };
                self.on_answer(self.find(node)?, call, seq);
            }
            EventBody::ToolCalled { node, .. }
            | EventBody::ToolReturned { node, .. }
            | EventBody::ApprovalRequested { node, .. }
            | EventBody::AttemptPaused { node, .. }
            | EventBody::ApprovalGiven { node, .. } => {
                let id = self.find(node)?;
                self.apply_step(id, &event.body, seq, at)?;
            }
            EventBody::IterationStarted { node, iteration } => {
                let id = self.find_open(node)?;
                self.on_iteration(id, *iteration, seq)?;
            }
            EventBody::AttemptFailed { node, error, retry_at, .. } => {
                let id = self.find_open(node)?;
                self.on_attempt_failed(id, error, *retry_at, seq);
            }
            EventBody::FallbackTaken { node, to, error, .. } => {
                let id = self.find_open(node)?;
                self.on_fallback(id, to, error, seq, at)?;
            }
            EventBody::ToolDenied { node, .. } | EventBody::CallWaited { node, .. } | EventBody::BreakerChanged { node, .. } => {
                self.find(node)?;
            }
            EventBody::MessageSent { node, .. }
            | EventBody::MessagesTaken { node, .. }
            | EventBody::MessagesCame { node, .. }
            | EventBody::SubscriptionChanged { node, .. } => {
                let id = self.find_open(node)?;
                self.apply_mail(id, &event.body, seq)?;
            }
            EventBody::MessageDead { node, .. } => {
                let id = self.find(node)?;
                self.apply_mail(id, &event.body, seq)?;
            }
            EventBody::NodeSucceeded { node, output, routed_to, reused, .. } => {
                let id = self.find_open(node)?;
                self.count_start(id, seq, at);
                let instance = self.instance_mut(id);
                instance.output = Shared::new(output);
                instance.went_through = true;
                instance.error = None;
                instance.routed_to = routed_to.clone().unwrap_or_default();
                self.finalize(id, NodeStatus::Succeeded, seq, at);
                if let Some(reused) = reused {
                    self.on_reused(&reused.node);
                }
            }
            EventBody::NodeFailed { node, error, handled, .. } => {
                let id = self.find_open(node)?;
                self.on_failed(id, error, handled.as_ref(), seq, at);
            }
            EventBody::NodeCancelled { node } => {
                let id = self.find_open(node)?;
                self.finalize(id, NodeStatus::Cancelled, seq, at);
            }
            EventBody::RunPaused { .. }
            | EventBody::RunContinued { .. }
            | EventBody::RunCancelRequested { .. }
            | EventBody::AgentPaused { .. }
            | EventBody::AgentResumed { .. }
            | EventBody::AgentDraining { .. }
            | EventBody::AgentTerminated { .. }
            | EventBody::AgentChanged { .. } => self.apply_steering(&event.body, seq),
            EventBody::RunFinished { status, outputs, error, spend } => {
                self.on_finished(*status, outputs, error.as_ref(), *spend);
            }
        }
        Ok(())
    }

    /// Events come without gaps, the creation of the run first, and none after its end.
    fn check_place(&self, event: &Event) -> Result<()> {
        let seq = event.seq;
        if seq != self.next_seq {
            return Err(misfit(&format!("event {seq} comes where event {} belongs", self.next_seq)));
        }
        if matches!(event.body, EventBody::RunCreated { .. }) != (seq == 0) {
            return Err(misfit(&format!("event {seq} is `{}`, and the first one alone creates the run", event.body.kind())));
        }
        if self.ending.is_some() {
            return Err(misfit(&format!("event {seq} comes after the end of the run")));
        }
        Ok(())
    }

    /// A model answered: it is paid for, and is not asked again.
    fn on_answer(&mut self, id: InstanceId, call: CallRecord, seq: Seq) {
        self.add_spend(id, Spend::of_call(call.response.usage, call.cost));
        let instance = self.instance_mut(id);
        instance.horizon = seq;
        instance.recorded.take_call(call);
    }

    fn on_finished(&mut self, status: RunStatus, outputs: &IndexMap<String, Value>, error: Option<&ErrorRecord>, spend: Spend) {
        // Of a run that was cut off, it counts what may have been paid for, too.
        self.frame_mut(FrameId::ROOT).spend = spend;
        for id in self.open_instances() {
            self.instance_mut(id).status = NodeStatus::Cancelled;
        }
        self.running = 0;
        self.ending = Some(Ending { status, outputs: outputs.clone(), error: error.cloned() });
    }

    fn on_created(&mut self, run: RunId, at: Timestamp, inputs: &IndexMap<String, Value>) {
        self.run = Some(run);
        self.started_at = at;
        let plan = Arc::clone(&self.plan);
        let graph = Arc::clone(&plan.graph);
        self.open_frame(None, graph, plan, object(inputs), None, Shared::none(), 0);
    }

    /// Attempts that a dead process left behind are to be taken up again, and those that wait for no answer but for a run that they
    /// called.
    fn on_resumed(&mut self, seq: Seq) {
        for id in self.open_instances() {
            if !self.stands(id) {
                self.go_on_if_answered(id);
            }
        }
        let mail = self.mail_nodes_under_way();
        self.dirty.extend(mail);
        for id in self.running_attempts() {
            // Whether a call was under way is not known: it may have been paid for.
            if matches!(self.node(id).kind, NodeKind::Agent(_)) {
                self.add_spend(id, Spend { lost_calls: 1, ..Spend::default() });
            }
            self.set_status(id, NodeStatus::Pending);
            let instance = self.instance_mut(id);
            instance.queued = false;
            instance.horizon = seq;
            self.dirty.push_back(id);
        }
    }

    fn on_attempt(&mut self, id: InstanceId, attempt: u32, seq: Seq, at: Timestamp) {
        self.set_status(id, NodeStatus::Running);
        self.count_start(id, seq, at);
        let instance = self.instance_mut(id);
        if instance.attempt != attempt {
            // An attempt that is taken up again after a crash is no new one.
            instance.tries += 1;
            instance.standing = Standing::default();
        }
        instance.attempt = attempt;
        instance.attempted_at = Some(at);
        instance.queued = false;
        instance.horizon = seq;
        if self.stands(id) {
            self.dirty.push_back(id);
        }
        if let Some(due) = self.mail_due(id, at) {
            self.set_timer(id, Some(due));
        }
    }

    /// Notes the beginning of an instance, once.
    fn count_start(&mut self, id: InstanceId, seq: Seq, at: Timestamp) {
        if self.instance(id).started_at.is_none() {
            self.started += 1;
            let active = self.course.active();
            let instance = self.instance_mut(id);
            instance.started_at = Some(at);
            instance.began = Some(seq);
            instance.active_before = active;
        }
    }

    fn on_iteration(&mut self, id: InstanceId, iteration: u32, seq: Seq) -> Result<()> {
        let (Some(_), Inner::Frame(last)) = (&self.node(id).looped, &self.instance(id).inner) else {
            return Err(misfit(&format!("node `{}` is in no loop, but the log has an iteration of it", self.path(id))));
        };
        let last = *last;
        let before = self.frame(last);
        if before.open > 0 || before.iteration.unwrap_or_default().checked_add(1) != Some(iteration) {
            return Err(misfit(&format!("iteration {iteration} of node `{}` is not the next one", self.path(id))));
        }
        self.iterations += 1;
        let previous = self.frame_outputs(last);
        let (graph, plan, inputs, spend) = {
            let frame = self.frame(last);
            (Arc::clone(&frame.graph), Arc::clone(&frame.plan), frame.inputs.clone(), frame.spend)
        };
        let inner = self.open_frame(Some(id), graph, plan, inputs, Some(iteration), previous, seq);
        self.frame_mut(inner).spend = spend;
        let instance = self.instance_mut(id);
        instance.inner = Inner::Frame(inner);
        instance.horizon = seq;
        Ok(())
    }

    fn on_attempt_failed(&mut self, id: InstanceId, error: &ErrorRecord, retry_at: Timestamp, seq: Seq) {
        for inner in self.descendants(id) {
            if !self.instance(inner).status.is_final() {
                self.set_status(inner, NodeStatus::Cancelled);
            }
        }
        self.set_status(id, NodeStatus::Waiting);
        let is_tool = matches!(self.node(id).kind, NodeKind::Tool(_));
        let instance = self.instance_mut(id);
        instance.inner = Inner::Nothing;
        instance.horizon = seq;
        instance.error = Some(error.clone());
        if is_tool {
            instance.recorded.forget_failures();
        } else if error.kind == ErrorKind::Schema {
            // The next attempt is to ask anew, not to meet the same unusable answers again.
            instance.recorded.clear();
            self.give_back_mail(id);
        }
        self.set_timer(id, Some(retry_at));
        self.dirty.push_back(id);
    }

    /// The next attempt asks the model `to` of the chain.
    fn on_fallback(&mut self, id: InstanceId, to: &str, error: &ErrorRecord, seq: Seq, at: Timestamp) -> Result<()> {
        let target = self
            .position_in_chain(id, to)
            .ok_or_else(|| misfit(&format!("node `{}` falls back to `{to}`, which is not in its chain", self.path(id))))?;
        let failed = self.target_name(id).unwrap_or_default();
        self.on_attempt_failed(id, error, at, seq);
        let instance = self.instance_mut(id);
        instance.given_up.push(format!("{failed}: {}", error.message));
        instance.target = target;
        instance.tries = 0;
        Ok(())
    }

    fn on_failed(&mut self, id: InstanceId, error: &ErrorRecord, handled: Option<&Handled>, seq: Seq, at: Timestamp) {
        let instance = self.instance_mut(id);
        instance.error = Some(error.clone());
        instance.went_through = handled.is_some();
        instance.output = handled.map_or_else(Shared::none, |handled| Shared::new(&handled.output));
        self.finalize(id, NodeStatus::Failed, seq, at);
        if handled.is_some() {
            return;
        }
        let instance = self.instance(id);
        let (frame, element) = (instance.frame, instance.element.as_ref().map(|element| element.parent));
        if let Some(parent) = element {
            let named = node_error(self.path(id), error);
            if let Inner::Elements(elements) = &mut self.instance_mut(parent).inner {
                elements.failed.get_or_insert(named);
            }
            self.touch(parent);
            self.touch_descendants(parent);
            return;
        }
        let caught = matches!(self.node(id).on_error, OnError::Goto(_)) && !ends_run(error.kind);
        if !caught {
            let named = node_error(self.path(id), error);
            self.frame_mut(frame).failed.get_or_insert(named);
            self.touch_frame(frame);
            if let Some(owner) = self.frame(frame).owner {
                self.touch(owner);
            }
        }
    }

    /// Ends an instance and tells those that wait for it.
    fn finalize(&mut self, id: InstanceId, status: NodeStatus, seq: Seq, at: Timestamp) {
        for inner in self.descendants(id) {
            if !self.instance(inner).status.is_final() {
                self.set_status(inner, NodeStatus::Cancelled);
            }
        }
        self.set_status(id, status);
        let instance = self.instance_mut(id);
        instance.ended_at = Some(at);
        instance.horizon = seq;
        instance.recorded.clear();
        let (frame, node, parent) = (instance.frame, instance.node, instance.element.as_ref().map(|element| element.parent));
        if let Some(parent) = parent {
            if let Inner::Elements(elements) = &mut self.instance_mut(parent).inner {
                elements.open -= 1;
            }
            self.dirty.push_back(parent);
            return;
        }
        let graph = Arc::clone(&self.frame(frame).graph);
        self.frame_mut(frame).open -= 1;
        for successor in &graph.nodes[node].successors {
            let target = self.frame(frame).nodes[*successor];
            let instance = self.instance_mut(target);
            instance.undecided -= 1;
            if instance.undecided == 0 || graph.nodes[*successor].join == JoinMode::Any {
                self.dirty.push_back(target);
            }
        }
        if let Some(owner) = self.frame(frame).owner
            && (self.frame(frame).open == 0 || self.is_halted(frame))
        {
            self.dirty.push_back(owner);
        }
    }

    /// Changes a status and keeps the counts of what is under way.
    pub(super) fn set_status(&mut self, id: InstanceId, status: NodeStatus) {
        let is_active = |status| matches!(status, NodeStatus::Running | NodeStatus::Waiting);
        let was_attempt = self.is_running_attempt(id);
        self.end_waiting(id);
        self.leave_mail(id, status);
        let instance = self.instance_mut(id);
        let before = std::mem::replace(&mut instance.status, status);
        let (frame, parent) = (instance.frame, instance.element.as_ref().map(|element| element.parent));
        let (was, is) = (is_active(before), is_active(status));
        self.retrying += u32::from(status == NodeStatus::Waiting);
        if was != is {
            let count = match parent {
                Some(parent) => match &mut self.instance_mut(parent).inner {
                    Inner::Elements(elements) => &mut elements.active,
                    Inner::Nothing | Inner::Frame(_) => return,
                },
                None => &mut self.frame_mut(frame).active,
            };
            *count = if is { *count + 1 } else { *count - 1 };
        }
        let is_attempt = self.is_running_attempt(id);
        if was_attempt != is_attempt {
            self.count_attempt(id, is_attempt);
        }
    }

    fn count_attempt(&mut self, id: InstanceId, begins: bool) {
        let step = |count: u32| if begins { count + 1 } else { count.saturating_sub(1) };
        self.running = step(self.running);
        let reserve = self.instance(id).reserve;
        let mut frame = Some(self.instance(id).frame);
        while let Some(current) = frame {
            let current = self.frame_mut(current);
            current.running = step(current.running);
            if begins {
                current.reserved += reserve;
            } else {
                current.reserved -= reserve;
            }
            frame = current.owner.map(|owner| self.instance(owner).frame);
        }
        if !begins {
            self.instance_mut(id).reserve = Reserve::default();
            self.call_crowd(id);
        }
    }

    /// Adds a call to the instance and to everything around it.
    pub(super) fn add_spend(&mut self, id: InstanceId, spend: Spend) {
        let mut current = Some(id);
        while let Some(id) = current {
            let instance = self.instance_mut(id);
            instance.spend += spend;
            let (frame, parent) = (instance.frame, instance.element.as_ref().map(|element| element.parent));
            if parent.is_none() {
                self.frame_mut(frame).spend += spend;
            }
            current = parent.or(self.frame(frame).owner);
        }
    }

    /// All instances inside an instance, at any depth, outer ones first.
    pub(super) fn descendants(&self, id: InstanceId) -> Vec<InstanceId> {
        let mut found = Vec::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let from = found.len();
            match &self.instance(id).inner {
                Inner::Nothing => {}
                Inner::Frame(frame) => found.extend_from_slice(&self.frame(*frame).nodes),
                Inner::Elements(elements) => found.extend(elements.ids.clone().map(InstanceId)),
            }
            open.extend_from_slice(&found[from..]);
        }
        found
    }

    /// Has everything that is under way in a halted frame looked at again.
    fn touch_frame(&mut self, frame: FrameId) {
        for id in self.frame(frame).nodes.clone() {
            self.touch(id);
            self.touch_descendants(id);
        }
    }

    fn touch_descendants(&mut self, id: InstanceId) {
        for inner in self.descendants(id) {
            self.touch(inner);
        }
    }

    fn touch(&mut self, id: InstanceId) {
        if matches!(self.instance(id).status, NodeStatus::Running | NodeStatus::Waiting) {
            self.dirty.push_back(id);
        }
    }

    pub(super) fn open_instances(&self) -> Vec<InstanceId> {
        let open = self.instances.iter().enumerate().filter(|(_, instance)| !instance.status.is_final());
        open.map(|(index, _)| InstanceId(u32::try_from(index).unwrap_or(u32::MAX))).collect()
    }

    fn find_open(&self, path: &NodePath) -> Result<InstanceId> {
        let id = self.find(path)?;
        if self.is_final(id) {
            return Err(misfit(&format!("node `{path}` has ended, but the log goes on with it")));
        }
        Ok(id)
    }
}

/// The error of a frame: that of the node in it, by name, once.
fn node_error(path: &NodePath, error: &ErrorRecord) -> ErrorRecord {
    let mut named = error.clone();
    if !named.message.starts_with("node `") {
        named.message = format!("node `{path}`: {}", named.message);
    }
    named
}

pub(super) fn misfit(what: &str) -> Error {
    Error::new(ErrorKind::Divergent, format!("the log does not fit the plan: {what}"))
        .hint("the run was recorded with another workflow; start a new run")
}
