//! Help is read by people: each page is held as it is.

use super::project::Project;

const PAGES: [&[&str]; 69] = [
    &[],
    &["run"],
    &["resume"],
    &["approve"],
    &["fork"],
    &["why"],
    &["diff"],
    &["eval"],
    &["validate"],
    &["test"],
    &["lock"],
    &["graph"],
    &["agents"],
    &["agents", "list"],
    &["agents", "show"],
    &["agents", "find"],
    &["runs"],
    &["runs", "list"],
    &["runs", "show"],
    &["runs", "events"],
    &["runs", "report"],
    &["runs", "watch"],
    &["runs", "rm"],
    &["runs", "verify"],
    &["runs", "repair"],
    &["ps"],
    &["messages"],
    &["messages", "list"],
    &["messages", "tail"],
    &["messages", "send"],
    &["messages", "dead"],
    &["messages", "replay"],
    &["conversations"],
    &["conversations", "list"],
    &["conversations", "show"],
    &["conversations", "rm"],
    &["tools"],
    &["tools", "list"],
    &["tools", "show"],
    &["tools", "call"],
    &["tools", "trust"],
    &["memory"],
    &["memory", "add"],
    &["memory", "search"],
    &["memory", "list"],
    &["memory", "show"],
    &["memory", "rm"],
    &["memory", "stats"],
    &["memory", "reindex"],
    &["memory", "export"],
    &["memory", "import"],
    &["models"],
    &["models", "list"],
    &["models", "pull"],
    &["models", "import"],
    &["policy"],
    &["policy", "show"],
    &["policy", "check"],
    &["policy", "init"],
    &["audit"],
    &["audit", "list"],
    &["audit", "show"],
    &["audit", "verify"],
    &["audit", "export"],
    &["schema"],
    &["explain"],
    &["init"],
    &["doctor"],
    &["completions"],
];

#[test]
fn every_command_has_a_short_help() {
    let project = Project::new();
    for page in PAGES {
        let args: Vec<&str> = page.iter().copied().chain(["-h"]).collect();
        let ran = project.run(&args);
        ran.exit(0);
        assert_eq!(ran.stderr, "");
        let name = if page.is_empty() { "agentflow".to_owned() } else { page.join("-") };
        insta::assert_snapshot!(format!("help-{name}"), ran.stdout);
    }
}

#[test]
fn the_long_help_tells_exit_codes_and_examples() {
    let project = Project::new();
    let help = project.run(&["--help"]);
    help.exit(0);
    let words = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("Exit codes: 0 succeeded, 1 run failed, 2 wrong usage") && words.contains("75 store unavailable"),
        "{words}"
    );
    project.run(&["run", "--help"]).exit(0).prints("git diff | agentflow run workflows/review-change.yaml -i diff=-");
}

#[test]
fn no_command_is_wrong_usage_and_shows_the_help() {
    let ran = Project::new().run(&[]);
    ran.exit(2).says("Usage: agentflow").prints_nothing();
}

#[test]
fn a_command_that_does_not_exist_gets_a_hint() {
    Project::new().run(&["rum"]).exit(2).says("'run'").prints_nothing();
    Project::new().run(&["run", "x.yaml", "--mok"]).exit(2).says("'--mock'");
}

#[test]
fn the_version_is_told() {
    let ran = Project::new().run(&["--version"]);
    ran.exit(0);
    assert_eq!(ran.stdout, format!("agentflow {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        Project::new().run(&["completions", shell]).exit(0).prints("agentflow").prints("validate");
    }
}

#[test]
fn manual_pages_are_printed_or_written() {
    let project = Project::new();
    project.run(&["man"]).exit(0).prints(".TH agentflow 1");
    project.run(&["man", "pages"]).exit(0).prints_nothing();
    for page in ["agentflow.1", "agentflow-run.1", "agentflow-runs-show.1"] {
        assert!(project.path("pages").join(page).is_file(), "{page}");
    }
}
