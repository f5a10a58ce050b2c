//! The fingerprint of a call: what tells, on replay, that the same thing is asked again.

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::{ChatMessage, ChatRequest, ModelRef, ToolSpec, Value};

/// All that decides an answer. No keys, no addresses, no ids of the run.
#[derive(Serialize)]
struct Canonical<'a> {
    model: &'a ModelRef,
    messages: &'a [ChatMessage],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tools: &'a [ToolSpec],
    schema: Option<&'a Value>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
}

/// SHA-256, in hex, over what is asked of `model`: messages, schema, temperature and token limit, as JSON with sorted keys.
#[must_use]
pub fn fingerprint(model: &ModelRef, request: &ChatRequest) -> String {
    let canonical = Canonical {
        model,
        messages: &request.messages,
        tools: &request.tools,
        schema: request.output.as_ref().map(|output| &output.schema),
        temperature: request.temperature,
        max_tokens: request.max_tokens,
    };
    let mut value = serde_json::to_value(canonical).expect("plain data has a JSON form");
    value.sort_all_objects();
    HEXLOWER.encode(&Sha256::digest(value.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{AgentName, CallOrigin, NodeId, NodePath, OutputSchema, Role, RunId};

    fn request(schema: Value) -> ChatRequest {
        ChatRequest {
            origin: CallOrigin {
                run: RunId::generate(),
                node: NodePath::root(&NodeId::new("a").unwrap()),
                agent: AgentName::new("b").unwrap(),
                attempt: 1,
                ordinal: 0,
            },
            model: "m".to_owned(),
            messages: vec![ChatMessage::new(Role::User, "hello")],
            tools: Vec::new(),
            output: Some(OutputSchema { name: "answer".to_owned(), schema, strict: true }),
            temperature: Some(0.5),
            max_tokens: None,
        }
    }

    #[test]
    fn it_depends_on_what_is_asked_and_on_nothing_else() {
        let model: ModelRef = "p/m".parse().unwrap();
        let one = fingerprint(&model, &request(json!({"type": "object", "title": "x"})));
        assert_eq!(one, fingerprint(&model, &request(json!({"title": "x", "type": "object"}))));
        assert_eq!(one.len(), 64);
        assert_ne!(one, fingerprint(&"q/m".parse().unwrap(), &request(json!({"type": "object", "title": "x"}))));
        assert_ne!(one, fingerprint(&model, &request(json!({"type": "object", "title": "y"}))));
        let mut warmer = request(json!({"type": "object", "title": "x"}));
        warmer.temperature = None;
        assert_ne!(one, fingerprint(&model, &warmer));
    }

    #[test]
    fn it_never_changes_between_versions() {
        let model: ModelRef = "p/m".parse().unwrap();
        assert_eq!(
            fingerprint(&model, &request(json!({"type": "object"}))),
            "d6fb8b5608a858f755bc4a9d0da9b884c80384b0e78043747b9c9398aafe543f"
        );
    }
}
