//! A server as a source of tools: started when it is first needed, started again when it died, listed again when it says so.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rmcp::service::ServiceError;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    error::{Error, Result},
    model::{Effect, ToolPattern},
    tool::{
        Tool, ToolSource,
        mcp::{
            connection::Connection,
            failure::Failures,
            listing::{Offered, pages},
            pin::ServerDefinition,
            settings::McpSettings,
            tool::{McpTool, ResourceTool},
        },
    },
};

/// Between two starts: 1 s, 2 s, 4 s, … at most this.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// A server that was there for so long begins anew with the pauses.
const HEALTHY: Duration = Duration::from_secs(60);

/// An MCP server. Clones share its connection; it ends with the last of them and of its tools.
#[derive(Debug, Clone)]
pub struct McpServer {
    inner: Arc<Inner>,
}

struct Inner {
    settings: McpSettings,
    effects: Vec<(ToolPattern, Effect)>,
    /// How many starts have come to an end, good or bad.
    started: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ready: Option<Arc<Ready>>,
    /// How often it was started in a row without staying.
    restarts: u32,
    last_start: Option<Instant>,
    /// The last start that failed: its number, and why.
    failure: Option<(u64, Error)>,
}

/// A server that has said what it offers, and that offers what was approved.
pub(super) struct Ready {
    pub(super) connection: Arc<Connection>,
    pub(super) offered: Vec<Arc<Offered>>,
}

impl McpServer {
    /// A server that is not started yet.
    ///
    /// # Errors
    /// `Invalid` for a name that is none, an empty command, and patterns that name no tools.
    pub fn new(settings: McpSettings) -> Result<Self> {
        let effects = settings.patterns()?;
        let inner = Inner { settings, effects, started: AtomicU64::new(0), state: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.settings.name
    }

    pub(super) fn settings(&self) -> &McpSettings {
        &self.inner.settings
    }

    pub(super) fn failures(&self) -> Failures<'_> {
        Failures::of(&self.inner.settings.name)
    }

    /// What it is known by now, for somebody who is to approve it; nobody is asked whether it was approved.
    ///
    /// # Errors
    /// When it cannot be started or listed.
    pub async fn definition(&self) -> Result<ServerDefinition> {
        let connection = Connection::open(self.settings()).await?;
        let offered = self.list(&connection).await?;
        Ok(self.define(&offered))
    }

    /// The server, running and listed; started if it is not.
    pub(super) async fn ready(&self) -> Result<Arc<Ready>> {
        let seen = self.inner.started.load(Ordering::Acquire);
        let mut state = self.inner.state.lock().await;
        if let Some(ready) = state.ready.take_if(|ready| ready.connection.is_alive()) {
            let connection = Arc::clone(&ready.connection);
            if !connection.take_changed() {
                state.ready = Some(Arc::clone(&ready));
                return Ok(ready);
            }
            let listed = Box::pin(self.approved(Arc::clone(&connection))).await.inspect_err(|_| connection.set_changed());
            // What it offered before may be of use again; until then, every use lists it anew.
            state.ready = Some(listed.as_ref().map_or(ready, Arc::clone));
            return listed;
        }
        // Whoever waited while somebody else tried in vain is told the same instead of trying once more.
        if let Some((number, failure)) = &state.failure
            && *number > seen
        {
            return Err(again(failure));
        }
        self.start(&mut state).await
    }

    async fn start(&self, state: &mut State) -> Result<Arc<Ready>> {
        if state.ready.take().is_some() && state.last_start.is_some_and(|start| start.elapsed() > HEALTHY) {
            state.restarts = 0;
        }
        if let Some(last) = state.last_start.filter(|_| state.restarts > 0) {
            sleep_until(last + pause(state.restarts)).await;
        }
        state.restarts = state.restarts.saturating_add(1);
        state.last_start = Some(Instant::now());
        tracing::debug!(server = self.name(), in_a_row = state.restarts, "starting an MCP server");
        let started = async { self.approved(Arc::new(Connection::open(self.settings()).await?)).await };
        let started = Box::pin(started).await;
        let number = self.inner.started.fetch_add(1, Ordering::AcqRel) + 1;
        match started {
            Ok(ready) => {
                state.ready = Some(Arc::clone(&ready));
                state.failure = None;
                Ok(ready)
            }
            Err(error) => {
                state.failure = Some((number, again(&error)));
                Err(error)
            }
        }
    }

    /// Lists what it offers and has it checked.
    async fn approved(&self, connection: Arc<Connection>) -> Result<Arc<Ready>> {
        let offered = self.list(&connection).await?;
        if let Some(pins) = &self.settings().pins {
            pins.check(&self.define(&offered)).await?;
        }
        Ok(Arc::new(Ready { connection, offered }))
    }

    fn define(&self, offered: &[Arc<Offered>]) -> ServerDefinition {
        let tools = offered.iter().map(|tool| (tool.name.clone(), tool.digest.clone()));
        ServerDefinition::of(self.settings(), tools.collect())
    }

    async fn list(&self, connection: &Connection) -> Result<Vec<Arc<Offered>>> {
        if connection.capabilities().tools.is_none() {
            return Ok(Vec::new());
        }
        let listing = pages("tools", |params| async {
            let page = connection.peer().list_tools(params).await?;
            Ok((page.tools, page.next_cursor))
        });
        let limit = self.settings().start_timeout;
        let definitions = match timeout(limit, listing).await {
            Ok(Ok(definitions)) => definitions,
            Ok(Err(error)) => return Err(connection.failed(&self.failures(), error).await),
            Err(_) => return Err(self.failures().silent("the list of its tools", limit)),
        };
        let mut offered: Vec<Arc<Offered>> = Vec::new();
        for definition in definitions {
            let tool = Offered::new(self.name(), &self.inner.effects, &definition);
            // Of two of the same name, nobody could say which was approved.
            offered.extend(tool.filter(|tool| offered.iter().all(|other| other.name != tool.name)).map(Arc::new));
        }
        Ok(offered)
    }

    /// A request with the time a call may take at most.
    pub(super) async fn within<T>(
        &self,
        what: &str,
        server: &Ready,
        request: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T> {
        let limit = self.settings().call_timeout;
        match timeout(limit, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(server.connection.failed(&self.failures(), error).await),
            Err(_) => Err(self.failures().silent(what, limit)),
        }
    }
}

#[async_trait]
impl ToolSource for McpServer {
    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
        let ready = self.ready().await?;
        let mut tools: Vec<Arc<dyn Tool>> = Vec::with_capacity(ready.offered.len() + 2);
        for offered in &ready.offered {
            tools.push(Arc::new(McpTool::new(self.clone(), Arc::clone(offered))));
        }
        if ready.connection.capabilities().resources.is_some() {
            let has = |name: &str| ready.offered.iter().any(|tool| tool.name == name);
            for tool in ResourceTool::both(self)?.into_iter().filter(|tool| !has(tool.name())) {
                tools.push(Arc::new(tool));
            }
        }
        Ok(tools)
    }
}

/// How long after the last start the next one may be.
fn pause(restarts: u32) -> Duration {
    Duration::from_secs(1_u64 << (restarts - 1).min(5)).min(MAX_PAUSE)
}

/// The same error for somebody else.
fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.message()).retry_after(error.requested_delay());
    error.hints().iter().fold(copy, |copy, hint| copy.hint(hint.as_str()))
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_starts_double_up_to_half_a_minute() {
        let pauses: Vec<u64> = (1..=8).map(|restarts| pause(restarts).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
