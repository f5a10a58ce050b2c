//! What `compile` makes of messages: who can be written to, which types there are, and what is wrong with them.

use agentflow::plan::{DrawFormat, draw};

use crate::validate::{check, compiled};

#[test]
fn a_message_to_nobody_or_of_no_type_is_told_with_what_was_meant() {
    check(
        r#"
messages: { finding: { file: string }, verdict: string }
agents: { critic: { model: openai/x } }
mailboxes: { archive: { subscribe: [findings] } }
nodes:
  one: { send: { to: crtic, type: finding, body: { file: a } } }
  two: { send: { to: archive, type: verdikt, body: good } }
  three: { send: { to: inbox, type: verdict, body: good } }
  ask: { agent: critic, prompt: "{{ messages.archiv | length }} {{ messages.critic | length }}" }
  four: { send: { to: archive, type: verdict, body: good } }
"#,
        r#"
AF049 3:37 "findings" there are no messages of type `findings` (did you mean `finding`?)
AF049 5:22 "crtic" there is no mailbox `crtic`: nobody would read the message (did you mean `critic`?)
AF049 6:37 "verdikt" there are no messages of type `verdikt` (did you mean `verdict`?)
AF049 7:24 "inbox" there is no mailbox `inbox`: nobody would read the message (the mailboxes are `archive`, `critic`)
AF049 8:37 "messages.archiv" there is no mailbox `archiv` in this workflow (did you mean `archive`?)
"#,
    );
}

#[test]
fn a_body_that_is_known_is_held_to_its_type() {
    check(
        r#"
inputs: { line: integer }
messages: { finding: { file: string, line: integer } }
nodes:
  good: { send: { to: desk, type: finding, body: { file: a, line: "{{ inputs.line }}" } } }
  bad: { send: { to: desk, type: finding, body: { file: a, line: many } } }
  take: { receive: { mailbox: desk, count: 2 } }
"#,
        r#"
AF017 5:49 "{ file: a, line: many }" the body is no `finding`: at /line: "many" is not of type "integer"
  2:22 the type is written here
"#,
    );
}

#[test]
fn a_mailbox_that_nobody_sends_to_is_a_warning() {
    check(
        r"
mailboxes: { desk: { subscribe: news } }
nodes:
  tell: { send: { to: all, type: news, body: 1 } }
  heard: { receive: { mailbox: desk } }
  never: { receive: { mailbox: dusk } }
",
        r#"
AF063 warning 5:32 "dusk" nobody sends to the mailbox `dusk` (send to it with `send: { to: dusk, … }`, or let an agent have the tool `send_message`)
"#,
    );
    check(
        r#"
inputs: { who: string }
agents: { a: { model: openai/x, tools: [send_message] } }
nodes:
  ask: { agent: a, prompt: Tell the desk }
  tell: { send: { to: "{{ inputs.who }}", type: note } }
  take: { receive: { mailbox: desk } }
  any: { receive: { mailbox: "{{ inputs.who }}" } }
  other: { send: { to: whoever, type: note } }
"#,
        "",
    );
}

#[test]
fn a_node_that_is_no_agent_does_not_call_the_tools_of_agents() {
    check(
        r#"
nodes:
  tell: { tool: send_message, args: { to: desk, type: note, body: 1 } }
  all: { value: "{{ messages }}" }
"#,
        r#"
AF033 2:17 "send_message" `send_message` is a tool for agents: `tell` is none (a node sends with `send: { to: …, type: …, body: … }` and takes with `receive: { mailbox: … }`)
AF025 3:21 "messages" `messages` cannot be read as a whole (name one mailbox, for example `messages.reviewer`)
"#,
    );
}

const MEETING: &str = r#"
permissions: ["net:*", "run:git log"]
agents:
  surfer: { model: openai/x, tools: [web_fetch, TOOL] }
  clerk: { model: openai/x, tools: [command] }
nodes:
  surf: { agent: surfer, prompt: Look around }
  TELL
  take: { receive: { mailbox: clerk } }
  post: { agent: clerk, prompt: "Post {{ PROMPT }}" }
"#;

#[test]
fn what_strangers_wrote_comes_by_messages_too() {
    let codes = |tool: &str, tell: &str, prompt: &str| {
        let text = MEETING.replace("TOOL", tool).replace("TELL", tell).replace("PROMPT", prompt);
        let found = compiled(&[("flow.yaml", text.as_str())]).diagnostics;
        found.iter().map(|problem| problem.code.to_string()).collect::<Vec<_>>()
    };
    let tell = r#"tell: { send: { to: clerk, type: note, body: "{{ surf }}" } }"#;
    let harmless = "tell: { send: { to: clerk, type: note, body: hello } }";
    let none: [&str; 0] = [];
    assert_eq!(codes("calculator", tell, "take"), ["AF050"]);
    assert_eq!(codes("calculator", tell, "messages.clerk"), ["AF050"]);
    assert_eq!(codes("calculator", harmless, "take"), none);
    assert_eq!(codes("send_message", harmless, "take"), ["AF050"], "the agent may send what it has read");
}

#[test]
fn a_drawing_shows_where_messages_go() {
    let compiled = compiled(&[(
        "flow.yaml",
        "nodes:\n  tell: { send: { to: desk, type: note } }\n  take: { receive: { mailbox: desk, type: note, count: 2 } }\n",
    )]);
    let drawing = draw(&compiled.plan.unwrap(), DrawFormat::Mermaid);
    assert!(drawing.contains("tell") && drawing.contains("desk"), "{drawing}");
}
