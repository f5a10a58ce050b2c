//! Servers over HTTP: a client of their own that follows no redirects, uses no proxy of the environment and tries nothing twice.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use reqwest::{
    Client, Url,
    header::{HeaderName, HeaderValue},
};
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransport, StreamableHttpClientTransportConfig};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    error::{Error, ErrorKind, Result},
    http_client,
};

/// How long it may take to connect, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// The most bytes of an answer, as over pipes.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// How many requests are under way at once.
const AT_ONCE: usize = 64;

/// The way to the server at `url`.
///
/// # Errors
/// `Invalid` for what is no http(s) URL and for headers that no request may have.
pub(super) fn transport(
    server: &str,
    url: &str,
    headers: &BTreeMap<String, SecretString>,
) -> Result<StreamableHttpClientTransport<Client>> {
    let invalid = |what: &str| Error::new(ErrorKind::Invalid, format!("MCP server `{server}`: {what}"));
    let url = Url::parse(url).map_err(|error| invalid("`url` is no URL").source(error))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(invalid("`url` is no http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("`url` carries credentials").hint("give them by `headers = { authorization = { env = \"NAME\" } }`"));
    }
    let mut map = HashMap::new();
    for (name, value) in headers {
        let shown = name.escape_default();
        let name = HeaderName::try_from(name).map_err(|_| invalid(&format!("`{shown}` is no header name")))?;
        let mut value = HeaderValue::from_str(value.expose_secret().trim())
            .map_err(|_| invalid(&format!("the value of header `{shown}` has characters that no header may have")))?;
        value.set_sensitive(true);
        map.insert(name, value);
    }
    // A compressed answer could unfold to far more than it weighs.
    let client = http_client::builder(url.scheme() == "https")
        .and_then(|builder| Ok(builder.no_gzip().connect_timeout(CONNECT).build()?))
        .map_err(|error| invalid("there is no HTTP client").source(error))?;
    let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .custom_headers(map)
        .max_concurrent_requests(AT_ONCE)
        .max_sse_event_size(MAX_BODY)
        .max_json_response_size(MAX_BODY);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}
