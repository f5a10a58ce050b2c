//! Inputs that nothing reads and inline agents that no node uses: probably left over, or misspelt where they are meant.

use crate::{
    diagnostic::{Code, Diagnostic, nearest},
    plan::{
        compile::Compiler,
        draft::{GraphDraft, Read},
        rules::Checked,
        scope::Target,
    },
};

/// Warns of what is declared and not used.
pub(super) fn check(compiler: &mut Compiler<'_>, checked: &Checked<'_, '_>) {
    let workflow = checked.world.workflow;
    let mut read = vec![false; workflow.inputs.len()];
    note(checked.output_reads, &mut read);
    note_all(&checked.draft.graph, &mut read);
    note_misspelt(checked, &mut read);
    let text = &compiler.sources.get(workflow.file).text;
    // What cannot be parsed may use anything: then a name that stands anywhere in the text counts as used.
    let may_be_used = |name: &str| checked.draft.is_incomplete && text.matches(name).nth(1).is_some();
    let mut warnings = Vec::new();
    for ((name, _), _) in workflow.inputs.iter().zip(&read).filter(|((name, _), read)| !**read && !may_be_used(&name.value)) {
        warnings.push(
            Diagnostic::warning(Code::UNUSED_INPUT, name.span, format!("input `{}` is never read", name.value))
                .hint(format!("read it as `inputs.{}`, or remove it", name.value)),
        );
    }
    for (name, _) in &workflow.agents {
        if !checked.draft.used_agents.contains(&name.value) && !may_be_used(&name.value) {
            warnings.push(
                Diagnostic::warning(Code::UNUSED_AGENT, name.span, format!("agent `{}` is never used", name.value))
                    .hint("name it in a node, `agent: NAME`, or remove it"),
            );
        }
    }
    compiler.problems.extend(warnings);
}

/// An input whose name is misspelt where it is read is reported there, and counts as read.
fn note_misspelt(checked: &Checked<'_, '_>, read: &mut [bool]) {
    let inputs = &checked.world.workflow.inputs;
    let names = || inputs.iter().map(|(name, _)| name.value.as_str());
    for reference in checked.world.codes.references() {
        let name = match reference.path.as_slice() {
            [first, name, ..] if first == "inputs" => name,
            [name, ..] => name,
            [] => continue,
        };
        let meant = if names().any(|known| known == name) { Some(name.as_str()) } else { nearest(name, names()) };
        if let Some(index) = meant.and_then(|meant| names().position(|known| known == meant)) {
            read[index] = true;
        }
    }
}

fn note_all(graph: &GraphDraft<'_>, read: &mut [bool]) {
    for node in &graph.nodes {
        note(node.reads.get().map_or(&[], Vec::as_slice), read);
        if let Some(inner) = node.inner() {
            note_all(inner, read);
        }
    }
}

fn note(reads: &[Read], read: &mut [bool]) {
    for target in reads.iter().map(|read| read.target) {
        match target {
            Target::Input(index) => read[index] = true,
            Target::Inputs => read.fill(true),
            Target::Node { .. }
            | Target::State { .. }
            | Target::Element { .. }
            | Target::Previous { .. }
            | Target::Number
            | Target::Text
            | Target::Messages
            | Target::Other => {}
        }
    }
}
