//! Tools: what nodes and agents say of them, the settings of the built-in ones, and MCP servers.

use super::{CountSize, Field, NameRule, Object, Rule, Shape, agents::API_KEY};

/// `tools:` of an agent, a node or the defaults of a manifest.
pub(super) const TOOL_PATTERNS: Shape = Shape::List { of: &Shape::Text, min: 0 };

/// `permissions:` wherever it stands.
pub(super) const PERMISSIONS: Shape = Shape::List { of: &Shape::Text, min: 0 };

/// `approve:` of a node.
pub(super) const APPROVE: Shape =
    Shape::Word(&[("human", "A person is asked before each call that changes something or sends something out.")]);

/// `on_ambiguous:` of a node or a tool.
pub(super) const ON_AMBIGUOUS: Shape = Shape::Word(&[
    ("ask", "A person decides."),
    ("rerun", "The call is made again."),
    ("assume_done", "The call counts as made; its result is not known."),
]);

const EFFECT: Shape = Shape::Word(&[
    ("pure", "Computes: the same arguments always give the same result."),
    ("read", "Looks at the world: may be made again."),
    ("idempotent", "Changes the world, and is made again with the same key without changing it once more."),
    ("write", "Changes the world each time it is made."),
]);

/// The keys that every tool has.
macro_rules! tool_fields {
    ($($field:expr),* $(,)?) => {
        &[
            $($field,)*
            Field::optional("timeout", Shape::Duration { may_be_zero: false }, "How long one call may take."),
            Field::optional("rate", Shape::Rate, "How often it may be called, e.g. `20/m`."),
            Field::optional(
                "cache",
                Shape::Duration { may_be_zero: false },
                "How long a result stands for further calls with the same arguments; for tools that change nothing.",
            ),
            Field::optional("max_output", Shape::Count(CountSize::Small), "The most bytes of a result; `1M` when absent."),
            Field::optional("max_concurrent", Shape::Count(CountSize::Small), "Calls in flight at once."),
            Field::optional("effect", EFFECT, "What a call does to the world, when that is more or less than is known."),
            Field::optional(
                "on_ambiguous",
                ON_AMBIGUOUS,
                "What becomes of a call of which nobody knows whether it was made; `ask` when absent.",
            ),
        ]
    };
}

static TOOL: Object =
    Object { name: "tool", what: "a tool", doc: "Settings of a built-in tool.", fields: tool_fields![], ..Object::EMPTY };

static WEB_SEARCH: Object = Object {
    name: "web_search",
    what: "`web_search`",
    doc: "Settings of the search of the web.",
    fields: tool_fields![
        Field::optional(
            "provider",
            Shape::Word(&[
                ("tavily", "Tavily; wants a key."),
                ("brave", "Brave Search; wants a key."),
                ("google", "Google's Custom Search; wants a key and an `engine`."),
                ("searxng", "A SearXNG server of your own; wants a `base_url`."),
                ("duckduckgo", "DuckDuckGo; wants no key."),
            ]),
            "Who searches.",
        ),
        Field::optional("base_url", Shape::Url, "Where the interface of the provider begins, when it is not the usual one."),
        Field::optional("api_key", Shape::Object(&API_KEY), "Where its key is found, if it wants one."),
        Field::optional("engine", Shape::Text, "Of Google: the id of the search engine (`cx`)."),
        Field::optional("count", Shape::Whole { min: 1, max: 50 }, "How many results a search gives, unless it says so."),
    ],
    ..Object::EMPTY
};

static COMMAND: Object = Object {
    name: "command",
    what: "`command`",
    doc: "Settings of the tool that runs programs. Which ones it may run, `permissions` say.",
    fields: tool_fields![
        Field::optional(
            "interpreters",
            Shape::List { of: &Shape::Text, min: 0 },
            "Programs that run what they are given (`sh`, `python3`, `npx`), and are refused unless they are named here.",
        ),
        Field::optional(
            "env",
            Shape::List { of: &Shape::Name(NameRule::Variable), min: 0 },
            "Variables of the environment that programs are given.",
        ),
        Field::optional("folder", Shape::Text, "Where programs run, relative to this file; the project's folder when absent."),
    ],
    ..Object::EMPTY
};

/// `[tools]` of a manifest.
pub(super) static TOOLS: Object = Object {
    name: "tools",
    what: "`tools` of a manifest",
    doc: "Settings of the built-in tools, by name.",
    fields: &[
        Field::optional("calculator", Shape::Object(&TOOL), "Computes."),
        Field::optional("http_get", Shape::Object(&TOOL), "Asks a server."),
        Field::optional("http_post", Shape::Object(&TOOL), "Sends something to a server."),
        Field::optional("http_put", Shape::Object(&TOOL), "Puts something on a server."),
        Field::optional("http_delete", Shape::Object(&TOOL), "Deletes something from a server."),
        Field::optional("web_search", Shape::Object(&WEB_SEARCH), "Searches the web."),
        Field::optional("web_fetch", Shape::Object(&TOOL), "Reads a page of the web as text."),
        Field::optional("read_file", Shape::Object(&TOOL), "Reads a file of the project."),
        Field::optional("write_file", Shape::Object(&TOOL), "Writes a file of the project."),
        Field::optional("edit_file", Shape::Object(&TOOL), "Changes a file of the project."),
        Field::optional("list_files", Shape::Object(&TOOL), "Lists files of the project."),
        Field::optional("search_files", Shape::Object(&TOOL), "Searches files of the project."),
        Field::optional("command", Shape::Object(&COMMAND), "Runs a program."),
        Field::optional("memory_search", Shape::Object(&TOOL), "Searches a collection of memory."),
        Field::optional("memory_add", Shape::Object(&TOOL), "Keeps texts in a collection of memory."),
    ],
    ..Object::EMPTY
};

/// `[mcp.NAME]` of a manifest.
pub(super) static MCP_SERVER: Object = Object {
    name: "mcp_server",
    what: "an MCP server",
    doc: "A server of tools: a program that is started when it is needed, or one at an address.",
    fields: &[
        Field::optional("description", Shape::Text, "What the server is for."),
        Field::optional("command", Shape::List { of: &Shape::Text, min: 1 }, "The program and its arguments."),
        Field::optional("url", Shape::Url, "The address of a server that speaks streamable HTTP."),
        Field::optional(
            "env",
            Shape::List { of: &Shape::Name(NameRule::Variable), min: 0 },
            "Variables of the environment that the program is given; it has no others but the usual ones.",
        ),
        Field::optional("folder", Shape::Text, "Where the program runs, relative to this file; this file's folder when absent."),
        Field::optional(
            "headers",
            Shape::Map { keys: NameRule::Header, of: &Shape::Text, filled: false },
            "Further headers of every request.",
        ),
        Field::optional("api_key", Shape::Object(&API_KEY), "Where the key is found that is sent as bearer token."),
        Field::optional("timeout", Shape::Duration { may_be_zero: false }, "How long one call may take."),
        Field::optional("start_timeout", Shape::Duration { may_be_zero: false }, "How long it may take to start."),
        Field::optional(
            "effects",
            Shape::Map { keys: NameRule::Filled, of: &EFFECT, filled: false },
            "What calls do to the world, by tool, `*` standing for any characters; `write` when nothing is said.",
        ),
    ],
    rules: &[
        Rule::Either("command", "url"),
        Rule::NotBoth("command", "url"),
        Rule::Needs("env", "command"),
        Rule::Needs("folder", "command"),
        Rule::Needs("headers", "url"),
        Rule::Needs("api_key", "url"),
    ],
    ..Object::EMPTY
};
