//! The guard of URLs: what anybody writes leads to nothing but public hosts, redirected or not.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, LazyLock},
};

use agentflow::{
    Result,
    model::{Access, AccessClass, Effect, Permission, ToolName, ToolSpec},
    tool::{Authorized, CallContext, Grants, Level, Policy, Rules, Tool, ToolCall, ToolOutput, Verdict, web::fuzz::permitted},
};
use async_trait::async_trait;
use reqwest::Url;
use serde_json::{Value, json};

/// A URL on the first line, redirects on those after it.
pub(super) fn url(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    let locations: Vec<&str> = lines.take(5).collect();
    let Ok(asked) = permitted(first, &locations, &CALL) else { return };
    let url = Url::parse(&asked).unwrap();
    assert!(matches!(url.scheme(), "http" | "https"), "{asked}");
    assert!(url.username().is_empty() && url.password().is_none(), "{asked}");
    let host = url.host_str().unwrap().trim_matches(['[', ']']).to_owned();
    assert!(!is_inside(&host), "{asked} is asked for");
}

/// What nobody doubts to be inside, by the standard library's own words.
fn is_inside(host: &str) -> bool {
    let v4 = |address: Ipv4Addr| {
        address.is_loopback()
            || address.is_private()
            || address.is_link_local()
            || address.is_unspecified()
            || address.is_broadcast()
    };
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return v4(address);
    }
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return address.is_loopback()
            || address.is_unspecified()
            || address.is_unique_local()
            || address.is_unicast_link_local()
            || address.to_ipv4_mapped().is_some_and(v4);
    }
    host == "localhost" || host.ends_with(".localhost") || !host.contains('.')
}

/// A call that every host is permitted to by a pattern, and none by its name.
static CALL: LazyLock<Authorized<ToolCall>> = LazyLock::new(|| {
    let name = ToolName::new("idle").unwrap();
    let spec =
        ToolSpec { name: name.clone(), description: String::new(), parameters: json!({"type": "object"}), effect: Effect::Read };
    let permissions: Vec<Permission> = ["net:*", "net:http://*"].map(|text| text.parse().unwrap()).into();
    let levels = vec![Level { owner: "the workflow".to_owned(), permissions: permissions.clone() }];
    let grants = Arc::new(Grants { levels, always_ask: false });
    let policy = Policy::new(Rules { allow: permissions, ..Rules::default() });
    match policy.authorize(&Idle(spec), ToolCall { tool: name, arguments: json!({}) }, &grants, None).unwrap() {
        Verdict::Allowed { call, .. } => call,
        other => panic!("{other:?}"),
    }
});

/// Touches nothing by itself.
#[derive(Debug)]
struct Idle(ToolSpec);

#[async_trait]
impl Tool for Idle {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Net]
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(Vec::new())
    }

    async fn call(&self, _call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        Ok(ToolOutput::default())
    }
}
