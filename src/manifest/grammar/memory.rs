//! Memory: collections of a manifest, nodes that recall and remember, and what agents say of it.

use super::{CountSize, Field, NameRule, Object, Shape};

/// `[memory.NAME]` of a manifest.
pub(super) static COLLECTION: Object = Object {
    name: "memory",
    what: "a collection of memory",
    doc: "A collection of memory: how its texts are found again, and which files are kept in it.",
    fields: &[
        Field::optional("description", Shape::Text, "What is in it."),
        Field::optional(
            "embedder",
            Shape::Text,
            "Who turns texts into vectors: `local`, `PROVIDER/MODEL`, `mock`; `lexical` for a collection without vectors. `local` when absent.",
        ),
        Field::optional(
            "path",
            Shape::OneOrMany { of: &Shape::Text, min: 1 },
            "The files that are kept in it: a glob or a list of globs, relative to this file.",
        ),
        Field::optional(
            "ignore",
            Shape::OneOrMany { of: &Shape::Text, min: 0 },
            "Files among them that are left out: a glob or a list of globs.",
        ),
        Field::optional("chunk", Shape::Whole { min: 16, max: 8_192 }, "Tokens of a chunk at most; 256 when absent."),
        Field::optional(
            "overlap",
            Shape::Whole { min: 0, max: 4_096 },
            "Tokens that a chunk repeats of the chunk before; 32 when absent.",
        ),
    ],
    ..Object::EMPTY
};

const COLLECTION_FIELD: Field = Field::required("collection", Shape::Template, "The collection.");
const METADATA: Shape = Shape::Map { keys: NameRule::Filled, of: &Shape::Data, filled: false };

const ANY: (&str, &str) = ("any", "Whosever it is.");
const PROJECT: (&str, &str) = ("project", "Of all workflows of the project.");
const WORKFLOW: (&str, &str) = ("workflow", "Of this workflow.");
const AGENT: (&str, &str) = ("agent", "Of the agent.");
const RUN: (&str, &str) = ("run", "Of this run.");

/// The keys of a search.
macro_rules! search_fields {
    (of $scopes:expr; $($field:expr),* $(,)?) => {
        &[
            COLLECTION_FIELD,
            $($field,)*
            Field::optional("k", Shape::Whole { min: 1, max: 100 }, "How many passages at most; 6 when absent."),
            Field::optional(
                "min_score",
                Shape::Number { min: -1.0, max: 1.0 },
                "The least similarity (cosine) of what is found; only where there are vectors.",
            ),
            Field::optional(
                "by",
                Shape::Word(&[
                    ("both", "By meaning and by words."),
                    ("meaning", "By meaning only."),
                    ("words", "By words only, for exact names and codes."),
                ]),
                "By what is searched; `both` when absent.",
            ),
            Field::optional("filter", METADATA, "Only documents whose metadata has these values."),
            Field::optional(
                "sources",
                Shape::List { of: &Shape::Template, min: 0 },
                "Only documents whose names fit one of these globs.",
            ),
            Field::optional(
                "scope",
                Shape::OneOrMany { of: &Shape::Word($scopes), min: 1 },
                "Only what is of one of these; `any` when absent.",
            ),
            Field::optional("trusted_only", Shape::Bool, "Only what no stranger and no model may have written."),
        ]
    };
}

/// `recall:` as a node.
pub(super) static RECALL: Object = Object {
    name: "recall",
    what: "`recall`",
    doc: "Searches a collection of memory; the output is the list of passages found.",
    fields: search_fields![
        of &[ANY, PROJECT, WORKFLOW, RUN];
        Field::required("query", Shape::Template, "What is looked for, a template."),
    ],
    ..Object::EMPTY
};

