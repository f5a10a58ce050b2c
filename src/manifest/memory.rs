//! What a manifest, an agent or a node says of memory, as written.

use crate::{
    diagnostic::{Span, Spanned},
    manifest::{Entries, Tree},
};

/// `[memory.NAME]`: a collection. What is absent is as memory has it.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryManifest {
    /// The whole entry.
    pub span: Span,
    /// What is in it.
    pub description: Option<Spanned<String>>,
    /// `local`, `local/MODEL`, `PROVIDER/MODEL`, `lexical` or `mock`.
    pub embedder: Option<Spanned<String>>,
    /// Globs of the files that are kept in it, relative to the manifest.
    pub path: Vec<Spanned<String>>,
    /// Globs of files that are left out.
    pub ignore: Vec<Spanned<String>>,
    /// Tokens of a chunk at most.
    pub chunk: Option<Spanned<u32>>,
    /// Tokens of a chunk that are those of the chunk before.
    pub overlap: Option<Spanned<u32>>,
}

/// What an agent or a node that runs one says of memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentMemoryManifest {
    /// What it is given with its prompt.
    pub recall: Option<RecallManifest>,
    /// Where its prompts and answers are kept.
    pub remember: Option<RememberManifest>,
    /// The conversation it goes on with.
    pub conversation: Option<ConversationManifest>,
}

/// `recall:`, a node or a key of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct RecallManifest {
    /// The whole entry.
    pub span: Span,
    /// Which collection, a template.
    pub collection: Spanned<String>,
    /// What is looked for, a template; of an agent, its prompt when absent.
    pub query: Option<Spanned<String>>,
    /// How many passages at most.
    pub k: Option<Spanned<u32>>,
    /// The least similarity.
    pub min_score: Option<Spanned<f64>>,
    /// `both`, `meaning` or `words`.
    pub by: Option<Spanned<String>>,
    /// What the metadata of documents must be.
    pub filter: Entries<Tree>,
    /// Globs of the names of documents, templates.
    pub sources: Vec<Spanned<String>>,
    /// Whose passages are found: `project`, `workflow`, `agent`, `run`; `any` for all.
    pub scope: Vec<Spanned<String>>,
    /// Whether what strangers or models may have written is left out.
    pub trusted_only: Option<Spanned<bool>>,
    /// Tokens of passages that go into the prompt of an agent.
    pub max_tokens: Option<Spanned<u32>>,
}

/// `remember:`, a node or a key of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct RememberManifest {
    /// The whole entry.
    pub span: Span,
    /// Which collection, a template.
    pub collection: Spanned<String>,
    /// What is kept: texts, maps with `text`, `source` and `metadata`, or an expression that gives some. Of a node only.
    pub documents: Option<Tree>,
    /// What is noted about it. Of an agent only; the documents of a node have their own.
    pub metadata: Entries<Tree>,
    /// Whose it is: `project`, `workflow`, `agent` or `run`.
    pub scope: Option<Spanned<String>>,
}

/// `conversation:` of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationManifest {
    /// The whole entry.
    pub span: Span,
    /// What it is called, a template.
    pub name: Spanned<String>,
    /// Whose it is: `workflow`, `project` or `run`.
    pub scope: Option<Spanned<String>>,
    /// Tokens of earlier turns that the agent is given.
    pub max_tokens: Option<Spanned<u32>>,
    /// The last turns that are never summarized.
    pub keep: Option<Spanned<u32>>,
    /// The agent that summarizes older turns.
    pub summarizer: Option<Spanned<String>>,
}
