//! All benchmarks, in one table: what is measured, what is wanted, what it is here.
//!
//! `cargo bench` runs all of them, `cargo bench -- store plan` only these sections. Times of the disk depend on what else the
//! machine does: whatever is compared with the disk is measured in turns with it, in the same run.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

mod engine;
mod http;
mod mailbox;
mod mcp;
mod measure;
mod memory;
mod messages;
mod plan;
mod process;
mod store;
mod testing;
mod tools;

use measure::Table;

/// The name of a part of the table, and what adds its rows.
type Section = (&'static str, fn(&mut Table));

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if wanted == [engine::FAN_OUT_ONLY] {
        return engine::fan_out_only();
    }
    if let [first, path, count] = wanted.as_slice()
        && first == memory::QUERIES_ONLY
    {
        return memory::queries_only(path, count);
    }
    if let [first, url, name, line, count] = wanted.as_slice()
        && first == mailbox::SENDER_ONLY
    {
        return mailbox::sender_only(url, name, line, count);
    }
    let sections: [Section; 11] = [
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
    let mut table = Table::default();
    for (name, run) in sections {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            println!("measuring {name} …");
            table.section(name);
            run(&mut table);
        }
    }
    println!("{table}");
}
