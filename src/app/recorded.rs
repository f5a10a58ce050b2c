//! What is kept of the settings with a run, and the plan that follows from the files and settings that are stored with it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    app::{MockOptions, STDIN, WorkflowSource, cassette::CassetteChoice, compile_from},
    diagnostic::StoredFiles,
    engine::revised_files,
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, ModelRef, Parent, RunId, Value},
    plan::{Choice, CompileOptions, Compiled, ManifestChoice, Plan, RegisteredAgents},
};

/// What is kept of the settings with a run, so that a resume does the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedSettings {
    /// The folder that relative paths are relative to.
    pub(super) folder: PathBuf,
    /// The path of the manifest, which is the second of the stored sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) manifest: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mock: Option<MockOptions>,
    /// The cassette that is recorded or played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cassette: Option<CassetteChoice>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) models: BTreeMap<String, ModelRef>,
    /// Agents that the program brought itself.
    #[serde(default, skip_serializing_if = "RegisteredAgents::is_empty")]
    pub(super) agents: RegisteredAgents,
    /// Whom nodes that ask for capabilities got.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) choices: Vec<Choice>,
}

impl RecordedSettings {
    /// What the files of the run are compiled with: agents are chosen as they were.
    pub(super) fn options(&self) -> CompileOptions {
        CompileOptions {
            model_overrides: self.models.clone(),
            agents: self.agents.clone(),
            choices: self.choices.clone(),
            ..CompileOptions::default()
        }
    }

    /// As the log keeps them.
    pub(super) fn to_value(&self) -> Result<Value> {
        serde_json::to_value(self)
            .map_err(|err| Error::new(ErrorKind::Internal, "the settings of the run cannot be recorded").source(err))
    }
}

/// The call that a run with these events is made for, if it is one.
pub(super) fn parent(events: &[Event]) -> Option<&Parent> {
    match &events.first()?.body {
        EventBody::RunCreated { parent, .. } => parent.as_ref(),
        _ => None,
    }
}

/// The plan of what is called as a tool, among those of the plan that it is called from.
pub(super) fn called(plan: &Plan, parent: &Parent) -> Result<Plan> {
    plan.delegates.get(&parent.tool).map(|called| Plan::clone(called)).ok_or_else(|| {
        Error::new(ErrorKind::Divergent, format!("the workflow that is stored with the run has no tool `{}`", parent.tool))
    })
}

/// The plan of a run with these events, as far as its files can be compiled: of what is called as a tool, its own.
pub(super) fn plan(run: RunId, events: &[Event]) -> Result<Option<Plan>> {
    let plan = compile(run, events)?.0.plan;
    match (plan, parent(events)) {
        (Some(plan), Some(parent)) => called(&plan, parent).map(Some),
        (plan, _) => Ok(plan),
    }
}

/// Compiles the files that a run with these events has now, under the settings it has now.
pub(super) fn compile(run: RunId, events: &[Event]) -> Result<(Compiled, RecordedSettings)> {
    let Some((sources, stored)) = revised_files(events) else {
        return Err(Error::new(ErrorKind::Corrupt, format!("the log of run `{run}` does not begin with its creation")));
    };
    let recorded: RecordedSettings = serde_json::from_value(stored.clone()).map_err(|err| {
        Error::new(ErrorKind::Corrupt, format!("the settings of run `{run}` cannot be read"))
            .source(err)
            .hint("use the version of agentflow that recorded the run, or a newer one")
    })?;
    let Some(workflow) = sources.first() else {
        return Err(Error::new(ErrorKind::Corrupt, format!("run `{run}` was recorded without its workflow")));
    };
    let choice = recorded.manifest.clone().map_or(ManifestChoice::None, ManifestChoice::At);
    let source = if workflow.path == STDIN {
        WorkflowSource::Text(workflow.text.clone())
    } else {
        WorkflowSource::File(PathBuf::from(&workflow.path))
    };
    let files = StoredFiles::new(sources.to_vec());
    Ok((compile_from(&files, &source, &choice, recorded.options(), recorded.mock), recorded))
}
