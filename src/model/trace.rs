//! Trace ids: derived, so that every reader of a log, in this process or another, gives a run and its attempts the same ones.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::model::{NodePath, RunId};

/// The trace of a run: its id's sixteen bytes.
///
/// # Source
/// W3C Trace Context, `trace-id`: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    /// The trace of `run`.
    #[must_use]
    pub fn of(run: RunId) -> Self {
        Self(run.as_u128())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The span of one attempt of a node.
///
/// # Source
/// W3C Trace Context, `parent-id`: 16 hexadecimal digits, not all of them 0. Here the head of SHA-256 over run, node and attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

impl SpanId {
    /// The span of attempt `attempt` (from 1; 0 for what happens to a node outside of one) of `node` in `run`.
    #[must_use]
    pub fn of(run: RunId, node: &NodePath, attempt: u32) -> Self {
        let digest = Sha256::digest(format!("{run}/{node}/{attempt}"));
        Self(u64::from_be_bytes(*digest.first_chunk().expect("the digest has 32 bytes")).max(1))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeId;

    #[test]
    fn they_depend_on_what_they_name_and_never_change() {
        let run: RunId = "0193a2b4-7c8d-7e9f-8a0b-1c2d3e4f5061".parse().unwrap();
        let node = NodePath::root(&NodeId::new("draft").unwrap());
        assert_eq!(TraceId::of(run).to_string(), "0193a2b47c8d7e9f8a0b1c2d3e4f5061");
        let spans = [1, 2].map(|attempt| SpanId::of(run, &node, attempt).to_string());
        assert_ne!(spans[0], spans[1]);
        assert_ne!(spans[0], SpanId::of(run, &node.element(0), 1).to_string());
        assert_eq!(spans[0], "dbbcf7c2672779ea");
    }
}
