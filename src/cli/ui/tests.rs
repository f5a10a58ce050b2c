//! The display, fed with notes made by hand.

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::ui::{
        board::{Board, State},
        draw::{self, Canvas},
        note::{Note, What},
        outline::Outline,
        plain::Plain,
    },
    model::{NodeId, NodePath, RunStatus, Spend},
};

const CANVAS: Canvas = Canvas { width: 100, height: 30, color: false };

fn at(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_millis(ms)).unwrap()
}

/// A note whose node is written as in the log.
fn note(ms: i64, node: &str, what: What) -> Note {
    Note { at: at(ms), node: serde_json::from_value(node.into()).unwrap(), what }
}

fn started(attempt: u32, agent: &str) -> What {
    What::Started { attempt, agent: Some(agent.to_owned()), model: Some("openai/gpt-5-mini".to_owned()), elements: None }
}

fn opened(elements: Option<usize>) -> What {
    What::Started { attempt: 1, agent: None, model: None, elements }
}

fn spend(usd: f64) -> What {
    What::Answered(Spend { calls: 1, input_tokens: 1_000, output_tokens: 200, usd, ..Spend::default() })
}

fn failed(error: &str, handled: bool) -> What {
    What::Failed { error: error.to_owned(), handled }
}

fn review() -> Outline {
    Outline::made_of(
        "review",
        &[
            ("triage", false, None),
            ("review", true, None),
            ("improve", false, Some(3)),
            ("improve.draft", false, None),
            ("improve.judge", false, None),
            ("publish", false, None),
        ],
    )
    .sharing("review.read", "review")
}

fn board(notes: Vec<Note>) -> Board {
    let mut board = Board::new(review(), at(0));
    for note in notes {
        board.apply(note);
    }
    board
}

fn picture(board: &Board, now: i64) -> String {
    draw::frame(board, CANVAS, at(now), 0).join("\n")
}

#[test]
fn a_run_is_shown_as_a_tree() {
    let board = board(vec![
        note(0, "triage", started(1, "triager")),
        note(900, "triage", spend(0.0012)),
        note(1_000, "triage", What::Succeeded),
        note(1_000, "review", opened(Some(5))),
        note(1_000, "review[0]", opened(None)),
        note(1_000, "review[0].read", started(1, "reviewer")),
        note(1_500, "review[0].read", spend(0.002)),
        note(1_500, "review[0].read", What::Succeeded),
        note(1_500, "review[0]", What::Succeeded),
        note(1_600, "review[1]", failed("no answer", true)),
        note(1_700, "improve", opened(None)),
        note(1_700, "improve", What::Iteration(1)),
        note(1_700, "improve@1.draft", started(1, "writer")),
        note(1_900, "improve@1.draft", spend(0.01)),
        note(1_900, "improve@1.draft", What::Succeeded),
        note(1_900, "improve@1.judge", What::Succeeded),
        note(2_000, "improve", What::Iteration(2)),
        note(2_000, "improve@2.draft", started(1, "writer")),
        note(
            2_400,
            "improve@2.draft",
            What::AttemptFailed { attempt: 1, error: "overloaded\u{1b}[31m".to_owned(), retry_at: at(4_000) },
        ),
    ]);
    insta::assert_snapshot!(picture(&board, 3_000));
}

