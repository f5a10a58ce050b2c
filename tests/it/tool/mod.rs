//! Tools, against what is really there.

mod mcp;
