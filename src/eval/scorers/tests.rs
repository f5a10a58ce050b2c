//! Each scorer with what it takes, what it refuses, and what it cannot judge.

#![expect(clippy::float_cmp, reason = "a score of all or nothing is exact")]

use indexmap::IndexMap;
use serde_json::json;

use super::*;

fn scorer(kind: ScorerKind, of: Option<&str>, expected: Option<&str>) -> Scorer {
    let spec = ScorerSpec {
        name: "s".into(),
        kind,
        of: of.map(str::to_owned),
        expected: expected.map(str::to_owned),
        pass: None,
        fail_under: None,
    };
    Scorer::new(&spec).unwrap()
}

fn facts(expected: &Value, outputs: &Value) -> Facts {
    let inputs = IndexMap::from([("message".to_owned(), json!("Help!"))]);
    Facts::new("7", 7, &inputs, Some(expected).filter(|value| !value.is_null())).with_outputs(outputs)
}

/// The score, and why it is not 1.
fn score(scorer: &Scorer, expected: &Value, outputs: &Value) -> (f64, String) {
    let found = scorer.score(&facts(expected, outputs));
    (found.score, found.reason.unwrap_or_default())
}

#[test]
fn exact_is_equality_of_values() {
    let exact = scorer(ScorerKind::Exact, Some("kind"), None);
    assert_eq!(score(&exact, &json!({"kind": "bug"}), &json!({"kind": "bug\n"})).0, 1.0);
    assert_eq!(score(&exact, &json!({"kind": "bug"}), &json!({"kind": "Bug"})), (0.0, r#""Bug" is not "bug""#.to_owned()));
    assert_eq!(score(&exact, &json!("bug"), &json!({"kind": "bug"})).0, 1.0, "one thing is expected");
    assert_eq!(score(&exact, &json!({"kind": 2}), &json!({"kind": 2.0})).0, 1.0);
    assert_eq!(score(&exact, &json!({"kind": "2"}), &json!({"kind": 2})).0, 1.0, "a cell of a CSV file is text");
    assert_eq!(score(&exact, &json!({"kind": "2"}), &json!({"kind": "2"})).0, 1.0);
    assert_eq!(score(&exact, &json!({"kind": [1, {"a": null}]}), &json!({"kind": [1.0, {"a": null}]})).0, 1.0);
    assert_eq!(score(&exact, &json!({"kind": [1, 2]}), &json!({"kind": [2, 1]})).0, 0.0);
    assert_eq!(score(&exact, &json!({"kind": {"a": 1}}), &json!({"kind": {"a": 1, "b": 2}})).0, 0.0);
}

#[test]
fn contains_finds_texts_in_a_text_and_elements_in_a_list() {
    let contains = scorer(ScorerKind::Contains, Some("reply"), None);
    assert_eq!(score(&contains, &json!({"reply": "413"}), &json!({"reply": "error 413"})).0, 1.0);
    assert_eq!(
        score(&contains, &json!({"reply": ["413", "export"]}), &json!({"reply": "error 413"})),
        (0.5, r#"lacks "export""#.to_owned())
    );
    assert_eq!(score(&contains, &json!({"reply": ["a", "b"]}), &json!({"reply": "xyz"})), (0.0, r#"lacks "a", "b""#.to_owned()));
    assert_eq!(score(&contains, &json!({"reply": 2}), &json!({"reply": [1, 2.0]})).0, 1.0);
    let (found, why) = score(&contains, &json!({"reply": "a"}), &json!({"reply": 12}));
    assert_eq!((found, why.as_str()), (0.0, r#"12 is no text and no list that could have "a" in it"#));
    let check = |expected: Value| contains.check(&facts(&json!({"reply": expected}), &json!({})));
    assert_eq!(check(json!("a")), Ok(()));
    assert!(check(json!("")).unwrap_err().contains("in every text"));
    assert!(check(json!([])).unwrap_err().contains("in everything"));
    assert!(check(json!([null])).unwrap_err().contains("`null`"));
}

#[test]
fn regex_looks_for_its_own_pattern_or_the_one_that_is_expected() {
    let own = scorer(ScorerKind::Regex { pattern: Some("(?i)^thank".into()) }, Some("reply"), None);
    assert_eq!(score(&own, &json!(null), &json!({"reply": "Thanks"})).0, 1.0);
    assert_eq!(score(&own, &json!(null), &json!({"reply": "No"})), (0.0, "`(?i)^thank` is not found in \"No\"".to_owned()));
    assert_eq!(score(&own, &json!(null), &json!({"reply": ["Thanks"]})), (0.0, r#"["Thanks"] is no text"#.to_owned()));
    let expected = scorer(ScorerKind::Regex { pattern: None }, Some("reply"), Some("expected.form"));
    assert_eq!(score(&expected, &json!({"form": "^T"}), &json!({"reply": "Thanks"})).0, 1.0);
    assert_eq!(expected.check(&facts(&json!({"form": "^T"}), &json!({}))), Ok(()));
    assert!(expected.check(&facts(&json!({"form": "("}), &json!({}))).unwrap_err().starts_with("`(` is no pattern: "));
    assert!(expected.check(&facts(&json!({"form": 3}), &json!({}))).unwrap_err().contains("3 is no text"));
    let spec = ScorerSpec {
        name: "s".into(),
        kind: ScorerKind::Regex { pattern: Some("[".into()) },
        of: None,
        expected: None,
        pass: None,
        fail_under: None,
    };
    assert_eq!(Scorer::new(&spec).unwrap_err().part, Part::Rule);
}

#[test]
fn schema_holds_the_value_against_its_own_schema_or_the_one_that_is_expected() {
    let own = scorer(ScorerKind::Schema { is: Some(json!({"type": "integer"})) }, Some("n"), None);
    assert_eq!(score(&own, &json!(null), &json!({"n": 1})).0, 1.0);
    assert_eq!(score(&own, &json!(null), &json!({"n": "1"})), (0.0, r#""1" is not of type "integer""#.to_owned()));
    let expected = scorer(ScorerKind::Schema { is: None }, None, None);
    assert_eq!(score(&expected, &json!({"type": "string"}), &json!({"only": "x"})).0, 1.0, "an only output stands for all");
    assert_eq!(score(&expected, &json!({"type": "string"}), &json!({"a": "x", "b": "y"})).0, 0.0);
    assert!(expected.check(&facts(&json!({"type": "strin"}), &json!({}))).is_err());
    assert!(expected.check(&facts(&json!("string"), &json!({}))).unwrap_err().contains("none"));
}

#[test]
fn numbers_may_be_so_far_away() {
    let number = |abs, rel| scorer(ScorerKind::Number { abs, rel }, Some("total"), None);
    let of =
        |scorer: &Scorer, expected: Value, total: Value| score(scorer, &json!({"total": expected}), &json!({"total": total}));
    assert_eq!(of(&number(0.0, 0.0), json!(3), json!(3.0)).0, 1.0);
    assert_eq!(of(&number(0.5, 0.0), json!(3), json!(3.5)).0, 1.0);
    assert_eq!(of(&number(0.5, 0.0), json!(3), json!(3.6)).0, 0.0);
    assert_eq!(of(&number(0.0, 0.1), json!(-200), json!(-219)).0, 1.0);
    assert_eq!(of(&number(0.0, 0.1), json!(-200), json!(-221)).0, 0.0);
    assert_eq!(of(&number(0.0, 0.1), json!(0), json!(0.001)).0, 0.0, "a share of nothing is nothing");
    assert_eq!(of(&number(1.0, 0.0), json!("12"), json!(" 12.5 ")).0, 1.0, "texts that are numbers count");
    assert_eq!(of(&number(1.0, 0.0), json!(12), json!("about 12")), (0.0, r#""about 12" is no number"#.to_owned()));
    assert_eq!(of(&number(1.0, 0.0), json!(12), json!("NaN")).0, 0.0);
    let check = number(0.0, 0.0).check(&facts(&json!({"total": "many"}), &json!({})));
    assert_eq!(check, Err(r#"a number must be expected, and "many" is none"#.to_owned()));
}

#[test]
fn expressions_pick_what_is_scored_and_what_is_expected() {
    let exact = |of, expected| scorer(ScorerKind::Exact, Some(of), expected);
    let outputs = json!({"found": [{"line": 3}, {"line": 9}], "inputs": "hidden"});
    assert_eq!(
        score(&exact("found | map(attribute='line') | list", Some("expected.lines")), &json!({"lines": [3, 9]}), &outputs).0,
        1.0
    );
    assert_eq!(score(&exact("found[1].line", None), &json!(9), &outputs).0, 1.0);
    assert_eq!(score(&exact("outputs.inputs", None), &json!({"inputs": "hidden"}), &outputs).0, 1.0);
    assert_eq!(score(&exact("inputs.message", None), &json!("Help!"), &outputs).0, 1.0, "a name of ours wins");
    assert_eq!(score(&exact("found[0].line", Some("row.line - 4")), &json!(null), &outputs).0, 1.0);
    let (found, why) = score(&exact("found[7].line", None), &json!(9), &outputs);
    assert_eq!(found, 0.0);
    assert!(!why.is_empty());
}

#[test]
fn a_row_without_what_is_expected_is_told_before_it_is_run() {
    let exact = scorer(ScorerKind::Exact, Some("kind"), None);
    assert_eq!(exact.check(&facts(&json!(null), &json!({}))), Err("the row has no `expected`".to_owned()));
    let named = scorer(ScorerKind::Exact, Some("kind"), Some("expected.kind"));
    assert!(named.check(&facts(&json!({"kin": 1}), &json!({}))).unwrap_err().contains("kind"));
    let judge = ScorerKind::Judge { agent: "e".into(), rubric: "r".into() };
    assert_eq!(scorer(judge, None, None).check(&facts(&json!(null), &json!({}))), Ok(()), "a judge needs none");
}

#[test]
fn a_judgment_is_a_score_with_its_reason() {
    let judge = scorer(ScorerKind::Judge { agent: "e".into(), rubric: "r".into() }, None, None);
    let good = judged(&judge, &json!({"judgment": {"score": 0.5, "reason": "half"}}));
    assert_eq!((good.score, good.passed, good.failed, good.reason.as_deref()), (0.5, true, false, Some("half")));
    let bad = judged(&judge, &json!({"judgment": {"score": 0.49, "reason": "less"}}));
    assert!(!bad.passed && !bad.failed);
    for outputs in [json!({"judgment": {"score": 7}}), json!({"judgment": "fine"}), json!({})] {
        let none = judged(&judge, &outputs);
        assert_eq!((none.score, none.failed), (0.0, true), "{outputs}");
    }
}
