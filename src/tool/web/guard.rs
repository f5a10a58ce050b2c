//! The guard of URLs: where a request would go, and whether it may. Every URL passes here before it is asked for, the target of a
//! redirect as well.
//!
//! In this order: the text is parsed as browsers do, once; scheme, credentials and host are checked; an address that the host is
//! written as is looked at here, because connectors do not resolve it; the answer of a name server is looked at when the
//! connection is made, in [`GuardedResolver`](super::resolver::GuardedResolver), so that what was checked is what is dialled.

use std::net::IpAddr;

use reqwest::Url;

use crate::{
    error::{Error, ErrorKind, Result},
    model::Access,
    tool::{Authorized, ToolCall, web::address::Place},
};

/// The longest URL.
const MAX_URL: usize = 8_192;
/// Names that lead to this host, this network or a cloud's metadata, and the endings of such names.
const INSIDE_NAMES: &[&str] = &["localhost", "metadata.google.internal", "instance-data.ec2.internal"];
const INSIDE_ENDINGS: &[&str] = &[
    ".localhost",
    ".localdomain",
    ".local",
    ".internal",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
    ".home.arpa",
    ".svc",
    ".onion",
];

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    url: Url,
    access: Access,
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Name(String),
    Address(IpAddr),
}

/// How far a host is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It has to be on the public network.
    Public,
    /// A rule of the operator names it: it may be on this host or a network of its owner.
    Named,
}

impl Target {
    /// Reads the URL that a call is given.
    ///
    /// # Errors
    /// `Invalid` when it is no http or https URL of a host, or carries credentials.
    pub(super) fn parse(text: &str) -> Result<Self> {
        // The parser would drop some of them without a word.
        if text.chars().any(char::is_control) {
            return Err(invalid(text, "has control characters"));
        }
        if text.len() > MAX_URL {
            return Err(Error::new(ErrorKind::Invalid, format!("the URL has more than {MAX_URL} bytes")));
        }
        let url = Url::parse(text).map_err(|err| {
            invalid(text, &format!("is no URL: {err}")).hint("write it in full, like `https://example.com/path`")
        })?;
        Self::of(url)
    }

    /// Reads where `self` is redirected to.
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub(super) fn join(&self, location: &str) -> Result<Self> {
        if location.chars().any(char::is_control) || location.len() > MAX_URL {
            return Err(Error::new(ErrorKind::Malformed, format!("`{}` redirects to something that is no URL", self.origin())));
        }
        let url = self.url.join(location).map_err(|err| {
            Error::new(ErrorKind::Malformed, format!("`{}` redirects to something that is no URL: {err}", self.origin()))
        })?;
        Self::of(url)
    }

    fn of(mut url: Url) -> Result<Self> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            scheme => {
                return Err(Error::new(ErrorKind::Invalid, format!("`{scheme}:` is not spoken; only `https:` and `http:` are")));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::new(ErrorKind::Invalid, "the URL carries credentials").hint("send them in a header"));
        }
        let written = url.host_str().unwrap_or_default();
        let host = match written.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(checked_name(written)?),
        };
        if let Host::Name(name) = &host {
            // What is dialled, and shown to the server as its certificate's name, is what was checked.
            url.set_host(Some(name)).map_err(|err| invalid(name, &format!("is no host: {err}")))?;
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if port == 0 {
            return Err(Error::new(ErrorKind::Invalid, "port 0 is no port"));
        }
        url.set_fragment(None);
        let access = Access::Net { secure, host: host.to_string(), port };
        Ok(Self { url, access, host, port })
    }

    /// The URL.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The same place with these pairs added to the query.
    pub(super) fn with_query<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut pairs = pairs.into_iter().peekable();
        if pairs.peek().is_some() {
            self.url.query_pairs_mut().extend_pairs(pairs);
        }
        self
    }

    /// What a request to it touches.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Whether the connection is encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The server, without path and query, which may hold secrets: for messages.
    pub(super) fn origin(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{}://{host}:{port}", self.url.scheme()),
            None => format!("{}://{host}", self.url.scheme()),
        }
    }

    /// Whether both are of one server: what was meant for one may be told the other.
    pub(super) fn is_same_origin(&self, other: &Self) -> bool {
        (&self.host, self.port, self.is_secure()) == (&other.host, other.port, other.is_secure())
    }

    /// Whether `call` may go there, and how far the host is trusted then.
    ///
    /// # Errors
    /// `Denied` when it is not permitted, or is not on the public network without a rule that names it.
    pub(super) fn permit(&self, call: &Authorized<ToolCall>) -> Result<Trust> {
        call.check(&self.access)?;
        if call.names_host(&self.access) {
            return Ok(Trust::Named);
        }
        match &self.host {
            Host::Address(address) => match Place::of(*address) {
                Place::Public => Ok(Trust::Public),
                Place::Local(what) | Place::Special(what) => Err(self.not_public(what)),
            },
            Host::Name(name) if is_inside(name) => Err(self.not_public("a name of the inside")),
            Host::Name(_) => Ok(Trust::Public),
        }
    }

    fn not_public(&self, what: &str) -> Error {
        let Self { access, .. } = self;
        Error::new(ErrorKind::Denied, format!("`{}` is not on the public network: {what}", self.origin())).hint(format!(
            "such a host has to be named by the operator, not by a pattern: `--allow '{access}'`, or `{access}` in the policy file"
        ))
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A name without its last dot. The parser has seen to lower case and punycode.
fn checked_name(written: &str) -> Result<String> {
    let name = written.strip_suffix('.').unwrap_or(written);
    let is_good = name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        });
    if is_good { Ok(name.to_owned()) } else { Err(invalid(written, "is no host")) }
}

/// Whether a name is one that a network gives its own hosts. One without a dot is: resolvers add the network's domain to it.
fn is_inside(name: &str) -> bool {
    !name.contains('.') || INSIDE_NAMES.contains(&name) || INSIDE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn invalid(text: &str, what: &str) -> Error {
    // A query may hold a secret.
    let shown: String = text.split(['?', '#']).next().unwrap_or_default().chars().take(200).collect();
    Error::new(ErrorKind::Invalid, format!("`{}` {what}", shown.escape_default()))
}

#[cfg(test)]
mod tests;
