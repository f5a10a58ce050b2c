//! Lines of text from a board: aligned, coloured, never wider or more than asked.

use std::{ops::Range, time::Duration};

use anstyle::Style;
use console::{measure_text_width, truncate_str};
use jiff::Timestamp;

use crate::{
    cli::{
        clean, numbers,
        terminal::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, paint},
        ui::board::{Board, Line, State},
    },
    model::RunStatus,
};

/// The frames of the spinner.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// The columns of the bar of a map.
const BAR: usize = 12;
/// Below this width, only the mark, the name and the time are shown.
const NARROW: usize = 72;

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canvas {
    /// Columns.
    pub(super) width: usize,
    /// Lines.
    pub(super) height: usize,
    /// Whether with colours.
    pub(super) color: bool,
}

/// The live picture: the lines not yet given out, as many as fit, and a line for the run as a whole.
pub(super) fn frame(board: &Board, canvas: Canvas, now: Timestamp, tick: usize) -> Vec<String> {
    let room = canvas.height.saturating_sub(3).max(1);
    let (visible, hidden) = choose(board, room);
    let mut lines: Vec<String> = visible.into_iter().map(|index| line(board, index, canvas, now, tick)).collect();
    if hidden.any() {
        lines.push(fit(&paint(canvas.color, DIM, &format!("  … {}", hidden.text())), canvas.width));
    }
    let (done, all) = board.progress();
    let summary = format!(
        "{} {}  {done}/{all} nodes · {} · {}",
        paint(canvas.color, CYAN, SPINNER[tick % SPINNER.len()]),
        paint(canvas.color, BOLD, &clean::one_line(&board.outline.name)),
        numbers::spend(&board.spend),
        numbers::duration(numbers::between(board.began, now)),
    );
    lines.push(fit(&summary, canvas.width));
    lines
}

/// The lines of `range` for good, without those that never began.
pub(super) fn finished(board: &Board, range: Range<usize>, canvas: Canvas, now: Timestamp) -> Vec<String> {
    range.filter(|index| board.lines[*index].state != State::Pending).map(|index| line(board, index, canvas, now, 0)).collect()
}

/// The line that ends the display.
pub(super) fn summary(
    name: &str,
    status: RunStatus,
    time: Duration,
    spend: &crate::model::Spend,
    run: &str,
    color: bool,
) -> String {
    let (mark, style, word) = match status {
        RunStatus::Succeeded => ("✔", GREEN, "succeeded"),
        RunStatus::Failed => ("✘", RED, "failed"),
        RunStatus::Cancelled => ("⊘", YELLOW, "cancelled"),
        RunStatus::Running => ("‖", YELLOW, "interrupted"),
        RunStatus::Waiting => ("?", YELLOW, "waits"),
    };
    format!(
        "{} {} {word} in {} · {} · run {run}",
        paint(color, style, mark),
        paint(color, BOLD, &clean::one_line(name)),
        numbers::duration(time),
        numbers::spend(spend),
    )
}

/// How many lines are not shown, by what they are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Hidden {
    done: usize,
    waiting: usize,
    running: usize,
}

impl Hidden {
    fn any(self) -> bool {
        self != Self::default()
    }

    fn text(self) -> String {
        let parts = [(self.running, "more running"), (self.done, "done"), (self.waiting, "waiting")];
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }
}

/// Which lines are shown in `room` lines: what runs first, then what failed, what comes next, and what is done last.
fn choose(board: &Board, room: usize) -> (Vec<usize>, Hidden) {
    let rest = board.rest();
    if rest.len() <= room {
        return (rest.collect(), Hidden::default());
    }
    let room = room.saturating_sub(1);
    let mut visible = Vec::with_capacity(room);
    for rank in 0..4 {
        visible.extend(rest.clone().filter(|index| rank_of(board.lines[*index].state) == rank).take(room - visible.len()));
    }
    visible.sort_unstable();
    let mut hidden = Hidden::default();
    for index in rest.filter(|index| visible.binary_search(index).is_err()) {
        match board.lines[index].state {
            State::Running | State::Waiting(_) | State::Asking | State::Standing(_) => hidden.running += 1,
            State::Pending => hidden.waiting += 1,
            State::Succeeded | State::Failed | State::Handled | State::Skipped | State::Cancelled => hidden.done += 1,
        }
    }
    (visible, hidden)
}

fn rank_of(state: State) -> u8 {
    match state {
        State::Running | State::Waiting(_) | State::Asking | State::Standing(_) => 0,
        State::Failed | State::Handled => 1,
        State::Pending => 2,
        State::Succeeded | State::Skipped | State::Cancelled => 3,
    }
}

