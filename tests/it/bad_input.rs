//! Files that are broken, hostile or merely odd: each a clear problem at its place, in little time and memory, and never a panic.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use agentflow::{
    diagnostic::{Diagnostic, DiskFiles, Sources},
    manifest::{WorkflowManifest, read_manifest, read_workflow, read_workflow_text},
};

/// What the tests here allow for one file, in a debug build on a busy machine. A release build takes a small part of it.
const LONGEST: Duration = Duration::from_secs(10);

struct Seen {
    workflow: Option<WorkflowManifest>,
    problems: Vec<Diagnostic>,
    sources: Sources,
}

impl Seen {
    /// `CODE line:column` of every problem.
    fn places(&self) -> Vec<String> {
        let place = |problem: &Diagnostic| {
            let position = self.sources.position(problem.span);
            format!("{} {}:{}", problem.code, position.line, position.column)
        };
        self.problems.iter().map(place).collect()
    }
}

fn read(name: &str, text: impl AsRef<[u8]>) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read_path(&path)
}

fn read_path(path: &Path) -> Seen {
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let start = Instant::now();
    let workflow = read_workflow(path, &DiskFiles, &mut sources, &mut problems);
    assert!(start.elapsed() < LONGEST, "took {:?}", start.elapsed());
    Seen { workflow, problems, sources }
}

#[track_caller]
fn check(name: &str, text: impl AsRef<[u8]>, expected: &[&str]) -> Seen {
    let seen = read(name, text);
    assert_eq!(seen.places(), expected, "{:#?}", seen.problems);
    seen
}

#[track_caller]
fn check_hint(seen: &Seen, part: &str) {
    let hint = seen.problems[0].hint.as_deref().unwrap_or_default();
    assert!(hint.contains(part), "{:?}", seen.problems[0]);
}

const GOOD: &str = "nodes:\n  a: { value: 1 }\n";

#[test]
fn an_empty_file_says_what_the_smallest_workflow_is() {
    for (name, text) in [("a.yaml", ""), ("a.yaml", "# nothing\n"), ("a.toml", "\n\n"), ("a.json", " \n"), ("a.yaml", "\u{feff}")]
    {
        check_hint(&check(name, text, &["AF005 1:1"]), "nodes: { hello:");
    }
    check("a.yaml", "---\n", &["AF005 1:1"]);
    check("a.json", "null", &["AF005 1:1"]);
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("agents.toml"), "").unwrap();
    assert!(read_manifest(&folder.path().join("agents.toml"), &DiskFiles, &mut sources, &mut problems).is_some());
    assert_eq!(problems, []);
}

#[test]
fn a_folder_and_a_missing_file_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let seen = read_path(folder.path());
    assert_eq!(seen.places(), ["AF001 1:1"]);
    assert!(seen.problems[0].message.contains("is a directory"));
    let seen = read_path(&folder.path().join("nothing.yaml"));
    assert_eq!(seen.places(), ["AF001 1:1"]);
    assert!(seen.problems[0].message.contains("no file"));
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_says_so() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, GOOD).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let is_privileged = std::fs::read(&path).is_ok();
    let seen = read_path(&path);
    if is_privileged {
        assert_eq!(seen.problems, [], "a superuser reads everything");
    } else {
        assert_eq!(seen.places(), ["AF001 1:1"]);
        check_hint(&seen, "permissions");
    }
}

#[test]
fn a_device_without_an_end_is_read_to_the_limit_only() {
    if Path::new("/dev/zero").exists() {
        let seen = read_path(Path::new("/dev/zero"));
        assert_eq!(seen.places(), ["AF001 1:1"]);
        assert!(seen.problems[0].message.contains("larger than 1 MiB"), "{:?}", seen.problems[0]);
    }
}

#[test]
fn binary_files_and_nul_bytes_are_refused_with_their_place() {
    let seen = check("a.yaml", b"\x7fELF\x02\x01\x01\x00\x00", &["AF001 1:1"]);
    assert!(seen.problems[0].message.contains("NUL at byte 7, line 1"), "{:?}", seen.problems[0]);
    let seen = check("a.yaml", b"nodes:\n  a: \xff\xfe\n", &["AF001 1:1"]);
    assert!(seen.problems[0].message.contains("not UTF-8: at byte 12, line 2"), "{:?}", seen.problems[0]);
    let utf16: Vec<u8> = "nodes: {}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check_hint(&check("a.yaml", utf16, &["AF001 1:1"]), "UTF-8");
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    assert!(read_workflow_text(Path::new("<stdin>"), "a: \0".to_owned(), &mut sources, &mut problems).is_none());
    assert_eq!(problems[0].code.to_string(), "AF001");
}

