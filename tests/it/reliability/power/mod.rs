//! Part 4: power loss. A real program is watched by strace; from what it did to its files, disks are made as a power loss may leave
//! them, at any moment and with any part of what was not flushed. On each of them, what had been shown must be there.

mod disk;
mod history;
mod trace;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use agentflow::{
    engine::read_run,
    error::ErrorKind,
    store::{self, Synchronous},
};

use self::{
    disk::{Disk, Names},
    history::{History, Recipe, result_of, store_in},
};
use super::{part::Part, syscalls::all_there};
use crate::strace;

/// One of so many disks is not only looked at: its runs go on to their end.
const RESUMED: u64 = 30;

/// At most so many threads of a program are in a call at once.
const UNDER_WAY: usize = 16;

/// A disk to be made: of which history, when in its trace, and the number of the try.
struct Try {
    at: usize,
    number: u64,
}

#[tokio::test]
async fn part_4_power_loss() {
    let mut part = Part::begin(4);
    let volume = part.volume(80, 3_000);
    if !strace::works() {
        return;
    }
    // Recording what writes much takes longer than all of the slice.
    let recipes: Vec<_> = recipes().into_iter().filter(|(recipe, _)| Part::is_full() || !recipe.writes_much).collect();
    let shares: u64 = recipes.iter().map(|(_, share)| share).sum();
    let mut violations = Vec::new();
    let (mut reached, mut resumed, mut steps, mut lost) = (0, 0, 0, 0);
    for (nth, (recipe, share)) in recipes.iter().enumerate() {
        let history = History::record(recipe).await;
        steps += history.steps.len();
        let count = (volume * share).div_ceil(shares);
        for (half, names) in [Names::WithTheFolder, Names::WithTheFile].into_iter().enumerate() {
            let base = (nth * 2 + half) as u64 * volume;
            let mut tries: Vec<_> = (0..count.div_ceil(2)).map(|number| tried(&part, &history, base + number)).collect();
            tries.sort_by_key(|tried| tried.at);
            let mut disk = Disk::new(names);
            let mut next = 0;
            for Try { at, number } in tries {
                while let Some(step) = history.steps.get(next).filter(|step| step.ended <= at) {
                    disk.take(step);
                    next += 1;
                }
                let under_way = history.steps[next..].iter().take(UNDER_WAY).filter(|step| step.began <= at);
                let files = disk.after_power_loss(under_way, &mut part.random(number));
                let found = look(&history, &files, at, number % RESUMED == 0).await;
                reached += 1;
                resumed += u64::from(number % RESUMED == 0);
                match found {
                    Ok(events) => lost += events,
                    Err(why) => violations.push(format!("{}, {names:?}, at {at}, try {number}: {why}", history.name)),
                }
            }
        }
    }
    part.figure("steps recorded", steps);
    part.figure("shown events lost with `synchronous: normal`", lost);
    part.figure("resumed to the end", resumed);
    part.finish(reached, &violations);
}

/// A store that flushes less than it should is found out: runs of `synchronous: normal`, held to what `full` promises.
#[tokio::test]
async fn what_was_shown_too_early_is_found_out() {
    if !strace::works() {
        return;
    }
    let (recipe, _) = recipes().into_iter().find(|(recipe, _)| recipe.name == "chain, normal").unwrap();
    let mut history = History::record(&recipe).await;
    history.synchronous = Synchronous::Full;
    let mut disk = Disk::new(Names::WithTheFile);
    for step in &history.steps {
        disk.take(step);
    }
    let mut found_out = 0;
    for seed in 0..40 {
        let files = disk.after_power_loss(std::iter::empty(), &mut fastrand::Rng::with_seed(seed));
        found_out += u32::from(look(&history, &files, usize::MAX, false).await.is_err());
    }
    assert!(found_out >= 10, "{found_out} of 40");
}

fn tried(part: &Part, history: &History, number: u64) -> Try {
    let mut random = part.random(number);
    // The moments between two steps are all the moments there are.
    let step = &history.steps[random.usize(..history.steps.len())];
    Try { at: if random.bool() { step.began } else { step.ended }, number }
}

