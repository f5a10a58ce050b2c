//! How a run goes on to its end: processes, one after the other, and a person who answers when it waits.

use std::time::Duration;

use serde_json::Value;

use super::{
    effects::step::{Answer, Class, mark_of},
    lab::{Lab, Running, told},
    ledger::Ledger,
};

/// The exit code of a run that waits for a person.
pub(crate) const WAITS: i32 = 3;
/// How often a run may wait: more often than any workload has questions, kills included.
const MOST_WAITS: usize = 30;

impl Lab<'_> {
    /// The arguments that begin the run, or go on with it.
    pub(crate) fn next<'b>(&self, run: Option<&'b str>) -> Vec<&'b str> {
        run.map_or_else(|| self.run("json"), |run| vec!["resume", run, "--output", "json"])
    }
}

impl Ledger<'_> {
    /// Lets the run go on undisturbed until it has ended.
    pub(crate) fn go_on(&mut self, lease: Duration) -> std::process::Output {
        let mut waits = 0;
        loop {
            let output = Running::start(self.lab.agentflow(&self.lab.next(self.run()), lease)).end();
            self.after(&output);
            if output.status.code() != Some(WAITS) || waits == MOST_WAITS {
                return output;
            }
            waits += 1;
            self.answer(lease);
        }
    }

    /// Answers all that the run asks.
    pub(crate) fn answer(&mut self, lease: Duration) {
        for arguments in self.answers(lease) {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let output = Running::start(self.lab.agentflow(&arguments, lease)).end();
            if !output.status.success() {
                self.problems.push(format!("`{}` was not taken: {}", arguments.join(" "), told(&output)));
            }
            self.after(&output);
        }
    }

    /// The commands that answer what the run asks.
    pub(crate) fn answers(&mut self, lease: Duration) -> Vec<Vec<String>> {
        let Some(run) = self.run().map(str::to_owned) else { return Vec::new() };
        let output = Running::start(self.lab.agentflow(&["approve", &run, "--format", "json"], lease)).end();
        let questions: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if questions.is_empty() {
            self.problems.push(format!("the run waits, and asks nothing: {}", told(&output)));
        }
        let mut answers: Vec<Vec<String>> = Vec::new();
        for question in &questions {
            let mark = mark_of(&question["arguments"]);
            let step = self.lab.workload.steps.iter().find(|step| step.mark == mark);
            let decision = match (question["kind"].as_str(), step) {
                // What has an end is left to it.
                (Some("choice"), _) if !question["until"].is_null() => continue,
                (Some("choice"), _) => None,
                (Some("permission"), Some(step)) if step.is_asked => None,
                (Some("ambiguous"), Some(step)) => match step.class {
                    Class::Asks(Answer::Rerun) => Some("--rerun"),
                    Class::Asks(Answer::AssumeDone) => Some("--assume-done"),
                    _ => {
                        self.problems.push(format!("it is asked what became of `{mark}`"));
                        continue;
                    }
                },
                _ => {
                    self.problems.push(format!("nobody need be asked: {question}"));
                    continue;
                }
            };
            let node = question["node"].as_str().unwrap_or_default();
            let words = ["approve", &run, node].into_iter().chain(decision).map(str::to_owned).collect();
            if !answers.contains(&words) {
                answers.push(words);
            }
        }
        answers
    }

    /// Looks at what the audit says of the run.
    pub(crate) fn verify(&mut self, lease: Duration) {
        if let Some(run) = self.run().filter(|_| !self.lab.workload.steps.is_empty()) {
            let output = Running::start(self.lab.agentflow(&["audit", "verify", run], lease)).end();
            if !output.status.success() {
                self.problems.push(format!("the audit is not whole: {}", told(&output)));
            }
        }
    }
}
