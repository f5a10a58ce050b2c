//! What the run and its nodes put out, and what agents were asked.

use super::Look;
use crate::{
    error::nearest,
    manifest::{ExpectManifest, Tree},
    model::{NodePath, NodePattern, RunStatus, Value},
    testing::matcher::Openness,
};

pub(super) fn look(expect: &ExpectManifest, look: &mut Look<'_>) {
    outputs(expect, look);
    for (name, expected) in &expect.nodes {
        let output = look.course.last(&name.value).and_then(|(_, instance)| instance.end?.output());
        let what = format!("nodes.{}", name.value);
        match output {
            Some(output) => look.matches(&what, expected, Openness::Closed, output),
            None => absent(&what, &name.value, expected, look),
        }
    }
    for (name, expected) in &expect.prompts {
        let wanted = look.course.working(&name.value);
        let asked = look.evidence.prompts.iter().find(|(path, _)| is_named(&wanted, path));
        let what = format!("prompts.{}", name.value);
        match asked.map(|(_, prompt)| Value::String(prompt.clone())) {
            Some(prompt) => look.matches(&what, expected, Openness::Closed, &prompt),
            None => absent(&what, &name.value, expected, look),
        }
    }
}

fn is_named(name: &str, path: &NodePath) -> bool {
    name.split('.').count() == path.as_str().split('.').count() && NodePattern::new(name).covers(path)
}

fn absent(what: &str, node: &str, expected: &Tree, look: &mut Look<'_>) {
    let became = look.became(node);
    look.fail(what, expected.span, "a value", format!("none: {became}"));
}

fn outputs(expect: &ExpectManifest, look: &mut Look<'_>) {
    // Of a run without outputs, that it did not succeed is what is to be told; a test that expects that and outputs is told here.
    let outputs = look.evidence.outputs;
    if look.evidence.status != RunStatus::Succeeded && outputs.is_empty() {
        if let Some((_, first)) = expect.outputs.first() {
            let status = look.evidence.status.as_str();
            look.fail("outputs", first.span, "outputs", format!("none: the run {status}"));
        }
        return;
    }
    for (name, expected) in &expect.outputs {
        let what = format!("outputs.{}", name.value);
        if let Some(output) = outputs.get(&name.value) {
            look.matches(&what, expected, Openness::Closed, output);
        } else if expected.to_value() != Value::Null {
            let near = nearest(&name.value, outputs.keys().map(String::as_str));
            let hint = near.map(|near| format!("there is an output `{near}`"));
            look.fail(what, expected.span, "a value", "none: the output is not there").hint = hint;
        }
    }
}
