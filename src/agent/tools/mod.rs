//! Calls of tools: what is around each of them. [`Tools::perform`] takes a step from the request to its recorded result; the
//! conversation ([`crate::agent::drive()`]) and `tool` nodes ([`crate::agent::call_tool()`]) both go through it.

mod cache;
mod key;
mod outcome;
mod perform;
mod servers;
mod simulated;
mod taped;
mod told;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use servers::Servers;

pub use outcome::result_digest;
pub(crate) use perform::{Around, Performed, ToolStep};
pub(crate) use told::told;

use crate::{
    agent::{CallLimits, gate::Gate},
    error::{Error, ErrorKind, Result},
    model::{Effect, NodePath, OnAmbiguous, ToolName, ToolPattern, Value},
    provider::Cassette,
    schema::Validator,
    store::Store,
    tool::{Policy, Redactor, Secrets, Tool, Toolbox},
};

/// How many bytes of a result are kept, unless set otherwise.
const MAX_OUTPUT: usize = 1 << 20;
/// How many calls of one tool are in flight at once, unless set otherwise.
const CALLS_PER_TOOL: u32 = 16;

/// What the manifest says of one tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolSettings {
    /// How long a call may take, instead of what is usual for the tool.
    pub timeout: Option<Duration>,
    /// How many bytes of a result are kept; 1 MiB when absent.
    pub max_output: Option<usize>,
    /// How long results are kept for calls with the same arguments; not at all when absent. Only for tools that read.
    pub cache: Option<Duration>,
    /// How much may be called; 16 at once when it does not say.
    pub limits: CallLimits,
    /// What a call does to the world, when its operator knows better than the tool.
    pub effect: Option<Effect>,
    /// What is done about calls of which nobody knows whether they were made, unless the node says it.
    pub on_ambiguous: Option<OnAmbiguous>,
}

/// Puts something around tools.
pub trait WrapTool: fmt::Debug + Send + Sync {
    /// What is called in place of `tool`. Has its name.
    fn wrap(&self, tool: Arc<dyn Tool>) -> Arc<dyn Tool>;

    /// Why a call of `tool` at `node` is not permitted, whatever the policy says of it.
    fn denies(&self, _node: &NodePath, _tool: &ToolName) -> Option<Error> {
        None
    }
}

/// The tools of a project, what may be done with them, and what is around each call.
#[derive(Debug, Default)]
pub struct Tools {
    toolbox: Toolbox,
    policy: Policy,
    secrets: Secrets,
    redactor: Option<Arc<Redactor>>,
    settings: BTreeMap<String, ToolSettings>,
    simulated: bool,
    /// What is put around every tool.
    wrap: Option<Arc<dyn WrapTool>>,
    cassette: Option<Arc<Cassette>>,
    servers: Servers,
    store: OnceLock<Arc<dyn Store>>,
    gates: Mutex<HashMap<ToolName, Arc<Gate>>>,
    validators: Mutex<HashMap<ToolName, (Value, Validator)>>,
}

impl Tools {
    /// Joins the tools with the policy and with what the manifest says of them, by name.
    #[must_use]
    pub fn new(toolbox: Toolbox, policy: Policy, settings: BTreeMap<String, ToolSettings>) -> Self {
        Self { toolbox, policy, settings, ..Self::default() }
    }

    /// The same tools, with secrets that calls may be lent, and with all that is to be kept out of what is recorded and told.
    #[must_use]
    pub fn with_secrets(self, secrets: Secrets, redactor: Redactor) -> Self {
        Self { secrets, redactor: Some(Arc::new(redactor)), ..self }
    }

    /// The same tools, none of which does anything but compute: results are made up, nothing is touched, nothing need be permitted.
    #[must_use]
    pub fn simulated(self) -> Self {
        Self { simulated: true, ..self }
    }

    /// The same tools, each with something around it.
    #[must_use]
    pub fn wrapped(self, wrap: Arc<dyn WrapTool>) -> Self {
        Self { wrap: Some(wrap), ..self }
    }

    /// The toolbox.
    #[must_use]
    pub fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Has results kept in `store`, and the health of servers shared through it; the first one stays.
    pub fn keep_in(&self, store: &Arc<dyn Store>) {
        self.store.get_or_init(|| Arc::clone(store));
        self.servers.share_through(store);
    }

    /// The tools that the patterns mean, by name.
    ///
    /// # Errors
    /// As [`Toolbox::select`].
    pub async fn select(&self, patterns: &[ToolPattern]) -> Result<Vec<Arc<dyn Tool>>> {
        if patterns.is_empty() {
            return Ok(Vec::new());
        }
        let cassette = self.cassette.as_deref();
        let tools = if let Some(cassette) = cassette.filter(|cassette| !cassette.mode().records()) {
            taped::select(&self.toolbox, patterns, cassette, self.simulated).await?
        } else if self.simulated {
            simulated::select(&self.toolbox, patterns).await?
        } else {
            let tools = self.toolbox.select(patterns).await?;
            if let Some(cassette) = cassette {
                taped::keep_offers(cassette, &tools);
            }
            tools
        };
        Ok(match &self.wrap {
            Some(wrap) => tools.into_iter().map(|tool| wrap.wrap(tool)).collect(),
            None => tools,
        })
    }

    /// A tool that is a part of how agents are run, over the store that results are kept in.
    ///
    /// # Errors
    /// `Internal` when there is no store.
    pub(super) fn inner<T: Tool + 'static>(&self, over: impl FnOnce(Arc<dyn Store>) -> T) -> Result<Arc<dyn Tool>> {
        let Some(store) = self.store.get() else {
            return Err(Error::new(ErrorKind::Internal, "there is no store in which something could be kept beside the runs"));
        };
        let tool = over(Arc::clone(store));
        Ok(if self.simulated { simulated::pretend(&tool) } else { Arc::new(tool) })
    }

    fn settings(&self, tool: &ToolName) -> ToolSettings {
        let whole_server = || tool.as_str().split_once('/').and_then(|(server, _)| self.settings.get(server));
        self.settings.get(tool.as_str()).or_else(whole_server).cloned().unwrap_or_default()
    }

    fn gate(&self, tool: &ToolName, limits: CallLimits) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(tool.clone()).or_insert_with(|| Arc::new(Gate::new(limits, CALLS_PER_TOOL))))
    }

    /// What checks the arguments of a tool; made again when a server has changed its mind.
    fn validator(&self, tool: &dyn Tool) -> Result<Validator> {
        let spec = tool.spec();
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((schema, validator)) = validators.get(&spec.name)
            && *schema == spec.parameters
        {
            return Ok(validator.clone());
        }
        let validator = Validator::new(&spec.parameters)?;
        validators.insert(spec.name.clone(), (spec.parameters.clone(), validator.clone()));
        Ok(validator)
    }
}
