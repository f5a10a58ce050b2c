//! What goes wrong in a test: which call, and how. Providers and stand-ins for nodes and tools ask before they answer.

mod provider;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

pub(super) use provider::FaultyProvider;

use crate::{
    error::{Error, ErrorKind, Result},
    manifest::FaultManifest,
    model::{NodePath, NodePattern},
};

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The server asks to slow down (429).
    RateLimit,
    /// The server has too much to do (529).
    Overloaded,
    /// The server answers 503.
    Unavailable,
    /// The connection breaks.
    Connection,
    /// No answer comes within the time limit.
    Timeout,
    /// The answer takes longer.
    Slow,
    /// The answer is no valid JSON.
    Malformed,
    /// The stream ends before the answer does.
    Truncated,
    /// The model declines.
    Refused,
    /// The quota is used up.
    Quota,
    /// The credentials are refused.
    Auth,
    /// The call of a tool is not permitted.
    Denied,
    /// The process dies once the result of a node is recorded.
    Crash,
}

impl FaultKind {
    /// The kind that a word of the format names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "rate_limit" => Self::RateLimit,
            "overloaded" => Self::Overloaded,
            "unavailable" => Self::Unavailable,
            "connection" => Self::Connection,
            "timeout" => Self::Timeout,
            "slow" => Self::Slow,
            "malformed" => Self::Malformed,
            "truncated" => Self::Truncated,
            "refused" => Self::Refused,
            "quota" => Self::Quota,
            "auth" => Self::Auth,
            "denied" => Self::Denied,
            "crash" => Self::Crash,
            _ => return None,
        })
    }

    /// Whether it is about calls of tools alone.
    fn is_of_tools(self) -> bool {
        self == Self::Denied
    }

    /// Whether it is about answers of models alone.
    fn is_of_models(self) -> bool {
        matches!(self, Self::Malformed | Self::Truncated | Self::Refused | Self::Quota)
    }
}

/// A call of which it is asked whether it goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Where it is made.
    pub node: &'a NodePath,
    /// By which agent.
    pub agent: Option<&'a str>,
    /// The model that is asked, `provider/model`.
    pub model: Option<&'a str>,
    /// The tool that is called.
    pub tool: Option<&'a str>,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How.
    pub kind: FaultKind,
    /// Where: a node, an agent, a model or a tool; everywhere when absent.
    pub at: Option<String>,
    /// How many calls there go well before.
    pub after: u32,
    /// How many calls go wrong.
    pub times: u32,
    /// After how long the server asks to try again.
    pub retry_after: Option<Duration>,
    /// How much longer a slow answer takes.
    pub delay: Duration,
}

impl Fault {
    /// The fault as it is written; `None` for one of a kind that is not known.
    #[must_use]
    pub fn of(written: &FaultManifest) -> Option<Self> {
        Some(Self {
            kind: FaultKind::from_word(&written.kind.value)?,
            at: written.at.as_ref().map(|at| at.value.clone()),
            after: written.after.as_ref().map_or(0, |after| after.value),
            times: written.times.as_ref().map_or(1, |times| times.value),
            retry_after: written.retry_after.as_ref().map(|delay| delay.value),
            delay: written.delay.as_ref().map(|delay| delay.value).unwrap_or_default(),
        })
    }

    /// Whether a call at `site` is one that it is about.
    fn is_about(&self, site: Site<'_>) -> bool {
        let is_tool = site.tool.is_some();
        if (self.kind.is_of_tools() && !is_tool) || (self.kind.is_of_models() && is_tool) {
            return false;
        }
        let Some(at) = self.at.as_deref() else { return true };
        let is_node = site.node.as_str().split('.').count() == at.split('.').count() && NodePattern::new(at).covers(site.node);
        // A looped node is inside of itself.
        let plain = site.node.without_instances();
        let is_looped =
            plain.rsplit_once('.').is_some_and(|(outer, inner)| outer == at && outer.rsplit('.').next() == Some(inner));
        // A node that lets a model call tools is asked at the model, unless it is about tools.
        let of_node = (is_node || is_looped) && (!is_tool || site.agent.is_none() || self.kind.is_of_tools());
        let of_agent = site.agent == Some(at) && (!is_tool || self.kind.is_of_tools());
        of_node || of_agent || site.model == Some(at) || site.tool == Some(at)
    }

