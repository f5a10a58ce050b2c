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
///
/// # Errors
/// `Invalid` when it cannot be found, e.g. because it was removed.
pub fn working_folder() -> Result<PathBuf> {
    std::env::current_dir().map_err(|err| Error::new(ErrorKind::Invalid, "the working folder cannot be found").source(err))
}

/// How engines keep their runs. Tests of debug builds shorten the lease by `AGENTFLOW_LEASE_MS`, the patience with a store that
/// is down by `AGENTFLOW_STORE_PATIENCE_MS` and that with runs that wait by `AGENTFLOW_HOLD_MS`: nobody else has a reason to.
pub(super) fn engine_settings() -> EngineSettings {
    let mut settings = EngineSettings::default();
    if cfg!(debug_assertions) {
        let set = |name: &str, to: &mut Duration| {
            *to = variable(name).and_then(|ms| ms.parse().ok()).map_or(*to, Duration::from_millis);
        };
        set("AGENTFLOW_LEASE_MS", &mut settings.lease);
        set("AGENTFLOW_STORE_PATIENCE_MS", &mut settings.store_patience);
        set("AGENTFLOW_HOLD_MS", &mut settings.hold);
    }
    settings
}

/// Who uses this process, as the system knows them: `ada@host`.
#[must_use]
pub fn user() -> String {
    let name = variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "unknown".to_owned());
    format!("{name}@{}", crate::store::this_process().host)
}
