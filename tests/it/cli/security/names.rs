//! Names and ids that are paths, patterns or statements.

use agentflow::model::{AgentName, NodeId, ProviderName, RunId, ToolName};

use super::super::project::{HELLO, Project};

/// Ways to leave a folder, or to mean it as a whole.
const TRAVERSALS: [&str; 40] = [
    ".",
    "..",
    "...",
    "/",
    "//",
    "./",
    "../",
    "../victim",
    "../victim/",
    "../../victim",
    "..\\victim",
    "..\\..\\victim",
    "/etc/passwd",
    "/tmp",
    "~",
    "~root",
    "$HOME",
    "%2e%2e",
    "%2e%2e%2fvictim",
    "..%2fvictim",
    "..%5cvictim",
    "%252e%252e%252fvictim",
    "..%c0%afvictim",
    "..%u2215victim",
    "....//victim",
    "..././victim",
    "..;/victim",
    "a/../../victim",
    "a/b",
    "victim/file",
    "./victim",
    "victim/.",
    "file:///victim",
    "C:\\victim",
    "\\\\host\\share",
    "\u{2024}\u{2024}/victim",
    "\u{ff0e}\u{ff0e}/victim",
    "..\u{2215}victim",
    "*",
    "..\nvictim",
];

#[test]
fn cve_2026_31886_cve_2026_27598_a_path_is_no_name() {
    for text in TRAVERSALS {
        assert!(NodeId::new(text).is_err(), "{text:?} is a node id");
        assert!(AgentName::new(text).is_err(), "{text:?} is an agent name");
        assert!(ProviderName::new(text).is_err(), "{text:?} is a provider name");
        assert!(ToolName::new(text).is_err(), "{text:?} is a tool name");
        assert!(text.parse::<RunId>().is_err(), "{text:?} is a run id");
    }
}

#[test]
fn cve_2026_31886_cve_2026_27598_a_path_in_place_of_a_run_does_nothing() {
    let project = Project::new().with("hello.yaml", HELLO).with("victim/file", "still here");
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    for text in TRAVERSALS {
        for command in [&["runs", "show"][..], &["runs", "rm"], &["approve"], &["resume"], &["audit", "show"]] {
            let ran = project.run(&[command, &["--", text]].concat());
            assert!(matches!(ran.code, Some(1 | 2)), "{command:?} {text:?}: {ran}");
            assert!(!ran.stderr.contains("panicked") && ran.stdout.is_empty(), "{command:?} {text:?}: {ran}");
        }
    }
    assert_eq!(std::fs::read_to_string(project.path("victim/file")).unwrap(), "still here");
    assert_eq!(project.run_ids().len(), 1);
    project.run(&["runs", "verify", "--all"]).exit(0);
}

#[test]
fn cve_2025_67644_cve_2025_8709_no_name_becomes_part_of_a_statement() {
    let list = "nodes: { a: { tool: list_files, args: {} } }\npermissions: ['fs:read:**']\n";
    let project = Project::new().with("agents.toml", "").with("w.yaml", list);
    project.run(&["run", "w.yaml", "--allow", "fs:read:**"]).exit(0);
    let all = project.run(&["audit", "list", "--format", "json"]).json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    for text in [
        "' OR '1'='1",
        "x' OR 1=1 --",
        "x'; DROP TABLE records; --",
        "x\" OR \"\"=\"",
        "x') UNION SELECT body FROM records --",
        "$.node') OR 1=1 --",
        "%",
        "_",
        "a' || (SELECT hash FROM records) || '",
    ] {
        for filter in ["--tool", "--agent"] {
            let ran = project.run(&["audit", "list", "--format", "json", &format!("{filter}={text}")]);
            let found = ran.code == Some(0) && ran.stdout.trim() != "[]";
            assert!(!found && matches!(ran.code, Some(0..=2)), "{filter} {text:?}: {ran}");
        }
        let shown = project.run(&["runs", "show", "--", text]);
        assert!(matches!(shown.code, Some(1 | 2)), "{shown}");
    }
    project.run(&["runs", "verify", "--all"]).exit(0);
    assert_eq!(project.run(&["audit", "list", "--format", "json"]).json(), all);
}
