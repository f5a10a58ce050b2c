//! The JSON Schema that editors use, the checks of the loader, and the three syntaxes agree with each other.

use std::path::{Path, PathBuf};

use agentflow::{
    diagnostic::{Code, Diagnostic, DiskFiles, Sources, StoredFiles},
    manifest::{
        NodeKindManifest, SchemaOf, json_schema, read_data_text, read_eval_file, read_manifest, read_policy_text, read_test_file,
        read_workflow, read_workflow_text,
    },
    model::StoredSource,
};
use serde_json::{Value, json};

/// What JSON Schema cannot see: it is given values, not text.
const ONLY_IN_TEXT: [Code; 4] = [Code::UNREADABLE_FILE, Code::SYNTAX, Code::DUPLICATE_KEY, Code::TOO_COMPLEX];

fn corpus(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn validator(of: SchemaOf) -> jsonschema::Validator {
    jsonschema::draft7::new(&json_schema(of)).unwrap()
}

/// What the loader says of a file.
fn check(path: &Path, of: SchemaOf) -> (Vec<Diagnostic>, Sources) {
    let (mut problems, mut sources) = (Vec::new(), Sources::default());
    match of {
        SchemaOf::Workflow => drop(read_workflow(path, &DiskFiles, &mut sources, &mut problems)),
        SchemaOf::Policy => {
            let text = std::fs::read_to_string(path).unwrap();
            drop(read_policy_text(path, text, &mut sources, &mut problems));
        }
        SchemaOf::Agents => drop(read_manifest(path, &DiskFiles, &mut sources, &mut problems)),
        SchemaOf::Test => drop(read_test_file(path, &DiskFiles, &mut sources, &mut problems)),
        SchemaOf::Eval => drop(read_eval_file(path, &DiskFiles, &mut sources, &mut problems)),
    }
    (problems, sources)
}

/// The values of a file, without their positions.
fn values(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    let mut problems = Vec::new();
    read_data_text(path, text, &mut Sources::default(), &mut problems).unwrap().to_value()
}

const FOLDERS: [(&str, SchemaOf); 5] = [
    ("workflow", SchemaOf::Workflow),
    ("agents", SchemaOf::Agents),
    ("policy", SchemaOf::Policy),
    ("test", SchemaOf::Test),
    ("eval", SchemaOf::Eval),
];

fn listing(problems: &[Diagnostic], sources: &Sources) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for problem in problems {
        let place = sources.position(problem.span);
        write!(
            text,
            "{} {}:{}-{}:{} {}",
            problem.code, place.line, place.column, place.end_line, place.end_column, problem.message
        )
        .unwrap();
        for related in &problem.related {
            let place = sources.position(related.span);
            write!(text, " [{}:{} {}]", place.line, place.column, related.message).unwrap();
        }
        writeln!(text, "{}", problem.hint.as_ref().map(|hint| format!(" -> {hint}")).unwrap_or_default()).unwrap();
    }
    text
}

