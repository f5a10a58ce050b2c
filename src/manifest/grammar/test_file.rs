//! The test file, `*.test.yaml`.

use super::{Field, NameRule, Object, Rule, Shape};

static FAILURE: Object = Object {
    name: "mock_failure",
    what: "`fail`",
    doc: "How a mocked step fails before it succeeds.",
    fields: &[
        Field::optional(
            "kind",
            Shape::Word(&[
                ("http", "As an answer with `status` means."),
                ("connection", "The connection broke."),
                ("timeout", "It took too long."),
                ("rate_limit", "It was asked too much (429)."),
                ("overloaded", "The server has too much to do (529)."),
                ("quota", "A quota is used up."),
                ("auth", "The credentials are refused."),
                ("refused", "The model declines."),
                ("malformed", "What came back is no valid message."),
                ("truncated", "What came back has no end."),
                ("context_length", "It was asked more than the model reads."),
                ("schema", "The answer does not follow its schema."),
                ("denied", "It is not permitted."),
                ("failed", "It does not work, and would not if it were tried again."),
            ]),
            "The kind of the failure; `failed` when absent, `http` with `status`.",
        ),
        Field::optional("status", Shape::Whole { min: 400, max: 599 }, "The status of an HTTP answer."),
        Field::optional("message", Shape::Text, "What the error says."),
        Field::optional("retry_after", Shape::Duration { may_be_zero: true }, "After how long the server asks to try again."),
        Field::optional("times", Shape::Whole { min: 1, max: 1_000 }, "How many attempts fail; all of them when absent."),
    ],
    ..Object::EMPTY
};

const OUTPUT: Field = Field::optional("output", Shape::Data, "What it puts out.");
const OUTPUTS: Field = Field::optional(
    "outputs",
    Shape::List { of: &Shape::Data, min: 1 },
    "What it puts out, in turn; the last one for all further.",
);
const FAIL: Field = Field::optional("fail", Shape::Object(&FAILURE), "How it fails before it puts out anything.");

static ELEMENT: Object = Object {
    name: "mock_element",
    what: "`each`",
    doc: "What the instances of a mapped node do instead of their work.",
    fields: &[OUTPUT, OUTPUTS, FAIL],
    rules: &[Rule::NotBoth("output", "outputs")],
    ..Object::EMPTY
};

static MOCK: Object = Object {
    name: "mock",
    what: "a mock",
    doc: "What a node does in a test instead of its work.",
    fields: &[
        OUTPUT,
        OUTPUTS,
        FAIL,
        Field::optional(
            "each",
            Shape::Object(&ELEMENT),
            "Of a mapped node: what its instances do. Without it, the node as a whole is mocked.",
        ),
        Field::optional("approve", Shape::Bool, "Of an approval: whether it is approved or rejected."),
        Field::optional("option", Shape::Text, "Of an approval: the option that is taken."),
        Field::optional("unanswered", Shape::Bool, "Of an approval: whether nobody answers, until its time is over."),
        Field::optional("comment", Shape::Text, "Of an approval: what is said with the answer."),
        Field::optional("form", Shape::Data, "Of an approval: what is filled in."),
    ],
    rules: &[
        Rule::NotBoth("output", "outputs"),
        Rule::NotBoth("output", "each"),
        Rule::NotBoth("outputs", "each"),
        Rule::NotBoth("fail", "each"),
        Rule::NotBoth("approve", "option"),
        Rule::NotBoth("unanswered", "approve"),
        Rule::NotBoth("unanswered", "option"),
        Rule::NotBoth("unanswered", "output"),
        Rule::NotBoth("unanswered", "outputs"),
        Rule::NotBoth("unanswered", "each"),
        Rule::NotBoth("approve", "output"),
        Rule::NotBoth("approve", "each"),
        Rule::NotBoth("option", "output"),
        Rule::NotBoth("option", "each"),
    ],
    ..Object::EMPTY
};

static TOOL_MOCK: Object = Object {
    name: "tool_mock",
    what: "a mocked tool",
    doc: "What calls of a tool give in a test.",
    fields: &[OUTPUT, OUTPUTS, FAIL],
    rules: &[Rule::NotBoth("output", "outputs")],
    ..Object::EMPTY
};

