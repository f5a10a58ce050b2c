//! What is remembered: from files to what is found.

mod index;
mod ingest;
mod retrieval;
