//! The manifest file, `agents.toml`.

use super::{
    CountSize, Field, NameRule, Object, Rule, Shape,
    memory::{COLLECTION, CONVERSATION_FIELD, RECALL_FIELD, REMEMBER_FIELD},
    tools::{MCP_SERVER, PERMISSIONS, TOOL_PATTERNS, TOOLS},
    workflow::RETRY,
};

static FALLBACK_MODEL: Object = Object {
    name: "fallback_model",
    what: "a model of `fallback`",
    doc: "A model that stands in when those before it have failed.",
    fields: &[
        Field::required("model", Shape::Text, "The model, as `provider/model`."),
        Field::optional(
            "also_after",
            Shape::List {
                of: &Shape::Word(&[
                    ("context_length", "The prompt is too long for the model before: this one has a larger context."),
                    ("auth", "The key of the provider before is refused: this one has another."),
                ]),
                min: 0,
            },
            "Failures after which it is asked although they end the chain otherwise.",
        ),
    ],
    ..Object::EMPTY
};

/// `fallback:` of a node, an agent or the defaults of a manifest.
pub(super) const FALLBACK: Shape = Shape::List { of: &Shape::Short(&Shape::Text, &FALLBACK_MODEL), min: 0 };

/// `breaker:` of a provider or the defaults of a manifest.
static BREAKER: Object = Object {
    name: "breaker",
    what: "`breaker`",
    doc: "When a model that fails is left alone, and for how long.",
    fields: &[
        Field::optional(
            "failures",
            Shape::Whole { min: 1, max: 1_000_000 },
            "Failures in a row that open it; so do as many in the window when at least half of its calls failed, and twice as many were made. 5 when absent.",
        ),
        Field::optional("window", Shape::Duration { may_be_zero: false }, "How far back calls count; `60s` when absent."),
        Field::optional(
            "open_for",
            Shape::Duration { may_be_zero: false },
            "How long the model is left alone at first; doubled with each failed try, up to 5 minutes. `30s` when absent.",
        ),
        Field::optional(
            "probes",
            Shape::Whole { min: 1, max: 1_000 },
            "Calls that may try it at once when it has been left alone; 1 when absent.",
        ),
    ],
    ..Object::EMPTY
};

/// `breaker = false` switches it off.
const BREAKER_SHAPE: Shape = Shape::Short(&Shape::Bool, &BREAKER);

/// An agent, in a manifest or inline in a workflow.
pub(super) static AGENT: Object = Object {
    name: "agent",
    what: "an agent",
    doc: "Who does something: a model, and what it is told about its part.",
    fields: &[
        Field::optional("description", Shape::Text, "What the agent is for."),
        Field::optional(
            "capabilities",
            Shape::List { of: &Shape::Text, min: 0 },
            "What the agent can be asked for with `{ capability: … }`.",
        ),
        Field::optional("model", Shape::Text, "The model it speaks to, as `provider/model`; that of the defaults when absent."),
        Field::optional(
            "fallback",
            FALLBACK,
            "Models that stand in when that one fails, in this order; those of the defaults when absent.",
        ),
        Field::optional("system", Shape::Template, "The system prompt, a template."),
        Field::optional(
            "system_file",
            Shape::Text,
            "The file of the system prompt, relative to this one; its text is a template.",
        ),
        Field::optional(
            "temperature",
            Shape::Number { min: 0.0, max: 2.0 },
            "The sampling temperature; the provider's own when absent.",
        ),
        Field::optional("max_tokens", Shape::Count(CountSize::Small), "The most tokens of one answer."),
        Field::optional(
            "max_turns",
            Shape::Count(CountSize::Small),
            "The most model calls of one attempt, repair turns included.",
        ),
        Field::optional("timeout", Shape::Duration { may_be_zero: false }, "How long one model call may take."),
        Field::optional("max_concurrent", Shape::Count(CountSize::Small), "Calls of this agent in flight at once."),
        Field::optional("rate", Shape::Object(&RATES), "How much it may ask."),
        Field::optional(
            "retry",
            Shape::Object(&RETRY),
            "How often and when a failed attempt of a node with this agent is made again.",
        ),
        Field::optional(
            "tools",
            TOOL_PATTERNS,
            "The tools it may call, by name, `*` standing for any characters; those of the defaults when absent.",
        ),
        Field::optional("permissions", PERMISSIONS, "What its tools may touch at most; those of the defaults when absent."),
        RECALL_FIELD,
        REMEMBER_FIELD,
        CONVERSATION_FIELD,
    ],
    later: &["cache"],
    rules: &[Rule::NotBoth("system", "system_file")],
    ..Object::EMPTY
};

