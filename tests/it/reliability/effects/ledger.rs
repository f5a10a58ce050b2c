//! Holds what the other sides of tools wrote down against what the log holds, life after life of a run. Knows nothing of the engine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    accounts::Accounts,
    logged::Logged,
    step::{Answer, Class, Seen, Step},
};
use crate::reliability::lab::{Lab, Recorded};

/// The accounts of the calls of one run.
pub(crate) struct EffectLedger<'a> {
    lab: &'a Lab<'a>,
    logged: Logged,
    accounts: Accounts,
    /// How many processes have ended.
    lives: usize,
    /// Calls that were done, and whose results went with a killed process.
    pub(crate) lost: u64,
    pub(crate) problems: Vec<String>,
}

impl<'a> EffectLedger<'a> {
    pub(crate) fn new(lab: &'a Lab<'a>) -> Self {
        let (logged, accounts) = (Logged::default(), Accounts::default());
        Self { lab, logged, accounts, lives: 0, lost: 0, problems: Vec::new() }
    }

    /// How many calls were done.
    pub(crate) fn done(&self) -> u64 {
        self.lab.workload.steps.iter().map(|step| self.accounts.of(step.mark).filter(|made| made.is_done).count() as u64).sum()
    }

    /// How many questions people answered.
    pub(crate) fn decided(&self) -> u64 {
        self.logged.decisions.values().map(|decisions| decisions.len() as u64).sum()
    }

    /// Looks at everything after a process has ended.
    pub(crate) fn after(&mut self, log: &[Recorded], was_killed: bool) {
        if self.lab.workload.steps.is_empty() {
            return;
        }
        self.take(Logged::read(log), Accounts::read(self.lab), was_killed);
    }

    fn take(&mut self, logged: Logged, accounts: Accounts, was_killed: bool) {
        self.lives += 1;
        let mut done: BTreeMap<&str, usize> = BTreeMap::new();
        let mut problems = Vec::new();
        for made in accounts.since(&self.accounts) {
            let mark = made.mark.as_str();
            let Some(step) = self.lab.workload.steps.iter().find(|step| step.mark == mark) else {
                problems.push(format!("`{mark}` was called, which nobody asked for"));
                continue;
            };
            if self.logged.results.contains_key(mark) {
                problems.push(format!("`{mark}` was called again, though its result was recorded"));
            }
            if !made.key.as_ref().is_none_or(|key| logged.keys.get(mark).is_some_and(|keys| keys.contains(key))) {
                problems.push(format!("`{mark}` was called with the key {:?}, of which the log knows nothing", made.key));
            }
            if !logged.keys.contains_key(mark) {
                problems.push(format!("`{mark}` was called, and no intent is in the log"));
            }
            if step.is_asked && logged.decided(mark, "approve") == 0 {
                problems.push(format!("`{mark}` was called, and nobody had approved it"));
            }
            if made.is_done {
                *done.entry(mark).or_insert(0) += 1;
            }
        }
        let twice = done.iter().filter(|(_, times)| **times > 1);
        problems.extend(twice.map(|(mark, times)| format!("`{mark}` was done {times} times by one process")));
        let lost: Vec<_> = done.keys().filter(|mark| !logged.results.contains_key(**mark)).collect();
        let may_be_lost = if was_killed { self.lab.workload.width } else { 0 };
        if lost.len() > may_be_lost {
            problems.push(format!("results were lost: {lost:?}; {may_be_lost} may be"));
        }
        self.lost += lost.len() as u64;
        self.problems.append(&mut problems);
        self.logged = logged;
        self.accounts = accounts;
        let all: Vec<_> = self.lab.workload.steps.iter().flat_map(|step| self.problems_of(step)).collect();
        self.problems.extend(all);
    }

    /// What is wrong with all calls of a step together.
    fn problems_of(&self, step: &Step) -> Vec<String> {
        let mark = step.mark;
        let mut problems = Vec::new();
        if let Some(keys) = self.logged.keys.get(mark).filter(|keys| keys.len() > 1) {
            problems.push(format!("`{mark}` has {} keys", keys.len()));
        }
        let recorded = self.logged.results.get(mark).map_or(0, Vec::len);
        if recorded > 1 {
            problems.push(format!("the result of `{mark}` is in the log {recorded} times"));
        }
        let done = self.accounts.of(mark).filter(|made| made.is_done).count();
        let may_be_done = match step.class {
            Class::Denied => 0,
            Class::Assumes => 1,
            Class::Asks(_) => 1 + self.logged.decided(mark, "rerun"),
            Class::Read | Class::Idempotent | Class::Reruns => self.lives,
        };
        if done > may_be_done {
            problems.push(format!("`{mark}` was done {done} times; {may_be_done} were due"));
        }
        problems
    }

    /// Looks at the end of the run and what it gave.
    pub(crate) fn finish(&mut self, outputs: &Value) {
        for step in self.lab.workload.steps {
            let problem = match self.logged.results.get(step.mark).map(Vec::as_slice) {
                None if step.class == Class::Denied && self.logged.failures.contains(step.mark) => None,
                Some([result]) if step.class != Class::Denied => self.wrong_result(step, result, outputs),
                results => Some(format!("the log has {results:?} as the results of `{}`", step.mark)),
            };
            self.problems.extend(problem);
        }
    }

