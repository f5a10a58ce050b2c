//! Bad files by the hundred, made of the format itself: every field of every sort of file is left out, of the wrong type, huge, in odd
//! scripts, full of control characters, leads out of the project, or is a bomb. Each is refused at its place, in little time and memory.
//!
//! The fields are those of the JSON Schemas that `agentflow schema` prints. They are damaged where they stand in the good files of
//! the corpus, and so a field that stands in none of them is told.

mod damage;
mod fields;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use agentflow::{
    diagnostic::{Diagnostic, Severity, Sources, StoredFiles},
    manifest::{
        SchemaOf, json_schema, read_data_text, read_eval_text, read_manifest_text, read_policy_text, read_test_file,
        read_workflow_text,
    },
    model::StoredSource,
    plan::{CompileOptions, ManifestChoice, compile_text},
};
use damage::{ALL, Damage};
use serde_json::Value;

use super::project::{HELLO, Project};

/// How many bad files there are at least.
const LEAST: usize = 600;
/// What one file may take of a processor, far above what it takes: this is about files for which the time grows faster than they do, and
/// that would take minutes. How long a large bad file does take is measured in `benches/plan.rs`.
const TIME: Duration = Duration::from_secs(10);
/// What one file may add to the memory of the process, in KiB.
const MEMORY: u64 = 64 * 1024;
/// One of so many bad files is given to the program itself.
const SAMPLED: usize = 60;

/// How many ways of each damage a field gets, by turns.
const WAYS: usize = 1;

/// The sorts of files, and the folder of the corpus that has good ones.
const SORTS: [(&str, SchemaOf); 5] = [
    ("workflow", SchemaOf::Workflow),
    ("agents", SchemaOf::Agents),
    ("policy", SchemaOf::Policy),
    ("test", SchemaOf::Test),
    ("eval", SchemaOf::Eval),
];

/// A damaged file.
struct Made {
    sort: SchemaOf,
    /// Where it is damaged, and how.
    what: String,
    damage: Damage,
    name: &'static str,
    text: String,
    /// Whether the JSON Schema refuses it.
    is_refused: bool,
}

impl Made {
    /// A name by which the program knows the sort.
    fn file_name(&self) -> String {
        let sort = match self.sort {
            SchemaOf::Test => "test.",
            SchemaOf::Eval => "eval.",
            SchemaOf::Workflow | SchemaOf::Agents | SchemaOf::Policy => "",
        };
        self.name.replacen('.', &format!(".{sort}"), 1)
    }
}

#[test]
fn every_field_of_the_format_stands_in_a_good_file() {
    let mut missing = BTreeSet::new();
    let mut found = BTreeSet::new();
    for (folder, sort) in SORTS {
        let schema = json_schema(sort);
        missing.extend(fields::all(&schema));
        for document in documents(folder) {
            found.extend(fields::places(&schema, &document).into_iter().map(|place| place.field));
        }
    }
    missing.retain(|field| !found.contains(field));
    assert!(missing.is_empty(), "no file of tests/fixtures/corpus/good has {missing:#?}");
}

#[test]
fn every_damaged_field_is_refused_at_its_place_in_little_time_and_memory() {
    // In a process of its own, so that nothing else adds to its memory.
    const ALONE: &str = "AGENTFLOW_GENERATED_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let test = "cli::generated_input::every_damaged_field_is_refused_at_its_place_in_little_time_and_memory";
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
        println!("{told}");
        return;
    }
    let (mut wrong, mut bad, mut counts) = (Vec::new(), 0, BTreeMap::new());
    let (mut longest, mut largest) = (Duration::ZERO, 0);
    for made in all() {
        let (before, memory) = (processor_time(), begin_of_memory());
        let (problems, sources) = read(&made);
        let took = processor_time().saturating_sub(before);
        let added = peak_of_memory().saturating_sub(memory);
        (longest, largest) = (longest.max(took), largest.max(added));
        let mut tell = |what: String| wrong.push(format!("{}, {}: {what}", made.name, made.what));
        if took > TIME {
            tell(format!("took {took:?}"));
        }
        if added > MEMORY {
            tell(format!("added {} MiB", added / 1024));
        }
        if made.is_refused && problems.is_empty() {
            tell("the schema refuses it, the loader does not".to_owned());
        }
        for problem in &problems {
            let position = sources.position(problem.span);
            if position.line < 1 || position.column < 1 || position.path.as_os_str().is_empty() || problem.message.is_empty() {
                tell(format!("{problem:?} has no place"));
            }
        }
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            bad += 1;
            *counts.entry(made.damage.name()).or_insert(0) += 1;
        }
    }
    println!("{bad} bad files: {counts:?}; the slowest took {longest:?}, the largest {largest} KiB");
    assert!(wrong.is_empty(), "{} are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
    assert!(bad >= LEAST, "only {bad} bad files");
    assert!(ALL.iter().all(|damage| counts.contains_key(damage.name())), "{counts:?}");
}

