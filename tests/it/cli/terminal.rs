//! What a person at a terminal sees: questions for missing inputs, and the live tree. Run at a pseudo-terminal.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    process::Stdio,
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use super::project::{CHAIN, Project};

const ASKING: &str = "\
name: asking
inputs:
  count: { type: integer, description: How many }
  name: string
nodes:
  all: { value: '{{ inputs.name }} {{ inputs.count }}' }
outputs:
  all: '{{ all }}'
";

/// A terminal of 24 lines and 80 columns: our end, and the program's.
fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    tcsetwinsize(&theirs, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (ours.into(), theirs)
}

/// Reads until `text` is on the screen, and returns all that was read.
fn read_until(ours: &mut File, seen: &mut String, text: &str) {
    let mut bytes = [0; 4096];
    while !seen.contains(text) {
        // The program's end of a terminal that was closed reads as an error.
        let count = ours.read(&mut bytes).unwrap_or(0);
        assert!(count > 0, "ended without {text:?}:\n{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

#[test]
fn missing_inputs_are_asked_for_until_they_fit() {
    let project = Project::new().with("asking.yaml", ASKING);
    let (mut ours, theirs) = terminal();
    let mut command = project.command(&["run", "asking.yaml", "--color", "never"]);
    command.stdin(Stdio::from(theirs.try_clone().unwrap())).stderr(Stdio::from(theirs)).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    let mut seen = String::new();
    read_until(&mut ours, &mut seen, "count (integer): ");
    ours.write_all(b"many\n").unwrap();
    read_until(&mut ours, &mut seen, "is not of type \"integer\"");
    ours.write_all(b"3\n").unwrap();
    read_until(&mut ours, &mut seen, "name (string): ");
    ours.write_all(b"stones\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{seen}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "stones 3\n");
    assert!(seen.contains("How many"), "{seen}");
}

const GATE: &str = "\
nodes:
  gate:
    approval:
      message: 'Publish?'
      options: [approve, push_back, reject]
      form: { reason: string, days?: integer }
outputs: { all: \"{{ gate.option }} {{ gate.comment }} {{ gate.form.reason }} {{ gate.form.days | default('none') }}\" }
";

#[test]
fn a_person_at_the_terminal_chooses_comments_and_fills_the_form_in() {
    let project = Project::new().with("gate.yaml", GATE);
    let (mut ours, theirs) = terminal();
    let mut command = project.command(&["run", "gate.yaml", "--color", "never"]);
    command.stdin(Stdio::from(theirs.try_clone().unwrap())).stderr(Stdio::from(theirs)).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    let mut seen = String::new();
    read_until(&mut ours, &mut seen, "or Enter to decide later: ");
    assert!(seen.contains("Publish?") && seen.contains("options approve, push_back, reject"), "{seen}");
    ours.write_all(b"perhaps\n").unwrap();
    read_until(&mut ours, &mut seen, "that is none of the answers");
    ours.write_all(b"push_back too long\n").unwrap();
    read_until(&mut ours, &mut seen, "reason (string): ");
    ours.write_all(b"it rambles\n").unwrap();
    read_until(&mut ours, &mut seen, "days (integer, Enter to leave it out): ");
    ours.write_all(b"soon\n").unwrap();
    read_until(&mut ours, &mut seen, "is not of type \"integer\"");
    ours.write_all(b"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{seen}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "push_back too long it rambles none\n");
}

#[test]
fn ending_the_input_is_a_missing_input() {
    let project = Project::new().with("asking.yaml", ASKING);
    let (mut ours, theirs) = terminal();
    let mut command = project.command(&["run", "asking.yaml", "--color", "never"]);
    command.stdin(Stdio::from(theirs.try_clone().unwrap())).stderr(Stdio::from(theirs)).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut seen = String::new();
    read_until(&mut ours, &mut seen, "count (integer): ");
    ours.write_all(&[4]).unwrap();
    read_until(&mut ours, &mut seen, "that were not given");
    assert_eq!(child.wait().unwrap().code(), Some(2), "{seen}");
}

#[test]
fn progress_is_a_tree_whose_finished_lines_stay() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let (mut ours, theirs) = terminal();
    let mut command = project.command(&["run", "chain.yaml", "--mock", "--mock-latency", "400ms", "--color", "never"]);
    command.stderr(Stdio::from(theirs)).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    let mut seen = String::new();
    read_until(&mut ours, &mut seen, "chain succeeded");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    let plain = console_text(&seen);
    assert!(plain.contains("✔ first") && plain.contains("✔ second") && plain.contains("writer"), "{plain}");
    assert!(plain.contains("0/2 nodes"), "the run as a whole is told while it goes on: {plain}");
}

/// What was written, without escape sequences.
fn console_text(written: &str) -> String {
    let mut text = String::new();
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            let _ = rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(c);
        }
    }
    text
}
