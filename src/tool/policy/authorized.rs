//! A call that was permitted, with what it is held to as long as it lasts.

use std::{fmt, ops::Deref, sync::Arc};

use crate::{
    error::{Error, ErrorKind},
    model::{Access, Permission},
    tool::{
        Grants, Rules, Secrets, Standing, Tool, ToolCall,
        policy::{Denial, is_outward},
        secrets::mentioned,
    },
};

/// A call, or whatever else it is, that was permitted. [`Policy::authorize`](crate::tool::Policy::authorize) alone makes one, so that
/// no second way to a call can forget to ask:
///
/// ```compile_fail,E0423
/// use agentflow::tool::{Authorized, ToolCall};
///
/// fn ghsa_v847_one_way_to_a_call(call: ToolCall) -> Authorized<ToolCall> {
///     Authorized(call)
/// }
/// ```
///
/// ```compile_fail,E0451
/// use agentflow::tool::{Authorized, ToolCall};
///
/// fn another(permitted: Authorized<ToolCall>, call: ToolCall) -> Authorized<ToolCall> {
///     Authorized { inner: call, ..permitted }
/// }
/// ```
///
/// What was permitted is made once, and as it is:
///
/// ```compile_fail,E0308
/// use agentflow::tool::{Authorized, ToolCall};
///
/// fn twice(permitted: &Authorized<ToolCall>) -> Authorized<ToolCall> {
///     permitted.clone()
/// }
/// ```
///
/// ```compile_fail,E0594
/// use agentflow::tool::{Authorized, ToolCall};
///
/// fn changed(mut permitted: Authorized<ToolCall>) {
///     permitted.arguments = agentflow::model::Value::Null;
/// }
/// ```
pub struct Authorized<T> {
    inner: T,
    held_to: HeldTo,
}

impl<T> fmt::Debug for Authorized<T> {
    /// Nothing of the call: there may be secrets in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorized").finish_non_exhaustive()
    }
}

/// The rules and levels that a call is held to.
pub(super) struct HeldTo {
    pub(super) rules: Arc<Rules>,
    pub(super) grants: Arc<Grants>,
    /// What a person has seen and approved.
    pub(super) approved: Vec<Access>,
}

impl<T> Authorized<T> {
    /// INVARIANT: only `Policy::authorize` calls this, once it has judged `inner`.
    pub(super) fn new(inner: T, held_to: HeldTo) -> Self {
        Self { inner, held_to }
    }

    /// Takes it out.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// Whether something is permitted that turned up during the call. What a person is to be asked about is so only if the person
    /// saw it when the call was approved.
    ///
    /// # Errors
    /// `Denied`, naming who does not permit it.
    pub fn check(&self, access: &Access) -> Result<(), Error> {
        let asks = self.held_to.judge(access)?.asks || self.held_to.grants.always_ask && is_outward(access);
        if asks && !self.held_to.approved.contains(access) {
            return Err(Denial::unasked(access).into());
        }
        Ok(())
    }

    /// The operator's rules that permit `access`.
    pub fn rules_for(&self, access: &Access) -> impl Iterator<Item = &Permission> {
        self.held_to.rules.for_access(access)
    }

    /// Whether a rule of the operator names exactly this host, so that it may be one that is not public.
    #[must_use]
    pub fn names_host(&self, access: &Access) -> bool {
        self.held_to.rules.names_host(access)
    }
}

impl Authorized<ToolCall> {
    /// The call with the secrets in the places of their placeholders. To be used at once: it must not be logged or shown.
    ///
    /// What the call touches is asked anew, because a secret can be a part of it, such as a host.
    ///
    /// # Errors
    /// As [`Secrets::reveal`]; `Denied` when the call would touch something that is not permitted.
    pub fn reveal(mut self, tool: &dyn Tool, secrets: &Secrets, run_key: &[u8]) -> Result<Self, Error> {
        let names = mentioned(&self.inner.arguments);
        if names.is_empty() {
            return Ok(self);
        }
        let arguments = secrets.reveal(&self.inner.arguments, run_key, &names)?;
        if arguments == self.inner.arguments {
            return Ok(self);
        }
        let seen = std::mem::take(&mut self.held_to.approved);
        self.held_to.approved = seen.iter().map(|access| revealed(access, secrets, run_key)).collect::<Result<_, _>>()?;
        // INVARIANT: from here on errors of tool and policy may quote the secret, and so none of them is passed on.
        let accesses = tool.accesses(&arguments).map_err(|_| unfit())?;
        for access in &accesses {
            self.check(access).map_err(|_| unfit())?;
        }
        self.inner.arguments = arguments;
        Ok(self)
    }
}

/// What a person approved by the names of secrets, with the secrets.
fn revealed(access: &Access, secrets: &Secrets, run_key: &[u8]) -> Result<Access, Error> {
    let broken = |err| Error::new(ErrorKind::Internal, "an access cannot be written as JSON").source(err);
    let value = serde_json::to_value(access).map_err(broken)?;
    let names = mentioned(&value);
    serde_json::from_value(secrets.reveal(&value, run_key, &names)?).map_err(broken)
}

fn unfit() -> Error {
    Error::new(ErrorKind::Denied, "with its secrets in their places the call touches something that is not permitted")
        .hint("put a secret where it does not decide about host, path or program")
}

impl<T> Deref for Authorized<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// The rule that permits something, when all levels ask for it, too.
pub(super) struct Permitted<'a> {
    pub(super) rule: &'a Permission,
    /// Whether a person decides.
    pub(super) asks: bool,
}

impl HeldTo {
    /// By which rule `access` is permitted, or why it is not.
    pub(super) fn judge(&self, access: &Access) -> Result<Permitted<'_>, Denial> {
        let standing = self.rules.judge(access);
        if let Standing::Denied(rule) = standing {
            return Err(Denial::by_rule(access, rule));
        }
        if let Some(reason) = self.grants.refusal(access) {
            return Err(Denial::by_grants(access, reason));
        }
        match standing {
            Standing::Allowed(rule) => Ok(Permitted { rule, asks: false }),
            Standing::Ask(rule) => Ok(Permitted { rule, asks: true }),
            Standing::Denied(_) | Standing::Unlisted => Err(Denial::unlisted(access)),
        }
    }
}
