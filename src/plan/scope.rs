//! Which names there are at a place, and what each means.
//!
//! An inner graph sees its own ids and everything of the enclosing graphs; a mapped node its element; a looped one `loop`.

use crate::{
    diagnostic::{Code, nearest},
    manifest::{NodeKindManifest, WorkflowManifest},
    plan::draft::{GraphDraft, KindDraft, NodeDraft, Role},
    template::is_identifier,
};

/// The fields of `nodes.ID`.
pub(super) const STATE_FIELDS: &[&str] = &["status", "output", "error", "attempts", "cost_usd", "duration_ms"];
/// The fields of `run`.
pub(super) const RUN_FIELDS: &[&str] = &["id", "started_at"];
/// The fields of `loop`.
const LOOP_FIELDS: &[&str] = &["iteration", "previous"];

/// A graph and what encloses it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'s, 'm> {
    pub(super) graph: &'s GraphDraft<'m>,
    /// The enclosing graph, and the index in it of the node whose inner graph this is.
    pub(super) outer: Option<(&'s Scope<'s, 'm>, usize)>,
}

/// What a reference means. `up` counts graphs outwards: 0 is the graph of the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The output of a node; the fields follow after 1 name.
    Node { up: usize, index: usize },
    /// `nodes.ID`; the fields follow after 2 names.
    State { up: usize, index: usize },
    /// The element of a mapped node; the fields follow after 1 name.
    Element { up: usize, index: usize },
    /// `loop.previous.ID`: an output of the previous iteration of the looped node; the fields follow after 3 names.
    Previous {
        up: usize,
        index: usize,
        /// The node in its inner graph; `None` when the looped node has none.
        inner: Option<usize>,
    },
    /// `inputs.NAME`, by its number; the fields follow after 2 names.
    Input(usize),
    /// `inputs` as a whole.
    Inputs,
    /// A number: `index`, `loop.iteration`.
    Number,
    /// A text: `run.…`, `env.…`.
    Text,
    /// `messages.MAILBOX`: the list of what waits there; the fields follow after 2 names.
    Messages,
    /// A map whose fields are not followed: `loop`, `loop.previous`, `run`, `env`.
    Other,
}

impl Target {
    /// How many names of the path it takes; the rest are fields.
    pub(super) fn names(self) -> usize {
        match self {
            Self::Node { .. } | Self::Element { .. } | Self::Inputs | Self::Other => 1,
            Self::State { .. } | Self::Input(_) | Self::Messages => 2,
            Self::Previous { .. } => 3,
            // All that follows is a field of something that has none.
            Self::Number | Self::Text => usize::MAX,
        }
    }
}

/// A name that means nothing at its place.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Unknown {
    fn new(code: Code, message: String, hint: Option<String>) -> Self {
        Self { code, message, hint }
    }
}

impl<'s, 'm> Scope<'s, 'm> {
    /// The scope `up` graphs outwards.
    pub(super) fn at(&'s self, up: usize) -> &'s Scope<'s, 'm> {
        match (up, self.outer) {
            (0, _) | (_, None) => self,
            (_, Some((outer, _))) => outer.at(up - 1),
        }
    }

    /// The node at a level that [`Target`] gives.
    pub(super) fn node(&'s self, up: usize, index: usize) -> &'s NodeDraft<'m> {
        &self.at(up).graph.nodes[index]
    }

    /// The node called `id` in this graph or the nearest enclosing one.
    pub(super) fn find_node(&self, id: &str) -> Option<(usize, usize)> {
        if let Some(index) = self.graph.index.get(id) {
            return Some((0, *index));
        }
        let (up, index) = self.outer?.0.find_node(id)?;
        Some((up + 1, index))
    }

    /// The ids of this and all enclosing graphs.
    pub(super) fn ids(&self) -> Vec<&'s str> {
        let mut ids: Vec<&str> = self.graph.nodes.iter().map(|node| node.id.value.as_str()).collect();
        if let Some((outer, _)) = self.outer {
            ids.extend(outer.ids());
        }
        ids
    }

