//! Whether the answer of an agent's node, or the result of a tool's, is taken from an earlier run. A decision like any other: the event says it, and a replay
//! takes it from there.

use super::{RunState, parts::InstanceId};
use crate::{
    engine::reuse::Reuse,
    error::Result,
    model::{Basis, EventBody, NodePath, Reused, Value},
    plan::{AgentNode, ToolNode},
    tool::Secrets,
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
        let set = self.overrides_of(&agent.agent.name);
        let asked = set.and_then(|set| set.model.as_ref()).or(agent.model.as_ref());
        let mut model = asked.map(ToString::to_string).unwrap_or_default();
        if let Some(temperature) = set.and_then(|set| set.temperature) {
            model = format!("{model}, temperature {temperature}");
        }
        if self.is_simulated {
            model.push_str(", simulated");
        }
        Basis::of(&agent.definition, system, prompt, model)
    }

    /// What the result of a call with these arguments rests on. What stands for secrets in them is another in each run, and is left out.
    pub(super) fn basis_of_call(&self, tool: &ToolNode, arguments: &Value) -> Basis {
        let mut arguments = arguments.to_string();
        for secret in &tool.secrets {
            arguments = arguments.replace(&Secrets::placeholder(self.secret_key.as_bytes(), secret), secret);
        }
        let simulated = if self.is_simulated { ", simulated" } else { "" };
        Basis::of(&tool.definition, None, &arguments, format!("{}{simulated}", tool.tool))
    }

    /// The event that gives an agent's node that has not started an earlier answer, if there is one for it.
    ///
    /// What goes wrong here goes wrong again when the node starts, and is told there.
    pub(super) fn reused(&self, id: InstanceId, agent: &AgentNode) -> Option<EventBody> {
        self.takes_over(id).filter(|_| !agent.rests_on_memory() && !agent.exchanges_messages())?;
        let (system, prompt) = self.prompts(id, agent).ok()?;
        self.taken_over(id, self.basis(agent, system.as_deref(), &prompt))
    }

    /// The same for a node that calls a tool.
    pub(super) fn reused_result(&self, id: InstanceId, tool: &ToolNode) -> Option<EventBody> {
        self.takes_over(id).filter(|_| !tool.rests_on_memory())?;
        let arguments = self.render(id, &tool.args).ok()?;
        self.taken_over(id, self.basis_of_call(tool, &arguments))
    }

    /// `None` when the instance takes nothing over, whatever it rests on.
    fn takes_over(&self, id: InstanceId) -> Option<&Reuse> {
        let instance = self.instance(id);
        self.reuse.as_ref().filter(|reuse| instance.attempt == 0 && !reuse.is_invalidated(&instance.path))
    }

    fn taken_over(&self, id: InstanceId, basis: Basis) -> Option<EventBody> {
        let reuse = self.takes_over(id)?;
        let answer = reuse.find(&self.instance(id).path, &basis)?;
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
