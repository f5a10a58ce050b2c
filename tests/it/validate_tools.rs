//! What `compile` makes of tools: names, patterns, permissions, secrets, and the meeting of three dangerous things.

use std::{collections::BTreeSet, path::Path};

use agentflow::{
    diagnostic::{DiskFiles, StoredFiles},
    model::{Effect, OnAmbiguous, StoredSource, ToolName},
    plan::{
        AgentNode, CompileOptions, Compiled, ManifestChoice, NodeKind, Plan, Surface, ToolNode, compile_manifest, compile_text,
    },
};

use crate::validate::{check, check_files, compiled};

fn plan(files: &[(&str, &str)]) -> Plan {
    let compiled = compiled(files);
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

fn tool<'p>(plan: &'p Plan, node: &str) -> &'p ToolNode {
    let NodeKind::Tool(tool) = &plan.graph.nodes[plan.graph.index[node]].kind else { panic!("`{node}` calls a tool") };
    tool
}

fn agent<'p>(plan: &'p Plan, node: &str) -> &'p AgentNode {
    let NodeKind::Agent(agent) = &plan.graph.nodes[plan.graph.index[node]].kind else { panic!("`{node}` runs an agent") };
    agent
}

/// The levels of a node as text.
fn levels(grants: &agentflow::tool::Grants) -> Vec<String> {
    let text = |level: &agentflow::tool::Level| {
        let permissions: Vec<&str> = level.permissions.iter().map(agentflow::model::Permission::as_str).collect();
        format!("{}: {}", level.owner, permissions.join(" "))
    };
    grants.levels.iter().map(text).collect()
}

#[test]
fn tools_that_do_not_exist_are_told() {
    check(
        r#"
agents:
  a: { tools: [calculater, "http_*", "mcp:github/*", "agent:b", "web search", agent:nobody], permissions: ["net:*"] }
  b: {}
nodes:
  ask: { agent: a, prompt: hi }
  sum: { tool: http_gett }
  far: { tool: "mcp:docs/find" }
  all: { tool: "http_*" }
"#,
        r#"
AF033 2:16 "calculater" unknown tool `calculater` (did you mean `calculator`?)
AF033 2:38 "\"mcp:github/*\"" tool `mcp:github/*`: there is no MCP server `github` (describe it in the manifest: `[mcp.github]` with `command` or `url`)
AF033 2:65 "\"web search\"" `web search` is no name of a tool (did you mean `web_search`?)
AF033 2:79 "agent:nobody" tool `agent:nobody`: there is no agent `nobody` (the agents are `a`, `b`)
AF033 6:16 "http_gett" unknown tool `http_gett` (did you mean `http_get`?)
AF033 7:16 "\"mcp:docs/find\"" tool `mcp:docs/find`: there is no MCP server `docs` (describe it in the manifest: `[mcp.docs]` with `command` or `url`)
AF033 8:16 "\"http_*\"" `http_*` is no name of a tool (write the name of a built-in tool such as `calculator`, `mcp:SERVER/TOOL`, `agent:NAME` or `workflow:FILE`)
"#,
    );
}

#[test]
fn the_manifest_is_held_to_the_same_and_has_the_servers() {
    let manifest = "
[defaults]
tools = ['calculatr']
permissions = ['net:']
[agents.a]
tools = ['mcp:githb/x', 'mcp:github/x', 'agent:b']
[agents.b]
[mcp.github]
command = ['server']
";
    let files = StoredFiles::new(vec![StoredSource { path: "agents.toml".to_owned(), text: manifest.to_owned() }]);
    let read = compile_manifest(Path::new("agents.toml"), &files, &CompileOptions::default());
    let told: Vec<&str> = read.diagnostics.iter().map(|problem| problem.message.as_str()).collect();
    let expected = ["unknown tool `calculatr`", "`net:` is no permission", "tool `mcp:githb/x`: there is no MCP server `githb`"];
    assert_eq!(told, expected);
}