#[test]
fn a_narrow_terminal_shows_less() {
    let board = board(vec![
        note(0, "triage", started(1, "triager")),
        note(1_000, "triage", spend(0.1)),
        note(1_000, "triage", What::Succeeded),
    ]);
    let lines = draw::frame(&board, Canvas { width: 32, ..CANVAS }, at(61_000), 3);
    insta::assert_snapshot!(lines.join("\n"));
    assert!(lines.iter().all(|line| console::measure_text_width(line) <= 32));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let reason = "日本語 ".repeat(100);
    let board = board(vec![
        note(0, "triage", started(12, "a-name-that-goes-on-and-on-and-on-and-on")),
        note(5, "triage", spend(123.0)),
        note(9, "triage", failed(&reason, false)),
        note(10, "publish", What::Skipped(reason.clone())),
    ]);
    for width in [20, 40, 71, 72, 80, 100, 200] {
        for color in [false, true] {
            for line in draw::frame(&board, Canvas { width, height: 30, color }, at(20), 1) {
                assert!(console::measure_text_width(&line) <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn more_nodes_than_lines_are_summed_up() {
    let names: Vec<String> = (0..2_000).map(|n| format!("n{n}")).collect();
    let nodes: Vec<_> = names.iter().map(|name| (name.as_str(), false, None)).collect();
    let mut board = Board::new(Outline::made_of("big", &nodes), at(0));
    for name in &names[1..500] {
        board.apply(note(0, name, What::Succeeded));
    }
    for name in &names[500..504] {
        board.apply(note(0, name, opened(None)));
    }
    assert_eq!(board.take_finished(), 0..0, "the first node holds the others back");
    let lines = draw::frame(&board, Canvas { height: 12, ..CANVAS }, at(1), 0);
    assert!(lines.len() <= 12);
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_is_done_is_given_out_once_and_in_order() {
    let mut board = board(vec![
        note(0, "review", What::Succeeded),
        note(0, "improve", opened(None)),
        note(0, "improve@1.draft", What::Succeeded),
    ]);
    assert_eq!(board.take_finished(), 0..0);
    board.apply(note(0, "triage", What::Succeeded));
    assert_eq!(board.take_finished(), 0..2);
    assert_eq!(board.take_finished(), 2..2);
    board.apply(note(0, "improve", What::Succeeded));
    assert_eq!(board.take_finished(), 2..5, "a container goes with all it encloses");
    assert_eq!(board.rest(), 5..6);
}

#[test]
fn a_new_iteration_or_attempt_begins_with_nothing_done() {
    let mut board = board(vec![
        note(0, "improve", opened(None)),
        note(0, "improve@1.draft", spend(1.0)),
        note(0, "improve@1.draft", What::Succeeded),
        note(0, "improve", What::Iteration(2)),
    ]);
    assert_eq!(board.lines[3].state, State::Pending);
    assert_eq!(board.lines[3].spend.calls, 1, "what was paid stays");
    assert_eq!(board.lines[2].spend.calls, 1, "and counts for what encloses it");
    board.apply(note(0, "improve@2.draft", What::Succeeded));
    board.apply(note(0, "improve", What::Started { attempt: 2, agent: None, model: None, elements: None }));
    assert_eq!(board.lines[3].state, State::Pending);
}

#[test]
fn a_note_about_an_unknown_node_changes_nothing() {
    let board = board(vec![note(0, "elsewhere", What::Succeeded)]);
    assert!(board.lines.iter().all(|line| line.state == State::Pending));
}

#[test]
fn elements_are_told_from_the_node_itself() {
    let node: NodeId = "review".parse().unwrap();
    let board = board(vec![
        note(0, "review", opened(Some(2))),
        Note { at: at(1), node: NodePath::root(&node).element(0), what: What::Succeeded },
    ]);
    assert_eq!((board.lines[1].done, board.lines[1].state), (1, State::Running));
}

#[test]
fn plain_lines_tell_each_thing_once() {
    let mut plain = Plain::default();
    let notes = [
        note(0, "triage", started(1, "triager")),
        note(1, "triage", started(1, "triager")),
        note(900, "triage", spend(0.0012)),
        note(1_000, "triage", What::Succeeded),
        note(1_000, "review", opened(Some(2))),
        note(1_000, "review[0]", started(1, "reviewer")),
        note(1_400, "review[0]", spend(0.001)),
        note(1_500, "review[0]", What::Succeeded),
        note(
            1_600,
            "review[1]",
            What::AttemptFailed { attempt: 1, error: "server\nsays\u{7} 500".to_owned(), retry_at: at(2_100) },
        ),
        note(1_600, "review[1]", What::AttemptFailed { attempt: 1, error: String::new(), retry_at: at(2_100) }),
        note(2_100, "review[1]", started(2, "reviewer")),
        note(2_500, "review[1]", failed("server says 500", true)),
        note(2_500, "review", What::Succeeded),
        note(2_500, "improve", What::Iteration(1)),
        note(2_500, "publish", What::Skipped("`when` is false".to_owned())),
        note(2_500, "late", What::Cancelled),
    ];
    let lines: Vec<String> = notes.iter().filter_map(|note| plain.line(note)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_large_map_tells_every_tenth_only() {
    let mut plain = Plain::default();
    let mut lines = vec![plain.line(&note(0, "review", opened(Some(1_000)))).unwrap()];
    for element in 0..1_000 {
        let name = format!("review[{element}]");
        lines.extend(plain.line(&note(0, &name, started(1, "reviewer"))));
        lines.extend(plain.line(&note(0, &name, What::Succeeded)));
    }
    lines.extend(plain.line(&note(9_000, "review", What::Succeeded)));
    assert_eq!(lines.len(), 12, "{lines:#?}");
    assert_eq!((lines[1].as_str(), lines[11].as_str()), ("review: 100 of 1000", "review: succeeded in 9.0s"));
}

#[test]
fn the_summary_tells_status_time_calls_and_run() {
    let spend = Spend { calls: 13, simulated_calls: 13, input_tokens: 30_000, output_tokens: 4_000, ..Spend::default() };
    let text = draw::summary("decision", RunStatus::Succeeded, std::time::Duration::from_secs(42), &spend, "0193", false);
    assert_eq!(text, "✔ decision succeeded in 42.0s · 13 calls · 34k tokens · simulated · run 0193");
}

#[test]
fn what_was_taken_from_an_earlier_run_is_told() {
    let notes = || {
        vec![
            note(0, "triage", What::Reused),
            note(0, "review", opened(Some(2))),
            note(1, "review[0]", What::Reused),
            note(2, "review[1]", What::Reused),
        ]
    };
    let picture = picture(&board(notes()), 1_000);
    let triage = picture.lines().next().unwrap();
    assert!(triage.starts_with("✔ triage") && triage.contains("reused"), "{picture}");
    assert!(picture.contains("2/2"), "{picture}");
    let mut plain = Plain::default();
    let lines: Vec<String> = notes().iter().filter_map(|note| plain.line(note)).collect();
    assert_eq!(lines, ["triage: reused", "review: 2 elements", "review[0]: reused", "review[1]: reused"]);
}
