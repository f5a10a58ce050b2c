//! The workflows that call tools: of every effect, by nodes and by agents, permitted and asked about. `EFFECTS` stands for where the effect
//! server is. Outputs are named after the steps whose results they are.

use super::step::{
    Answer::{AssumeDone, Rerun},
    Class::{Asks, Assumes, Denied, Idempotent, Read, Reruns},
    Seen::{Nowhere, Program},
    Step,
};
use crate::reliability::workload::{Call, Says, Workload};

/// Notes that it was begun, and does what it is for once for each key.
const NOTE: &str = r#"echo "$1 $AGENTFLOW_IDEMPOTENCY_KEY" >>begun
mkdir "key-$AGENTFLOW_IDEMPOTENCY_KEY" 2>/dev/null && echo "$1" >>done
echo "$AGENTFLOW_IDEMPOTENCY_KEY"
"#;

/// All of them.
pub(crate) const ALL: [Workload; 6] = [
    Workload {
        name: "puts",
        files: &[(
            "flow.yaml",
            r#"
permissions: ["net:EFFECTS"]
nodes:
  one: { tool: http_put, args: { url: "EFFECTS/one", json: { n: 1 } } }
  two:
    tool: http_put
    args: { url: "EFFECTS/two", json: { after: "{{ one.body.n }}" } }
    retry: { max_attempts: 3, initial: 10ms, jitter: none }
  three: { tool: http_get, args: { url: "EFFECTS/three", query: { after: "{{ two.body.n }}" } } }
  four: { tool: http_delete, args: { url: "EFFECTS/four" }, needs: three }
outputs: { one: "{{ one }}", two: "{{ two }}", three: "{{ three }}", four: "{{ four }}" }
"#,
        )],
        policy: &["--allow", "net:EFFECTS"],
        steps: &[
            Step::new("one", Idempotent),
            Step::new("two", Idempotent).late(1),
            Step::new("three", Read),
            Step::new("four", Idempotent),
        ],
        ..Workload::EMPTY
    },
    Workload {
        name: "agents",
        files: &[
            (
                "flow.yaml",
                r#"
agents:
  a: { model: lab/small, tools: [http_get, http_put] }
  b: { model: lab/small, tools: [read_file] }
permissions: ["net:EFFECTS", "fs:read:*.txt"]
nodes:
  work: { agent: a, prompt: "[[work]]" }
  end: { agent: b, prompt: "[[end]]", needs: work }
outputs: { work: "{{ work }}", end: "{{ end }}" }
"#,
            ),
            ("note.txt", "[[note]]"),
        ],
        calls: &[
            Call::new(
                "work",
                Says::Asks(
                    "I look",
                    r#"[
                        { "name": "http_get", "arguments": { "url": "EFFECTS/seen" } },
                        { "name": "http_put", "arguments": { "url": "EFFECTS/kept", "json": 1 } },
                        { "name": "http_put", "arguments": { "url": "http://192.0.2.1/denied", "json": 1 } },
                        { "name": "http_get", "arguments": { "url": "EFFECTS/what-now" } }
                    ]"#,
                ),
            ),
            Call::new(
                "more",
                Says::Asks(
                    "I look again",
                    r#"[
                        { "name": "http_put", "arguments": { "url": "EFFECTS/last", "json": 2 } },
                        { "name": "http_get", "arguments": { "url": "EFFECTS/what-then" } }
                    ]"#,
                ),
            ),
            Call::new("enough", Says::Slowly("seen and kept")),
            Call::new("end", Says::Asks("I read", r#"[{ "name": "read_file", "arguments": { "path": "note.txt" } }]"#)),
            Call::new("note", Says::Answer("well done")),
        ],
        width: 4,
        policy: &["--allow", "net:EFFECTS", "--allow", "fs:read:*.txt"],
        steps: &[
            Step::new("seen", Read),
            Step::new("kept", Idempotent),
            Step::new("denied", Denied).seen(Nowhere),
            Step::new("what-now", Read).says("[[more]]"),
            Step::new("last", Idempotent),
            Step::new("what-then", Read).says("[[enough]]"),
            Step::new("note.txt", Read).seen(Nowhere),
        ],
        middle: Some("durable.tool-returned:5"),
        ..Workload::EMPTY
    },
    Workload {
        name: "posts",
        files: &[(
            "flow.yaml",
            r#"
permissions: ["net:EFFECTS"]
nodes:
  again: { tool: http_post, args: { url: "EFFECTS/again", json: { n: 1 } } }
  once: { tool: http_post, args: { url: "EFFECTS/once", json: { n: 2 } }, needs: again }
  rerun: { tool: http_post, args: { url: "EFFECTS/rerun", json: { n: 3 } }, needs: once, on_ambiguous: rerun }
  assumed: { tool: http_post, args: { url: "EFFECTS/assumed", json: { n: 4 } }, needs: rerun, on_ambiguous: assume_done }
outputs: { again: "{{ again }}", once: "{{ once }}", rerun: "{{ rerun }}", assumed: "{{ assumed }}" }
"#,
        )],
        policy: &["--allow", "net:EFFECTS"],
        steps: &[
            Step::new("again", Asks(Rerun)),
            Step::new("once", Asks(AssumeDone)),
            Step::new("rerun", Reruns),
            Step::new("assumed", Assumes),
        ],
        middle: Some("tool.call-back:1"),
        ..Workload::EMPTY
    },
    Workload {
        name: "approvals",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small, tools: ["http_*"] } }