    /// Where `id` is, when it is in an inner graph: the path to it, e.g. `improve.draft`.
    pub(super) fn find_inside(&self, id: &str) -> Option<String> {
        let found = inside(self.graph, id);
        found.or_else(|| self.outer?.0.find_inside(id))
    }

    /// Says what `path` means for `node` (none for an output of the workflow) at the place `role`.
    pub(super) fn find(
        &self,
        workflow: &WorkflowManifest,
        node: Option<usize>,
        role: Role,
        path: &[String],
    ) -> Result<Target, Unknown> {
        let Some(name) = path.first().map(String::as_str) else { return Ok(Target::Other) };
        if let Some(local) = self.find_local(node, role, name, path) {
            return local;
        }
        if let Some((up, index)) = self.find_node(name) {
            return Ok(Target::Node { up, index });
        }
        match name {
            "inputs" => input(workflow, path),
            "nodes" => self.state(path),
            "run" => field_of("run", RUN_FIELDS, path),
            "env" => env(workflow, path),
            "messages" => messages(path),
            "secrets" => secret(node.map(|index| &self.graph.nodes[index]), role, path),
            _ => Err(self.unknown(workflow, node, role, name)),
        }
    }

    /// Names of `map` and `loop`: of the node itself, then of the nodes that enclose it, from inside outwards.
    fn find_local(&self, node: Option<usize>, role: Role, name: &str, path: &[String]) -> Option<Result<Target, Unknown>> {
        if let Some(index) = node {
            let own = &self.graph.nodes[index];
            if matches!(role, Role::Body | Role::Until | Role::Use)
                && let Some(found) = element(own, 0, index, name)
            {
                return Some(Ok(found));
            }
            if matches!(role, Role::Body | Role::Until) && name == "loop" && own.is_looped() {
                return Some(repetition(own, 0, index, path));
            }
        }
        let (mut outer, mut up) = (self.outer, 1);
        while let Some((scope, index)) = outer {
            let container = &scope.graph.nodes[index];
            if let Some(found) = element(container, up, index, name) {
                return Some(Ok(found));
            }
            if name == "loop" && container.is_looped() {
                return Some(repetition(container, up, index, path));
            }
            (outer, up) = (scope.outer, up + 1);
        }
        None
    }

    fn state(&self, path: &[String]) -> Result<Target, Unknown> {
        let Some(id) = path.get(1) else {
            return Err(Unknown::new(
                Code::NAME_NOT_ALLOWED,
                "`nodes` cannot be read as a whole".to_owned(),
                Some("name one node, for example `nodes.ID.status`".to_owned()),
            ));
        };
        match self.find_node(id) {
            Some((up, index)) => Ok(Target::State { up, index }),
            None => Err(Unknown::new(Code::UNKNOWN_NAME, format!("unknown node `{id}`"), self.node_hint(id))),
        }
    }

    /// What to do about an id that does not exist here.
    pub(super) fn node_hint(&self, id: &str) -> Option<String> {
        if let Some(path) = self.find_inside(id) {
            return Some(format!("`{id}` is inside another node; from here it is read as `{path}`"));
        }
        nearest(id, self.ids()).map(|near| format!("did you mean `{near}`?"))
    }

    fn unknown(&self, workflow: &WorkflowManifest, node: Option<usize>, role: Role, name: &str) -> Unknown {
        let message = format!("unknown name `{name}`");
        let own = node.map(|index| &self.graph.nodes[index]);
        let hint = match own {
            Some(own) if own.element_name() == Some(name) || (name == "index" && own.map.is_some()) => {
                let place =
                    if role == Role::When { "`when` is evaluated once, before `map`" } else { "it exists only for each element" };
                Some(format!("{place}: `{name}` can be read in the prompt or value of the node"))
            }
            _ if name == "item" || name == "index" => Some(format!("`{name}` exists only in a node with `map`")),
            _ if name == "loop" => Some("`loop` exists only in a node with `loop`, and in its inner graph".to_owned()),
            _ if workflow.inputs.iter().any(|(input, _)| input.value == name) => {
                Some(format!("an input is read as `inputs.{name}`"))
            }
            _ => self.node_hint(name).or_else(|| self.nearest_of_all(workflow, node, name)),
        };
        Unknown::new(Code::UNKNOWN_NAME, message, hint)
    }

