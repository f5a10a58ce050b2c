//! Nodes that wait: for a person, for a time, for a message.

use super::{Field, Kind, NameRule, Object, Rule, Shape, messages::WAIT_MESSAGE};

/// `approval:`.
pub(super) static APPROVAL: Object = Object {
    name: "approval",
    what: "`approval`",
    doc: "Waits until a person has decided; no process is held meanwhile.",
    fields: &[
        Field::required("message", Shape::Template, "What the person is asked, a template."),
        Field::optional(
            "options",
            Shape::List { of: &Shape::Name(NameRule::Name), min: 1 },
            "What they can choose; `[approve, reject]` when absent. `reject` fails the node, what else there is goes on.",
        ),
        Field::optional("form", Shape::Schema, "What they fill in with every choice but `reject`."),
        Field::optional(
            "timeout",
            Shape::Duration { may_be_zero: false },
            "How long the question is open; for ever when absent.",
        ),
        Field::optional(
            "on_timeout",
            Shape::Text,
            "What follows when nobody has answered by then: one of the options, or `fail`. `reject` when it is an option, else `fail`.",
        ),
    ],
    rules: &[Rule::Needs("on_timeout", "timeout")],
    ..Object::EMPTY
};

/// `wait:`.
pub(super) static WAIT: Object = Object {
    name: "wait",
    what: "`wait`",
    doc: "Waits for a while, until a time, or until a message is there.",
    kinds: &[
        lone(Field::required("for", Shape::Duration { may_be_zero: true }, "How long, from the beginning of the node.")),
        lone(Field::required(
            "until",
            Shape::Template,
            "Until when: a time such as `2027-01-31T09:00:00Z`, or a template that gives one.",
        )),
        lone(Field::required("message", Shape::Object(&WAIT_MESSAGE), "Until this message is there; it is not taken.")),
    ],
    ..Object::EMPTY
};

/// A kind that has no other keys.
const fn lone(field: Field) -> Kind {
    Kind { field, fields: &[], later: &[], rules: &[] }
}