#[test]
fn a_program_may_bring_tools_and_servers() {
    let flow = "
agents: { a: { tools: [lookup, 'mcp:lab/*'], permissions: ['mcp:lab'] } }
nodes: { ask: { agent: a, prompt: hi, approve: human }, call: { tool: lookup } }
";
    let options = CompileOptions {
        tools: BTreeSet::from([ToolName::new("lookup").unwrap()]),
        servers: BTreeSet::from(["lab".to_owned()]),
        ..CompileOptions::default()
    };
    let with = |options: &CompileOptions| -> Compiled {
        compile_text(Path::new("flow.yaml"), flow.to_owned(), ManifestChoice::None, &DiskFiles, options)
    };
    assert!(with(&options).plan.is_some());
    assert_eq!(with(&CompileOptions::default()).diagnostics.len(), 3);
}

#[test]
fn a_node_chooses_among_the_tools_of_its_agent() {
    let agents = "agents: { a: { tools: [\"http_*\", calculator], permissions: [\"net:*\"] }, bare: {} }";
    let chosen = plan(&[(
        "flow.yaml",
        &format!(
            "{agents}\nnodes:\n  n: {{ agent: a, prompt: hi, tools: [http_get] }}\n  m: {{ agent: a, prompt: hi }}\n  k: {{ agent: bare, prompt: hi, tools: [] }}\n"
        ),
    )]);
    let tools = |node: &str| agent(&chosen, node).tools.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(tools("n"), ["http_get"]);
    assert_eq!(tools("m"), ["http_*", "calculator"]);
    assert!(tools("k").is_empty());
    check(
        &format!(
            "{agents}\nnodes:\n  n: {{ agent: a, prompt: hi, tools: [\"*\", read_file] }}\n  k: {{ agent: bare, prompt: hi, tools: [calculator] }}\n"
        ),
        r#"
AF033 3:38 "\"*\"" agent `a` does not have the tool `*` (its tools are `http_*`, `calculator`; a node can only name some of them)
AF033 3:43 "read_file" agent `a` does not have the tool `read_file` (its tools are `http_*`, `calculator`; a node can only name some of them)
AF033 4:41 "calculator" agent `bare` does not have the tool `calculator` (it has no tools: add it to the agent's `tools`; a node can only name some of them)
"#,
    );
}

#[test]
fn a_bad_permission_is_told_wherever_it_stands() {
    check(
        r#"
permissions: ["net:x/y"]
agents: { a: { permissions: ["fs:read:../x"] } }
nodes:
  n: { agent: a, prompt: hi, permissions: ["llm:x"] }
  m: { tool: calculator, args: { expression: "1" }, permissions: ["run:*"] }
"#,
        r#"
AF019 1:15 "\"net:x/y\"" `net:x/y` is no permission (write `net:HOST`, `fs:read:GLOB`, `fs:write:GLOB`, `run:PROGRAM WORD…`, `mcp:SERVER/TOOL`, `memory:read:COLLECTION`, `memory:write:COLLECTION`, `mailbox:send:NAME`, `mailbox:read:NAME` or `secret:NAME`)
AF019 2:30 "\"fs:read:../x\"" `fs:read:../x` is no permission (write `net:HOST`, `fs:read:GLOB`, `fs:write:GLOB`, `run:PROGRAM WORD…`, `mcp:SERVER/TOOL`, `memory:read:COLLECTION`, `memory:write:COLLECTION`, `mailbox:send:NAME`, `mailbox:read:NAME` or `secret:NAME`)
AF019 4:44 "\"llm:x\"" `llm:x` is no permission (write `net:HOST`, `fs:read:GLOB`, `fs:write:GLOB`, `run:PROGRAM WORD…`, `mcp:SERVER/TOOL`, `memory:read:COLLECTION`, `memory:write:COLLECTION`, `mailbox:send:NAME`, `mailbox:read:NAME` or `secret:NAME`)
AF019 5:67 "\"run:*\"" `run:*` is no permission (write `net:HOST`, `fs:read:GLOB`, `fs:write:GLOB`, `run:PROGRAM WORD…`, `mcp:SERVER/TOOL`, `memory:read:COLLECTION`, `memory:write:COLLECTION`, `mailbox:send:NAME`, `mailbox:read:NAME` or `secret:NAME`)
"#,
    );
}

#[test]
fn levels_go_from_the_outermost_workflow_to_the_node() {
    let outer = "
name: outer
permissions: [\"net:*\"]
nodes:
  one: { workflow: inner.yaml }
  two: { tool: http_get, args: { url: \"https://a.io\" }, permissions: [\"net:a.io\"], approve: human, on_ambiguous: rerun }
";
    let inner = "
permissions: [\"net:*.b.io\"]
agents: { a: { tools: [http_get], permissions: [\"net:x.b.io\"] } }
nodes: { ask: { agent: a, prompt: hi } }
";
    let outermost = plan(&[("outer.yaml", outer), ("inner.yaml", inner)]);
    let two = tool(&outermost, "two");
    assert_eq!(levels(&two.grants), ["workflow `outer`: net:*", "node `two`: net:a.io"]);
    assert!(two.grants.always_ask && two.on_ambiguous == Some(OnAmbiguous::Rerun));
    let NodeKind::Workflow { plan: called, .. } = &outermost.graph.nodes[outermost.graph.index["one"]].kind else {
        panic!("`one` runs a workflow")
    };
    let ask = agent(called, "ask");
    assert_eq!(levels(&ask.grants), ["workflow `outer`: net:*", "workflow `inner`: net:*.b.io", "agent `a`: net:x.b.io"]);
    assert!(!ask.grants.always_ask && ask.on_ambiguous.is_none());
}

#[test]
fn a_workflow_that_two_others_run_is_held_to_each() {
    let flow = |inner: &str| {
        format!("permissions: [\"net:*\"]\nnodes: {{ a: {{ workflow: {inner} }}, b: {{ workflow: leaf.yaml }} }}\n")
    };
    let middle = "permissions: [\"net:m.io\"]\nnodes: { c: { workflow: leaf.yaml } }\n";
    let leaf = "nodes: { get: { tool: http_get, args: { url: \"https://m.io\" } } }\n";
    let outermost = plan(&[("flow.yaml", &flow("middle.yaml")), ("middle.yaml", middle), ("leaf.yaml", leaf)]);
    assert_eq!(outermost.stored_sources.len(), 3, "a file is read once");
    let inner = |plan: &Plan, node: &str| {
        let NodeKind::Workflow { plan: inner, .. } = &plan.graph.nodes[plan.graph.index[node]].kind else { panic!("{node}") };
        std::sync::Arc::clone(inner)
    };
    let through = inner(&inner(&outermost, "a"), "c");
    assert_eq!(levels(&tool(&through, "get").grants), ["workflow `flow`: net:*", "workflow `middle`: net:m.io"]);
    assert_eq!(levels(&tool(&inner(&outermost, "b"), "get").grants), ["workflow `flow`: net:*"]);
}

#[test]
fn tools_that_change_the_world_each_time_are_not_tried_again_unless_it_is_written() {
    let manifest = "
[tools.http_post]
effect = 'idempotent'
timeout = '7s'
[mcp.gh]
command = ['x']
timeout = '9s'
effects = { 'get_*' = 'read' }
";
    let flow = "
defaults: { retry: { max_attempts: 3 } }
permissions: ['net:a.io', 'fs:read:a', 'fs:write:a', 'run:git', 'mcp:gh']
nodes:
  get: { tool: http_get, args: { url: 'https://a.io' } }
  put: { tool: http_put, args: { url: 'https://a.io' } }
  post: { tool: http_post, args: { url: 'https://a.io' } }
  edit: { tool: edit_file, args: { path: a, old: b, new: c } }
  read: { tool: mcp:gh/get_issue }
  write: { tool: mcp:gh/close_issue }
  again: { tool: command, args: { program: git }, retry: { max_attempts: 2 } }
";
    let plan = plan(&[("flow.yaml", flow), ("agents.toml", manifest)]);
    let of = |node: &str| {
        let effect = tool(&plan, node).effect;
        (effect, plan.graph.nodes[plan.graph.index[node]].retry.max_attempts)
    };
    assert_eq!(of("get"), (Effect::Read, 3));
    assert_eq!(of("put"), (Effect::Idempotent, 3));
    assert_eq!(of("post"), (Effect::Idempotent, 3));
    assert_eq!(of("edit"), (Effect::Write, 1));
    assert_eq!(of("read"), (Effect::Read, 3));
    assert_eq!(of("write"), (Effect::Write, 1));
    assert_eq!(of("again"), (Effect::Write, 2));
    let timeout = |node: &str| tool(&plan, node).call_timeout.map(|timeout| timeout.as_secs());
    assert_eq!((timeout("post"), timeout("read"), timeout("get")), (Some(7), Some(9), None));
    assert_eq!(plan.limits.tool_calls, 500);
}

#[test]
fn secrets_are_read_in_the_arguments_of_tools_only() {
    let good = plan(&[(
        "flow.yaml",
        "permissions: ['net:a.io', 'secret:TOKEN']\nnodes: { a: { tool: http_get, args: { url: 'https://a.io', headers: { x: 'Bearer {{ secrets.TOKEN }}' } } } }",
    )]);
    assert_eq!(tool(&good, "a").secrets, BTreeSet::from(["TOKEN".to_owned()]));
    check(
        r#"
agents: { w: { system: "{{ secrets.A }}" } }
nodes:
  a: { tool: http_get, args: { url: "{{ secrets }}", headers: { x: "{{ secrets.A.b }}" } }, when: secrets.A == "", permissions: ["net:*"] }
  b: { agent: w, prompt: hi }
  c: { value: "{{ secrets.A }}" }
"#,
        r#"
AF025 1:28 "secrets.A" secrets cannot be read here (`secrets.NAME` stands in `args` of a `tool` node only; the key of a model belongs into the manifest: `api_key = { env = "NAME" }` of its provider)
AF025 3:41 "secrets" `secrets` cannot be read as a whole (name one: `secrets.NAME`)
AF025 3:72 "secrets.A.b" a secret has no fields (name it alone: `secrets.NAME`)
AF025 3:99 "secrets.A" secrets cannot be read here (`secrets.NAME` stands in `args` of a `tool` node only; the key of a model belongs into the manifest: `api_key = { env = "NAME" }` of its provider)
AF025 5:19 "secrets.A" secrets cannot be read here (`secrets.NAME` stands in `args` of a `tool` node only; the key of a model belongs into the manifest: `api_key = { env = "NAME" }` of its provider)
"#,
    );
}

#[test]
fn agents_that_others_delegate_to_are_used() {
    let flow = "
agents: { a: { tools: [agent:b] }, b: { tools: [agent:c] }, c: {}, d: {} }
nodes: { ask: { agent: a, prompt: hi } }
";
    let compiled = compiled(&[("flow.yaml", flow)]);
    let told: Vec<&str> = compiled.diagnostics.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(told, ["agent `d` is never used"]);
    let names: Vec<String> = compiled.plan.unwrap().agents.into_keys().collect();
    assert_eq!(names, ["a", "b", "c"]);
}

/// The hint of AF050.
const SPLIT: &str = "(split the node, so that only numbers or fixed words pass between the parts, or have a person see what leaves: `approve: human`)";

const SCOUTS: &str = r#"
permissions: ["net:*", "fs:read:**", "run:git log", "secret:KEY"]
agents:
  scout: { tools: [web_search] }
  clerk: { tools: [read_file] }
  both: { tools: [web_search, read_file] }
  coder: { tools: [command, calculator] }
  lead: { tools: [agent:scout, agent:clerk] }
nodes:
"#;

#[track_caller]
fn judged(nodes: &str, expected: &str) {
    let compiled = compiled(&[("flow.yaml", &format!("{SCOUTS}{nodes}"))]);
    let told: Vec<String> = compiled
        .diagnostics
        .iter()
        .filter(|problem| problem.code.to_string() == "AF050")
        .map(|problem| {
            let related = problem.related.iter().map(|related| format!("; {}", related.message));
            problem.message.clone() + &related.collect::<String>()
        })
        .collect();
    let others: Vec<_> = compiled
        .diagnostics
        .iter()
        .filter(|problem| !["AF050", "AF051", "AF061"].contains(&problem.code.to_string().as_str()))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(told.join("\n"), expected);
}

#[test]
fn an_agent_that_searches_and_reads_files_is_refused() {
    let flow = format!(
        "{SCOUTS}  ask: {{ agent: both, prompt: hi }}\n  n: {{ agent: scout, prompt: hi }}\n  m: {{ agent: clerk, prompt: hi }}\n  k: {{ agent: coder, prompt: hi }}\n  l: {{ agent: lead, prompt: hi, tools: [agent:clerk] }}\n"
    );
    check(
        &flow,
        &format!(
            "AF050 9:3 \"ask\" in `ask` meet what strangers wrote (`web_search`), private data (`read_file`) and a way out (`web_search`) {SPLIT}"
        ),
    );
}

#[test]
fn what_is_not_permitted_is_not_counted() {
    judged("  ask: { agent: both, prompt: hi, permissions: [\"net:*\"] }\n", "");
    judged("  ask: { agent: both, prompt: hi, tools: [read_file] }\n", "");
    judged("  ask: { agent: both, prompt: hi, approve: human }\n", "");
}

#[test]
fn content_counts_wherever_templates_carry_it() {
    judged(
        "  a: { agent: scout, prompt: hi }\n  b: { value: { x: '{{ a }}' } }\n  c: { map: '[b.x]', agent: clerk, prompt: '{{ item }}' }\n  d: { tool: http_post, args: { url: 'https://a.io', body: '{{ c }}' } }\n",
        "in `d` meet what strangers wrote (`web_search`), private data (`read_file`) and a way out (`http_post`); `web_search` brings what strangers wrote; `read_file` brings private data",
    );
    judged("  a: { agent: scout, prompt: hi }\n  d: { tool: http_post, args: { url: 'https://a.io', body: '{{ a }}' } }\n", "");
    judged("  a: { agent: scout, prompt: hi }\n  b: { agent: clerk, prompt: '{{ a }}' }\n", "");
    judged(
        "  a: { agent: scout, prompt: hi }\n  c: { needs: a, agent: clerk, prompt: hi }\n  d: { tool: http_post, args: { url: 'https://a.io', body: '{{ c }}' } }\n",
        "",
    );
}

#[test]
fn numbers_and_fixed_words_carry_no_words_of_strangers() {
    let rest = "  c: { agent: clerk, prompt: '{{ a.risk }}{{ a.score }}{{ a }}' }\n  d: { tool: http_post, args: { url: 'https://a.io', body: '{{ c }}' } }\n";
    judged(&format!("  a: {{ agent: scout, prompt: hi, output: {{ risk: low | high, score: integer }} }}\n{rest}"), "");
    judged(
        &format!("  a: {{ agent: scout, prompt: hi, output: {{ risk: low | high, score: integer, why: string }} }}\n{rest}"),
        "in `d` meet what strangers wrote (`web_search`), private data (`read_file`) and a way out (`http_post`); `web_search` brings what strangers wrote; `read_file` brings private data",
    );
}

#[test]
fn what_the_iteration_before_brought_counts() {
    judged(
        "  l:\n    loop: { max: 3 }\n    nodes:\n      d: { tool: http_get, args: { url: \"https://a.io/{{ loop.previous.c | default('') }}\" } }\n      c: { agent: clerk, prompt: '{{ d }}' }\n",
        "in `d` meet what strangers wrote (`http_get`), private data (`read_file`) and a way out (`http_get`); `read_file` brings private data",
    );
}

#[test]
fn agents_one_delegates_to_count_with_it() {
    judged(
        "  ask: { agent: lead, prompt: hi }\n",
        "in `ask` meet what strangers wrote (`web_search` of agent `scout`), private data (`read_file` of agent `clerk`) and a way out (`web_search` of agent `scout`)",
    );
}

#[test]
fn a_secret_counts_where_a_stranger_could_choose_the_address() {
    judged(
        "  a: { agent: scout, prompt: hi }\n  b: { tool: http_get, args: { url: 'https://a.io/{{ a }}', headers: { k: '{{ secrets.KEY }}' } } }\n",
        "",
    );
    judged(
        "  a: { agent: scout, prompt: hi }\n  b: { tool: http_get, args: { url: 'https://{{ a }}/x', headers: { k: '{{ secrets.KEY }}' } } }\n",
        "in `b` meet what strangers wrote (`web_search`), private data (`secrets.KEY`) and a way out (`http_get`); `web_search` brings what strangers wrote",
    );
}

#[test]
fn content_is_followed_through_inner_workflows() {
    let outer = |body: &str| {
        format!(
            "permissions: [\"net:*\", \"fs:read:**\"]\nagents: {{ scout: {{ tools: [web_search] }} }}\nnodes:\n  a: {{ agent: scout, prompt: hi }}\n  b: {{ workflow: inner.yaml, with: {{ text: {body} }} }}\n"
        )
    };
    let inner = "
inputs: { text: string }
nodes:
  r: { tool: read_file, args: { path: \"{{ inputs.text }}\" } }
  p: { tool: http_post, args: { url: \"https://a.io\", body: \"{{ r }}\" } }
";
    check_files(&[("flow.yaml", &outer("fixed")), ("inner.yaml", inner)], "");
    check_files(
        &[("flow.yaml", &outer("\"{{ a }}\"")), ("inner.yaml", inner)],
        &format!(
            "AF050 5:3 \"b\" in `b` meet what strangers wrote (`web_search`), private data (`read_file`) and a way out (`http_post`) {SPLIT}\n  4:3 `web_search` brings what strangers wrote\n  3:3 `read_file` brings private data"
        ),
    );
}

#[test]
fn a_server_whose_tools_only_read_is_no_way_out_for_what_it_said_itself() {
    let flow = |tools: &str| {
        format!(
            "permissions: [\"mcp:gh\", \"fs:read:**\"]\nagents: {{ a: {{ tools: [{tools}] }} }}\nnodes:\n  n: {{ agent: a, prompt: hi }}\n"
        )
    };
    let told = |tools: &str, effects: &str| {
        let manifest = format!("[mcp.gh]\ncommand = ['x']\neffects = {effects}\n");
        compiled(&[("flow.yaml", &flow(tools)), ("agents.toml", &manifest)]).diagnostics.len()
    };
    assert_eq!(told("'mcp:gh/*'", "{}"), 1, "of what nothing is said, the worst");
    assert_eq!(told("'mcp:gh/get_*'", "{ 'get_*' = 'read' }"), 0);
    assert_eq!(told("'mcp:gh/*'", "{ 'get_*' = 'read' }"), 1);
    assert_eq!(told("'mcp:gh/get_*', read_file", "{ 'get_*' = 'read' }"), 1, "files leave through what is asked");
    assert_eq!(told("'mcp:gh/now', read_file", "{ '*' = 'pure' }"), 0);
}

#[test]
fn arguments_of_built_in_tools_are_held_to_what_these_take() {
    check(
        r#"
inputs: { page: string, most: integer }
permissions: ["net:*", "fs:read:**"]
nodes:
  good: { tool: http_get, args: { url: "https://a.io/{{ inputs.page }}", query: { x: [1, "{{ inputs.page }}"] } } }
  name: { tool: read_file, args: { pth: "{{ inputs.page }}", from_line: 0, lines: "{{ inputs.most }}" } }
  lack: { tool: search_files }
  kind: { tool: web_search, args: { query: "", count: "3", recent: decade, site: a.io } }
  deep: { tool: http_get, args: { url: "https://a.io", headers: { Accept: 7 } } }
  both: { tool: list_files, args: { path: docs, paths: docs } }
"#,
        r#"
AF038 5:36 "pth" tool `read_file` takes no argument `pth` (did you mean `path`?)
AF038 5:73 "0" argument `from_line` of tool `read_file`: 0 is less than the minimum of 1
AF038 6:17 "search_files" tool `search_files` needs the argument `pattern` (add `args: { pattern: … }`)
AF038 7:44 "\"\"" argument `query` of tool `web_search`: "" is shorter than 1 character
AF038 7:55 "\"3\"" argument `count` of tool `web_search`: "3" is not of type "integer"
AF038 7:68 "decade" argument `recent` of tool `web_search`: "decade" is not one of "day", "week" or 2 other candidates
AF038 7:76 "site" tool `web_search` takes no argument `site` (it takes `query`, `count`, `recent`)
AF038 8:65 "{ Accept: 7 }" argument `headers` of tool `http_get`: at /Accept: 7 is not of type "string"
AF038 9:49 "paths" tool `list_files` takes no argument `paths` (it takes `path`, `glob`, `depth`)
"#,
    );
}

#[test]
fn arguments_of_tools_that_a_program_brings_are_its_own_business() {
    let flow = "permissions: ['fs:read:**']\nnodes: { a: { tool: read_file, args: { anything: 1 } }, b: { tool: lookup } }\n";
    let options = CompileOptions {
        tools: ["lookup", "read_file"].map(|name| ToolName::new(name).unwrap()).into(),
        ..CompileOptions::default()
    };
    let compiled = compile_text(Path::new("flow.yaml"), flow.to_owned(), ManifestChoice::None, &DiskFiles, &options);
    assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
}

/// The hint of AF051.
fn every(example: &str) -> String {
    format!("(every `permissions` that there is must have it, such as `permissions: [\"{example}\"]`)")
}

#[test]
fn tools_that_nobody_asks_anything_for_are_told() {
    check(
        r#"
agents:
  a: { tools: [calculator, "http_*", web_fetch, read_file] }
nodes:
  ask: { agent: a, prompt: hi }
  get: { tool: http_get, args: { url: "https://a.io" } }
  sum: { tool: calculator, args: { expression: "1" } }
  one: { agent: a, prompt: hi, tools: [calculator] }
  own: { agent: a, prompt: hi, permissions: ["net:*", "fs:read:**"], approve: human }
"#,
        &format!(
            r#"
AF051 4:3 "ask" in `ask`, `http_delete`, `http_get`, `http_post`, `http_put`, `web_fetch` cannot do anything with `net:`: no workflow, agent or node asks for it under `permissions` {}
  2:28 the tool is named here
AF051 4:3 "ask" in `ask`, `read_file` cannot do anything with `fs:read:`: no workflow, agent or node asks for it under `permissions` {}
  2:49 the tool is named here
AF051 5:16 "http_get" in `get`, `http_get` cannot do anything with `net:`: no workflow, agent or node asks for it under `permissions` {}
"#,
            every("net:HOST"),
            every("fs:read:GLOB"),
            every("net:HOST"),
        ),
    );
}

#[test]
fn a_level_that_leaves_a_kind_out_takes_it_from_all() {
    let inner = "nodes: { get: { tool: http_get, args: { url: 'https://a.io' } } }\n";
    let outer = |permissions: &str| format!("permissions: {permissions}\nnodes: {{ one: {{ workflow: inner.yaml }} }}\n");
    let told = |files: &[(&str, &str)]| -> Vec<String> {
        compiled(files).diagnostics.into_iter().map(|problem| problem.message).collect()
    };
    assert_eq!(
        told(&[("outer.yaml", &outer("[]")), ("inner.yaml", inner)]),
        ["in `get`, `http_get` cannot do anything with `net:`: workflow `outer` does not ask for it under `permissions`"]
    );
    assert!(told(&[("outer.yaml", &outer("['net:a.io']")), ("inner.yaml", inner)]).is_empty());
    let manifest = "[mcp.lab]\ncommand = ['x']\n[mcp.other]\ncommand = ['x']\n[agents.a]\ntools = ['mcp:lab/*', 'mcp:other/get']\npermissions = ['mcp:other/get']\n";
    assert_eq!(
        told(&[("flow.yaml", "nodes: { n: { agent: a, prompt: hi, approve: human } }\n"), ("agents.toml", manifest)]),
        ["in `n`, `mcp:lab/*` cannot do anything with `mcp:lab`: agent `a` does not ask for it under `permissions`"]
    );
}

#[test]
fn an_agent_that_is_called_as_a_tool_must_be_permitted_something_too() {
    let flow = "
agents: { lead: { tools: [agent:scout] }, scout: { tools: [web_fetch] } }
nodes: { ask: { agent: lead, prompt: hi } }
";
    check(
        flow,
        &format!(
            r#"AF051 1:60 "web_fetch" in `agent:scout`, `web_fetch` cannot do anything with `net:`: no workflow, agent or node asks for it under `permissions` {}"#,
            every("net:HOST")
        ),
    );
}

#[test]
fn a_secret_is_put_in_as_it_is_or_not_at_all() {
    check(
        r#"
permissions: ["net:*", "secret:A"]
nodes:
  good: { tool: http_get, args: { url: "https://a.io", headers: { x: "Bearer {{ secrets.A }}", y: "{{- secrets.A -}}" } } }
  bad: { tool: http_get, args: { url: "https://a.io/{{ secrets.A | upper }}{% if secrets.A %}x{% endif %}{{ 'a' ~ secrets.A }}" } }
"#,
        r#"
AF025 4:56 "secrets.A" a secret cannot be worked with (write it alone between braces, `{{ secrets.NAME }}`: templates never see its value, only the tool does)
AF025 4:82 "secrets.A" a secret cannot be worked with (write it alone between braces, `{{ secrets.NAME }}`: templates never see its value, only the tool does)
AF025 4:115 "secrets.A" a secret cannot be worked with (write it alone between braces, `{{ secrets.NAME }}`: templates never see its value, only the tool does)
"#,
    );
}

#[test]
fn what_a_workflow_may_do_counts_where_it_is_called_as_a_tool() {
    let outer = "
permissions: ['net:*', 'fs:read:**']
agents: { a: { tools: [read_file, 'workflow:search.yaml'] } }
nodes: { ask: { agent: a, prompt: hi } }
";
    let search = "
inputs: { what: string }
nodes: { find: { tool: web_search, args: { query: '{{ inputs.what }}' } } }
";
    let told = |search: &str| -> Vec<String> {
        let compiled = compiled(&[("outer.yaml", outer), ("search.yaml", search)]);
        compiled.diagnostics.into_iter().map(|problem| problem.message).collect()
    };
    let way = "`web_search` of workflow `search.yaml`";
    assert_eq!(
        told(search),
        [format!("in `ask` meet what strangers wrote ({way}), private data (`read_file`) and a way out ({way})")]
    );
    let approved = search.replace("web_search, ", "web_search, approve: human, ");
    assert!(told(&approved).is_empty());
    let plan = plan(&[("outer.yaml", outer), ("search.yaml", &approved)]);
    let surface = Surface::of(&plan);
    let nodes: Vec<(&str, &[String])> = surface.nodes.iter().map(|node| (node.node.as_str(), &node.tools[..])).collect();
    assert_eq!(
        nodes,
        [
            ("ask", &["read_file".to_owned(), "workflow:search.yaml".to_owned()][..]),
            ("workflow:search.yaml.find", &["web_search".to_owned()][..]),
        ]
    );
    let permissions: Vec<&str> = surface.nodes[0].permissions.iter().map(agentflow::model::Permission::as_str).collect();
    assert_eq!(permissions, ["fs:read:**", "net:*"]);
}

#[test]
fn a_workflow_that_comes_to_call_itself_as_a_tool_is_told_once() {
    let one = "agents: { a: { tools: ['workflow:two.yaml'] } }\nnodes: { n: { agent: a, prompt: hi } }\n";
    let two = one.replace("two.yaml", "one.yaml");
    let told: Vec<String> =
        compiled(&[("one.yaml", one), ("two.yaml", &two)]).diagnostics.into_iter().map(|problem| problem.message).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("comes to call itself"), "{told:#?}");
}
