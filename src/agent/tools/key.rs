//! What tells calls of tools apart: their fingerprint, and the key by which the other side knows one that is made again.

use sha2::{Digest as _, Sha256};

use crate::model::{NodePath, RunId, StepId, Value};

/// How many characters of the digest a key has.
const KEY_LENGTH: usize = 26;

/// SHA-256, in hex, over the tool and its arguments as JSON with sorted keys.
pub(super) fn fingerprint(tool: &str, arguments: &Value) -> String {
    let mut arguments = arguments.clone();
    arguments.sort_all_objects();
    digest(&[b"tool", tool.as_bytes(), arguments.to_string().as_bytes()])
}

/// SHA-256, in hex, over parts that cannot be mistaken for one another.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    data_encoding::HEXLOWER.encode(&hash(parts))
}

/// `af1-…`: the same for the same step of the same run with the same arguments, in every attempt and after every crash.
pub(super) fn idempotency_key(run: RunId, node: &NodePath, step: StepId, fingerprint: &str) -> String {
    let hash = hash(&[run.to_string().as_bytes(), node.as_str().as_bytes(), step.to_string().as_bytes(), fingerprint.as_bytes()]);
    let mut text = data_encoding::BASE32_NOPAD.encode(&hash).to_ascii_lowercase();
    text.truncate(KEY_LENGTH);
    format!("af1-{text}")
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_arguments_does_not_matter_and_everything_else_does() {
        let one = fingerprint("a", &json!({"x": 1, "y": {"b": 1, "a": 2}}));
        assert_eq!(one, fingerprint("a", &json!({"y": {"a": 2, "b": 1}, "x": 1})));
        assert_ne!(one, fingerprint("b", &json!({"x": 1, "y": {"b": 1, "a": 2}})));
        assert_ne!(one, fingerprint("a", &json!({"x": 2, "y": {"b": 1, "a": 2}})));
    }

    #[test]
    fn a_key_belongs_to_one_step_of_one_run() {
        let run: RunId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let other: RunId = "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap();
        let (node, step) = (NodePath::new("publish"), StepId { turn: 0, index: 0 });
        let key = idempotency_key(run, &node, step, "f");
        assert_eq!((key.len(), &key[..4]), (30, "af1-"));
        assert_eq!(key, idempotency_key(run, &node, step, "f"));
        assert_ne!(key, idempotency_key(other, &node, step, "f"));
        assert_ne!(key, idempotency_key(run, &NodePath::new("publish[1]"), step, "f"));
        assert_ne!(key, idempotency_key(run, &node, StepId { turn: 0, index: 1 }, "f"));
        assert_ne!(key, idempotency_key(run, &node, step, "g"));
    }
}