static DEFAULTS: Object = Object {
    name: "manifest_defaults",
    what: "`defaults` of a manifest",
    doc: "What holds for every agent that does not say otherwise.",
    fields: &[
        Field::optional("model", Shape::Text, "The model, as `provider/model`."),
        Field::optional("fallback", FALLBACK, "Models that stand in when an agent's model fails, in this order."),
        Field::optional(
            "timeout",
            Shape::Duration { may_be_zero: false },
            "How long one model call may take; `600s` when absent.",
        ),
        Field::optional("temperature", Shape::Number { min: 0.0, max: 2.0 }, "The sampling temperature."),
        Field::optional("max_tokens", Shape::Count(CountSize::Small), "The most tokens of one answer."),
        Field::optional(
            "max_concurrent",
            Shape::Count(CountSize::Small),
            "Model calls in flight at once, over all agents; 64 when absent.",
        ),
        Field::optional(
            "retry",
            Shape::Object(&RETRY),
            "How often and when a failed attempt of a node with an agent is made again.",
        ),
        Field::optional("breaker", BREAKER_SHAPE, "When a model that fails is left alone; `false` for never."),
        Field::optional("tools", TOOL_PATTERNS, "The tools that agents may call."),
        Field::optional("permissions", PERMISSIONS, "What the tools of agents may touch at most."),
    ],
    later: &["cache"],
    ..Object::EMPTY
};

pub(super) static API_KEY: Object = Object {
    name: "api_key",
    what: "`api_key`",
    doc: "Where the key is found when a run starts; a key itself is never written in a file.",
    fields: &[
        Field::optional("env", Shape::Name(NameRule::Variable), "The environment variable that holds the key."),
        Field::optional("file", Shape::Text, "The file that holds the key, relative to this one."),
    ],
    rules: &[Rule::Either("env", "file"), Rule::NotBoth("env", "file")],
    ..Object::EMPTY
};

static PRICE: Object = Object {
    name: "price",
    what: "a price",
    doc: "What a model charges, in USD per million tokens.",
    fields: &[
        Field::required("input", Shape::Number { min: 0.0, max: 1_000_000.0 }, "For tokens read."),
        Field::required("output", Shape::Number { min: 0.0, max: 1_000_000.0 }, "For tokens written."),
        Field::optional(
            "cached_input",
            Shape::Number { min: 0.0, max: 1_000_000.0 },
            "For tokens read from the provider's cache; as `input` when absent.",
        ),
    ],
    ..Object::EMPTY
};

static RATES: Object = Object {
    name: "rate",
    what: "`rate`",
    doc: "How much may be asked.",
    fields: &[
        Field::optional("requests", Shape::Rate, "Calls, e.g. `60/m`."),
        Field::optional("tokens", Shape::Rate, "Tokens read and written, e.g. `90k/m`."),
    ],
    ..Object::EMPTY
};

