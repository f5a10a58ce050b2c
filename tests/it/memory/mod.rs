//! What is remembered: from files to what is found.

mod ingest;
mod index;
