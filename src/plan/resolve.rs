//! From a manifest to a draft: names are checked, agents, models, prompt files and inner workflows looked up, templates parsed.

mod memory;
mod waits;

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

pub(super) use self::waits::{ApprovalDraft, ReceiveDraft, SendDraft, SourceDraft, WaitDraft, message, sent};
use crate::{
    diagnostic::{Code, Diagnostic, FileId, Span, Spanned, nearest},
    manifest::{
        AgentChoice, CallsManifest, Entries, InputManifest, NodeKindManifest, NodeManifest, OnErrorManifest, Schema, Tree,
        TreeKind, WorkflowManifest,
    },
    model::{AgentProfile, ModelRef, ToolPattern, Value},
    plan::{
        Choice, Plan,
        catalog::{Catalog, CatalogEntry, folder, parse_fallback, parse_model, parse_template},
        compile::Compiler,
        draft::{AgentDraft, CodeId, CodeKind, Codes, GraphDraft, KindDraft, NodeDraft, Place, ToolDraft, TreeDraft, place_of},
        needs,
        powers::{Power, Powers},
        scope::listed,
        texts,
        tools::level,
    },
    schema::Validator,
    template::{Expression, TemplateTree},
    tool::{Grants, Level},
};

/// A workflow between manifest and plan.
#[derive(Debug)]
pub(super) struct WorkflowDraft<'m> {
    pub(super) graph: GraphDraft<'m>,
    pub(super) outputs: Vec<(&'m Spanned<String>, TreeDraft)>,
    pub(super) codes: Codes,
    /// The defaults of the inputs, as values.
    pub(super) defaults: Vec<Option<Value>>,
    /// The names of the agents that nodes use.
    pub(super) used_agents: BTreeSet<String>,
    /// Whether something of it could not be parsed or read, so that not everything is known that it uses.
    pub(super) is_incomplete: bool,
}

/// The ids of a graph and of those around it.
struct Ids<'a, 'm> {
    own: HashMap<&'m str, Span>,
    up: Option<&'a Ids<'a, 'm>>,
}

impl Ids<'_, '_> {
    fn find(&self, id: &str) -> Option<Span> {
        self.own.get(id).copied().or_else(|| self.up?.find(id))
    }
}

/// Turns one workflow into a draft.
pub(super) struct Resolver<'c, 'a, 'm> {
    compiler: &'c mut Compiler<'a>,
    agents: &'c Catalog,
    workflow: &'m WorkflowManifest,
    codes: Codes,
    used_agents: BTreeSet<String>,
    is_incomplete: bool,
    prompts: HashMap<FileId, Option<CodeId>>,
}

impl<'c, 'a, 'm> Resolver<'c, 'a, 'm> {
    pub(super) fn new(compiler: &'c mut Compiler<'a>, agents: &'c Catalog, workflow: &'m WorkflowManifest) -> Self {
        Self {
            compiler,
            agents,
            workflow,
            codes: Codes::default(),
            used_agents: BTreeSet::new(),
            is_incomplete: false,
            prompts: HashMap::new(),
        }
    }

