//! The HTTP of all providers: one client, its time limits and caps, and what its failures mean. Follows no redirects, uses no
//! proxy of the environment, tries nothing twice, and never shows a key.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    http_client,
    provider::{refusal, refusal::Refusal},
};

/// The most bytes of an answer.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// The most bytes of an error's body that are read, and for how long.
const MAX_ERROR_BODY: usize = 64 * 1024;
const ERROR_BODY_TIME: Duration = Duration::from_secs(10);

/// How long the steps of a call may take. The whole call is bounded by the caller.
#[derive(Debug, Clone, Copy)]
pub struct HttpTimes {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From the request to the first byte of the answer's body.
    pub first_byte: Duration,
    /// The same for a server on this host, which may have to load the model first.
    pub first_byte_local: Duration,
    /// Between two pieces of what the server sends before the first word of the answer: models that reason are silent for long.
    pub thinking: Duration,
    /// Between two pieces of the answer.
    pub idle: Duration,
}

impl Default for HttpTimes {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            first_byte_local: Duration::from_secs(300),
            thinking: Duration::from_secs(300),
            idle: Duration::from_secs(60),
        }
    }
}

/// The HTTP client that providers share. Cheap to make and to clone: sockets, and the system's certificates, come with the first
/// call that needs them.
#[derive(Debug, Clone, Default)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    times: HttpTimes,
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
}

/// Where a provider's requests go, and what goes with each of them.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// The provider's name, for messages.
    pub(super) provider: String,
    pub(super) url: Url,
    /// The key is among them, marked so that it is not shown.
    pub(super) headers: HeaderMap,
    /// To take it out of what servers say.
    pub(super) key: Option<SecretString>,
}

impl HttpClient {
    /// Makes a client with other time limits.
    #[must_use]
    pub fn new(times: HttpTimes) -> Self {
        Self { inner: Arc::new(Inner { times, ..Inner::default() }) }
    }

    /// Posts `body`, JSON, and returns the answer as soon as it begins with a 2xx status.
    ///
    /// # Errors
    /// As the retryability table says, with the delay the server asks for.
    pub(super) async fn post<'a>(&self, endpoint: &'a Endpoint, model: &'a str, body: Vec<u8>) -> Result<Answer<'a>> {
        let asked = Asked { endpoint, model };
        let client = self.client(&endpoint.url).map_err(|err| {
            Error::new(ErrorKind::Internal, format!("no HTTP client for provider `{}`", endpoint.provider)).source(err)
        })?;
        let request = client
            .post(endpoint.url.clone())
            .headers(endpoint.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let times = &self.inner.times;
        let first_byte = if is_local(&endpoint.url) { times.first_byte_local } else { times.first_byte };
        crash_point!("request.made");
        let response = timeout(first_byte, request.send())
            .await
            .map_err(|_| asked.silent(first_byte))?
            .map_err(|err| asked.not_sent(&err, times.connect))?;
        crash_point!("response.begun");
        if !response.status().is_success() {
            crash_point!("response.refused");
            return Err(asked.refused(response).await);
        }
        Ok(Answer { asked, response, thinking: first_byte.max(times.thinking), idle: times.idle, read: 0 })
    }

    /// The client for `url`: one that trusts the system's certificates for https, one that loads none for http.
    fn client(&self, url: &Url) -> std::result::Result<&Client, http_client::Failure> {
        let secure = url.scheme() == "https";
        let cell = if secure { &self.inner.tls } else { &self.inner.plain };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = http_client::builder(secure)?
            // A compressed stream arrives in lumps, and could unfold to far more than it weighs.
            .no_gzip()
            .connect_timeout(self.inner.times.connect)
            .build()?;
        Ok(cell.get_or_init(|| client))
    }
}

impl Endpoint {
    /// Checks a base URL, a key and headers, and appends `path` to the URL.
    ///
    /// `key_header` is the header of the key and what stands before it. A header in `headers` replaces one of the same name.
    ///
    /// # Errors
    /// `Invalid` when the URL is no http(s) URL or carries credentials, or a header has characters that no header may have.
    pub(super) fn new(
        provider: &str,
        base_url: &str,
        path: &str,
        key: Option<&SecretString>,
        key_header: (HeaderName, &str),
        headers: &[(String, String)],
    ) -> Result<Self> {
        let invalid = |what: String| Error::new(ErrorKind::Invalid, format!("provider `{provider}`: {what}"));
        let mut url = Url::parse(base_url)
            .map_err(|err| invalid(format!("`{}` is no URL: {err}", base_url.escape_default())))
            .map_err(|err| err.hint("write `base_url` like `http://127.0.0.1:8000/v1`"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(invalid(format!("`{}` is no http or https URL", base_url.escape_default())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                invalid("`base_url` carries credentials".to_owned()).hint("give the key by `api_key = { env = \"NAME\" }`")
            );
        }
        let base = url.path().trim_end_matches('/');
        let whole = if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") };
        url.set_path(&whole);
        url.set_fragment(None);
        let mut map = HeaderMap::new();
        if let Some(key) = key {
            let secret = key.expose_secret().trim();
            let mut value = HeaderValue::from_str(&format!("{}{secret}", key_header.1))
                .map_err(|_| invalid("the API key has characters that no key has".to_owned()))?;
            value.set_sensitive(true);
            map.insert(key_header.0, value);
        }
        for (name, value) in headers {
            let shown = name.escape_default();
            let name = HeaderName::try_from(name).map_err(|_| invalid(format!("`{shown}` is no header name")))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| invalid(format!("the value of header `{shown}` has characters that no header may have")))?;
            // It may well be a key.
            value.set_sensitive(true);
            map.insert(name, value);
        }
        Ok(Self { provider: provider.to_owned(), url, headers: map, key: key.cloned() })
    }
}

impl Endpoint {
    /// Where the server is. The query of the URL is left out, as it may hold a key.
    pub(super) fn address(&self) -> String {
        format!("{}://{}{}", self.url.scheme(), host_and_port(&self.url), self.url.path())
    }
}

/// Whether `url` names this very host.
pub(super) fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// Who was asked for what; makes the errors that say so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    endpoint: &'a Endpoint,
    model: &'a str,
}

impl Asked<'_> {
    /// An error of `kind` that begins with who was asked.
    pub(super) fn error(&self, kind: ErrorKind, what: &str) -> Error {
        Error::new(kind, format!("model `{}` of `{}` {what}", self.model, self.endpoint.provider))
    }

