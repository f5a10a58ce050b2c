//! Agents and workflows that are called as tools: `agent:NAME`, `workflow:FILE`. Each call is a run of its own in the same store.
//!
//! Its id follows from the call's idempotency key, so that the same step made again finds the run that it began: it is gone on with,
//! or has ended and gives its result. Nothing is paid twice.

mod found;
mod meter;
mod tool;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, Weak},
};

pub use found::{CalledSpend, Child, children_of};

use self::tool::Delegate;
use super::Engine;
use crate::{
    agent::Tools,
    error::{Error, ErrorKind, Result},
    model::Value,
    plan::Plan,
    tool::Toolbox,
};

/// The agents and workflows that a plan may call as tools.
#[derive(Debug)]
pub struct Delegates {
    tools: Vec<Arc<Delegate>>,
    runner: Arc<Runner>,
}

impl Delegates {
    /// Those of `plan`. Their runs get `settings`, for the front end to find again on resume, and `env`, the environment variables that
    /// their plans name.
    #[must_use]
    pub fn of(plan: &Plan, settings: &Value, env: &BTreeMap<String, String>) -> Self {
        let runner = Arc::new(Runner::default());
        let tool = |(name, plan)| Arc::new(Delegate::new(name, plan, settings.clone(), env.clone(), Arc::clone(&runner)));
        Self { tools: plan.delegates.iter().map(tool).collect(), runner }
    }

    /// Puts them into a toolbox.
    pub fn put_into(&self, toolbox: &mut Toolbox) {
        self.tools.iter().for_each(|tool| toolbox.add(Arc::clone(tool) as _));
    }

    /// Has their runs made by `engine`, which has the toolbox that they are in; the first one stays.
    pub fn run_by(&self, engine: &Engine) {
        let tools = Arc::downgrade(&engine.tools);
        self.runner.0.get_or_init(|| (Engine { tools: Arc::default(), ..engine.clone() }, tools));
    }
}

/// The engine that makes the runs, without its tools: these have it, and would keep each other for ever.
#[derive(Debug, Default)]
struct Runner(OnceLock<(Engine, Weak<Tools>)>);

impl Runner {
    fn engine(&self) -> Result<Engine> {
        let found = self.0.get().and_then(|(engine, tools)| Some(Engine { tools: tools.upgrade()?, ..engine.clone() }));
        found.ok_or_else(|| {
            Error::new(ErrorKind::Internal, "there is no engine for agents and workflows that are called as tools")
        })
    }
}