/// One line: mark and name, what goes on, and the figures at the right.
fn line(board: &Board, index: usize, canvas: Canvas, now: Timestamp, tick: usize) -> String {
    let node = &board.outline.nodes[index];
    let line = &board.lines[index];
    let (mark, style) = mark(line.state, tick);
    let indent = "  ".repeat(node.depth.min(8));
    let mut name = node.label.clone();
    if let Some(elements) = line.elements {
        name = format!("{name} [{}/{elements}]", line.done);
    }
    if let (Some(max), true) = (node.max_iterations, line.began.is_some()) {
        // The first iteration begins with the node itself.
        name = format!("{name} @{}/{max}", line.iteration.unwrap_or(1));
    }
    let name_style = if line.state == State::Pending { DIM } else { Style::new() };
    let left = format!("{indent}{} {}", paint(canvas.color, style, mark), paint(canvas.color, name_style, &name));
    let time = line.began.map_or_else(String::new, |began| numbers::duration(numbers::between(began, line.ended.unwrap_or(now))));
    if canvas.width < NARROW {
        return fit(&format!("{left} {}", paint(canvas.color, DIM, &time)), canvas.width);
    }
    let tokens = if line.spend.calls == 0 { String::new() } else { format!("{} tok", numbers::count(line.spend.tokens())) };
    let cost = if line.spend.calls == 0 { String::new() } else { line.spend.to_string() };
    let right = format!("{tokens:>9}  {cost:>9}  {time:>7}");
    let right_width = measure_text_width(&right);
    let left_width = name_column(board, canvas.width);
    let middle_width = canvas.width.saturating_sub(left_width + right_width + 4);
    let middle = truncate_str(&middle(node.mapped, line, canvas, now), middle_width, "…").into_owned();
    let text = format!("{}  {}  {}", pad(&left, left_width), pad(&middle, middle_width), paint(canvas.color, DIM, &right));
    if line.spend.calls == 0 && time.is_empty() { text.trim_end().to_owned() } else { fit(&text, canvas.width) }
}

/// What goes on: a bar, who works, which attempt, why it failed.
fn middle(mapped: bool, line: &Line, canvas: Canvas, now: Timestamp) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let (true, Some(elements)) = (mapped, line.elements) {
        parts.push(bar(line.done, elements, canvas.color));
    }
    if line.failed > 0 {
        parts.push(paint(canvas.color, YELLOW, &format!("{} failed", line.failed)));
    }
    if line.attempt > 1 {
        parts.push(format!("attempt {}", line.attempt));
    }
    if let State::Waiting(due) = line.state {
        parts.push(paint(canvas.color, YELLOW, &format!("next try in {}", numbers::duration(numbers::between(now, due)))));
    }
    if let State::Standing(until) = line.state {
        let left = numbers::duration(numbers::between(now, until));
        parts.push(paint(canvas.color, YELLOW, &format!("waits until {}, for {left}", numbers::moment(until))));
    }
    match (&line.reason, line.state) {
        (Some(reason), State::Failed) => parts.push(paint(canvas.color, RED, &clean::short(reason, 200))),
        (Some(reason), State::Handled | State::Waiting(_) | State::Asking) => {
            parts.push(paint(canvas.color, YELLOW, &clean::short(reason, 200)));
        }
        (Some(reason), State::Succeeded) => parts.push(paint(canvas.color, DIM, &clean::short(reason, 200))),
        (Some(reason), State::Skipped) => {
            parts.push(paint(canvas.color, DIM, &format!("skipped: {}", clean::short(reason, 200))));
        }
        _ => {}
    }
    if line.state != State::Skipped {
        let who = [line.agent.as_deref(), line.model.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" · ");
        if !who.is_empty() {
            parts.push(paint(canvas.color, DIM, &clean::one_line(&who)));
        }
    }
    if let (State::Running, Some(doing)) = (line.state, &line.doing) {
        parts.push(paint(canvas.color, DIM, &clean::short(doing, 60)));
    } else if line.state == State::Running && line.pieces > 0 && !mapped {
        parts.push(paint(canvas.color, DIM, "writing"));
    }
    parts.join("  ")
}

fn mark(state: State, tick: usize) -> (&'static str, Style) {
    match state {
        State::Pending => ("·", DIM),
        State::Running => (SPINNER[tick % SPINNER.len()], CYAN),
        State::Waiting(_) => ("↻", YELLOW),
        State::Asking => ("?", YELLOW),
        State::Standing(_) => ("‖", YELLOW),
        State::Succeeded => ("✔", GREEN),
        State::Failed => ("✘", RED),
        State::Handled => ("!", YELLOW),
        State::Skipped => ("○", DIM),
        State::Cancelled => ("⊘", YELLOW),
    }
}

fn bar(done: usize, all: usize, color: bool) -> String {
    let full = (done.min(all) * BAR).checked_div(all).unwrap_or(BAR);
    format!("{}{}", paint(color, GREEN, &"━".repeat(full)), paint(color, DIM, &"─".repeat(BAR - full)))
}

/// The columns of the mark and the name: as wide as the widest, but at most two fifths of the page.
fn name_column(board: &Board, width: usize) -> usize {
    let widest = board.outline.nodes.iter().map(|node| {
        let counter = if node.mapped { 10 } else { 0 } + if node.max_iterations.is_some() { 6 } else { 0 };
        node.depth.min(8) * 2 + 2 + node.label.len() + counter
    });
    widest.max().unwrap_or(0).clamp(12, (width * 2 / 5).max(12))
}

fn pad(text: &str, width: usize) -> String {
    console::pad_str(text, width, console::Alignment::Left, Some("…")).into_owned()
}

fn fit(text: &str, width: usize) -> String {
    truncate_str(text, width, "…").into_owned()
}
