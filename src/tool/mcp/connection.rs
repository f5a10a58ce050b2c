//! A connection to a server: made, used by many calls at once, and lost.

use std::{
    future::{Future, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rmcp::{
    ClientHandler, RoleClient,
    model::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion, ServerCapabilities},
    service::{ClientCacheConfig, ClientInitializeError, NotificationContext, Peer, RunningService, ServiceError, serve_client},
};
use tokio::time::timeout;

use crate::{
    error::Result,
    tool::mcp::{
        child::{Launch, Process},
        failure::Failures,
        fate::Fate,
        http,
        settings::{McpSettings, McpTransport},
        wire::Wire,
    },
};

/// A server that has greeted.
#[derive(Debug)]
pub(super) struct Connection {
    service: RunningService<RoleClient, Client>,
    /// Whether its tools have changed since they were listed.
    changed: Arc<AtomicBool>,
    /// Whether a request could not be sent: nothing more is tried on it.
    broken: AtomicBool,
    fate: Fate,
    process: Option<Process>,
}

/// What we are to servers: a client that offers nothing. Sampling and roots are refused as unknown, elicitation is declined.
#[derive(Debug, Default)]
struct Client {
    changed: Arc<AtomicBool>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("agentflow", env!("CARGO_PKG_VERSION")))
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    #[expect(deprecated, reason = "servers of older protocols ask for them")]
    fn list_roots(
        &self,
        _context: rmcp::service::RequestContext<RoleClient>,
    ) -> impl Future<Output = Result<rmcp::model::ListRootsResult, rmcp::ErrorData>> + Send + '_ {
        ready(Err(rmcp::ErrorData::method_not_found::<rmcp::model::ListRootsRequestMethod>()))
    }

    fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) -> impl Future<Output = ()> + Send + '_ {
        self.changed.store(true, Ordering::Release);
        ready(())
    }
}

impl Connection {
    /// Starts the server, if it is a program, and greets it.
    ///
    /// # Errors
    /// When it cannot be started or reached, does not answer in time or not as the protocol says.
    pub(super) async fn open(settings: &McpSettings) -> Result<Self> {
        let failures = Failures::of(&settings.name);
        let fate = Fate::default();
        let client = Client::default();
        let changed = Arc::clone(&client.changed);
        let (process, served) = match &settings.transport {
            McpTransport::Stdio { command, env, inherited, folder } => {
                let launch = Launch { server: &settings.name, command, env, inherited, folder };
                let (process, stdout, stdin) =
                    Process::start(&launch, &fate).map_err(|error| failures.not_started(command, error))?;
                let wire = Wire::new(stdout, stdin, fate.clone(), process.stop.clone());
                (Some(process), timeout(settings.start_timeout, Box::pin(serve_client(client, wire))).await)
            }
            McpTransport::Http { url, headers } => {
                let transport = http::transport(&settings.name, url, headers)?;
                (None, timeout(settings.start_timeout, Box::pin(serve_client(client, transport))).await)
            }
        };
        match served {
            Ok(Ok(service)) => {
                // Answers are not kept beyond the call: how long is the server's wish, how many its doing.
                service.set_response_cache_config(ClientCacheConfig::disabled()).await;
                Ok(Self { service, changed, broken: AtomicBool::new(false), fate, process })
            }
            Ok(Err(error)) => Err(greeting_failed(&failures, error, &fate, process.as_ref()).await),
            Err(_) => Err(failures.silent_at_start(settings.start_timeout, process.as_ref().map(Process::last_words).as_deref())),
        }
    }

    /// To send requests with.
    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        self.service.peer()
    }

    /// What the server says it has.
    pub(super) fn capabilities(&self) -> ServerCapabilities {
        self.peer().peer_info().map(|info| info.capabilities.clone()).unwrap_or_default()
    }

    /// Whether requests can be sent.
    pub(super) fn is_alive(&self) -> bool {
        !self.broken.load(Ordering::Acquire) && !self.peer().is_transport_closed()
    }

    /// Whether the tools have changed since the last time this was asked.
    pub(super) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }

    /// Has the tools listed again before their next use.
    pub(super) fn set_changed(&self) {
        self.changed.store(true, Ordering::Release);
    }

    /// What the failure of a request means; the connection is not used again when it is its end.
    pub(super) async fn failed(&self, failures: &Failures<'_>, error: ServiceError) -> crate::Error {
        match &error {
            ServiceError::TransportClosed => {
                self.broken.store(true, Ordering::Release);
                let reason = self.fate.reason().await;
                failures.lost(reason, self.process.as_ref().map(Process::last_words).as_deref())
            }
            ServiceError::TransportSend(_) => {
                self.broken.store(true, Ordering::Release);
                match &self.process {
                    Some(process) => {
                        let reason = self.fate.reason().await;
                        failures.lost(reason, Some(&process.last_words()))
                    }
                    None => failures.service(error),
                }
            }
            _ => failures.service(error),
        }
    }
}

async fn greeting_failed(
    failures: &Failures<'_>,
    error: ClientInitializeError,
    fate: &Fate,
    process: Option<&Process>,
) -> crate::Error {
    let Some(process) = process else { return failures.not_greeted(error) };
    match error {
        ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. } => {
            failures.died_at_start(fate.reason().await, &process.last_words())
        }
        error => failures.not_greeted(error),
    }
}
