//! What nodes and agents say of memory becomes calls of its tools: `recall` one of `memory_search`, `remember` one of `memory_add`.

use std::sync::Arc;

use serde_json::json;

use super::{Diagnostic, Resolver, ToolDraft, TreeDraft};
use crate::{
    diagnostic::{Code, Span, Spanned},
    manifest::{
        AgentMemoryManifest, CallsManifest, ConversationManifest, Entries, RecallManifest, RememberManifest, Tree, TreeKind,
    },
    model::{AgentName, CollectionName, Permission, ToolName, ToolPattern, Value},
    plan::{
        ConversationScope,
        assemble::name_of,
        catalog::CatalogEntry,
        draft::{AgentMemoryDraft, Args, ConversationDraft, MemoryCall, Place},
        powers::{Power, asks, keeping_in, search_of},
    },
    template::TemplateTree,
    tool::{
        Grants, Level,
        memory::{ADD, SEARCH},
    },
};

impl Resolver<'_, '_, '_> {
    /// A `recall` node.
    pub(super) fn recall_node(&mut self, id: &Spanned<String>, written: &RecallManifest) -> ToolDraft {
        let call = self.recall(id, written, None);
        tool(SEARCH, call, passages())
    }

    /// A `remember` node.
    pub(super) fn remember_node(&mut self, id: &Spanned<String>, written: &RememberManifest, calls: &CallsManifest) -> ToolDraft {
        let mut call = self.remember(id, written, None);
        call.grants = Arc::new(Grants { always_ask: calls.approve.is_some(), ..(*call.grants).clone() });
        tool(ADD, call, kept())
    }

    /// What the node `id` says of memory, or its agent.
    pub(super) fn agent_memory(
        &mut self,
        id: &Spanned<String>,
        entry: Option<&CatalogEntry>,
        own: &AgentMemoryManifest,
    ) -> AgentMemoryDraft {
        let inherited = entry.map(CatalogEntry::memory).cloned().unwrap_or_default();
        let agent = entry.and_then(CatalogEntry::profile).map(|profile| profile.name.clone());
        let recall = own.recall.as_ref().or(inherited.recall.as_ref());
        let remember = own.remember.as_ref().or(inherited.remember.as_ref());
        let conversation = own.conversation.as_ref().or(inherited.conversation.as_ref());
        AgentMemoryDraft {
            recall: recall.map(|recall| self.recall(id, recall, agent.as_ref())),
            max_tokens: recall.and_then(|recall| value(recall.max_tokens.as_ref())),
            remember: remember.map(|remember| self.remember(id, remember, agent.as_ref())),
            conversation: conversation.and_then(|conversation| self.conversation(conversation)),
        }
    }

    fn recall(&mut self, id: &Spanned<String>, written: &RecallManifest, agent: Option<&AgentName>) -> MemoryCall {
        let mut args = vec![self.text("collection", &written.collection)];
        args.extend(written.query.as_ref().map(|query| self.text("query", query)));
        let literal = |name: &str, span: Span, value: Value| (Spanned::new(name.to_owned(), span), TreeDraft::Literal(value));
        args.extend(written.k.as_ref().map(|k| literal("k", k.span, json!(k.value))));
        args.extend(written.min_score.as_ref().map(|score| literal("min_score", score.span, json!(score.value))));
        args.extend(written.by.as_ref().map(|by| literal("by", by.span, json!(by.value))));
        args.extend(self.map("filter", written.span, &written.filter));
        if !written.sources.is_empty() {
            let globs = written.sources.iter().map(|glob| Tree::new(glob.span, TreeKind::String(glob.value.clone())));
            let globs = Tree::new(written.span, TreeKind::List(globs.collect()));
            args.push((Spanned::new("sources".to_owned(), written.span), self.tree(&globs)));
        }
        if !written.scope.is_empty() && written.scope.iter().all(|scope| scope.value != "any") {
            let scopes: Vec<TreeDraft> = written.scope.iter().filter_map(|scope| self.scope(scope, agent)).collect();
            args.push((Spanned::new("scopes".to_owned(), written.span), TreeDraft::List(scopes)));
        }
        let trusted_only = value(written.trusted_only.as_ref());
        if let (Some(trusted), Some(only)) = (&written.trusted_only, trusted_only) {
            args.push(literal("trusted_only", trusted.span, json!(only)));
        }
        let mut call = self.call(id, (SEARCH, search_of(&written.collection.value)), &written.collection, args);
        if trusted_only == Some(true) {
            // What strangers and models may have written is left out of what is found.
            call.powers.iter_mut().for_each(|power| power.is_untrusted = false);
        }
        call
    }

    fn remember(&mut self, id: &Spanned<String>, written: &RememberManifest, agent: Option<&AgentName>) -> MemoryCall {
        let mut args = vec![self.text("collection", &written.collection)];
        if let Some(documents) = &written.documents {
            args.push((Spanned::new("documents".to_owned(), documents.span), self.tree(documents)));
        }
        args.extend(self.map("metadata", written.span, &written.metadata));
        if let Some(scope) = &written.scope {
            let name = Spanned::new("scope".to_owned(), scope.span);
            args.extend(self.scope(scope, agent).map(|scope| (name, scope)));
        }
        self.call(id, (ADD, keeping_in(&written.collection.value)), &written.collection, args)
    }

    /// A call that asks for exactly what it touches. One that a level around it leaves out is reported.
    fn call(
        &mut self,
        id: &Spanned<String>,
        (tool, wanted): (&str, Option<Permission>),
        collection: &Spanned<String>,
        args: Args,
    ) -> MemoryCall {
        let mut levels = self.compiler.levels.clone();
        let is_readable = self.compiler.problems.iter().all(|known| known.code != Code::BAD_PERMISSION);
        if let Some(wanted) = wanted.as_ref().filter(|_| is_readable)
            && let Some(level) =
                levels.iter().find(|level| Permission::both(&level.permissions, std::slice::from_ref(wanted)).is_empty())
        {
            let message =
                format!("`{}` cannot be permitted `{wanted}`: {} does not ask for it under `permissions`", id.value, level.owner);
            let problem = Diagnostic::error(Code::TOOL_WITHOUT_PERMISSION, collection.span, message);
            self.report(problem.hint(format!("add it there: `permissions: [\"{wanted}\"]`")));
        }
        let permissions = wanted.into_iter().collect();
        levels.push(Level { owner: format!("node `{}`", id.value), permissions });
        let grants = Arc::new(Grants { levels, always_ask: false });
        MemoryCall { args, powers: self.memory_powers(tool, &grants), grants }
    }

    fn memory_powers(&self, tool: &str, grants: &Grants) -> Vec<Power> {
        if asks(grants).is_empty() {
            return Vec::new();
        }
        let pattern = ToolPattern::new(tool).expect("a name of ours is a pattern");
        self.powers(&[pattern], grants)
    }

    fn conversation(&mut self, written: &ConversationManifest) -> Option<ConversationDraft> {
        if written.name.value.trim().is_empty() {
            let problem = Diagnostic::error(Code::OUT_OF_RANGE, written.name.span, "a conversation needs a name");
            self.report(problem.hint("for example `conversation: support-{{ inputs.customer }}`"));
        }
        let summarizer = written.summarizer.as_ref().and_then(|name| self.summarizer(name));
        Some(ConversationDraft {
            name: self.template(&written.name.value, Place::Text(written.name.span))?,
            scope: match written.scope.as_ref().map(|scope| scope.value.as_str()) {
                Some("project") => ConversationScope::Project,
                Some("run") => ConversationScope::Run,
                _ => ConversationScope::Workflow,
            },
            max_tokens: value(written.max_tokens.as_ref()),
            keep: value(written.keep.as_ref()),
            summarizer,
        })
    }

    /// The agent that summarizes; it is called as a tool.
    fn summarizer(&mut self, name: &Spanned<String>) -> Option<AgentName> {
        if self.agents.get(&name.value).is_none() {
            if !self.compiler.agents_unknown {
                let problem = self.unknown_agent(name);
                self.report(problem);
            }
            return None;
        }
        let pattern = ToolPattern::new(format!("agent:{}", name.value)).ok()?;
        self.compiler.note_delegates(&pattern, name.span, name.span.file, self.agents);
        self.used_agents.extend(self.agents.delegates(std::slice::from_ref(&pattern)).into_keys());
        self.compiler.learn_powers(&[Spanned::new(pattern, name.span)], self.agents);
        AgentName::new(name.value.clone()).ok()
    }

    /// A text or template; the name of a collection is looked at where it is known.
    fn text(&mut self, name: &str, text: &Spanned<String>) -> (Spanned<String>, TreeDraft) {
        if name == "collection"
            && !TemplateTree::is_template(&text.value)
            && let Err(err) = CollectionName::new(text.value.clone())
        {
            let problem = Diagnostic::error(Code::INVALID_NAME, text.span, err.message());
            self.report(match err.hints().first() {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        }
        let tree = Tree::new(text.span, TreeKind::String(text.value.clone()));
        (Spanned::new(name.to_owned(), text.span), self.tree(&tree))
    }

    fn map(&mut self, name: &str, span: Span, entries: &Entries<Tree>) -> Option<(Spanned<String>, TreeDraft)> {
        let tree = Tree::new(span, TreeKind::Map(entries.clone()));
        (!entries.is_empty()).then(|| (Spanned::new(name.to_owned(), span), self.tree(&tree)))
    }

    /// A scope, written out.
    fn scope(&mut self, word: &Spanned<String>, agent: Option<&AgentName>) -> Option<TreeDraft> {
        let text = match word.value.as_str() {
            "project" => "project".to_owned(),
            "workflow" => {
                let path = &self.compiler.sources.get(self.workflow.file).path;
                format!("workflow:{}", name_of(self.workflow, path).trim_matches(['<', '>']))
            }
            "agent" => format!("agent:{}", agent?),
            "run" => {
                return self.template("run:{{ run.id }}", Place::Text(word.span)).map(TreeDraft::Text);
            }
            // What else it may be was reported when the file was read.
            _ => return None,
        };
        Some(TreeDraft::Literal(json!(text)))
    }
}

fn value<T: Copy>(written: Option<&Spanned<T>>) -> Option<T> {
    written.map(|written| written.value)
}

fn tool(name: &str, call: MemoryCall, output: Value) -> ToolDraft {
    ToolDraft {
        tool: ToolName::new(name).ok(),
        args: call.args,
        output: Some(Arc::new(output)),
        grants: call.grants,
        powers: call.powers,
        on_ambiguous: None,
    }
}

/// What a search gives, as JSON Schema: a list of `Passage`.
fn passages() -> Value {
    let line = json!({"type": "integer", "minimum": 0});
    let position = json!({
        "type": "object",
        "properties": {"first_line": line, "last_line": line, "page": line, "heading": {"type": "string"}},
        "required": ["first_line", "last_line"],
        "additionalProperties": false,
    });
    let passage = json!({
        "type": "object",
        "properties": {
            "citation": {"type": "string"},
            "source": {"type": "string"},
            "position": position,
            "text": {"type": "string"},
            "tokens": line,
            "score": {"type": "number"},
            "similarity": {"type": "number"},
            "untrusted": {"type": "boolean"},
            "scope": {"type": "string"},
            "metadata": {"type": "object"},
        },
        "required": ["citation", "source", "position", "text", "tokens", "score", "untrusted", "scope"],
        "additionalProperties": false,
    });
    json!({"type": "array", "items": passage})
}

/// What keeping gives, as JSON Schema: `Added`.
fn kept() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let fields = ["added", "unchanged", "chunks", "embedded"];
    let properties: serde_json::Map<String, Value> = fields.iter().map(|field| ((*field).to_owned(), count.clone())).collect();
    json!({"type": "object", "properties": properties, "required": fields, "additionalProperties": false})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        memory::Added,
        model::{Passage, Position, Scope},
        schema::Validator,
    };

    #[test]
    fn the_schemas_are_those_of_what_memory_gives() {
        let mut passage = Passage {
            citation: "a.md:1-2".to_owned(),
            source: "a.md".to_owned(),
            position: Position { first_line: 1, last_line: 2, page: None, heading: None },
            text: "Text.".to_owned(),
            tokens: 1,
            score: 0.5,
            similarity: None,
            untrusted: false,
            scope: Scope::Project,
            metadata: serde_json::Map::new(),
        };
        let mut given = vec![passage.clone()];
        passage.position.page = Some(3);
        passage.position.heading = Some("A > B".to_owned());
        passage.similarity = Some(0.9);
        passage.metadata.insert("team".to_owned(), json!("red"));
        given.push(passage);
        let found = serde_json::to_value(&given).unwrap();
        assert_eq!(Validator::new(&passages()).unwrap().problems(&found), Vec::<String>::new());
        // Every field that there can be is known to templates.
        let known = passages();
        let fields = known["items"]["properties"].as_object().unwrap();
        let given = found[1].as_object().unwrap();
        assert!(fields.keys().eq(given.keys()), "{fields:?} {given:?}");
        let added = serde_json::to_value(Added::default()).unwrap();
        assert_eq!(Validator::new(&kept()).unwrap().problems(&added), Vec::<String>::new());
    }
}
