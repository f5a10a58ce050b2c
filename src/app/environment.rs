//! The process's environment: the only place of the library that reads it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::error::{Error, ErrorKind, Result};

/// The value of an environment variable, if it is set to text that is not empty.
#[expect(clippy::disallowed_methods, reason = "`app` is the place that reads the environment")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How long a run waits for a store that is down, for tests of programs that were built for them: nobody waits half a minute
/// there.
pub(super) fn store_patience() -> Option<Duration> {
    let given = if cfg!(debug_assertions) { variable("AGENTFLOW_TEST_STORE_PATIENCE_MS") } else { None };
    given?.parse().ok().map(Duration::from_millis)
}

/// Those of `names` that are set.
pub(super) fn variables(names: &[String]) -> BTreeMap<String, String> {
    names.iter().filter_map(|name| Some((name.clone(), variable(name)?))).collect()
}

/// The folder the process works in.
pub(super) fn working_folder() -> Result<PathBuf> {
    std::env::current_dir().map_err(|err| Error::new(ErrorKind::Invalid, "the working folder cannot be found").source(err))
}
