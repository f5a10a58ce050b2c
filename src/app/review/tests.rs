use std::path::Path;

use super::*;
use crate::{diagnostic::StoredFiles, model::StoredSource};

const FLOW: &str = "
name: flow
permissions: ['fs:read:docs/**', 'net:*.example.com', 'run:git']
nodes:
  read: { agent: reader, prompt: Read. }
  look: { tool: command, args: { program: git, arguments: [log] }, permissions: ['run:git'] }
outputs: { text: '{{ read }}' }
";

const AGENTS: &str = "
[agents.reader]
model = 'local/small'
tools = ['read_file']
[agents.other]
model = 'mock/m'
[providers.local]
kind = 'openai'
base_url = 'http://127.0.0.1:8000/v1'
[tools.command]
env = ['LANG']
";

fn compiled(flow: &str, agents: &str) -> Compiled {
    let source = |path: &str, text: &str| StoredSource { path: path.into(), text: text.into() };
    let files = StoredFiles::new(vec![source("flow.yaml", flow), source("agents.toml", agents)]);
    let compiled = compile_version(&files, Path::new("flow.yaml"), &Settings::default()).unwrap();
    assert!(compiled.plan.is_some(), "{:#?}", compiled.diagnostics);
    compiled
}

fn review(flow: &str, agents: &str) -> Review {
    Review::of("flow.yaml".into(), Some(compiled(FLOW, AGENTS)), Some(compiled(flow, agents)))
}

/// What is told of permissions when the flow and its manifest become these.
fn told(flow: &str, agents: &str) -> Vec<String> {
    let line =
        |change: &PermissionChange| format!("{} {}: {}", if change.is_wider { '+' } else { '-' }, change.place, change.what);
    review(flow, agents).permissions.iter().map(line).collect()
}

#[test]
fn the_same_workflow_is_not_other() {
    let same = review(FLOW, AGENTS);
    assert_eq!((same.change, same.widened, same.permissions.as_slice()), (None, false, &[][..]));
    assert!(same.agents.is_same() && same.models.is_same() && same.tools.is_same());
    assert!(same.before.is_some() && same.before == same.after);
    assert!(Reviews::of(vec![same]).same);
}

#[test]
fn permissions_of_nodes_are_wider_or_narrower_as_the_lock_has_it() {
    assert_eq!(told(&FLOW.replace("docs/**", "**"), AGENTS), ["+ node `read`: permission added: fs:read:**",]);
    assert_eq!(told(&FLOW.replace("docs/**", "docs/a.md"), AGENTS), ["- node `read`: permission removed: fs:read:docs/**"]);
    assert_eq!(
        told(FLOW, &AGENTS.replace("'read_file'", "'read_file', 'calculator'")),
        ["+ node `read`: tool added: calculator"]
    );
    let other = review(&FLOW.replace("docs/**", "**"), AGENTS);
    assert_eq!((other.change, other.widened), (Some(ChangeKind::Changed), true));
}

#[test]
fn a_prompt_or_a_model_that_is_another_widens_nothing() {
    let other = review(&FLOW.replace("Read.", "Read all."), &AGENTS.replace("local/small", "local/large"));
    assert_eq!((other.change, other.widened), (Some(ChangeKind::Changed), false));
    assert_eq!(other.models, Roster { added: vec!["local/large".into()], removed: vec!["local/small".into()] });
}

#[test]
fn a_node_that_is_gone_takes_its_tools_along_and_a_new_one_brings_them() {
    let without =
        FLOW.replace("  look: { tool: command, args: { program: git, arguments: [log] }, permissions: ['run:git'] }\n", "");
    assert_eq!(told(&without, AGENTS), ["- node `look`: the node is gone, with its tools: command"]);
    let back = Review::of("flow.yaml".into(), Some(compiled(&without, AGENTS)), Some(compiled(FLOW, AGENTS)));
    let what: Vec<&str> = back.permissions.iter().map(|change| change.what.as_str()).collect();
    assert_eq!(what, ["tool added: command", "permission added: run:git", "effect: none → write", "variable added: LANG"]);
    assert_eq!((back.widened, &back.tools.added[..]), (true, &["command".to_owned()][..]));
}

#[test]
fn variables_that_templates_read_and_that_programs_are_given_are_permissions() {
    assert_eq!(told(&FLOW.replace("name: flow", "env: [TOKEN]"), AGENTS), ["+ env: templates read the variable `TOKEN`"]);
    assert_eq!(
        told(FLOW, &AGENTS.replace("['LANG']", "['LANG', 'TOKEN']\ninterpreters = ['bash']")),
        ["+ tools.command: interpreter added: bash", "+ tools.command: variable added: TOKEN",]
    );
    assert_eq!(told(FLOW, &AGENTS.replace("'LANG'", "")), ["- tools.command: variable removed: LANG"]);
}

#[test]
fn a_provider_that_is_reached_elsewhere_has_to_be_looked_at() {
    assert_eq!(
        told(FLOW, &AGENTS.replace("127.0.0.1:8000", "127.0.0.1:9000")),
        ["+ providers.local: base_url: `http://127.0.0.1:8000/v1` → `http://127.0.0.1:9000/v1`",]
    );
    assert_eq!(
        told(FLOW, &(AGENTS.to_owned() + "[providers.unused]\nkind = 'openai'\nbase_url = 'http://127.0.0.1:1/v1'\n")),
        [""; 0]
    );
}

#[test]
fn a_new_workflow_asks_for_all_that_it_has_and_one_that_is_gone_for_nothing() {
    let new = Review::of("flow.yaml".into(), None, Some(compiled(FLOW, AGENTS)));
    assert_eq!((new.change, new.widened), (Some(ChangeKind::Added), true));
    assert!(new.before.is_none() && new.after.is_some());
    let gone = Review::of("flow.yaml".into(), Some(compiled(FLOW, AGENTS)), None);
    assert_eq!((gone.change, gone.widened), (Some(ChangeKind::Removed), false));
}
