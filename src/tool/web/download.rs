//! A file on the web as it is, for a person who names it: no tool of agents.

use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue},
};

use crate::{
    error::{Error, ErrorKind, Result},
    tool::{
        Authorized, ToolCall,
        web::{
            WebFetch,
            body::Body,
            client::Request,
            failure::{kind_of_status, refused},
        },
    },
};

/// What a server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Where it is from, after redirects.
    pub url: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// What the server says it is.
    pub media_type: Option<String>,
}

impl WebFetch {
    /// Fetches the page that `call` names as it is, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// `Denied` when `call` may not go where it leads; `Request` and others when the server refuses; `Invalid` for what is larger.
    pub async fn download(&self, call: &Authorized<ToolCall>, limit: usize) -> Result<Download> {
        let accepted = HeaderValue::from_static("text/html, application/xhtml+xml, application/pdf, text/*;q=0.9, */*;q=0.1");
        let request = Request {
            method: Method::GET,
            target: super::fetch::target_of(&call.arguments)?,
            headers: HeaderMap::from_iter([(ACCEPT, accepted)]),
            body: None,
            follows: true,
        };
        let mut reply = self.client().send(call, request).await?;
        let status = reply.response.status();
        if !status.is_success() {
            return Err(refused(kind_of_status(status), &reply.target, status, reply.response.headers(), ""));
        }
        let media_type = reply.response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let body = Body::read(&mut reply, limit).await?;
        if body.is_cut {
            let text = format!("`{}` sends more than {limit} bytes, which are the most", reply.target.origin());
            return Err(Error::new(ErrorKind::Invalid, text).hint("add a part of it, or text made from it"));
        }
        Ok(Download { url: reply.target.url().to_string(), bytes: body.bytes, media_type })
    }
}
