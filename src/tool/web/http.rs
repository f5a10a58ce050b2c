//! `http_get`, `http_post`, `http_put` and `http_delete`: one request each.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::json;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, ToolName, ToolSpec, Value},
    tool::{
        Authorized, CallContext, Tool, ToolCall, ToolOutput,
        web::{
            body::Body,
            client::{Reply, Request, WebClient},
            failure::{excerpt, kind_of_status, refused},
            guard::Target,
            headers,
        },
    },
};

/// The most bytes that are read of an answer which is a failure.
const MAX_REFUSAL: usize = 64 * 1024;

/// The tools for HTTP requests, with a client of their own.
#[must_use]
pub fn http_tools() -> Vec<Arc<dyn Tool>> {
    http_tools_over(&WebClient::default())
}

/// The tools for HTTP requests.
#[must_use]
pub fn http_tools_over(client: &WebClient) -> Vec<Arc<dyn Tool>> {
    let make = |(method, spec)| Arc::new(HttpTool { spec, method, client: client.clone() }) as Arc<dyn Tool>;
    specs().into_iter().map(make).collect()
}

/// What the tools are, each with its method.
pub(in crate::tool) fn specs() -> [(Method, ToolSpec); 4] {
    let tools = [
        (
            "http_get",
            Method::GET,
            Effect::Read,
            "Sends an HTTP GET request and returns the answer. Use it to call APIs; to read a web page, use `web_fetch`.",
        ),
        (
            "http_post",
            Method::POST,
            Effect::Write,
            "Sends an HTTP POST request with a body and returns the answer. Use it to create something or to start an action; it may take effect again each time it is sent.",
        ),
        (
            "http_put",
            Method::PUT,
            Effect::Idempotent,
            "Sends an HTTP PUT request with a body and returns the answer. Use it to write something at a known place, whole.",
        ),
        (
            "http_delete",
            Method::DELETE,
            Effect::Idempotent,
            "Sends an HTTP DELETE request and returns the answer. Use it to remove what is at a URL.",
        ),
    ];
    let make = |(name, method, effect, what): (&str, Method, Effect, &str)| {
        let spec = ToolSpec {
            name: ToolName::new(name).expect("a name of ours is one"),
            description: format!(
                "{what} Gives `status`, some `headers`, and `body`: parsed if it is JSON, a string if it is text. A status of 400 or \
                 more is an error. Only servers that the permissions name can be reached."
            ),
            parameters: parameters(method != Method::GET),
            effect,
        };
        (method, spec)
    };
    tools.map(make)
}

fn parameters(has_body: bool) -> Value {
    let scalar = json!({"type": ["string", "number", "boolean"]});
    let mut properties = json!({
        "url": {"type": "string", "minLength": 1, "description": "The URL in full, such as `https://api.example.com/items`."},
        "query": {
            "type": "object",
            "additionalProperties": {"anyOf": [scalar, {"type": "array", "items": scalar}]},
            "description": "Parameters to add to the URL's query; a list adds one for each element.",
        },
        "headers": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Headers by name, such as `{\"Accept\": \"text/csv\"}`.",
        },
    });
    if has_body {
        properties["json"] = json!({"description": "What to send as JSON: any value. Leave it out to send `body`, or nothing."});
        properties["body"] = json!({
            "type": "string",
            "description": "What to send as it is; say what it is by a `Content-Type` header, or it is `text/plain`.",
        });
    }
    json!({"type": "object", "properties": properties, "required": ["url"], "additionalProperties": false})
}

#[derive(Debug)]
struct HttpTool {
    spec: ToolSpec,
    method: Method,
    client: WebClient,
}

impl HttpTool {
    fn request(&self, arguments: &Value) -> Result<Request> {
        let mut headers = headers::of_argument(arguments.get("headers"))?;
        let body = body_of(arguments, &mut headers)?;
        if !headers.contains_key(ACCEPT) {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/*;q=0.9, */*;q=0.5"));
        }
        Ok(Request { method: self.method.clone(), target: target_of(arguments)?, headers, body, follows: true })
    }

