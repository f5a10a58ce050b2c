//! How all nodes stand, as far as the display shows it. Pure: notes go in, lines come out of `draw`.

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::clean,
    cli::ui::{
        note::{Note, WORTH_A_LINE, What, why_it_waits},
        outline::Outline,
    },
    model::{NodePath, Spend},
};

/// How a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not started.
    Pending,
    /// An attempt is under way.
    Running,
    /// The next attempt is due at the time given.
    Waiting(Timestamp),
    /// A person has to decide.
    Asking,
    /// It waits until the time given.
    Standing(Timestamp),
    /// Done.
    Succeeded,
    /// Failed, and the run with it.
    Failed,
    /// Failed, and the run goes on.
    Handled,
    /// Not run.
    Skipped,
    /// Given up.
    Cancelled,
}

impl State {
    /// Whether the line will not change any more (unless an enclosing loop goes round again).
    pub(super) fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Waiting(_) | Self::Asking | Self::Standing(_))
    }
}

/// What a line shows.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// How it stands.
    pub(super) state: State,
    /// The attempt, from 1; 0 before the first.
    pub(super) attempt: u32,
    /// Who works on it.
    pub(super) agent: Option<String>,
    /// With which model.
    pub(super) model: Option<String>,
    /// The iteration of a loop, from 1.
    pub(super) iteration: Option<u32>,
    /// How many elements a map has.
    pub(super) elements: Option<usize>,
    /// How many of them have ended.
    pub(super) done: usize,
    /// How many of them have failed.
    pub(super) failed: usize,
    /// What it cost so far, with all it encloses.
    pub(super) spend: Spend,
    /// When it began.
    pub(super) began: Option<Timestamp>,
    /// When it ended.
    pub(super) ended: Option<Timestamp>,
    /// Why it failed or was skipped.
    pub(super) reason: Option<String>,
    /// What it does at the moment, if it is no call of a model.
    pub(super) doing: Option<String>,
    /// How many pieces of the answer have arrived.
    pub(super) pieces: u64,
}

impl Line {
    const NEW: Self = Self {
        state: State::Pending,
        attempt: 0,
        agent: None,
        model: None,
        iteration: None,
        elements: None,
        done: 0,
        failed: 0,
        spend: Spend {
            calls: 0,
            unpriced_calls: 0,
            simulated_calls: 0,
            input_tokens: 0,
            output_tokens: 0,
            usd: 0.0,
            lost_calls: 0,
            tool_calls: 0,
            replayed_calls: 0,
            replayed_usd: 0.0,
        },
        began: None,
        ended: None,
        reason: None,
        doing: None,
        pieces: 0,
    };

    fn end(&mut self, at: Timestamp, state: State, reason: Option<String>) {
        self.state = state;
        self.ended = Some(at);
        self.reason = reason;
    }
}

/// Whose event it is, seen from the line that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The node of the line itself.
    Whole,
    /// One element of it.
    Element,
    /// A node inside that has no line of its own.
    Inside,
}

/// All lines.
#[derive(Debug)]
pub(super) struct Board {
    /// What the lines stand for.
    pub(super) outline: Outline,
    /// The lines, as in the outline.
    pub(super) lines: Vec<Line>,
    /// When the run began.
    pub(super) began: Timestamp,
    /// What the run cost so far.
    pub(super) spend: Spend,
    /// How many lines at the top have been given out for good.
    given_out: usize,
}

impl Board {
    /// A board on which nothing has begun.
    pub(super) fn new(outline: Outline, began: Timestamp) -> Self {
        let lines = vec![Line::NEW; outline.nodes.len()];
        Self { outline, lines, began, spend: Spend::default(), given_out: 0 }
    }

    /// Takes over what `note` tells. A note about an unknown node is let go.
    pub(super) fn apply(&mut self, note: Note) {
        let plain = note.node.without_instances();
        let Some(index) = self.outline.line_of(&plain) else { return };
        let part = part(&self.outline.nodes[index].path, &note.node);
        if let What::Answered(spend) = note.what {
            self.add_spend(&plain, index, spend);
        }
        let restarts = match &note.what {
            What::Iteration(_) => true,
            What::Started { attempt, .. } => *attempt > 1 && self.lines[index].attempt < *attempt,
            _ => false,
        };
        if restarts && part == Part::Whole {
            for line in self.outline.enclosed(index) {
                let spend = self.lines[line].spend;
                self.lines[line] = Line { spend, ..Line::NEW };
            }
        }
        let line = &mut self.lines[index];
        match part {
            Part::Whole => whole(line, note),
            Part::Element => element(line, note),
            Part::Inside => inside(line, note.what),
        }
    }

    fn add_spend(&mut self, plain: &str, index: usize, spend: Spend) {
        self.spend += spend;
        self.lines[index].spend += spend;
        // Every line that encloses this one shows the sum.
        let own = self.outline.nodes[index].path.clone();
        for (dot, _) in plain.match_indices('.') {
            let above = self.outline.line_of(&plain[..dot]).filter(|above| self.outline.nodes[*above].path != own);
            if let Some(above) = above {
                self.lines[above].spend += spend;
            }
        }
    }

