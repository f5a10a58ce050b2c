//! `agentflow memory search`.

use std::io::Read as _;

use crate::{
    app::{Settings, memory::ProjectMemory},
    cli::{
        args::ShowFormat,
        clean, exit, json,
        memory::{args::MemorySearchArgs, noted, wrap::wrap},
        page::Page,
        terminal::{BOLD, DIM, Terminal, YELLOW},
    },
    error::{Error, ErrorKind, Result},
    memory::{Filter, Query},
    model::Passage,
};

/// The widest that text is shown.
const WIDTH: usize = 100;
/// How far passages are moved in.
const INDENT: &str = "   ";
/// The most of a query that is read, in bytes: one more than may be.
const MAX_QUERY: u64 = (1 << 20) + 1;

/// Finds passages and shows them.
pub(super) async fn search(args: &MemorySearchArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    let filter = Filter {
        scopes: args.scope.clone(),
        metadata: noted(&args.meta),
        sources: args.source.clone(),
        trusted_only: args.trusted_only,
    };
    let query = Query {
        text: if args.query == "-" { stdin()? } else { args.query.clone() },
        k: usize::from(args.k),
        min_score: args.min_score,
        by: args.by.into(),
        filter,
    };
    let found = project.memory.search(&args.collection, &query).await?;
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&found)?).map(|()| exit::SUCCEEDED);
    }
    if found.is_empty() {
        terminal.note("nothing was found");
        return Ok(exit::SUCCEEDED);
    }
    terminal.print(&page(&found, terminal))?;
    Ok(exit::SUCCEEDED)
}

fn stdin() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_QUERY).read_to_string(&mut text);
    read.map_err(|err| Error::new(ErrorKind::Invalid, "standard input is no text").source(err))?;
    Ok(text)
}

fn page(found: &[Passage], terminal: &Terminal) -> String {
    let mut page = Page::default();
    let width = terminal.width_out().min(WIDTH) - INDENT.len();
    for (at, passage) in found.iter().enumerate() {
        if at > 0 {
            page.gap();
        }
        let citation = terminal.paint_out(BOLD, &clean::one_line(&passage.citation));
        let score = match passage.similarity {
            Some(similarity) if (similarity - passage.score).abs() > f64::EPSILON => {
                format!("{:.4} (similarity {similarity:.4})", passage.score)
            }
            _ => format!("{:.4}", passage.score),
        };
        let untrusted = if passage.untrusted { terminal.paint_out(YELLOW, "  untrusted") } else { String::new() };
        page.line(&format!("{}. {citation}  {}{untrusted}", at + 1, terminal.paint_out(DIM, &score)));
        if let Some(heading) = &passage.position.heading {
            page.line(&format!("{INDENT}{}", terminal.paint_out(DIM, &clean::short(heading, width))));
        }
        for line in wrap(&clean::block(&passage.text), width) {
            page.line(&format!("{INDENT}{line}"));
        }
    }
    page.into_text()
}
