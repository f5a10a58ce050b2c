//! What a point is, and how a test comes to take it, in words.

use super::{
    Coverage, FileCoverage,
    point::{Count, Point, What},
    threshold::percent,
};

impl Point {
    /// What the point is, in words: edge from `triage`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let subject = &self.subject;
        match &self.what {
            What::Ran if self.is_covered() => "ran".to_owned(),
            What::Ran if self.skips > 0 => "only skipped".to_owned(),
            What::Ran => "never ran".to_owned(),
            What::EdgeFrom(from) => format!("edge from `{from}`"),
            What::When(value) => format!("`when` {value}: `{subject}`"),
            What::EdgeCondition(from, value) => format!("condition of the edge from `{from}` {value}: `{subject}`"),
            What::Until(value) => format!("`until` {value}: `{subject}`"),
            What::Case(case) => format!("route `{case}`"),
            What::Default => "route by default".to_owned(),
            What::Continued => "on error, it goes on without its output".to_owned(),
            What::Replaced => "on error, it goes on with another output".to_owned(),
            What::WentTo(target) => format!("on error, it goes on at `{target}`"),
            What::Retried => "another attempt".to_owned(),
            What::CameShort => "nothing came in time".to_owned(),
            What::FellBackTo(model) => format!("fallback to {model}"),
            What::WentRound => "a second iteration".to_owned(),
            What::ReachedBound => "the last iteration, `until` still false".to_owned(),
            What::Mapped(Count::None) => "no element".to_owned(),
            What::Mapped(Count::One) => "one element".to_owned(),
            What::Mapped(Count::Many) => "more than one element".to_owned(),
            What::FirstFrom(from) => format!("`{from}` comes first"),
            What::Chose(option) => format!("option `{option}`"),
            What::Unanswered => "nobody answers in time".to_owned(),
        }
    }
}

impl FileCoverage {
    /// How a test comes to take a point of the workflow, in words.
    #[must_use]
    pub fn hint(&self, point: &Point) -> String {
        let (node, subject) = (&point.node, &point.subject);
        match &point.what {
            What::Ran if self.runs == 0 => "no test runs this workflow: write one".to_owned(),
            What::Ran if point.skips > 0 => match self.when_of(node) {
                Some(when) => format!("have `{when}` give true, or an edge to it be taken"),
                None => "have an edge to it be taken".to_owned(),
            },
            What::Ran => "have what leads to it happen; what is mocked as a whole is not looked into".to_owned(),
            What::EdgeFrom(from) => format!("have `{from}` end so that it leads to `{node}`"),
            What::When(value) | What::EdgeCondition(_, value) => format!("give inputs or mocks by which it is {value}"),
            What::Until(true) => "mock what it reads so that it is true after an iteration".to_owned(),
            What::Until(false) => "mock what it reads by `outputs`, the first of which leave it false".to_owned(),
            What::Case(case) => format!("have `{subject}` give `{case}`"),
            What::Default => format!("have `{subject}` give something else than its cases"),
            What::Continued | What::Replaced | What::WentTo(_) => {
                format!("mock `{node}` with `fail: {{ kind: failed }}`, or use `faults`")
            }
            What::Retried => format!("mock `{node}` with `fail: {{ kind: connection, times: 1 }}` and an output"),
            What::CameShort => "have nobody send what it waits for".to_owned(),
            What::FellBackTo(_) => {
                "use `faults: [{ kind: unavailable, at: PROVIDER/MODEL, times: … }]` for the model before it".to_owned()
            }
            What::WentRound => "have the first iteration not be enough".to_owned(),
            What::ReachedBound => "mock what `until` reads so that it never is true".to_owned(),
            What::Mapped(Count::None) => format!("have `{subject}` give an empty list"),
            What::Mapped(Count::One) => format!("have `{subject}` give one element"),
            What::Mapped(Count::Many) => format!("have `{subject}` give several elements"),
            What::FirstFrom(from) => format!("have `{from}` end before the others"),
            What::Chose(option) => format!("mock `{node}` with `option: {option}`"),
            What::Unanswered => format!("mock `{node}` with `unanswered: true`"),
        }
    }

    fn when_of(&self, node: &str) -> Option<&str> {
        let mut whens = self.points.iter().filter(|point| matches!(point.what, What::When(_)));
        whens.find(|point| point.node == node).map(|point| point.subject.as_str())
    }
}

impl Coverage {
    /// What is to be said of all of them in one line.
    #[must_use]
    pub fn in_short(&self) -> String {
        let (tally, files) = (self.tally(None), self.files().count());
        let workflows = if files == 1 { "1 workflow".to_owned() } else { format!("{files} workflows") };
        let percent = percent(tally.percent());
        format!("{} of {} points of {workflows} are covered ({percent} %)", tally.covered, tally.all)
    }
}
