//! Servers that calls speak to, and that are left alone for a while when they fail: one circuit breaker for each host and each MCP
//! server, whichever tool asks. What only touches this machine has none.

use std::{sync::Arc, time::Duration};

use crate::{
    agent::{
        Notice,
        health::{Admitted, Health, Target},
    },
    error::{Error, ErrorKind, Result},
    model::{Access, ModelRef, ProviderName},
    resilience::BreakerPolicy,
    store::Store,
};

/// What stands in the place of a provider where the health of targets is told.
const KIND: &str = "tool";

/// The health of all servers.
#[derive(Debug, Default)]
pub(super) struct Servers {
    health: Health,
}

/// A server that a call speaks to.
pub(super) struct Server {
    id: ModelRef,
    target: Arc<Target>,
}

impl Servers {
    /// Shares what is found out with all processes that have `store`.
    pub(super) fn share_through(&self, store: &Arc<dyn Store>) {
        self.health.share_through(store);
    }

    /// The server that a call with these accesses speaks to: the first one.
    pub(super) fn of(&self, accesses: &[Access]) -> Option<Server> {
        let name = accesses.iter().find_map(|access| match access {
            Access::Net { host, port, .. } => Some(format!("{host}:{port}")),
            Access::Mcp { server, .. } => Some(format!("mcp:{server}")),
            Access::Read { .. }
            | Access::Write { .. }
            | Access::Run { .. }
            | Access::Recall { .. }
            | Access::Remember { .. }
            | Access::Send { .. }
            | Access::Receive { .. }
            | Access::Secret { .. } => None,
        })?;
        let id = ModelRef { provider: ProviderName::new(KIND).ok()?, model: name };
        let target = self.health.target(&id, || None, Some(BreakerPolicy::default()));
        Some(Server { id, target })
    }

    /// Lets a call to `server` through.
    ///
    /// # Errors
    /// `CircuitOpen` while it is left alone.
    pub(super) async fn admit<'a>(&'a self, server: &'a Server, timeout: Duration) -> Result<(Admitted<'a>, Option<Notice>)> {
        match self.health.admit(&server.target, &server.id, timeout.saturating_mul(2)).await {
            Ok((admitted, change)) => Ok((admitted, change.map(|change| Notice::of(&server.id, change)))),
            Err(refused) => Err(Error::new(
                ErrorKind::CircuitOpen,
                format!("the server `{}` failed too often and is left alone for a while: do without it", server.id.model),
            )
            .hint("`agentflow doctor` shows since when, and why; with `--reset-breakers` it is asked again at once")
            .source(refused)),
        }
    }
}

impl Server {
    /// Says how a call ended; tells when that changes the breaker.
    pub(super) async fn report(&self, admitted: Admitted<'_>, error: Option<&Error>) -> Option<Notice> {
        admitted.report(error).await.map(|change| Notice::of(&self.id, change))
    }
}