    /// How many lines are there, and how many of them are final.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.lines.iter().filter(|line| line.state.is_final()).count(), self.lines.len())
    }

    /// The outermost nodes at the top that have come to their end with all they enclose, each given out once.
    pub(super) fn take_finished(&mut self) -> std::ops::Range<usize> {
        let begin = self.given_out;
        while self.given_out < self.lines.len() {
            let group = self.outline.enclosed(self.given_out);
            if !self.lines[self.given_out].state.is_final() {
                break;
            }
            self.given_out = group.end;
        }
        begin..self.given_out
    }

    /// The lines not yet given out.
    pub(super) fn rest(&self) -> std::ops::Range<usize> {
        self.given_out..self.lines.len()
    }
}

/// `own` is the path of the line, without instances.
fn part(own: &str, node: &NodePath) -> Part {
    let segments = node.as_str().split('.').count();
    if segments > own.split('.').count() {
        Part::Inside
    } else if node.as_str().ends_with(']') {
        Part::Element
    } else {
        Part::Whole
    }
}

fn whole(line: &mut Line, note: Note) {
    match note.what {
        What::Started { attempt, agent, model, elements } => {
            if line.began.is_none() || line.state.is_final() {
                line.began = Some(note.at);
            }
            line.state = State::Running;
            line.ended = None;
            line.reason = None;
            if attempt != line.attempt {
                line.pieces = 0;
            }
            line.attempt = attempt;
            line.agent = agent.or(line.agent.take());
            line.model = model.or(line.model.take());
            line.elements = elements.or(line.elements);
        }
        What::Iteration(iteration) => {
            line.iteration = Some(iteration);
            line.state = State::Running;
            line.began.get_or_insert(note.at);
        }
        What::Text => {
            line.pieces += 1;
            // A call that waited for its turn has had it.
            line.state = State::Running;
        }
        What::AttemptFailed { attempt, error, retry_at } => {
            line.attempt = attempt;
            line.state = State::Waiting(retry_at);
            if !error.is_empty() {
                line.reason = Some(error);
            }
        }
        What::FellBack { attempt, error, to } => {
            line.attempt = attempt;
            line.state = State::Waiting(note.at);
            line.reason = Some(error);
            line.model = Some(to);
        }
        What::Waits { duration, .. } if duration < WORTH_A_LINE => {}
        What::Waits { model, reason, duration } => {
            let due = SignedDuration::try_from(duration).ok().and_then(|duration| note.at.checked_add(duration).ok());
            line.state = State::Waiting(due.unwrap_or(note.at));
            line.reason = Some(why_it_waits(&model, &reason));
        }
        What::Breaker { .. } => {}
        What::Calls(tool) => line.doing = Some(format!("calls {}", clean::one_line(&tool))),
        // A message may be given up long after the node that sent it.
        What::Mail(_) if line.state.is_final() => {}
        What::Mail(what) => line.doing = Some(clean::one_line(&what)),
        What::Asks(question) => {
            line.state = State::Asking;
            line.reason = Some(clean::one_line(&question));
        }
        // Who asks until then goes on asking.
        What::WaitsUntil(_) if line.state == State::Asking => {}
        What::WaitsUntil(until) => line.state = State::Standing(until),
        What::Succeeded => line.end(note.at, State::Succeeded, None),
        What::Reused => line.end(note.at, State::Succeeded, Some("reused".to_owned())),
        What::Failed { error, handled } => {
            line.end(note.at, if handled { State::Handled } else { State::Failed }, Some(error));
        }
        What::Skipped(reason) => line.end(note.at, State::Skipped, Some(reason)),
        What::Cancelled => line.end(note.at, State::Cancelled, None),
        What::Answered(_) => {
            line.pieces = 0;
            line.doing = None;
        }
    }
}

fn element(line: &mut Line, note: Note) {
    match note.what {
        What::Started { agent, model, .. } => {
            line.agent = agent.or(line.agent.take());
            line.model = model.or(line.model.take());
            if line.state == State::Pending {
                line.state = State::Running;
                line.began = Some(note.at);
            }
        }
        What::Succeeded | What::Reused | What::Skipped(_) | What::Cancelled => line.done += 1,
        What::Failed { error, .. } => {
            line.done += 1;
            line.failed += 1;
            line.reason = Some(error);
        }
        What::FellBack { error, .. } => line.reason = Some(error),
        What::AttemptFailed { error, .. } if !error.is_empty() => line.reason = Some(error),
        What::AttemptFailed { .. }
        | What::Waits { .. }
        | What::Breaker { .. }
        | What::Calls(_)
        | What::Mail(_)
        | What::Asks(_)
        | What::WaitsUntil(_)
        | What::Text
        | What::Answered(_)
        | What::Iteration(_) => {}
    }
}

fn inside(line: &mut Line, what: What) {
    match what {
        What::Started { agent, model, .. } => {
            line.agent = agent.or(line.agent.take());
            line.model = model.or(line.model.take());
        }
        What::FellBack { error, .. } => line.reason = Some(error),
        What::AttemptFailed { error, .. } if !error.is_empty() => line.reason = Some(error),
        What::AttemptFailed { .. }
        | What::Waits { .. }
        | What::Breaker { .. }
        | What::Calls(_)
        | What::Mail(_)
        | What::Asks(_)
        | What::WaitsUntil(_)
        | What::Text
        | What::Answered(_)
        | What::Iteration(_)
        | What::Succeeded
        | What::Reused
        | What::Failed { .. }
        | What::Skipped(_)
        | What::Cancelled => {}
    }
}
