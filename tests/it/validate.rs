//! What `compile` finds in a workflow: every problem, at its place, once.

use std::{fmt::Write as _, path::Path};

use agentflow::{
    diagnostic::{Code, Severity, StoredFiles},
    model::StoredSource,
    plan::{CompileOptions, Compiled, ManifestChoice, compile},
};

/// Compiles the first of `files`; the others are beside it.
fn compiled(files: &[(&str, &str)]) -> Compiled {
    let stored = files.iter().map(|(path, text)| StoredSource { path: (*path).to_owned(), text: (*text).to_owned() }).collect();
    compile(Path::new(files[0].0), ManifestChoice::Find, &StoredFiles::new(stored), &CompileOptions::default())
}

/// `code line:column excerpt: message (hint)` of each problem, one a line; the file before the position when it is not the first.
fn report(compiled: &Compiled, first: &str) -> String {
    let mut text = String::new();
    for problem in &compiled.diagnostics {
        let position = compiled.sources.position(problem.span);
        let file = if position.path == Path::new(first) { String::new() } else { format!("{}:", position.path.display()) };
        let excerpt = compiled.sources.text(problem.span).lines().next().unwrap_or_default();
        let mark = if problem.severity == Severity::Warning { " warning" } else { "" };
        write!(text, "{}{mark} {file}{}:{} {excerpt:?} {}", problem.code, position.line, position.column, problem.message)
            .unwrap();
        if let Some(hint) = &problem.hint {
            write!(text, " ({hint})").unwrap();
        }
        text.push('\n');
        for related in &problem.related {
            let position = compiled.sources.position(related.span);
            writeln!(text, "  {}:{} {}", position.line, position.column, related.message).unwrap();
        }
    }
    text
}

/// The problems of a single file.
fn problems(workflow: &str) -> String {
    report(&compiled(&[("flow.yaml", workflow)]), "flow.yaml")
}

/// Checks the problems of a file against `expected`.
#[track_caller]
fn check(workflow: &str, expected: &str) {
    assert_eq!(problems(workflow).trim_end(), expected.trim_end());
}

#[test]
fn scratch() {
    let text = std::fs::read_to_string("/tmp/cases.txt").unwrap();
    for case in text.split("=====\n") {
        println!("{case}\n>>>>\n{}-------", problems(case));
    }
}
