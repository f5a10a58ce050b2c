//! All integration tests, in one binary: a module per behaviour.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod absence;
mod agent;
mod bad_input;
mod benchmarks;
mod cli;
mod conversation;
mod coverage;
mod diagnostics;
mod draw;
mod durability;
mod embed;
mod engine;
mod examples;
mod fault_server;
mod fuzz;
mod graph_builder;
mod guide;
mod health;
mod hostile_templates;
mod layering;
mod mailbox;
mod memory;
mod positions;
mod provider;
mod readme;
mod real_server;
mod registered;
mod reliability;
mod schema_agreement;
mod store;
mod strace;
mod testing;
mod tool;
mod validate;
mod validate_memory;
mod validate_messages;
mod validate_tools;
