//! Puts a call into Anthropic's words.
//!
//! A structured answer is asked for as the call of a tool whose input is the answer. Alone, that tool is forced. Beside an agent's own
//! tools the model is only made to call *one*, whichever: its call of the answer's tool ends the conversation. A model that asks for
//! other tools in the same breath has answered before it knew their results; that answer is dropped, and it gives another one later.

use serde_json::{Map, json};

use crate::model::{ChatMessage, ChatRequest, OutputSchema, Role, ToolSpec, Value};

/// The protocol demands a limit; this one holds when no other is set. All its models allow as much.
const USUAL_MAX_TOKENS: u32 = 4_096;

/// The name of the tool whose input is the answer; `None` when the answer is text. No other tool has it.
pub(super) fn answer_tool(request: &ChatRequest) -> Option<String> {
    let mut name = request.output.as_ref()?.name.clone();
    while request.tools.iter().any(|tool| tool.name.wire() == name) {
        name.push('_');
    }
    Some(name)
}

/// The body of the request; `answer_tool` is what the tool of its answer is called.
///
/// # Source
/// Anthropic API reference, "Create a Message"; "Tool use", section "Forcing tool use".
pub(super) fn body(request: &ChatRequest, answer_tool: Option<&str>) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    body.insert("max_tokens".to_owned(), json!(request.max_tokens.unwrap_or(USUAL_MAX_TOKENS)));
    let (system, messages): (Vec<&ChatMessage>, Vec<_>) =
        request.messages.iter().partition(|message| message.role == Role::System);
    if !system.is_empty() {
        let text = system.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n\n");
        body.insert("system".to_owned(), json!(text));
    }
    body.insert("messages".to_owned(), conversation(&messages));
    if let Some(temperature) = request.temperature {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    let mut tools: Vec<_> = request.tools.iter().map(tool).collect();
    if let Some((output, name)) = request.output.as_ref().zip(answer_tool) {
        let choice = if tools.is_empty() {
            json!({ "type": "tool", "name": name, "disable_parallel_tool_use": true })
        } else {
            json!({ "type": "any" })
        };
        tools.push(tool_of_answer(output, name));
        body.insert("tool_choice".to_owned(), choice);
    }
    if !tools.is_empty() {
        body.insert("tools".to_owned(), json!(tools));
    }
    body.insert("stream".to_owned(), json!(true));
    Value::Object(body)
}

fn tool(tool: &ToolSpec) -> Value {
    json!({ "name": tool.name.wire(), "description": tool.description, "input_schema": tool.parameters })
}

fn tool_of_answer(output: &OutputSchema, name: &str) -> Value {
    json!({
        "name": name,
        "description": "Gives the answer. Its input is the whole answer.",
        "input_schema": output.schema,
    })
}

/// The messages. Results that follow one another are one message, as the protocol demands.
fn conversation(messages: &[&ChatMessage]) -> Value {
    let rounds = messages.chunk_by(|one, next| one.role == Role::Tool && next.role == Role::Tool);
    let message = |round: &[&ChatMessage]| match round {
        [result, ..] if result.role == Role::Tool => {
            json!({ "role": "user", "content": round.iter().map(|result| tool_result(result)).collect::<Vec<_>>() })
        }
        [message, ..] => {
            let role = if message.role == Role::Assistant { "assistant" } else { "user" };
            let content = if message.tool_requests.is_empty() { json!(message.content) } else { requests(message) };
            json!({ "role": role, "content": content })
        }
        [] => Value::Null,
    };
    rounds.map(message).collect()
}

/// What an answer says, and then what it asks for.
fn requests(message: &ChatMessage) -> Value {
    let text = Some(&message.content).filter(|text| !text.trim().is_empty());
    let text = text.map(|text| json!({ "type": "text", "text": text }));
    let calls = message.tool_requests.iter().map(|request| {
        // An input is an object; what a model wrote instead of one is told as text.
        let input = match serde_json::from_str(&request.arguments) {
            Ok(input @ Value::Object(_)) => input,
            _ => json!({ "text": request.arguments }),
        };
        json!({ "type": "tool_use", "id": plain_id(&request.id), "name": request.name, "input": input })
    });
    text.into_iter().chain(calls).collect()
}

