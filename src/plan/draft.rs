//! A workflow between manifest and plan: names are looked up and templates parsed, and everything still knows where it is written.
//!
//! `resolve` makes a draft, `links`, `certain` and `shapes` fill it in, `rules` judge it, `assemble` makes the plan of it.

use std::{cell::OnceCell, collections::HashMap, ops::Range, sync::Arc};

use crate::{
    diagnostic::{FileId, Sources, Span, Spanned},
    manifest::{NodeManifest, OnErrorManifest, RetryManifest},
    model::{AgentName, FallbackModel, ModelRef, OnAmbiguous, ToolName, ToolPattern, Value},
    plan::{
        ConversationScope, Plan,
        certain::Certain,
        links::Links,
        powers::Power,
        resolve::{ApprovalDraft, ReceiveDraft, SendDraft, WaitDraft},
        scope::Target,
    },
    template::{Expression, Reference, Template},
    tool::Grants,
};

/// Where the source of a template stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// In a string of a workflow or manifest.
    Text(Span),
    /// It is a file.
    File(FileId),
}

/// A parsed template or expression.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) place: Place,
    pub(super) kind: CodeKind,
}

#[derive(Debug)]
pub(super) enum CodeKind {
    Template(Template),
    Expression(Expression),
}

impl Code {
    pub(super) fn source(&self) -> &str {
        match &self.kind {
            CodeKind::Template(template) => template.source(),
            CodeKind::Expression(expression) => expression.source(),
        }
    }

    pub(super) fn references(&self) -> &[Reference] {
        match &self.kind {
            CodeKind::Template(template) => template.references(),
            CodeKind::Expression(expression) => expression.references(),
        }
    }

    /// Whether a reference is put into the text as it is: `… {{ a.b }} …`, nothing but it between the braces.
    pub(super) fn is_interpolated(&self, reference: usize) -> bool {
        let (source, range) = (self.source(), &self.references()[reference].range);
        let (Some(before), Some(after)) = (source.get(..range.start), source.get(range.end..)) else { return false };
        let (before, after) = (before.trim_end(), after.trim_start());
        matches!(self.kind, CodeKind::Template(_))
            && (before.ends_with("{{") || before.ends_with("{{-"))
            && (after.starts_with("}}") || after.starts_with("-}}"))
    }

    /// The one reference that is all there is: of `a.b` or `{{ a.b }}`, nothing around it.
    pub(super) fn only_reference(&self) -> Option<usize> {
        let [reference] = self.references() else { return None };
        let source = self.source();
        let (before, after) = (source.get(..reference.range.start)?.trim(), source.get(reference.range.end..)?.trim());
        let alone = match &self.kind {
            CodeKind::Expression(_) => before.is_empty() && after.is_empty(),
            CodeKind::Template(_) => matches!(before, "{{" | "{{-") && matches!(after, "}}" | "-}}"),
        };
        // A template keeps its value's type only when nothing stands around the braces, white space included.
        let bare = matches!(self.kind, CodeKind::Expression(_)) || source.trim().len() == source.len();
        (alone && bare).then_some(0)
    }
}

/// Which of the [`Codes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CodeId(usize);

/// A reference: the number `reference` of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) code: CodeId,
    pub(super) reference: usize,
}

/// All templates and expressions of one workflow.
#[derive(Debug, Default)]
pub(super) struct Codes(Vec<Code>);

impl Codes {
    pub(super) fn add(&mut self, place: Place, kind: CodeKind) -> CodeId {
        self.0.push(Code { place, kind });
        CodeId(self.0.len() - 1)
    }

    /// All references of all of them.
    pub(super) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().flat_map(Code::references)
    }

    pub(super) fn get(&self, id: CodeId) -> &Code {
        &self.0[id.0]
    }

    pub(super) fn template(&self, id: CodeId) -> Option<&Template> {
        match &self.0[id.0].kind {
            CodeKind::Template(template) => Some(template),
            CodeKind::Expression(_) => None,
        }
    }

    pub(super) fn expression(&self, id: CodeId) -> Option<&Expression> {
        match &self.0[id.0].kind {
            CodeKind::Expression(expression) => Some(expression),
            CodeKind::Template(_) => None,
        }
    }

    pub(super) fn reference(&self, site: Site) -> &Reference {
        &self.0[site.code.0].references()[site.reference]
    }

    /// Where a reference is written.
    pub(super) fn span(&self, sources: &Sources, site: Site) -> Span {
        let code = self.get(site.code);
        place_of(sources, code.place, code.source(), self.reference(site).range.clone())
    }

    /// Where a whole template or expression is written.
    pub(super) fn whole(&self, sources: &Sources, id: CodeId) -> Span {
        let code = self.get(id);
        match code.place {
            Place::Text(span) => span,
            Place::File(_) => place_of(sources, code.place, code.source(), 0..code.source().len()),
        }
    }
}

/// Where bytes `range` of the decoded text `source` are written.
pub(super) fn place_of(sources: &Sources, place: Place, source: &str, range: Range<usize>) -> Span {
    match place {
        Place::Text(span) => sources.inside(span, source, range),
        Place::File(file) => Span::new(file, range),
    }
}

