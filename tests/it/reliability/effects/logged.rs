//! What the log of a run says of its calls of tools. Read from the records as they are stored; knows nothing of the engine.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::step::mark_of;
use crate::reliability::lab::Recorded;

/// The calls of a run, by their marks.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    /// The keys of the intents.
    pub(crate) keys: BTreeMap<String, BTreeSet<String>>,
    /// What calls gave, as often as it is recorded.
    pub(crate) results: BTreeMap<String, Vec<Value>>,
    /// The calls that failed, for whatever reason.
    pub(crate) failures: BTreeSet<String>,
    /// What people decided, in order.
    pub(crate) decisions: BTreeMap<String, Vec<String>>,
}

impl Logged {
    pub(crate) fn read(log: &[Recorded]) -> Self {
        let mut logged = Self::default();
        let mut marks: BTreeMap<String, String> = BTreeMap::new();
        for record in log {
            let body: Value = serde_json::from_str(&record.body).unwrap();
            let place = |what: &str| format!("{} {}", body["node"], body[what]["step"]);
            let mark = |marks: &BTreeMap<_, _>, what: &str| marks.get(&place(what)).cloned().unwrap_or_default();
            match record.kind.as_str() {
                "tool_called" => {
                    let mark = mark_of(&body["call"]["arguments"]).to_owned();
                    let key = body["call"]["key"].as_str().unwrap().to_owned();
                    logged.keys.entry(mark.clone()).or_default().insert(key);
                    marks.insert(place("call"), mark);
                }
                "tool_denied" => {
                    marks.insert(place("denial"), mark_of(&body["denial"]["arguments"]).to_owned());
                }
                "approval_requested" => {
                    marks.insert(place("request"), mark_of(&body["request"]["question"]["arguments"]).to_owned());
                }
                "approval_given" => {
                    let decision = body["approval"]["decision"].as_str().unwrap().to_owned();
                    logged.decisions.entry(mark(&marks, "approval")).or_default().push(decision);
                }
                "tool_returned" => {
                    let mark = mark(&marks, "result");
                    match body["result"]["outcome"].get("output") {
                        Some(output) => logged.results.entry(mark).or_default().push(output.clone()),
                        None => drop(logged.failures.insert(mark)),
                    }
                }
                _ => {}
            }
        }
        logged
    }

    /// How often a person decided so about a call.
    pub(crate) fn decided(&self, mark: &str, decision: &str) -> usize {
        self.decisions.get(mark).map_or(0, |decisions| decisions.iter().filter(|given| *given == decision).count())
    }
}
