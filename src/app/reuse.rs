//! Which earlier run a new one comes from, and what it takes of it.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::{
    app::{Resumable, environment, registry::is_simulated, runs},
    engine::{Revision, RunOptions},
    error::Result,
    model::{EventBody, Origin, OriginKind, RunId, Value},
    plan::Plan,
    store::{Store, StreamId},
};

/// The origin of a new run of `plan` that takes over what it can: of the run that `name` means, or of the newest run of the same
/// workflow; `None` when there is no such run yet. The nodes of `invalidated` are asked anew.
///
/// # Errors
/// As [`runs::find`] and [`Plan::check_nodes`].
pub async fn origin(
    store: &Arc<dyn Store>,
    plan: &Plan,
    name: Option<&str>,
    invalidated: &[String],
    simulated: bool,
) -> Result<Option<Origin>> {
    plan.check_nodes(invalidated.iter().map(String::as_str))?;
    let run = match name {
        Some(name) => Some(runs::find(store, name).await?),
        None => newest(store, &plan.name, None, Some(simulated)).await?,
    };
    Ok(run.map(|run| Origin { invalidated: invalidated.to_vec(), ..Origin::reuse(run) }))
}

/// The newest run of `workflow`, before the run `before` if that is given; only a simulated or a real one where that matters.
///
/// # Errors
/// Those of the store.
pub async fn newest(
    store: &Arc<dyn Store>,
    workflow: &str,
    before: Option<RunId>,
    simulated: Option<bool>,
) -> Result<Option<RunId>> {
    let end = before.map(StreamId::run);
    for stream in store.streams(StreamId::RUNS).await?.iter().rev() {
        if end.as_ref().is_some_and(|end| stream >= end) {
            continue;
        }
        // A run whose first record cannot be read is none that anything could be taken of.
        let Ok(records) = store.read(stream, 0, 1).await else { continue };
        let Some(first) = records.first().and_then(|record| serde_json::from_str(&record.body).ok()) else { continue };
        let EventBody::RunCreated { run, workflow: name, settings, parent: None, .. } = first else { continue };
        if name == workflow && simulated.is_none_or(|simulated| is_simulated(&settings) == simulated) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

impl Resumable {
    /// The inputs the run was given, defaults applied.
    #[must_use]
    pub fn inputs(&self) -> IndexMap<String, Value> {
        match self.events.first().map(|event| &event.body) {
            Some(EventBody::RunCreated { inputs, .. }) => inputs.clone(),
            _ => IndexMap::new(),
        }
    }

    /// What the engine is told to go on with the run.
    ///
    /// # Errors
    /// None that can be expected.
    pub fn resume(&self) -> Result<RunOptions> {
        let settings = self.prepared.recorded.to_value()?;
        let revision = self.former.as_ref().map(|former| Revision { former: Arc::clone(former), settings: settings.clone() });
        let env = environment::variables(&self.prepared.plan.env);
        Ok(RunOptions { run: self.run, settings, env, revision, ..RunOptions::new(self.inputs()) })
    }

    /// What the engine is told to begin a new run that takes over all answers but those of the node `from` and of what comes after
    /// it. `given` are inputs that are not those of the run.
    ///
    /// # Errors
    /// `Invalid` when there is no such node, or the inputs do not fit.
    pub fn fork(&self, from: &str, given: IndexMap<String, Value>) -> Result<RunOptions> {
        let plan = &self.prepared.plan;
        plan.check_nodes([from])?;
        let mut inputs = self.inputs();
        inputs.retain(|name, _| plan.inputs.contains_key(name));
        inputs.extend(given);
        let mut options = self.prepared.options(RunId::generate(), inputs)?;
        options.origin = Some(Origin { kind: OriginKind::Fork, from: Some(from.to_owned()), ..Origin::reuse(self.run) });
        Ok(options)
    }
}
