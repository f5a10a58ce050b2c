//! Holds what the server was asked against what the log holds, life after life of a run. Knows nothing of the engine.

use std::{collections::BTreeMap, process::Output};

use serde_json::Value;

use super::{
    effects::ledger::EffectLedger,
    lab::{Lab, Recorded, told, was_killed},
};
use crate::fault_server::Asked;

/// The accounts of one run.
pub(crate) struct Ledger<'a> {
    pub(super) lab: &'a Lab<'a>,
    log: Vec<Recorded>,
    /// The calls whose answers are in `log`.
    recorded: BTreeMap<usize, usize>,
    /// How many requests were looked at.
    asked: usize,
    /// Requests that were answered, and whose answers went with a killed process.
    pub(crate) lost: u64,
    /// The accounts of calls of tools.
    pub(crate) effects: EffectLedger<'a>,
    pub(crate) problems: Vec<String>,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(lab: &'a Lab<'a>) -> Self {
        let effects = EffectLedger::new(lab);
        Self { lab, log: Vec::new(), recorded: BTreeMap::new(), asked: 0, lost: 0, effects, problems: Vec::new() }
    }

    /// The run, if there is one.
    pub(crate) fn run(&self) -> Option<&str> {
        self.log.first().map(|record| record.run.as_str())
    }

    /// Looks at everything after a process has ended.
    pub(crate) fn after(&mut self, output: &Output) {
        if output.status.code().is_none() && !was_killed(output) {
            self.problems.push(format!("a process hung, or broke off: {}", told(output)));
        }
        let asked = self.lab.asked();
        let log = self.lab.records();
        self.compare_logs(&log);
        self.log = log;
        let before = std::mem::take(&mut self.recorded);
        self.recorded = self.recorded_calls();
        let answered = self.answered_calls(&asked[self.asked..], &before);
        self.asked = asked.len();
        let lost: Vec<_> = answered.keys().filter(|call| !self.recorded.contains_key(call)).collect();
        let may_be_lost = if was_killed(output) { self.lab.workload.may_be_lost() } else { 0 };
        if lost.len() > may_be_lost {
            let marks: Vec<_> = lost.iter().map(|call| self.lab.workload.calls[**call].mark).collect();
            self.problems.push(format!("answers were lost: {marks:?}; {may_be_lost} may be ({})", told(output)));
        }
        self.lost += lost.len() as u64;
        self.effects.after(&self.log, was_killed(output));
        self.problems.append(&mut self.effects.problems);
    }

    /// Looks at the end of the run: `output` is what its last process said.
    pub(crate) fn finish(&mut self, output: &Output, expected: &Value) {
        if !output.status.success() {
            self.problems.push(format!("the run did not come to its end: {}", told(output)));
            return;
        }
        let outputs: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        self.effects.finish(&outputs);
        self.problems.append(&mut self.effects.problems);
        let (outputs, expected) = (self.told_by_models(outputs), self.told_by_models(expected.clone()));
        if outputs != expected {
            self.problems.push(format!("the outputs are {outputs}, not {expected}"));
        }
        if self.log.last().is_none_or(|record| record.kind != "run_finished") {
            self.problems.push("the log does not end with the end of the run".to_owned());
        }
        for (number, call) in self.lab.workload.calls.iter().enumerate() {
            if call.answer().is_some() && !self.recorded.contains_key(&number) {
                self.problems.push(format!("the answer to `{}` is not in the log", call.mark));
            }
        }
    }

    /// Outputs without the results of tools, which tell when they came.
    fn told_by_models(&self, mut outputs: Value) -> Value {
        if let Some(outputs) = outputs.as_object_mut() {
            outputs.retain(|name, _| self.lab.workload.steps.iter().all(|step| step.mark != name));
        }
        outputs
    }

    /// What was there must still be there, byte for byte.
    fn compare_logs(&mut self, log: &[Recorded]) {
        if !log.starts_with(&self.log) {
            let same = self.log.iter().zip(log).take_while(|(before, after)| before == after).count();
            let (before, after) = (self.log.len(), log.len());
            self.problems.push(format!("of {before} records, only the first {same} are still there; now there are {after}"));
        }
        if log.iter().any(|record| record.run != log[0].run) {
            self.problems.push("there is a second run".to_owned());
        }
    }

    /// How often each call's answer is in the log.
    fn recorded_calls(&mut self) -> BTreeMap<usize, usize> {
        let mut calls = BTreeMap::new();
        for record in self.log.iter().filter(|record| record.kind == "model_responded") {
            let body: Value = serde_json::from_str(&record.body).unwrap();
            let answer = body["response"]["content"].as_str().unwrap_or_default();
            match self.lab.workload.call_of_answer(answer) {
                Some(call) => *calls.entry(call).or_insert(0) += 1,
                None => self.problems.push(format!("nobody answered `{answer}`, which is in the log")),
            }
        }
        for (call, times) in &calls {
            if *times > 1 {
                let mark = self.lab.workload.calls[*call].mark;
                self.problems.push(format!("the answer to `{mark}` is in the log {times} times"));
            }
        }
        calls
    }

    /// How often each call was asked and answered in one life; what was recorded before may not be among it.
    fn answered_calls(&mut self, asked: &[Asked], before: &BTreeMap<usize, usize>) -> BTreeMap<usize, usize> {
        let mut calls = BTreeMap::new();
        for asked in asked {
            let prompt = asked.prompt.as_deref().unwrap_or_default();
            let Some(call) = self.lab.workload.call_of_prompt(prompt) else {
                self.problems.push(format!("the server was asked `{prompt}`"));
                continue;
            };
            let mark = self.lab.workload.calls[call].mark;
            if before.contains_key(&call) {
                self.problems.push(format!("`{mark}` was asked again, though its answer was recorded"));
            }
            if asked.reply == "ok" {
                let times = calls.entry(call).or_insert(0);
                *times += 1;
                if *times > 1 {
                    self.problems.push(format!("`{mark}` was asked and answered {times} times by one process"));
                }
            }
        }
        calls
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reliability::workload;

    fn record(run: &str, answer: Option<&str>, hash: u8) -> Recorded {
        let kind = if answer.is_some() { "model_responded" } else { "run_created" };
        let body = json!({ "response": { "content": answer } }).to_string();
        Recorded { run: run.to_owned(), kind: kind.to_owned(), body, at: 0, hash: vec![hash] }
    }

    fn asked(prompt: &str, reply: &str) -> Asked {
        Asked {
            n: 1,
            at_ms: 0,
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            prompt: Some(prompt.to_owned()),
            idempotency_key: None,
            body_sha256: String::new(),
            reply: reply.to_owned(),
            repeat: false,
        }
    }

    #[test]
    fn records_that_are_gone_or_changed_are_found() {
        let lab = Lab::new(&workload::MODELS[0]);
        let log = [record("r", None, 1), record("r", Some("uno"), 2)];
        for (after, problems) in [
            (log.to_vec(), 0),
            (log[..1].to_vec(), 1),
            (vec![log[0].clone(), record("r", Some("uno"), 3)], 1),
            (vec![log[0].clone(), log[1].clone(), record("other", None, 4)], 1),
        ] {
            let mut ledger = Ledger { log: log.to_vec(), ..Ledger::new(&lab) };
            ledger.compare_logs(&after);
            assert_eq!(ledger.problems.len(), problems, "{:?}", ledger.problems);
        }
    }

    #[test]
    fn answers_that_nobody_gave_and_answers_twice_are_found() {
        let lab = Lab::new(&workload::MODELS[0]);
        for (answers, problems) in [(vec!["uno", "dos"], 0), (vec!["uno", "uno"], 1), (vec!["eleven"], 1)] {
            let log = answers.into_iter().map(|answer| record("r", Some(answer), 1)).collect();
            let mut ledger = Ledger { log, ..Ledger::new(&lab) };
            ledger.recorded_calls();
            assert_eq!(ledger.problems.len(), problems, "{:?}", ledger.problems);
        }
    }

    #[test]
    fn calls_that_are_paid_again_are_found() {
        let lab = Lab::new(&workload::MODELS[0]);
        let before = BTreeMap::from([(0, 1)]);
        for (requests, problems) in [
            (vec![asked("[[two]] uno", "ok")], 0),
            (vec![asked("[[two]] uno", "status 503"), asked("[[two]] uno", "ok")], 0),
            (vec![asked("[[two]] uno", "ok"), asked("[[two]] uno", "ok")], 1),
            (vec![asked("[[one]]", "ok")], 1),
            (vec![asked("what?", "ok")], 1),
        ] {
            let mut ledger = Ledger::new(&lab);
            ledger.answered_calls(&requests, &before);
            assert_eq!(ledger.problems.len(), problems, "{:?}", ledger.problems);
        }
    }
}
