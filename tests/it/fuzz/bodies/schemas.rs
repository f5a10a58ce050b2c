//! JSON Schemas of authors and models, and values that are checked against them.

use std::path::Path;

use agentflow::{
    diagnostic::Sources,
    manifest::{NodeKindManifest, read_workflow_text},
    schema::{Validator, field, problems_of_schema},
};
use serde_json::Value;

/// A schema on the first line, a value on those after it.
pub(super) fn schema(bytes: &[u8]) {
    let Some((schema, value)) = super::text(bytes).and_then(|text| text.split_once('\n')) else { return };
    let (Ok(schema), Ok(value)) = (serde_json::from_str::<Value>(schema), serde_json::from_str::<Value>(value)) else { return };
    let problems = problems_of_schema(&schema);
    assert!(problems.iter().all(|(place, problem)| (place.is_empty() || place.starts_with('/')) && !problem.is_empty()));
    // What follows a reference into a node's output asks this of schemas of any form.
    let _known = field(&schema, "a");
    if let Ok(validator) = Validator::new(&schema) {
        check(&validator, &value);
    }
}

/// An `output` in shorthand: what becomes of it is a JSON Schema.
pub(super) fn shorthand(bytes: &[u8]) {
    let Some(written) = super::text(bytes).and_then(|text| serde_json::from_str::<Value>(text).ok()) else { return };
    let text = format!(r#"{{"nodes": {{"a": {{"agent": "x", "prompt": "hi", "output": {written}}}}}}}"#);
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let workflow = read_workflow_text(Path::new("fuzz.json"), text, &mut sources, &mut problems);
    let Some(workflow) = workflow.filter(|_| problems.is_empty()) else { return };
    for (_, node) in &workflow.nodes {
        let NodeKindManifest::Agent { output: Some(output), .. } = &node.kind else { continue };
        let validator = Validator::new(&output.json).unwrap_or_else(|error| panic!("{}: {error}", output.json));
        check(&validator, &written);
    }
}

fn check(validator: &Validator, value: &Value) {
    let problems = validator.problems(value);
    assert_eq!(validator.accepts(value), problems.is_empty(), "{problems:?}");
}
