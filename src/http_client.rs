//! HTTP clients as every room that speaks to servers begins them: whom they trust, and what they never do by themselves.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Why there is no client.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A client to be finished: one that trusts the system's certificates for https (`secure`), one that loads none for http. It follows no
/// redirect, uses no proxy and makes no retry.
pub(crate) fn builder(secure: bool) -> Result<ClientBuilder, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = if secure {
        config.with_platform_verifier()?.with_no_client_auth()
    } else {
        config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(concat!("agentflow/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never()))
}