#[test]
fn good_files_are_accepted_by_both() {
    for (folder, of) in FOLDERS {
        let validator = validator(of);
        for path in corpus(&format!("good/{folder}")) {
            let (problems, sources) = check(&path, of);
            assert_eq!(listing(&problems, &sources), "", "{}", path.display());
            let errors: Vec<_> =
                validator.iter_errors(&values_or_empty(&path)).map(|err| format!("{}: {err}", err.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
        }
    }
}

/// An empty manifest is a map without entries.
fn values_or_empty(path: &Path) -> Value {
    match values(path) {
        Value::Null => json!({}),
        value => value,
    }
}

#[test]
fn bad_files_are_refused_by_both_with_the_codes_in_their_names() {
    let mut seen = 0;
    for (folder, of) in FOLDERS {
        let validator = validator(of);
        for path in corpus(&format!("bad/{folder}")) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let (problems, sources) = check(&path, of);
            let mut codes: Vec<_> = problems.iter().map(|problem| problem.code.to_string().to_lowercase()).collect();
            codes.sort();
            codes.dedup();
            assert!(name.starts_with(&format!("{}-", codes.join("-"))), "{name}:\n{}", listing(&problems, &sources));
            if problems.iter().any(|problem| !ONLY_IN_TEXT.contains(&problem.code)) {
                assert!(!validator.is_valid(&values(&path)), "{name}: the schema accepts it");
            }
            seen += 1;
        }
    }
    assert!(seen >= 60, "the corpus has only {seen} bad files");
}

#[test]
fn every_problem_of_the_corpus_is_told_with_its_place_and_a_hint() {
    let mut text = String::new();
    for (folder, of) in FOLDERS {
        for path in corpus(&format!("bad/{folder}")) {
            let (problems, sources) = check(&path, of);
            text.push_str(
                &["## ", folder, "/", path.file_name().unwrap().to_str().unwrap(), "\n", &listing(&problems, &sources)].concat(),
            );
        }
    }
    insta::assert_snapshot!("corpus", text);
}

/// Every value of a good file is replaced by each of these, in turn.
fn replacements() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(1e12),
        json!(""),
        json!("x"),
        json!("X y"),
        json!("30s"),
        json!("0s"),
        json!("400k"),
        json!("0.5k"),
        json!("20/m"),
        json!("a | b"),
        json!("string"),
        json!("https://example.com"),
        json!([]),
        json!(["x"]),
        json!([1, 2]),
        json!({}),
        json!({ "x": "y" }),
        json!({ "type": "string" }),
        json!({ "type": "object", "x": 1 }),
    ]
}

/// Calls `visit` with values that differ from `value` in one place, and with what the difference is.
fn mutations(value: &Value, visit: &mut dyn FnMut(&Value, String)) {
    const ADDED: [&str; 14] =
        ["zzz", "type", "default", "as", "prompt", "value", "nodes", "A b", "loop", "$ref", "use", "cache", "output", "edges"];
    let mut pointers = Vec::new();
    places(value, String::new(), &mut pointers);
    for (turn, pointer) in pointers.iter().enumerate() {
        // Each place takes its turn at a few of the replacements: all of them everywhere take half a minute.
        for replacement in replacements().into_iter().skip(turn % STRIDE).step_by(STRIDE) {
            let mut changed = value.clone();
            let what = format!("{pointer} = {replacement}");
            *changed.pointer_mut(pointer).unwrap() = replacement;
            visit(&changed, what);
        }
        let Some(fields) = value.pointer(pointer).and_then(Value::as_object) else { continue };
        for key in fields.keys().skip(turn % STRIDE).step_by(STRIDE) {
            let mut changed = value.clone();
            changed.pointer_mut(pointer).unwrap().as_object_mut().unwrap().shift_remove(key);
            visit(&changed, format!("{pointer} without {key}"));
        }
        for key in ADDED.into_iter().skip(turn % STRIDE).step_by(STRIDE) {
            let mut changed = value.clone();
            changed.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert(key.to_owned(), json!("x"));
            visit(&changed, format!("{pointer} with {key}"));
        }
    }
}

/// How many places share the replacements between them.
const STRIDE: usize = 8;

fn places(value: &Value, pointer: String, found: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| places(value, format!("{pointer}/{}", escape(key)), found));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| places(value, format!("{pointer}/{at}"), found)),
        _ => {}
    }
    found.push(pointer);
}

