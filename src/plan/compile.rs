//! The passes in order: read, catalog, resolve, link, judge, assemble. Each reports all it finds; a plan comes out when there is no error.
//!
//! Called by `app` for every command that needs a plan. Reads files only through [`Files`]; opens no socket, needs no key.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use crate::{
    diagnostic::{Code, Diagnostic, FileId, Files, Severity, Sources, Span},
    manifest::{
        Entries, Manifest, ManifestDefaults, MemoryManifest, WorkflowManifest, read_manifest, read_workflow, read_workflow_text,
    },
    model::{ModelRef, Permission, ProviderName, ToolName},
    plan::{
        Choice, Plan, RegisteredAgents, Standings, assemble,
        catalog::{Catalog, Reader, catalog_with, folder, providers, unknown_provider},
        certain, collections,
        delegates::Delegates,
        links::link,
        resolve::Resolver,
        rules,
        scope::{Scope, listed},
        shapes,
        tools::{KnownTools, level},
    },
    tool::Level,
};

/// The names a manifest is found by, in this order.
pub const MANIFEST_NAMES: &[&str] = &["agents.toml", "agents.yaml", "agents.yml", "agents.json"];

/// How far above a relative workflow path a manifest is looked for, in folders.
const FOLDERS_ABOVE: usize = 16;
/// How deep workflows may call workflows.
const MAX_CALLS: usize = 32;

/// Which manifest a workflow is compiled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestChoice {
    /// The one beside the workflow or in the nearest folder above it, if there is one.
    Find,
    /// This one.
    At(PathBuf),
    /// None: the workflow brings its own agents.
    None,
}

/// What a command line may change about a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CompileOptions {
    /// Models by agent name, stronger than any file.
    pub model_overrides: BTreeMap<String, ModelRef>,
    /// Providers that a program brings itself: models may name them as they may name built-in ones and those of the manifest.
    pub providers: BTreeSet<ProviderName>,
    /// Tools that a program brings itself.
    pub tools: BTreeSet<ToolName>,
    /// MCP servers that a program brings itself.
    pub servers: BTreeSet<String>,
    /// Agents that a program brings itself, beside those of the manifest.
    pub agents: RegisteredAgents,
    /// What is known of agents when one of several that can do the same is chosen.
    pub standings: Standings,
    /// Choices that were made before, and are made again where they still can.
    pub choices: Vec<Choice>,
}

/// What compiling gave.
#[derive(Debug)]
pub struct Compiled {
    /// The plan; `None` when there is an error among the diagnostics.
    pub plan: Option<Plan>,
    /// Errors and warnings, by file and position.
    pub diagnostics: Vec<Diagnostic>,
    /// The files they point into.
    pub sources: Sources,
    /// The manifest, if there is one and it could be read.
    pub manifest: Option<Manifest>,
    /// The path of the manifest, if there is one.
    pub manifest_path: Option<PathBuf>,
    /// The agents that the workflow may use: its own and those of the manifest.
    pub catalog: Catalog,
}

