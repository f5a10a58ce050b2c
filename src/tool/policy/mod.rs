//! Who may do what. The one place in which a call of a tool is permitted, by what it touches and never by how it is written.
//!
//! A call is permitted when the operator's rules permit all it touches *and* every level that says what it needs (workflow, agent,
//! node) does so, too; a level can only ask for less than the one around it. What nobody asked for is denied.

mod authorized;
mod denial;
mod grants;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use authorized::Authorized;
pub use denial::Denial;
pub use grants::{Grants, Level};
pub use rules::{Rules, Standing};

use crate::{
    error::Result,
    model::{Access, AccessClass, Permission, Question, QuestionKind, ToolName},
    tool::{Tool, ToolCall, secrets::mentioned},
};

use authorized::HeldTo;

/// Permits calls, by the operator's rules.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Arc<Rules>,
}

/// What the policy says of a call.
#[derive(Debug)]
pub enum Verdict {
    /// It may be made.
    Allowed {
        /// The call.
        call: Authorized<ToolCall>,
        /// What it touches.
        accesses: Vec<Access>,
        /// The rules that permit it, one for each thing it touches.
        rules: Vec<Permission>,
    },
    /// A person is to be asked.
    Ask {
        /// What it would touch.
        accesses: Vec<Access>,
        /// Why, in words.
        reason: String,
    },
    /// It may not be made.
    Denied(Denial),
}

/// What a person has approved: this call, which touches this, and no other.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    call: ToolCall,
    accesses: Vec<Access>,
}

impl Approval {
    /// A person saw `call`, and that it touches `accesses`, and approved it.
    #[must_use]
    pub fn new(call: ToolCall, accesses: Vec<Access>) -> Self {
        Self { call, accesses }
    }

    /// A person has answered `question` with yes. `None` when it was not asked whether the call may be made.
    #[must_use]
    pub fn of(question: &Question) -> Option<Self> {
        let tool = ToolName::new(question.tool.clone()).ok()?;
        let call = ToolCall { tool, arguments: question.arguments.clone() };
        (question.kind == QuestionKind::Permission).then(|| Self::new(call, question.accesses.clone()))
    }

    /// Whether it is for this call, and the call touches nothing that was not shown.
    fn is_for(&self, call: &ToolCall, accesses: &[Access]) -> bool {
        self.call == *call && accesses.iter().all(|access| self.accesses.contains(access))
    }
}

impl Policy {
    /// A policy with these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules: Arc::new(rules) }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether the operator's rules permit something that is no call of a tool, such as a message that a node sends. There nobody can be
    /// asked.
    ///
    /// # Errors
    /// `Denied`, naming the rule.
    pub fn check(&self, access: &Access) -> Result<()> {
        match self.rules.judge(access) {
            Standing::Allowed(_) => Ok(()),
            Standing::Denied(rule) => Err(Denial::by_rule(access, rule).into()),
            Standing::Ask(_) => Err(Denial::unasked(access).into()),
            Standing::Unlisted => Err(Denial::unlisted(access).into()),
        }
    }

    /// Decides about a call. An approval counts for exactly the call that was approved; for any other a person is asked again.
    ///
    /// Placeholders of secrets in the arguments are touched, too, and anything that looks like one.
    ///
    /// # Errors
    /// `Invalid` when the arguments make no sense to the tool.
    pub fn authorize(
        &self,
        tool: &dyn Tool,
        call: ToolCall,
        grants: &Arc<Grants>,
        approval: Option<&Approval>,
    ) -> Result<Verdict> {
        let mut accesses = tool.accesses(&call.arguments)?;
        accesses.extend(mentioned(&call.arguments).into_iter().map(|name| Access::Secret { name }));
        let approval = approval.filter(|approval| approval.is_for(&call, &accesses));
        let approved = approval.map(|_| accesses.clone()).unwrap_or_default();
        let held_to = HeldTo { rules: Arc::clone(&self.rules), grants: Arc::clone(grants), approved };
        let mut rules = Vec::with_capacity(accesses.len());
        let mut ask = None;
        for access in &accesses {
            let permitted = match held_to.judge(access) {
                Ok(permitted) => permitted,
                Err(denial) => return Ok(Verdict::Denied(denial)),
            };
            rules.push(permitted.rule.clone());
            if permitted.asks {
                ask.get_or_insert_with(|| format!("the policy asks about `{}`", permitted.rule));
            }
        }
        let changes = tool.effect(&call.arguments).changes();
        if grants.always_ask && (accesses.iter().any(is_outward) || changes) {
            ask.get_or_insert_with(|| "the workflow has a person approve its calls".to_owned());
        }
        // What calls another agent or workflow is permitted by what is done in that run.
        if changes && accesses.is_empty() && ask.is_none() && !call.tool.delegates() && !tool.is_inner() {
            return Ok(Verdict::Denied(Denial::unsaid(&call.tool)));
        }
        match ask {
            Some(reason) if approval.is_none() => Ok(Verdict::Ask { accesses, reason }),
            _ => Ok(Verdict::Allowed { call: Authorized::new(call, held_to), accesses, rules }),
        }
    }

    /// Why a tool could not do anything at all under these grants: there is a kind of things it touches of which nothing is
    /// permitted. To be found out before anything is paid for.
    #[must_use]
    pub fn lacks(&self, reach: &[AccessClass], grants: &Grants) -> Option<(AccessClass, String)> {
        reach.iter().find_map(|class| {
            let unlisted = || (!self.rules.permit_some(*class)).then(|| "the policy permits nothing of that kind".to_owned());
            Some((*class, grants.refusal_of_all(*class).or_else(unlisted)?))
        })
    }
}

/// Whether something leaves for somewhere else with it.
fn is_outward(access: &Access) -> bool {
    match access {
        Access::Net { .. } | Access::Mcp { .. } => true,
        Access::Read { .. }
        | Access::Write { .. }
        | Access::Run { .. }
        | Access::Recall { .. }
        | Access::Remember { .. }
        | Access::Send { .. }
        | Access::Receive { .. }
        | Access::Secret { .. } => false,
    }
}
