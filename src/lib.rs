//! agentflow: workflows of LLM agents, declared in YAML or TOML, checked before a token is spent, run so that nothing is paid twice.
//!
//! # The rooms, from the top
//!
//! | room | does | knows |
//! |---|---|---|
//! | [`cli`] | parses arguments, calls `app`, prints | everything below |
//! | [`eval`] | a workflow over the rows of a data set, scored, with figures and costs | `app`, `engine` |
//! | [`testing`] | test runs of workflows: mocks, files of tests, what they cover | everything below |
//! | [`app`] | settings → services; what a front end may ask for | everything below |
//! | [`engine`] | runs a plan: decide, attempt, record, recover | `agent`, `plan`, `store`, … |
//! | [`agent`] | a conversation with a model until there is an answer; what is around each call | `provider`, `tool`, `resilience` |
//! | [`plan`] | from a manifest to a checked graph | `manifest`, `template` |
//! | [`manifest`] | what the author wrote, with positions | `diagnostic` |
//! | [`diagnostic`] | problems in an author's file, and how they are shown | |
//! | [`tool`] | what can be called, and who permits it | `memory` |
//! | [`memory`] | what is remembered beyond a run: documents, chunks, vectors, searches | `provider::Embedder` |
//! | [`mailbox`] | messages between runs, processes and people | `store` |
//! | [`store`], [`provider`], [`resilience`] | siblings that do not know each other | `model` |
//! | [`template`] | `{{ … }}` and `when:` over run values | `model` |
//! | [`schema`] | JSON Schema over values | `model` |
//! | `http_client` | HTTP clients as `provider` and `tool` begin them: trust, no redirects, no retries | |
//! | [`model`] | plain data: ids, messages, events | `error` |
//! | [`error`] | the one error type | |
//! | [`crash`] | places at which a debug build can be told to die | `error` |
//!
//! A room imports only rooms below it; `tests/it/layering.rs` holds the source to that.

pub mod agent;
pub mod app;
pub mod cli;
pub mod crash;
pub mod diagnostic;
pub mod engine;
pub mod error;
pub mod eval;
mod http_client;
pub mod mailbox;
pub mod manifest;
pub mod memory;
pub mod model;
pub mod plan;
pub mod provider;
pub mod resilience;
pub mod schema;
pub mod store;
pub mod template;
pub mod testing;
pub mod tool;

pub use error::{Error, ErrorKind, Result};
