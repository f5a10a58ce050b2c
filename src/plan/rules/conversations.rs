//! Nodes that go on with one conversation must have an order: otherwise chance would decide who has the word first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    diagnostic::{Code, Diagnostic},
    plan::{
        ConversationScope,
        compile::Compiler,
        draft::{ConversationDraft, GraphDraft, KindDraft, NodeDraft},
        rules::Checked,
        ways::deciding,
    },
};

/// Where names come from that are the same for all nodes of a run.
const SAME_FOR_ALL: [&str; 3] = ["inputs", "run", "env"];

/// A node that goes on with a conversation.
struct Speaker<'d, 'm> {
    node: &'d NodeDraft<'m>,
    /// The graphs that it is in, from the outside, and where it is in each.
    place: Vec<(&'d GraphDraft<'m>, usize)>,
}

/// Looks at all nodes of a workflow.
pub(super) fn check(compiler: &mut Compiler<'_>, checked: &Checked<'_, '_>) {
    let codes = checked.world.codes;
    let mut by_name: BTreeMap<(&str, &str), Vec<Speaker<'_, '_>>> = BTreeMap::new();
    let mut add = |conversation: &ConversationDraft, speaker| {
        let code = codes.get(conversation.name);
        let is_same = |path: &[String]| path.first().is_some_and(|first| SAME_FOR_ALL.contains(&first.as_str()));
        if code.references().iter().all(|reference| is_same(&reference.path)) {
            let scope = match conversation.scope {
                ConversationScope::Workflow => "workflow",
                ConversationScope::Project => "project",
                ConversationScope::Run => "run",
            };
            by_name.entry((code.source(), scope)).or_default().push(speaker);
        }
    };
    collect(&checked.draft.graph, &[], &mut add);
    for ((name, _), speakers) in by_name {
        for speaker in &speakers {
            compiler.problems.extend(at_once(name, speaker));
        }
        for (at, second) in speakers.iter().enumerate() {
            let unordered = speakers[..at].iter().find(|first| !is_ordered(first, second));
            compiler.problems.extend(unordered.map(|first| no_order(name, first, second)));
        }
    }
}

fn collect<'d, 'm>(
    graph: &'d GraphDraft<'m>,
    around: &[(&'d GraphDraft<'m>, usize)],
    add: &mut impl FnMut(&ConversationDraft, Speaker<'d, 'm>),
) {
    for (index, node) in graph.nodes.iter().enumerate() {
        let place: Vec<_> = around.iter().copied().chain([(graph, index)]).collect();
        match &node.kind {
            KindDraft::Graph(inner) => collect(inner, &place, add),
            KindDraft::Agent(agent) => {
                if let Some(conversation) = &agent.memory.conversation {
                    add(conversation, Speaker { node, place });
                }
            }
            KindDraft::Tool(_)
            | KindDraft::Value(_)
            | KindDraft::Workflow { .. }
            | KindDraft::Approval(_)
            | KindDraft::Wait(_)
            | KindDraft::Send(_)
            | KindDraft::Receive(_)
            | KindDraft::Broken => {}
        }
    }
}

/// The instances of a mapped node, or of a node inside one, speak at the same time.
fn at_once(name: &str, speaker: &Speaker<'_, '_>) -> Option<Diagnostic> {
    let mapped = speaker.place.iter().map(|(graph, index)| &graph.nodes[*index]).find(|node| {
        node.written.map.is_some() && node.written.concurrency.as_ref().is_none_or(|concurrency| concurrency.value != 1)
    })?;
    let message = format!("all instances of `{}` go on with the conversation `{name}` at the same time", mapped.id.value);
    let problem = Diagnostic::error(Code::CONVERSATION_WITHOUT_ORDER, speaker.node.id.span, message);
    let problem = if mapped.id.span == speaker.node.id.span {
        problem
    } else {
        problem.related(mapped.id.span, "this node has an instance for each element")
    };
    Some(problem.hint(format!(
        "give each a conversation of its own, for example `{name}-{{{{ index }}}}`, or let them come one after the other: `concurrency: 1`"
    )))
}

fn no_order(name: &str, first: &Speaker<'_, '_>, second: &Speaker<'_, '_>) -> Diagnostic {
    let (one, other) = (&first.node.id, &second.node.id);
    let message = format!(
        "`{}` and `{}` go on with the conversation `{name}`, and nothing says which of them comes first",
        one.value, other.value
    );
    Diagnostic::error(Code::CONVERSATION_WITHOUT_ORDER, other.span, message)
        .related(one.span, "the other one is here")
        .hint(format!("let one wait for the other: `needs: [{}]`, or give each a conversation of its own", one.value))
}

/// Whether one of the two always ends before the other begins, or only one of them can run.
fn is_ordered(first: &Speaker<'_, '_>, second: &Speaker<'_, '_>) -> bool {
    // They part in the innermost graph that both are in.
    let parts = first.place.iter().zip(&second.place).find(|((_, one), (_, other))| one != other);
    let Some((&(graph, one), &(_, other))) = parts else { return true };
    let links = graph.links();
    links.is_cyclic || leads(graph, one, other) || leads(graph, other, one) || exclude_each_other(graph, one, other)
}

fn leads(graph: &GraphDraft<'_>, from: usize, to: usize) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        open.extend(graph.links().outgoing[at].iter().copied().filter(|next| seen.insert(*next)));
    }
    false
}

/// Whether they need different choices of one `route`.
fn exclude_each_other(graph: &GraphDraft<'_>, one: usize, other: usize) -> bool {
    let needed = needed_choices(graph);
    needed[&one].iter().any(|(route, choices)| needed[&other].get(route).is_some_and(|others| choices.is_disjoint(others)))
}

/// For each node the routes that decide whether it runs, each with the choices of which one is needed; the default is the last one.
fn needed_choices(graph: &GraphDraft<'_>) -> HashMap<usize, BTreeMap<usize, BTreeSet<usize>>> {
    let links = graph.links();
    let mut all: HashMap<usize, BTreeMap<usize, BTreeSet<usize>>> = HashMap::new();
    for index in links.order.iter().copied() {
        let mut needed: Option<BTreeMap<usize, BTreeSet<usize>>> = None;
        for (from, kind) in deciding(links, index) {
            let mut of_edge = all.get(&from).cloned().unwrap_or_default();
            if let (crate::plan::links::Kind::Routed, Some(choices)) = (kind, &links.routes[from]) {
                let sets = choices.cases.iter().chain(&choices.default).enumerate();
                let chosen = sets.filter(|(_, targets)| targets.contains(&index)).map(|(at, _)| at);
                of_edge.insert(from, chosen.collect());
            }
            // Of several edges one is enough: only what each of them needs is needed.
            needed = Some(match needed {
                None => of_edge,
                Some(known) => known
                    .into_iter()
                    .filter_map(|(route, choices)| Some((route, choices.union(of_edge.get(&route)?).copied().collect())))
                    .collect(),
            });
        }
        all.insert(index, needed.unwrap_or_default());
    }
    all
}
