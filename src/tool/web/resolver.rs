//! Name servers, and what of their answers may be dialled. The addresses that are checked here are the ones that are dialled: there is
//! no second look-up that could answer differently.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{
    error::{Error, ErrorKind, Result},
    tool::web::{address::Place, guard::Trust},
};

/// Looks names up.
#[async_trait]
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The addresses of `host`.
    ///
    /// # Errors
    /// When there are none, or nobody can tell.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Looks names up as the system does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Looks names up for a client, and refuses answers that lead where hosts of its trust may not be.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) trust: Trust,
}

impl GuardedResolver {
    /// The addresses of `host`: all of them are fit to be dialled.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>> {
        let unknown = || Error::new(ErrorKind::Transient, format!("`{host}` has no address")).hint("check the name of the host");
        let found = self.lookup.lookup(host).await.map_err(|err| unknown().hint(format!("the system says: {err}")))?;
        if found.is_empty() {
            return Err(unknown());
        }
        match found.iter().find_map(|address| self.objection(host, *address)) {
            Some(objection) => Err(objection),
            None => Ok(found),
        }
    }

    fn objection(&self, host: &str, address: IpAddr) -> Option<Error> {
        let (what, hint) = match (Place::of(address), self.trust) {
            (Place::Public, _) | (Place::Local(_), Trust::Named) => return None,
            (Place::Local(what), Trust::Public) => {
                (what, format!("if it is meant to be there, the operator has to name `{host}` in a rule, not by a pattern"))
            }
            (Place::Special(what), _) => (what, "only a rule that names the very address permits it".to_owned()),
        };
        let message = format!("`{host}` is not on the public network: its address is {what}");
        Some(Error::new(ErrorKind::Denied, message).hint(format!("its name server says {address}; {hint}")))
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            // The port is put in by the connector.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers in turn.
    #[derive(Debug)]
    struct Answers(Mutex<Vec<Vec<&'static str>>>);

    #[async_trait]
    impl Lookup for Answers {
        async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.lock().unwrap().remove(0).into_iter().map(|address| address.parse().unwrap()).collect())
        }
    }

    fn resolver(trust: Trust, answers: &[&[&'static str]]) -> GuardedResolver {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        GuardedResolver { lookup: Arc::new(Answers(Mutex::new(answers))), trust }
    }

    async fn dial(resolver: &GuardedResolver) -> std::result::Result<Vec<String>, ErrorKind> {
        match resolver.resolve("rebind.example.com".parse().unwrap()).await {
            Ok(addresses) => Ok(addresses.map(|address| address.ip().to_string()).collect()),
            Err(error) => Err(error.downcast::<Error>().unwrap().kind()),
        }
    }

    #[tokio::test]
    async fn cve_2025_31490_dns_rebinding_is_refused_at_dial_time() {
        let resolver = resolver(Trust::Public, &[&["93.184.215.14"], &["127.0.0.1"], &["169.254.169.254"]]);
        assert_eq!(dial(&resolver).await, Ok(vec!["93.184.215.14".to_owned()]));
        assert_eq!(dial(&resolver).await, Err(ErrorKind::Denied));
        assert_eq!(dial(&resolver).await, Err(ErrorKind::Denied));
    }

    #[tokio::test]
    async fn cve_2026_42344_one_private_address_among_public_ones_spoils_the_answer() {
        let resolver = resolver(Trust::Public, &[&["93.184.215.14", "10.0.0.7"], &["2606:4700::1111", "::ffff:127.0.0.1"]]);
        assert_eq!(dial(&resolver).await, Err(ErrorKind::Denied));
        assert_eq!(dial(&resolver).await, Err(ErrorKind::Denied));
    }

    #[tokio::test]
    async fn a_named_host_may_be_on_a_private_network_and_never_a_clouds_metadata() {
        let resolver = resolver(Trust::Named, &[&["10.0.0.7"], &["127.0.0.1", "::1"], &["169.254.169.254"], &["0.0.0.0"]]);
        assert_eq!(dial(&resolver).await, Ok(vec!["10.0.0.7".to_owned()]));
        assert_eq!(dial(&resolver).await, Ok(vec!["127.0.0.1".to_owned(), "::1".to_owned()]));
        assert_eq!(dial(&resolver).await, Err(ErrorKind::Denied));
        assert_eq!(dial(&resolver).await, Err(ErrorKind::Denied));
    }

    #[tokio::test]
    async fn a_name_without_addresses_may_be_asked_again() {
        assert_eq!(dial(&resolver(Trust::Public, &[&[]])).await, Err(ErrorKind::Transient));
    }
}