    pub(super) fn workflow(mut self) -> WorkflowDraft<'m> {
        let workflow = self.workflow;
        let defaults = workflow.inputs.iter().map(|(name, input)| self.input(name, input)).collect();
        let graph = self.graph(&workflow.nodes, None);
        let outputs = workflow.outputs.iter().map(|(name, tree)| (name, self.tree(tree))).collect();
        WorkflowDraft {
            graph,
            outputs,
            codes: self.codes,
            defaults,
            used_agents: self.used_agents,
            is_incomplete: self.is_incomplete,
        }
    }

    fn report(&mut self, problem: Diagnostic) {
        self.compiler.report(problem);
    }

    fn input(&mut self, name: &Spanned<String>, input: &InputManifest) -> Option<Value> {
        let default = input.default.as_ref()?;
        let value = literal(default);
        if let Ok(validator) = Validator::new(&input.schema.json) {
            let problems = validator.problems(&value);
            if !problems.is_empty() {
                let message = format!("the default of input `{}` breaks its type: {}", name.value, problems.join("; "));
                self.report(
                    Diagnostic::error(Code::VALUE_BREAKS_SCHEMA, default.span, message)
                        .related(input.schema.span, "the type is written here"),
                );
            }
        }
        Some(value)
    }

    fn graph(&mut self, nodes: &'m Entries<NodeManifest>, up: Option<&Ids<'_, 'm>>) -> GraphDraft<'m> {
        let own = nodes.iter().map(|(id, _)| (id.value.as_str(), id.span)).collect();
        let ids = Ids { own, up };
        let index = nodes.iter().enumerate().map(|(index, (id, _))| (id.value.as_str(), index)).collect();
        let nodes = nodes.iter().map(|(id, written)| self.node(id, written, &ids)).collect();
        GraphDraft { nodes, index, links: OnceCell::new(), certain: OnceCell::new() }
    }

    fn node(&mut self, id: &'m Spanned<String>, written: &'m NodeManifest, ids: &Ids<'_, 'm>) -> NodeDraft<'m> {
        self.check_id(id, ids.up);
        self.check_element_name(written, ids);
        self.check_loop(written);
        let kind = match &written.kind {
            NodeKindManifest::Agent { .. } => KindDraft::Agent(self.agent(id, &written.kind)),
            NodeKindManifest::Tool { .. } => KindDraft::Tool(self.tool(id, &written.kind)),
            NodeKindManifest::Recall(recall) => KindDraft::Tool(self.recall_node(id, recall)),
            NodeKindManifest::Remember { remember, calls } => KindDraft::Tool(self.remember_node(id, remember, calls)),
            NodeKindManifest::Value(tree) => KindDraft::Value(self.tree(tree)),
            NodeKindManifest::Workflow { path, with } => self.inner_workflow(path, with),
            NodeKindManifest::Nodes(nodes) => KindDraft::Graph(self.graph(nodes, Some(ids))),
            NodeKindManifest::Approval(approval) => self.approval(approval),
            NodeKindManifest::Wait(wait) => self.wait(wait),
            NodeKindManifest::Send(send) => self.send(send),
            NodeKindManifest::Receive(receive) => self.receive(receive),
            NodeKindManifest::Broken => {
                self.is_incomplete = true;
                KindDraft::Broken
            }
        };
        let replacement = match written.on_error.as_ref().map(|written| &written.value) {
            Some(OnErrorManifest::Use(tree)) => Some(self.tree(tree)),
            Some(OnErrorManifest::Fail | OnErrorManifest::Continue | OnErrorManifest::Goto(_)) | None => None,
        };
        NodeDraft {
            id,
            written,
            kind,
            when: written.when.as_ref().and_then(|text| self.expression(text)),
            map: written.map.as_ref().and_then(|text| self.expression(text)),
            until: written.looped.as_ref().and_then(|looped| self.expression(looped.until.as_ref()?)),
            route: written.route.as_ref().and_then(|route| self.expression(&route.on)),
            conditions: written.edges.iter().map(|edge| self.expression(edge.condition.as_ref()?)).collect(),
            replacement,
            reads: OnceCell::new(),
            element: OnceCell::new(),
            output: OnceCell::new(),
        }
    }

    fn check_id(&mut self, id: &Spanned<String>, enclosing: Option<&Ids<'_, 'm>>) {
        if let Some(first) = enclosing.and_then(|ids| ids.find(&id.value)) {
            self.report(
                Diagnostic::error(Code::DUPLICATE_KEY, id.span, format!("node `{}` has the id of an enclosing node", id.value))
                    .related(first, "the other one is here")
                    .hint("rename one of them: an inner graph reads outer nodes by their id"),
            );
        }
    }

    fn check_element_name(&mut self, written: &NodeManifest, ids: &Ids<'_, 'm>) {
        let Some(name) = &written.map_as else { return };
        if let Some(first) = ids.find(&name.value) {
            self.report(
                Diagnostic::error(Code::DUPLICATE_KEY, name.span, format!("`{}` is the id of a node", name.value))
                    .related(first, "the node is here")
                    .hint("give the element another name"),
            );
        }
    }

    fn check_loop(&mut self, written: &NodeManifest) {
        let Some(looped) = &written.looped else { return };
        if looped.max.is_none() {
            self.report(
                Diagnostic::error(Code::UNBOUNDED_LOOP, looped.span, "the loop has no bound")
                    .hint("add `max`, for example `loop: { until: …, max: 5 }`: every workflow must be sure to end"),
            );
        }
    }

    fn agent(&mut self, id: &Spanned<String>, written: &'m NodeKindManifest) -> AgentDraft {
        let NodeKindManifest::Agent {
            agent,
            prompt,
            prompt_file,
            output,
            model,
            fallback,
            temperature,
            max_tokens,
            max_turns,
            tools,
            calls,
            memory,
        } = written
        else {
            unreachable!("called for agents only");
        };
        let (name, chosen_by) = self.choose(agent);
        let entry = name.as_deref().and_then(|name| self.agents.get(name));
        let own_model = model.as_ref().map(|model| parse_model(model, &self.compiler.providers, &mut self.compiler.problems));
        let agent_model = || entry?.profile()?.model.clone();
        let overridden: Option<ModelRef> =
            name.as_ref().and_then(|name| self.compiler.options.model_overrides.get(name)).cloned();
        let model = overridden.or_else(|| own_model.unwrap_or_else(agent_model));
        let fallback =
            fallback.as_ref().map(|chain| parse_fallback(chain, &self.compiler.providers, &mut self.compiler.problems));
        let fallback = fallback.or_else(|| Some(entry?.profile()?.fallback.clone())).unwrap_or_default();
        let retry = entry.and_then(|entry| entry.retry().cloned());
        let system = entry.and_then(|entry| entry.system().cloned());
        let system = system.map(|(place, template)| self.codes.add(place, CodeKind::Template(template)));
        self.used_agents.extend(name.clone());
        let profile = entry.and_then(|entry| entry.profile());
        let tools = self.tools(entry, tools.as_ref());
        let grants = self.grants(id, profile.map(Arc::as_ref), calls);
        self.check_needs(id, id.span, &tools, &grants);
        self.compiler.learn_powers(&tools, self.agents);
        let tools: Vec<_> = tools.into_iter().map(|tool| tool.value).collect();
        let memory = self.agent_memory(id, entry, memory);
        let mut powers = self.powers(&tools, &grants);
        powers.extend(memory.calls().flat_map(|call| call.powers.iter().cloned()));
        if let Some(summarizer) = memory.summarizer() {
            powers.extend(self.powers(&[summarizer], &grants));
        }
        AgentDraft {
            powers,
            memory,
            tools,
            grants,
            on_ambiguous: calls.on_ambiguous.as_ref().map(|choice| choice.value),
            agent: name,
            chosen_by,
            model,
            fallback,
            prompt: self.prompt(prompt.as_ref(), prompt_file.as_ref()),
            system,
            output: output.as_ref().filter(|schema| !is_text(&schema.json)).map(|schema: &Schema| Arc::new(schema.json.clone())),
            temperature: temperature.as_ref().map(|number| number.value),
            max_tokens: max_tokens.as_ref().map(|number| number.value),
            max_turns: max_turns.as_ref().map(|number| number.value),
            retry,
        }
    }

    fn tool(&mut self, id: &Spanned<String>, written: &'m NodeKindManifest) -> ToolDraft {
        let NodeKindManifest::Tool { tool, args, output, calls } = written else {
            unreachable!("called for tools only");
        };
        let span = tool.span;
        let tool = self.compiler.tools.name(tool, self.agents, &mut self.compiler.problems);
        let grants = self.grants(id, None, calls);
        let patterns: Vec<ToolPattern> = tool.iter().filter_map(|name| ToolPattern::new(name.as_str()).ok()).collect();
        for pattern in &patterns {
            self.compiler.note_delegates(pattern, span, span.file, self.agents);
        }
        let named: Vec<_> = patterns.iter().map(|pattern| Spanned::new(pattern.clone(), span)).collect();
        self.check_needs(id, span, &named, &grants);
        self.compiler.learn_powers(&named, self.agents);
        self.used_agents.extend(self.agents.delegates(&patterns).into_keys());
        ToolDraft {
            tool,
            args: args.iter().map(|(name, tree)| (name.clone(), self.tree(tree))).collect(),
            output: output.as_ref().map(|schema| Arc::new(schema.json.clone())),
            powers: self.powers(&patterns, &grants),
            grants,
            on_ambiguous: calls.on_ambiguous.as_ref().map(|choice| choice.value),
        }
    }

    fn powers(&self, tools: &[ToolPattern], grants: &Grants) -> Vec<Power> {
        let Compiler { tools: known, levels, delegates, .. } = &*self.compiler;
        Powers { known, agents: self.agents, levels, workflows: &delegates.powers }.of(tools, grants)
    }

    /// The tools of a node: the agent's, or those of them that the node names. The agents among them are used.
    fn tools(&mut self, entry: Option<&CatalogEntry>, written: Option<&Vec<Spanned<String>>>) -> Vec<Spanned<ToolPattern>> {
        let own = entry.map(CatalogEntry::tools).unwrap_or_default();
        let mut tools = own.to_vec();
        if let Some(written) = written {
            let patterns = self.compiler.tools.patterns(written, &mut self.compiler.problems);
            self.compiler.tools.check_agents(&patterns, self.agents, &mut self.compiler.problems);
            for pattern in patterns.iter().filter(|pattern| own.iter().all(|own| !own.value.is_wider_than(&pattern.value))) {
                let Some(agent) = entry.and_then(CatalogEntry::profile) else { continue };
                let message = format!("agent `{}` does not have the tool `{}`", agent.name, pattern.value);
                let hint = if own.is_empty() {
                    "it has no tools: add it to the agent's `tools`; a node can only name some of them".to_owned()
                } else {
                    format!(
                        "its tools are {}; a node can only name some of them",
                        listed(own.iter().map(|own| own.value.as_str()))
                    )
                };
                self.report(Diagnostic::error(Code::UNKNOWN_TOOL, pattern.span, message).hint(hint));
            }
            // Of what it does not have, nothing more is said.
            let is_had = |tool: &Spanned<ToolPattern>| own.iter().any(|own| own.value.is_wider_than(&tool.value));
            tools = patterns.into_iter().filter(|tool| entry.is_none() || is_had(tool)).collect();
        }
        for tool in &tools {
            // A node names some of the agent's tools: what they are is said where the agent has them.
            let base = own.iter().find(|own| own.value.is_wider_than(&tool.value)).map_or(tool.span, |own| own.span);
            self.compiler.note_delegates(&tool.value, tool.span, base.file, self.agents);
        }
        let patterns: Vec<_> = tools.iter().map(|tool| tool.value.clone()).collect();
        self.used_agents.extend(self.agents.delegates(&patterns).into_keys());
        tools
    }

    /// Reports tools that nobody could permit anything.
    fn check_needs(&mut self, id: &Spanned<String>, at: Span, tools: &[Spanned<ToolPattern>], grants: &Grants) {
        // Of what could not be read it is not known what it would ask for.
        if self.compiler.agents_unknown || self.compiler.problems.iter().any(|known| known.code == Code::BAD_PERMISSION) {
            return;
        }
        let is_made = self.compiler.delegates.made.contains(&id.span.file);
        let at = tools.first().filter(|_| is_made).map_or(at, |tool| tool.span);
        let made = self.compiler.sources.get(id.span.file).path.display().to_string();
        let id = if is_made { made.trim_matches(['<', '>']) } else { &id.value };
        let problems = needs::check(&self.compiler.tools, id, at, tools, grants);
        self.compiler.problems.extend(problems);
    }

    /// What the calls of a node are held to.
    fn grants(&mut self, id: &Spanned<String>, agent: Option<&AgentProfile>, calls: &CallsManifest) -> Arc<Grants> {
        let mut levels = self.compiler.levels.clone();
        if let Some(agent) = agent {
            let owner = format!("agent `{}`", agent.name);
            levels.extend(agent.permissions.clone().map(|permissions| Level { owner, permissions }));
        }
        let owner = format!("node `{}`", id.value);
        levels.extend(level(owner, calls.permissions.as_ref(), &mut self.compiler.problems));
        Arc::new(Grants { levels, always_ask: calls.approve.is_some() })
    }

    fn choose(&mut self, choice: &AgentChoice) -> (Option<String>, Option<String>) {
        match choice {
            AgentChoice::Name(name) => {
                if self.agents.get(&name.value).is_some() {
                    return (Some(name.value.clone()), None);
                }
                // Who misspells an agent uses it.
                self.used_agents.extend(nearest(&name.value, self.agents.entries().map(|(name, _)| name)).map(str::to_owned));
                if !self.compiler.agents_unknown {
                    let problem = self.unknown_agent(name);
                    self.report(problem);
                }
                (None, None)
            }
            AgentChoice::Capabilities(wanted) => {
                let names: Vec<&str> = wanted.iter().map(|capability| capability.value.as_str()).collect();
                if let Some((agent, why)) = self.choose_by(&names) {
                    return (Some(agent), Some(why));
                }
                if !self.compiler.agents_unknown {
                    self.report_unknown_capabilities(wanted);
                }
                (None, None)
            }
        }
    }

    /// Who is chosen for `wanted`, and why: as before, if that agent still has it all, or else anew.
    fn choose_by(&mut self, wanted: &[&str]) -> Option<(String, String)> {
        let file = self.workflow.file;
        let key = (file, wanted.iter().map(|&capability| capability.to_owned()).collect::<Vec<_>>());
        if let Some(known) = self.compiler.choices.get(&key) {
            return Some((known.agent.clone(), known.why.clone()));
        }
        let path = self.compiler.sources.get(file).path.display().to_string();
        let is_this = |choice: &&Choice| choice.workflow == path && choice.capabilities == key.1;
        let before = self.compiler.options.choices.iter().find(is_this);
        let choice = match before.filter(|choice| self.agents.has_all(&choice.agent, wanted)) {
            Some(before) => before.clone(),
            None => self.agents.choose(&path, wanted, self.compiler.options)?,
        };
        let chosen = (choice.agent.clone(), choice.why.clone());
        self.compiler.choices.insert(key, choice);
        Some(chosen)
    }

    fn unknown_agent(&self, name: &Spanned<String>) -> Diagnostic {
        let names: Vec<&str> = self.agents.entries().map(|(name, _)| name).collect();
        let hint = match nearest(&name.value, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => {
                "there are no agents: define it under `agents:` of the workflow, or in an `agents.toml` beside it".to_owned()
            }
            None => format!("the agents are {}", listed(names)),
        };
        Diagnostic::error(Code::UNKNOWN_AGENT, name.span, format!("unknown agent `{}`", name.value)).hint(hint)
    }

    fn report_unknown_capabilities(&mut self, wanted: &[Spanned<String>]) {
        let known = self.agents.capabilities();
        let unknown: Vec<_> = wanted.iter().filter(|capability| !known.contains(capability.value.as_str())).collect();
        let mut problems = Vec::new();
        for capability in &unknown {
            let hint = match nearest(&capability.value, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "no agent has `capabilities`".to_owned(),
                None => format!("the agents have {}", listed(known.iter().copied())),
            };
            let message = format!("no agent has the capability `{}`", capability.value);
            problems.push(Diagnostic::error(Code::UNKNOWN_CAPABILITY, capability.span, message).hint(hint));
        }
        if let (true, Some(first)) = (unknown.is_empty(), wanted.first()) {
            let all = listed(wanted.iter().map(|capability| capability.value.as_str()));
            problems.push(
                Diagnostic::error(Code::UNKNOWN_CAPABILITY, first.span, format!("no agent has all of {all}"))
                    .hint("ask for fewer capabilities, or give them to one agent"),
            );
        }
        self.compiler.problems.extend(problems);
    }

    fn prompt(&mut self, text: Option<&Spanned<String>>, file: Option<&Spanned<String>>) -> Option<CodeId> {
        match (text, file) {
            (Some(text), None) => self.template(&text.value, Place::Text(text.span)),
            (None, Some(file)) => self.prompt_file(file),
            // None or both: reported when the file was read.
            (Some(_), Some(_)) | (None, None) => {
                self.is_incomplete = true;
                None
            }
        }
    }

    fn prompt_file(&mut self, named: &Spanned<String>) -> Option<CodeId> {
        let base = self.compiler.sources.get(named.span.file).path.clone();
        match texts::read(self.compiler.files, &mut self.compiler.sources, &base, &named.value) {
            Ok((file, text)) => {
                if let Some(known) = self.prompts.get(&file) {
                    return *known;
                }
                let code = self.template(&text, Place::File(file));
                self.prompts.insert(file, code);
                code
            }
            Err(problem) => {
                self.is_incomplete = true;
                self.report(problem.at(named.span));
                None
            }
        }
    }

    fn inner_workflow(&mut self, path: &'m Spanned<String>, with: &'m Entries<Tree>) -> KindDraft<'m> {
        let base = self.compiler.sources.get(path.span.file).path.clone();
        let file = folder(&base).join(&path.value);
        let plan = self.compiler.inner_workflow(&file, path.span);
        let given: Vec<_> = with.iter().map(|(name, tree)| (name, self.tree(tree))).collect();
        if let Some(plan) = &plan {
            self.check_inputs(plan, path, with, &given);
        }
        KindDraft::Workflow { plan, with: given }
    }

    fn check_inputs(
        &mut self,
        plan: &Plan,
        path: &Spanned<String>,
        with: &Entries<Tree>,
        given: &[(&Spanned<String>, TreeDraft)],
    ) {
        let mut meant = Vec::new();
        for ((name, draft), (_, tree)) in given.iter().zip(with) {
            let Some(input) = plan.inputs.get(&name.value) else {
                let names = plan.inputs.keys().map(String::as_str);
                let hint = match nearest(&name.value, names.clone()) {
                    Some(near) => {
                        meant.push(near);
                        format!("did you mean `{near}`?")
                    }
                    None if plan.inputs.is_empty() => "it takes none".to_owned(),
                    None => format!("it takes {}", listed(names)),
                };
                let message = format!("workflow `{}` has no input `{}`", path.value, name.value);
                self.report(Diagnostic::error(Code::INNER_INPUTS, name.span, message).hint(hint));
                continue;
            };
            if let TreeDraft::Literal(value) = draft
                && let Ok(validator) = Validator::new(&input.schema)
                && let problems = validator.problems(value)
                && !problems.is_empty()
            {
                let message = format!("input `{}` of workflow `{}`: {}", name.value, path.value, problems.join("; "));
                self.report(Diagnostic::error(Code::INNER_INPUTS, tree.span, message));
            }
        }
        for (name, input) in &plan.inputs {
            let is_given = meant.contains(&name.as_str()) || with.iter().any(|(given, _)| given.value == *name);
            if input.default.is_none() && !is_given {
                let message = format!("workflow `{}` needs the input `{name}`", path.value);
                self.report(
                    Diagnostic::error(Code::INNER_INPUTS, path.span, message).hint(format!("add `with: {{ {name}: … }}`")),
                );
            }
        }
    }

    fn template(&mut self, text: &str, place: Place) -> Option<CodeId> {
        let template = parse_template(text, place, &self.compiler.sources, &mut self.compiler.problems);
        self.is_incomplete |= template.is_none();
        Some(self.codes.add(place, CodeKind::Template(template?)))
    }

    fn expression(&mut self, text: &Spanned<String>) -> Option<CodeId> {
        let place = Place::Text(text.span);
        match Expression::parse(&text.value) {
            Ok(expression) => Some(self.codes.add(place, CodeKind::Expression(expression))),
            Err(problem) => {
                self.is_incomplete = true;
                let code = if problem.unknown_function { Code::UNKNOWN_FUNCTION } else { Code::EXPRESSION_SYNTAX };
                let span = place_of(&self.compiler.sources, place, &text.value, problem.range);
                let braces = text.value.trim_start().starts_with("{{");
                let hint = problem.hint.or_else(|| braces.then(|| "an expression is written without `{{ }}`".to_owned()));
                let diagnostic = Diagnostic::error(code, span, problem.message);
                self.report(match hint {
                    Some(hint) => diagnostic.hint(hint),
                    None => diagnostic,
                });
                None
            }
        }
    }

    fn tree(&mut self, tree: &Tree) -> TreeDraft {
        match &tree.kind {
            TreeKind::String(text) if TemplateTree::is_template(text) => {
                self.template(text, Place::Text(tree.span)).map_or(TreeDraft::Broken, TreeDraft::Text)
            }
            TreeKind::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.tree(item)).collect();
                let literals: Option<Vec<Value>> = items.iter().map(TreeDraft::as_literal).collect();
                literals.map_or(TreeDraft::List(items), |literals| TreeDraft::Literal(Value::Array(literals)))
            }
            TreeKind::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|(key, value)| (key.value.clone(), self.tree(value))).collect();
                let literals: Option<serde_json::Map<String, Value>> =
                    entries.iter().map(|(key, value)| Some((key.clone(), value.as_literal()?))).collect();
                literals.map_or(TreeDraft::Map(entries), |literals| TreeDraft::Literal(Value::Object(literals)))
            }
            TreeKind::Null | TreeKind::Bool(_) | TreeKind::Integer(_) | TreeKind::Float(_) | TreeKind::String(_) => {
                TreeDraft::Literal(literal(tree))
            }
        }
    }
}

impl TreeDraft {
    fn as_literal(&self) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Text(_) | Self::List(_) | Self::Map(_) | Self::Broken => None,
        }
    }
}

/// Whether a schema asks for plain text, which is no structured output.
fn is_text(schema: &Value) -> bool {
    schema.as_object().is_some_and(|schema| schema.len() == 1 && schema.get("type").is_some_and(|kind| kind == "string"))
}

/// A tree as a value, strings as they are.
pub(super) fn literal(tree: &Tree) -> Value {
    match &tree.kind {
        TreeKind::Null => Value::Null,
        TreeKind::Bool(value) => Value::Bool(*value),
        TreeKind::Integer(value) => Value::from(*value),
        TreeKind::Float(value) => Value::from(*value),
        TreeKind::String(value) => Value::String(value.clone()),
        TreeKind::List(items) => Value::Array(items.iter().map(literal).collect()),
        TreeKind::Map(entries) => Value::Object(entries.iter().map(|(key, value)| (key.value.clone(), literal(value))).collect()),
    }
}