    /// The id with `-` that `text` begins with: in a template `build-report` is `build` minus `report`.
    pub(super) fn hyphenated(&self, text: &str) -> Option<&'s str> {
        let begins = |id: &&str| {
            let rest = text.strip_prefix(id);
            id.contains('-') && rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        };
        self.ids().into_iter().filter(begins).max_by_key(|id| id.len())
    }

    fn nearest_of_all(&self, workflow: &WorkflowManifest, node: Option<usize>, name: &str) -> Option<String> {
        let mut names = vec!["inputs", "nodes", "run", "env", "messages"];
        if let Some(element) = node.and_then(|index| self.graph.nodes[index].element_name()) {
            names.push(element);
        }
        let mut outer = self.outer;
        while let Some((scope, index)) = outer {
            names.extend(scope.graph.nodes[index].element_name());
            outer = scope.outer;
        }
        if let Some(near) = nearest(name, names) {
            return Some(format!("did you mean `{near}`?"));
        }
        let inputs = workflow.inputs.iter().map(|(input, _)| input.value.as_str());
        nearest(name, inputs).map(|near| format!("did you mean `inputs.{near}`?"))
    }
}

fn element(node: &NodeDraft<'_>, up: usize, index: usize, name: &str) -> Option<Target> {
    let element = node.element_name()?;
    if name == element {
        return Some(Target::Element { up, index });
    }
    (name == "index").then_some(Target::Number)
}

fn repetition(node: &NodeDraft<'_>, up: usize, index: usize, path: &[String]) -> Result<Target, Unknown> {
    match path.get(1).map(String::as_str) {
        None => Ok(Target::Other),
        Some("iteration") => Ok(Target::Number),
        Some("previous") => {
            let Some(id) = path.get(2) else { return Ok(Target::Other) };
            let inner = node.inner();
            let (found, ids): (Option<Option<usize>>, Vec<&str>) = match inner {
                Some(graph) => (
                    graph.index.get(id.as_str()).map(|inner| Some(*inner)),
                    graph.nodes.iter().map(|node| node.id.value.as_str()).collect(),
                ),
                None => ((node.id.value == *id).then_some(None), vec![&node.id.value]),
            };
            if let Some(inner) = found {
                return Ok(Target::Previous { up, index, inner });
            }
            let hint = match nearest(id, ids.iter().copied()) {
                Some(near) => format!("did you mean `loop.previous.{near}`?"),
                None => format!("the previous iteration has {}", listed(ids.iter().copied())),
            };
            Err(Unknown::new(Code::UNKNOWN_NAME, format!("`loop.previous` has no `{id}`"), Some(hint)))
        }
        Some(_) => field_of("loop", LOOP_FIELDS, path),
    }
}

fn input(workflow: &WorkflowManifest, path: &[String]) -> Result<Target, Unknown> {
    let Some(name) = path.get(1) else { return Ok(Target::Inputs) };
    if let Some(index) = workflow.inputs.iter().position(|(input, _)| input.value == *name) {
        return Ok(Target::Input(index));
    }
    let names = workflow.inputs.iter().map(|(input, _)| input.value.as_str());
    let hint = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `inputs.{near}`?"),
        None if workflow.inputs.is_empty() => "the workflow has no `inputs`; declare it there".to_owned(),
        None => format!("the inputs are {}", listed(names)),
    };
    Err(Unknown::new(Code::UNKNOWN_NAME, format!("unknown input `{name}`"), Some(hint)))
}

