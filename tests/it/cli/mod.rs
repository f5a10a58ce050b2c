//! The program as a person or a script meets it: arguments in, standard output, standard error and an exit code out.

mod agents;
mod approve;
mod audit;
mod bad_places;
mod diff;
mod end_to_end;
mod exit_codes;
mod flows;
mod flows_of_memory;
mod help;
mod init;
mod inputs;
mod lock;
mod models;
mod output;
mod policy;
mod project;
mod resume;
mod reuse;
mod runs;
mod security;
mod terminal;
mod tools;
mod validate;
mod verify;
mod web_search;
