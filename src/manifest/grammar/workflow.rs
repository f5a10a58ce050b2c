//! The workflow file.

use super::{
    CountSize, Field, Kind, NameRule, Object, Rule, Shape,
    agents::{AGENT, FALLBACK},
    approval::{APPROVAL, WAIT},
    memory::{CONVERSATION_FIELD, RECALL, RECALL_FIELD, REMEMBER, REMEMBER_FIELD},
    messages::{RECEIVE, SEND},
    tools::{APPROVE, ON_AMBIGUOUS, PERMISSIONS, TOOL_PATTERNS},
};

/// `retry:` of a node, of the defaults of a workflow or of a manifest.
pub(super) static RETRY: Object = Object {
    name: "retry",
    what: "`retry`",
    doc: "How often and when a failed attempt is made again.",
    fields: &[
        Field::optional("max_attempts", Shape::Whole { min: 1, max: 100 }, "Attempts in all, the first included; 4 when absent."),
        Field::optional(
            "initial",
            Shape::Duration { may_be_zero: true },
            "The delay before the first retry, without jitter; `500ms` when absent.",
        ),
        Field::optional("factor", Shape::Number { min: 1.0, max: 100.0 }, "By what each further delay grows; 2 when absent."),
        Field::optional("max", Shape::Duration { may_be_zero: true }, "The longest delay; `30s` when absent."),
        Field::optional(
            "jitter",
            Shape::Word(&[
                ("full", "Anywhere between 100 ms and the delay."),
                ("equal", "Half the delay, and anywhere in the other half."),
                ("none", "The delay itself."),
            ]),
            "How delays are spread, so that clients that failed together do not come back together; `full` when absent.",
        ),
    ],
    ..Object::EMPTY
};

static LIMITS: Object = Object {
    name: "limits",
    what: "`limits`",
    doc: "Bounds of a run; what is absent is unbounded or has the default named.",
    fields: &[
        Field::optional("timeout", Shape::Duration { may_be_zero: false }, "How long the whole run may take."),
        Field::optional(
            "max_cost_usd",
            Shape::Number { min: 0.0, max: 1_000_000.0 },
            "How much the run may spend, in USD; it ends before a call that would go beyond.",
        ),
        Field::optional("max_tokens", Shape::Count(CountSize::Large), "Tokens read and written, in all."),
        Field::optional("concurrency", Shape::Count(CountSize::Small), "Node attempts in flight at once; 8 when absent."),
        Field::optional("nodes", Shape::Count(CountSize::Large), "Node instances, in all; 2,000 when absent."),
        Field::optional("turns", Shape::Count(CountSize::Small), "Model calls of one node attempt; 50 when absent."),
        Field::optional("iterations", Shape::Count(CountSize::Large), "Iterations of all loops together; 1,000 when absent."),
        Field::optional("tool_calls", Shape::Count(CountSize::Large), "Calls of tools, in all; 500 when absent."),
    ],
    ..Object::EMPTY
};

static DEFAULTS: Object = Object {
    name: "workflow_defaults",
    what: "`defaults` of a workflow",
    doc: "What holds for every node that does not say otherwise.",
    fields: &[
        Field::optional("retry", Shape::Object(&RETRY), "How often and when a failed attempt is made again."),
        Field::optional("timeout", Shape::Duration { may_be_zero: false }, "How long a node may take, all attempts together."),
    ],
    ..Object::EMPTY
};

static CAPABILITY: Object = Object {
    name: "agent_by_capability",
    what: "`agent`",
    doc: "Chooses an agent by what it can do.",
    fields: &[Field::required(
        "capability",
        Shape::OneOrMany { of: &Shape::Text, min: 1 },
        "What the agent must be able to do: one capability, or several of which it must have all.",
    )],
    ..Object::EMPTY
};

