//! `memory_add`: keeps texts in a collection.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::{
    error::Result,
    memory::{Content, Item, Memory},
    model::{Access, AccessClass, CollectionName, Effect, Scope, ToolName, ToolSpec, Value, Writer},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput, arguments::read_arguments, memory::ADD},
};

/// The most documents of one call.
const MOST: usize = 1_000;

/// Puts texts into memory.
#[derive(Debug)]
pub struct MemoryAdd {
    spec: ToolSpec,
    memory: Arc<Memory>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    collection: CollectionName,
    documents: Documents,
    #[serde(default)]
    scope: Scope,
}

/// What is kept, as models and templates give it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Documents {
    One(Document),
    Many(Vec<Document>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Document {
    Text(String),
    Given(Given),
}

impl Documents {
    fn into_given(self) -> impl Iterator<Item = Given> {
        let all = match self {
            Self::One(one) => vec![one],
            Self::Many(all) => all,
        };
        all.into_iter().map(|document| match document {
            Document::Text(text) => Given { text, source: None, metadata: Map::new() },
            Document::Given(given) => given,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    text: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl MemoryAdd {
    /// The tool, over `memory`.
    #[must_use]
    pub fn over(memory: &Arc<Memory>) -> Self {
        Self { spec: Self::described(), memory: Arc::clone(memory) }
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Keeps texts in a collection of the project's memory, so that they are found later, by other runs as well. Write \
            each as a text that can be understood by itself. A `source` names it: what is kept under the same name is replaced.";
        let text = json!({"type": "string", "minLength": 1, "description": "The text, plain or Markdown."});
        let document = json!({
            "type": "object",
            "properties": {
                "text": text,
                "source": {"type": "string", "minLength": 1, "maxLength": 500, "description": "Its name; found by itself when absent."},
                "metadata": {"type": "object", "description": "What is noted about it, for filters."}
            },
            "required": ["text"],
            "additionalProperties": false
        });
        let many = json!({"type": "array", "minItems": 1, "maxItems": MOST, "items": {"anyOf": [document, text]}});
        let parameters = json!({
            "type": "object",
            "properties": {
                "collection": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Which collection."},
                "documents": {"anyOf": [many, document, text], "description": "What is kept: a list of documents, or one."},
                "scope": {"type": "string", "description": "Whose it is: `project` (when absent), `workflow:NAME`, `agent:NAME`, `run:ID`."}
            },
            "required": ["collection", "documents"],
            "additionalProperties": false
        });
        let name = ToolName::new(ADD).expect("a name of ours is one");
        ToolSpec { name, description: description.to_owned(), parameters, effect: Effect::Idempotent }
    }
}

#[async_trait]
impl Tool for MemoryAdd {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Remember]
    }

    fn sample(&self) -> Option<Value> {
        Some(json!({"added": 1, "unchanged": 0, "chunks": 1, "embedded": 1}))
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let Arguments { collection, .. } = read_arguments(arguments)?;
        Ok(vec![Access::Remember { collection: collection.to_string() }])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let given: Arguments = read_arguments(&call.into_inner().arguments)?;
        let caller = context.caller.as_ref();
        let writer = Writer { run: caller.map(|caller| caller.run), node: caller.map(|caller| caller.node.clone()), agent: None };
        let item = |(given_at, one): (usize, Given)| Item {
            // The same step made again finds what it kept.
            source: one.source.unwrap_or_else(|| format!("{}/{given_at}", context.idempotency_key)),
            content: Content::Text(one.text),
            scope: given.scope.clone(),
            writer: writer.clone(),
            untrusted: true,
            metadata: one.metadata,
        };
        let items = given.documents.into_given().enumerate().map(item).collect();
        let added = self.memory.add(&given.collection, items).await?;
        Ok(ToolOutput::new(serde_json::to_value(added).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Validator;

    #[test]
    fn documents_are_texts_or_more_one_or_many() {
        let schema = MemoryAdd::described().parameters;
        let validator = Validator::new(&schema).unwrap();
        let whole = json!({"text": "b", "source": "s", "metadata": {"a": 1}});
        for (documents, texts) in [
            (json!("a"), vec!["a"]),
            (whole.clone(), vec!["b"]),
            (json!(["a", whole]), vec!["a", "b"]),
            (json!([{"text": "c"}]), vec!["c"]),
        ] {
            let arguments = json!({"collection": "notes", "documents": documents});
            assert_eq!(validator.problems(&arguments), Vec::<String>::new(), "{arguments}");
            let read: Arguments = read_arguments(&arguments).unwrap();
            let given: Vec<String> = read.documents.into_given().map(|given| given.text).collect();
            assert_eq!(given, texts);
        }
        for documents in [json!([]), json!(""), json!([{"source": "s"}]), json!({"text": "a", "more": 1}), json!(3)] {
            let arguments = json!({"collection": "notes", "documents": documents});
            assert!(!validator.problems(&arguments).is_empty(), "{arguments}");
        }
    }
}