/// Data with templates in it, as written.
#[derive(Debug)]
pub(super) enum TreeDraft {
    Literal(Value),
    Text(CodeId),
    List(Vec<TreeDraft>),
    Map(Vec<(String, TreeDraft)>),
    /// A template in it cannot be parsed.
    Broken,
}

impl TreeDraft {
    /// The templates in it, in order.
    pub(super) fn codes(&self, found: &mut Vec<CodeId>) {
        match self {
            Self::Literal(_) | Self::Broken => {}
            Self::Text(code) => found.push(*code),
            Self::List(items) => items.iter().for_each(|item| item.codes(found)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.codes(found)),
        }
    }
}

/// In which place of a node a name is read; decides which names there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// What is evaluated for each instance: prompt, value, inputs of an inner workflow.
    Body,
    /// `when`: once, before `map`.
    When,
    /// `map`.
    Map,
    /// `loop.until`: in the scope of the iteration.
    Until,
    /// `route.on`: after the node.
    Route,
    /// The condition of the incoming edge from this node.
    Condition(usize),
    /// `on_error: { use: … }`.
    Use,
    /// An output of the workflow.
    Output,
}

/// A reference and what it was found to mean. Levels in the target count from the graph that the node is in; those of `until` of
/// a node with an inner graph count from that inner graph.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) site: Site,
    pub(super) role: Role,
    pub(super) target: Target,
}

/// A node between manifest and plan.
#[derive(Debug)]
pub(super) struct NodeDraft<'m> {
    pub(super) id: &'m Spanned<String>,
    pub(super) written: &'m NodeManifest,
    pub(super) kind: KindDraft<'m>,
    pub(super) when: Option<CodeId>,
    pub(super) map: Option<CodeId>,
    pub(super) until: Option<CodeId>,
    pub(super) route: Option<CodeId>,
    /// The conditions of `written.edges`, one each.
    pub(super) conditions: Vec<Option<CodeId>>,
    /// What `on_error: { use: … }` gives.
    pub(super) replacement: Option<TreeDraft>,
    /// Filled by `links`.
    pub(super) reads: OnceCell<Vec<Read>>,
    /// JSON Schema of the output of one instance. Filled by `shapes`.
    pub(super) element: OnceCell<Option<Arc<Value>>>,
    /// JSON Schema of the output, of a mapped node that of the list. Filled by `shapes`.
    pub(super) output: OnceCell<Option<Arc<Value>>>,
}

impl NodeDraft<'_> {
    /// What templates call the element of a mapped node.
    pub(super) fn element_name(&self) -> Option<&str> {
        self.written.map.as_ref()?;
        Some(self.written.map_as.as_ref().map_or("item", |name| name.value.as_str()))
    }

    pub(super) fn is_looped(&self) -> bool {
        self.written.looped.is_some()
    }

    pub(super) fn on_error(&self) -> &OnErrorManifest {
        self.written.on_error.as_ref().map_or(&OnErrorManifest::Fail, |written| &written.value)
    }

    pub(super) fn inner(&self) -> Option<&GraphDraft<'_>> {
        match &self.kind {
            KindDraft::Graph(graph) => Some(graph),
            KindDraft::Agent(_)
            | KindDraft::Tool(_)
            | KindDraft::Value(_)
            | KindDraft::Workflow { .. }
            | KindDraft::Approval(_)
            | KindDraft::Wait(_)
            | KindDraft::Send(_)
            | KindDraft::Receive(_)
            | KindDraft::Broken => None,
        }
    }

    /// Its templates and expressions, with the place of each. Those of an inner graph are not its own.
    pub(super) fn codes(&self) -> Vec<(Role, CodeId)> {
        let mut found = Vec::new();
        found.extend(self.when.map(|code| (Role::When, code)));
        found.extend(self.map.map(|code| (Role::Map, code)));
        let mut body = Vec::new();
        match &self.kind {
            KindDraft::Agent(agent) => {
                body.extend(agent.prompt);
                body.extend(agent.system);
                agent.memory.codes(&mut body);
            }
            KindDraft::Tool(tool) => tool.args.iter().for_each(|(_, tree)| tree.codes(&mut body)),
            KindDraft::Value(tree) => tree.codes(&mut body),
            KindDraft::Workflow { with, .. } => with.iter().for_each(|(_, tree)| tree.codes(&mut body)),
            KindDraft::Approval(approval) => body.push(approval.message),
            KindDraft::Wait(WaitDraft::Until(time)) => body.push(*time),
            KindDraft::Wait(WaitDraft::Message { from, .. }) => body.extend(from.codes()),
            KindDraft::Send(send) => {
                body.extend([send.to, send.kind]);
                send.body.codes(&mut body);
            }
            KindDraft::Receive(receive) => body.extend(receive.from.codes()),
            KindDraft::Graph(_) | KindDraft::Wait(WaitDraft::For(_)) | KindDraft::Broken => {}
        }
        found.extend(body.into_iter().map(|code| (Role::Body, code)));
        found.extend(self.until.map(|code| (Role::Until, code)));
        found.extend(self.route.map(|code| (Role::Route, code)));
        let mut replacement = Vec::new();
        if let Some(tree) = &self.replacement {
            tree.codes(&mut replacement);
        }
        found.extend(replacement.into_iter().map(|code| (Role::Use, code)));
        found
    }
}

