//! What is judged once names and edges are known. Each rule reports all it finds and changes nothing.

mod fields;

use crate::plan::{
    catalog::Catalog,
    compile::Compiler,
    draft::{Read, Role},
    resolve::WorkflowDraft,
    scope::Scope,
    shapes::World,
};

/// A draft with names, edges and schemas known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked<'w, 'm> {
    pub(super) world: &'w World<'w>,
    pub(super) draft: &'w WorkflowDraft<'m>,
    pub(super) scope: &'w Scope<'w, 'm>,
    pub(super) output_reads: &'w [Read],
    pub(super) agents: &'w Catalog,
}

/// Runs all rules over a workflow.
pub(super) fn check(compiler: &mut Compiler<'_>, checked: &Checked<'_, '_>) {
    for read in checked.output_reads {
        fields::check(compiler, checked.world, checked.scope, None, read);
    }
    graph(compiler, checked, checked.scope);
}

/// Runs the rules for each node of a graph, then for the graphs in it.
fn graph(compiler: &mut Compiler<'_>, checked: &Checked<'_, '_>, scope: &Scope<'_, '_>) {
    for (index, node) in scope.graph.nodes.iter().enumerate() {
        let inner = node.inner().map(|graph| Scope { graph, outer: Some((scope, index)) });
        for read in node.reads.get().into_iter().flatten() {
            // `until` over an inner graph is evaluated in that graph.
            let (place, reader) = match &inner {
                Some(inner) if read.role == Role::Until => (inner, None),
                _ => (scope, Some(index)),
            };
            fields::check(compiler, checked.world, place, reader, read);
        }
        if let Some(inner) = &inner {
            graph(compiler, checked, inner);
        }
    }
}
