//! From a test file to the cases that are run: what is nearer goes first, a table is a case for each of its rows.

use crate::{
    diagnostic::{Code, Diagnostic, Span},
    manifest::{Entries, ExpectManifest, TestBodyManifest, TestFileManifest, TestManifest},
};

/// One run of a workflow, and what must hold after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// `a risky change is reviewed`, of a table `a risky change is reviewed [two areas]`.
    pub name: String,
    /// Where the test or the row is written.
    pub span: Span,
    /// Where its name is written.
    pub named_at: Span,
    /// Why it is not run.
    pub skip: Option<String>,
    /// What it says, with all that the file and the test say where it does not.
    pub body: TestBodyManifest,
}

/// The cases of a file, in the order written. Names that are there twice are told.
#[must_use]
pub fn cases(file: &TestFileManifest, problems: &mut Vec<Diagnostic>) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for test in &file.tests {
        for case in of_test(test, &file.defaults) {
            if let Some(earlier) = cases.iter().find(|earlier| earlier.name == case.name) {
                let problem =
                    Diagnostic::error(Code::DUPLICATE_KEY, case.named_at, format!("there are two tests `{}`", case.name));
                problems
                    .push(problem.related(earlier.named_at, "the first one").hint("names tell tests apart: give each its own"));
            }
            cases.push(case);
        }
    }
    cases
}

fn of_test(test: &TestManifest, defaults: &TestBodyManifest) -> Vec<Case> {
    let skip = test.skip.as_ref().map(|why| why.value.clone());
    let body = over(&test.body, defaults);
    if test.cases.is_empty() {
        return vec![Case { name: test.name.value.clone(), span: test.span, named_at: test.name.span, skip, body }];
    }
    let row = |(number, row): (usize, &crate::manifest::CaseManifest)| {
        let (label, named_at) = match &row.name {
            Some(name) => (name.value.clone(), name.span),
            None => (number.to_string(), row.span),
        };
        Case {
            name: format!("{} [{label}]", test.name.value),
            span: row.span,
            named_at,
            skip: skip.clone(),
            body: over(&row.body, &body),
        }
    };
    (1..).zip(&test.cases).map(row).collect()
}

/// `near` laid over `far`: maps key by key, anything else as a whole.
fn over(near: &TestBodyManifest, far: &TestBodyManifest) -> TestBodyManifest {
    TestBodyManifest {
        inputs: entries(&near.inputs, &far.inputs),
        env: entries(&near.env, &far.env),
        mocks: entries(&near.mocks, &far.mocks),
        agents: entries(&near.agents, &far.agents),
        tools: entries(&near.tools, &far.tools),
        faults: list(&near.faults, &far.faults),
        cassette: near.cassette.clone().or_else(|| far.cassette.clone()),
        seed: near.seed.clone().or_else(|| far.seed.clone()),
        priced: near.priced.clone().or_else(|| far.priced.clone()),
        expect: expectations(&near.expect, &far.expect),
        snapshot: list(&near.snapshot, &far.snapshot),
    }
}

fn expectations(near: &ExpectManifest, far: &ExpectManifest) -> ExpectManifest {
    // How a run ends is one thing, said in up to three ways.
    let ends = |expect: &ExpectManifest| expect.status.is_some() || expect.error.is_some() || expect.exit_code.is_some();
    let end = if ends(near) { near } else { far };
    ExpectManifest {
        status: end.status.clone(),
        exit_code: end.exit_code.clone(),
        error: end.error.clone(),
        executed: entries(&near.executed, &far.executed),
        not_executed: list(&near.not_executed, &far.not_executed),
        skipped: list(&near.skipped, &far.skipped),
        order: list(&near.order, &far.order),
        attempts: entries(&near.attempts, &far.attempts),
        routes: entries(&near.routes, &far.routes),
        outputs: entries(&near.outputs, &far.outputs),
        nodes: entries(&near.nodes, &far.nodes),
        prompts: entries(&near.prompts, &far.prompts),
        calls: entries(&near.calls, &far.calls),
        messages: near.messages.clone().or_else(|| far.messages.clone()),
        events: list(&near.events, &far.events),
        max_cost_usd: near.max_cost_usd.clone().or_else(|| far.max_cost_usd.clone()),
        max_tokens: near.max_tokens.clone().or_else(|| far.max_tokens.clone()),
        max_duration: near.max_duration.clone().or_else(|| far.max_duration.clone()),
    }
}

fn entries<T: Clone>(near: &Entries<T>, far: &Entries<T>) -> Entries<T> {
    let nearer = |name: &str| near.iter().find(|(key, _)| key.value == name);
    let first = far.iter().map(|entry| nearer(&entry.0.value).unwrap_or(entry).clone());
    let is_new = |name: &str| far.iter().all(|(key, _)| key.value != name);
    first.chain(near.iter().filter(|(key, _)| is_new(&key.value)).cloned()).collect()
}

fn list<T: Clone>(near: &[T], far: &[T]) -> Vec<T> {
    if near.is_empty() { far.to_vec() } else { near.to_vec() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        diagnostic::{Sources, StoredFiles},
        manifest::read_test_file,
        model::StoredSource,
    };

    fn read(yaml: &str) -> (Vec<Case>, Vec<String>) {
        let files = StoredFiles::new(vec![StoredSource { path: "a.test.yaml".to_owned(), text: yaml.to_owned() }]);
        let mut problems = Vec::new();
        let file = read_test_file(Path::new("a.test.yaml"), &files, &mut Sources::default(), &mut problems);
        let cases = cases(&file.unwrap_or_else(|| panic!("{problems:#?}")), &mut problems);
        (cases, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn what_is_nearer_goes_first_key_by_key() {
        let (cases, problems) = read(
            "
workflow: a.yaml
defaults:
  inputs: { a: 1, b: 1, c: 1 }
  mocks: { x: { output: far } }
  expect: { status: failed, executed: { x: 1 } }
tests:
  - name: table
    inputs: { b: 2, c: 2 }
    expect: { not_executed: [y], executed: { z: 2 } }
    cases:
      - { name: third, inputs: { c: 3, d: 3 }, expect: { error: { kind: timeout } } }
      - { mocks: { x: { output: near } }, expect: { not_executed: [z] } }
",
        );
        assert_eq!(problems, [""; 0]);
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["table [third]", "table [2]"]);
        let inputs = |case: &Case| {
            case.body.inputs.iter().map(|(name, tree)| format!("{}{}", name.value, tree.to_value())).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((inputs(&cases[0]), inputs(&cases[1])), ("a1 b2 c3 d3".to_owned(), "a1 b2 c2".to_owned()));
        let [first, second] = [&cases[0].body.expect, &cases[1].body.expect];
        // A case that says why the run fails says how it ends.
        assert!(first.status.is_none() && first.error.is_some());
        assert_eq!(second.status.as_ref().unwrap().value, "failed");
        assert_eq!(first.executed.len(), 2);
        assert_eq!((first.not_executed[0].value.as_str(), second.not_executed[0].value.as_str()), ("y", "z"));
        assert_eq!(cases[1].body.mocks[0].1.step.outputs[0].as_str(), Some("near"));
    }

    #[test]
    fn two_tests_of_one_name_are_told() {
        let (_, problems) = read("workflow: a.yaml\ntests: [{ name: a }, { name: b }, { name: a }]\n");
        assert_eq!(problems, ["there are two tests `a`"]);
        let (_, problems) = read("workflow: a.yaml\ntests: [{ name: a, cases: [{ name: x }, { name: x }, {}, {}] }]\n");
        assert_eq!(problems, ["there are two tests `a [x]`"]);
    }
}