static LOOP: Object = Object {
    name: "loop",
    what: "`loop`",
    doc: "Repeats the node, a bounded number of times.",
    fields: &[
        Field::optional(
            "until",
            Shape::Expression,
            "Ends the loop when it is true after an iteration; sees the iteration's outputs.",
        ),
        Field::optional("max", Shape::Count(CountSize::Small), "The most iterations; a loop without it is refused as unbounded."),
    ],
    ..Object::EMPTY
};

static ROUTE: Object = Object {
    name: "route",
    what: "`route`",
    doc: "Chooses among the nodes that come next.",
    fields: &[
        Field::required("on", Shape::Expression, "What is compared; sees what the node sees, and the node's own output."),
        Field::required(
            "cases",
            Shape::Map { keys: NameRule::Filled, of: &TARGETS, filled: false },
            "For each value, the node or nodes that come next.",
        ),
        Field::optional("default", TARGETS, "The node or nodes for any other value; needed unless the cases are exhaustive."),
    ],
    ..Object::EMPTY
};

const TARGETS: Shape = Shape::OneOrMany { of: &Shape::Text, min: 0 };

static ON_ERROR: Object = Object {
    name: "on_error",
    what: "`on_error`",
    doc: "What a failure of the node means.",
    fields: &[
        Field::optional(
            "use",
            Shape::Data,
            "The run goes on with this as the node's output: a value, a template or a tree of them.",
        ),
        Field::optional("goto", Shape::Text, "The run goes on at this node; the other edges from here are not taken."),
    ],
    rules: &[Rule::Either("use", "goto"), Rule::NotBoth("use", "goto")],
    ..Object::EMPTY
};

/// What nodes that call tools have.
const PERMISSIONS_FIELD: Field = Field::optional(
    "permissions",
    PERMISSIONS,
    "What the tools may touch here at most; no more than the agent and the workflow ask for.",
);
const APPROVE_FIELD: Field = Field::optional("approve", APPROVE, "Who must approve the calls made here.");
const ON_AMBIGUOUS_FIELD: Field = Field::optional(
    "on_ambiguous",
    ON_AMBIGUOUS,
    "What becomes of a call of which nobody knows whether it was made; as the tool has it when absent.",
);

/// A node wherever one stands; a static, since nodes hold nodes.
pub(super) static NODE_SHAPE: Shape = Shape::Object(&NODE);

/// Nodes by id; a macro, since a constant may not refer to a static that refers to it.
macro_rules! nodes_shape {
    () => {
        Shape::Map { keys: NameRule::NodeId, of: &NODE_SHAPE, filled: true }
    };
}

