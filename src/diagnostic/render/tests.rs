use std::path::PathBuf;

use insta::assert_snapshot;
use serde_json::Value;

use super::*;
use crate::diagnostic::{Code, FileId, Span};

const WORKFLOW: &str = "name: review\nnodes:\n  triage:\n    agent: triager\n    prompt: x\n  review:\n    when: triagee.risk != \"low\"\n    agent: triager\n    prompt: ü {{ triage.risc }}\n";

struct Given {
    sources: Sources,
    workflow: FileId,
}

fn given() -> Given {
    let mut sources = Sources::default();
    let workflow = sources.add(PathBuf::from("flows/review.yaml"), WORKFLOW.to_owned());
    Given { sources, workflow }
}

impl Given {
    fn span(&self, text: &str) -> Span {
        let start = self.sources.get(self.workflow).text.find(text).unwrap();
        Span::new(self.workflow, start..start + text.len())
    }

    fn problems(&mut self) -> Vec<Diagnostic> {
        let manifest = self.sources.add(PathBuf::from("agents, all.toml"), "[agents.triager]\nmodel = \"gpt\"\n".to_owned());
        vec![
            Diagnostic::error(Code::UNKNOWN_NAME, self.span("triagee"), "unknown name `triagee`")
                .label("not a node")
                .related(self.span("triage:"), "the node is here")
                .hint("did you mean `triage`?"),
            Diagnostic::warning(Code::UNKNOWN_FIELD, self.span("triage.risc"), "`triage` has no field `risc`, 100% sure")
                .related(Span::new(manifest, 1..15), "its agent")
                .hint("did you mean `triage.risk`?"),
            Diagnostic::error(Code::BAD_MODEL, Span::new(manifest, 25..30), "unknown provider"),
        ]
    }
}

#[track_caller]
fn text(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    render(diagnostics, sources, DiagnosticFormat::Text { color: false, width: 100 })
}