permissions: ["net:EFFECTS"]
nodes:
  publish: { tool: http_post, args: { url: "EFFECTS/publish", json: { n: 1 } } }
  work: { agent: a, prompt: "[[work]]", needs: publish }
outputs: { publish: "{{ publish }}", work: "{{ work }}" }
"#,
        )],
        calls: &[
            Call::new(
                "work",
                Says::Asks(
                    "May I?",
                    r#"[
                        { "name": "http_put", "arguments": { "url": "EFFECTS/kept", "json": 1 } },
                        { "name": "http_post", "arguments": { "url": "EFFECTS/sent", "json": 1 } },
                        { "name": "http_get", "arguments": { "url": "EFFECTS/look" } }
                    ]"#,
                ),
            ),
            Call::new("done", Says::Answer("kept and sent")),
        ],
        width: 3,
        policy: &["--ask", "net:EFFECTS"],
        steps: &[
            Step::new("publish", Asks(Rerun)).asked(),
            Step::new("kept", Idempotent).asked(),
            Step::new("sent", Asks(Rerun)).asked(),
            Step::new("look", Read).says("[[done]]").asked(),
        ],
        ..Workload::EMPTY
    },
    Workload {
        name: "map of puts",
        files: &[(
            "flow.yaml",
            r#"
permissions: ["net:EFFECTS"]
nodes:
  each: { map: "['p', 'q', 'r', 's', 't']", concurrency: 2, tool: http_put, args: { url: "EFFECTS/each-{{ item }}", json: { n: "{{ index }}" } } }
  sum: { tool: http_post, args: { url: "EFFECTS/sum", json: "{{ each | map(attribute='body') | list }}" } }
outputs: { sum: "{{ sum }}" }
"#,
        )],
        width: 2,
        policy: &["--allow", "net:EFFECTS"],
        steps: &[
            Step::new("each-p", Idempotent),
            Step::new("each-q", Idempotent),
            Step::new("each-r", Idempotent),
            Step::new("each-s", Idempotent),
            Step::new("each-t", Idempotent),
            Step::new("sum", Asks(Rerun)),
        ],
        ..Workload::EMPTY
    },
    Workload {
        name: "programs",
        files: &[
            (
                "flow.yaml",
                r#"
permissions: ["run:sh note.sh *"]
nodes:
  left: { tool: command, args: { program: sh, arguments: [note.sh, left] } }
  right: { tool: command, args: { program: sh, arguments: [note.sh, right] }, needs: left }
  both: { tool: command, args: { program: sh, arguments: [note.sh, both] }, needs: right }
outputs: { left: "{{ left }}", right: "{{ right }}", both: "{{ both }}" }
"#,
            ),
            ("note.sh", NOTE),
        ],
        manifest: "[tools.command]\ninterpreters = [\"sh\"]\neffect = \"idempotent\"\n",
        policy: &["--allow", "run:sh note.sh *"],
        steps: &[
            Step::new("left", Idempotent).seen(Program),
            Step::new("right", Idempotent).seen(Program),
            Step::new("both", Idempotent).seen(Program),
        ],
        ..Workload::EMPTY
    },
];
