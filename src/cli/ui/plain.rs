//! Progress for logs and pipes: one line for each thing that happens, nothing drawn over.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::{
    cli::{
        clean, numbers,
        ui::note::{Note, WORTH_A_LINE, What, why_it_waits},
    },
    model::Spend,
};

/// Maps with more elements tell only every tenth of their progress.
const MANY: usize = 50;
/// The most characters told of an error.
const REASON: usize = 300;

/// What has begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Plain {
    open: HashMap<String, Open>,
}

#[derive(Debug)]
struct Open {
    began: Timestamp,
    attempt: u32,
    spend: Spend,
    elements: usize,
    done: usize,
    failed: usize,
}

impl Plain {
    /// The line that tells `note`, if it is worth one.
    pub(super) fn line(&mut self, note: &Note) -> Option<String> {
        let name = note.node.as_str();
        let many = self.map_of(name).is_some_and(|map| map.elements > MANY);
        match &note.what {
            What::Started { attempt, agent, model, elements } => {
                let known = self.open.get(name).is_some_and(|open| open.attempt == *attempt);
                let open = self.open.entry(name.to_owned()).or_insert_with(|| Open::at(note.at));
                open.attempt = *attempt;
                open.elements = elements.unwrap_or(open.elements);
                if let Some(elements) = elements {
                    return Some(format!("{name}: {}", numbers::plural(*elements as u64, "element")));
                }
                // What is told of an attempt may come twice: when it begins, and when that is in the store.
                let who = [agent.as_deref(), model.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(", ");
                if known || many || who.is_empty() {
                    return None;
                }
                let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                Some(format!("{name}: started ({}{again})", clean::one_line(&who)))
            }
            What::Text => None,
            What::Answered(spend) => {
                self.add_spend(name, *spend);
                None
            }
            What::Iteration(iteration) => Some(format!("{name}: iteration {iteration}")),
            What::AttemptFailed { attempt, error, retry_at } => {
                // The same is told twice: with its reason when it is in the store, and without when the wait begins.
                if error.is_empty() {
                    return None;
                }
                let delay = numbers::duration(numbers::between(note.at, *retry_at));
                Some(format!("{name}: attempt {attempt} failed: {}; next try in {delay}", clean::short(error, REASON)))
            }
            What::FellBack { attempt, error, to } => Some(format!(
                "{name}: attempt {attempt} failed: {}; goes on with {}",
                clean::short(error, REASON),
                clean::one_line(to)
            )),
            What::Waits { duration, .. } if many || *duration < WORTH_A_LINE => None,
            What::Waits { model, reason, duration } => {
                // How long other calls take is known only afterwards.
                let waits = if reason == "permit" { "waited" } else { "waits" };
                Some(format!("{name}: {waits} {}: {}", numbers::duration(*duration), why_it_waits(model, reason)))
            }
            What::Breaker { model, to, reason } => {
                let (model, reason) = (clean::one_line(model), clean::short(reason, REASON));
                Some(format!("{name}: circuit breaker of {model} is {to}: {reason}"))
            }
            What::Calls(tool) => Some(format!("{name}: calls {}", clean::one_line(tool))),
            What::WaitsUntil(until) => Some(format!("{name}: waits until {until}")),
            What::Mail(_) if many => None,
            What::Mail(what) => Some(format!("{name}: {}", clean::one_line(what))),
            What::Asks(question) => Some(format!("{name}: waits for a person: {}", clean::short(question, REASON))),
            What::Succeeded => self.end(name, note.at, many, "succeeded"),
            What::Reused => self.end(name, note.at, many, "reused"),
            What::Failed { error, handled } => {
                let word = if *handled { "failed, the run goes on" } else { "failed" };
                let line = self.end(name, note.at, false, word)?;
                if let Some(map) = self.map_of(name) {
                    map.failed += 1;
                }
                Some(format!("{line}: {}", clean::short(error, REASON)))
            }
            What::Skipped(reason) if many => self.end(name, note.at, many, reason),
            What::Skipped(reason) => {
                self.count_element(name);
                Some(format!("{name}: skipped: {}", clean::short(reason, REASON)))
            }
            What::Cancelled => {
                self.open.remove(name);
                Some(format!("{name}: cancelled"))
            }
        }
    }

    /// The mapped node that `name` is an element of.
    fn map_of(&mut self, name: &str) -> Option<&mut Open> {
        let (map, _) = name.split_once('[')?;
        self.open.get_mut(map)
    }

    /// Adds to the node and to all that enclose it, which are the prefixes of its path.
    fn add_spend(&mut self, name: &str, spend: Spend) {
        let ends = name.match_indices(['.', '[', '@', '!']).map(|(at, _)| at).chain([name.len()]);
        for end in ends {
            if let Some(open) = self.open.get_mut(&name[..end]) {
                open.spend += spend;
            }
        }
    }

    fn count_element(&mut self, name: &str) -> Option<(usize, usize)> {
        if !name.ends_with(']') {
            return None;
        }
        let map = self.map_of(name)?;
        map.done += 1;
        Some((map.done, map.elements))
    }

    fn end(&mut self, name: &str, at: Timestamp, many: bool, word: &str) -> Option<String> {
        let open = self.open.remove(name);
        let counted = self.count_element(name);
        if many {
            let (done, elements) = counted?;
            let tenth = (done * 10 / elements) > ((done - 1) * 10 / elements);
            let (map, _) = name.split_once('[')?;
            return tenth.then(|| format!("{map}: {done} of {elements}"));
        }
        let Some(open) = open else { return Some(format!("{name}: {word}")) };
        let time = numbers::duration(numbers::between(open.began, at));
        let mut line = format!("{name}: {word} in {time}");
        if open.spend.calls > 0 {
            line = format!("{line}, {}", numbers::spend(&open.spend));
        }
        if open.failed > 0 {
            line = format!("{line}, {} failed", numbers::plural(open.failed as u64, "element"));
        }
        Some(line)
    }
}

impl Open {
    fn at(began: Timestamp) -> Self {
        Self { began, attempt: 0, spend: Spend::default(), elements: 0, done: 0, failed: 0 }
    }
}