fn tool_result(message: &ChatMessage) -> Value {
    let id = plain_id(message.request_id.as_deref().unwrap_or_default());
    json!({ "type": "tool_result", "tool_use_id": id, "content": message.content })
}

/// An id as the protocol takes it: one that another provider gave earlier in the conversation may have other characters.
fn plain_id(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentName, CallOrigin, Effect, NodeId, NodePath, RunId, ToolName, ToolRequest};

    fn request() -> ChatRequest {
        ChatRequest {
            origin: CallOrigin {
                run: RunId::generate(),
                node: NodePath::root(&NodeId::new("n").unwrap()),
                agent: AgentName::new("a").unwrap(),
                attempt: 1,
                ordinal: 0,
            },
            model: "claude-haiku-4-5".to_owned(),
            messages: vec![
                ChatMessage::new(Role::System, "Be brief."),
                ChatMessage::new(Role::User, "Hi"),
                ChatMessage::new(Role::Assistant, "{}"),
                ChatMessage::new(Role::User, "Again"),
            ],
            tools: Vec::new(),
            output: Some(OutputSchema { name: "answer".to_owned(), schema: json!({"type": "object"}), strict: false }),
            temperature: Some(0.5),
            max_tokens: None,
        }
    }

    fn spec(name: &str) -> ToolSpec {
        let parameters = json!({"type": "object", "properties": {"x": {"type": "integer"}}});
        ToolSpec { name: ToolName::new(name).unwrap(), description: "Looks.".to_owned(), parameters, effect: Effect::Read }
    }

    fn body_of(request: &ChatRequest) -> Value {
        body(request, answer_tool(request).as_deref())
    }

    #[test]
    fn a_request_has_its_system_apart_and_forces_the_answer() {
        assert_eq!(
            body_of(&request()),
            json!({
                "model": "claude-haiku-4-5", "max_tokens": 4096, "system": "Be brief.",
                "messages": [
                    {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "{}"}, {"role": "user", "content": "Again"},
                ],
                "temperature": 0.5,
                "tools": [{
                    "name": "answer", "description": "Gives the answer. Its input is the whole answer.", "input_schema": {"type": "object"},
                }],
                "tool_choice": {"type": "tool", "name": "answer", "disable_parallel_tool_use": true},
                "stream": true,
            })
        );
    }

    #[test]
    fn beside_other_tools_the_answer_is_one_of_several_calls() {
        let mut request = ChatRequest { tools: vec![spec("mcp:github/look"), spec("answer")], ..request() };
        let body = body_of(&request);
        let names: Vec<_> = body["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["mcp__github__look", "answer", "answer_"]);
        assert_eq!(body["tool_choice"], json!({"type": "any"}));
        assert_eq!(
            body["tools"][0],
            json!({"name": "mcp__github__look", "description": "Looks.", "input_schema": request.tools[0].parameters})
        );
        request.output = None;
        let body = body_of(&request);
        assert_eq!((body["tools"].as_array().map(Vec::len), body.get("tool_choice")), (Some(2), None));
    }

    #[test]
    fn requests_and_their_results_are_blocks() {
        let ask = |id: &str, arguments: &str| ToolRequest { id: id.into(), name: "look".into(), arguments: arguments.into() };
        let messages = vec![
            ChatMessage::new(Role::User, "Hi"),
            ChatMessage::requests("I look.", vec![ask("functions.look:0", "{\"x\":1}"), ask("b", "{\"x\"")]),
            ChatMessage::result("functions.look:0", "one"),
            ChatMessage::result("b", ""),
            ChatMessage::requests("", vec![ask("c", "{}")]),
            ChatMessage::result("c", "three"),
            ChatMessage::new(Role::User, "Go on."),
        ];
        assert_eq!(
            body_of(&ChatRequest { messages, ..request() })["messages"],
            json!([
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "functions_look_0", "name": "look", "input": {"x": 1}},
                    {"type": "tool_use", "id": "b", "name": "look", "input": {"text": "{\"x\""}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "functions_look_0", "content": "one"},
                    {"type": "tool_result", "tool_use_id": "b", "content": ""},
                ]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "look", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "three"}]},
                {"role": "user", "content": "Go on."},
            ])
        );
    }
}
