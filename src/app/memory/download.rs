//! Files on the web that a person names on the command line.

use std::{path::Path, sync::Arc};

use serde_json::json;

use crate::{
    app::{Settings, policy},
    error::{Error, ErrorKind, Result},
    memory::ExtractLimits,
    model::{Permission, ToolName},
    tool::{
        Approval, Grants, Level, Policy, Tool as _, ToolCall, Verdict,
        web::{Download, WebFetch},
    },
};

/// Fetches `url`. Whoever names it permits it, and any public host that it leads to; what is not public has to be permitted besides, by
/// the operator's rules, and what these deny stays denied.
///
/// # Errors
/// `Denied` for a host that may not be asked; those of asking it.
pub async fn download(url: &str, settings: &Settings, folder: &Path) -> Result<Download> {
    let fetch = WebFetch::new();
    let call = ToolCall { tool: ToolName::new("web_fetch")?, arguments: json!({ "url": url }) };
    let (operator, _) = policy::policy(settings, folder)?;
    let mut rules = operator.rules().clone();
    let accesses = fetch.accesses(&call.arguments)?;
    // INVARIANT: patterns only. A rule that named the host would permit one that is not public.
    let any_public = accesses.iter().filter_map(|access| {
        let text = access.to_string();
        let port = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map(|(_, port)| format!(":{port}"));
        let scheme = if text.starts_with("net:http://") { "http" } else { "https" };
        format!("net:{scheme}://*{}", port.unwrap_or_default()).parse::<Permission>().ok()
    });
    rules.allow.extend(any_public.chain("net:*".parse().ok()));
    let permissions = rules.allow.iter().chain(&rules.ask).cloned().collect();
    let level = Level { owner: "the command line".to_owned(), permissions };
    let grants = Arc::new(Grants { levels: vec![level], always_ask: false });
    let approval = Approval::new(call.clone(), accesses);
    match Policy::new(rules).authorize(&fetch, call, &grants, Some(&approval))? {
        Verdict::Allowed { call, .. } => fetch.download(&call, ExtractLimits::default().source_bytes).await,
        Verdict::Denied(denial) => Err(denial.into()),
        Verdict::Ask { reason, .. } => Err(Error::new(ErrorKind::Denied, reason)),
    }
}