#[test]
fn text_shows_the_line_with_a_caret() {
    let mut given = given();
    let problems = given.problems();
    assert_snapshot!(text(&problems, &given.sources), @r#"
error[AF022]: unknown name `triagee`
 --> flows/review.yaml:7:11
  |
3 |   triage:
  |   ------- the node is here
...
7 |     when: triagee.risk != "low"
  |           ^^^^^^^ not a node
  |
  = hint: did you mean `triage`?

warning[AF023]: `triage` has no field `risc`, 100% sure
 --> flows/review.yaml:9:18
  |
9 |     prompt: ü {{ triage.risc }}
  |                  ^^^^^^^^^^^
  |
note: its agent
 --> agents, all.toml:1:2
  |
1 | [agents.triager]
  |  ^^^^^^^^^^^^^^
  = hint: did you mean `triage.risk`?

error[AF037]: unknown provider
 --> agents, all.toml:2:9
  |
2 | model = "gpt"
  |         ^^^^^
"#);
}

#[test]
fn colours_are_only_there_on_demand() {
    let mut given = given();
    let problems = given.problems();
    assert!(!text(&problems, &given.sources).contains('\u{1b}'));
    let colored = render(&problems, &given.sources, DiagnosticFormat::Text { color: true, width: 100 });
    assert!(colored.contains("\u{1b}["));
}

#[test]
fn control_characters_and_bidi_marks_of_the_file_do_not_reach_the_terminal() {
    let mut sources = Sources::default();
    let line = "a: \u{1b}[31mred\u{7} \u{202e}evil\u{2066} \u{0} \u{8}\r b\t# end\n";
    let file = sources.add(PathBuf::from("x\u{1b}[2J.yaml"), line.to_owned());
    let problem = Diagnostic::error(Code::SYNTAX, Span::new(file, 3..11), "bad \u{1b}[31m\u{202e} text")
        .label("label \u{1b}]0;title\u{7}")
        .related(Span::new(file, 0..1), "related \u{1b}[0m")
        .hint("hint \u{1b}[0m");
    for format in [
        DiagnosticFormat::Text { color: false, width: 80 },
        DiagnosticFormat::Github,
        DiagnosticFormat::Json,
        DiagnosticFormat::Sarif,
    ] {
        let shown = render(std::slice::from_ref(&problem), &sources, format);
        let harmful = shown.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(harmful, None, "{format:?}: {shown:?}");
    }
    let shown = text(std::slice::from_ref(&problem), &sources);
    assert!(!shown.contains(['\u{202e}', '\u{2066}']), "{shown:?}");
    assert!(shown.contains("red"), "{shown}");
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let mut sources = Sources::default();
    let long = format!("a: {}HERE{}\n", "é".repeat(4_000), "b".repeat(4_000));
    let start = long.find("HERE").unwrap();
    let file = sources.add(PathBuf::from("long.yaml"), long);
    let problem = |end| Diagnostic::error(Code::SYNTAX, Span::new(file, start..end), "bad").label("this");
    assert_snapshot!(text(&[problem(start + 4)], &sources), @r#"
error[AF002]: bad
 --> long.yaml:1:4004
  |
1 | ...ééééééééééééééééééééééééééééééééééééééééHEREbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...
  |                                            ^^^^ this
"#);
    assert!(text(&[problem(start + 4_004)], &sources).lines().all(|line| line.chars().count() < 120));
}

#[test]
fn of_a_file_without_lines_only_the_place_is_shown() {
    let mut sources = Sources::default();
    let file = sources.add(PathBuf::from("min.json"), "é".repeat(200_000));
    let problem = Diagnostic::error(Code::SYNTAX, Span::new(file, 200_000..400_000), "bad").label("this").hint("break it up");
    assert_snapshot!(text(&[problem], &sources), @r#"
error[AF002]: bad
--> min.json:1:100001
 = note: there stands: éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé…
 = hint: break it up
"#);
}

#[test]
fn places_that_fit_no_file_exactly_are_shown_as_well_as_possible() {
    let mut sources = Sources::default();
    let empty = sources.add(PathBuf::from("empty.yaml"), String::new());
    let one = sources.add(PathBuf::from("one.yaml"), "é\n\nlast: \u{1F600}".to_owned());
    for (file, range) in [
        (empty, 0..0),
        (empty, 0..9),
        (one, 1..1),
        (one, 1..2),
        (one, 2..3),
        (one, 3..4),
        (one, 0..99),
        (one, 50..60),
        (one, 10..12),
    ] {
        let problem =
            Diagnostic::error(Code::SYNTAX, Span::new(file, range.clone()), "bad").related(Span::new(one, 1..60), "there");
        for format in [
            DiagnosticFormat::Text { color: true, width: 0 },
            DiagnosticFormat::Json,
            DiagnosticFormat::Sarif,
            DiagnosticFormat::Github,
        ] {
            assert!(!render(std::slice::from_ref(&problem), &sources, format).is_empty(), "{range:?} {format:?}");
        }
    }
}

#[test]
fn of_a_place_of_several_lines_the_first_is_marked() {
    let given = given();
    let whole = given.span("triage:\n    agent: triager\n    prompt: x");
    let problem = Diagnostic::error(Code::NODE_KIND, whole, "node `triage` has no kind");
    assert_snapshot!(text(&[problem], &given.sources), @r#"
error[AF014]: node `triage` has no kind
 --> flows/review.yaml:3:3
  |
3 |   triage:
  |   ^^^^^^^
"#);
}

#[test]
fn json_is_an_array_of_objects() {
    let mut given = given();
    let problems = given.problems();
    let shown = render(&problems[..1], &given.sources, DiagnosticFormat::Json);
    assert_snapshot!(shown, @r#"
[
  {
    "code": "AF022",
    "severity": "error",
    "message": "unknown name `triagee`",
    "file": "flows/review.yaml",
    "line": 7,
    "column": 11,
    "end_line": 7,
    "end_column": 18,
    "label": "not a node",
    "hint": "did you mean `triage`?",
    "related": [
      {
        "message": "the node is here",
        "file": "flows/review.yaml",
        "line": 3,
        "column": 3,
        "end_line": 3,
        "end_column": 10
      }
    ]
  }
]
"#);
    assert_eq!(render(&[], &given.sources, DiagnosticFormat::Json), "[]\n");
}

#[test]
#[expect(clippy::too_many_lines, reason = "the snapshot")]
fn sarif_has_a_rule_per_code_and_a_result_per_problem() {
    let mut given = given();
    let problems = given.problems();
    let shown = render(&problems, &given.sources, DiagnosticFormat::Sarif);
    let mut log: Value = serde_json::from_str(&shown).unwrap();
    for rule in log["runs"][0]["tool"]["driver"]["rules"].as_array_mut().unwrap() {
        assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# AF"));
        rule["help"] = "(the page)".into();
    }
    log["runs"][0]["tool"]["driver"]["version"] = "(version)".into();
    assert_snapshot!(format!("{log:#}"), @r#"
{
  "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "agentflow",
          "version": "(version)",
          "rules": [
            {
              "id": "AF022",
              "shortDescription": {
                "text": "unknown name in a template"
              },
              "help": "(the page)"
            },
            {
              "id": "AF023",
              "shortDescription": {
                "text": "unknown field in a template"
              },
              "help": "(the page)"
            },
            {
              "id": "AF037",
              "shortDescription": {
                "text": "bad model"
              },
              "help": "(the page)"
            }
          ]
        }
      },
      "columnKind": "unicodeCodePoints",
      "results": [
        {
          "ruleId": "AF022",
          "ruleIndex": 0,
          "level": "error",
          "message": {
            "text": "unknown name `triagee`\nnot a node\nhint: did you mean `triage`?"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "flows/review.yaml"
                },
                "region": {
                  "startLine": 7,
                  "startColumn": 11,
                  "endLine": 7,
                  "endColumn": 18
                }
              }
            }
          ],
          "relatedLocations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "flows/review.yaml"
                },
                "region": {
                  "startLine": 3,
                  "startColumn": 3,
                  "endLine": 3,
                  "endColumn": 10
                }
              },
              "id": 0,
              "message": {
                "text": "the node is here"
              }
            }
          ]
        },
        {
          "ruleId": "AF023",
          "ruleIndex": 1,
          "level": "warning",
          "message": {
            "text": "`triage` has no field `risc`, 100% sure\nhint: did you mean `triage.risk`?"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "flows/review.yaml"
                },
                "region": {
                  "startLine": 9,
                  "startColumn": 18,
                  "endLine": 9,
                  "endColumn": 29
                }
              }
            }
          ],
          "relatedLocations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "agents%2C%20all.toml"
                },
                "region": {
                  "startLine": 1,
                  "startColumn": 2,
                  "endLine": 1,
                  "endColumn": 16
                }
              },
              "id": 0,
              "message": {
                "text": "its agent"
              }
            }
          ]
        },
        {
          "ruleId": "AF037",
          "ruleIndex": 2,
          "level": "error",
          "message": {
            "text": "unknown provider"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "agents%2C%20all.toml"
                },
                "region": {
                  "startLine": 2,
                  "startColumn": 9,
                  "endLine": 2,
                  "endColumn": 14
                }
              }
            }
          ]
        }
      ]
    }
  ]
}
"#);
}

