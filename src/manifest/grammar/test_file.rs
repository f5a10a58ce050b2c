//! The test file, `*.test.yaml`.

use super::{Field, NameRule, Object, Rule, Shape};

static FAILURE: Object = Object {
    name: "mock_failure",
    what: "`fail`",
    doc: "How a mocked step fails before it succeeds.",
    fields: &[
        Field::optional("kind", Shape::Text, "The kind of the failure, e.g. `http` or `timeout`."),
        Field::optional("status", Shape::Whole { min: 100, max: 599 }, "The status of an HTTP answer."),
        Field::optional("times", Shape::Whole { min: 1, max: 1_000 }, "How many attempts fail; all of them when absent."),
    ],
    ..Object::EMPTY
};

static ELEMENT: Object = Object {
    name: "mock_element",
    what: "`each`",
    doc: "What every instance of a mapped node gives.",
    fields: &[
        Field::optional("output", Shape::Data, "The output of the instance."),
        Field::optional("fail", Shape::Object(&FAILURE), "How the instance fails."),
    ],
    ..Object::EMPTY
};

static MOCK: Object = Object {
    name: "mock",
    what: "a mock",
    doc: "What a node does in a test instead of its work.",
    fields: &[
        Field::optional("output", Shape::Data, "The output of the node."),
        Field::optional("each", Shape::Object(&ELEMENT), "What every instance of a mapped node gives."),
        Field::optional("approve", Shape::Bool, "The answer to an approval."),
        Field::optional("fail", Shape::Object(&FAILURE), "How the node fails before it gives its output."),
    ],
    rules: &[Rule::NotBoth("output", "each")],
    ..Object::EMPTY
};

const TIMES: Shape = Shape::Map { keys: NameRule::Filled, of: &Shape::Whole { min: 0, max: 1_000_000 }, filled: false };
const NODES: Shape = Shape::List { of: &Shape::Text, min: 0 };

static EXPECT: Object = Object {
    name: "expectation",
    what: "`expect`",
    doc: "What must hold after the run.",
    fields: &[
        Field::optional(
            "status",
            Shape::Word(&[("succeeded", "It went through."), ("failed", "It failed."), ("cancelled", "It was cancelled.")]),
            "How the run ended.",
        ),
        Field::optional("executed", TIMES, "How often nodes ran."),
        Field::optional("not_executed", NODES, "Nodes that did not run."),
        Field::optional("order", NODES, "Nodes in the order in which they began."),
        Field::optional("attempts", TIMES, "How many attempts nodes took."),
        Field::optional(
            "outputs",
            Shape::Map { keys: NameRule::Output, of: &Shape::Data, filled: false },
            "The outputs: values, or `{ matches: PATTERN }`.",
        ),
        Field::optional("max_cost_usd", Shape::Number { min: 0.0, max: 1_000_000.0 }, "The most the run may have cost, in USD."),
    ],
    ..Object::EMPTY
};

static CASE: Object = Object {
    name: "test",
    what: "a test",
    doc: "One run of the workflow with mocked steps, and what must hold after it.",
    fields: &[
        Field::required("name", Shape::Text, "What the test shows."),
        Field::optional(
            "inputs",
            Shape::Map { keys: NameRule::Identifier, of: &Shape::Data, filled: false },
            "The inputs of the run.",
        ),
        Field::optional(
            "mocks",
            Shape::Map { keys: NameRule::Filled, of: &Shape::Object(&MOCK), filled: false },
            "What nodes do instead of their work, by node.",
        ),
        Field::optional(
            "agents",
            Shape::Map { keys: NameRule::Name, of: &Shape::List { of: &Shape::Data, min: 0 }, filled: false },
            "What agents answer, in turn, by agent.",
        ),
        Field::optional("expect", Shape::Object(&EXPECT), "What must hold after the run."),
    ],
    ..Object::EMPTY
};

/// A test file.
pub(in crate::manifest) static TEST_FILE: Object = Object {
    name: "test_file",
    what: "a test file",
    doc: "Tests of a workflow of agentflow.",
    fields: &[
        Field::required("workflow", Shape::Text, "The workflow to test, relative to this file."),
        Field::required("tests", Shape::List { of: &Shape::Object(&CASE), min: 1 }, "The tests."),
    ],
    ..Object::EMPTY
};
