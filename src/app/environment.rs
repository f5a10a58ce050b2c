//! The process's environment: the only place of the library that reads it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{
    engine::EngineSettings,
    error::{Error, ErrorKind, Result},
};

/// The value of an environment variable, if it is set to text that is not empty.
#[expect(clippy::disallowed_methods, reason = "`app` is the place that reads the environment")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Those of `names` that are set.
pub(super) fn variables(names: &[String]) -> BTreeMap<String, String> {
    names.iter().filter_map(|name| Some((name.clone(), variable(name)?))).collect()
}

/// The folder the process works in.
pub(super) fn working_folder() -> Result<PathBuf> {
    std::env::current_dir().map_err(|err| Error::new(ErrorKind::Invalid, "the working folder cannot be found").source(err))
}

/// How engines keep their runs. Tests of debug builds shorten the lease of a run and the patience with a store that is down:
/// nobody else has a reason to.
pub(super) fn engine_settings() -> EngineSettings {
    let mut settings = EngineSettings::default();
    if cfg!(debug_assertions) {
        let milliseconds = |name| Some(Duration::from_millis(variable(name)?.parse().ok()?));
        settings.lease = milliseconds("AGENTFLOW_TEST_LEASE_MS").unwrap_or(settings.lease);
        settings.store_patience = milliseconds("AGENTFLOW_TEST_STORE_PATIENCE_MS").unwrap_or(settings.store_patience);
    }
    settings
}
