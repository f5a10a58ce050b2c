//! All benchmarks, in one table: what is measured, what is wanted, what it is here.
//!
//! `cargo bench` runs all of them, `cargo bench -- store plan` only these sections; `--save NAME` keeps the figures, `--against NAME` holds
//! them against those that were kept (docs/benchmarks.md). Times of the disk depend on what else the machine does: whatever is compared
//! with the disk is measured in turns with it, in the same run.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

mod comparison;
mod engine;
mod figure;
mod history;
mod http;
mod mailbox;
mod mcp;
mod measure;
mod memory;
mod messages;
mod options;
mod plan;
mod process;
mod store;
mod table;
mod testing;
mod tools;
mod yardstick;

use std::process::ExitCode;

use comparison::Comparison;
use history::Run;
use options::Options;
use table::Table;

/// The name of a part of the table, and what adds its rows.
type Section = (&'static str, fn(&mut Table));

/// All of them, in the order in which they are measured.
const SECTIONS: [Section; 11] = [
    ("store", store::run),
    ("mailbox", mailbox::run),
    ("plan", plan::run),
    ("engine", engine::run),
    ("http", http::run),
    ("mcp", mcp::run),
    ("tools", tools::run),
    ("memory", memory::run),
    ("messages", messages::run),
    ("testing", testing::run),
    ("process", process::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if is_part(&arguments) {
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(&arguments, &SECTIONS.map(|(name, _)| name)) {
        Ok(options) => options,
        Err(problem) => return refuse(&problem),
    };
    // Before anything is measured: what cannot be compared with is no news for the end of ten minutes.
    let before = match options.against.as_deref().map(Run::saved).transpose() {
        Ok(before) => before,
        Err(problem) => return refuse(&problem),
    };
    let mut table = Table::default();
    for (name, run) in SECTIONS {
        if options.wants(name) {
            println!("measuring {name} …");
            table.section(name);
            run(&mut table);
        }
    }
    println!("{table}");
    let run = Run::now(table.into_figures());
    println!("kept in {}", run.keep().display());
    if let Some(name) = &options.save {
        println!("saved as {}", run.save(name).display());
    }
    let Some(before) = before else { return ExitCode::SUCCESS };
    let comparison = Comparison::of(&before, &run, options.threshold);
    println!("\n{comparison}");
    if comparison.has_worse() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn refuse(problem: &str) -> ExitCode {
    println!("{problem}");
    ExitCode::from(2)
}

/// Whether this process was only to do a part of what another one measures; it is done then.
fn is_part(arguments: &[String]) -> bool {
    match arguments {
        [first] if first == engine::FAN_OUT_ONLY => engine::fan_out_only(),
        [first, path, count] if first == memory::QUERIES_ONLY => memory::queries_only(path, count),
        [first, url, name, line, count] if first == mailbox::SENDER_ONLY => mailbox::sender_only(url, name, line, count),
        _ => return false,
    }
    true
}
