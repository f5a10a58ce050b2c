//! What is judged once names and edges are known. Each rule reports all it finds and changes nothing.

mod absence;
mod arguments;
mod collections;
mod conversations;
mod fields;
mod messages;
mod reach;
mod routes;
mod trifecta;
mod unused;
mod values;

use crate::plan::{
    compile::Compiler,
    draft::{Read, Role},
    resolve::WorkflowDraft,
    rules::absence::Absences,
    scope::Scope,
    shapes::World,
};

pub(super) use trifecta::Crossings;

/// A draft with names, edges and schemas known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked<'w, 'm> {
    pub(super) world: &'w World<'w>,
    pub(super) draft: &'w WorkflowDraft<'m>,
    pub(super) scope: &'w Scope<'w, 'm>,
    pub(super) output_reads: &'w [Read],
}

/// Runs all rules over a workflow, and says what it lets through.
pub(super) fn check(compiler: &mut Compiler<'_>, checked: &Checked<'_, '_>) -> Crossings {
    let world = checked.world;
    let mut absences = Absences::default();
    for read in checked.output_reads {
        fields::check(compiler, world, checked.scope, None, read);
        absences.look(compiler, world, checked.scope, None, read);
    }
    absences.report(compiler, world.codes);
    graph(compiler, world, checked.scope);
    unused::check(compiler, checked);
    collections::check(compiler, checked);
    conversations::check(compiler, checked);
    messages::check(compiler, checked);
    trifecta::check(compiler, checked)
}

/// Runs the rules for each node of a graph, then for the graphs in it.
fn graph(compiler: &mut Compiler<'_>, world: &World<'_>, scope: &Scope<'_, '_>) {
    for (index, node) in scope.graph.nodes.iter().enumerate() {
        let inner = node.inner().map(|graph| Scope { graph, outer: Some((scope, index)) });
        let mut absences = Absences::default();
        for read in node.reads.get().into_iter().flatten() {
            // `until` over an inner graph is evaluated in that graph.
            let (place, reader) = match &inner {
                Some(inner) if read.role == Role::Until => (inner, None),
                _ => (scope, Some(index)),
            };
            fields::check(compiler, world, place, reader, read);
            absences.look(compiler, world, place, reader, read);
        }
        absences.report(compiler, world.codes);
        reach::check(compiler, world.codes, scope, index, node);
        routes::check(compiler, world, scope, index, node);
        values::check(compiler, world, scope, index, node);
        arguments::check(compiler, node);
        if let Some(inner) = &inner {
            graph(compiler, world, inner);
        }
    }
}
