//! Bytes that anybody may have made, given to all that reads them: nothing panics, takes long, or breaks what is promised of it.
//!
//! `bodies` says what must hold of each target. Ordinary test runs call them with every file of `tests/fixtures/fuzz` (what once made
//! trouble is there) and with seeded changes of these; `AGENTFLOW_SEED` does the same changes again. `scripts/fuzz` has libFuzzer call them.

mod bodies;
mod change;

use std::{
    any::Any,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bodies::{Body, TARGETS};
use change::changed;

/// What one input may take, in a debug build on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);
/// For how long each target is given changed inputs, and at least how many.
const CHANGES: (Duration, usize) = (Duration::from_millis(250), 20);

#[test]
fn every_input_that_was_kept_is_taken() {
    for (name, body) in TARGETS {
        let kept = inputs(name);
        assert!(kept.len() >= 3, "`{name}` has {} inputs to begin with", kept.len());
        for (path, bytes) in kept {
            take(name, body, &bytes, &path.display().to_string());
        }
    }
}

#[test]
fn changed_inputs_are_taken() {
    let seed =
        std::env::var_os("AGENTFLOW_SEED").map_or_else(|| fastrand::u64(..), |seed| seed.to_str().unwrap().parse().unwrap());
    println!("AGENTFLOW_SEED={seed}");
    for (name, body) in TARGETS {
        let mut random = fastrand::Rng::with_seed(seed);
        let kept: Vec<Vec<u8>> = inputs(name).into_iter().map(|(_, bytes)| bytes).collect();
        let (begun, mut done) = (Instant::now(), 0);
        while done < CHANGES.1 || begun.elapsed() < CHANGES.0 {
            let input = changed(&kept, &mut random);
            take(name, body, &input, &format!("AGENTFLOW_SEED={seed}, change {done}"));
            done += 1;
        }
    }
}

#[test]
fn no_folder_of_inputs_is_without_a_target() {
    for folder in fs::read_dir(folder()).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "`{name}` is no target");
    }
}

/// Calls `body`, and says with which input it went wrong.
fn take(name: &str, body: Body, input: &[u8], what: &str) {
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| body(input)));
    let shown = || String::from_utf8_lossy(&input[..input.len().min(2_000)]).escape_debug().to_string();
    if let Err(panic) = outcome {
        panic!("`{name}` with {what}: {}\nthe input: {}", message(&*panic), shown());
    }
    assert!(begun.elapsed() < LONGEST, "`{name}` with {what} took {:?}\nthe input: {}", begun.elapsed(), shown());
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz")
}

/// What is kept for a target; files of authors are those of the other tests, too.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = files_below(&folder().join(target));
    if ["yaml", "toml", "json"].contains(&target) {
        let others = [root.join("tests/fixtures/corpus"), root.join("workflows")];
        let is_of_target = |path: &PathBuf| path.extension().is_some_and(|extension| extension == target);
        paths.extend(others.iter().flat_map(|folder| files_below(folder)).filter(is_of_target));
    }
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}