impl Compiled {
    /// Whether there is an error among the diagnostics.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// The agents of a manifest and what is wrong with it.
#[derive(Debug)]
pub struct CompiledManifest {
    /// The manifest; `None` when nothing of it could be read.
    pub manifest: Option<Manifest>,
    /// Its agents, defaults applied.
    pub catalog: Catalog,
    /// Errors and warnings, by file and position.
    pub diagnostics: Vec<Diagnostic>,
    /// The files they point into.
    pub sources: Sources,
}

/// Compiles the workflow file at `workflow`.
pub fn compile(workflow: &Path, manifest: ManifestChoice, files: &dyn Files, options: &CompileOptions) -> Compiled {
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let written = read_workflow(workflow, files, &mut sources, &mut problems);
    finish(Read { path: workflow, written, sources, problems }, manifest, files, options)
}

/// Compiles a workflow that is no file: standard input, or one that a program made. `path` names it in messages, decides its syntax,
/// and is what its own paths are relative to.
pub fn compile_text(
    path: &Path,
    text: String,
    manifest: ManifestChoice,
    files: &dyn Files,
    options: &CompileOptions,
) -> Compiled {
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let written = read_workflow_text(path, text, &mut sources, &mut problems);
    finish(Read { path, written, sources, problems }, manifest, files, options)
}

/// Reads a manifest and its agents, with those that a program brings itself.
pub fn compile_manifest(path: &Path, files: &dyn Files, options: &CompileOptions) -> CompiledManifest {
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let manifest = read_manifest(path, files, &mut sources, &mut problems);
    let known = providers(manifest.as_ref(), &options.providers);
    if let Some(manifest) = &manifest {
        collections::check(&manifest.memory, &known, &mut problems);
    }
    let tools = KnownTools::new(manifest.as_ref(), options, manifest.is_none());
    let catalog = agents(manifest.as_ref(), &known, &tools, (files, options), &mut sources, &mut problems);
    sort(&mut problems);
    CompiledManifest { manifest, catalog, diagnostics: problems, sources }
}

/// The agents of a manifest and those that a program brings itself.
fn agents(
    manifest: Option<&Manifest>,
    known: &BTreeSet<String>,
    tools: &KnownTools,
    (files, options): (&dyn Files, &CompileOptions),
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Catalog {
    let mut written = manifest.map(|manifest| manifest.agents.clone()).unwrap_or_default();
    options.agents.add_to(&mut written, sources, problems);
    let defaults = manifest.map(|manifest| manifest.defaults.clone()).unwrap_or_default();
    catalog_with(&defaults, &written, known, tools, files, sources, problems)
}

/// The manifest beside `workflow` or in the nearest folder above it.
pub fn find_manifest(workflow: &Path, files: &dyn Files) -> Option<PathBuf> {
    let mut folder = folder(workflow).to_path_buf();
    for _ in 0..FOLDERS_ABOVE {
        if let Some(found) = MANIFEST_NAMES.iter().map(|name| folder.join(name)).find(|path| files.exists(path)) {
            return Some(found);
        }
        folder = match folder.components().next_back() {
            None | Some(Component::CurDir | Component::ParentDir) => folder.join(".."),
            Some(Component::Normal(_)) => folder.parent()?.to_path_buf(),
            Some(Component::RootDir | Component::Prefix(_)) => return None,
        };
    }
    None
}

struct Read<'p> {
    path: &'p Path,
    written: Option<WorkflowManifest>,
    sources: Sources,
    problems: Vec<Diagnostic>,
}

fn finish(read: Read<'_>, choice: ManifestChoice, files: &dyn Files, options: &CompileOptions) -> Compiled {
    let Read { path, written, mut sources, mut problems } = read;
    let manifest_path = match choice {
        ManifestChoice::Find => find_manifest(path, files),
        ManifestChoice::At(path) => Some(path),
        ManifestChoice::None => None,
    };
    let manifest = manifest_path.as_deref().and_then(|path| read_manifest(path, files, &mut sources, &mut problems));
    let known = providers(manifest.as_ref(), &options.providers);
    if let Some(manifest) = &manifest {
        collections::check(&manifest.memory, &known, &mut problems);
    }
    // An unreadable manifest may have any agent and any server: nothing is said about them then.
    let agents_unknown = manifest_path.is_some() && manifest.is_none();
    let tools = KnownTools::new(manifest.as_ref(), options, agents_unknown);
    let agents = agents(manifest.as_ref(), &known, &tools, (files, options), &mut sources, &mut problems);
    let mut compiler = Compiler {
        files,
        options,
        sources,
        problems,
        catalog: agents,
        agents_unknown,
        providers: known,
        tools,
        memory: manifest.as_ref().map(|manifest| manifest.memory.clone()).unwrap_or_default(),
        kept: Vec::new(),
        defaults: manifest.as_ref().map(|manifest| manifest.defaults.clone()).unwrap_or_default(),
        calls: vec![Call { path: normal(path), shown: path.display().to_string(), span: None }],
        levels: Vec::new(),
        inner: HashMap::new(),
        delegates: Delegates::default(),
        choices: BTreeMap::new(),
        of_workflow: None,
    };
    let mut plan = written.as_ref().and_then(|written| compiler.workflow(written, 0));
    if let Some(plan) = &mut plan {
        compiler.compile_delegates(plan);
    }
    if let Some(written) = &written {
        compiler.check_overrides(written.file, plan.as_ref());
    }
    let Compiler { sources, mut problems, delegates, choices, catalog, of_workflow, .. } = compiler;
    sort(&mut problems);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        plan = None;
    }
    if let Some(plan) = &mut plan {
        assemble::with_sources(plan, &sources, &delegates.made);
        plan.choices = choices.into_values().collect();
    }
    Compiled { plan, diagnostics: problems, sources, manifest, manifest_path, catalog: of_workflow.unwrap_or(catalog) }
}