/// Each with its share of all disks.
fn recipes() -> Vec<(Recipe, u64)> {
    let agents = "agents: { a: { model: mock/m } }\n";
    let chain = |count: usize| {
        let mut text = format!("{agents}nodes:\n  n0: {{ agent: a, prompt: begin }}\n");
        for n in 1..count {
            writeln!(text, "  n{n}: {{ agent: a, prompt: 'after {{{{ n{} }}}}' }}", n - 1).unwrap();
        }
        text
    };
    let fan_out = format!(
        "{agents}nodes:\n  list: {{ value: '{{{{ range(24) }}}}' }}\n  each: {{ map: list, agent: a, prompt: '{{{{ item }}}}' }}\n  \
         end: {{ agent: a, prompt: \"{{{{ each | join(' ') }}}}\" }}\n"
    );
    // Long outputs, so that the log of the store is copied into its file while the run goes on, or at its end.
    let long = |kilobytes: usize, count: usize| {
        let output = "0123456789abcde ".repeat(kilobytes * 64);
        let mut text = format!("{agents}nodes:\n  n0: {{ agent: a, prompt: begin }}\n  v0: {{ value: '{output}' }}\n");
        for n in 1..count {
            let before = n - 1;
            writeln!(text, "  n{n}: {{ agent: a, prompt: 'after {{{{ n{before} }}}}' }}").unwrap();
            writeln!(text, "  v{n}: {{ value: '{{{{ v{before} }}}}', needs: n{n} }}").unwrap();
        }
        text
    };
    let recipe = |name: &'static str, workflow, synchronous, times| {
        let writes_much = name.starts_with("copied meanwhile");
        Recipe { name, workflow, synchronous, times, dies_at: None, writes_much }
    };
    let killed = Recipe { dies_at: Some(7), ..recipe("killed and resumed", chain(8), Synchronous::Full, 2) };
    vec![
        (recipe("chain", chain(8), Synchronous::Full, 1), 18),
        (killed, 10),
        (recipe("two runs after each other", chain(4), Synchronous::Full, 2), 20),
        (recipe("fan-out", fan_out.clone(), Synchronous::Full, 1), 20),
        (recipe("copied at the end", long(100, 12), Synchronous::Full, 2), 8),
        (recipe("copied meanwhile", long(300, 18), Synchronous::Full, 1), 6),
        (recipe("chain, normal", chain(8), Synchronous::Normal, 1), 8),
        (recipe("fan-out, normal", fan_out, Synchronous::Normal, 1), 6),
        (recipe("copied meanwhile, normal", long(300, 18), Synchronous::Normal, 1), 4),
    ]
}

/// Looks at a disk as it was left; returns how many shown events are not there, which only `normal` may lose.
async fn look(history: &History, files: &[(PathBuf, Vec<u8>)], at: usize, goes_on: bool) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let root = history.folder();
    for (path, bytes) in files {
        let path = folder.path().join(path.strip_prefix(&root).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let path = store_in(folder.path());
    let shown: Vec<_> = history.shown.iter().take_while(|shown| shown.from <= at).collect();
    if !path.exists() {
        return lost(history, shown.len());
    }
    let lost = events(history, &path, &shown).await?;
    if goes_on {
        for ((run, _), expected) in history.runs.iter().zip(&history.outputs) {
            match result_of(*run, folder.path()) {
                Ok(result) if result == *expected => {}
                Ok(result) => return Err(format!("the resumed run gives {:?}", String::from_utf8_lossy(&result))),
                Err(why) if why.contains("there is no run") => {}
                Err(why) => return Err(format!("the run does not go on: {why}")),
            }
        }
        // What was recorded before is recorded now, and nothing in its place.
        events(history, &path, &shown).await?;
    }
    Ok(lost)
}

fn lost(history: &History, events: usize) -> Result<usize, String> {
    match history.synchronous {
        _ if events == 0 => Ok(0),
        Synchronous::Normal => Ok(events),
        Synchronous::Full => Err(format!("{events} events that were shown are lost")),
    }
}

/// Compares what is in the store at `path` with what was recorded and with what was shown.
async fn events(history: &History, path: &Path, shown: &[&history::Shown]) -> Result<usize, String> {
    let store =
        store::open(&format!("sqlite:{}", path.display()), history.synchronous).await.map_err(|error| error.to_string())?;
    let mut missing = 0;
    for (run, recorded) in &history.runs {
        let found = match read_run(&store, *run).await {
            Ok(found) => found.events,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.to_string()),
        };
        let same = found.iter().zip(recorded).take_while(|(found, recorded)| found == recorded).count();
        let goes_on = found.get(same).is_none_or(|event| event.body.kind() == "run_resumed");
        if !goes_on {
            return Err(format!("event {same} of a run is another one: {:?}", found[same]));
        }
        let shown = shown.iter().filter(|shown| shown.run == *run).map(|shown| shown.event.clone());
        let (there, gone): (Vec<_>, Vec<_>) = shown.partition(|event| event["seq"].as_u64().is_some_and(|seq| seq < same as u64));
        missing += gone.len();
        all_there(&there, &found)?;
    }
    lost(history, missing)
}