    /// What is wrong with a result: it must be what the other side said, and what the run gave on.
    fn wrong_result(&self, step: &Step, result: &Value, outputs: &Value) -> Option<String> {
        let mark = step.mark;
        if let Some(given) = outputs.get(mark).filter(|given| *given != result) {
            return Some(format!("`{mark}` gave {result}, and the run gives {given}"));
        }
        if result.is_null() {
            let is_assumed = match step.class {
                Class::Assumes => true,
                Class::Asks(Answer::AssumeDone) => self.logged.decided(mark, "assume_done") == 1,
                _ => false,
            };
            return (!is_assumed).then(|| format!("`{mark}` gave nothing"));
        }
        let Some(said) = self.accounts.of(mark).filter(|made| made.is_done).last() else {
            return (step.seen != Seen::Nowhere).then(|| format!("`{mark}` has a result, and was never called"));
        };
        let is_same = match step.seen {
            Seen::Server => match step.says {
                Some(text) => result["body"]["says"] == text,
                None => result["body"]["n"].as_u64() == said.n,
            },
            Seen::Program => {
                let times = self.accounts.done_by_programs.iter().filter(|done| *done == mark).count();
                result["stdout"].as_str().map(str::trim) == said.key.as_deref() && times == 1
            }
            Seen::Nowhere => true,
        };
        (!is_same).then(|| format!("`{mark}` gave {result}, where the other side said {said:?}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reliability::effects::{accounts::Made, workloads};

    fn record(kind: &str, body: &Value) -> Recorded {
        Recorded { run: "r".to_owned(), kind: kind.to_owned(), body: body.to_string(), at: 0, hash: Vec::new() }
    }

    fn step() -> Value {
        json!({ "turn": 0, "index": 0 })
    }

    fn intent(mark: &str, key: &str) -> Recorded {
        let url = format!("http://x/{mark}");
        record("tool_called", &json!({ "node": mark, "call": { "step": step(), "key": key, "arguments": { "url": url } } }))
    }

    fn result(mark: &str, n: u64) -> Recorded {
        let outcome = json!({ "output": { "body": { "n": n } } });
        record("tool_returned", &json!({ "node": mark, "result": { "step": step(), "outcome": outcome } }))
    }

    fn decided(mark: &str, decision: &str) -> Recorded {
        record("approval_given", &json!({ "node": mark, "approval": { "step": step(), "decision": decision } }))
    }

    fn made(mark: &str, key: &str, n: u64) -> Made {
        Made { mark: mark.to_owned(), key: Some(key.to_owned()), is_done: true, n: Some(n) }
    }

    /// How many problems are found when a first process was killed and a second one was not.
    fn problems(name: &str, first: (&[Recorded], &[Made]), second: (&[Recorded], &[Made])) -> Vec<String> {
        let lab = Lab::new(workloads::ALL.iter().find(|workload| workload.name == name).unwrap());
        let mut ledger = EffectLedger::new(&lab);
        let (mut log, mut server) = (Vec::new(), Vec::new());
        for ((records, calls), was_killed) in [(first, true), (second, false)] {
            log.extend_from_slice(records);
            server.extend_from_slice(calls);
            ledger.take(Logged::read(&log), Accounts { server: server.clone(), ..Accounts::default() }, was_killed);
        }
        ledger.problems
    }

    #[test]
    fn calls_that_are_made_again_with_the_same_key_are_as_promised() {
        let first = (&[intent("one", "k")][..], &[made("one", "k", 1)][..]);
        let second = (&[intent("one", "k"), result("one", 1)][..], &[made("one", "k", 1)][..]);
        assert_eq!(problems("puts", first, second), [""; 0]);
    }

    #[test]
    fn another_key_a_missing_intent_and_a_repeated_result_are_found() {
        let first = [intent("one", "k"), result("one", 1)];
        let call = [made("one", "k", 1)];
        for (second, calls) in [
            (vec![], vec![made("one", "k", 1)]),
            (vec![result("one", 1)], vec![]),
            (vec![intent("one", "l")], vec![]),
            (vec![], vec![made("two", "m", 2)]),
            (vec![intent("two", "m"), result("two", 2)], vec![made("two", "n", 2)]),
            (vec![intent("two", "m")], vec![made("two", "m", 2)]),
            (vec![], vec![made("what", "m", 2)]),
        ] {
            let problems = problems("puts", (&first, &call), (&second, &calls));
            assert!(!problems.is_empty(), "{second:?} {calls:?}");
        }
        assert_eq!(problems("puts", (&first, &call), (&[], &[])), [""; 0]);
    }

    #[test]
    fn a_write_that_is_made_twice_without_a_decision_is_found() {
        let first = (&[intent("again", "k")][..], &[made("again", "k", 1)][..]);
        let second = [intent("again", "k"), result("again", 1)];
        assert_eq!(problems("posts", first, (&second, &[made("again", "k", 1)])).len(), 1);
        let second = [decided("again", "rerun"), intent("again", "k"), result("again", 1)];
        assert_eq!(problems("posts", first, (&second, &[made("again", "k", 1)])), [""; 0]);
        let first = (&[intent("assumed", "k")][..], &[made("assumed", "k", 1)][..]);
        assert_eq!(problems("posts", first, (&second, &[made("assumed", "k", 1)])).len(), 2, "done twice, and lost");
    }

    #[test]
    fn a_call_that_nobody_approved_is_found() {
        let calls = [made("publish", "k", 1)];
        let second = [intent("publish", "k"), result("publish", 1)];
        assert_eq!(problems("approvals", (&[intent("publish", "k")], &[]), (&second, &calls)).len(), 1);
        let first = [intent("publish", "k"), decided("publish", "approve")];
        assert_eq!(problems("approvals", (&first, &[]), (&second, &calls)), [""; 0]);
    }
}