fn field_of(name: &str, fields: &[&str], path: &[String]) -> Result<Target, Unknown> {
    let Some(field) = path.get(1) else { return Ok(Target::Other) };
    if fields.contains(&field.as_str()) {
        return Ok(Target::Text);
    }
    let hint = match nearest(field, fields.iter().copied()) {
        Some(near) => format!("did you mean `{name}.{near}`?"),
        None => format!("it has {}", listed(fields.iter().copied())),
    };
    Err(Unknown::new(Code::UNKNOWN_FIELD, format!("`{name}` has no field `{field}`"), Some(hint)))
}

fn env(workflow: &WorkflowManifest, path: &[String]) -> Result<Target, Unknown> {
    let Some(name) = path.get(1) else { return Ok(Target::Other) };
    if workflow.env.iter().any(|listed| listed.value == *name) {
        return Ok(Target::Text);
    }
    let hint = match nearest(name, workflow.env.iter().map(|listed| listed.value.as_str())) {
        Some(near) => format!("did you mean `env.{near}`?"),
        None => format!("list it at the top of the workflow: `env: [{name}]`"),
    };
    Err(Unknown::new(Code::NAME_NOT_ALLOWED, format!("environment variable `{name}` is not listed in `env`"), Some(hint)))
}

fn messages(path: &[String]) -> Result<Target, Unknown> {
    if path.len() > 1 {
        return Ok(Target::Messages);
    }
    Err(Unknown::new(
        Code::NAME_NOT_ALLOWED,
        "`messages` cannot be read as a whole".to_owned(),
        Some("name one mailbox, for example `messages.reviewer`".to_owned()),
    ))
}

/// Secrets are read in the arguments of a tool only, where nothing but the tool gets to see them.
fn secret(node: Option<&NodeDraft<'_>>, role: Role, path: &[String]) -> Result<Target, Unknown> {
    let is_argument = role == Role::Body && node.is_some_and(|node| matches!(node.written.kind, NodeKindManifest::Tool { .. }));
    let unknown = |message: &str, hint: &str| Unknown::new(Code::NAME_NOT_ALLOWED, message.to_owned(), Some(hint.to_owned()));
    if !is_argument {
        return Err(unknown(
            "secrets cannot be read here",
            "`secrets.NAME` stands in `args` of a `tool` node only; the key of a model belongs into the manifest: `api_key = { env = \"NAME\" }` of its provider",
        ));
    }
    match path {
        [_, _] => Ok(Target::Text),
        [_] => Err(unknown("`secrets` cannot be read as a whole", "name one: `secrets.NAME`")),
        _ => Err(unknown("a secret has no fields", "name it alone: `secrets.NAME`")),
    }
}

fn inside(graph: &GraphDraft<'_>, id: &str) -> Option<String> {
    graph.nodes.iter().find_map(|node| {
        let KindDraft::Graph(inner) = &node.kind else { return None };
        if inner.index.contains_key(id) {
            return Some(format!("{}.{id}", node.id.value));
        }
        inside(inner, id).map(|path| format!("{}.{path}", node.id.value))
    })
}

/// A path as a template writes it: `a.b[0]["c-d"]`.
pub(super) fn path_text(path: &[String]) -> String {
    let mut text = String::new();
    for (at, name) in path.iter().enumerate() {
        if at == 0 {
            text.push_str(name);
        } else if is_identifier(name) {
            text.push('.');
            text.push_str(name);
        } else if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&["[", name, "]"].concat());
        } else {
            text.push_str(&["[\"", name, "\"]"].concat());
        }
    }
    text
}

/// `` `a`, `b`, `c` `` — at most eight of them.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let names: Vec<&str> = names.into_iter().collect();
    let text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        return format!("{text} and {} more", names.len() - SHOWN);
    }
    text
}
