//! What may be absent must be read with a guard: outputs of nodes that may be skipped or fail, optional fields, the previous iteration.

use std::collections::HashMap;

use crate::{
    diagnostic::{Code, Diagnostic, Span},
    manifest::{Join, OnErrorManifest},
    plan::{
        certain::{constant, is_certain, tested},
        compile::Compiler,
        draft::{Codes, Read, Role, Site},
        links::{Kind, Origin},
        scope::{Scope, Target, path_text},
        shapes::{Shape, World, of_read},
        ways::one_is_certain,
    },
    template::is_identifier,
};

/// Reads of one node that may find nothing, gathered by what they read, so that one cause gives one problem.
#[derive(Debug, Default)]
pub(super) struct Absences {
    found: Vec<Absence>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct Absence {
    name: String,
    sites: Vec<Site>,
    reasons: Vec<(Span, String)>,
    hint: String,
}

impl Absences {
    /// Looks at one read of `node` (none: an output of the workflow, or `until` over the scope's graph).
    pub(super) fn look(
        &mut self,
        compiler: &Compiler<'_>,
        world: &World<'_>,
        scope: &Scope<'_, '_>,
        node: Option<usize>,
        read: &Read,
    ) {
        let reference = match (read.role, world.codes.expression(read.site.code)) {
            (Role::When | Role::Until | Role::Condition(_), Some(condition)) => {
                &condition.references_of_condition()[read.site.reference]
            }
            _ => world.codes.reference(read.site),
        };
        if reference.guarded || is_tested(world.codes, scope, node, read, &reference.path) {
            return;
        }
        let path = &reference.path;
        match read.target {
            Target::State { .. } if path.get(2).is_none_or(|field| field != "output") => {}
            Target::Node { up, index } | Target::State { up, index } if !is_certain(scope, node, read.role, read.target) => {
                if stands_in(scope, node, up, index, &reference.instead_of) {
                    return;
                }
                let id = scope.node(up, index).id.value.as_str();
                let name = if is_identifier(id) { id.to_owned() } else { format!("nodes[\"{id}\"].output") };
                self.add(&name, read.site, || {
                    (reasons(compiler, world.codes, scope, node, up, index), ways_out(scope, node, &name))
                });
            }
            Target::Previous { .. } => {
                let name = path_text(&path[..3.min(path.len())]);
                self.add(&name, read.site, || {
                    let hint = format!(
                        "in the first iteration there is none before: give a default, `{name} | default(…)`, or write \
                         `{{% if loop.iteration > 1 %}}` around it"
                    );
                    (Vec::new(), hint)
                });
            }
            _ => self.look_at_fields(world, scope, node, read, path),
        }
    }

    fn look_at_fields(&mut self, world: &World<'_>, scope: &Scope<'_, '_>, node: Option<usize>, read: &Read, path: &[String]) {
        let Some(Shape::Known { optional: Some(names), .. }) = of_read(world, scope, node, read) else { return };
        let name = path_text(&path[..names.min(path.len())]);
        self.add(&name, read.site, || {
            let way_out = format!("give a default, `{name} | default(…)`, or test it, `{{% if {name} is defined %}}`");
            let inner = match read.target {
                Target::Node { up, index } => scope.node(up, index).inner().filter(|_| names == 2),
                _ => None,
            };
            match inner.and_then(|graph| graph.nodes.get(*graph.index.get(path[1].as_str())?)) {
                Some(node) => (vec![(node.id.span, format!("`{}` may be skipped or fail in there", node.id.value))], way_out),
                None => (Vec::new(), format!("the field is optional: {way_out}")),
            }
        });
    }

    fn add(&mut self, name: &str, site: Site, explain: impl FnOnce() -> (Vec<(Span, String)>, String)) {
        if let Some(known) = self.by_name.get(name) {
            self.found[*known].sites.push(site);
            return;
        }
        let (reasons, hint) = explain();
        self.by_name.insert(name.to_owned(), self.found.len());
        self.found.push(Absence { name: name.to_owned(), sites: vec![site], reasons, hint });
    }

