//! What `compile` makes of memory: nodes that recall and remember, agents that do, and what is wrong with them.

use agentflow::{
    plan::{AgentNode, ConversationScope, DrawFormat, Lock, NodeKind, Plan, Surface, ToolNode, draw},
    template::TemplateTree,
    tool::Grants,
};
use serde_json::{Value, json};

use crate::validate::{check, check_files, compiled};

const MANIFEST: &str = r#"
[memory.docs]
path = "docs/**/*.md"
[memory.words]
embedder = "lexical"
"#;

fn plan(workflow: &str) -> Plan {
    let compiled = compiled(&[("flow.yaml", workflow), ("agents.toml", MANIFEST)]);
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

/// A tree as data, templates as they are written.
fn written(tree: &TemplateTree) -> Value {
    match tree {
        TemplateTree::Literal(value) => value.clone(),
        TemplateTree::Text(template) => json!(template.source()),
        TemplateTree::List(items) => items.iter().map(written).collect(),
        TemplateTree::Map(entries) => Value::Object(entries.iter().map(|(key, value)| (key.clone(), written(value))).collect()),
    }
}

fn levels(grants: &Grants) -> Vec<String> {
    let text = |level: &agentflow::tool::Level| {
        let permissions: Vec<&str> = level.permissions.iter().map(agentflow::model::Permission::as_str).collect();
        format!("{}: {}", level.owner, permissions.join(" "))
    };
    grants.levels.iter().map(text).collect()
}

#[test]
fn a_recall_node_is_a_call_of_the_search_with_everything_that_is_written() {
    let plan = plan(
        r#"
name: ask
permissions: ["memory:read:*"]
inputs: { question: string, team: string }
nodes:
  found:
    recall:
      collection: docs
      query: "{{ inputs.question }}"
      k: 3
      min_score: 0.25
      by: meaning
      filter: { team: "{{ inputs.team }}", level: 2 }
      sources: ["guides/*"]
      scope: [project, workflow, run]
      trusted_only: true
  first: { value: "{{ found[0].citation }} {{ found[0].position.first_line }}" }
"#,
    );
    let node = tool(&plan, "found");
    assert_eq!(node.tool.as_str(), "memory_search");
    let expected = json!({
        "collection": "docs", "query": "{{ inputs.question }}", "k": 3, "min_score": 0.25, "by": "meaning",
        "filter": {"team": "{{ inputs.team }}", "level": 2}, "sources": ["guides/*"],
        "scopes": ["project", "workflow:ask", "run:{{ run.id }}"], "trusted_only": true,
    });
    assert_eq!(written(&node.args), expected);
    assert_eq!(levels(&node.grants), ["workflow `ask`: memory:read:*", "node `found`: memory:read:docs"]);
    assert!(node.powers.iter().all(|power| power.is_private && !power.is_untrusted), "{:?}", node.powers);
    assert_eq!(node.powers.len(), 1);
}

#[test]
fn a_remember_node_is_a_call_that_adds_and_may_have_to_be_approved() {
    let plan = plan(
        r#"
name: keep
nodes:
  one: { value: "text" }
  kept:
    remember: { collection: "notes-{{ run.id }}", documents: ["{{ one }}", { text: b, source: s, metadata: { a: 1 } }], scope: workflow }
    approve: human
  told: { value: "{{ kept.added + kept.chunks }}" }
"#,
    );
    let node = tool(&plan, "kept");
    assert_eq!(node.tool.as_str(), "memory_add");
    let documents = json!(["{{ one }}", {"text": "b", "source": "s", "metadata": {"a": 1}}]);
    let expected = json!({"collection": "notes-{{ run.id }}", "documents": documents, "scope": "workflow:keep"});
    assert_eq!(written(&node.args), expected);
    assert_eq!(levels(&node.grants), ["node `kept`: memory:write:notes-*"]);
    assert!(node.grants.always_ask);
}

#[test]
fn fields_that_passages_do_not_have_are_told() {
    check_files(
        &[
            (
                "flow.yaml",
                r#"
nodes:
  found: { recall: { collection: docs, query: x } }
  kept: { remember: { collection: notes, documents: x } }
  a: { value: "{{ found[0].citaton }}" }
  b: { value: "{{ kept.stored }}" }
  c: { map: found, as: passage, value: "{{ passage.page }}" }
"#,
            ),
            ("agents.toml", MANIFEST),
        ],
        r#"
AF023 4:19 "found[0].citaton" `found[0]` has no field `citaton` (did you mean `found[0].citation`?)
AF023 5:19 "kept.stored" `kept` has no field `stored` (it has `added`, `unchanged`, `chunks`, `embedded`)
AF023 6:44 "passage.page" `passage` has no field `page` (it has `citation`, `source`, `position`, `text`, `tokens`, `score`, `similarity`, `untrusted` and 2 more)
"#,
    );
}

const AGENTS: &str = r#"
name: talk
inputs: { customer: string }
agents:
  clerk: { model: mock/m }
  plain: { model: mock/m }
  guide:
    model: mock/m
    recall: docs
    remember: { collection: tickets, scope: agent, metadata: { about: "{{ inputs.customer }}" } }
    conversation: { name: "with-{{ inputs.customer }}", summarizer: clerk }
nodes:
  own: { agent: guide, prompt: Hello. }
  other:
    agent: guide
    prompt: Hello again.
    recall: { collection: words, query: "{{ own }}", k: 2, scope: run, max_tokens: 1k }
    conversation: { name: "{{ own | upper }}", scope: run, max_tokens: 4k, keep: 2 }
"#;

#[test]
fn an_agent_brings_what_it_recalls_and_remembers_and_the_node_wins() {
    let plan = plan(AGENTS);
    let (own, other) = (agent(&plan, "own"), agent(&plan, "other"));
    let recall = own.recall.as_ref().unwrap();
    assert_eq!((written(&recall.args), recall.max_tokens), (json!({"collection": "docs"}), 2000));
    assert_eq!(levels(&recall.grants), ["node `own`: memory:read:docs"]);
    let remember = other.remember.as_ref().unwrap();
    let expected = json!({"collection": "tickets", "metadata": {"about": "{{ inputs.customer }}"}, "scope": "agent:guide"});
    assert_eq!(written(&remember.args), expected);
    assert_eq!(levels(&remember.grants), ["node `other`: memory:write:tickets"]);
    let recall = other.recall.as_ref().unwrap();
    let expected = json!({"collection": "words", "query": "{{ own }}", "k": 2, "scopes": ["run:{{ run.id }}"]});
    assert_eq!((written(&recall.args), recall.max_tokens), (expected, 1000));
    let conversation = own.conversation.as_ref().unwrap();
    assert_eq!(conversation.name.source(), "with-{{ inputs.customer }}");
    assert_eq!((conversation.scope, conversation.max_tokens, conversation.keep), (ConversationScope::Workflow, 8000, 6));
    assert_eq!(conversation.summarizer.as_ref().map(agentflow::model::AgentName::as_str), Some("clerk"));
    let conversation = other.conversation.as_ref().unwrap();
    assert_eq!((conversation.scope, conversation.max_tokens, conversation.keep), (ConversationScope::Run, 4000, 2));
    assert_eq!(conversation.summarizer, None);
    let delegates: Vec<&str> = plan.delegates.keys().map(agentflow::model::ToolName::as_str).collect();
    assert_eq!(delegates, ["agent:clerk"]);
    assert!(plan.agents.contains_key("clerk"));
}

#[test]
fn what_an_agent_does_with_memory_is_part_of_what_it_is_asks_for_and_agreed_on() {
    let with = plan(AGENTS);
    let of = |plan: &Plan| agent(plan, "own").definition.clone();
    for (from, to) in [
        ("recall: docs", "recall: words"),
        ("scope: agent", "scope: run"),
        ("with-{{", "about-{{"),
        ("recall: docs", "recall: { collection: docs, max_tokens: 5 }"),
    ] {
        let changed = plan(&AGENTS.replace(from, to));
        assert_ne!(of(&with), of(&changed), "{from} -> {to}");
        let lock = |plan: &Plan| {
            let mut lock = Lock::default();
            lock.set_workflow("flow.yaml", plan);
            lock
        };
        assert!(!lock(&with).changes(&lock(&changed)).is_empty(), "{from} -> {to}");
        assert!(lock(&with).changes(&lock(&with)).is_empty());
    }
    let surface = Surface::of(&with);
    let own = surface.nodes.iter().find(|node| node.node == "own").unwrap();
    assert_eq!(own.tools, ["memory_search", "memory_add"]);
    let permissions: Vec<&str> = own.permissions.iter().map(agentflow::model::Permission::as_str).collect();
    assert_eq!(permissions, ["memory:read:docs", "memory:write:tickets"]);
}

#[test]
fn a_workflow_that_leaves_memory_out_of_its_permissions_is_told() {
    check_files(
        &[
            (
                "flow.yaml",
                r#"
permissions: ["net:example.com", "memory:read:words"]
agents: { a: { model: mock/m, remember: notes } }
nodes:
  found: { recall: { collection: docs, query: x } }
  fine: { recall: { collection: words, query: x } }
  asks: { agent: a, prompt: Hi }
"#,
            ),
            ("agents.toml", MANIFEST),
        ],
        r#"
AF051 2:41 "notes" `asks` cannot be permitted `memory:write:notes`: workflow `flow` does not ask for it under `permissions` (add it there: `permissions: ["memory:write:notes"]`)
AF051 4:34 "docs" `found` cannot be permitted `memory:read:docs`: workflow `flow` does not ask for it under `permissions` (add it there: `permissions: ["memory:read:docs"]`)
"#,
    );
}

#[test]
fn collections_that_nobody_knows_are_told_the_nearest_one_by_name() {
    check_files(
        &[
            (
                "flow.yaml",
                r#"
agents: { a: { model: mock/m, remember: tickets } }
nodes:
  asks: { agent: a, prompt: Hi, recall: ticket }
  early: { recall: { collection: notes, query: x } }
  keep: { remember: { collection: notes, documents: x } }
  slip: { recall: { collection: doc, query: x } }
  other: { recall: { collection: elsewhere, query: x } }
  open: { recall: { collection: "{{ keep.added }}x", query: x } }
  bad: { recall: { collection: My Notes, query: x } }
"#,
            ),
            ("agents.toml", MANIFEST),
        ],
        r#"
AF039 3:41 "ticket" unknown collection `ticket` (did you mean `tickets`?)
AF039 6:33 "doc" unknown collection `doc` (did you mean `docs`?)
AF039 warning 7:34 "elsewhere" unknown collection `elsewhere` (describe it in the manifest: `[memory.elsewhere]`, with the `path` of its files if it has some)
AF007 9:32 "My Notes" `My Notes` is no valid name of a collection (use 1 to 64 of a-z, 0-9, `_` and `-`, beginning with a letter or a digit)
"#,
    );
}

#[test]
fn a_search_by_meaning_needs_vectors() {
    check_files(
        &[
            (
                "flow.yaml",
                r"
nodes:
  a: { recall: { collection: words, query: x, min_score: 0.5 } }
  b: { recall: { collection: words, query: x, by: meaning } }
  c: { recall: { collection: words, query: x, by: words } }
  d: { recall: { collection: docs, query: x, min_score: 0.5 } }
",
            ),
            ("agents.toml", MANIFEST),
        ],
        r#"
AF048 2:58 "0.5" collection `words` has no vectors: it can be searched by words only (leave `min_score` out, or give the collection an `embedder`, such as `local`)
  4:12 the collection is made without vectors here
AF048 3:51 "meaning" collection `words` has no vectors: it can be searched by words only (leave `by` out, or give the collection an `embedder`, such as `local`)
  4:12 the collection is made without vectors here
"#,
    );
}

#[test]
fn nodes_that_go_on_with_one_conversation_need_an_order() {
    check(
        r#"
inputs: { who: string, kind: string }
agents: { a: { model: mock/m }, b: { model: mock/m, conversation: "all-{{ inputs.who }}" } }
nodes:
  one: { agent: a, prompt: x, conversation: main }
  two: { agent: a, prompt: x, conversation: main }
  three: { agent: a, prompt: x, conversation: main, needs: [one, two] }
  four: { agent: b, prompt: x }
  inner: { nodes: { five: { agent: b, prompt: x } } }
  each: { map: "[1, 2]", agent: a, prompt: "{{ item }}", conversation: many }
  own: { map: "[1, 2]", agent: a, prompt: "{{ item }}", conversation: "many-{{ index }}" }
  slow: { map: "[1, 2]", concurrency: 1, agent: a, prompt: "{{ item }}", conversation: queue }
  apart: { agent: a, prompt: x, conversation: { name: main, scope: run } }
  choose: { value: "x", route: { on: inputs.kind, cases: { x: left, y: right }, default: [] } }
  left: { agent: a, prompt: x, conversation: branch }
  right: { agent: a, prompt: x, conversation: branch }
"#,
        r#"
AF047 5:3 "two" `one` and `two` go on with the conversation `main`, and nothing says which of them comes first (let one wait for the other: `needs: [one]`, or give each a conversation of its own)
  4:3 the other one is here
AF047 8:21 "five" `four` and `five` go on with the conversation `all-{{ inputs.who }}`, and nothing says which of them comes first (let one wait for the other: `needs: [four]`, or give each a conversation of its own)
  7:3 the other one is here
AF047 9:3 "each" all instances of `each` go on with the conversation `many` at the same time (give each a conversation of its own, for example `many-{{ index }}`, or let them come one after the other: `concurrency: 1`)
"#,
    );
}

#[test]
fn what_was_said_in_a_conversation_meets_what_comes_to_it_later() {
    let flow = |conversation: &str| {
        format!(
            r#"
permissions: ["net:*", "memory:read:docs"]
agents:
  reads: {{ model: mock/m, recall: docs, conversation: one }}
  surfs: {{ model: mock/m, tools: [http_get], permissions: ["net:*"], conversation: {conversation} }}
nodes:
  first: {{ agent: surfs, prompt: Look around }}
  then: {{ agent: reads, prompt: Look here, needs: first }}
"#
        )
    };
    let codes = |workflow: &str| {
        let compiled = compiled(&[("flow.yaml", workflow), ("agents.toml", MANIFEST)]);
        compiled.diagnostics.iter().map(|problem| problem.code.to_string()).collect::<Vec<_>>()
    };
    // In the next run, `first` reads what `then` was given in this one.
    assert_eq!(codes(&flow("one")), ["AF050"]);
    assert_eq!(codes(&flow("two")), [""; 0]);
}

#[test]
fn what_is_recalled_is_private_and_by_strangers_unless_it_is_trusted() {
    let flow = |more: &str| {
        format!(
            r#"
permissions: ["net:*", "memory:read:docs"]
nodes:
  found: {{ recall: {{ collection: docs, query: x{more} }} }}
  send: {{ tool: http_post, args: {{ url: "https://a.example/x", json: "{{{{ found }}}}" }}, permissions: ["net:a.example"] }}
"#
        )
    };
    let codes = |workflow: &str| {
        let compiled = compiled(&[("flow.yaml", workflow), ("agents.toml", MANIFEST)]);
        compiled.diagnostics.iter().map(|problem| problem.code.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&flow("")), ["AF050"]);
    assert_eq!(codes(&flow(", trusted_only: true")), [""; 0]);
}

#[test]
fn secrets_are_read_in_arguments_of_tools_only_not_in_what_is_looked_for_or_kept() {
    check(
        r#"
nodes:
  kept: { remember: { collection: notes, documents: "{{ secrets.KEY }}" } }
"#,
        r#"
AF025 2:57 "secrets.KEY" secrets cannot be read here (`secrets.NAME` stands in `args` of a `tool` node only; the key of a model belongs into the manifest: `api_key = { env = "NAME" }` of its provider)
"#,
    );
}

#[test]
fn a_summarizer_must_be_an_agent_and_may_not_come_to_call_itself() {
    check(
        r"
agents:
  a: { model: mock/m, conversation: { name: x, summarizer: clrk } }
  clerk: { model: mock/m, conversation: { name: y, summarizer: clerk } }
nodes:
  one: { agent: a, prompt: x }
  two: { agent: clerk, prompt: x }
",
        r#"
AF031 2:60 "clrk" unknown agent `clrk` (did you mean `clerk`?)
"#,
    );
    check(
        r"
agents: { clerk: { model: mock/m, conversation: { name: y, summarizer: clerk } } }
nodes:
  two: { agent: clerk, prompt: x }
",
        r#"
AF046 1:72 "clerk" `agent:clerk` comes to call itself: `agent:clerk` → `agent:clerk` (take one of these tools away from the agent that has it)
"#,
    );
}

#[test]
fn settings_of_collections_must_be_possible() {
    check_files(
        &[
            ("flow.yaml", "nodes: { a: { value: 1 } }\n"),
            (
                "agents.toml",
                r#"
[memory.a]
embedder = "lokal"
[memory.b]
embedder = "opnai/text-embedding-3-small"
[memory.c]
chunk = 64
overlap = 40
[memory.d]
embedder = "local/all-MiniLM-L6-v2"
"#,
            ),
        ],
        r#"
AF037 agents.toml:2:12 "\"lokal\"" unknown embedder `lokal` (did you mean `local`?)
AF037 agents.toml:4:12 "\"opnai/text-embedding-3-small\"" unknown embedder `opnai/text-embedding-3-small` (did you mean `openai/text-embedding-3-small`?)
AF011 agents.toml:7:11 "40" a chunk of 64 tokens cannot repeat 40 of the one before (`overlap` is at most half of `chunk`; an eighth is usual)
"#,
    );
}

#[test]
fn drawings_call_memory_by_its_name() {
    let plan = plan(
        "nodes:\n  found: { recall: { collection: docs, query: x } }\n  kept: { remember: { collection: \"n-{{ run.id }}\", documents: \"{{ found }}\" } }\n",
    );
    let text = draw(&plan, DrawFormat::Mermaid);
    assert!(text.contains("recall docs") && text.contains("remember n-"), "{text}");
    let json: Value = serde_json::from_str(&draw(&plan, DrawFormat::Json)).unwrap();
    assert_eq!((&json["nodes"][0]["kind"], &json["nodes"][0]["collection"]), (&json!("recall"), &json!("docs")));
}