#[test]
fn uris_are_relative_and_percent_encoded() {
    let mut sources = Sources::default();
    for (path, expected) in [
        ("./a b/ü.yaml", "a%20b/%C3%BC.yaml"),
        ("../x.yaml", "../x.yaml"),
        ("<stdin>", "%3Cstdin%3E"),
        ("/abs/x.yaml", "file:///abs/x.yaml"),
        ("a\\b.yaml", "a/b.yaml"),
    ] {
        let file = sources.add(PathBuf::from(path), "a".to_owned());
        let problem = Diagnostic::error(Code::SYNTAX, Span::new(file, 0..1), "bad");
        let log: Value = serde_json::from_str(&render(&[problem], &sources, DiagnosticFormat::Sarif)).unwrap();
        assert_eq!(log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], expected);
    }
}

#[test]
fn github_commands_are_one_line_each_and_escaped() {
    let mut given = given();
    let mut problems = given.problems();
    problems.push(Diagnostic::error(Code::NODE_KIND, given.span("triage:\n    agent"), "over\nlines: ::error::"));
    assert_snapshot!(render(&problems, &given.sources, DiagnosticFormat::Github), @r#"
::error file=flows/review.yaml,line=7,col=11,endLine=7,endColumn=18,title=AF022%3A unknown name in a template::unknown name `triagee`%0Anot a node%0Ahint: did you mean `triage`?
::warning file=flows/review.yaml,line=9,col=18,endLine=9,endColumn=29,title=AF023%3A unknown field in a template::`triage` has no field `risc`, 100%25 sure%0Ahint: did you mean `triage.risk`?
::error file=agents%2C all.toml,line=2,col=9,endLine=2,endColumn=14,title=AF037%3A bad model::unknown provider
::error file=flows/review.yaml,line=3,endLine=4,title=AF014%3A node kind missing or ambiguous::over%0Alines: ::error::
"#);
}

#[test]
fn the_summary_counts_problems_and_files() {
    let mut given = given();
    let problems = given.problems();
    assert_eq!(summary(&problems), "2 errors, 1 warning in 2 files");
    assert_eq!(summary(&problems[1..2]), "1 warning in 1 file");
    assert_eq!(summary(&[]), "no problems");
}