    /// The error of a call that goes wrong; `None` where it is no error that the caller is given.
    #[must_use]
    pub fn error(&self, site: Site<'_>) -> Option<Error> {
        let who = match (site.tool, site.model) {
            (Some(tool), _) => format!("tool `{tool}`"),
            (None, Some(model)) => format!("model `{model}`"),
            (None, None) => format!("node `{}`", site.node),
        };
        let (kind, what) = match self.kind {
            FaultKind::RateLimit => (ErrorKind::Throttle, "was asked too much: status 429"),
            FaultKind::Overloaded => (ErrorKind::Overloaded, "has too much to do: status 529"),
            FaultKind::Unavailable => (ErrorKind::Transient, "is not available: status 503"),
            FaultKind::Connection => (ErrorKind::Transient, "cannot be reached: the connection broke"),
            FaultKind::Malformed => (ErrorKind::Malformed, "answered with something that is no valid message"),
            FaultKind::Truncated => (ErrorKind::Truncated, "ended its answer too early"),
            FaultKind::Refused => (ErrorKind::Refused, "declined to answer"),
            FaultKind::Quota => (ErrorKind::Quota, "has used up its quota: status 402"),
            FaultKind::Auth => (ErrorKind::Auth, "refuses the credentials: status 401"),
            FaultKind::Denied => (ErrorKind::Denied, "may not be called: the policy of the test denies it"),
            FaultKind::Timeout | FaultKind::Slow | FaultKind::Crash => return None,
        };
        Some(Error::new(kind, format!("{who} {what}")).retry_after(self.retry_after).hint("a fault of the test"))
    }
}

/// Everything that goes wrong in a run, and how far it has come.
#[derive(Debug, Default)]
pub struct Faults {
    faults: Vec<Fault>,
    /// For each fault, how many calls it is about have been made.
    seen: Mutex<Vec<u32>>,
}

impl Faults {
    /// All of these; each counts its calls for itself.
    #[must_use]
    pub fn new(faults: Vec<Fault>) -> Self {
        let seen = Mutex::new(vec![0; faults.len()]);
        Self { faults, seen }
    }

    /// Whether nothing goes wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The crashes: after which result of which node.
    pub fn crashes(&self) -> impl Iterator<Item = (&str, u32)> {
        let crashes = self.faults.iter().filter(|fault| fault.kind == FaultKind::Crash);
        crashes.filter_map(|fault| Some((fault.at.as_deref()?, fault.after)))
    }

    /// Counts a call at `site`, and gives the fault it meets: the first one that is written.
    #[must_use]
    pub fn meet(&self, site: Site<'_>) -> Option<&Fault> {
        self.first(site, |kind| !matches!(kind, FaultKind::Crash | FaultKind::Denied))
    }

    /// Counts a call of a tool at `site`, and gives the reason for which it is not permitted.
    #[must_use]
    pub fn denies(&self, site: Site<'_>) -> Option<Error> {
        self.first(site, |kind| kind == FaultKind::Denied)?.error(site)
    }

    fn first(&self, site: Site<'_>, is_asked_for: impl Fn(FaultKind) -> bool) -> Option<&Fault> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut met = None;
        for (fault, seen) in self.faults.iter().zip(seen.iter_mut()) {
            if !is_asked_for(fault.kind) || !fault.is_about(site) {
                continue;
            }
            let nth = *seen;
            *seen += 1;
            let is_due = nth >= fault.after && nth - fault.after < fault.times;
            if is_due && met.is_none() {
                met = Some(fault);
            }
        }
        met
    }

    /// Lets a call at `site` meet what goes wrong, before it is answered.
    ///
    /// # Errors
    /// That of the fault. A time-out does not return: the time limit of the caller ends it.
    pub async fn before(&self, site: Site<'_>) -> Result<()> {
        let Some(fault) = self.meet(site) else { return Ok(()) };
        match fault.kind {
            FaultKind::Timeout => std::future::pending().await,
            FaultKind::Slow => tokio::time::sleep(fault.delay).await,
            _ => {}
        }
        fault.error(site).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests;
