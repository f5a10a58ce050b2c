//! Nodes that can never run, and conditions that never change.

use crate::{
    diagnostic::{Code, Diagnostic},
    plan::{
        certain::constant,
        compile::Compiler,
        draft::{Codes, NodeDraft},
        links::Kind,
        scope::{Scope, listed},
        ways::deciding,
    },
};

/// Looks at one node.
pub(super) fn check(compiler: &mut Compiler<'_>, codes: &Codes, scope: &Scope<'_, '_>, index: usize, node: &NodeDraft<'_>) {
    let id = &node.id.value;
    if let (Some(when), Some(holds)) = (&node.written.when, constant(codes, node.when)) {
        compiler.report(if holds {
            Diagnostic::warning(Code::CONSTANT_CONDITION, when.span, format!("the `when` of `{id}` is always true"))
                .hint("remove it: the node always runs")
        } else {
            let problem =
                Diagnostic::warning(Code::UNREACHABLE, when.span, format!("node `{id}` never runs: its `when` is always false"));
            match followers(scope, index).as_slice() {
                [] => problem,
                others => problem.label(format!("so {} cannot run either", listed(others.iter().copied()))),
            }
        });
    } else if is_cut_off(scope, index) {
        let edges: Vec<_> = deciding(scope.graph.links(), index).collect();
        let message = match edges.first() {
            Some((from, Kind::OnError)) => {
                format!("node `{id}` can never run: `{}` cannot fail", scope.graph.nodes[*from].id.value)
            }
            _ if edges.len() == 1 => format!("node `{id}` can never run: the condition of the edge to it is always false"),
            _ => format!("node `{id}` can never run: the conditions of all edges to it are always false"),
        };
        let problem = Diagnostic::error(Code::UNREACHABLE, node.id.span, message);
        compiler.report(match followers(scope, index).as_slice() {
            [] => problem,
            others => problem.label(format!("so {} cannot run either", listed(others.iter().copied()))),
        });
    }
    for (edge, condition) in node.written.edges.iter().zip(&node.conditions) {
        let (Some(written), Some(holds)) = (&edge.condition, constant(codes, *condition)) else { continue };
        if !holds && is_cut_off(scope, index) {
            continue;
        }
        let what = if holds { "true" } else { "false" };
        let message = format!("the condition of the edge from `{}` to `{id}` is always {what}", edge.from.value);
        compiler.report(Diagnostic::warning(Code::CONSTANT_CONDITION, written.span, message));
    }
    if let Some((until, holds)) =
        node.written.looped.as_ref().and_then(|looped| Some((looped.until.as_ref()?, constant(codes, node.until)?)))
    {
        let what =
            if holds { "true: the loop ends after its first iteration" } else { "false: the loop always runs `max` times" };
        compiler.report(
            Diagnostic::warning(Code::CONSTANT_CONDITION, until.span, format!("the `until` of `{id}` is always {what}"))
                .hint("test an output of the iteration, or leave `until` out"),
        );
    }
    if let (Some(route), Some(code)) = (&node.written.route, node.route)
        && codes.expression(code).is_some_and(|expression| expression.constant().is_some())
    {
        compiler.report(
            Diagnostic::warning(Code::CONSTANT_CONDITION, route.on.span, format!("the route of `{id}` always chooses the same"))
                .hint("route on an output, or use `needs`"),
        );
    }
}

/// Whether the node cannot run although some node with an edge to it can.
fn is_cut_off(scope: &Scope<'_, '_>, index: usize) -> bool {
    let certain = scope.graph.certain();
    certain.never[index] && deciding(scope.graph.links(), index).any(|(from, _)| !certain.never[from])
}

/// The nodes that cannot run because this one cannot.
fn followers<'s>(scope: &Scope<'s, '_>, index: usize) -> Vec<&'s str> {
    let (links, certain) = (scope.graph.links(), scope.graph.certain());
    let mut reached = vec![false; scope.graph.nodes.len()];
    reached[index] = true;
    for at in links.order.iter().copied() {
        if certain.never[at] && links.incoming[at].iter().any(|edge| reached[edge.from]) {
            reached[at] = true;
        }
    }
    reached[index] = false;
    (0..reached.len()).filter(|at| reached[*at]).map(|at| scope.graph.nodes[at].id.value.as_str()).collect()
}