#[test]
fn the_program_refuses_damaged_files_with_their_place_and_exit_code_2() {
    let refused: Vec<Made> = all().into_iter().filter(|made| made.is_refused).collect();
    let mut tried = BTreeSet::new();
    for made in refused.iter().step_by(refused.len() / SAMPLED) {
        let name = &made.file_name();
        let project = Project::new().with("hello.yaml", HELLO).with(name, &made.text);
        // A policy is the operator's, and outside of the project.
        let policy = project.policy_path().with_file_name(name);
        fs::create_dir_all(policy.parent().unwrap()).unwrap();
        fs::write(&policy, &made.text).unwrap();
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = match made.sort {
            SchemaOf::Workflow => project.command(&["validate", name]),
            SchemaOf::Agents => project.command(&["validate", "hello.yaml", "--manifest", name]),
            SchemaOf::Test => project.command(&["test", name]),
            SchemaOf::Eval => project.command(&["eval", name]),
            SchemaOf::Policy => project.command(&["policy", "show"]),
        };
        if made.sort == SchemaOf::Policy {
            command.env("AGENTFLOW_POLICY", &policy);
        }
        let ran = project.ran(command);
        assert_eq!(ran.code, Some(2), "{}: {ran}", made.what);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(has_place(&told, name), "{}: no place in {told}", made.what);
        assert!(!told.contains("panicked"), "{}: {told}", made.what);
        tried.insert(format!("{:?} {}", made.sort, made.damage.name()));
    }
    assert!(tried.len() >= 12, "{tried:?}");
}

/// Whether `told` has `NAME:LINE:COLUMN`, or names the file and has `line LINE, column COLUMN`.
fn has_place(told: &str, name: &str) -> bool {
    let numbers = |at: usize, between: &str| {
        let (line, rest) = told[at..].split_once(between)?;
        let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(line.parse::<u32>().ok()? >= 1 && column.parse::<u32>().ok()? >= 1)
    };
    let after = |text: &str, between| told.match_indices(text).any(|(at, _)| numbers(at + text.len(), between) == Some(true));
    after(&format!("{name}:"), ":") || told.contains(name) && after(" line ", ", column ")
}

/// The values of the good files of a sort.
fn documents(folder: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus/good").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let tree = read_data_text(path, text, &mut Sources::default(), &mut Vec::new()).unwrap();
        Some(tree.to_value()).filter(Value::is_object)
    };
    paths.iter().filter_map(read).collect()
}

/// Every field damaged in every way, once each; the syntaxes take turns.
fn all() -> Vec<Made> {
    let (mut made, mut texts) = (Vec::new(), BTreeSet::new());
    for (folder, sort) in SORTS {
        let schema = json_schema(sort);
        let validator = jsonschema::draft7::new(&schema).unwrap();
        let mut done = BTreeSet::new();
        for document in documents(folder) {
            for place in fields::places(&schema, &document) {
                for damage in ALL {
                    if !done.insert((place.field.clone(), damage.name())) {
                        continue;
                    }
                    let mut ways = damage.to(&document, &place.pointer);
                    let turn = made.len() % ways.len().max(1);
                    ways.rotate_left(turn);
                    for (number, damaged) in (0..WAYS).zip(ways) {
                        let Some((name, text)) = write::written(&damaged, made.len()) else { continue };
                        if texts.insert((name, text.clone())) {
                            let what = format!("{} of {}, {} {number}", place.field, place.pointer, damage.name());
                            let is_refused = damaged.is_small() && !validator.is_valid(&damaged.document);
                            made.push(Made { sort, what, damage, name, text, is_refused });
                        }
                    }
                }
            }
        }
    }
    made
}

/// What is said of a file; of a workflow that can be read, also what is said of its plan.
fn read(made: &Made) -> (Vec<Diagnostic>, Sources) {
    let (mut problems, mut sources) = (Vec::new(), Sources::default());
    let (path, text) = (Path::new(made.name), made.text.clone());
    match made.sort {
        SchemaOf::Workflow => {
            drop(read_workflow_text(path, text.clone(), &mut sources, &mut problems));
            if problems.is_empty() {
                let files = StoredFiles::new(Vec::new());
                let compiled = compile_text(path, text, ManifestChoice::None, &files, &CompileOptions::default());
                assert_eq!(compiled.plan.is_none(), compiled.has_errors(), "{}", made.what);
            }
        }
        SchemaOf::Policy => drop(read_policy_text(path, text, &mut sources, &mut problems)),
        SchemaOf::Agents => drop(read_manifest_text(path, text, &mut sources, &mut problems)),
        SchemaOf::Test => drop(read_test_file(path, &one_file(path, text), &mut sources, &mut problems)),
        SchemaOf::Eval => drop(read_eval_text(path, text, &mut sources, &mut problems)),
    }
    (problems, sources)
}

/// A project that has one file only.
fn one_file(path: &Path, text: String) -> StoredFiles {
    StoredFiles::new(vec![StoredSource { path: path.display().to_string(), text }])
}

/// How long this thread has been on a processor: what others do on the machine does not count.
fn processor_time() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split_ascii_whitespace().next().and_then(|nanos| nanos.parse().ok()).map_or(Duration::ZERO, Duration::from_nanos)
}

/// Forgets the peak so far, and says what is in memory now, in KiB.
fn begin_of_memory() -> u64 {
    drop(fs::write("/proc/self/clear_refs", "5"));
    status("VmRSS:")
}

fn peak_of_memory() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let told = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}