/// What a node does.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most nodes are of the large kind")]
pub(super) enum KindDraft<'m> {
    Agent(AgentDraft),
    Tool(ToolDraft),
    Value(TreeDraft),
    Workflow {
        /// `None` when it cannot be used; that has been reported.
        plan: Option<Arc<Plan>>,
        with: Vec<(&'m Spanned<String>, TreeDraft)>,
    },
    Graph(GraphDraft<'m>),
    Approval(ApprovalDraft),
    Wait(WaitDraft),
    Send(SendDraft),
    Receive(ReceiveDraft),
    /// It could not be read, which has been reported.
    Broken,
}

/// A node that runs an agent.
#[derive(Debug)]
pub(super) struct AgentDraft {
    /// The agent's name in the catalog; `None` when there is none, which has been reported.
    pub(super) agent: Option<String>,
    /// How it was chosen by capability.
    pub(super) chosen_by: Option<String>,
    pub(super) model: Option<ModelRef>,
    pub(super) fallback: Vec<FallbackModel>,
    pub(super) prompt: Option<CodeId>,
    pub(super) system: Option<CodeId>,
    /// JSON Schema of the answer; text when absent.
    pub(super) output: Option<Arc<Value>>,
    pub(super) temperature: Option<f64>,
    pub(super) max_tokens: Option<u32>,
    pub(super) max_turns: Option<u32>,
    /// What the agent says of retries.
    pub(super) retry: Option<RetryManifest>,
    pub(super) tools: Vec<ToolPattern>,
    pub(super) grants: Arc<Grants>,
    pub(super) powers: Vec<Power>,
    pub(super) on_ambiguous: Option<OnAmbiguous>,
    pub(super) memory: AgentMemoryDraft,
}

/// What an agent recalls, remembers and goes on with.
#[derive(Debug, Default)]
pub(super) struct AgentMemoryDraft {
    pub(super) recall: Option<MemoryCall>,
    /// Tokens of what is recalled.
    pub(super) max_tokens: Option<u32>,
    pub(super) remember: Option<MemoryCall>,
    pub(super) conversation: Option<ConversationDraft>,
}

/// A call of a tool of memory.
#[derive(Debug)]
pub(super) struct MemoryCall {
    pub(super) args: Args,
    pub(super) grants: Arc<Grants>,
    pub(super) powers: Vec<Power>,
}

/// A conversation that an agent goes on with.
#[derive(Debug)]
pub(super) struct ConversationDraft {
    pub(super) name: CodeId,
    pub(super) scope: ConversationScope,
    pub(super) max_tokens: Option<u32>,
    pub(super) keep: Option<u32>,
    pub(super) summarizer: Option<AgentName>,
}

impl AgentMemoryDraft {
    /// The tools it calls.
    pub(super) fn calls(&self) -> impl Iterator<Item = &MemoryCall> {
        self.recall.iter().chain(&self.remember)
    }

    /// The agent that summarizes its conversation, as it is called.
    pub(super) fn summarizer(&self) -> Option<ToolPattern> {
        let name = self.conversation.as_ref()?.summarizer.as_ref()?;
        ToolPattern::new(format!("agent:{name}")).ok()
    }

    fn codes(&self, found: &mut Vec<CodeId>) {
        self.calls().flat_map(|call| &call.args).for_each(|(_, tree)| tree.codes(found));
        found.extend(self.conversation.as_ref().map(|conversation| conversation.name));
    }
}

/// Arguments of a tool, by name.
pub(super) type Args = Vec<(Spanned<String>, TreeDraft)>;

/// A node that calls a tool.
#[derive(Debug)]
pub(super) struct ToolDraft {
    /// `None` when there is no such tool, which has been reported.
    pub(super) tool: Option<ToolName>,
    pub(super) args: Args,
    /// JSON Schema of the result; anything when absent.
    pub(super) output: Option<Arc<Value>>,
    pub(super) grants: Arc<Grants>,
    pub(super) powers: Vec<Power>,
    pub(super) on_ambiguous: Option<OnAmbiguous>,
}

/// A graph between manifest and plan; the nodes in the order written.
#[derive(Debug)]
pub(super) struct GraphDraft<'m> {
    pub(super) nodes: Vec<NodeDraft<'m>>,
    pub(super) index: HashMap<&'m str, usize>,
    /// Filled by `links`.
    pub(super) links: OnceCell<Links>,
    /// Filled by `certain`.
    pub(super) certain: OnceCell<Certain>,
}

impl GraphDraft<'_> {
    pub(super) fn links(&self) -> &Links {
        self.links.get().expect("`links` has filled every graph before anything asks for its edges")
    }

    pub(super) fn certain(&self) -> &Certain {
        self.certain.get().expect("`certain` has filled every graph before anything asks for it")
    }
}
