//! Files → manifests: load, check against the grammar, then read the types. One run reports everything.

mod agents;
mod eval_file;
mod lines;
mod memory;
mod policy;
mod test_file;
mod values;
mod waits;
mod workflow;

use std::path::Path;

pub use lines::read_data_lines;

use super::{
    check::{MAX_PROBLEMS, check, too_many_problems},
    grammar, interchange,
    load::{Syntax, load},
    schema_shorthand::to_json_schema,
};
use crate::{
    diagnostic::{Code, Diagnostic, FileId, Files, MAX_FILE_BYTES, Sources, Span},
    error::Error,
    manifest::{EvalManifest, Manifest, PolicyManifest, TestFileManifest, Tree, TreeKind, WorkflowManifest},
    model::Value,
};

/// The smallest workflow, for hints.
const SMALLEST_WORKFLOW: &str = "the smallest workflow is `nodes: { hello: { value: \"hello\" } }`";

/// Reads a workflow file. Its syntax is chosen by the extension: `.yaml`, `.yml`, `.toml`, `.json`; without one of these, by its
/// first line.
///
/// Every problem is added to `problems`; parts that have one are left out of the result or kept without what is wrong in them.
/// `None` when nothing usable could be read.
pub fn read_workflow(
    path: &Path,
    files: &dyn Files,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Option<WorkflowManifest> {
    let text = read_file(path, files, sources, problems)?;
    read_workflow_text(path, text, sources, problems)
}

/// Reads a workflow from `text`, e.g. standard input; `path` names it in messages and is the base of relative paths in it.
pub fn read_workflow_text(
    path: &Path,
    text: String,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Option<WorkflowManifest> {
    let before = problems.len();
    let (file, tree) = parse(path, text, sources, problems);
    let Some(tree) = tree.filter(|tree| tree.kind != TreeKind::Null) else {
        if problems.len() == before {
            let problem =
                Diagnostic::error(Code::MISSING_KEY, Span::new(file, 0..0), "the file is empty: a workflow needs `nodes`");
            problems.push(problem.hint(SMALLEST_WORKFLOW));
        }
        return None;
    };
    if !interchange::is_interchange(&tree) {
        let schemas = check(&tree, &grammar::WORKFLOW, problems);
        return Some(workflow::workflow(&tree, file, schemas));
    }
    let (tree, edges) = interchange::to_workflow(&tree, problems);
    let schemas = check(&tree, &grammar::WORKFLOW, problems);
    let mut workflow = workflow::workflow(&tree, file, schemas);
    interchange::attach(edges, &mut workflow, problems);
    Some(workflow)
}

/// Reads a manifest file (`agents.toml`). An empty one is valid.
///
/// Problems are treated as by [`read_workflow`].
pub fn read_manifest(path: &Path, files: &dyn Files, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<Manifest> {
    let text = read_file(path, files, sources, problems)?;
    read_manifest_text(path, text, sources, problems)
}

/// Reads a manifest from `text`, e.g. one that a program made; `path` names it in messages and is the base of relative paths in it.
pub fn read_manifest_text(path: &Path, text: String, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<Manifest> {
    let (file, tree) = parse_or_empty(path, text, sources, problems)?;
    check(&tree, &grammar::MANIFEST, problems);
    Some(agents::manifest(&tree, file))
}

/// Parses a file that may be empty: it is a map without keys then.
fn parse_or_empty(path: &Path, text: String, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<(FileId, Tree)> {
    let before = problems.len();
    match parse(path, text, sources, problems) {
        (file, Some(tree)) => Some((file, tree)),
        (file, None) if problems.len() == before => Some((file, Tree::new(Span::new(file, 0..0), TreeKind::Map(Vec::new())))),
        (_, None) => None,
    }
}

/// Reads a policy from `text`; `path` names it in messages. An empty one is valid.
///
/// Problems are treated as by [`read_workflow`]; who finds an error among them must use nothing of the policy.
pub fn read_policy_text(
    path: &Path,
    text: String,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Option<PolicyManifest> {
    let (file, tree) = parse_or_empty(path, text, sources, problems)?;
    check(&tree, &grammar::POLICY, problems);
    Some(policy::policy(&tree, file))
}

/// Reads an eval file. Problems are treated as by [`read_workflow`].
pub fn read_eval_file(
    path: &Path,
    files: &dyn Files,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Option<EvalManifest> {
    let text = read_file(path, files, sources, problems)?;
    read_eval_text(path, text, sources, problems)
}

/// Reads an eval file from `text`; `path` names it in messages.
pub fn read_eval_text(path: &Path, text: String, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<EvalManifest> {
    let (file, tree) = parse_or_empty(path, text, sources, problems)?;
    let schemas = check(&tree, &grammar::EVAL_FILE, problems);
    Some(eval_file::eval_file(&tree, file, schemas))
}

/// Reads a test file.
///
/// Problems are treated as by [`read_workflow`].
pub fn read_test_file(
    path: &Path,
    files: &dyn Files,
    sources: &mut Sources,
    problems: &mut Vec<Diagnostic>,
) -> Option<TestFileManifest> {
    let text = read_file(path, files, sources, problems)?;
    let (file, tree) = parse_or_empty(path, text, sources, problems)?;
    check(&tree, &grammar::TEST_FILE, problems);
    test_file::test_file(&tree, file)
}

/// Reads a file of data, e.g. inputs of a run, in YAML, TOML or JSON. An empty one is `null`.
///
/// Problems are treated as by [`read_workflow`].
pub fn read_data(path: &Path, files: &dyn Files, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<Tree> {
    let text = read_file(path, files, sources, problems)?;
    read_data_text(path, text, sources, problems)
}

/// Reads data from `text`, e.g. standard input; `path` names it in messages.
pub fn read_data_text(path: &Path, text: String, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<Tree> {
    let before = problems.len();
    let (file, tree) = parse(path, text, sources, problems);
    tree.or_else(|| (problems.len() == before).then(|| Tree::new(Span::new(file, 0..0), TreeKind::Null)))
}

/// Reads a schema that stands in data: in shorthand, or as JSON Schema.
///
/// `None` when it is none; every reason is added to `problems`.
pub fn read_schema(tree: &Tree, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    to_json_schema(tree, problems)
}

fn read_file(path: &Path, files: &dyn Files, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<String> {
    files
        .read(path)
        .map_err(|err| {
            let file = sources.add(path.to_owned(), String::new());
            problems.push(unreadable(&err, file));
        })
        .ok()
}

fn unreadable(err: &Error, file: FileId) -> Diagnostic {
    let problem = Diagnostic::error(Code::UNREADABLE_FILE, Span::new(file, 0..0), err.to_string());
    match err.hints().first() {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn parse(path: &Path, text: String, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> (FileId, Option<Tree>) {
    if text.len() as u64 > MAX_FILE_BYTES || text.contains('\0') {
        // Files are checked as they are read; this is for text that comes another way.
        let err = crate::diagnostic::decode_text(&path.display().to_string(), text.into_bytes()).err();
        let file = sources.add(path.to_owned(), String::new());
        problems.extend(err.map(|err| unreadable(&err, file)));
        return (file, None);
    }
    let syntax = Syntax::of(path, &text);
    let file = sources.add(path.to_owned(), text);
    let mut found = Vec::new();
    let tree = load(&sources.get(file).text, syntax, file, &mut found);
    if found.len() > MAX_PROBLEMS {
        found.truncate(MAX_PROBLEMS);
        found.push(too_many_problems(Span::new(file, 0..0)));
    }
    problems.append(&mut found);
    (file, tree)
}