    /// What the server says went wrong, with a status or inside of a stream.
    pub(super) fn refusal(&self, status: Option<StatusCode>, refusal: &Refusal) -> Error {
        let kind = refusal.kind(status.map(|status| status.as_u16()));
        let said = self.without_key(&refusal.message);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let what = match status {
            Some(status) => format!("answered {status}{said}"),
            None => format!("broke off its answer with an error{said}"),
        };
        let error = self.error(kind, &what);
        match (kind, status.map(|status| status.as_u16())) {
            (ErrorKind::Auth, _) => error.hint(format!("check the API key of provider `{}`", self.endpoint.provider)),
            (ErrorKind::Quota, _) => error.hint("the account has no credit or quota left; waiting does not help"),
            (ErrorKind::ContextLength, _) => error.hint("shorten the prompt, or name a model with a larger context window"),
            (_, Some(300..400)) => error.hint("redirects are not followed; check `base_url` of the provider"),
            (ErrorKind::UnknownModel, _) | (_, Some(405)) => {
                error.hint("check the name of the model and `base_url` of the provider")
            }
            _ => error,
        }
    }

    /// The server's own words without the key, should they repeat it.
    fn without_key(&self, text: &str) -> String {
        match self.endpoint.key.as_ref().map(|key| key.expose_secret().trim()) {
            Some(key) if key.len() >= 4 => text.replace(key, "[key]"),
            _ => text.to_owned(),
        }
    }

    /// Reads what a server that does not want the request says.
    async fn refused(&self, mut response: Response) -> Error {
        let status = response.status();
        let delay = refusal::requested_delay(response.headers());
        let mut body = Vec::new();
        // Whatever was read until the time is up, the connection breaks or the cap is met is enough to tell.
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                let left = MAX_ERROR_BODY - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(left)]);
                if body.len() >= MAX_ERROR_BODY {
                    break;
                }
            }
        };
        let in_time = timeout(ERROR_BODY_TIME, reading).await.is_ok();
        tracing::debug!(provider = %self.endpoint.provider, %status, bytes = body.len(), in_time, "server refused a call");
        let refusal = Refusal::read(&body);
        self.refusal(Some(status), &refusal).retry_after(delay.or(refusal.retry_after))
    }

    /// The request did not get there, or no answer came back.
    fn not_sent(&self, err: &reqwest::Error, connect: Duration) -> Error {
        let host = host_and_port(&self.endpoint.url);
        if err.is_connect() {
            let what = if err.is_timeout() {
                format!("could not be asked: no connection to {host} within {connect:?}")
            } else {
                format!("could not be asked: no connection to {host}: {}", root_cause(err))
            };
            let error = self.error(ErrorKind::Transient, &what);
            return if is_refused(err) { error.hint(format!("is the server running on {host}?")) } else { error };
        }
        if is_no_http(err) {
            return self.error(ErrorKind::Malformed, &format!("answered with something that is no HTTP: {}", root_cause(err)));
        }
        self.error(ErrorKind::Transient, &format!("gave no answer: {}", root_cause(err)))
    }

    fn silent(&self, limit: Duration) -> Error {
        self.error(ErrorKind::Transient, &format!("was silent for {limit:?}"))
    }
}

/// An answer with a 2xx status whose body is still to come.
pub(super) struct Answer<'a> {
    asked: Asked<'a>,
    response: Response,
    thinking: Duration,
    idle: Duration,
    read: usize,
}

