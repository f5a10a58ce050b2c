//! Network tools against servers of this host, whose names a resolver of the tests knows.

mod fetch;
mod hostile;
mod http;
mod redirect;
mod search;

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use agentflow::tool::{
    Tool,
    web::{Lookup, WebClient, http_tools_over},
};
use async_trait::async_trait;
use wiremock::MockServer;

use crate::tool::{authorize, call, context};

/// A name server that knows some names and remembers what it was asked.
#[derive(Debug, Default)]
struct Names {
    known: BTreeMap<String, Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        self.known.get(host).cloned().ok_or_else(|| io::Error::other("no such host"))
    }
}

/// Names of one server on this host, and more of other addresses.
fn names(more: &[(&str, &[&str])]) -> Arc<Names> {
    let here: &[&str] = &["127.0.0.1"];
    let all = [("one.example", here), ("two.example", here)].into_iter().chain(more.iter().copied());
    let parse = |(name, addresses): (&str, &[&str])| {
        (name.to_owned(), addresses.iter().map(|address| address.parse().unwrap()).collect())
    };
    Arc::new(Names { known: all.map(parse).collect(), asked: Mutex::default() })
}

/// The HTTP tool called `name`.
fn tool(name: &str, client: &WebClient) -> Arc<dyn Tool> {
    http_tools_over(client).into_iter().find(|tool| tool.spec().name.as_str() == name).unwrap()
}

fn port(server: &MockServer) -> u16 {
    server.address().port()
}

/// How many requests a server got.
async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}
