//! The eval file, `*.eval.yaml`.

use super::{CountSize, Field, Kind, NameRule, Object, Rule, Shape};

const SHARE: Shape = Shape::Number { min: 0.0, max: 1.0 };
const TOLERANCE: Shape = Shape::Number { min: 0.0, max: 1e15 };

static SCORER: Object = Object {
    name: "scorer",
    what: "a scorer",
    doc: "How what a run puts out is scored, from 0 to 1.",
    fields: &[
        Field::optional(
            "expected",
            Shape::Expression,
            "What is compared with, over `expected`, `inputs` and `row`; by default the field of `expected` that is called as the \
             output is, or all of it.",
        ),
        Field::optional("pass", SHARE, "The score from which on a row passes; 1 when absent, 0.5 for a judge."),
        Field::optional("fail_under", SHARE, "The mean score below which the eval fails."),
    ],
    kinds: &[
        Kind {
            field: Field::optional("exact", Shape::Expression, "The value that must be equal to what is expected."),
            fields: &[],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::optional(
                "contains",
                Shape::Expression,
                "The text or list that must have what is expected in it, or all of it.",
            ),
            fields: &[],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::optional("regex", Shape::Expression, "The text in which the pattern must be found."),
            fields: &[Field::optional("pattern", Shape::Text, "The pattern; what is expected when absent.")],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::optional("schema", Shape::Expression, "The value that must follow the schema."),
            fields: &[Field::optional("is", Shape::Schema, "The schema; what is expected when absent.")],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::optional("number", Shape::Expression, "The number that must be near to what is expected."),
            fields: &[
                Field::optional("abs", TOLERANCE, "How far away it may be; 0 when absent."),
                Field::optional("rel", TOLERANCE, "How far away it may be, as a share of what is expected; 0 when absent."),
            ],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::optional("judge", Shape::Name(NameRule::Name), "The agent of the manifest that judges."),
            fields: &[
                Field::optional("of", Shape::Expression, "What is judged; all outputs when absent."),
                Field::optional("rubric", Shape::Text, "By what it is judged."),
                Field::optional("rubric_file", Shape::Text, "The file with the rubric, relative to this one."),
            ],
            later: &[],
            rules: &[Rule::Either("rubric", "rubric_file"), Rule::NotBoth("rubric", "rubric_file")],
        },
    ],
    ..Object::EMPTY
};

static VARIANT: Object = Object {
    name: "variant",
    what: "a variant",
    doc: "What is different when the same rows are run again. The first variant is what the others are compared with.",
    fields: &[
        Field::optional("workflow", Shape::Text, "Another workflow, relative to this file."),
        Field::optional(
            "models",
            Shape::Map { keys: NameRule::Name, of: &Shape::Text, filled: false },
            "Other models, `provider/model` by agent.",
        ),
        Field::optional(
            "files",
            Shape::Map { keys: NameRule::Filled, of: &Shape::Text, filled: false },
            "Files that stand in for others, e.g. another version of a prompt; both relative to this file.",
        ),
    ],
    ..Object::EMPTY
};

/// An eval file.
pub(in crate::manifest) static EVAL_FILE: Object = Object {
    name: "eval_file",
    what: "an eval file",
    doc: "An eval of agentflow: a workflow is run over the rows of a data set, and what it puts out is scored.",
    fields: &[
        Field::optional("description", Shape::Text, "What is found out by it."),
        Field::required("workflow", Shape::Text, "The workflow, relative to this file."),
        Field::required("data", Shape::Text, "The data set, JSON Lines or CSV, relative to this file."),
        Field::optional(
            "inputs",
            Shape::Map { keys: NameRule::Identifier, of: &Shape::Data, filled: false },
            "Inputs that all rows have, unless a row has its own.",
        ),
        Field::required(
            "scorers",
            Shape::Map { keys: NameRule::Name, of: &Shape::Object(&SCORER), filled: true },
            "How what the runs put out is scored, by name.",
        ),
        Field::optional(
            "variants",
            Shape::Map { keys: NameRule::Name, of: &Shape::Object(&VARIANT), filled: true },
            "What is compared, by name.",
        ),
        Field::optional("repeats", Shape::Whole { min: 1, max: 1_000 }, "How often each row is run; 1 when absent."),
        Field::optional("concurrency", Shape::Whole { min: 1, max: 1_000 }, "How many rows are run at once; 4 when absent."),
        Field::optional("limit", Shape::Count(CountSize::Small), "How many rows are run, from the first on."),
        Field::optional("filter", Shape::Expression, "Which rows are run, over `inputs`, `expected` and `row`."),
        Field::optional("seed", Shape::Whole { min: 0, max: i64::MAX }, "What the intervals are drawn by; 0 when absent."),
        Field::optional(
            "max_cost_usd",
            Shape::Number { min: 0.0, max: 1_000_000.0 },
            "The money, in USD, after which no row is begun any more.",
        ),
        Field::optional("fail_under", SHARE, "The mean score of any scorer below which the eval fails."),
    ],
    ..Object::EMPTY
};