impl<'a> Answer<'a> {
    pub(super) fn asked(&self) -> Asked<'a> {
        self.asked
    }

    /// The media type of the body in lower case, without parameters; empty when the server does not say.
    pub(super) fn media_type(&self) -> String {
        let value = self.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The next piece of the body; `None` at its end. `has_spoken` says whether the answer itself has begun.
    ///
    /// # Errors
    /// `Transient` when nothing comes at all, `Timeout` when the server falls silent in the middle, `Truncated` when the
    /// connection breaks, `Malformed` when the body is larger than 16 MiB.
    pub(super) async fn chunk(&mut self, has_spoken: bool) -> Result<Option<Vec<u8>>> {
        let limit = if has_spoken { self.idle } else { self.thinking };
        let chunk = timeout(limit, self.response.chunk()).await.map_err(|_| {
            if self.read == 0 {
                self.asked.silent(limit)
            } else {
                self.asked.error(ErrorKind::Timeout, &format!("fell silent for {limit:?} in the middle of its answer"))
            }
        })?;
        let chunk = chunk.map_err(|err| {
            self.asked.error(ErrorKind::Truncated, &format!("broke off in the middle of its answer: {}", root_cause(&err)))
        })?;
        crash_point!("response.piece-read" if chunk.is_some());
        self.read += chunk.as_ref().map_or(0, |chunk| <[u8]>::len(chunk));
        if self.read > MAX_BODY {
            return Err(self
                .asked
                .error(ErrorKind::Malformed, &format!("answered with more than {} MiB", MAX_BODY / 1024 / 1024)));
        }
        Ok(chunk.map(|chunk| chunk.to_vec()))
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Answer::chunk`].
    pub(super) async fn whole(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(false).await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether nothing listens where the connection was to go.
fn is_refused(err: &reqwest::Error) -> bool {
    let mut causes = causes(err).filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Whether what came back has no head of an HTTP answer, or one without end.
fn is_no_http(err: &reqwest::Error) -> bool {
    causes(err).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse)
}

/// The error itself, what caused it, and so on.
fn causes(err: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let err: &(dyn std::error::Error + 'static) = err;
    std::iter::successors(Some(err), |cause| cause.source())
}

/// The innermost cause: the outer layers only say that a request failed, and name the URL.
fn root_cause(err: &reqwest::Error) -> String {
    refusal::plain(&causes(err).last().map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base_url: &str) -> Result<Endpoint> {
        let key = SecretString::from("sk-secret-1234");
        let header = (reqwest::header::AUTHORIZATION, "Bearer ");
        Endpoint::new("lab", base_url, "/chat/completions", Some(&key), header, &[("X-Team".to_owned(), "blue".to_owned())])
    }

    #[test]
    fn the_path_is_appended_once() {
        for base in ["http://a/v1", "http://a/v1/", "http://a/v1/chat/completions", "http://a/v1#x"] {
            assert_eq!(endpoint(base).unwrap().url.as_str(), "http://a/v1/chat/completions");
        }
        assert_eq!(endpoint("https://a?v=2").unwrap().url.as_str(), "https://a/chat/completions?v=2");
        assert_eq!(endpoint("https://a?key=2").unwrap().address(), "https://a:443/chat/completions");
    }

    #[test]
    fn bad_urls_and_headers_are_refused() {
        for bad in ["", "a/b", "ftp://a", "file:///etc", "http://", "https://user:pass@host/v1"] {
            assert_eq!(endpoint(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
        let header = (reqwest::header::AUTHORIZATION, "Bearer ");
        let key = SecretString::from("sk\nInjected: yes");
        let error = Endpoint::new("lab", "http://a", "/x", Some(&key), header, &[]).unwrap_err();
        assert_eq!(error.to_string(), "provider `lab`: the API key has characters that no key has");
    }

    #[test]
    fn the_key_is_not_shown() {
        let endpoint = endpoint("http://a").unwrap();
        assert!(!format!("{endpoint:?}").contains("secret"));
        let asked = Asked { endpoint: &endpoint, model: "m" };
        let refusal = Refusal::read(br#"{"error": {"message": "wrong key sk-secret-1234"}}"#);
        let error = asked.refusal(Some(StatusCode::UNAUTHORIZED), &refusal);
        assert_eq!(error.to_string(), "model `m` of `lab` answered 401 Unauthorized: wrong key [key]");
        assert_eq!(error.hints(), ["check the API key of provider `lab`"]);
    }

    #[test]
    fn this_host_is_known() {
        for (url, local) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://[::1]:2", true),
            ("http://10.0.0.1", false),
            ("https://a.b", false),
        ] {
            assert_eq!(is_local(&Url::parse(url).unwrap()), local, "{url}");
        }
    }

    #[test]
    fn a_client_costs_nothing_until_it_is_used() {
        let client = HttpClient::default();
        assert!(client.inner.tls.get().is_none() && client.inner.plain.get().is_none());
        client.client(&Url::parse("http://a").unwrap()).unwrap();
        assert!(client.inner.tls.get().is_none());
    }
}