static FAULT: Object = Object {
    name: "fault",
    what: "a fault",
    doc: "Something that goes wrong in a test, in spite of mocks and cassette.",
    fields: &[
        Field::required(
            "kind",
            Shape::Word(&[
                ("rate_limit", "The server asks to slow down (429)."),
                ("overloaded", "The server has too much to do (529)."),
                ("unavailable", "The server answers 503."),
                ("connection", "The connection breaks."),
                ("timeout", "No answer comes within the time limit."),
                ("slow", "The answer takes `delay` longer."),
                ("malformed", "The answer is no valid JSON."),
                ("truncated", "The stream ends before the answer does."),
                ("refused", "The model declines."),
                ("quota", "The quota is used up."),
                ("auth", "The credentials are refused."),
                ("denied", "The call of a tool is not permitted."),
                ("crash", "The process dies once the result of `at` is recorded, and the run is resumed."),
            ]),
            "What goes wrong.",
        ),
        Field::optional(
            "at",
            Shape::Text,
            "Where: a node, an agent, a model (`provider/model`) or a tool; everywhere when absent. A crash is at a node.",
        ),
        Field::optional(
            "after",
            Shape::Whole { min: 0, max: 1_000_000 },
            "How many calls there go well before; none when absent.",
        ),
        Field::optional("times", Shape::Whole { min: 1, max: 1_000_000 }, "How many calls go wrong; one when absent."),
        Field::optional("retry_after", Shape::Duration { may_be_zero: true }, "After how long the server asks to try again."),
        Field::optional("delay", Shape::Duration { may_be_zero: false }, "How much longer a slow answer takes."),
    ],
    ..Object::EMPTY
};

static CASSETTE: Object = Object {
    name: "test_cassette",
    what: "`cassette`",
    doc: "Recorded answers of models and tools.",
    fields: &[
        Field::required("file", Shape::Text, "The cassette, relative to this file."),
        Field::optional(
            "mode",
            Shape::Word(&[
                ("replay", "What is missing is asked for with `--live`, and answered by the mock model without."),
                ("replay-or-fail", "What is missing fails the test."),
                ("record", "Everything is asked anew with `--live`; without, as `replay-or-fail`."),
            ]),
            "What becomes of requests; `replay-or-fail` when absent.",
        ),
    ],
    ..Object::EMPTY
};

const TIMES: Shape = Shape::Map { keys: NameRule::Filled, of: &Shape::Whole { min: 0, max: 1_000_000 }, filled: false };
const NODES: Shape = Shape::List { of: &Shape::Text, min: 0 };
const MATCHERS: Shape = Shape::Map { keys: NameRule::Filled, of: &Shape::Data, filled: false };

static ERROR: Object = Object {
    name: "expected_error",
    what: "`error`",
    doc: "Why the run must have failed.",
    fields: &[
        Field::optional("kind", Shape::Text, "The kind of the error, e.g. `timeout`."),
        Field::optional("node", Shape::Text, "The node that failed."),
        Field::optional("message", Shape::Data, "What it says: a text, or `{ contains: … }`."),
    ],
    ..Object::EMPTY
};

static EXPECT: Object = Object {
    name: "expectation",
    what: "`expect`",
    doc: "What must hold after the run.",
    fields: &[
        Field::optional(
            "status",
            Shape::Word(&[
                ("succeeded", "It went through."),
                ("failed", "It failed."),
                ("cancelled", "It was cancelled."),
                ("waiting", "It waits for a person or a message."),
            ]),
            "How the run ended; `succeeded` when neither this nor `error` nor `exit_code` is there.",
        ),
        Field::optional("exit_code", Shape::Whole { min: 0, max: 255 }, "What `agentflow run` would have exited with."),
        Field::optional("error", Shape::Object(&ERROR), "Why it failed."),
        Field::optional("executed", TIMES, "How often nodes ran, by node; instances of a map and iterations count each."),
        Field::optional("not_executed", NODES, "Nodes that did not run."),
        Field::optional("skipped", NODES, "Nodes that were skipped."),
        Field::optional("order", NODES, "Nodes in the order in which they ended; others may lie between."),
        Field::optional("attempts", TIMES, "How many attempts nodes took, all instances together."),
        Field::optional(
            "routes",
            Shape::Map { keys: NameRule::Filled, of: &Shape::OneOrMany { of: &Shape::Text, min: 0 }, filled: false },
            "The nodes that nodes with `route` chose.",
        ),
        Field::optional(
            "outputs",
            Shape::Map { keys: NameRule::Output, of: &Shape::Data, filled: false },
            "The outputs of the run: values, or matchers such as `{ matches: PATTERN }`.",
        ),
        Field::optional("nodes", MATCHERS, "What nodes put out, by node: values or matchers."),
        Field::optional("prompts", MATCHERS, "What agents were asked, by node: values or matchers; of the first instance."),
        Field::optional("calls", TIMES, "How often agents and tools were called."),
        Field::optional(
            "messages",
            Shape::List { of: &Shape::Data, min: 0 },
            "Messages that were sent, in order: parts of them, or matchers.",
        ),
        Field::optional(
            "events",
            Shape::List { of: &Shape::Data, min: 0 },
            "Events that happened, in order: parts of them; others may lie between.",
        ),
        Field::optional("max_cost_usd", Shape::Number { min: 0.0, max: 1_000_000.0 }, "The most the run may have cost, in USD."),
        Field::optional(
            "max_tokens",
            Shape::Count(super::CountSize::Large),
            "The most tokens the run may have read and written.",
        ),
        Field::optional(
            "max_duration",
            Shape::Duration { may_be_zero: true },
            "The longest the run may have taken, in the time of the test.",
        ),
    ],
    ..Object::EMPTY
};

