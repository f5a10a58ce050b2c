//! Messages: their types, mailboxes, and nodes that send and receive.

use super::{CountSize, Field, NameRule, Object, Rule, Shape};

/// `messages:`.
pub(super) const MESSAGES: Shape = Shape::Map { keys: NameRule::Name, of: &Shape::Schema, filled: false };
/// `mailboxes:`.
pub(super) const MAILBOXES: Shape = Shape::Map { keys: NameRule::Name, of: &Shape::Object(&MAILBOX), filled: false };

static MAILBOX: Object = Object {
    name: "mailbox",
    what: "a mailbox",
    doc: "A mailbox of the run.",
    fields: &[
        Field::optional(
            "subscribe",
            Shape::OneOrMany { of: &Shape::Name(NameRule::Name), min: 0 },
            "The types of messages to `all` that it gets, from the beginning.",
        ),
        Field::optional(
            "limit",
            Shape::Count(CountSize::Small),
            "How many messages may wait in it; a sender waits for room. 10000 when absent.",
        ),
        Field::optional(
            "ttl",
            Shape::Duration { may_be_zero: false },
            "How long a message may wait in it; then it goes to the dead letters. For ever when absent.",
        ),
    ],
    ..Object::EMPTY
};

const TYPE: Field = Field::optional("type", Shape::Template, "Only messages of this type.");
const TIMEOUT: Field =
    Field::optional("timeout", Shape::Duration { may_be_zero: true }, "How long to wait; for ever when absent.");

/// `send:`.
pub(super) static SEND: Object = Object {
    name: "send",
    what: "`send`",
    doc: "Sends a message.",
    fields: &[
        Field::required(
            "to",
            Shape::Template,
            "To whom: a mailbox of the run (an agent's name is one), `all` that subscribed, or `project:NAME`.",
        ),
        Field::required("type", Shape::Template, "The type of the message; with a schema under `messages`, the body is checked."),
        Field::optional("body", Shape::Data, "What it says: a value, a template or a tree of them."),
        Field::optional(
            "ttl",
            Shape::Duration { may_be_zero: false },
            "How long it is of use; then it goes to the dead letters. For ever when absent.",
        ),
    ],
    ..Object::EMPTY
};

/// `receive:`.
pub(super) static RECEIVE: Object = Object {
    name: "receive",
    what: "`receive`",
    doc: "Takes messages from a mailbox, in order; the output is the list of them.",
    fields: &[
        Field::required("mailbox", Shape::Template, "From where: a mailbox of the run, or `project:NAME`."),
        TYPE,
        Field::optional("count", Shape::Count(CountSize::Small), "How many to wait for and take; 1 when absent."),
        TIMEOUT,
        Field::optional(
            "on_timeout",
            Shape::Word(&[("fail", "The node fails."), ("take", "It takes what there is, which may be nothing.")]),
            "What follows when they are not there by then; `fail` when absent.",
        ),
    ],
    rules: &[Rule::Needs("on_timeout", "timeout")],
    ..Object::EMPTY
};

/// `wait: { message: … }`.
pub(super) static WAIT_MESSAGE: Object = Object {
    name: "wait_message",
    what: "`message` of `wait`",
    doc: "A message that is waited for.",
    fields: &[
        Field::required("mailbox", Shape::Template, "Where it is to arrive: a mailbox of the run, or `project:NAME`."),
        TYPE,
        TIMEOUT,
        Field::optional(
            "on_timeout",
            Shape::Word(&[("fail", "The node fails."), ("continue", "The run goes on; the output is `none`.")]),
            "What follows when it is not there by then; `fail` when absent.",
        ),
    ],
    rules: &[Rule::Needs("on_timeout", "timeout")],
    ..Object::EMPTY
};
