//! Files of authors and operators, in three syntaxes: whatever they hold, they are read, or their problems are told with a place.

use std::path::Path;

use agentflow::{
    diagnostic::{Diagnostic, DiagnosticFormat, Sources, StoredFiles, render},
    manifest::{read_data_text, read_eval_text, read_manifest_text, read_policy_text, read_test_file, read_workflow_text},
    model::StoredSource,
    plan::{CompileOptions, ManifestChoice, compile_text},
};

/// The longest file that is taken: what is longer is refused before it is read.
const LONGEST: usize = 64 * 1024;

/// Reads a file, and says whether there is something in it.
type Reader = fn(&Path, String, &mut Sources, &mut Vec<Diagnostic>) -> bool;

pub(super) fn yaml(bytes: &[u8]) {
    every_reader("fuzz.yaml", bytes);
}

pub(super) fn toml(bytes: &[u8]) {
    every_reader("fuzz.toml", bytes);
}

pub(super) fn json(bytes: &[u8]) {
    every_reader("fuzz.json", bytes);
}

fn every_reader(name: &str, bytes: &[u8]) {
    let Some(text) = super::text(bytes).filter(|text| text.len() <= LONGEST) else { return };
    let path = Path::new(name);
    let readers: [Reader; 6] = [
        |path, text, sources, problems| read_data_text(path, text, sources, problems).is_some(),
        |path, text, sources, problems| read_manifest_text(path, text, sources, problems).is_some(),
        |path, text, sources, problems| read_policy_text(path, text, sources, problems).is_some(),
        |path, text, sources, problems| read_eval_text(path, text, sources, problems).is_some(),
        |path, text, sources, problems| {
            let files = StoredFiles::new(vec![StoredSource { path: path.display().to_string(), text }]);
            read_test_file(path, &files, sources, problems).is_some()
        },
        |path, text, sources, problems| read_workflow_text(path, text, sources, problems).is_some(),
    ];
    let mut is_well_formed = false;
    for read in readers {
        let (mut sources, mut problems) = (Sources::default(), Vec::new());
        is_well_formed = read(path, text.to_owned(), &mut sources, &mut problems);
        assert!(is_well_formed || !problems.is_empty(), "nothing is read, and nothing is said");
        check_problems(&problems, &sources);
        is_well_formed &= problems.is_empty();
    }
    // What the last of them read without a word is a workflow in form; whether it is right is told as well.
    if is_well_formed {
        let options = CompileOptions::default();
        let files = StoredFiles::new(Vec::new());
        let compiled = compile_text(path, text.to_owned(), ManifestChoice::None, &files, &options);
        assert_eq!(compiled.plan.is_none(), compiled.has_errors());
        check_problems(&compiled.diagnostics, &compiled.sources);
    }
}

/// Each has a place in a file and words, and all can be shown in every format.
fn check_problems(problems: &[Diagnostic], sources: &Sources) {
    for problem in problems {
        let position = sources.position(problem.span);
        assert!(position.line >= 1 && position.column >= 1, "{problem:?}");
        assert!((position.line, position.column) <= (position.end_line, position.end_column), "{problem:?}");
        assert!(!problem.message.trim().is_empty(), "{problem:?}");
    }
    let text = DiagnosticFormat::Text { color: false, width: 80 };
    for format in [text, DiagnosticFormat::Json, DiagnosticFormat::Sarif, DiagnosticFormat::Github] {
        let shown = render(problems, sources, format);
        assert!(problems.is_empty() || !shown.is_empty());
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "what a file holds steers a terminal: {shown:?}");
    }
}
