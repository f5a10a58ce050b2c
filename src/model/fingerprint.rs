//! The fingerprint of a call: what tells, on replay, that the same thing is asked again.

use data_encoding::HEXLOWER;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::model::{ChatMessage, ChatRequest, Effect, ModelRef, Role, ToolName, ToolRequest, ToolSpec, Value};

/// All that decides an answer, with its keys in order. No keys of providers, no addresses, no ids of the run.
#[derive(Serialize)]
struct Canonical<'a> {
    max_tokens: Option<u32>,
    messages: Vec<CanonicalMessage<'a>>,
    model: &'a ModelRef,
    schema: Option<Sorted<'a>>,
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<CanonicalTool<'a>>,
}

#[derive(Serialize)]
struct CanonicalMessage<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    role: Role,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_requests: Vec<CanonicalToolRequest<'a>>,
}

impl<'a> From<&'a ChatMessage> for CanonicalMessage<'a> {
    fn from(ChatMessage { role, content, tool_requests, request_id }: &'a ChatMessage) -> Self {
        let tool_requests = tool_requests.iter().map(Into::into).collect();
        Self { content, request_id: request_id.as_deref(), role: *role, tool_requests }
    }
}

#[derive(Serialize)]
struct CanonicalToolRequest<'a> {
    arguments: &'a str,
    id: &'a str,
    name: &'a str,
}

impl<'a> From<&'a ToolRequest> for CanonicalToolRequest<'a> {
    fn from(ToolRequest { id, name, arguments }: &'a ToolRequest) -> Self {
        Self { arguments, id, name }
    }
}

#[derive(Serialize)]
struct CanonicalTool<'a> {
    description: &'a str,
    effect: Effect,
    name: &'a ToolName,
    parameters: Sorted<'a>,
}

impl<'a> From<&'a ToolSpec> for CanonicalTool<'a> {
    fn from(ToolSpec { name, description, parameters, effect }: &'a ToolSpec) -> Self {
        Self { description, effect: *effect, name, parameters: Sorted(parameters) }
    }
}

/// A value with the keys of all its objects in order.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().map(|(key, value)| (key, Sorted(value))).collect();
                fields.sort_unstable_by_key(|(key, _)| *key);
                serializer.collect_map(fields)
            }
            Value::Array(elements) => serializer.collect_seq(elements.iter().map(Sorted)),
            other => other.serialize(serializer),
        }
    }
}

/// SHA-256, in hex, over what is asked of `model`: messages, schema, temperature and token limit, as JSON with sorted keys.
#[must_use]
pub fn fingerprint(model: &ModelRef, request: &ChatRequest) -> String {
    let canonical = Canonical {
        max_tokens: request.max_tokens,
        messages: request.messages.iter().map(Into::into).collect(),
        model,
        schema: request.output.as_ref().map(|output| Sorted(&output.schema)),
        temperature: request.temperature,
        tools: request.tools.iter().map(Into::into).collect(),
    };
    let json = serde_json::to_vec(&canonical).expect("plain data has a JSON form");
    HEXLOWER.encode(&Sha256::digest(json))
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
    fn it_is_that_of_the_plain_json_with_all_keys_sorted() {
        let mut asked = request(json!({"type": "object", "b": [{"z": 1, "a": {"y": 0.1, "x": null}}], "a": "ü\n"}));
        asked.max_tokens = Some(7);
        let call = ToolRequest { id: "c1".to_owned(), name: "now".to_owned(), arguments: "{ }".to_owned() };
        asked.messages.push(ChatMessage::requests("Let me look.", vec![call]));
        asked.messages.push(ChatMessage::result("c1", "noon"));
        asked.tools.push(ToolSpec {
            name: ToolName::new("now").unwrap(),
            description: "Tells the time.".to_owned(),
            parameters: json!({"type": "object", "properties": {"zone": {"type": "string"}, "at": {}}}),
            effect: Effect::Read,
        });
        let model: ModelRef = "p/m".parse().unwrap();
        let mut plain = json!({
            "temperature": asked.temperature, "max_tokens": asked.max_tokens, "model": model, "messages": asked.messages,
            "tools": asked.tools, "schema": asked.output.as_ref().unwrap().schema,
        });
        plain.sort_all_objects();
        assert_eq!(fingerprint(&model, &asked), HEXLOWER.encode(&Sha256::digest(plain.to_string())));
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
