//! Embedders that need no server.

mod local;

pub use local::LocalEmbedder;
