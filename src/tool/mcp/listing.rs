//! What a server offers, read page by page within bounds.

use std::future::Future;

use rmcp::{
    model::{PaginatedRequestParams, Tool as Definition},
    service::ServiceError,
};

use crate::{
    model::{Effect, ToolName, ToolPattern, ToolSpec, Value},
    schema::Validator,
    tool::mcp::pin::ToolDigest,
};

/// The most things of a kind, and the most pages they come on.
const MAX_LISTED: usize = 1_000;
/// The longest definition of a thing, in bytes.
const MAX_DEFINITION: usize = 64 * 1024;

/// All things of a kind, `what`, that fit the bounds; those left out are logged.
pub(super) async fn pages<T, Page>(
    what: &str,
    mut page: impl FnMut(Option<PaginatedRequestParams>) -> Page,
) -> Result<Vec<T>, ServiceError>
where
    T: serde::Serialize,
    Page: Future<Output = Result<(Vec<T>, Option<String>), ServiceError>>,
{
    let mut listed = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_LISTED {
        let params = cursor.clone().map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
        let (items, next) = page(params).await?;
        let offered = items.len();
        let room = MAX_LISTED - listed.len();
        listed.extend(items.into_iter().take(room).filter(is_short));
        if offered > room {
            break;
        }
        match next {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => return Ok(listed),
        }
    }
    tracing::warn!("an MCP server offers more than {MAX_LISTED} {what}: the others are left out");
    Ok(listed)
}

fn is_short(item: &impl serde::Serialize) -> bool {
    let is_short = serde_json::to_vec(item).is_ok_and(|text| text.len() <= MAX_DEFINITION);
    if !is_short {
        tracing::warn!("an MCP server describes something in more than {} KiB: it is left out", MAX_DEFINITION >> 10);
    }
    is_short
}

/// A tool of a server, as it is offered to agents.
#[derive(Debug)]
pub(super) struct Offered {
    /// What it is called there.
    pub(super) name: String,
    pub(super) spec: ToolSpec,
    pub(super) digest: ToolDigest,
}

impl Offered {
    /// Takes a definition; `None`, with a warning, when it cannot be offered.
    pub(super) fn new(server: &str, effects: &[(ToolPattern, Effect)], definition: &Definition) -> Option<Self> {
        let left_out = |why: &str| {
            tracing::warn!(server, tool = %definition.name.escape_debug(), "a tool of an MCP server is left out: {why}");
        };
        let Ok(name) = ToolName::new(format!("mcp:{server}/{}", definition.name)) else {
            left_out("its name has characters that no name of a tool has");
            return None;
        };
        let mut parameters = Value::Object((*definition.input_schema).clone());
        if parameters.get("type").is_none() {
            parameters["type"] = "object".into();
        }
        if parameters["type"] != "object" || Validator::new(&parameters).is_err() {
            left_out("the schema of its arguments is none, or is not that of an object");
            return None;
        }
        // What the server itself says of effects is a hint and no fact: only the settings may say less than the most.
        let effect = effects.iter().find(|(pattern, _)| pattern.covers(&name)).map_or(Effect::Write, |(_, effect)| *effect);
        let description = definition.description.as_deref().unwrap_or_default().to_owned();
        let spec = ToolSpec { name, description, parameters, effect };
        Some(Self { name: definition.name.to_string(), spec, digest: ToolDigest::of(definition) })
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Arc};

    use serde_json::json;

    use super::*;

    fn definition(name: &'static str, schema: &Value) -> Definition {
        Definition::new(name, "does", Arc::new(schema.as_object().unwrap().clone()))
    }

    #[tokio::test]
    async fn pages_end_when_the_cursor_stays_or_there_are_too_many() {
        let stuck = pages("tools", |_| async { Ok((vec![1], Some("same".to_owned()))) }).await.unwrap();
        assert_eq!(stuck, [1, 1]);
        let asked = Cell::new(0);
        let endless = pages("tools", |_| {
            asked.set(asked.get() + 1);
            let next = asked.get().to_string();
            async { Ok((vec![1; 300], Some(next))) }
        });
        assert_eq!((endless.await.unwrap().len(), asked.get()), (1_000, 4));
        let empty = pages("tools", |params| async move {
            let at: u32 = params.and_then(|params| params.cursor).map_or(0, |cursor| cursor.parse().unwrap());
            Ok((Vec::<u8>::new(), Some((at + 1).to_string())))
        });
        assert!(empty.await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_definition_that_is_too_long_is_left_out() {
        let listed = pages("tools", |_| async { Ok((vec!["x".repeat(70_000), "y".to_owned()], None)) }).await.unwrap();
        assert_eq!(listed, ["y"]);
    }

    #[test]
    fn a_tool_that_cannot_be_named_or_called_is_left_out() {
        let object = json!({ "type": "object" });
        let offered = |definition: &Definition| Offered::new("s", &[], definition).map(|offered| offered.spec);
        assert!(offered(&definition("fine.name-1/x", &object)).is_some());
        for name in ["", "a b", "..", "a\u{1b}[2J", "ünder"] {
            assert!(offered(&definition(name, &object)).is_none(), "{name:?}");
        }
        for schema in
            [json!({ "type": "string" }), json!({ "type": "objekt" }), json!({ "properties": { "a": { "minimum": "x" } } })]
        {
            assert!(offered(&definition("t", &schema)).is_none(), "{schema}");
        }
        assert_eq!(offered(&definition("t", &json!({}))).unwrap().parameters, json!({ "type": "object" }));
    }

    #[test]
    fn hints_of_a_server_never_lower_the_effect() {
        let mut hinting = definition("get", &json!({ "type": "object" }));
        hinting.annotations = Some(rmcp::model::ToolAnnotations::new().read_only(true).idempotent(true));
        let effect = |effects: &[(ToolPattern, Effect)]| Offered::new("s", effects, &hinting).unwrap().spec.effect;
        assert_eq!(effect(&[]), Effect::Write);
        let told = |pattern: &str, effect| (ToolPattern::new(pattern).unwrap(), effect);
        assert_eq!(
            effect(&[told("mcp:s/set_*", Effect::Pure), told("mcp:s/g*", Effect::Read), told("mcp:s/*", Effect::Pure)]),
            Effect::Read
        );
    }
}
