//! The command line: from the description that clap reads it by.

use std::fmt::Write as _;

use agentflow::cli::args::Cli;
use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::{cell, holds, holds_folder};

/// The name of a page for a command.
fn page_of(command: &Command) -> String {
    format!("reference/cli/{}.md", command.get_name())
}

#[test]
fn the_pages_of_the_command_line_are_what_clap_reads() {
    let mut root = Cli::command();
    root.build();
    let commands: Vec<&Command> = root.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    assert!(commands.len() > 20);
    let mut index = format!(
        "# Command line\n\n{}.\n\n| command | does |\n|---|---|\n",
        root.get_about().map(ToString::to_string).unwrap_or_default()
    );
    for command in &commands {
        writeln!(index, "| [`{}`](cli/{}.md) | {} |", command.get_name(), command.get_name(), cell(&about(command))).unwrap();
    }
    index.push_str("\nA run is named by its id, the beginning of it, or `last`. What ends with which code is told in [exit codes](exit-codes.md).\n\n");
    index.push_str("## Global options\n\nEvery command takes these, before its name or behind it.\n\n");
    index.push_str(&table("option", root.get_arguments().filter(|argument| argument.is_global_set())));
    index.push_str("\n`-h` prints a short help of every command, `--help` a long one; `--version` prints the version.\n");
    holds("docs/reference/cli.md", &index);

    for command in &commands {
        let mut text = String::new();
        section(&mut text, command, &["agentflow"], 1);
        holds(&format!("docs/{}", page_of(command)), &text);
    }
    let names: Vec<String> = commands.iter().map(|command| format!("{}.md", command.get_name())).collect();
    holds_folder("docs/reference/cli", &names);
}

/// The entries of the commands in the table of contents.
pub(super) fn entries() -> Vec<(String, String)> {
    let root = Cli::command();
    let commands = root.get_subcommands().filter(|command| !command.is_hide_set());
    commands.map(|command| (command.get_name().to_owned(), page_of(command))).collect()
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// A command and those beneath it.
fn section(text: &mut String, command: &Command, above: &[&str], level: usize) {
    let names: Vec<&str> = above.iter().copied().chain([command.get_name()]).collect();
    let usage = command.clone().bin_name(names.join(" ")).render_usage().to_string();
    let about = command.get_long_about().map_or_else(|| about(command), ToString::to_string);
    write!(text, "{} {}\n\n{}.\n\n", "#".repeat(level), names.join(" "), about.trim_end_matches('.')).unwrap();
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        write!(text, "It is also called {}.\n\n", aliases.join(", ")).unwrap();
    }
    write!(text, "```text\n{}\n```\n\n", usage.trim_start_matches("Usage: ").trim()).unwrap();
    let own =
        || command.get_arguments().filter(|argument| !argument.is_global_set() && !argument.is_hide_set() && !is_help(argument));
    if own().any(Arg::is_positional) {
        text.push_str(&table("argument", own().filter(|argument| argument.is_positional())));
        text.push('\n');
    }
    if own().any(|argument| !argument.is_positional()) {
        text.push_str(&table("option", own().filter(|argument| !argument.is_positional())));
        text.push('\n');
    }
    if let Some(more) = command.get_after_long_help() {
        write!(text, "```text\n{}\n```\n\n", more.to_string().trim()).unwrap();
    }
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        section(text, inner, &names, level + 1);
    }
}

fn is_help(argument: &Arg) -> bool {
    ["help", "version"].contains(&argument.get_id().as_str())
}

fn table<'a>(head: &str, arguments: impl Iterator<Item = &'a Arg>) -> String {
    let mut text = format!("| {head} | meaning |\n|---|---|\n");
    for argument in arguments {
        writeln!(text, "| {} | {} |", cell(&written(argument)), meaning(argument)).unwrap();
    }
    text
}

/// How it is written: `-i, --input KEY=VALUE`.
fn written(argument: &Arg) -> String {
    let value = match (argument.get_action(), argument.get_value_names()) {
        (ArgAction::Set | ArgAction::Append, Some(names)) => {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            names.join(" ")
        }
        _ => String::new(),
    };
    let is_optional = argument.get_num_args().is_some_and(|range| range.min_values() == 0);
    let value = if is_optional && !argument.is_positional() && !value.is_empty() { format!("[{value}]") } else { value };
    let names = argument.get_short().map(|short| format!("-{short}")).into_iter();
    let names: Vec<String> = names.chain(argument.get_long().map(|long| format!("--{long}"))).collect();
    format!("`{}`", format!("{} {value}", names.join(", ")).trim())
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let paragraphs: Vec<String> = help.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let mut text = cell(paragraphs.join(". ").trim_end_matches('.'));
    if argument.is_positional() && argument.is_required_set() {
        text.push_str("; required");
    }
    if matches!(argument.get_action(), ArgAction::Append) && !help.contains("several times") {
        text.push_str("; may be given several times");
    }
    let values = argument.get_possible_values();
    let is_flag = !matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    if !is_flag && !values.is_empty() {
        for value in values.iter().filter(|value| !value.is_hide_set()) {
            let help = value.get_help().map(|help| format!(": {}", cell(&help.to_string()))).unwrap_or_default();
            write!(text, "<br>`{}`{help}", value.get_name()).unwrap();
        }
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if !is_flag && !defaults.is_empty() {
        write!(text, "<br>When absent: {}", defaults.join(", ")).unwrap();
    }
    if let Some(variable) = argument.get_env() {
        write!(text, "<br>Variable: `{}`", variable.to_string_lossy()).unwrap();
    }
    text
}