pub(in crate::manifest) static NODE: Object = Object {
    name: "node",
    what: "a node",
    doc: "A step of the workflow: what it does, and when.",
    kinds: &[
        Kind {
            field: Field::required(
                "agent",
                Shape::Short(&Shape::Text, &CAPABILITY),
                "Asks a model, through this agent, until there is an answer: the agent's name, or `{ capability: … }`.",
            ),
            fields: &[
                Field::optional("prompt", Shape::Template, "What the agent is asked, a template."),
                Field::optional(
                    "prompt_file",
                    Shape::Text,
                    "The file of the prompt, relative to this one; its text is a template.",
                ),
                Field::optional("output", Shape::Schema, "What the answer must be; text when absent."),
                Field::optional("model", Shape::Text, "The model to use instead of the agent's, as `provider/model`."),
                Field::optional(
                    "fallback",
                    FALLBACK,
                    "Models that stand in when that one fails, in this order, instead of the agent's; `[]` for none.",
                ),
                Field::optional(
                    "temperature",
                    Shape::Number { min: 0.0, max: 2.0 },
                    "The sampling temperature instead of the agent's.",
                ),
                Field::optional(
                    "max_tokens",
                    Shape::Count(CountSize::Small),
                    "The most tokens of one answer, instead of the agent's.",
                ),
                Field::optional(
                    "max_turns",
                    Shape::Count(CountSize::Small),
                    "The most model calls of one attempt, instead of the agent's.",
                ),
                Field::optional(
                    "tools",
                    TOOL_PATTERNS,
                    "The tools it may call here: some of the agent's; `[]` for none, all of the agent's when absent.",
                ),
                PERMISSIONS_FIELD,
                APPROVE_FIELD,
                ON_AMBIGUOUS_FIELD,
                RECALL_FIELD,
                REMEMBER_FIELD,
                CONVERSATION_FIELD,
            ],
            later: &[],
            rules: &[Rule::Either("prompt", "prompt_file"), Rule::NotBoth("prompt", "prompt_file")],
        },
        Kind {
            field: Field::required("tool", Shape::Text, "Calls this tool once: its name."),
            fields: &[
                Field::optional(
                    "args",
                    Shape::Map { keys: NameRule::Filled, of: &Shape::Data, filled: false },
                    "The arguments of the call, by name: values, templates or trees of them.",
                ),
                Field::optional("output", Shape::Schema, "What the result must be; anything when absent."),
                PERMISSIONS_FIELD,
                APPROVE_FIELD,
                ON_AMBIGUOUS_FIELD,
            ],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::required("value", Shape::Data, "Computes data: a value, a template, or a tree of them."),
            fields: &[],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::required("workflow", Shape::Text, "Runs another workflow file, relative to this one."),
            fields: &[Field::optional(
                "with",
                Shape::Map { keys: NameRule::Identifier, of: &Shape::Data, filled: false },
                "The inputs of the other workflow: values, templates or trees of them.",
            )],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::required(
                "nodes",
                nodes_shape!(),
                "Runs an inner graph with a scope of its own; usually with `loop` or `map`.",
            ),
            fields: &[],
            later: &["output"],
            rules: &[],
        },
        Kind {
            field: Field::required(
                "recall",
                Shape::Object(&RECALL),
                "Searches a collection of memory; the output is the list of passages found.",
            ),
            fields: &[],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::required("remember", Shape::Object(&REMEMBER), "Keeps texts in a collection of memory."),
            fields: &[APPROVE_FIELD],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::required("approval", Shape::Object(&APPROVAL), "Waits until a person has decided."),
            fields: &[],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::required("wait", Shape::Object(&WAIT), "Waits for a while, until a time, or until a message is there."),
            fields: &[],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::required("send", Shape::Object(&SEND), "Sends a message to a mailbox, or to all that subscribed."),
            fields: &[],
            later: &[],
            rules: &[],
        },
        Kind {
            field: Field::required(
                "receive",
                Shape::Object(&RECEIVE),
                "Takes messages from a mailbox, in order; the output is the list of them.",
            ),
            fields: &[],
            later: &[],
            rules: &[],
        },
    ],
    fields: &[
        Field::optional("description", Shape::Text, "What the node is for; for people."),
        Field::optional(
            "needs",
            Shape::OneOrMany { of: &Shape::Text, min: 0 },
            "Nodes to wait for without reading them: an id, or a list of ids.",
        ),
        Field::optional("when", Shape::Expression, "The node is skipped when this is false; looked at once, before `map`."),
        Field::optional(
            "join",
            Shape::Word(&[
                ("all", "Every edge is decided, and one was taken."),
                ("any", "The first edge that is taken starts the node."),
            ]),
            "How many incoming edges the node waits for; `all` when absent.",
        ),
        Field::optional(
            "map",
            Shape::Text,
            "An expression that gives a list; one instance of the node runs per element, in parallel.",
        ),
        Field::optional("as", Shape::Name(NameRule::ElementName), "What templates call the element; `item` when absent."),
        Field::optional("concurrency", Shape::Count(CountSize::Small), "Instances of a mapped node in flight at once."),
        Field::optional("loop", Shape::Object(&LOOP), "Repeats the node, a bounded number of times."),
        Field::optional("route", Shape::Object(&ROUTE), "Chooses among the nodes that come next."),
        Field::optional("retry", Shape::Object(&RETRY), "How often and when a failed attempt is made again."),
        Field::optional("timeout", Shape::Duration { may_be_zero: false }, "How long the node may take, all attempts together."),
        Field::optional(
            "on_error",
            Shape::Short(
                &Shape::Word(&[("fail", "The run fails."), ("continue", "The run goes on; the node's output reads as `none`.")]),
                &ON_ERROR,
            ),
            "What a failure of the node means; `fail` when absent.",
        ),
    ],
    later: &["cache"],
    rules: &[Rule::Needs("as", "map"), Rule::Needs("concurrency", "map")],
};

