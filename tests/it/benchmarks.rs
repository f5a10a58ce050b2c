//! What `scripts/bench` keeps and compares: a change of the program is told from a change of the machine.

#[path = "../../benches/comparison.rs"]
mod comparison;
#[path = "../../benches/figure.rs"]
#[expect(dead_code, reason = "nothing is measured here")]
mod figure;
#[path = "../../benches/history.rs"]
#[expect(dead_code, reason = "nothing is measured here")]
mod history;
#[path = "../../benches/measure.rs"]
#[expect(dead_code, reason = "nothing is measured here")]
mod measure;
#[path = "../../benches/options.rs"]
mod options;

use std::time::Duration;

use comparison::Comparison;
use figure::{Figure, Unit};
use history::{Machine, Run};
use options::Options;

fn figure(unit: Unit, [low, median, high]: [f64; 3], yard: Option<f64>) -> Figure {
    Figure { name: "engine/node".to_owned(), unit, median, low, high, yard }
}

fn run(processor: &str, figure: Figure) -> Run {
    let machine = Machine { processor: processor.to_owned(), cores: 2, system: "linux".to_owned() };
    Run { at: "2026-01-02T03:04:05Z".parse().unwrap(), commit: "0123456789ab".to_owned(), machine, figures: vec![figure] }
}

#[track_caller]
fn check(before: &Run, now: &Run, is_worse: bool, told: &str) {
    let comparison = Comparison::of(before, now, 0.15);
    assert!(comparison.to_string().contains(told), "no {told:?} in\n{comparison}");
    assert_eq!(comparison.has_worse(), is_worse, "{comparison}");
}

#[test]
fn what_is_slower_than_allowed_and_than_it_spreads_is_worse() {
    let before = run("a", figure(Unit::Processor, [9e-6, 10e-6, 11e-6], None));
    check(&before, &run("a", figure(Unit::Processor, [12e-6, 13e-6, 14e-6], None)), true, "WORSE");
    check(&before, &run("a", figure(Unit::Processor, [10.5e-6, 13e-6, 15e-6], None)), false, "within its spread");
    check(&before, &run("a", figure(Unit::Processor, [11.1e-6, 11.2e-6, 11.3e-6], None)), false, "+12 %");
    check(&before, &run("a", figure(Unit::Processor, [4e-6, 5e-6, 6e-6], None)), false, "better");
}

#[test]
fn times_are_held_against_what_the_machine_does_in_the_same_hour() {
    let before = run("a", figure(Unit::Processor, [9e-6, 10e-6, 11e-6], Some(1e-3)));
    let in_a_slow_hour = run("a", figure(Unit::Processor, [18e-6, 20e-6, 22e-6], Some(2e-3)));
    check(&before, &in_a_slow_hour, false, "+0 %");
    let slower = run("a", figure(Unit::Processor, [18e-6, 20e-6, 22e-6], Some(1e-3)));
    check(&before, &slower, true, "+100 %");
}

#[test]
fn times_of_another_machine_are_shown_and_not_judged_but_ratios_are() {
    let before = run("a", figure(Unit::Processor, [9e-6, 10e-6, 11e-6], Some(1e-3)));
    let elsewhere = run("b", figure(Unit::Processor, [90e-6, 100e-6, 110e-6], Some(1e-3)));
    check(&before, &elsewhere, false, "another machine");
    let before = run("a", figure(Unit::Times, [1.0, 1.1, 1.2], None));
    check(&before, &run("b", figure(Unit::Times, [1.5, 1.6, 1.7], None)), true, "WORSE");
}

#[test]
fn a_figure_that_was_not_there_is_new() {
    let mut before = run("a", figure(Unit::Times, [1.0, 1.1, 1.2], None));
    before.figures[0].name = "engine/other".to_owned();
    check(&before, &run("a", figure(Unit::Times, [9.0, 9.0, 9.0], None)), false, "new");
}

#[test]
fn turns_are_compared_pair_by_pair() {
    let times: Vec<_> = (1..=5).map(|n| Duration::from_millis(n * 20)).collect();
    let others: Vec<_> = (1..=5).map(|n| Duration::from_millis(n * 10)).collect();
    let figure = Figure::pairs(&times, &others);
    assert_eq!((figure.low, figure.median, figure.high), (2.0, 2.0, 2.0));
    let each = Figure::of(Unit::Disk, &times).each(10);
    assert_eq!((each.low, each.median, each.high), (0.004, 0.006, 0.008));
    assert!((each.spread() - 0.004 / 0.006).abs() < 1e-9);
}

#[test]
fn what_is_saved_is_found_again_and_what_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("before.json").display().to_string();
    let kept = run("a", figure(Unit::Disk, [1.0, 2.0, 3.0], Some(0.5)));
    kept.save(&path);
    assert_eq!(Run::saved(&path).unwrap(), kept);
    let missing = folder.path().join("none.json").display().to_string();
    assert!(Run::saved(&missing).unwrap_err().contains("--save"));
}

#[test]
fn arguments_are_sections_and_options() {
    let read = |text: &str| {
        let arguments: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        Options::read(&arguments, &["engine", "plan"])
    };
    let options = read("--bench plan --against before --threshold 20%").unwrap();
    assert!(options.wants("plan") && !options.wants("engine"));
    assert_eq!((options.against.as_deref(), options.save, options.threshold), (Some("before"), None, 0.2));
    assert!(read("").unwrap().wants("engine"));
    for (text, problem) in
        [("nothing", "no section"), ("--save", "needs a value"), ("--threshold much", "no share"), ("--threshold -1", "no share")]
    {
        assert!(read(text).unwrap_err().contains(problem), "{text}");
    }
}
