//! `agentflow policy`, and the options about it: what the operator permits, and who may say so.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::project::{HELLO, Project};

const POLICY: &str = "\
allow = [\"net:api.github.com\", \"fs:read:docs/**\"]
ask = [\"run:git push\"]
deny = [\"fs:write:.git/**\"]

[secrets]
TOKEN = { env = \"SOME_TOKEN\" }
DEPLOY = { file = \"deploy.key\" }
";

fn project() -> Project {
    Project::new().with("agents.toml", "").with_policy(POLICY)
}

#[test]
fn the_rules_are_shown_with_where_they_are_written() {
    let project = project();
    let section = format!("[[project]]\npath = {:?}\nask = ['net:docs.rs']\n", project.path(""));
    let elsewhere = "[[project]]\npath = '/somewhere/else'\nallow = ['net:*']\n";
    let project = project.with_policy(&format!("{POLICY}{section}{elsewhere}"));
    let mut command = project.command(&["policy", "show", "--allow", "mcp:github/get_*", "--deny", "net:evil.example"]);
    command.env("SOME_TOKEN", "c4n4ry-value");
    let ran = project.ran(command);
    ran.exit(0);
    assert!(!ran.stdout.contains("c4n4ry"), "{ran}");
    insta::assert_snapshot!(ran);
}

#[test]
fn the_rules_are_shown_as_json() {
    let json = project().run(&["policy", "show", "--format", "json", "--ask", "net:docs.rs"]).json();
    assert_eq!((&json["exists"], &json["project"]), (&true.into(), &"[folder]".into()));
    assert_eq!(json["rules"][0]["rule"], "deny");
    assert_eq!(json["rules"][0]["permission"], "fs:write:.git/**");
    assert!(json["rules"][0]["from"].as_str().unwrap().ends_with("agentflow/policy.toml:3"), "{json}");
    assert_eq!(json["rules"][2], serde_json::json!({ "rule": "ask", "permission": "net:docs.rs", "from": "--ask" }));
    assert_eq!(
        json["secrets"][0],
        serde_json::json!({ "name": "TOKEN", "from": "SOME_TOKEN", "problem": "`SOME_TOKEN` is not set" })
    );
}

#[test]
fn without_a_policy_file_nothing_is_permitted_and_it_is_said_where_it_would_be() {
    let project = Project::new();
    let ran = project.run(&["policy", "show"]);
    ran.exit(0)
        .prints("[settings]/agentflow/policy.toml (not there;")
        .prints("tools may touch nothing but memory")
        .prints("memory:write:*  built in");
    project.run(&["policy", "check", "net:a.example"]).exit(6).prints("net:a.example: denied (no rule permits it)");
}

#[test]
fn without_a_home_folder_there_is_no_policy_file_and_one_can_be_named() {
    let project = Project::new().with("own.toml", "allow = ['net:a.example']\n");
    let homeless = |args: &[&str]| {
        let mut command = project.command(args);
        command.env_remove("XDG_CONFIG_HOME").env_remove("HOME");
        project.ran(command)
    };
    homeless(&["policy", "show"]).exit(0).prints("policy file  none: there is no home folder").prints("memory:write:*  built in");
    homeless(&["policy", "check", "net:a.example"]).exit(6);
    fs::set_permissions(project.path("own.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    homeless(&["policy", "check", "net:a.example", "--policy", "own.toml"]).exit(0);
}

#[test]
fn what_is_permitted_is_checked_by_exit_code() {
    let project = project();
    let check = |args: &[&str], code| {
        let ran = project.run(&[&["policy", "check"], args].concat());
        ran.exit(code);
        ran.stdout
    };
    let by = |line: u32| format!("[settings]/agentflow/policy.toml:{line}");
    assert_eq!(check(&["fs:read:docs/a.md"], 0), format!("fs:read:docs/a.md: allowed (by `fs:read:docs/**`, {})\n", by(1)));
    assert_eq!(check(&["run:git push origin"], 3), format!("run:git push origin: asked about (by `run:git push`, {})\n", by(2)));
    assert_eq!(check(&["fs:write:.git/config"], 6), format!("fs:write:.git/config: denied (by `fs:write:.git/**`, {})\n", by(3)));
    let all = check(&["fs:read:docs/a.md", "run:git push", "net:b.example"], 6);
    assert!(all.ends_with("net:b.example: denied (no rule permits it)\n") && all.lines().count() == 3, "{all}");
    // The options add to the file, and `--deny` is stronger than all.
    check(&["net:b.example", "--allow", "net:*.example"], 0);
    check(&["net:b.example", "--allow", "net:*.example", "--ask", "net:b.example"], 3);
    check(&["net:api.github.com", "--allow", "net:*", "--deny", "net:api.github.com"], 6);
    check(&["fs:write:.git/config", "--allow", "fs:write:**"], 6);
}

#[test]
fn what_is_checked_is_one_thing() {
    let ran = project().run(&["policy", "check", "fs:read:docs/**"]);
    ran.exit(2).says("stands for many things").says("without `*`").prints_nothing();
    project().run(&["policy", "check", "docs"]).exit(2).says("write `net:HOST`");
    project().run(&["run", "x.yaml", "--allow", "everything"]).exit(2).says("'--allow <PERMISSION>'").says("write `net:HOST`");
}

#[test]
fn a_policy_to_begin_with_is_written_once_and_for_its_owner_only() {
    let project = Project::new();
    project.run(&["policy", "init"]).exit(0).says("[settings]/agentflow/policy.toml").says("permits nothing but memory yet");
    let mode = fs::metadata(project.policy_path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    project.run(&["policy", "show"]).exit(0).prints("policy file  [settings]").prints("There are no rules of yours");
    fs::write(project.policy_path(), "allow = ['net:a.example']\n").unwrap();
    project.run(&["policy", "init"]).exit(2).says("is there already; nothing was written");
    project.run(&["policy", "check", "net:a.example"]).exit(0);
    project.run(&["policy", "init", "--policy", "own.toml"]).exit(0);
    // What stands in its comments as an example is valid, too.
    let text = fs::read_to_string(project.path("own.toml")).unwrap();
    let examples: String = text
        .lines()
        .map(|line| if line.contains(" = ") || line.starts_with("# [") { line.trim_start_matches("# ") } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    fs::write(project.path("own.toml"), examples).unwrap();
    project.run(&["policy", "show", "--policy", "own.toml"]).exit(0).prints("GITHUB_TOKEN").prints("DEPLOY_KEY");
}

#[test]
fn a_policy_with_errors_ends_every_command_that_needs_it() {
    let project = Project::new().with("hello.yaml", HELLO).with_policy("alow = []\nask = ['nett:a.example']\n");
    for args in
        [&["run", "hello.yaml", "--mock"][..], &["validate", "hello.yaml"], &["policy", "show"], &["policy", "check", "net:a"]]
    {
        let ran = project.run(args);
        ran.exit(2).prints_nothing().says("the policy file `[settings]/agentflow/policy.toml` has errors");
        ran.says("line 1, column 1: a policy has no key `alow` (did you mean `allow`?)");
        ran.says("line 2, column 8: `nett:a.example` is no permission (did you mean `net:a.example`?)");
    }
    assert!(!project.path(".agentflow").exists(), "nothing was started");
}

#[test]
fn a_policy_that_others_may_write_is_refused_with_the_remedy() {
    let project = project().with("hello.yaml", HELLO);
    fs::set_permissions(project.policy_path(), fs::Permissions::from_mode(0o664)).unwrap();
    let ran = project.run(&["run", "hello.yaml", "--mock"]);
    ran.exit(2).says("others may write it (mode 664)").says("`chmod go-w [settings]/agentflow/policy.toml`").prints_nothing();
    fs::set_permissions(project.policy_path(), fs::Permissions::from_mode(0o644)).unwrap();
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
}

#[test]
fn a_policy_in_the_project_counts_only_when_it_is_named() {
    let project = Project::new().with("agents.toml", "").with("policy.toml", "allow = ['net:*']\n");
    fs::set_permissions(project.path("policy.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    project.run(&["policy", "check", "net:a.example"]).exit(6);
    let mut by_variable = project.command(&["policy", "check", "net:a.example"]);
    by_variable.env("AGENTFLOW_POLICY", project.path("policy.toml"));
    project.ran(by_variable).exit(2).says("is in the project `[folder]`").says("--policy ");
    project.run(&["policy", "check", "net:a.example", "--policy", "policy.toml"]).exit(0).prints("policy.toml:1");
}

#[test]
fn a_policy_that_is_named_has_to_be_there() {
    project().run(&["policy", "show", "--policy", "none.toml"]).exit(2).says("there is no policy file `none.toml`");
    let project = project();
    let mut by_variable = project.command(&["policy", "show"]);
    by_variable.env("AGENTFLOW_POLICY", "/nowhere/policy.toml");
    project.ran(by_variable).exit(2).says("there is no policy file `/nowhere/policy.toml`");
}

#[test]
fn a_resume_is_held_to_the_policy_of_now() {
    let project = Project::new().with("hello.yaml", HELLO).with_policy("allow = ['net:a.example']\n");
    project.run(&["run", "hello.yaml", "--mock", "--allow", "net:b.example"]).exit(0);
    let events = project.run(&["runs", "events", "last", "--format", "json"]);
    assert!(!events.exit(0).stdout.contains("a.example") && !events.stdout.contains("b.example"), "{events}");
    let project = project.with_policy("allow = 'net:a.example'\n");
    project.run(&["fork", "last", "--from", "greet"]).exit(2).says("has errors");
    project.run(&["fork", "last", "--from", "greet", "--policy", "/dev/null"]).exit(2).says("is no file");
    // What has ended asks for nothing any more.
    project.run(&["resume", "last"]).exit(0);
}

#[test]
fn what_a_person_approved_is_still_held_to_the_policy_of_now() {
    let flow = "nodes: { read: { tool: read_file, args: { path: a.txt }, permissions: ['fs:read:**'] } }\n";
    let project = Project::new().with("flow.yaml", flow).with("a.txt", "text\n");
    project.run(&["run", "flow.yaml", "--ask", "fs:read:**"]).exit(3).says("waits for a person");
    project.run(&["approve", "last"]).exit(0).says("a.txt");
    project.run(&["approve", "last", "read"]).exit(0);
    project.run(&["resume", "last"]).exit(6).says("the policy permits nothing of that kind");
    project.run(&["resume", "last", "--deny", "fs:read:a.txt", "--ask", "fs:read:**"]).exit(6).says("the policy denies");
}