/// `recall:` of an agent.
static AGENT_RECALL: Object = Object {
    name: "agent_recall",
    what: "`recall` of an agent",
    doc: "Searches a collection of memory, and gives the agent what is found with its prompt.",
    fields: search_fields![
        of &[ANY, PROJECT, WORKFLOW, AGENT, RUN];
        Field::optional("query", Shape::Template, "What is looked for, a template; the prompt when absent."),
        Field::optional(
            "max_tokens",
            Shape::Count(CountSize::Small),
            "The most tokens of passages that go into the prompt; 2000 when absent.",
        ),
    ],
    ..Object::EMPTY
};

static DOCUMENT: Object = Object {
    name: "document",
    what: "a document",
    doc: "A text that is kept.",
    fields: &[
        Field::required("text", Shape::Template, "The text, plain or Markdown."),
        Field::optional(
            "source",
            Shape::Template,
            "Its name: what is kept under the same name and scope is replaced. Made from run and node when absent.",
        ),
        Field::optional("metadata", METADATA, "What is noted about it, for filters."),
    ],
    ..Object::EMPTY
};

/// `remember:` as a node.
pub(super) static REMEMBER: Object = Object {
    name: "remember",
    what: "`remember`",
    doc: "Keeps texts in a collection of memory.",
    fields: &[
        COLLECTION_FIELD,
        Field::required(
            "documents",
            Shape::OneOrMany { of: &Shape::Short(&Shape::Template, &DOCUMENT), min: 1 },
            "What is kept: a text, `{ text, source, metadata }`, a list of these, or an expression in `{{ }}` that gives some.",
        ),
        Field::optional("scope", Shape::Word(&[PROJECT, WORKFLOW, RUN]), "Whose it is; `project` when absent."),
    ],
    ..Object::EMPTY
};

/// `remember:` of an agent.
static AGENT_REMEMBER: Object = Object {
    name: "agent_remember",
    what: "`remember` of an agent",
    doc: "Keeps what the agent was asked and what it answered in a collection of memory.",
    fields: &[
        COLLECTION_FIELD,
        Field::optional("scope", Shape::Word(&[PROJECT, WORKFLOW, AGENT, RUN]), "Whose it is; `project` when absent."),
        Field::optional("metadata", METADATA, "What is noted about it, for filters."),
    ],
    ..Object::EMPTY
};

static CONVERSATION: Object = Object {
    name: "conversation",
    what: "`conversation`",
    doc: "The conversation that the agent goes on with: earlier turns come before its prompt.",
    fields: &[
        Field::required("name", Shape::Template, "What it is called, a template: the same name is the same conversation."),
        Field::optional(
            "scope",
            Shape::Word(&[("workflow", "Of all runs of this workflow."), PROJECT, RUN]),
            "Whose it is; `workflow` when absent.",
        ),
        Field::optional(
            "max_tokens",
            Shape::Count(CountSize::Small),
            "The most tokens of earlier turns, their summary included; 8000 when absent.",
        ),
        Field::optional(
            "keep",
            Shape::Whole { min: 1, max: 1_000 },
            "How many of the last turns stay word by word when older ones are summarized; 6 when absent.",
        ),
        Field::optional("summarizer", Shape::Text, "The agent that summarizes older turns; they are left out when absent."),
    ],
    ..Object::EMPTY
};

/// `recall:` of an agent or of a node that runs one.
pub(super) const RECALL_FIELD: Field = Field::optional(
    "recall",
    Shape::Short(&Shape::Template, &AGENT_RECALL),
    "What it is given from memory with its prompt: a collection, or the long form.",
);
/// `remember:` of an agent or of a node that runs one.
pub(super) const REMEMBER_FIELD: Field = Field::optional(
    "remember",
    Shape::Short(&Shape::Template, &AGENT_REMEMBER),
    "The collection in which its prompts and answers are kept, or the long form.",
);
/// `conversation:` of an agent or of a node that runs one.
pub(super) const CONVERSATION_FIELD: Field = Field::optional(
    "conversation",
    Shape::Short(&Shape::Template, &CONVERSATION),
    "The conversation it goes on with: its name, or the long form.",
);
