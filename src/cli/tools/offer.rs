//! What an MCP server offers, on a page: its tools, its prompts with their arguments, its resources.

use crate::{
    app::servers::ServerOffer,
    cli::{
        clean,
        page::Page,
        terminal::{BOLD, Terminal},
    },
    tool::mcp::McpPrompt,
};

/// The widest a description is.
const WIDTH: usize = 80;

/// The page of a server.
pub(super) fn page(offer: &ServerOffer, terminal: &Terminal) -> String {
    let mut page = Page::default();
    page.line(&terminal.paint_out(BOLD, &format!("mcp:{}", offer.server)));
    let tools = offer.tools.iter().map(|tool| (format!("{} ({})", tool.name, tool.effect.as_str()), tool.description.clone()));
    let prompts = offer.prompts.iter().map(|prompt| (call_of(prompt), prompt.description.clone()));
    let resources = offer.resources.iter().map(|resource| {
        let kind = resource.mime_type.as_deref().map(|kind| format!(" [{kind}]")).unwrap_or_default();
        let text = if resource.description.is_empty() { &resource.name } else { &resource.description };
        (format!("{}{kind}", resource.uri), text.clone())
    });
    section(&mut page, terminal, "tools", &tools.collect::<Vec<_>>());
    section(&mut page, terminal, "prompts", &prompts.collect::<Vec<_>>());
    section(&mut page, terminal, "resources", &resources.collect::<Vec<_>>());
    page.into_text()
}

/// `name(required, [optional])`.
fn call_of(prompt: &McpPrompt) -> String {
    let arguments = prompt
        .arguments
        .iter()
        .map(|argument| if argument.required { argument.name.clone() } else { format!("[{}]", argument.name) });
    format!("{}({})", prompt.name, arguments.collect::<Vec<_>>().join(", "))
}

fn section(page: &mut Page, terminal: &Terminal, title: &str, rows: &[(String, String)]) {
    page.gap();
    page.line(&terminal.paint_out(BOLD, title));
    if rows.is_empty() {
        page.line("  none");
    }
    let rows: Vec<_> = rows.iter().map(|(name, text)| (clean::one_line(name), clean::short(text, WIDTH))).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, text) in rows {
        page.line(&format!("  {name:<width$}  {text}"));
    }
}