static A_MOCK: Shape = Shape::Object(&MOCK);
static A_TOOL_MOCK: Shape = Shape::Object(&TOOL_MOCK);
static A_FAULT: Shape = Shape::Object(&FAULT);

static BODY: [Field; 11] = BODY_FIELDS;

const BODY_FIELDS: [Field; 11] = [
    Field::optional(
        "inputs",
        Shape::Map { keys: NameRule::Identifier, of: &Shape::Data, filled: false },
        "The inputs of the run.",
    ),
    Field::optional(
        "env",
        Shape::Map { keys: NameRule::Variable, of: &Shape::Text, filled: false },
        "Environment variables, instead of those of the process.",
    ),
    Field::optional(
        "mocks",
        Shape::Map { keys: NameRule::Filled, of: &A_MOCK, filled: false },
        "What nodes do instead of their work, by node: `review`, or `improve.draft` for one inside another.",
    ),
    Field::optional(
        "agents",
        Shape::Map { keys: NameRule::Name, of: &Shape::List { of: &Shape::Data, min: 0 }, filled: false },
        "What agents answer, in turn, by agent: values, `{ tools: [{ name, arguments }] }`, or `{ error: { status } }`.",
    ),
    Field::optional("tools", Shape::Map { keys: NameRule::Filled, of: &A_TOOL_MOCK, filled: false }, "What tools give, by tool."),
    Field::optional("faults", Shape::List { of: &A_FAULT, min: 0 }, "What goes wrong."),
    Field::optional("cassette", Shape::Short(&Shape::Text, &CASSETTE), "Recorded answers of models and tools."),
    Field::optional("seed", Shape::Whole { min: 0, max: i64::MAX }, "What made-up answers are derived from; 0 when absent."),
    Field::optional(
        "priced",
        Shape::Bool,
        "Whether made-up answers cost what the model that is named would; they are free when absent.",
    ),
    Field::optional("expect", Shape::Object(&EXPECT), "What must hold after the run."),
    Field::optional(
        "snapshot",
        Shape::OneOrMany {
            of: &Shape::Word(&[
                ("outputs", "The outputs of the run."),
                ("nodes", "What every node put out."),
                ("prompts", "What every agent was asked."),
                ("route", "Which nodes ran, were skipped and failed."),
                ("events", "Every event, without ids and times."),
            ]),
            min: 1,
        },
        "What is compared with what `agentflow test --update` wrote down.",
    ),
];

/// Fields of its own, then those that every part of a test file has.
const fn with_body<const OWN: usize, const ALL: usize>(own: &[Field; OWN]) -> [Field; ALL] {
    let mut all = [own[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < OWN { own[at] } else { BODY_FIELDS[at - OWN] };
        at += 1;
    }
    all
}

static DEFAULTS: Object = Object {
    name: "test_defaults",
    what: "`defaults`",
    doc: "What holds for every test of the file that says nothing else.",
    fields: &BODY,
    ..Object::EMPTY
};

static CASE_FIELDS: [Field; 12] =
    with_body(&[Field::optional("name", Shape::Text, "What the case shows; its number when absent.")]);

static CASE: Object = Object {
    name: "test_case",
    what: "a case",
    doc: "What is different from its test in one row of its table.",
    fields: &CASE_FIELDS,
    ..Object::EMPTY
};

static TEST_FIELDS: [Field; 15] = with_body(&[
    Field::required("name", Shape::Text, "What the test shows."),
    Field::optional("description", Shape::Text, "What is to be known about it."),
    Field::optional("skip", Shape::Text, "Why it is not run."),
    Field::optional("cases", Shape::List { of: &Shape::Object(&CASE), min: 1 }, "A table: the test runs once for each."),
]);

static TEST: Object = Object {
    name: "test",
    what: "a test",
    doc: "One run of the workflow with mocked steps, and what must hold after it.",
    fields: &TEST_FIELDS,
    ..Object::EMPTY
};

/// A test file.
pub(in crate::manifest) static TEST_FILE: Object = Object {
    name: "test_file",
    what: "a test file",
    doc: "Tests of a workflow of agentflow.",
    fields: &[
        Field::required("workflow", Shape::Text, "The workflow to test, relative to this file."),
        Field::optional("manifest", Shape::Text, "The manifest, relative to this file, instead of the one that is found."),
        Field::optional("defaults", Shape::Object(&DEFAULTS), "What holds for every test that says nothing else."),
        Field::required("tests", Shape::List { of: &Shape::Object(&TEST), min: 1 }, "The tests."),
    ],
    ..Object::EMPTY
};