#[test]
fn a_file_of_50_gb_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    std::fs::File::create(&path).unwrap().set_len(50_000_000_000).unwrap();
    assert_eq!(read_path(&path).places(), ["AF001 1:1"]);
}

#[test]
fn nesting_ends_at_its_limit_in_every_syntax() {
    const MANY: usize = 100_000;
    check("a.yaml", "[".repeat(MANY), &["AF015 1:33"]);
    check("a.yaml", "{a: ".repeat(MANY), &["AF015 1:129"]);
    check("a.json", "[".repeat(MANY), &["AF015 1:33"]);
    check("a.json", "{\"a\":".repeat(MANY), &["AF015 1:161"]);
    check("a.yaml", format!("nodes: {}{}", "[".repeat(MANY), "]".repeat(MANY)), &["AF015 1:40"]);
    check("a.yaml", "- ".repeat(MANY), &["AF015 1:65"]);
    check("a.yaml", "? ".repeat(MANY), &["AF015 1:65"]);
    let steps = (0..5_000).fold(String::new(), |mut text, depth| {
        writeln!(text, "{}a:", " ".repeat(depth.min(150))).unwrap();
        text
    });
    assert_eq!(read("a.yaml", steps).places().len(), 1);
    for text in
        [format!("a = {}", "[".repeat(MANY)), format!("a = {}", "{a = ".repeat(MANY)), format!("{}a = 1", "a.".repeat(MANY))]
    {
        let seen = read("a.toml", &text);
        assert_eq!(seen.problems[0].code.to_string(), "AF015", "{:?}", &seen.problems[0]);
        assert!(seen.workflow.is_none());
    }
    let seen = read("a.toml", format!("a = {}1{}", "[".repeat(40), "]".repeat(40)));
    assert_eq!(seen.places(), ["AF015 1:36"]);
}

#[test]
fn aliases_cannot_blow_a_file_up() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let before = level - 1;
        writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{before}"); 9].join(", ")).unwrap();
    }
    let seen = read("a.yaml", bomb);
    assert_eq!(seen.problems[0].code.to_string(), "AF015", "{:?}", seen.problems[0]);
    assert!(seen.workflow.is_none());
    check("a.yaml", "a: &a [*a]\n", &["AF002 1:8"]);
    check_hint(&check("a.yaml", "a: *b\n", &["AF002 1:4"]), "quoted");
    let many = format!("nodes: [{}]", "x, ".repeat(60_000));
    assert_eq!(read("a.yaml", many).problems[0].code.to_string(), "AF015");
}

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    let seen = check("a.yaml", format!("\u{feff}{}", GOOD.replace('\n', "\r\n")), &[]);
    assert_eq!(seen.workflow.unwrap().nodes.len(), 1);
    check("a.yaml", "\u{feff}nodes:\r\n  é: { value: 1 }\r\n  b: { value: 1, timeout: 3 }\r\n", &["AF007 2:3", "AF008 3:27"]);
    check("a.toml", "\u{feff}[nodes.a]\r\nvalue = \"é\"\r\ntimeout = 3\r\n", &["AF008 3:11"]);
    check("a.json", "\u{feff}{\"nodes\":\r\n {\"a\": {\"value\": \"é\", \"timeout\": 3}}}\r\n", &["AF008 2:34"]);
}

#[test]
fn tabs_in_yaml_are_told_from_other_mistakes() {
    check_hint(&check("a.yaml", "nodes:\n\ta: { value: 1 }\n", &["AF002 2:1"]), "replace the tab");
    check_hint(&check("a.yaml", "nodes:\n  a:\n  \tvalue: 1\n", &["AF002 3:3"]), "replace the tab");
    check("a.yaml", "nodes: {\ta: { value: 1 }\t}\n", &[]);
}

