//! What comes into being when something starts: the frame of a graph with its nodes, the elements of a map.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use indexmap::IndexMap;

use super::{
    RunState,
    apply::misfit,
    parts::{Element, Elements, Frame, FrameId, Inner, Instance, InstanceId},
    reserve::Reserve,
    standing::Standing,
};
use crate::{
    agent::Recorded,
    error::{Error, ErrorKind, Result},
    model::{NodePath, NodeStatus, Seq, Spend, Value},
    plan::{GraphPlan, NodeKind, Plan},
    template::Shared,
};

impl RunState {
    /// Makes what a started container or mapped node has inside.
    pub(super) fn open_inside(
        &mut self,
        id: InstanceId,
        elements: Option<usize>,
        inputs: Option<&IndexMap<String, Value>>,
        seq: Seq,
    ) -> Result<()> {
        if !matches!(self.instance(id).inner, Inner::Nothing) {
            return Err(misfit(&format!("node `{}` begins anew while what is in it is under way", self.path(id))));
        }
        if self.is_mapped_parent(id) {
            return self.open_elements(id, elements.unwrap_or_default(), seq);
        }
        let frame = self.instance(id).frame;
        let (inner_plan, graph) = match &self.node(id).kind {
            NodeKind::Agent(_)
            | NodeKind::Tool(_)
            | NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Approval(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_) => return Ok(()),
            NodeKind::Graph(graph) => (None, Arc::clone(graph)),
            NodeKind::Workflow { plan, .. } => (Some(Arc::clone(plan)), Arc::clone(&plan.graph)),
        };
        let iteration = self.node(id).looped.as_ref().map(|_| 1);
        self.iterations += u64::from(iteration.is_some());
        let inner_inputs = match (&inner_plan, inputs) {
            (Some(_), Some(inputs)) => object(inputs),
            (Some(_), None) => {
                return Err(misfit(&format!("node `{}` runs a workflow, but its inputs are not in the log", self.path(id))));
            }
            (None, _) => self.frame(frame).inputs.clone(),
        };
        let plan = inner_plan.unwrap_or_else(|| Arc::clone(&self.frame(frame).plan));
        let inner = self.open_frame(Some(id), graph, plan, inner_inputs, iteration, Shared::none(), seq);
        self.instance_mut(id).inner = Inner::Frame(inner);
        Ok(())
    }

    fn open_elements(&mut self, id: InstanceId, count: usize, seq: Seq) -> Result<()> {
        let items = self.map_items(id).map_err(|error| {
            misfit(&format!("node `{}` has elements in the log, and they cannot be computed", self.path(id))).source(error)
        })?;
        if items.len() != count {
            let path = self.path(id);
            return Err(misfit(&format!("node `{path}` maps over {} elements, the log has {count}", items.len())));
        }
        let (frame, node, path) = {
            let parent = self.instance(id);
            (parent.frame, parent.node, parent.path.clone())
        };
        let first = self.next_instance()?;
        for (index, item) in items.into_iter().enumerate() {
            let mut instance = Instance::new(frame, node, path.element(index), 0, seq);
            instance.element = Some(Element { parent: id, index, item });
            self.add_instance(instance)?;
        }
        let end = self.next_instance()?;
        self.instance_mut(id).inner =
            Inner::Elements(Elements { ids: first.0..end.0, next: first.0, open: count, active: 0, failed: None });
        self.dirty.push_back(id);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one for each field of a frame that differs")]
    pub(super) fn open_frame(
        &mut self,
        owner: Option<InstanceId>,
        graph: Arc<GraphPlan>,
        plan: Arc<Plan>,
        inputs: Shared,
        iteration: Option<u32>,
        previous: Shared,
        seq: Seq,
    ) -> FrameId {
        let id = FrameId(u32::try_from(self.frames.len()).unwrap_or(u32::MAX));
        let sees_outside = owner.is_some_and(|owner| matches!(self.node(owner).kind, NodeKind::Graph(_)));
        let open = graph.nodes.len();
        let mut nodes = Vec::with_capacity(open);
        for (index, node) in graph.nodes.iter().enumerate() {
            let path = match owner {
                None => NodePath::root(&node.id),
                Some(owner) => {
                    let owner = self.instance(owner);
                    owner.path.child(owner.attempt, iteration, &node.id)
                }
            };
            let instance = InstanceId(u32::try_from(self.instances.len()).unwrap_or(u32::MAX));
            self.by_path.insert(path.clone(), instance);
            self.instances.push(Instance::new(id, index, path, node.incoming.len(), seq));
            nodes.push(instance);
            if node.incoming.is_empty() {
                self.dirty.push_back(instance);
            }
        }
        self.frames.push(Frame {
            graph,
            plan,
            owner,
            sees_outside,
            inputs,
            iteration,
            previous,
            nodes,
            open,
            active: 0,
            failed: None,
            spend: Spend::default(),
            running: 0,
            crowd: VecDeque::new(),
            reserved: Reserve::default(),
        });
        if !sees_outside {
            self.open_mailboxes(id);
        }
        if open == 0
            && let Some(owner) = owner
        {
            self.dirty.push_back(owner);
        }
        id
    }

    /// Makes the mailboxes that a workflow describes, with their subscriptions.
    fn open_mailboxes(&mut self, frame: FrameId) {
        let plan = Arc::clone(&self.frame(frame).plan);
        for (name, described) in &plan.mailboxes {
            let mailbox = self.open_mailbox(frame, name);
            for kind in &described.subscribes {
                self.mailboxes.subscribe(mailbox, kind, true);
            }
        }
    }

    fn next_instance(&self) -> Result<InstanceId> {
        let index = u32::try_from(self.instances.len());
        index.map(InstanceId).map_err(|_| Error::new(ErrorKind::Budget, "the run has too many node instances"))
    }

    fn add_instance(&mut self, instance: Instance) -> Result<()> {
        let id = self.next_instance()?;
        self.by_path.insert(instance.path.clone(), id);
        self.instances.push(instance);
        Ok(())
    }
}

impl Instance {
    fn new(frame: FrameId, node: usize, path: NodePath, undecided: usize, seq: Seq) -> Self {
        Self {
            frame,
            node,
            path,
            element: None,
            status: NodeStatus::Pending,
            attempt: 0,
            target: 0,
            tries: 0,
            given_up: Vec::new(),
            reserve: Reserve::default(),
            undecided,
            output: Shared::none(),
            error: None,
            went_through: false,
            routed_to: Vec::new(),
            spend: Spend::default(),
            started_at: None,
            attempted_at: None,
            active_before: Duration::ZERO,
            began: None,
            ended_at: None,
            horizon: seq,
            recorded: Recorded::default(),
            standing: Standing::default(),
            paused: None,
            is_held: false,
            due: None,
            inner: Inner::Nothing,
            queued: false,
        }
    }
}

/// Inputs as templates read them.
pub(super) fn object(values: &IndexMap<String, Value>) -> Shared {
    Shared::object(values.iter().map(|(name, value)| (name.clone(), Shared::new(value))).collect())
}
