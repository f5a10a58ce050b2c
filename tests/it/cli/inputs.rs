//! Inputs: from options, files and standard input, checked before anything starts.

use super::project::Project;

/// Puts out what it was given.
const ECHO: &str = "\
name: echo
inputs:
  text: string
  count: { type: integer, default: 1 }
  tags: { type: array, items: { type: string }, default: [], description: Words to find it by }
  mood: { type: string, enum: [calm, stormy], default: calm }
nodes:
  all: { value: { text: '{{ inputs.text }}', count: '{{ inputs.count }}', tags: '{{ inputs.tags }}', mood: '{{ inputs.mood }}' } }
outputs:
  all: '{{ all }}'
";

fn project() -> Project {
    Project::new().with("echo.yaml", ECHO)
}

/// The outputs of a run with these options.
#[track_caller]
fn echo(project: &Project, options: &[&str], stdin: &str) -> serde_json::Value {
    let args: Vec<&str> = ["run", "echo.yaml", "--output", "json"].into_iter().chain(options.iter().copied()).collect();
    let ran = project.run_with_stdin(&args, stdin);
    ran.exit(0);
    ran.json()["all"].clone()
}

#[test]
fn values_take_the_type_that_the_workflow_asks_for() {
    let all = echo(&project(), &["-i", "text=12", "-i", "count=12", "-i", "tags=[\"a\", \"b\"]", "-i", "mood=stormy"], "");
    assert_eq!(all, serde_json::json!({"text": "12", "count": 12, "tags": ["a", "b"], "mood": "stormy"}));
}

#[test]
fn an_input_may_be_a_file_or_standard_input() {
    let project = project().with("a.txt", "from a file\n");
    assert_eq!(echo(&project, &["-i", "text=@a.txt"], "")["text"], "from a file\n");
    assert_eq!(echo(&project, &["-i", "text=-"], "from a pipe")["text"], "from a pipe");
    assert_eq!(echo(&project, &["-i", "text=@-"], "from a pipe")["text"], "from a pipe");
    assert_eq!(echo(&project, &["-i", "text=@@home"], "")["text"], "@home");
    assert_eq!(
        echo(&project, &["-i", "text=", "-i", "count=@-"], " 3\n"),
        serde_json::json!({"text": "", "count": 3, "tags": [], "mood": "calm"})
    );
}

#[test]
fn inputs_may_come_from_a_file_in_every_syntax() {
    let project = project()
        .with("i.json", r#"{"text": "j", "count": 2}"#)
        .with("i.yaml", "text: y\ncount: 2\n")
        .with("i.toml", "text = \"t\"\ncount = 2\n");
    for (file, text) in [("i.json", "j"), ("i.yaml", "y"), ("i.toml", "t")] {
        let all = echo(&project, &["--inputs", file], "");
        assert_eq!((&all["text"], &all["count"]), (&text.into(), &2.into()), "{file}");
    }
    assert_eq!(echo(&project, &["--inputs", "-"], "{\"text\": \"p\"}")["text"], "p");
    assert_eq!(echo(&project, &["--inputs", "i.json", "-i", "text=first"], "")["text"], "first", "options go first");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let ran = project().run(&["run", "echo.yaml", "-i", "count=many", "-i", "mood=sad", "-i", "txt=x", "-i", "tags=@none.json"]);
    ran.exit(2).prints_nothing();
    insta::assert_snapshot!(ran);
}

#[test]
fn missing_inputs_are_listed_with_what_they_are() {
    let needy = ECHO.replace(", default: []", "");
    let ran = Project::new().with("echo.yaml", needy).run(&["run", "echo.yaml"]);
    ran.exit(2).prints_nothing();
    insta::assert_snapshot!(ran);
}

#[test]
fn an_input_is_given_once_and_standard_input_is_read_once() {
    project().run(&["run", "echo.yaml", "-i", "text=a", "-i", "text=b"]).exit(2).says("`text` is given twice");
    project().run(&["run", "echo.yaml", "-i", "text=-", "-i", "count=-"]).exit(2).says("can be read once");
    let ran = project().run_with_stdin(&["run", "-", "-i", "text=-"], ECHO);
    ran.exit(2).says("the workflow and input `text` both ask for it");
}

#[test]
fn files_of_inputs_that_cannot_be_used() {
    let project = project().with("list.json", "[1]").with("broken.yaml", "a: [").with("binary", [255u8, 254]);
    project.run(&["run", "echo.yaml", "--inputs", "list.json"]).exit(2).says("must hold a map");
    project.run(&["run", "echo.yaml", "--inputs", "broken.yaml"]).exit(2).says("broken.yaml:1:");
    project.run(&["run", "echo.yaml", "--inputs", "none.json"]).exit(2).says("cannot read `none.json`");
    project.run(&["run", "echo.yaml", "-i", "text=@binary"]).exit(2).says("no text in UTF-8");
    project.run(&["run", "echo.yaml", "-i", "text=@."]).exit(2).says("is a folder");
}