/// `inputs:`.
pub(super) const INPUTS: Shape = Shape::Map { keys: NameRule::Identifier, of: &Shape::Input, filled: false };

/// The keys that a workflow has in every form, but for its nodes.
macro_rules! workflow_fields {
    ($($field:expr),* $(,)?) => {
        &[
            $($field,)*
            Field::optional("format", Shape::Whole { min: 1, max: 1 }, "The version of the format; 1 when absent."),
            Field::optional("name", Shape::Text, "The workflow's name in lists and logs; the file's name when absent."),
            Field::optional("description", Shape::Text, "What the workflow is for."),
            Field::optional("inputs", crate::manifest::grammar::workflow::INPUTS, "What the workflow takes, by name."),
            Field::optional(
                "outputs",
                Shape::Map { keys: NameRule::Output, of: &Shape::Data, filled: false },
                "What the workflow gives, by name: templates or trees of them; the outputs of the last nodes when absent.",
            ),
            Field::optional("limits", Shape::Object(&LIMITS), "Bounds of a run."),
            Field::optional("defaults", Shape::Object(&DEFAULTS), "What holds for every node that does not say otherwise."),
            Field::optional(
                "agents",
                Shape::Map { keys: NameRule::Name, of: &Shape::Object(&AGENT), filled: false },
                "Agents of this workflow, by name; they win over those of the manifest.",
            ),
            Field::optional(
                "env",
                Shape::List { of: &Shape::Name(NameRule::Variable), min: 0 },
                "Environment variables that templates may read as `env.NAME`.",
            ),
            Field::optional(
                "messages",
                crate::manifest::grammar::messages::MESSAGES,
                "Types of messages, each with what its body must be; a type that is not here may say anything.",
            ),
            Field::optional("mailboxes", crate::manifest::grammar::messages::MAILBOXES, "Mailboxes of a run, by name."),
            Field::optional(
                "permissions",
                PERMISSIONS,
                "What the tools of this workflow, and of those it runs, may touch at most.",
            ),
        ]
    };
}

/// A workflow file.
pub(in crate::manifest) static WORKFLOW: Object = Object {
    name: "workflow",
    what: "a workflow",
    doc: "A workflow of agentflow: a graph of nodes; a node that names another one in a template comes after it.",
    fields: workflow_fields![Field::required("nodes", nodes_shape!(), "What happens: nodes by id. Their order does not matter.")],
    ..Object::EMPTY
};

/// The fields of the interchange form that it shares with a workflow file.
pub(super) static EXCHANGED_FIELDS: &[Field] = workflow_fields![
    Field::required(
        "nodes",
        Shape::List { of: &Shape::Object(&super::interchange::EXCHANGED_NODE), min: 1 },
        "What happens: a list of nodes."
    ),
    Field::required(
        "edges",
        Shape::List { of: &Shape::Object(&super::interchange::EDGE), min: 0 },
        "Which node comes after which."
    ),
    Field::optional(
        "initial_state",
        Shape::Map { keys: NameRule::Identifier, of: &Shape::Data, filled: false },
        "Values of inputs; those that `inputs` does not name become inputs of any type.",
    ),
];
