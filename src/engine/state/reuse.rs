//! Whether the answer of an agent's node is taken from an earlier run. A decision like any other: the event says it, and a replay
//! takes it from there.

use super::{RunState, parts::InstanceId};
use crate::{
    engine::reuse::Reuse,
    error::Result,
    model::{Basis, EventBody, NodePath, Reused},
    plan::AgentNode,
};

impl RunState {
    /// The same state, which takes answers of an earlier run where they fit.
    #[must_use]
    pub fn reusing(mut self, reuse: Option<Reuse>) -> Self {
        self.reuse = reuse;
        self
    }

    /// The same state of a run in which a simulated model answers for all others, so that nobody takes its answers for real ones.
    #[must_use]
    pub fn simulated(mut self, simulated: bool) -> Self {
        self.is_simulated = simulated;
        self
    }

    /// The prompts of an agent's node over what is there now.
    pub(super) fn prompts(&self, id: InstanceId, agent: &AgentNode) -> Result<(Option<String>, String)> {
        let system = match &agent.system {
            Some(system) => {
                Some(system.render_text(&self.scope_at(id, system.references(), None)).map_err(|e| e.context("`system`"))?)
            }
            None => None,
        };
        let prompt = agent
            .prompt
            .render_text(&self.scope_at(id, agent.prompt.references(), None))
            .map_err(|error| error.context("`prompt`"))?;
        Ok((system, prompt))
    }

    /// What the answer to these prompts rests on.
    pub(super) fn basis(&self, agent: &AgentNode, system: Option<&str>, prompt: &str) -> Basis {
        let mut model = agent.model.as_ref().map(ToString::to_string).unwrap_or_default();
        if self.is_simulated {
            model.push_str(", simulated");
        }
        Basis::of(&agent.definition, system, prompt, model)
    }

    /// The event that gives a node that has not started an earlier answer, if there is one for it.
    ///
    /// What goes wrong here goes wrong again when the node starts, and is told there.
    pub(super) fn reused(&self, id: InstanceId, agent: &AgentNode) -> Option<EventBody> {
        let reuse = self.reuse.as_ref()?;
        let instance = self.instance(id);
        if instance.attempt > 0 || reuse.is_invalidated(&instance.path) {
            return None;
        }
        let (system, prompt) = self.prompts(id, agent).ok()?;
        let basis = self.basis(agent, system.as_deref(), &prompt);
        let answer = reuse.find(&instance.path, &basis)?;
        let reused = Reused { run: reuse.run(), node: answer.node.clone(), basis };
        let mut event = self.success_with_notes(id, answer.output.clone(), answer.notes.clone()).ok()?;
        if let EventBody::NodeSucceeded { reused: place, .. } = &mut event {
            *place = Some(reused);
        }
        Some(event)
    }

    /// Notes that an answer was taken.
    pub(super) fn on_reused(&mut self, node: &NodePath) {
        if let Some(reuse) = &mut self.reuse {
            reuse.take(node);
        }
    }
}
