//! Every page of docs/diagnostics keeps its word: its wrong example gives its code, its right example gives nothing.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use agentflow::{
    diagnostic::{ALL_CODES, Code, Diagnostic, DiagnosticFormat, Sources, StoredFiles, explain, render},
    model::StoredSource,
    plan::{self, CompileOptions, ManifestChoice},
    testing::load::Loader,
};

/// Codes without examples: what they are about is not in the text of one file.
const WITHOUT_EXAMPLES: &[Code] = &[Code::UNREADABLE_FILE, Code::NOT_AGREED];

/// The body of the fenced block of `page` with this info string.
fn example<'page>(page: &'page str, info: &str) -> Option<&'page str> {
    let (_, rest) = page.split_once(&format!("```{info}\n"))?;
    rest.split_once("```\n").map(|(body, _)| body)
}

/// The workflow that the examples of test files are of.
const TESTED: &str = "
inputs: { diff: string }
agents: { triager: { model: openai/gpt-5-mini } }
nodes:
  triage: { agent: triager, prompt: 'Sort {{ inputs.diff }}', output: { risk: low | high } }
  gate: { needs: triage, approval: { message: Publish? } }
outputs: { verdict: '{{ triage.risk }}' }
";

/// What is wrong with an example of a test file.
fn check_tests(example: &str) -> (Vec<Diagnostic>, Sources) {
    let file = |path: &str, text: &str| StoredSource { path: path.to_owned(), text: text.to_owned() };
    let files = StoredFiles::new(vec![file("flow.yaml", TESTED), file("flow.test.yaml", example)]);
    let loaded = Loader::new(&files, None).load(Path::new("flow.test.yaml"));
    (loaded.problems, loaded.sources)
}

/// What is wrong with an example, beside the files that examples name.
fn check(example: &str, is_manifest: bool, beside: Option<&str>) -> (Vec<Diagnostic>, Sources) {
    let file = |path: &str, text: &str| StoredSource { path: path.to_owned(), text: text.to_owned() };
    let name = if is_manifest { "agents.toml" } else { "workflow.yaml" };
    let files = StoredFiles::new(vec![
        file(name, example),
        file("beside/agents.toml", beside.unwrap_or_default()),
        file("prompts/summary.md", "Summarize what you know in one sentence."),
        file(
            "parts/summarize.yaml",
            "inputs: { text: string }\nnodes:\n  short: { value: \"{{ inputs.text | truncate(80) }}\" }\n",
        ),
    ]);
    if is_manifest {
        let read = plan::compile_manifest(Path::new(name), &files, &plan::CompileOptions::default());
        return (read.diagnostics, read.sources);
    }
    let manifest = beside.map_or(ManifestChoice::None, |_| ManifestChoice::At("beside/agents.toml".into()));
    let compiled = plan::compile(Path::new(name), manifest, &files, &CompileOptions::default());
    (compiled.diagnostics, compiled.sources)
}

#[test]
fn wrong_examples_give_their_code_and_right_ones_nothing() {
    let mut failures = String::new();
    for code in ALL_CODES.iter().filter(|code| !WITHOUT_EXAMPLES.contains(code)) {
        let page = explain(*code);
        let of_tests = example(page, "yaml wrong test").zip(example(page, "yaml right test"));
        let (is_manifest, wrong, right) = match (example(page, "yaml wrong"), example(page, "yaml right")) {
            _ if of_tests.is_some() => {
                let (wrong, right) = of_tests.unwrap_or_default();
                (false, wrong, right)
            }
            (Some(wrong), Some(right)) => (false, wrong, right),
            _ => (
                true,
                example(page, "toml wrong manifest").unwrap_or_default(),
                example(page, "toml right manifest").unwrap_or_default(),
            ),
        };
        for (text, expected) in [(wrong, BTreeSet::from([*code])), (right, BTreeSet::new())] {
            let (found, sources) = match of_tests {
                Some(_) => check_tests(text),
                None => check(text, is_manifest, example(page, "toml manifest")),
            };
            let codes: BTreeSet<Code> = found.iter().map(|diagnostic| diagnostic.code).collect();
            if text.is_empty() || codes != expected {
                let shown = render(&found, &sources, DiagnosticFormat::Text { color: false, width: 120 });
                let which = if expected.is_empty() { "right" } else { "wrong" };
                writeln!(failures, "{code}: the {which} example gives\n{shown}").unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn pages_are_short_and_for_every_code() {
    for code in ALL_CODES {
        let page = explain(*code);
        assert_eq!(page.lines().next(), Some(format!("# {code}: {}", code.title()).as_str()));
        assert!(page.lines().count() <= 45, "{code} is longer than a page should be");
        let has_examples = page.contains("```");
        assert_ne!(has_examples, WITHOUT_EXAMPLES.contains(code), "{code}");
    }
}