#[test]
fn loader_and_schema_agree_on_single_changes_of_good_files() {
    let mut disagreements = Vec::new();
    let (mut good, mut bad) = (0, 0);
    for (folder, of) in FOLDERS {
        let validator = validator(of);
        for path in corpus(&format!("good/{folder}")) {
            mutations(&values_or_empty(&path), &mut |changed, what| {
                let (mut problems, mut sources) = (Vec::new(), Sources::default());
                let files = StoredFiles::new(vec![StoredSource { path: "changed.json".to_owned(), text: changed.to_string() }]);
                match of {
                    SchemaOf::Workflow => drop(read_workflow(Path::new("changed.json"), &files, &mut sources, &mut problems)),
                    SchemaOf::Policy => {
                        drop(read_policy_text(Path::new("changed.json"), changed.to_string(), &mut sources, &mut problems));
                    }
                    SchemaOf::Agents => drop(read_manifest(Path::new("changed.json"), &files, &mut sources, &mut problems)),
                    SchemaOf::Test => drop(read_test_file(Path::new("changed.json"), &files, &mut sources, &mut problems)),
                    SchemaOf::Eval => drop(read_eval_file(Path::new("changed.json"), &files, &mut sources, &mut problems)),
                }
                // Whether a reference or an edge leads anywhere follows from another value.
                if problems.iter().any(|problem| problem.code == Code::UNKNOWN_NODE || problem.message.contains("does not exist"))
                {
                    return;
                }
                let is_good = problems.is_empty();
                *(if is_good { &mut good } else { &mut bad }) += 1;
                if validator.is_valid(changed) != is_good {
                    let first = problems.first().map(|problem| problem.message.clone());
                    disagreements.push(format!("{}: {what}: loader {first:?}", path.file_name().unwrap().display()));
                }
            });
        }
    }
    assert!(disagreements.is_empty(), "{} {:#?}", disagreements.len(), &disagreements[..disagreements.len().min(40)]);
    assert!(good > 150 && bad > 500, "{good} good and {bad} bad changes");
}

