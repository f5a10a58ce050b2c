//! Templates and expressions: refused at a place in their text, or evaluated within the bounds that `agentflow::template` promises.

use std::sync::LazyLock;

use agentflow::{
    ErrorKind,
    template::{Expression, Reference, Scope, Shared, SyntaxProblem, Template},
};
use serde_json::json;

/// The longest text that a template gives, in bytes.
const MAX_OUTPUT: usize = 4 * 1024 * 1024;

static SCOPE: LazyLock<Scope> = LazyLock::new(|| {
    let mut scope = Scope::new();
    for (name, value) in [
        ("x", json!("x".repeat(10_000))),
        ("word", json!("word")),
        ("number", json!(3.5)),
        ("list", json!([1, 2, [3, "four", null]])),
        ("map", json!({"a": 1, "b": {"c": [true, false]}})),
        ("many", json!((0..2_000).map(|n| json!({"n": n, "text": "some text"})).collect::<Vec<_>>())),
        ("nothing", json!(null)),
    ] {
        scope.set(name, Shared::new(&value));
    }
    scope
});

pub(super) fn template(bytes: &[u8]) {
    let Some(source) = super::text(bytes) else { return };
    match Template::parse(source) {
        Err(problem) => check_problem(source, &problem),
        Ok(template) => {
            check_references(source, template.references());
            match template.render_text(&SCOPE) {
                Ok(text) => assert!(text.len() <= MAX_OUTPUT, "{} bytes", text.len()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Template, "{error}"),
            }
            // What is one expression gives a value; it is there whenever the text is, which is made of it.
            if template.render_text(&SCOPE).is_ok() {
                assert!(template.render(&SCOPE).is_ok());
            }
        }
    }
}

pub(super) fn expression(bytes: &[u8]) {
    let Some(source) = super::text(bytes) else { return };
    match Expression::parse(source) {
        Err(problem) => check_problem(source, &problem),
        Ok(expression) => {
            check_references(source, expression.references());
            assert_eq!(expression.references().len(), expression.references_of_condition().len());
            for part in expression.conjuncts() {
                assert!(source.contains(part));
            }
            let (value, constant) = (expression.evaluate(&SCOPE), expression.constant());
            match &value {
                Ok(value) => assert!(constant.is_none_or(|constant| constant == *value), "a constant is one everywhere"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Template, "{error}"),
            }
            if let (Ok(value), Ok(is_true), true) = (value, expression.is_true(&SCOPE), expression.is_condition()) {
                assert!(value == json!(is_true), "a condition that is {value} is {is_true}");
            }
        }
    }
}

fn check_problem(source: &str, problem: &SyntaxProblem) {
    assert!(source.get(problem.range.clone()).is_some(), "{:?} is no range of the source", problem.range);
    assert!(!problem.message.is_empty());
}

fn check_references(source: &str, references: &[Reference]) {
    for reference in references {
        let written = source.get(reference.range.clone());
        assert!(written.is_some_and(|written| written.starts_with(&reference.path[0])), "{reference:?} in {source:?}");
    }
}
