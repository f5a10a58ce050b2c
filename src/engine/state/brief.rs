//! What an agent is told and given: its prompts, and what memory is asked for it, rendered over what is there now.

use serde_json::json;

use super::{RunState, parts::InstanceId};
use crate::{
    agent::{ConversationId, ConversationTask},
    error::{Error, ErrorKind, Result},
    model::{Scope, Value},
    plan::{AgentNode, ConversationPlan, ConversationScope, RecallPlan},
    tool::memory::MOST_QUERY,
};

/// What is rendered for an agent.
#[derive(Debug)]
pub(in crate::engine) struct Brief {
    /// The system prompt.
    pub(in crate::engine) system: Option<String>,
    /// The prompt.
    pub(in crate::engine) prompt: String,
    /// The arguments of the search whose results go into the prompt.
    pub(in crate::engine) recall: Option<Value>,
    /// Where prompt and answer are put: the arguments of the call but for the documents.
    pub(in crate::engine) remember: Option<Value>,
    /// The conversation that it goes on with.
    pub(in crate::engine) conversation: Option<ConversationTask>,
}

impl RunState {
    /// What the node of an agent is given.
    pub(super) fn brief(&self, id: InstanceId, agent: &AgentNode) -> Result<Brief> {
        let (system, prompt) = self.prompts(id, agent)?;
        let recall = agent.recall.as_ref().map(|recall| self.search(id, recall, &prompt)).transpose();
        let remember = agent.remember.as_ref().map(|remember| self.render(id, &remember.args)).transpose();
        let conversation = agent.conversation.as_ref().map(|conversation| self.conversation(id, conversation)).transpose();
        Ok(Brief {
            system,
            prompt,
            recall: recall.map_err(|error| error.context("`recall`"))?,
            remember: remember.map_err(|error| error.context("`remember`"))?,
            conversation: conversation.map_err(|error| error.context("`conversation`"))?,
        })
    }

    fn search(&self, id: InstanceId, recall: &RecallPlan, prompt: &str) -> Result<Value> {
        let mut arguments = self.render(id, &recall.args)?;
        let Some(fields) = arguments.as_object_mut() else {
            return Err(Error::new(ErrorKind::Internal, "the arguments of a search are no object"));
        };
        fields.entry("query").or_insert_with(|| json!(beginning(prompt)));
        fields.insert("max_tokens".to_owned(), json!(recall.max_tokens));
        Ok(arguments)
    }

    fn conversation(&self, id: InstanceId, plan: &ConversationPlan) -> Result<ConversationTask> {
        let name = plan.name.render_text(&self.scope_at(id, plan.name.references(), None))?;
        let scope = match (plan.scope, self.run) {
            (ConversationScope::Project, _) => Scope::Project,
            (ConversationScope::Run, Some(run)) => Scope::Run(run),
            // Before its first event there is no run, and nothing is asked.
            (ConversationScope::Workflow, _) | (ConversationScope::Run, None) => {
                Scope::Workflow(self.frame(self.instance(id).frame).plan.name.clone())
            }
        };
        Ok(ConversationTask {
            id: ConversationId::new(scope, name)?,
            max_tokens: plan.max_tokens,
            keep: plan.keep,
            summarizer: plan.summarizer.clone(),
        })
    }
}

/// As much of a prompt as a query may have.
fn beginning(prompt: &str) -> &str {
    &prompt[..prompt.floor_char_boundary(MOST_QUERY)]
}
