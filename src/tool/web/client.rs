//! The HTTP of all network tools: whom a request may reach is decided here, hop by hop. Follows redirects by hand, uses no proxy of
//! the environment, tries nothing twice.
//!
//! There is a client for each way a host is trusted, with connections of its own: one that was made to a host which the operator
//! names is never used for a request that may reach public hosts only.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{
    Client, Method, Response,
    header::{HeaderMap, LOCATION},
};

use crate::{
    error::{Error, ErrorKind, Result},
    http_client,
    tool::{
        Authorized, ToolCall,
        web::{
            failure::not_answered,
            guard::{Target, Trust},
            redirect::{self, Next},
            resolver::{GuardedResolver, Lookup, SystemLookup},
        },
    },
};

/// How long connecting may take, TLS included.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// The most bytes of an answer's headers, and how many headers.
const MAX_HEAD: u32 = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// The HTTP client that network tools share. Cheap to make and to clone: sockets, and the system's certificates, come with the first
/// call that needs them.
#[derive(Debug, Clone)]
pub struct WebClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    lookup: Arc<dyn Lookup>,
    public: Clients,
    named: Clients,
}

/// One that loads the system's certificates, for https, and one that loads none.
#[derive(Debug, Default)]
struct Clients {
    tls: OnceLock<Client>,
    plain: OnceLock<Client>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    /// Whether redirects are followed.
    pub(super) follows: bool,
}

/// What is answered, its body still to come.
#[derive(Debug)]
pub(super) struct Reply {
    /// Who answered in the end.
    pub(super) target: Target,
    /// How many redirects led there.
    pub(super) hops: usize,
    pub(super) response: Response,
}

impl Default for WebClient {
    fn default() -> Self {
        Self::new(Arc::new(SystemLookup))
    }
}

impl WebClient {
    /// Makes a client that looks names up with `lookup`. The guard looks at its answers all the same.
    #[must_use]
    pub fn new(lookup: Arc<dyn Lookup>) -> Self {
        Self { inner: Arc::new(Inner { lookup, public: Clients::default(), named: Clients::default() }) }
    }

    /// Asks, and returns the answer as soon as its head is there, whatever its status.
    ///
    /// # Errors
    /// `Denied` when `call` may not go where it leads, `Transient` when nobody answers, `Malformed` when what comes is no HTTP,
    /// `Request` when a redirect would send a change to another server, or there are too many.
    pub(super) async fn send(&self, call: &Authorized<ToolCall>, mut request: Request) -> Result<Reply> {
        let mut hops = 0;
        loop {
            let response = self.ask(call, &request).await?;
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location.filter(|_| request.follows && redirect::is_one(response.status())) else {
                return Ok(Reply { target: request.target, hops, response });
            };
            hops += 1;
            if hops > MAX_REDIRECTS {
                let origin = request.target.origin();
                return Err(Error::new(ErrorKind::Request, format!("`{origin}` redirects more than {MAX_REDIRECTS} times")));
            }
            let target = request.target.join(location)?;
            match redirect::next(response.status(), &request.method, target.is_same_origin(&request.target)) {
                Next::Get => {
                    request.method = Method::GET;
                    request.body = None;
                    redirect::keep_without_body(&mut request.headers);
                }
                Next::Same => {}
                Next::Refuse => return Err(redirect::refused(&request.method, &request.target, &target)),
            }
            if !target.is_same_origin(&request.target) {
                redirect::keep_safe(&mut request.headers);
            }
            request.target = target;
        }
    }

    async fn ask(&self, call: &Authorized<ToolCall>, request: &Request) -> Result<Response> {
        let Request { method, target, headers, body, .. } = request;
        let trust = target.permit(call)?;
        let client = self
            .client(trust, target.is_secure())
            .map_err(|err| Error::new(ErrorKind::Internal, "no HTTP client for tools").source(err))?;
        let mut builder = client.request(method.clone(), target.url().clone()).headers(headers.clone());
        if let Some(body) = body {
            builder = builder.body(body.clone());
        }
        let response = builder.send().await.map_err(|err| not_answered(&err, target))?;
        let size: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if size > MAX_HEAD as usize {
            let message = format!("`{}` answered with more than {} KiB of headers", target.origin(), MAX_HEAD / 1024);
            return Err(Error::new(ErrorKind::Malformed, message));
        }
        Ok(response)
    }

    fn client(&self, trust: Trust, secure: bool) -> std::result::Result<&Client, http_client::Failure> {
        let clients = match trust {
            Trust::Public => &self.inner.public,
            Trust::Named => &self.inner.named,
        };
        let cell = if secure { &clients.tls } else { &clients.plain };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = http_client::builder(secure)?
            .referer(false)
            .connect_timeout(CONNECT_TIME)
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(MAX_HEAD)
            .dns_resolver(Arc::new(GuardedResolver { lookup: Arc::clone(&self.inner.lookup), trust }))
            .build()?;
        Ok(cell.get_or_init(|| client))
    }
}
