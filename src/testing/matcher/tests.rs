use std::path::Path;

use serde_json::json;

use super::*;
use crate::{
    diagnostic::{Diagnostic, Sources},
    manifest::{Tree, read_data_text},
};

fn tree(yaml: &str) -> Tree {
    let mut problems = Vec::new();
    let tree = read_data_text(Path::new("matcher.yaml"), yaml.to_owned(), &mut Sources::default(), &mut problems);
    tree.unwrap_or_else(|| panic!("{problems:#?}"))
}

fn read(yaml: &str) -> (Option<Matcher>, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    (Matcher::read(&tree(yaml), Openness::Closed, &mut problems), problems)
}

/// What is told of `value`, `AT: EXPECTED / ACTUAL`.
#[track_caller]
fn told(yaml: &str, value: &Value) -> Vec<String> {
    let (matcher, problems) = read(yaml);
    assert_eq!(problems, [], "{yaml}");
    let told = |found: Mismatch| format!("{}: {} / {}", found.at, found.expected, found.actual);
    matcher.unwrap().mismatches(value).into_iter().map(told).collect()
}

#[track_caller]
fn fits(yaml: &str, value: &Value) {
    assert_eq!(told(yaml, value), [""; 0], "{yaml}");
}

#[track_caller]
fn refused(yaml: &str, message: &str) {
    let (matcher, problems) = read(yaml);
    assert!(matcher.is_none(), "{yaml}");
    assert_eq!(problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>(), [message]);
}

#[test]
fn a_plain_value_is_equality_at_every_depth() {
    fits("{ a: [1, two, null], b: { c: true } }", &json!({"b": {"c": true}, "a": [1.0, "two", null]}));
    assert_eq!(told("{ a: [1, 2] }", &json!({"a": [1, 3]})), [".a[1]: 2 / 3"]);
    assert_eq!(told("{ a: 1 }", &json!({"b": 1})), [": a field `a` / a map with `b`", ": no field `b` / `b`: 1"]);
    assert_eq!(told("[1]", &json!([1, 2])), [": 1 item / 2 items: [1,2]"]);
    assert_eq!(told("[1]", &json!("x")), [": a list / \"x\""]);
    assert_eq!(told("{}", &json!({"a": 1})), [": no field `a` / `a`: 1"]);
    assert_eq!(told("'1'", &json!(1)), [": \"1\" / 1"]);
    fits("12345678901234567", &json!(12_345_678_901_234_567_u64));
    assert_eq!(told("12345678901234567", &json!(12_345_678_901_234_568_u64)).len(), 1);
}

#[test]
fn each_key_of_a_matcher_holds_on_its_own_and_all_together() {
    fits("{ matches: '^a.c$' }", &json!("abc"));
    assert_eq!(told("{ matches: '^b' }", &json!("abc")), [": text that matches `^b` / \"abc\""]);
    assert_eq!(told("{ matches: '1' }", &json!(1)), [": text that matches `1` / 1"]);
    fits("{ min: 1, max: 3 }", &json!(2.5));
    assert_eq!(told("{ min: 3, max: 4 }", &json!(5)), [": a number of at most 4 / 5"]);
    assert_eq!(told("{ min: 0 }", &json!("5")), [": a number of at least 0 / \"5\""]);
    fits("{ length: 3 }", &json!("äöü"));
    fits("{ length: { min: 1 } }", &json!([0]));
    assert_eq!(
        told("{ length: { min: 1, max: 2 } }", &json!([])),
        [": length a number of at least 1, a number of at most 2 / length 0: []"]
    );
    assert_eq!(told("{ length: 1 }", &json!(7)), [": length 1 / 7"]);
    fits("{ not: { matches: b }, length: 1 }", &json!("a"));
    assert_eq!(told("{ not: a }", &json!("a")), [": not \"a\" / \"a\""]);
    fits("{ equals: { not: 1 } }", &json!({"not": 1}));
    fits("{ schema: { risk: low | high, n?: integer } }", &json!({"risk": "low"}));
    assert_eq!(
        told("{ schema: integer }", &json!("x")),
        [": a value that follows the schema / \"x\": \"x\" is not of type \"integer\""]
    );
}