    async fn refusal(&self, mut reply: Reply, request_limit: usize) -> Error {
        let (status, headers) = (reply.response.status(), reply.response.headers().clone());
        // Whatever could be read of it is enough to tell.
        let body = Body::read(&mut reply, request_limit.min(MAX_REFUSAL)).await.ok();
        let said = body.and_then(|body| body.text()).map(|text| excerpt(&text)).unwrap_or_default();
        let error = refused(kind_of_status(status), &reply.target, status, &headers, &said);
        match error.kind() {
            ErrorKind::Auth => error.hint("the server wants other credentials, or does not permit this with those it got"),
            _ => error,
        }
    }
}

#[async_trait]
impl Tool for HttpTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Net]
    }

    fn is_untrusted(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Value> {
        Some(json!({ "status": 200, "headers": {}, "body": "simulated body" }))
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        Ok(vec![self.request(arguments)?.target.access().clone()])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let mut request = self.request(&call.arguments)?;
        if self.spec.effect.changes() && !request.headers.contains_key("idempotency-key") {
            let key = HeaderValue::from_str(context.idempotency_key)
                .map_err(|err| Error::new(ErrorKind::Internal, "the idempotency key is no header").source(err))?;
            request.headers.insert("idempotency-key", key);
        }
        let mut reply = self.client.send(&call, request).await?;
        let status = reply.response.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(self.refusal(reply, context.max_output).await);
        }
        let shown = headers::shown(reply.response.headers());
        let body = Body::read(&mut reply, context.max_output).await?;
        let mut notes = Vec::new();
        if reply.hops > 0 {
            notes.push(format!("the answer came from `{}`, after {} redirects", reply.target.origin(), reply.hops));
        }
        let value = value_of(&body, &mut notes);
        Ok(ToolOutput { value: json!({"status": status.as_u16(), "headers": shown, "body": value}), notes })
    }
}

fn target_of(arguments: &Value) -> Result<Target> {
    let url = arguments.get("url").and_then(Value::as_str).unwrap_or_default();
    let mut pairs = Vec::new();
    for (name, value) in arguments.get("query").and_then(Value::as_object).into_iter().flatten() {
        let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    let message = format!("`query`: `{}` has to be a string, a number or a boolean", name.escape_default());
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
            };
            pairs.push((name.as_str(), text));
        }
    }
    Ok(Target::parse(url)?.with_query(pairs.iter().map(|(name, value)| (*name, value.as_str()))))
}

/// The body that the arguments ask for; its kind goes into `headers`, unless they tell it.
fn body_of(arguments: &Value, headers: &mut HeaderMap) -> Result<Option<Vec<u8>>> {
    let (bytes, kind) = match (arguments.get("json"), arguments.get("body").and_then(Value::as_str)) {
        (Some(_), Some(_)) => return Err(Error::new(ErrorKind::Invalid, "give either `json` or `body`, not both")),
        (Some(value), None) => (value.to_string().into_bytes(), "application/json"),
        (None, Some(text)) => (text.as_bytes().to_vec(), "text/plain; charset=utf-8"),
        (None, None) => return Ok(None),
    };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    Ok(Some(bytes))
}

/// A body as a value: JSON parsed, text as a string, and of anything else what it is.
fn value_of(body: &Body, notes: &mut Vec<String>) -> Value {
    if body.bytes.is_empty() {
        return Value::Null;
    }
    let Some(text) = body.text() else {
        notes.push("the body is not text and was left out".to_owned());
        let more = if body.is_cut { "at least " } else { "" };
        let kind = if body.kind.name.is_empty() { "unknown" } else { body.kind.name.as_str() };
        notes.push(format!("it is {more}{} bytes of type `{}`", body.bytes.len(), kind.escape_default()));
        return json!({"bytes": body.bytes.len(), "content_type": kind});
    };
    if body.is_cut {
        notes.push(format!("the body has more than {} bytes; what follows was left out", body.bytes.len()));
    } else if body.kind.is_json() {
        match serde_json::from_str(&text) {
            Ok(value) => return value,
            Err(err) => notes.push(format!("the server calls the body JSON, but it is none: {err}")),
        }
    }
    Value::String(text)
}
