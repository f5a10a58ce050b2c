//! Who may do what. The one place in which a call of a tool is permitted, by what it touches and never by how it is written.
//!
//! A call is permitted when the operator's rules permit all it touches *and* every level that says what it needs (workflow, agent,
//! node) does so, too; a level can only ask for less than the one around it. What nobody asked for is denied.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind},
    model::{Access, AccessClass, Permission},
    tool::{Tool, ToolCall},
};

/// The operator's rules. What no rule permits is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Permitted.
    pub allow: Vec<Permission>,
    /// Permitted when a person says so, call by call. Stronger than `allow`.
    pub ask: Vec<Permission>,
    /// Denied, whatever else is written.
    pub deny: Vec<Permission>,
}

/// Permits calls, by the operator's rules.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Arc<Rules>,
}

/// What a workflow, an agent or a node asks for at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Who asks, for messages: ``agent `writer` ``.
    pub owner: String,
    /// For what.
    pub permissions: Vec<Permission>,
}

/// What a call is held to besides the operator's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// From the outside to the inside; only levels that say what they ask for.
    pub levels: Vec<Level>,
    /// Whether a person is asked before every call that changes the world or sends something out.
    pub always_ask: bool,
}

/// A call, or whatever else it is, that was permitted. Only [`Policy::authorize`] makes one.
#[derive(Debug)]
pub struct Authorized<T> {
    inner: T,
    held_to: HeldTo,
}

#[derive(Debug, Clone)]
struct HeldTo {
    rules: Arc<Rules>,
    grants: Arc<Grants>,
    /// What a person approved, beyond `allow`.
    approved: bool,
}

impl<T> Authorized<T> {
    /// Takes it out.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The same permission for what is made of it; for putting secrets in their places.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Authorized<U> {
        Authorized { inner: change(self.inner), held_to: self.held_to }
    }

    /// Whether something is permitted that turned up during the call.
    ///
    /// # Errors
    /// `Denied`, naming who does not permit it.
    pub fn check(&self, access: &Access) -> Result<(), Error> {
        match self.held_to.judge(access) {
            Judged::Allowed(_) => Ok(()),
            Judged::Ask(_) if self.held_to.approved => Ok(()),
            Judged::Ask(rule) => Err(Denial::needs_approval(access, &rule).into()),
            Judged::Denied(denial) => Err(denial.into()),
        }
    }

    /// The operator's rules that permit `access`.
    pub fn rules_for(&self, access: &Access) -> impl Iterator<Item = &Permission> {
        let rules = self.held_to.rules.allow.iter().chain(&self.held_to.rules.ask);
        rules.filter(move |rule| rule.covers(access))
    }

    /// Whether a permission names exactly this host, so that it may be one that is not public: the operator's rules decide.
    #[must_use]
    pub fn names_host(&self, access: &Access) -> bool {
        self.rules_for(access).any(Permission::names_host)
    }
}

impl<T> std::ops::Deref for Authorized<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// Why a call is not permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What it would touch.
    pub access: Access,
    /// Who does not permit it, in words.
    pub reason: String,
    /// What the operator or author can do.
    pub hint: String,
}

impl Denial {
    fn needs_approval(access: &Access, rule: &Permission) -> Self {
        Self {
            access: access.clone(),
            reason: format!("the policy asks a person about `{rule}`, and nobody was asked about this"),
            hint: format!("allow `{access}` in the policy, or have the call begin there"),
        }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        let Denial { access, reason, hint } = denial;
        Error::new(ErrorKind::Denied, format!("`{access}` is not permitted: {reason}")).hint(hint)
    }
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

enum Judged {
    Allowed(Permission),
    Ask(Permission),
    Denied(Denial),
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

    /// Decides about a call. `approved` tells that a person has approved exactly this one.
    ///
    /// # Errors
    /// `Invalid` when the arguments make no sense to the tool.
    pub fn authorize(&self, tool: &dyn Tool, call: ToolCall, grants: &Arc<Grants>, approved: bool) -> Result<Verdict, Error> {
        let accesses = tool.accesses(&call.arguments)?;
        let held_to = HeldTo { rules: Arc::clone(&self.rules), grants: Arc::clone(grants), approved };
        let mut rules = Vec::with_capacity(accesses.len());
        let mut ask = None;
        for access in &accesses {
            match held_to.judge(access) {
                Judged::Allowed(rule) => rules.push(rule),
                Judged::Ask(rule) => {
                    ask.get_or_insert_with(|| format!("the policy asks about `{rule}`"));
                    rules.push(rule);
                }
                Judged::Denied(denial) => return Ok(Verdict::Denied(denial)),
            }
        }
        let is_outward = accesses.iter().any(|access| matches!(access, Access::Net { .. } | Access::Mcp { .. }));
        if grants.always_ask && (is_outward || tool.effect(&call.arguments).changes()) {
            ask.get_or_insert_with(|| "the workflow has a person approve its calls".to_owned());
        }
        match ask {
            Some(reason) if !approved => Ok(Verdict::Ask { accesses, reason }),
            _ => Ok(Verdict::Allowed { call: Authorized { inner: call, held_to }, accesses, rules }),
        }
    }

    /// Why a tool could not do anything at all under these grants: there is a kind of things it touches of which nothing is
    /// permitted. To be found out before anything is paid for.
    #[must_use]
    pub fn lacks(&self, reach: &[AccessClass], grants: &Grants) -> Option<(AccessClass, String)> {
        reach.iter().find_map(|class| {
            let has = |permissions: &[Permission]| permissions.iter().any(|permission| permission.class() == *class);
            if grants.levels.is_empty() {
                return Some((*class, "no workflow, agent or node asks for it under `permissions`".to_owned()));
            }
            if let Some(level) = grants.levels.iter().find(|level| !has(&level.permissions)) {
                return Some((*class, format!("{} does not ask for it under `permissions`", level.owner)));
            }
            let is_given = has(&self.rules.allow) || has(&self.rules.ask);
            (!is_given).then(|| (*class, "the policy permits nothing of that kind".to_owned()))
        })
    }
}

impl HeldTo {
    fn judge(&self, access: &Access) -> Judged {
        let find = |permissions: &[Permission]| permissions.iter().find(|permission| permission.covers(access)).cloned();
        if let Some(rule) = find(&self.rules.deny) {
            return Judged::Denied(Denial {
                access: access.clone(),
                reason: format!("the policy denies `{rule}`"),
                hint: "the operator's policy decides; ask who keeps it".to_owned(),
            });
        }
        let owner = match self.grants.levels.iter().find(|level| find(&level.permissions).is_none()) {
            Some(level) => Some(level.owner.clone()),
            None if self.grants.levels.is_empty() => Some("no workflow, agent or node".to_owned()),
            None => None,
        };
        if let Some(owner) = owner {
            let asks = if self.grants.levels.is_empty() { "asks" } else { "does not ask" };
            return Judged::Denied(Denial {
                access: access.clone(),
                reason: format!("{owner} {asks} for it"),
                hint: format!("add `{access}` to its `permissions`"),
            });
        }
        if let Some(rule) = find(&self.rules.ask) {
            return Judged::Ask(rule);
        }
        match find(&self.rules.allow) {
            Some(rule) => Judged::Allowed(rule),
            None => Judged::Denied(Denial {
                access: access.clone(),
                reason: "the policy does not allow it".to_owned(),
                hint: format!(
                    "run with `--allow '{access}'`, or add it to the policy file (`agentflow policy` tells where that is)"
                ),
            }),
        }
    }
}