#[test]
fn contains_finds_text_in_text_items_in_lists_and_fields_in_maps() {
    fits("{ contains: ell }", &json!("hello"));
    fits("{ contains: [he, lo] }", &json!("hello"));
    assert_eq!(told("{ contains: [he, la] }", &json!("hello")), [": something that contains \"la\" / \"hello\""]);
    fits("{ contains: 2 }", &json!([1, 2]));
    fits("{ contains: { a: 1 } }", &json!([{"a": 2}, {"a": 1, "b": 2}]));
    fits("{ contains: [{ matches: ^b }] }", &json!(["abc", "bcd"]));
    assert_eq!(told("{ contains: 3 }", &json!([1, 2])), [": something that contains 3 / a list of 2 items: [1,2]"]);
    fits("{ contains: { a: { b: 1 } } }", &json!({"a": {"b": 1, "c": 2}, "d": 3}));
    assert_eq!(told("{ contains: { a: { b: 1 } } }", &json!({"a": {"b": 2}})), [".a.b: 1 / 2"]);
    fits("{ contains: a }", &json!({"a": 1}));
    assert_eq!(told("{ contains: 1 }", &json!(1)), [": something that contains 1 / 1"]);
}

#[test]
fn matchers_may_stand_inside_of_data() {
    fits("{ verdict: approve, summary: { matches: '.+' } }", &json!({"verdict": "approve", "summary": "fine"}));
    assert_eq!(told("{ list: [{ min: 2 }] }", &json!({"list": [1]})), [".list[0]: a number of at least 2 / 1"]);
}

#[test]
fn texts_of_several_lines_are_told_by_their_difference() {
    let (matcher, _) = read("|-\n  one\n  two\n  three\n");
    let found = matcher.unwrap().mismatches(&json!("one\n2\nthree"));
    assert_eq!(found[0].difference, ["  one", "- two", "+ 2", "  three"]);
}

#[test]
fn matchers_that_make_no_sense_are_refused() {
    refused("{ matches: 3 }", "`matches` is a regular expression, found a whole number");
    refused("{ matches: '(' }", "no valid regular expression: unclosed group");
    refused(
        "{ matches: '(?=a)b' }",
        "no valid regular expression: look-around, including look-ahead and look-behind, is not supported",
    );
    refused("{ matches: '(a{1000}){1000}' }", "the regular expression is too large");
    refused("{ min: a }", "`min` is a number, found text");
    refused("{ min: 2, max: 1 }", "no number is at least 2 and at most 1");
    refused("{ length: -1 }", "`length` is a number or has `min` and `max`, found a whole number");
    refused("{ length: { min: a } }", "`length` is a number or has `min` and `max`, found a map");
    refused("[{ a: { matches: '[' } }]", "no valid regular expression: unclosed character class");
    let (matcher, problems) = read("{ schema: strng }");
    assert!(matcher.is_none() && problems[0].code == crate::diagnostic::Code::BAD_SCHEMA, "{problems:#?}");
}

#[test]
fn a_map_that_is_nearly_a_matcher_is_warned_of() {
    let (matcher, problems) = read("{ min: 1, mx: 2 }");
    assert!(matcher.is_some());
    assert_eq!(problems[0].message, "`mx` is no key of a matcher");
    assert_eq!(read("{ min: 1, title: x }").1, []);
}

#[test]
fn no_more_than_some_mismatches_are_told() {
    let expected = (0..50).map(|_| "1").collect::<Vec<_>>().join(", ");
    assert_eq!(told(&format!("[{expected}]"), &json!(vec![2; 50])).len(), TOLD);
}
