//! The codes of problems. A code keeps its meaning for ever; a code that is no longer used is not given again.

use super::Code;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $title:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code($number);)*

            /// What the code stands for, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self.0 {
                    $($number => $title,)*
                    _ => "unknown code",
                }
            }
        }

        /// All codes, ascending.
        pub const ALL_CODES: &[Code] = &[$(Code::$name),*];
    };
}

codes! {
    /// A file is missing, a directory, too large, not UTF-8, or holds a NUL byte.
    UNREADABLE_FILE = 1, "file cannot be read";
    /// The file is no valid YAML, TOML or JSON.
    SYNTAX = 2, "syntax error";
    /// A key that the format does not have.
    UNKNOWN_KEY = 3, "unknown key";
    /// A value of another type than the format has there.
    WRONG_TYPE = 4, "wrong type";
    /// A key that must be there is not.
    MISSING_KEY = 5, "missing key";
    /// A key or id is given twice.
    DUPLICATE_KEY = 6, "duplicate key";
    /// A name breaks the grammar of names.
    INVALID_NAME = 7, "invalid name";
    /// A duration that cannot be read.
    BAD_DURATION = 8, "bad duration";
    /// A rate that cannot be read.
    BAD_RATE = 9, "bad rate";
    /// A count that cannot be read.
    BAD_COUNT = 10, "bad count";
    /// A value outside what is allowed.
    OUT_OF_RANGE = 11, "value not allowed";
    /// A schema, in shorthand or as JSON Schema, that is none.
    BAD_SCHEMA = 12, "bad schema";
    /// A part of the format that this version does not have yet.
    NOT_AVAILABLE = 13, "not available in this version";
    /// A node with no kind, or with several.
    NODE_KIND = 14, "node kind missing or ambiguous";
    /// The file is nested too deeply or expands to too much.
    TOO_COMPLEX = 15, "file too complex";
    /// A name that templates give another meaning.
    RESERVED_NAME = 16, "reserved name";
    /// A literal value breaks the schema it is given for.
    VALUE_BREAKS_SCHEMA = 17, "value does not match its schema";
    /// Keys that exclude or need each other.
    KEY_COMBINATION = 18, "keys do not go together";
    /// A permission that cannot be read.
    BAD_PERMISSION = 19, "bad permission";
    /// A template that cannot be parsed.
    TEMPLATE_SYNTAX = 20, "template syntax error";
    /// An expression that cannot be parsed.
    EXPRESSION_SYNTAX = 21, "expression syntax error";
    /// A template reads a name that does not exist there.
    UNKNOWN_NAME = 22, "unknown name in a template";
    /// A template reads a field that its source does not have.
    UNKNOWN_FIELD = 23, "unknown field in a template";
    /// A filter, test or function that does not exist.
    UNKNOWN_FUNCTION = 24, "unknown filter, test or function";
    /// A name that may not be read at this place.
    NAME_NOT_ALLOWED = 25, "name not allowed here";
    /// A template reads what may be absent, without saying what then.
    MAY_BE_ABSENT = 26, "value may be absent";
    /// A node that does not exist.
    UNKNOWN_NODE = 30, "unknown node";
    /// An agent that does not exist.
    UNKNOWN_AGENT = 31, "unknown agent";
    /// A capability that no agent has.
    UNKNOWN_CAPABILITY = 32, "unknown capability";
    /// A tool that does not exist, or that the agent does not have.
    UNKNOWN_TOOL = 33, "unknown tool";
    /// A prompt file that cannot be read.
    PROMPT_FILE = 34, "prompt file cannot be read";
    /// A workflow file that cannot be read or has errors itself.
    INNER_WORKFLOW = 35, "inner workflow cannot be used";
    /// An input that the workflow does not have, or one that is not given.
    INNER_INPUTS = 36, "inputs of the inner workflow do not fit";
    /// A model reference that names no provider, or cannot be read.
    BAD_MODEL = 37, "bad model";
    /// A node that calls a tool gives it arguments that it does not take, or lacks one.
    TOOL_ARGUMENTS = 38, "arguments of a tool do not fit";
    /// A collection of memory that nobody describes or fills.
    UNKNOWN_COLLECTION = 39, "unknown collection";
    /// Nodes that wait for each other.
    CYCLE = 40, "cycle";
    /// A node that can never run.
    UNREACHABLE = 41, "unreachable node";
    /// A loop without a bound.
    UNBOUNDED_LOOP = 42, "unbounded loop";
    /// A map over something that is no list.
    MAP_OVER_NO_LIST = 43, "map over something that is no list";
    /// A route that leaves values without a successor.
    ROUTE_NOT_EXHAUSTIVE = 44, "route is not exhaustive";
    /// A route case that can never be taken.
    ROUTE_CASE_IMPOSSIBLE = 45, "route case can never be taken";
    /// A workflow that runs itself, directly or through others.
    SELF_CALL = 46, "workflow calls itself";
    /// Nodes that go on with one conversation, of which nothing says which comes first.
    CONVERSATION_WITHOUT_ORDER = 47, "conversation without an order";
    /// A search by meaning in a collection that has no vectors.
    SEARCH_WITHOUT_VECTORS = 48, "search by meaning without vectors";
    /// A mailbox that nobody reads, or a type of messages that is not described.
    UNKNOWN_MAILBOX = 49, "unknown mailbox or type of messages";
    /// What strangers wrote, private data and a way out meet in one node.
    LETHAL_TRIFECTA = 50, "untrusted content, private data and a way out";
    /// A tool touches things of a kind for which no level asks, so that no call of it can be permitted.
    TOOL_WITHOUT_PERMISSION = 51, "tool that is permitted nothing";
    /// An input that nothing reads.
    UNUSED_INPUT = 60, "unused input";
    /// An inline agent that no node uses.
    UNUSED_AGENT = 61, "unused agent";
    /// A condition that is always true or always false.
    CONSTANT_CONDITION = 62, "condition never changes";
    /// Messages are waited for that nobody sends.
    NOBODY_SENDS = 63, "nobody sends to this mailbox";
    /// A test names a node, an agent, a tool, an output or a variable that its workflow does not have.
    UNKNOWN_IN_TEST = 70, "test names what is not there";
    /// A mock says what its node cannot do: instances of a node that is no map, an option that an approval does not have, ….
    MOCK_DOES_NOT_FIT = 71, "mock does not fit its node";
    /// What a mock puts out breaks the schema of its node.
    MOCK_BREAKS_SCHEMA = 72, "mocked output breaks its schema";
    /// What a value must be makes no sense.
    BAD_MATCHER = 73, "matcher makes no sense";
    /// The workflow of a test file cannot be read or has errors itself.
    TEST_WORKFLOW = 74, "workflow of a test cannot be used";
    /// An input that the workflow does not have, one that is not given, or a value that breaks its schema.
    TEST_INPUTS = 75, "inputs of a test do not fit";
    /// A fault at a place where it cannot happen.
    IMPOSSIBLE_FAULT = 76, "fault that cannot happen";
    /// Expectations that exclude each other.
    IMPOSSIBLE_EXPECTATION = 77, "expectation that cannot hold";
    /// A workflow has more than its lock says, or something else.
    NOT_AGREED = 78, "not what was agreed";
}
