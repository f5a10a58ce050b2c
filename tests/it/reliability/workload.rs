//! The workflows that are killed: small, and each with another part of the format. What the server answers is theirs, too, and every
//! answer is said by one call only, so that a recorded answer tells which request it is of.

use serde_json::{Value, json};

use super::effects::{self, step::Step};

/// How long a call takes that is to be met while it is out, in milliseconds: longer than a renewal of the lease is away.
const A_WHILE: u64 = 45;

/// A workflow and what the server has to say to it.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// Files by name; `flow.yaml` is the one that is run.
    pub(crate) files: &'static [(&'static str, &'static str)],
    pub(crate) calls: &'static [Call],
    /// How many calls may be out at once.
    pub(crate) width: usize,
    /// What its manifest says further of the provider `lab`, and of others; `URL` stands for where the server is.
    pub(crate) manifest: &'static str,
    /// Whether it takes a large input, so that its log is copied into the store's file.
    pub(crate) is_large: bool,
    /// Whether it takes long enough to be steered from other processes.
    pub(crate) is_steered: bool,
    /// The calls of tools.
    pub(crate) steps: &'static [Step],
    /// What the operator permits, as options of the commands that run it.
    pub(crate) policy: &'static [&'static str],
    /// The crash point at which its runs have come halfway; of one that waits for a person by itself, none need be named.
    pub(crate) middle: Option<&'static str>,
}

/// A call of a model. The prompt, or what the model is told of its last answer, has `mark` in double brackets.
pub(crate) struct Call {
    pub(crate) mark: &'static str,
    pub(crate) says: Says,
}

