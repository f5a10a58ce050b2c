//! A search of memory must be one that its collection can do, in a collection that somebody knows.

use crate::{
    diagnostic::{Code, Diagnostic, Span, nearest},
    model::{Access, CollectionName, Permission, Value},
    plan::{
        compile::Compiler,
        draft::{Args, GraphDraft, KindDraft, TreeDraft},
        rules::Checked,
    },
    tool::memory::SEARCH,
};

/// A search in a collection whose name is written out.
struct Search<'d> {
    collection: &'d str,
    span: Span,
    args: &'d Args,
}

/// Looks at all searches of a workflow.
pub(super) fn check(compiler: &mut Compiler<'_>, checked: &Checked<'_, '_>) {
    let mut searches = Vec::new();
    collect(&checked.draft.graph, &mut searches, &mut compiler.kept);
    let mut problems = Vec::new();
    for search in searches {
        problems.extend(unknown(compiler, &search));
        problems.extend(without_vectors(compiler, &search));
    }
    compiler.problems.extend(problems);
}

/// The searches of a graph, and what its nodes may keep something in.
fn collect<'d>(graph: &'d GraphDraft<'_>, searches: &mut Vec<Search<'d>>, kept: &mut Vec<Permission>) {
    for node in &graph.nodes {
        let args = match &node.kind {
            KindDraft::Agent(agent) => {
                kept.extend(agent.powers.iter().flat_map(|power| &power.permissions).cloned());
                agent.memory.recall.as_ref().map(|recall| &recall.args)
            }
            KindDraft::Tool(tool) => {
                kept.extend(tool.powers.iter().flat_map(|power| &power.permissions).cloned());
                let is_search = tool.tool.as_ref().is_some_and(|name| name.as_str() == SEARCH);
                is_search.then_some(&tool.args)
            }
            KindDraft::Graph(inner) => {
                collect(inner, searches, kept);
                None
            }
            // What another workflow keeps was noted when it was compiled.
            KindDraft::Workflow { .. }
            | KindDraft::Value(_)
            | KindDraft::Approval(_)
            | KindDraft::Wait(_)
            | KindDraft::Send(_)
            | KindDraft::Receive(_)
            | KindDraft::Broken => None,
        };
        let named = args.and_then(|args| args.iter().find(|(name, _)| name.value == "collection").map(|found| (args, found)));
        if let Some((args, (name, TreeDraft::Literal(Value::String(collection))))) = named {
            searches.push(Search { collection, span: name.span, args });
        }
    }
}

/// A collection that neither the manifest nor the workflow knows. It may have been filled by the command line; a name that is nearly
/// one of theirs is a slip.
fn unknown(compiler: &Compiler<'_>, search: &Search<'_>) -> Option<Diagnostic> {
    let kept = &compiler.kept;
    let Search { collection, span, .. } = *search;
    let access = Access::Remember { collection: collection.to_owned() };
    // What is no name at all has been told.
    let is_name = CollectionName::new(collection).is_ok();
    let is_declared = compiler.memory.iter().any(|(name, _)| name.value == collection);
    if compiler.agents_unknown || !is_name || is_declared || kept.iter().any(|permission| permission.covers(&access)) {
        return None;
    }
    let names = kept.iter().filter_map(|permission| match permission.as_access() {
        Some(Access::Remember { collection }) => Some(collection),
        _ => None,
    });
    let names: Vec<String> = compiler.memory.iter().map(|(name, _)| name.value.clone()).chain(names).collect();
    let message = format!("unknown collection `{collection}`");
    Some(match nearest(collection, names.iter().map(String::as_str)) {
        Some(near) => Diagnostic::error(Code::UNKNOWN_COLLECTION, span, message).hint(format!("did you mean `{near}`?")),
        None => Diagnostic::warning(Code::UNKNOWN_COLLECTION, span, message)
            .label("neither in the manifest nor filled by this workflow")
            .hint(format!("describe it in the manifest: `[memory.{collection}]`, with the `path` of its files if it has some")),
    })
}

/// A search by meaning in a collection without vectors.
fn without_vectors(compiler: &Compiler<'_>, search: &Search<'_>) -> Option<Diagnostic> {
    let Search { collection, args, .. } = *search;
    let (_, settings) = compiler.memory.iter().find(|(name, _)| name.value == collection)?;
    let embedder = settings.embedder.as_ref().filter(|embedder| embedder.value == "lexical")?;
    let is_wrong = |name: &str, value: &TreeDraft| match (name, value) {
        ("min_score", _) => true,
        ("by", TreeDraft::Literal(by)) => by == "meaning",
        _ => false,
    };
    let (name, _) = args.iter().find(|(name, value)| is_wrong(&name.value, value))?;
    let message = format!("collection `{collection}` has no vectors: it can be searched by words only");
    let problem = Diagnostic::error(Code::SEARCH_WITHOUT_VECTORS, name.span, message)
        .related(embedder.span, "the collection is made without vectors here");
    Some(problem.hint(format!("leave `{}` out, or give the collection an `embedder`, such as `local`", name.value)))
}
