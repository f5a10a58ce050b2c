//! The exit codes: from the constants of `app::exit`, and the kinds of errors that lead to each.

use std::{collections::BTreeMap, fmt::Write as _};

use agentflow::{app::exit, error::Error, model::RunStatus};
use serde_json::json;

use super::{
    cell, holds,
    rust_source::{Body, items},
    source,
};

/// Codes and what they mean, as the constants say it.
fn codes() -> BTreeMap<u8, String> {
    let text = source("src/app/exit.rs");
    let mut doc = String::new();
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("/// ") {
            format!("{doc} {line}").trim().clone_into(&mut doc);
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let code = rest.split(['=', ';']).nth(1).unwrap().trim().parse().unwrap();
            found.insert(code, std::mem::take(&mut doc));
        } else {
            doc.clear();
        }
    }
    found
}

#[test]
fn the_page_of_exit_codes_is_what_the_program_does() {
    let codes = codes();
    assert_eq!(codes.len(), 11, "{codes:?}");
    let mut text =
        "# Exit codes\n\nWhat a script may rely on. A code keeps its meaning.\n\n| code | means |\n|---|---|\n".to_owned();
    for (code, doc) in &codes {
        writeln!(text, "| {code} | {} |", cell(doc)).unwrap();
    }
    text.push_str(
        "\n## Kinds of errors\n\nEvery failure has a kind. It stands in the log and in `runs show --format json`, decides whether an attempt \
         is made [again](../semantics.md#retries), and leads to an exit code: when it ends a command, and when it ends a run.\n\n\
         | kind | means | a command | a run |\n|---|---|---|---|\n",
    );
    let error = items(&source("src/error.rs")).into_iter().find(|item| item.name == "ErrorKind").unwrap();
    let Body::Enum(kinds) = error.body else { panic!("`ErrorKind` is no enum") };
    assert!(kinds.len() > 20);
    for kind in kinds {
        let name = kind.wire_name(&error.serde);
        let parsed = serde_json::from_value(json!(name)).unwrap();
        let (command, run) = (exit::of_error(&Error::new(parsed, "x")), exit::of_run(RunStatus::Failed, Some(parsed)));
        assert!(codes.contains_key(&command) && codes.contains_key(&run));
        writeln!(text, "| `{name}` | {} | {command} | {run} |", cell(&kind.doc)).unwrap();
    }
    holds("docs/reference/exit-codes.md", &text);
}

#[test]
fn the_help_and_the_promises_name_every_code() {
    let help = <agentflow::cli::args::Cli as clap::CommandFactory>::command().render_long_help().to_string();
    let told = super::super::text_of("docs/semantics.md");
    let table = told.split("## Exit codes").nth(1).unwrap().split("\n## ").next().unwrap();
    let words: Vec<&str> =
        help.split("Exit codes:").nth(1).unwrap().split(|character: char| !character.is_ascii_digit()).collect();
    for code in codes().keys() {
        let code = code.to_string();
        assert!(words.contains(&code.as_str()), "the help does not name {code}");
        assert!(table.split(|character: char| !character.is_ascii_digit()).any(|word| word == code), "semantics.md: {code}");
    }
}
