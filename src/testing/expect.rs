//! What must hold after a run, held against what happened. Every expectation that does not hold is told.

mod counts;
mod ending;
mod history;
mod values;

use indexmap::IndexMap;

use crate::{
    diagnostic::{Diagnostic, Sources, Span},
    error::ErrorRecord,
    manifest::{ExpectManifest, Tree},
    model::{Event, NodePath, RunStatus, Spend, Value},
    plan::Plan,
    testing::{
        course::{Course, End},
        matcher::{Matcher, Openness},
        unmet::{Place, Unmet},
    },
};

/// What happened in a run.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What was run.
    pub plan: &'a Plan,
    /// Everything that happened.
    pub events: &'a [Event],
    /// How it ended.
    pub status: RunStatus,
    /// What it put out.
    pub outputs: &'a IndexMap<String, Value>,
    /// Why it failed.
    pub error: Option<&'a ErrorRecord>,
    /// What `agentflow run` would have exited with.
    pub exit_code: u8,
    /// What was spent.
    pub spend: Spend,
    /// What agents were asked first, by instance, in the order of asking.
    pub prompts: &'a [(NodePath, String)],
    /// The agents that were asked and the tools that were called, each time that they were.
    pub calls: &'a [String],
}

/// The expectations of `expect` that do not hold. `case` is where its test is written; all spans are of `sources`.
#[must_use]
pub fn unmet(expect: &ExpectManifest, case: Span, evidence: Evidence<'_>, sources: &Sources) -> Vec<Unmet> {
    let course = Course::of(evidence.plan, evidence.events);
    let mut look = Look { evidence, course, sources, failures: Vec::new() };
    ending::look(expect, case, &mut look);
    counts::look(expect, &mut look);
    values::look(expect, &mut look);
    history::look(expect, &mut look);
    look.failures
}

/// Looks at a run and keeps what is not as expected.
struct Look<'a> {
    evidence: Evidence<'a>,
    course: Course<'a>,
    sources: &'a Sources,
    failures: Vec<Unmet>,
}

impl Look<'_> {
    fn fail(
        &mut self,
        what: impl Into<String>,
        span: Span,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> &mut Unmet {
        let place = Place::of(self.sources, span);
        self.failures.push(Unmet::new(what, place, expected, actual));
        self.failures.last_mut().expect("one was added")
    }

    /// Holds `value`, which is called `what`, against what is written.
    fn matches(&mut self, what: &str, expected: &Tree, openness: Openness, value: &Value) {
        // What makes no sense was told before anything was run.
        let Some(matcher) = Matcher::read(expected, openness, &mut Vec::<Diagnostic>::new()) else { return };
        for found in matcher.mismatches(value) {
            let place = Place::of(self.sources, found.span);
            let failure = Unmet::new(format!("{what}{}", found.at), place, found.expected, found.actual);
            self.failures.push(Unmet { difference: found.difference, ..failure });
        }
    }

    /// What became of the node `name`, in words, for one that is not as expected.
    fn became(&self, name: &str) -> String {
        if self.course.is_skipped(name) {
            let reason = self.course.last(name).and_then(|(_, instance)| instance.end);
            return reason.map_or_else(|| "it is inside of a node that was skipped".to_owned(), End::in_words);
        }
        match self.course.last(name) {
            Some((_, instance)) => instance.end.map_or_else(|| "it has not ended".to_owned(), End::in_words),
            None => "the run did not come to it".to_owned(),
        }
    }
}