/// By file and position; the same problem of the same place once.
fn sort(problems: &mut Vec<Diagnostic>) {
    problems.sort_by_key(|problem| (problem.span.file, problem.span.start, problem.code));
    let mut seen = HashSet::new();
    problems.retain(|problem| seen.insert((problem.code, problem.span, problem.message.clone())));
}

/// A path without `.` and without `x/..`, for comparing only.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            Component::ParentDir | Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(part),
        }
    }
    plain
}

/// A workflow that is being compiled, and where it was called.
#[derive(Debug)]
struct Call {
    path: PathBuf,
    shown: String,
    span: Option<Span>,
}

/// What compiling one workflow shares with the workflows it calls.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) options: &'a CompileOptions,
    pub(super) sources: Sources,
    pub(super) problems: Vec<Diagnostic>,
    /// The agents of the manifest.
    pub(super) catalog: Catalog,
    /// Whether there is a manifest that could not be read.
    pub(super) agents_unknown: bool,
    pub(super) providers: BTreeSet<String>,
    pub(super) tools: KnownTools,
    /// The collections of the manifest.
    pub(super) memory: Entries<MemoryManifest>,
    /// What the nodes of all workflows so far may keep something in, among other things.
    pub(super) kept: Vec<Permission>,
    pub(super) defaults: ManifestDefaults,
    /// What the workflows being compiled ask for, from the outermost to this one; only those that say so.
    pub(super) levels: Vec<Level>,
    /// What is called as a tool.
    pub(super) delegates: Delegates,
    /// Whom nodes that ask for capabilities get, by the file of their workflow and the capabilities.
    pub(super) choices: BTreeMap<(FileId, Vec<String>), Choice>,
    /// The agents of the outermost workflow.
    of_workflow: Option<Catalog>,
    calls: Vec<Call>,
    inner: HashMap<PathBuf, Inner>,
}

/// A workflow that others call.
#[derive(Debug)]
struct Inner {
    /// `None` when it could not be read.
    written: Option<Arc<WorkflowManifest>>,
    /// Its plans, by what the workflows around it ask for.
    plans: HashMap<Vec<Level>, Option<Arc<Plan>>>,
}

