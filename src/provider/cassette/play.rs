//! A request to a model: taken from the cassette, or kept in it.

use std::collections::HashSet;

use super::{
    Cassette,
    deck::Found,
    entry::{Answer, Entry, Question},
    key,
    nearest::{nearest, told},
    volatile::{Volatile, settle},
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{ChatRequest, ChatResponse, Cost, ModelRef},
};

/// An answer from a cassette.
#[derive(Debug)]
pub struct Played {
    /// What was answered then: also the error that there was.
    pub outcome: Result<ChatResponse>,
    /// What it cost then.
    pub cost: Cost,
}

impl Cassette {
    /// What the cassette has for this request to `model`; `None` when it is to be really asked.
    ///
    /// # Errors
    /// `Unrecorded`, with the nearest that was recorded, when it has nothing and nobody may be asked.
    pub fn answer(&self, model: &ModelRef, request: &ChatRequest) -> Result<Option<Played>> {
        if !self.mode.plays() || self.left.contains(&request.origin.agent) {
            return Ok(None);
        }
        let mut state = self.state();
        let state = &mut *state;
        let (origin, settled) = (&request.origin, &state.settled);
        let place = state.places.get(&origin.run).map_or_else(|| origin.node.to_string(), |to| format!("{to} > {}", origin.node));
        let mut volatile = Volatile::new(origin.run, self.scrub.as_ref(), settled);
        let (key, asked) = key::of_request(model, request, &mut volatile);
        match state.requests.take(&key, &asked, &place, origin.attempt) {
            Found::Answer(answer) => {
                state.played += 1;
                Ok(Some(played(request, answer, &volatile)))
            }
            missing if self.mode.asks_nobody() => {
                let given = if let Found::UsedUp(count) = missing { Some(count) } else { None };
                state.missed += 1;
                let who = format!("node `{place}`, attempt {}", origin.attempt);
                Err(self.miss(&who, "request", given, state.requests.entries(), &asked, &place))
            }
            Found::UsedUp(_) | Found::Nothing => {
                state.missed += 1;
                Ok(None)
            }
        }
    }

    /// Keeps what came of a request to `model`; gives it as it is to be told to who asked: with the ids that requests for tools have in
    /// every run.
    ///
    /// # Errors
    /// That which came of it.
    pub fn keep(
        &self,
        model: &ModelRef,
        request: &ChatRequest,
        came: Result<(ChatResponse, Cost)>,
    ) -> Result<(ChatResponse, Cost)> {
        let came = came.map(|(response, cost)| (key::with_own_ids(request, response), cost));
        let is_kept = self.mode.records() && !self.left.contains(&request.origin.agent);
        if !is_kept || came.as_ref().is_err_and(|error| is_of_this_run(error.kind())) {
            return came;
        }
        let mut state = self.state();
        let origin = &request.origin;
        let place = state.place(origin.run, &origin.node);
        let (key, asked, answer) = {
            let mut volatile = Volatile::new(origin.run, self.scrub.as_ref(), &state.settled);
            let (key, asked) = key::of_request(model, request, &mut volatile);
            let answer = match &came {
                Ok((response, cost)) => Answer {
                    cost_usd: if let Cost::Usd(usd) = cost { Some(*usd) } else { None },
                    simulated: *cost == Cost::Simulated,
                    ..key::answer(origin.attempt, request, response, &mut volatile)
                },
                Err(error) => Answer::failed(origin.attempt, error, &mut volatile),
            };
            (key, asked, answer)
        };
        answer.settle(&mut state.settled);
        state.requests.keep(key, &place, asked, answer);
        state.recorded += 1;
        self.save(&mut state);
        came
    }

    /// The error of something that the cassette does not have. Of something that it has, `given` is how many answers were given.
    pub(super) fn miss<A: Question, T>(
        &self,
        who: &str,
        what: &str,
        given: Option<usize>,
        entries: &[Entry<A, T>],
        asked: &A,
        place: &str,
    ) -> Error {
        let path = self.path.display();
        let message = match given {
            Some(1) => format!("{who}: the cassette `{path}` has one answer to this {what}, and it was given"),
            Some(count) => format!("{who}: the cassette `{path}` has {count} answers to this {what}, and all were given"),
            None => format!("{who}: the cassette `{path}` has no answer to this {what}"),
        };
        let error = Error::new(ErrorKind::Unrecorded, message);
        let error = match nearest(entries, asked, place) {
            Some(entry) if given.is_none() => error.hint(told(entry, asked, place)),
            Some(_) => error,
            None => error.hint(format!("it has no {what} at all")),
        };
        error.hint("`--replay FILE --record-missing` really asks for what is missing, and adds it")
    }
}

impl Answer {
    fn failed(attempt: u32, error: &Error, volatile: &mut Volatile<'_>) -> Self {
        let mut record = error.to_record();
        record.message = volatile.answered(&record.message);
        record.hints.iter_mut().for_each(|hint| *hint = volatile.answered(hint));
        record.raw_text = record.raw_text.map(|text| volatile.answered(&text));
        Self {
            attempt,
            text: None,
            calls: Vec::new(),
            finish: None,
            by: None,
            usage: None,
            cost_usd: None,
            simulated: false,
            error: Some(record),
        }
    }

    /// Notes what stays as it is, because it comes from the cassette.
    pub(super) fn settle(&self, settled: &mut HashSet<String>) {
        self.text.iter().for_each(|text| settle(text, settled));
        self.calls.iter().for_each(|call| settle(&call.arguments, settled));
        if let Some(error) = &self.error {
            settle(&error.message, settled);
        }
    }
}

fn played(request: &ChatRequest, answer: &Answer, volatile: &Volatile<'_>) -> Played {
    let cost = match (answer.simulated, answer.cost_usd) {
        (true, _) => Cost::Simulated,
        (false, usd) => Cost::Replayed { usd },
    };
    let outcome = match &answer.error {
        Some(error) => {
            let mut record = error.clone();
            record.message = volatile.played(&record.message);
            Err(record.into())
        }
        None => Ok(key::response(request, answer, volatile)),
    };
    Played { outcome, cost }
}

/// Whether a call ended for a reason that lies with the run and not with who was asked.
fn is_of_this_run(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::Cancelled | ErrorKind::Internal | ErrorKind::Unrecorded)
}