#[test]
fn syntax_errors_are_located() {
    check_hint(&check("a.yaml", "nodes:\n  a: { value: {{ x }} }\n", &["AF002 2:16"]), "must be quoted");
    check_hint(&check("a.yaml", "nodes:\n  a:\n    prompt: Note: this\n", &["AF002 3:17"]), "quoted");
    check_hint(&check("a.yaml", "nodes:\n  a: \"open\n", &["AF002 3:1"]), "close the quote");
    check_hint(&check("a.yaml", "nodes: [a\n", &["AF002 1:8"]), "close the bracket");
    check_hint(&check("a.yaml", "nodes:\n  a: !include b.yaml\n", &["AF002 2:15", "AF004 2:15"]), "remove the tag");
    check("a.toml", "nodes = \n", &["AF002 1:9"]);
    check("a.toml", "[nodes.a\nvalue = 1\n", &["AF002 1:9"]);
    check("a.json", "{\"nodes\": }", &["AF002 1:11"]);
    check_hint(&check("a.json", "// hi\n{}", &["AF002 1:1"]), "no comments");
}

#[test]
fn several_documents_in_one_file_are_refused() {
    check_hint(&check("a.yaml", format!("{GOOD}---\n{GOOD}"), &["AF002 3:1"]), "one file");
    check("a.yaml", format!("---\n{GOOD}...\n"), &[]);
    check("a.json", "{\"nodes\": {\"a\": {\"value\": 1}}}\n{}", &["AF002 2:1"]);
}

#[test]
fn every_duplicate_key_is_told_with_both_places() {
    let seen = check(
        "a.yaml",
        "nodes:\n  a: { value: 1 }\n  b: { value: 1, value: 2 }\n  a: { value: 2 }\n",
        &["AF006 3:18", "AF006 4:3"],
    );
    let first = seen.sources.position(seen.problems[1].related[0].span);
    assert_eq!((first.line, first.column), (2, 3));
    let workflow = seen.workflow.unwrap();
    assert_eq!(workflow.nodes.iter().map(|(id, _)| id.value.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn names_that_cannot_be_used_are_refused_at_their_place() {
    check(
        "a.yaml",
        "nodes:\n  inputs: { value: 1 }\n  größe: { value: 1 }\n  ..: { value: 1 }\n",
        &["AF016 2:3", "AF007 3:3", "AF007 4:3"],
    );
    check("a.yaml", "nodes:\n  \"a\\u202eb\": { value: 1 }\n", &["AF007 2:3"]);
}

#[test]
fn thousands_of_problems_are_cut_short() {
    let keys = (0..20_000).fold(String::new(), |mut text, number| {
        writeln!(text, "k{number}: 1").unwrap();
        text
    });
    let seen = read("a.yaml", keys);
    assert_eq!(seen.problems.len(), 201);
    assert!(seen.problems[200].message.contains("more than 200 problems"));
    let seen = read("a.yaml", format!("nodes: {{ {} }}", "a: 1, ".repeat(20_000)));
    assert!(seen.problems.len() < 210, "{}", seen.problems.len());
}

#[test]
fn random_bytes_and_random_cuts_of_good_files_never_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    let good = [
        ("a.yaml", include_str!("../fixtures/corpus/good/workflow/everything.yaml")),
        ("a.toml", include_str!("../fixtures/corpus/good/workflow/everything.toml")),
        ("a.json", include_str!("../fixtures/corpus/good/workflow/graph.json")),
    ];
    for (name, text) in good {
        for _ in 0..200 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..4) {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes[at] = *random.choice(b"{}[]\"'\\|>&*!?:-#\t\n %@`=,.x0").unwrap(),
                    2 => bytes.insert(at, *random.choice(b"{}[]\"'\\|>&*!?:-#\t\n %@`=,.x0").unwrap()),
                    _ => drop(bytes.remove(at)),
                }
                if bytes.is_empty() {
                    bytes.push(b' ');
                }
            }
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let (mut sources, mut problems) = (Sources::default(), Vec::new());
            let workflow = read_workflow_text(Path::new(name), text, &mut sources, &mut problems);
            assert!(workflow.is_some() || !problems.is_empty());
            for problem in &problems {
                let position = sources.position(problem.span);
                assert!(position.line >= 1 && position.column >= 1 && !problem.message.is_empty());
            }
        }
    }
}
