//! `memory_search`: what a collection has about something.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::{
    error::Result,
    memory::{Filter, Memory, Query, SearchBy},
    model::{Access, AccessClass, CollectionName, Effect, Passage, Scope, ToolName, ToolSpec, Value},
    tool::{
        Authorized, CallContext, Tool, ToolCall, ToolOutput,
        arguments::read_arguments,
        memory::{MOST_QUERY, SEARCH},
    },
};

/// How many chunks are found when nobody says how many.
const USUAL_COUNT: usize = 6;
/// The most chunks of one search.
const MOST: usize = 100;

/// Searches memory.
#[derive(Debug)]
pub struct MemorySearch {
    spec: ToolSpec,
    memory: Arc<Memory>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    collection: CollectionName,
    query: String,
    #[serde(default = "usual_count")]
    k: usize,
    #[serde(default)]
    min_score: Option<f64>,
    #[serde(default)]
    by: By,
    #[serde(default)]
    filter: Map<String, Value>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    scopes: Vec<Scope>,
    #[serde(default)]
    trusted_only: bool,
    #[serde(default)]
    max_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    #[default]
    Both,
    Meaning,
    Words,
}

fn usual_count() -> usize {
    USUAL_COUNT
}

impl MemorySearch {
    /// The tool, over `memory`.
    #[must_use]
    pub fn over(memory: &Arc<Memory>) -> Self {
        Self { spec: Self::described(), memory: Arc::clone(memory) }
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Looks something up in a collection of the project's memory: documents, notes, what earlier runs learned. Gives \
            the passages that fit best, each with the text and a `citation` that says where it stands; cite that when you use it. Ask in \
            whole sentences, one question at a time. An empty list means that nothing was found.";
        let text = |most: usize, description: &str| json!({"type": "string", "minLength": 1, "maxLength": most, "description": description});
        let texts = |description: &str| json!({"type": "array", "items": {"type": "string"}, "maxItems": 100, "description": description});
        let parameters = json!({
            "type": "object",
            "properties": {
                "collection": text(64, "Which collection."),
                "query": text(MOST_QUERY, "What is looked for."),
                "k": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "How many passages at most; 6 when absent."},
                "min_score": {"type": "number", "minimum": -1, "maximum": 1, "description": "The least similarity of what is found."},
                "by": {"enum": ["both", "meaning", "words"], "description": "`words` for exact names and codes; `both` when absent."},
                "filter": {"type": "object", "description": "Only documents whose metadata has these values."},
                "sources": texts("Only documents whose names fit one of these, `*` within a part of a path, `**` over parts."),
                "scopes": texts("Only what is of one of these: `project`, `workflow:NAME`, `agent:NAME`, `run:ID`."),
                "trusted_only": {"type": "boolean", "description": "Only what no stranger and no model may have written."},
                "max_tokens": {"type": "integer", "minimum": 1, "description": "The most tokens of all passages together."}
            },
            "required": ["collection", "query"],
            "additionalProperties": false
        });
        let name = ToolName::new(SEARCH).expect("a name of ours is one");
        ToolSpec { name, description: description.to_owned(), parameters, effect: Effect::Read }
    }
}

#[async_trait]
impl Tool for MemorySearch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Recall]
    }

    /// What other runs remembered, models may have written, from what strangers told them.
    fn is_untrusted(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Value> {
        Some(json!([{
            "citation": "sample.md:1-3",
            "source": "sample.md",
            "position": {"first_line": 1, "last_line": 3},
            "text": "A simulated passage.",
            "tokens": 5,
            "score": 1.0,
            "untrusted": false,
            "scope": "project"
        }]))
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let Arguments { collection, .. } = read_arguments(arguments)?;
        Ok(vec![Access::Recall { collection: collection.to_string() }])
    }

    async fn call(&self, call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        let given: Arguments = read_arguments(&call.into_inner().arguments)?;
        let by = match given.by {
            By::Both => SearchBy::Both,
            By::Meaning => SearchBy::Meaning,
            By::Words => SearchBy::Words,
        };
        let filter =
            Filter { scopes: given.scopes, metadata: given.filter, sources: given.sources, trusted_only: given.trusted_only };
        let query = Query { text: given.query, k: given.k.min(MOST), min_score: given.min_score, by, filter };
        let found = self.memory.search(&given.collection, &query).await?;
        let (found, note) = match given.max_tokens {
            Some(most) => cut(found, most),
            None => (found, None),
        };
        Ok(ToolOutput { value: serde_json::to_value(found).unwrap_or_default(), notes: note.into_iter().collect() })
    }
}

/// The best passages that have no more than `most` tokens together, and what was left out.
fn cut(mut found: Vec<Passage>, most: u64) -> (Vec<Passage>, Option<String>) {
    let all = found.len();
    let mut room = most;
    let fitting = found.iter().take_while(|passage| match room.checked_sub(u64::from(passage.tokens)) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    });
    let kept = fitting.count();
    found.truncate(kept);
    let note = (kept < all).then(|| format!("{} of {all} passages were left out: they have more than {most} tokens", all - kept));
    (found, note)
}