/// What the server does.
pub(crate) enum Says {
    Answer(&'static str),
    /// The same, after a while.
    Slowly(&'static str),
    /// The same, after so many milliseconds.
    After(u64, &'static str),
    /// So many times 503 before it.
    Late(u32, &'static str),
    /// A text, and the calls of tools that it asks for, as JSON.
    Asks(&'static str, &'static str),
    /// 400, always.
    Refuses,
    /// Nothing.
    Hangs,
}

impl Call {
    pub(crate) const fn new(mark: &'static str, says: Says) -> Self {
        Self { mark, says }
    }

    /// The answer that is paid for, if there ever is one.
    pub(crate) fn answer(&self) -> Option<&'static str> {
        match self.says {
            Says::Answer(text) | Says::Slowly(text) | Says::After(_, text) | Says::Late(_, text) | Says::Asks(text, _) => {
                Some(text)
            }
            Says::Refuses | Says::Hangs => None,
        }
    }

    fn rule(&self, effects: &str) -> Value {
        let status = |status: u16| json!({ "status": { "status": status } });
        let (text, reply) = match &self.says {
            Says::Answer(text) => (*text, json!("ok")),
            Says::Slowly(text) => (*text, json!({ "ok": { "delay_ms": A_WHILE } })),
            Says::After(time, text) => (*text, json!({ "ok": { "delay_ms": time } })),
            Says::Late(times, text) => {
                let mut replies = vec![status(503); *times as usize];
                replies.push(json!("ok"));
                (*text, json!({ "sequence": replies }))
            }
            Says::Asks(text, calls) => {
                let calls: Value = serde_json::from_str(&calls.replace("EFFECTS", effects)).unwrap();
                let mark = format!("[[{}]]", self.mark);
                return json!({ "match": mark, "text": text, "tool_calls": calls, "reply": "ok" });
            }
            Says::Refuses => ("", status(400)),
            Says::Hangs => ("", json!("hang")),
        };
        json!({ "match": format!("[[{}]]", self.mark), "text": text, "reply": reply })
    }
}

impl Workload {
    /// Nothing yet.
    pub(crate) const EMPTY: Self = Self {
        name: "",
        files: &[],
        calls: &[],
        width: 1,
        manifest: "",
        is_large: false,
        is_steered: false,
        steps: &[],
        policy: &[],
        middle: None,
    };

    /// What the fault server is told that answers for models. Who asks below `/down` is never answered. `effects` is where tools lead to.
    pub(crate) fn scenario(&self, effects: &str) -> Value {
        let down = json!({ "path": "/down/", "reply": { "status": { "status": 503 } } });
        [down].into_iter().chain(self.calls.iter().map(|call| call.rule(effects))).collect()
    }

    /// What the one is told that takes the calls of tools.
    pub(crate) fn effects(&self) -> Value {
        self.steps.iter().map(Step::rule).collect()
    }

    /// How many answers a kill may lose. A call that rests on another's answer goes out when that is on disk. One that does not takes
    /// its place at once, while the answer is being written.
    pub(crate) fn may_be_lost(&self) -> usize {
        if self.width == 1 { 1 } else { 2 * self.width }
    }

    /// The number of the call that asks this.
    pub(crate) fn call_of_prompt(&self, prompt: &str) -> Option<usize> {
        self.calls.iter().position(|call| prompt.contains(&format!("[[{}]]", call.mark)))
    }

    /// The number of the call that is answered so.
    pub(crate) fn call_of_answer(&self, answer: &str) -> Option<usize> {
        self.calls.iter().position(|call| call.answer() == Some(answer))
    }
}

use Says::{Answer, Hangs, Late, Refuses, Slowly};

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Workload> {
    MODELS.iter().chain(&effects::workloads::ALL)
}

/// Those that call nothing but models.
pub(crate) const MODELS: [Workload; 14] = [
    Workload {
        name: "chain",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  one: { agent: a, prompt: "[[one]]" }
  two: { agent: a, prompt: "[[two]] {{ one }}" }
  three: { agent: a, prompt: "[[three]] {{ two }}" }
  four: { agent: a, prompt: "[[four]] {{ three }}" }
outputs: { last: "{{ four }}", first: "{{ one }}" }
"#,
        )],
        calls: &[
            Call::new("one", Answer("uno")),
            Call::new("two", Slowly("dos")),
            Call::new("three", Answer("tres")),
            Call::new("four", Answer("cuatro")),
        ],
        ..Workload::EMPTY
    },
    Workload {
        name: "steered",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  one: { agent: a, prompt: "[[uno]]" }
  two: { agent: a, prompt: "[[due]] {{ one }}" }
  three: { agent: a, prompt: "[[tre]] {{ two }}" }
outputs: { last: "{{ three }}" }
"#,
        )],
        // Long enough for those who look every 400 ms.
        calls: &[
            Call::new("uno", Says::After(900, "a first one")),
            Call::new("due", Says::After(900, "a second one")),
            Call::new("tre", Says::After(900, "a third one")),
        ],
        is_steered: true,
        ..Workload::EMPTY
    },
    Workload {
        name: "fan-out",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  seeds: { agent: a, prompt: "[[seeds]]", output: [string] }
  each: { map: seeds, as: seed, concurrency: 2, agent: a, prompt: "[[each-{{ index }}]] {{ seed }}" }
  sum: { agent: a, prompt: "[[sum]] {{ each | join(', ') }}" }
outputs: { sum: "{{ sum }}", each: "{{ each }}" }
"#,
        )],
        calls: &[
            Call::new("seeds", Answer(r#"{"answer": ["oak", "elm", "fir", "yew", "ash"]}"#)),
            Call::new("each-0", Slowly("an oak")),
            Call::new("each-1", Answer("an elm")),
            Call::new("each-2", Slowly("a fir")),
            Call::new("each-3", Answer("a yew")),
            Call::new("each-4", Answer("an ash")),
            Call::new("sum", Answer("a forest")),
        ],
        width: 2,
        ..Workload::EMPTY
    },
    Workload {
        name: "loop",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  improve:
    loop: { until: check.ok, max: 4 }
    nodes:
      draft:
        agent: a
        prompt: "[[draft-{{ loop.iteration }}]] {% if loop.previous.draft is not none %}{{ loop.previous.draft }}{% endif %}"
      check: { agent: a, prompt: "[[check-{{ loop.iteration }}]] {{ draft }}", output: { ok: boolean, why: string } }
outputs: { text: "{{ improve.draft }}" }
"#,
        )],
        calls: &[
            Call::new("draft-1", Answer("a rough draft")),
            Call::new("check-1", Slowly(r#"{"ok": false, "why": "rough"}"#)),
            Call::new("draft-2", Answer("a better draft")),
            Call::new("check-2", Answer(r#"{"ok": false, "why": "not good"}"#)),
            Call::new("draft-3", Answer("a good draft")),
            Call::new("check-3", Answer(r#"{"ok": true, "why": "good"}"#)),
        ],
        ..Workload::EMPTY
    },
    Workload {
        name: "routes",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  kind:
    agent: a
    prompt: "[[kind]]"
    output: { kind: bug | question }
    route: { on: kind.kind, cases: { bug: [reproduce, blame], question: answer } }
  reproduce: { agent: a, prompt: "[[reproduce]]" }
  blame: { agent: a, prompt: "[[blame]]" }
  answer: { agent: a, prompt: "[[answer]]" }
  thank: { agent: a, prompt: "[[thank]] {{ answer | default('') }}", when: kind.kind == "question" }
  fix: { agent: a, prompt: "[[fix]] {{ reproduce | default('?') }} {{ blame | default('?') }}" }
outputs: { fix: "{{ fix | default('none') }}", answer: "{{ answer | default('none') }}", thanks: "{{ thank | default('none') }}" }
"#,
        )],
        calls: &[
            Call::new("kind", Answer(r#"{"kind": "bug"}"#)),
            Call::new("reproduce", Slowly("it crashes")),
            Call::new("blame", Answer("the parser")),
            Call::new("fix", Answer("fixed")),
        ],
        width: 2,
        ..Workload::EMPTY
    },
    Workload {
        name: "repairs",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  pair: { map: "['x', 'y']", agent: a, prompt: "[[score-{{ item }}]]", output: { score: integer } }
  total: { agent: a, prompt: "[[total]] {{ pair | sum(attribute='score') }}", output: { total: integer } }
outputs: { total: "{{ total.total }}", pair: "{{ pair }}" }
"#,
        )],
        calls: &[
            Call::new("score-x", Answer(r#"{"score": "[[again-x]]"}"#)),
            Call::new("again-x", Slowly(r#"{"score": "[[more-x]]"}"#)),
            Call::new("more-x", Answer(r#"{"score": 3}"#)),
            Call::new("score-y", Answer(r#"{"score": "[[again-y]]"}"#)),
            Call::new("again-y", Answer(r#"{"score": 4}"#)),
            Call::new("total", Answer(r#"{"total": "[[again-total]]"}"#)),
            Call::new("again-total", Answer(r#"{"total": 7}"#)),
        ],
        width: 2,
        ..Workload::EMPTY
    },
    Workload {
        name: "retries",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
defaults: { retry: { initial: 25ms, factor: 1, jitter: none, max_attempts: 20 } }
nodes:
  first: { agent: a, prompt: "[[first]]" }
  both: { map: "['p', 'q']", agent: a, prompt: "[[both-{{ item }}]] {{ first }}" }
  last: { agent: a, prompt: "[[last]] {{ both | join(' ') }}" }
outputs: { last: "{{ last }}" }
"#,
        )],
        calls: &[
            Call::new("first", Late(1, "at last")),
            Call::new("both-p", Late(2, "after two")),
            Call::new("both-q", Slowly("at once")),
            Call::new("last", Late(1, "the end")),
        ],
        width: 2,
        ..Workload::EMPTY
    },
    Workload {
        name: "outage",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: down/small, fallback: [lab/small] } }
defaults: { retry: { initial: 25ms, factor: 1, jitter: none, max_attempts: 3 } }
nodes:
  first: { agent: a, prompt: "[[first]]" }
  both: { map: "['p', 'q']", agent: a, prompt: "[[both-{{ item }}]] {{ first }}", output: { found: integer } }
  last: { agent: a, prompt: "[[last]] {{ both | map(attribute='found') | join(' ') }}" }
outputs: { last: "{{ last }}", both: "{{ both }}" }
"#,
        )],
        calls: &[
            Call::new("first", Answer("from the other")),
            Call::new("both-p", Slowly(r#"{"found": 5}"#)),
            Call::new("both-q", Answer(r#"{"found": "[[again-q]]"}"#)),
            Call::new("again-q", Answer(r#"{"found": 6}"#)),
            Call::new("last", Answer("from the other again")),
        ],
        width: 2,
        // The breaker opens within the first node, and lets calls through again while the run goes on.
        manifest: r#"
[providers.down]
kind = "openai"
base_url = "URL/down/v1"
breaker = { failures = 2, open_for = "60ms" }
"#,
        ..Workload::EMPTY
    },
    Workload {
        name: "rates",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  each: { map: "['k', 'l', 'm', 'n']", agent: a, prompt: "[[each-{{ item }}]]" }
  last: { agent: a, prompt: "[[last]] {{ each | join(' ') }}" }
outputs: { last: "{{ last }}" }
"#,
        )],
        calls: &[
            Call::new("each-k", Answer("kay")),
            Call::new("each-l", Slowly("ell")),
            Call::new("each-m", Answer("em")),
            Call::new("each-n", Answer("en")),
            Call::new("last", Answer("in good time")),
        ],
        width: 4,
        // The fourth call waits for a third of a second, whoever it is.
        manifest: "rate = { requests = \"3/s\" }\n",
        ..Workload::EMPTY
    },
    Workload {
        name: "memory",
        files: &[(
            "flow.yaml",
            r#"
agents:
  a:
    model: lab/small
    recall: { collection: notes, query: "barley malt", scope: run }
    remember: { collection: notes, scope: run }
    conversation: { name: talk, scope: run }
nodes:
  keep: { remember: { collection: notes, documents: "Barley becomes malt.", scope: run } }
  one: { agent: a, prompt: "[[first]] What is barley?", needs: keep }
  two: { agent: a, prompt: "[[second]] And malt? {{ one }}" }
  found: { recall: { collection: notes, query: "barley malt", scope: run }, needs: two }
outputs: { two: "{{ two }}", found: "{{ found | length }}", kept: "{{ keep.added + keep.unchanged }}" }
"#,
        )],
        // What memory and the conversation say of the first call is in the prompt of the second.
        calls: &[Call::new("second", Slowly("the best of it")), Call::new("first", Slowly("a grain"))],
        manifest: "[memory.notes]\nembedder = \"lexical\"\n",
        ..Workload::EMPTY
    },
    Workload {
        name: "messages",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small, tools: [send_message, broadcast, read_messages, subscribe] } }
messages: { task: any, news: string, old: string }
mailboxes: { desk: { subscribe: news, limit: 3 } }
nodes:
  old: { send: { to: desk, type: old, body: gone, ttl: 1ms } }
  task: { send: { to: a, type: task, body: "[[heard]]" } }
  work: { agent: a, prompt: "[[work]]", needs: [old, task] }
  tell: { map: "[1, 2, 3, 4]", send: { to: desk, type: task, body: "{{ item }}" }, needs: work }
  take: { receive: { mailbox: desk, type: task, count: 2 } }
  more: { receive: { mailbox: desk, type: task, count: 2 }, needs: take }
  news: { receive: { mailbox: desk, type: news } }
outputs:
  taken: "{{ (take + more) | map(attribute='body') | list }}"
  news: "{{ news[0].from.agent | default('nobody') }}: {{ news[0].body }}"
  work: "{{ work }}"
"#,
        )],
        calls: &[
            Call::new(
                "work",
                Says::Asks(
                    "I tell and ask",
                    r#"[
                        { "name": "subscribe", "arguments": { "type": "news" } },
                        { "name": "broadcast", "arguments": { "type": "news", "body": "all is well" } },
                        { "name": "read_messages", "arguments": { "type": "task" } }
                    ]"#,
                ),
            ),
            Call::new("heard", Slowly("I have heard")),
        ],
        ..Workload::EMPTY
    },
    Workload {
        name: "project mailbox",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  one: { send: { to: "project:desk", type: note, body: 1 } }
  two: { send: { to: "project:desk", type: note, body: 2 }, needs: one }
  take: { receive: { mailbox: "project:desk", type: note, count: 2 }, needs: two }
  say: { agent: a, prompt: "[[say]] {{ take | map(attribute='body') | join(', ') }}" }
  three: { send: { to: "project:desk", type: note, body: 3 }, needs: say }
  last: { receive: { mailbox: "project:desk", type: note }, needs: three }
outputs: { said: "{{ say }}", taken: "{{ (take + last) | map(attribute='body') | list }}" }
"#,
        )],
        calls: &[Call::new("say", Slowly("one and two"))],
        ..Workload::EMPTY
    },
    Workload {
        name: "inner workflow",
        files: &[
            (
                "flow.yaml",
                r#"
agents: { a: { model: lab/small } }
nodes:
  plan: { agent: a, prompt: "[[plan]]" }
  part: { map: "['s', 't']", workflow: inner.yaml, with: { topic: "{{ item }}", plan: "{{ plan }}" } }
  whole: { agent: a, prompt: "[[whole]] {{ part | map(attribute='text') | join(' ') }}" }
outputs: { whole: "{{ whole }}" }
"#,
            ),
            (
                "inner.yaml",
                r#"
agents: { a: { model: lab/small } }
inputs: { topic: string, plan: string }
nodes:
  notes: { agent: a, prompt: "[[notes-{{ inputs.topic }}]] {{ inputs.plan }}" }
  text: { agent: a, prompt: "[[text-{{ inputs.topic }}]] {{ notes }}" }
outputs: { text: "{{ text }}" }
"#,
            ),
        ],
        calls: &[
            Call::new("plan", Answer("in two parts")),
            Call::new("notes-s", Slowly("notes on s")),
            Call::new("text-s", Answer("text on s")),
            Call::new("notes-t", Answer("notes on t")),
            Call::new("text-t", Answer("text on t")),
            Call::new("whole", Answer("s and t")),
        ],
        width: 2,
        ..Workload::EMPTY
    },
    Workload {
        name: "values and failures",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
inputs: { text: string }
nodes:
  v0: { value: "{{ inputs.text }}" }
  v1: { value: "{{ v0 }}" }
  v2: { value: "{{ v1 }}" }
  v3: { value: "{{ v2 }}" }
  v4: { value: "{{ v3 }}" }
  squares: { map: range(20) | list, value: "{{ item * item }}" }
  bad: { agent: a, prompt: "[[bad]]", on_error: { use: stood in } }
  worse: { agent: a, prompt: "[[worse]]", on_error: { goto: rescue } }
  rescue: { agent: a, prompt: "[[rescue]]" }
  slow: { timeout: 150ms, on_error: continue, nodes: { inner: { agent: a, prompt: "[[silent]]" } } }
  end:
    needs: [slow]
    agent: a
    prompt: "[[end]] {{ v4 | length }} {{ squares | sum }} {{ bad }} {{ rescue | default('?') }} {{ nodes.slow.status }}"
outputs: { end: "{{ end }}", sum: "{{ squares | sum }}", bad: "{{ bad }}", slow: "{{ nodes.slow.status }}" }
"#,
        )],
        calls: &[
            Call::new("bad", Refuses),
            Call::new("worse", Refuses),
            Call::new("rescue", Slowly("rescued")),
            Call::new("silent", Hangs),
            Call::new("end", Answer("all ended")),
        ],
        width: 2,
        is_large: true,
        ..Workload::EMPTY
    },
    Workload {
        name: "gates",
        files: &[(
            "flow.yaml",
            r#"
agents: { a: { model: lab/small } }
nodes:
  draft: { agent: a, prompt: "[[draft]]" }
  nap: { wait: { for: 40ms }, needs: draft }
  late: { approval: { message: "Late?", options: [approve, late], timeout: 30ms, on_timeout: late }, needs: draft }
  work:
    loop: { until: gate.approved, max: 2 }
    nodes:
      text: { agent: a, prompt: "[[text]] {{ draft }} {{ nap.until is string }}" }
      gate: { approval: { message: "Publish {{ text }}?", options: [approve, push_back, reject] } }
  end: { agent: a, prompt: "[[end]] {{ work.gate.option }} {{ late.option }}" }
outputs: { end: "{{ end }}", late: "{{ late.option }}", gate: "{{ work.gate.option }}" }
"#,
        )],
        calls: &[
            Call::new("draft", Answer("a draft")),
            Call::new("text", Slowly("a text")),
            Call::new("end", Answer("published")),
        ],
        ..Workload::EMPTY
    },
];

#[test]
fn marks_and_answers_tell_calls_apart() {
    for workload in all() {
        for (number, call) in workload.calls.iter().enumerate() {
            assert_eq!(workload.call_of_prompt(&format!("[[{}]]", call.mark)), Some(number), "{}: {}", workload.name, call.mark);
            if let Some(answer) = call.answer() {
                assert_eq!(workload.call_of_answer(answer), Some(number), "{}: {}", workload.name, call.mark);
            }
        }
    }
}