const YAML: &str = "
name: same
inputs: { topic: string, words: { type: integer, default: 200, description: How many } }
limits: { timeout: 1h30m, max_tokens: 400k }
agents: { writer: { system: You write., temperature: 0.5, capabilities: [writing] } }
nodes:
  draft:
    agent: { capability: [writing] }
    prompt: \"Write about {{ inputs.topic }}.\\nIn {{ inputs.words }} words.\"
    output: { text: string, \"note?\": a | b }
    retry: { max_attempts: 2, initial: 1s }
  improve:
    map: draft.text
    as: part
    loop: { until: \"true\", max: 3 }
    nodes: { inner: { value: [1, 2.5, { a: \"{{ part }}\" }], when: true } }
    on_error: { use: [] }
outputs: { text: \"{{ draft.text }}\" }
";

const TOML: &str = "
name = \"same\"
inputs = { topic = \"string\", words = { type = \"integer\", default = 200, description = \"How many\" } }
limits = { timeout = \"1h30m\", max_tokens = \"400k\" }
agents.writer = { system = 'You write.', temperature = 0.5, capabilities = [\"writing\"] }

[nodes.draft]
agent = { capability = [\"writing\"] }
prompt = \"\"\"
Write about {{ inputs.topic }}.
In {{ inputs.words }} words.\"\"\"
output = { text = \"string\", \"note?\" = \"a | b\" }
retry = { max_attempts = 2, initial = \"1s\" }

[nodes.improve]
map = \"draft.text\"
as = \"part\"
loop = { until = \"true\", max = 3 }
nodes.inner = { value = [1, 2.5, { a = \"{{ part }}\" }], when = true }
on_error = { use = [] }

[outputs]
text = \"{{ draft.text }}\"
";

/// The manifest as text, without its positions.
fn without_places(path: &str, text: &str) -> String {
    let mut problems = Vec::new();
    let workflow = read_workflow_text(Path::new(path), text.to_owned(), &mut Sources::default(), &mut problems);
    assert_eq!(problems, [], "{path}");
    let shown = format!("{:#?}", workflow.unwrap());
    let mut kept = Vec::new();
    let mut lines = shown.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("span: Span {") {
            // `file: FileId(` number `),` start, end and the closing brace.
            for _ in 0..6 {
                lines.next();
            }
        } else {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[test]
fn the_same_workflow_in_three_syntaxes_reads_the_same() {
    let json = read_data_text(Path::new("a.yaml"), YAML.to_owned(), &mut Sources::default(), &mut Vec::new()).unwrap().to_value();
    let yaml = without_places("a.yaml", YAML);
    assert!(!yaml.contains("span") && yaml.contains("inputs.words"), "{yaml}");
    assert_eq!(yaml, without_places("a.toml", TOML));
    assert_eq!(yaml, without_places("a.json", &serde_json::to_string_pretty(&json).unwrap()));
    assert_eq!(yaml, without_places("<stdin>", TOML));
}

#[test]
fn the_same_ten_mistakes_give_the_same_ten_problems_in_three_syntaxes() {
    let toml = "
nam = \"ten\"
[limits]
concurrency = 0
[nodes]
Start = { value = 1 }
env = { value = 1 }
a = { agent = \"x\" }
b = { agent = \"x\", prompt = \"hi\", output = { risk = \"strng\" } }
c = { value = 1, timeout = \"5min\" }
d = { value = 1, prompt = \"hi\" }
e = { description = \"nothing\" }
f = { value = 1, needs = 3 }
";
    let file = corpus("bad/workflow").into_iter().find(|path| path.to_str().unwrap().ends_with("ten.yaml")).unwrap();
    let yaml = std::fs::read_to_string(file).unwrap();
    let json = read_data_text(Path::new("a.yaml"), yaml.clone(), &mut Sources::default(), &mut Vec::new()).unwrap().to_value();
    let told = |path: &str, text: &str| {
        let (mut problems, mut sources) = (Vec::new(), Sources::default());
        read_workflow_text(Path::new(path), text.to_owned(), &mut sources, &mut problems);
        let marked = |problem: &Diagnostic| sources.text(problem.span).trim_matches('"').to_owned();
        problems
            .iter()
            .map(|problem| (problem.code, problem.message.clone(), problem.hint.clone(), marked(problem)))
            .collect::<Vec<_>>()
    };
    let in_yaml = told("a.yaml", &yaml);
    assert_eq!(in_yaml.len(), 10, "{in_yaml:#?}");
    assert_eq!(in_yaml, told("a.toml", toml));
    assert_eq!(in_yaml, told("a.json", &json.to_string()));
}

#[test]
fn the_schema_of_test_files_knows_a_test_from_other_things() {
    let validator = validator(SchemaOf::Test);
    let good = json!({
        "workflow": "review-change.yaml",
        "tests": [{
            "name": "a risky change is reviewed once per area",
            "inputs": { "diff": "x" },
            "mocks": {
                "triage": { "output": { "risk": "high" } },
                "review": { "each": { "output": { "findings": [] } } },
                "gate": { "approve": true },
                "publish": { "fail": { "kind": "http", "status": 503, "times": 2 }, "output": { "status": 201 } },
            },
            "agents": { "critic": ["first", "second"] },
            "expect": {
                "status": "succeeded",
                "executed": { "review": 2 },
                "not_executed": [],
                "order": ["triage", "review"],
                "attempts": { "publish": 3 },
                "outputs": { "review": { "matches": ".+" } },
                "max_cost_usd": 0,
            },
        }],
    });
    assert!(validator.is_valid(&good));
    for (pointer, bad) in [
        ("/tests", json!([])),
        ("/tests/0/name", json!(3)),
        ("/tests/0/mocks/triage", json!({ "outptu": 1 })),
        ("/tests/0/mocks/review", json!({ "each": {}, "output": 1 })),
        ("/tests/0/expect/status", json!("fine")),
        ("/tests/0/expect/executed", json!({ "review": -1 })),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = bad;
        assert!(!validator.is_valid(&changed), "{pointer}");
    }
}

#[test]
fn a_schema_behind_an_anchor_is_the_same_wherever_it_is_used() {
    let text = "
inputs: { p: &p { type: integer, default: 1 }, q: *p }
nodes:
  a: { agent: x, prompt: hi, output: &o { s: string, t: a | b } }
  b: { agent: x, prompt: hi, output: *o }
";
    let mut problems = Vec::new();
    let workflow = read_workflow_text(Path::new("a.yaml"), text.to_owned(), &mut Sources::default(), &mut problems).unwrap();
    assert_eq!(problems, []);
    let outputs: Vec<_> = workflow
        .nodes
        .iter()
        .map(|(_, node)| match &node.kind {
            NodeKindManifest::Agent { output, .. } => output.as_ref().unwrap().json.clone(),
            _ => Value::Null,
        })
        .collect();
    assert_eq!(outputs[0]["required"], json!(["s", "t"]));
    assert_eq!(outputs[0], outputs[1]);
    assert_eq!(workflow.inputs[0].1.schema, workflow.inputs[1].1.schema);
}