static PROVIDER: Object = Object {
    name: "provider",
    what: "a provider",
    doc: "Who serves models: a server of your own, or settings of a built-in one.",
    fields: &[
        Field::optional(
            "kind",
            Shape::Word(&[
                ("openai", "OpenAI's chat completions, as many servers speak them."),
                ("anthropic", "Anthropic's messages."),
                ("mock", "Simulated answers."),
            ]),
            "The protocol it speaks; known from the name for built-in providers.",
        ),
        Field::optional("base_url", Shape::Url, "Where its interface begins, e.g. `http://127.0.0.1:8000/v1`."),
        Field::optional("api_key", Shape::Object(&API_KEY), "Where its key is found, if it wants one."),
        Field::optional(
            "price",
            Shape::Map { keys: NameRule::Filled, of: &Shape::Object(&PRICE), filled: false },
            "What its models charge, by model; a call of a model without a price is `unpriced`.",
        ),
        Field::optional(
            "context",
            Shape::Map { keys: NameRule::Filled, of: &Shape::Count(CountSize::Small), filled: false },
            "How many tokens its models read and write in one call, by model; a longer call is not made. Known for many models.",
        ),
        Field::optional("rate", Shape::Object(&RATES), "How much it may be asked."),
        Field::optional("breaker", BREAKER_SHAPE, "When a model of it that fails is left alone; `false` for never."),
        Field::optional(
            "headers",
            Shape::Map { keys: NameRule::Header, of: &Shape::Text, filled: false },
            "Further headers of every request.",
        ),
        Field::optional("max_concurrent", Shape::Count(CountSize::Small), "Calls in flight at once; 16 when absent."),
        Field::optional("latency", Shape::Duration { may_be_zero: true }, "Of the mock provider: how long an answer takes."),
        Field::optional(
            "seed",
            Shape::Whole { min: 0, max: 999_999_999_999_999 },
            "Of the mock provider: what answers are derived from.",
        ),
        Field::optional(
            "answers",
            Shape::Map { keys: NameRule::Filled, of: &Shape::List { of: &Shape::Data, min: 0 }, filled: false },
            "Of the mock provider: answers in turn, by node or agent name. `{ tools = [{ name = \"read_file\", arguments = { path = \"README.md\" } }] }` asks for tools, `{ error = { status = 503 } }` fails.",
        ),
    ],
    later: &["cache"],
    ..Object::EMPTY
};

static STORE: Object = Object {
    name: "store",
    what: "`store`",
    doc: "Where runs are kept.",
    fields: &[
        Field::optional("url", Shape::Text, "`sqlite:PATH`, relative to this file, or `memory:`."),
        Field::optional(
            "synchronous",
            Shape::Word(&[
                ("full", "Nothing that was shown is lost, whatever happens."),
                ("normal", "Faster; the last moments may be lost when the power fails."),
            ]),
            "How safely the store writes; `full` when absent.",
        ),
    ],
    ..Object::EMPTY
};

/// A manifest file.
pub(in crate::manifest) static MANIFEST: Object = Object {
    name: "manifest",
    what: "a manifest",
    doc: "A manifest of agentflow: the agents, the providers of their models, and where runs are kept.",
    fields: &[
        Field::optional("format", Shape::Whole { min: 1, max: 1 }, "The version of the format; 1 when absent."),
        Field::optional("defaults", Shape::Object(&DEFAULTS), "What holds for every agent that does not say otherwise."),
        Field::optional(
            "agents",
            Shape::Map { keys: NameRule::Name, of: &Shape::Object(&AGENT), filled: false },
            "The agents, by name.",
        ),
        Field::optional(
            "providers",
            Shape::Map { keys: NameRule::Name, of: &Shape::Object(&PROVIDER), filled: false },
            "Who serves models, by name: additions to and settings of the built-in providers.",
        ),
        Field::optional("tools", Shape::Object(&TOOLS), "Settings of the built-in tools, by name."),
        Field::optional(
            "mcp",
            Shape::Map { keys: NameRule::Name, of: &Shape::Object(&MCP_SERVER), filled: false },
            "MCP servers, by name; their tools are called `mcp:SERVER/TOOL`.",
        ),
        Field::optional(
            "memory",
            Shape::Map { keys: NameRule::Name, of: &Shape::Object(&COLLECTION), filled: false },
            "Collections of memory, by name.",
        ),
        Field::optional("store", Shape::Object(&STORE), "Where runs and memory are kept."),
    ],
    later: &["telemetry", "permissions"],
    ..Object::EMPTY
};