    /// Reports what was found.
    pub(super) fn report(self, compiler: &mut Compiler<'_>, codes: &Codes) {
        for absence in self.found {
            let places: Vec<Span> = absence.sites.iter().map(|site| codes.span(&compiler.sources, *site)).collect();
            let Some((first, others)) = places.split_first() else { continue };
            let mut problem = Diagnostic::error(Code::MAY_BE_ABSENT, *first, format!("`{}` may be absent here", absence.name));
            for (span, reason) in absence.reasons {
                problem = problem.related(span, reason);
            }
            for span in others.iter().filter(|span| **span != *first) {
                problem = problem.related(*span, "and is read here");
            }
            compiler.report(problem.hint(absence.hint));
        }
    }
}

/// Whether the node's own `when` tells that what is read is there.
fn is_tested(codes: &Codes, scope: &Scope<'_, '_>, node: Option<usize>, read: &Read, path: &[String]) -> bool {
    let Some(node) = node.filter(|_| !matches!(read.role, Role::When | Role::Condition(_))) else { return false };
    let known = tested(codes, &scope.graph.nodes[node]);
    known.iter().any(|known| known.iter().zip(path).all(|(a, b)| a == b))
}

/// Whether what is read is certain where the others of `instead_of` are absent: of exclusive branches one has run.
fn stands_in(scope: &Scope<'_, '_>, node: Option<usize>, up: usize, index: usize, instead_of: &[Vec<String>]) -> bool {
    let graph = scope.at(up).graph;
    let others = instead_of.iter().filter_map(|path| {
        let id = if path.first().is_some_and(|name| name == "nodes") { path.get(1) } else { path.first() };
        graph.index.get(id?.as_str()).copied()
    });
    let sources: Vec<usize> = others.chain([index]).collect();
    // From an inner graph, it is the enclosing node that reads.
    let mut reader = node;
    let mut place = scope;
    for _ in 0..up {
        let Some((outer, container)) = place.outer else { return false };
        (place, reader) = (outer, Some(container));
    }
    sources.len() > 1 && one_is_certain(graph, reader, &sources)
}

fn ways_out(scope: &Scope<'_, '_>, node: Option<usize>, name: &str) -> String {
    let default = format!("give a default, `{name} | default(…)`");
    let Some(node) = node else {
        return format!("{default}, or test it, `{{% if {name} is defined %}}`");
    };
    let reader = &scope.graph.nodes[node].id.value;
    format!(
        "{default}; or test it, `{{% if {name} is defined %}}`; or let `{reader}` run only with it, `when: {name} is not none`"
    )
}

/// Why the output of a node may be absent where `reader` reads it, each with the place that says so.
fn reasons(
    compiler: &Compiler<'_>,
    codes: &Codes,
    scope: &Scope<'_, '_>,
    reader: Option<usize>,
    up: usize,
    index: usize,
) -> Vec<(Span, String)> {
    let mut reasons = Vec::new();
    let own = scope.at(up);
    let mut at = index;
    // Follows skipping back to its cause.
    for _ in 0..own.graph.nodes.len() {
        let node = &own.graph.nodes[at];
        let id = &node.id.value;
        if at == index {
            match (&node.written.on_error, node.on_error()) {
                (Some(written), OnErrorManifest::Continue) => {
                    reasons.push((written.span, format!("`{id}` may fail, and the run goes on without its output")));
                }
                (Some(written), OnErrorManifest::Goto(handler)) => {
                    reasons.push((written.span, format!("`{id}` may fail, and the run goes on at `{}`", handler.value)));
                }
                (_, OnErrorManifest::Fail | OnErrorManifest::Use(_)) | (None, _) => {}
            }
        }
        if let Some(when) = node.written.when.as_ref().filter(|_| constant(codes, node.when).is_none()) {
            reasons.push((when.span, format!("`{id}` is skipped when this is false")));
        }
        let links = own.graph.links();
        let control: Vec<_> = links.incoming[at].iter().filter(|edge| edge.kind.is_control()).collect();
        for edge in &control {
            let source = &own.graph.nodes[edge.from].id.value;
            let text = match edge.kind {
                Kind::Routed => format!("`{id}` runs only when `{source}` chooses it"),
                Kind::OnError => format!("`{id}` runs only when `{source}` fails"),
                Kind::Conditional(_) | Kind::Plain => format!("`{id}` runs only when the condition of this edge holds"),
            };
            reasons.push((place(compiler, codes, edge.origin), text));
        }
        if !reasons.is_empty() {
            break;
        }
        let certain = own.graph.certain();
        let Some(cause) = links.incoming[at].iter().find(|edge| !certain.always[edge.from] || !is_kept(own, edge.from)) else {
            break;
        };
        at = cause.from;
        if let OnErrorManifest::Goto(handler) = own.graph.nodes[at].on_error() {
            let text = format!(
                "when `{}` fails, the run goes on at `{}` and `{id}` is skipped",
                own.graph.nodes[at].id.value, handler.value
            );
            reasons.push((handler.span, text));
            break;
        }
    }
    if let Some(reader) = reader.filter(|_| up == 0 && reasons.is_empty()) {
        let reader = &scope.graph.nodes[reader];
        if let Some(join) = reader.written.join.as_ref().filter(|join| join.value == Join::Any) {
            reasons.push((join.span, format!("`{}` starts at the first of its sources", reader.id.value)));
        }
    }
    reasons
}

/// Whether all that follows the node goes on when it fails.
fn is_kept(scope: &Scope<'_, '_>, index: usize) -> bool {
    !matches!(scope.graph.nodes[index].on_error(), OnErrorManifest::Goto(_))
}

fn place(compiler: &Compiler<'_>, codes: &Codes, origin: Origin) -> Span {
    match origin {
        Origin::Reads(site) => codes.span(&compiler.sources, site),
        Origin::Needs(span) | Origin::Edge(span) | Origin::Routes(span) | Origin::Goto(span) => span,
    }
}
