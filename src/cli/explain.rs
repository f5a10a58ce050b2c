//! `agentflow explain`: what the code of a problem means, with an example.

use crate::{
    cli::{args::ExplainArgs, exit, table::table, terminal::Terminal},
    diagnostic::{ALL_CODES, Code, explain as page},
    error::Result,
};

/// Prints the page of a code, or the list of all codes.
pub(super) fn explain(args: &ExplainArgs, terminal: &Terminal) -> Result<u8> {
    let text = if let Some(code) = &args.code {
        page(code.parse::<Code>()?).trim_end().to_owned() + "\n"
    } else {
        let rows = ALL_CODES.iter().map(|code| vec![code.to_string(), code.title().to_owned()]).collect();
        table(terminal, &["CODE", "MEANING"], rows)
    };
    terminal.print(&text)?;
    Ok(exit::SUCCEEDED)
}
