//! What is said of a server before it is started.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Effect, ToolName, ToolPattern},
    tool::mcp::pin::Pins,
};

/// The variables of this process that a server's process gets, too; all others are those it is given by name.
pub const INHERITED_VARIABLES: &[&str] = &["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"];

/// A server, and how it is used.
#[derive(Clone)]
pub struct McpSettings {
    /// Its name: its tools are called `mcp:NAME/…`.
    pub name: String,
    /// How it is reached.
    pub transport: McpTransport,
    /// How long it may take to start and to say what it offers.
    pub start_timeout: Duration,
    /// How long a call may take at most.
    pub call_timeout: Duration,
    /// What calls of its tools do to the world, by names of tools with `*`; the first that fits holds. Of others: [`Effect::Write`].
    pub effects: Vec<(String, Effect)>,
    /// Who is asked whether it still offers what was approved; without, all is taken as it comes.
    pub pins: Option<Arc<dyn Pins>>,
}

/// How a server is reached.
#[derive(Clone)]
pub enum McpTransport {
    /// It is a program that is started here.
    Stdio {
        /// The program and its arguments; no shell reads them.
        command: Vec<String>,
        /// The variables it gets, by name.
        env: BTreeMap<String, SecretString>,
        /// The variables of this process; those in [`INHERITED_VARIABLES`] are passed on.
        inherited: BTreeMap<String, String>,
        /// Where it is started.
        folder: PathBuf,
    },
    /// It is there already, and speaks streamable HTTP.
    Http {
        /// Where.
        url: String,
        /// What goes with every request; keys are among them.
        headers: BTreeMap<String, SecretString>,
    },
}

impl McpSettings {
    /// A server with the usual limits: 30 s to start, 60 s a call.
    #[must_use]
    pub fn new(name: impl Into<String>, transport: McpTransport) -> Self {
        Self {
            name: name.into(),
            transport,
            start_timeout: Duration::from_secs(30),
            call_timeout: Duration::from_secs(60),
            effects: Vec::new(),
            pins: None,
        }
    }

    /// What fits which tools, as patterns of whole names.
    ///
    /// # Errors
    /// `Invalid` for a name of a server, or a pattern, that cannot be one.
    pub(super) fn patterns(&self) -> Result<Vec<(ToolPattern, Effect)>> {
        if self.name.contains('/') || ToolName::new(format!("mcp:{}/x", self.name)).is_err() {
            let shown = self.name.escape_default();
            return Err(Error::new(ErrorKind::Invalid, format!("`{shown}` is no name of an MCP server"))
                .hint("use letters, digits, `_` and `-`"));
        }
        let pattern = |(pattern, effect): &(String, Effect)| {
            let whole = ToolPattern::new(format!("mcp:{}/{pattern}", self.name)).map_err(|_| {
                let shown = pattern.escape_default();
                Error::new(ErrorKind::Invalid, format!("MCP server `{}`: `{shown}` names no tools of it", self.name))
                    .hint("write the name of a tool as the server has it, with `*` for any characters")
            })?;
            Ok((whole, *effect))
        };
        self.effects.iter().map(pattern).collect()
    }
}

impl fmt::Debug for McpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpSettings").field("name", &self.name).field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl fmt::Debug for McpTransport {
    /// Names only: values and headers may be keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio { command, env, .. } => {
                f.debug_struct("Stdio").field("command", command).field("env", &env.keys().collect::<Vec<_>>()).finish()
            }
            Self::Http { headers, .. } => {
                f.debug_struct("Http").field("headers", &headers.keys().collect::<Vec<_>>()).finish_non_exhaustive()
            }
        }
    }
}