impl Compiler<'_> {
    pub(super) fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// Compiles one workflow; `None` when it has errors of its own. `before` is how many errors there were before it was read: what
    /// cannot be read is left out of the draft, so such a draft is never assembled.
    fn workflow(&mut self, written: &WorkflowManifest, before: usize) -> Option<Plan> {
        let base = std::mem::take(&mut self.catalog);
        let mut reader = Reader {
            files: self.files,
            sources: &mut self.sources,
            problems: &mut self.problems,
            providers: &self.providers,
            tools: &self.tools,
            defaults: &self.defaults,
        };
        let agents = reader.with_inline(&base, &written.agents);
        self.catalog = base;
        let around = self.levels.len();
        let path = &self.sources.get(written.file).path;
        let owner = format!("workflow `{}`", assemble::name_of(written, path));
        self.levels.extend(level(owner, written.permissions.as_ref(), &mut self.problems));
        let resolver = Resolver::new(self, &agents, written);
        let draft = resolver.workflow();
        let levels = self.levels.clone();
        self.levels.truncate(around);
        let scope = Scope { graph: &draft.graph, outer: None };
        link(self, written, &draft.codes, &scope);
        let output_reads = crate::plan::links::output_reads(self, written, &draft, &scope);
        certain::fill(&draft.codes, &scope);
        let world = shapes::World::new(written, &draft.codes);
        shapes::fill(&world, &scope);
        let crossings =
            rules::check(self, &rules::Checked { world: &world, draft: &draft, scope: &scope, output_reads: &output_reads });
        let plan = (self.errors() == before)
            .then(|| assemble::plan(self, &world, &draft, &scope, &output_reads, &agents, (&levels, crossings)));
        // Those that it calls are done before it, and what is called as a tool comes later.
        if self.calls.len() == 1 && self.of_workflow.is_none() {
            self.of_workflow = Some(agents);
        }
        plan
    }

    /// Compiles the workflow that another one calls at `span`. Its problems are reported where they are; `None` when it has some.
    pub(super) fn inner_workflow(&mut self, path: &Path, span: Span) -> Option<Arc<Plan>> {
        let key = normal(path);
        if let Some(at) = self.calls.iter().position(|call| call.path == key) {
            self.report_self_call(at, span);
            return None;
        }
        if let Some(known) = self.inner.get(&key) {
            if let Some(plan) = known.plans.get(&self.levels) {
                return plan.clone();
            }
            // What is wrong with it has been told.
            if known.plans.values().any(Option::is_none) {
                return None;
            }
        }
        if self.calls.len() >= MAX_CALLS {
            self.report(Diagnostic::error(
                Code::TOO_COMPLEX,
                span,
                format!("workflows call each other more than {MAX_CALLS} deep"),
            ));
            return None;
        }
        let before = self.errors();
        let known = self.inner.get(&key).map(|inner| inner.written.clone());
        let written = known.unwrap_or_else(|| self.read_inner(path, span).map(Arc::new));
        self.calls.push(Call { path: key.clone(), shown: path.display().to_string(), span: Some(span) });
        let plan = written.as_ref().and_then(|written| self.workflow(written, before)).map(Arc::new);
        self.calls.pop();
        let plan = plan.filter(|_| self.errors() == before);
        let inner = self.inner.entry(key).or_insert_with(|| Inner { written, plans: HashMap::new() });
        inner.plans.insert(self.levels.clone(), plan.clone());
        plan
    }

    /// Compiles a workflow that is called as a tool, not by the workflows that are being compiled.
    pub(super) fn other_workflow(&mut self, path: &Path, span: Span) -> Option<Arc<Plan>> {
        let calls = std::mem::take(&mut self.calls);
        let plan = self.inner_workflow(path, span);
        self.calls = calls;
        plan
    }

    /// Compiles a workflow that was made here.
    pub(super) fn made_workflow(&mut self, written: &WorkflowManifest) -> Option<Plan> {
        self.workflow(written, self.errors())
    }

    fn read_inner(&mut self, path: &Path, span: Span) -> Option<WorkflowManifest> {
        let shown = path.display();
        let problem = match self.files.read(path) {
            Ok(text) => return read_workflow_text(path, text, &mut self.sources, &mut self.problems),
            Err(err) if err.kind() == crate::ErrorKind::NotFound => {
                Diagnostic::error(Code::INNER_WORKFLOW, span, format!("workflow file `{shown}` does not exist"))
                    .hint("the path is relative to the file that names it")
            }
            Err(err) => {
                let message = format!("workflow file `{shown}` cannot be read: {}", err.message());
                Diagnostic::error(Code::INNER_WORKFLOW, span, message)
            }
        };
        self.report(problem);
        None
    }

    fn report_self_call(&mut self, at: usize, span: Span) {
        let round = &self.calls[at..];
        let first = round[0].shown.clone();
        let path = round.iter().map(|call| call.shown.as_str()).chain([first.as_str()]);
        let path = path.map(|file| format!("`{file}`")).collect::<Vec<_>>().join(" → ");
        let mut problem = Diagnostic::error(Code::SELF_CALL, span, format!("workflow calls itself: {path}"))
            .label(format!("calls `{first}` again"))
            .hint("repetition is written as a `loop` with a bound");
        for call in &round[1..] {
            if let Some(span) = call.span {
                problem = problem.related(span, format!("calls `{}` here", call.shown));
            }
        }
        self.report(problem);
    }

    /// `--model` must name agents and providers that exist.
    fn check_overrides(&mut self, file: FileId, plan: Option<&Plan>) {
        let start = Span::new(file, 0..0);
        for (name, model) in &self.options.model_overrides {
            if !self.providers.contains(model.provider.as_str()) {
                let problem = unknown_provider(model, start, &self.providers);
                self.problems.push(problem);
            }
            let used = plan.is_none_or(|plan| plan.agents.keys().any(|agent| agent == name));
            if !used && !self.agents_unknown {
                let names = plan.into_iter().flat_map(|plan| plan.agents.keys()).map(String::as_str);
                let problem = Diagnostic::error(
                    Code::UNKNOWN_AGENT,
                    start,
                    format!("a model is set for agent `{name}`, which the workflow does not use"),
                );
                self.problems.push(problem.hint(format!("it uses {}", listed(names))));
            }
        }
    }
}
