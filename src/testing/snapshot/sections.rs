//! What is written down of a run: only what is the same each time the same thing happens.

use serde_json::{Map, json};

use crate::{
    model::{Event, RunId, Value},
    testing::{course::Course, expect::Evidence},
};

/// Fields of events that are different in each run.
const VOLATILE: [&str; 15] = [
    "run",
    "plan_digest",
    "sources",
    "agentflow",
    "owner",
    "settings",
    "nonce",
    "fingerprint",
    "key",
    "digest",
    "duration_ms",
    "basis",
    "retry_at",
    "until",
    "id",
];

/// Fields of events that hold what authors and models wrote, in which such names are theirs.
const THEIRS: [&str; 7] = ["output", "outputs", "inputs", "body", "arguments", "content", "form"];

/// The parts of a run that `wanted` names: `outputs`, `nodes`, `prompts`, `route`, `events`.
#[must_use]
pub fn taken(wanted: &[&str], run: RunId, evidence: Evidence<'_>) -> Value {
    let course = Course::of(evidence.plan, evidence.events);
    let mut parts = Map::new();
    for part in wanted {
        let value = match *part {
            "outputs" => json!(evidence.outputs),
            "nodes" => nodes(&course),
            "prompts" => prompts(evidence),
            "route" => route(&course, evidence),
            _ => Value::Array(evidence.events.iter().map(event).collect()),
        };
        parts.insert((*part).to_owned(), without_run(value, &run.to_string()));
    }
    Value::Object(parts)
}

/// What each instance put out, by its path.
fn nodes(course: &Course<'_>) -> Value {
    let outputs = course.outputs().map(|(path, output)| (path.to_string(), output.clone()));
    Value::Object(outputs.collect())
}

/// What each agent was asked first, by instance.
fn prompts(evidence: Evidence<'_>) -> Value {
    let mut prompts: Vec<_> =
        evidence.prompts.iter().map(|(path, prompt)| (path.to_string(), Value::from(prompt.as_str()))).collect();
    prompts.sort_by(|one, other| one.0.cmp(&other.0));
    Value::Object(prompts.into_iter().collect())
}

/// What became of each node of the plan, in its order.
fn route(course: &Course<'_>, evidence: Evidence<'_>) -> Value {
    let told = |path: &String| {
        let (times, attempts) = (course.executed(path), course.attempts(path));
        let skipped = if course.is_skipped(path) { "skipped" } else { "not reached" };
        let end = course.last(path).and_then(|(_, instance)| instance.end);
        let tries = if attempts > times { format!(", {attempts} attempts") } else { String::new() };
        let failed = match end {
            Some(crate::testing::course::End::Failed(error, handled)) => {
                let kind = serde_json::to_value(error.kind).unwrap_or_default();
                let handled = if handled.is_some() { ", handled" } else { "" };
                format!(", failed: {}{handled}", kind.as_str().unwrap_or_default())
            }
            _ => String::new(),
        };
        let text = if times == 0 && failed.is_empty() { skipped.to_owned() } else { format!("ran ×{times}{tries}{failed}") };
        (path.clone(), Value::from(text))
    };
    // The graph that is made around a looped node is no node of the author's.
    let is_own = |path: &&String| path.rsplit_once('.').is_none_or(|(outer, _)| course.working(outer) != **path);
    Value::Object(evidence.plan.node_paths().iter().filter(is_own).map(told).collect())
}

/// An event without its time and what is different in each run.
fn event(event: &Event) -> Value {
    let mut body = serde_json::to_value(&event.body).unwrap_or_default();
    drop_volatile(&mut body);
    body
}

fn drop_volatile(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !VOLATILE.contains(&name.as_str()));
            fields.iter_mut().filter(|(name, _)| !THEIRS.contains(&name.as_str())).for_each(|(_, value)| drop_volatile(value));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_volatile),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The id of the run, wherever it stands in a text, as `RUN`.
fn without_run(value: Value, run: &str) -> Value {
    match value {
        Value::String(text) if text.contains(run) => Value::String(text.replace(run, "RUN")),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| without_run(item, run)).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name.replace(run, "RUN"), without_run(value, run))).collect())
        }
        value => value,
    }
}
