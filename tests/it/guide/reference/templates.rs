//! The language of templates: which filters, tests and functions there are is asked of the language, the examples are computed.

use std::{collections::BTreeSet, fmt::Write as _};

use agentflow::template::{Expression, RESERVED_NAMES, Scope, language};

use super::{cell, code, holds};

/// A name, what it does, and an expression that shows it.
type Entry = (&'static str, &'static str, &'static str);

const FILTERS: [Entry; 42] = [
    ("default", "the value; `value` where there is none, with `lax` also where it is empty", "none | default('nothing')"),
    ("d", "the same", "'' | d('nothing', true)"),
    ("upper", "in capitals", "'abc' | upper"),
    ("lower", "in small letters", "'ABC' | lower"),
    ("title", "each word with a capital", "'two words' | title"),
    ("capitalize", "the first letter a capital, the rest small", "'two WORDS' | capitalize"),
    ("trim", "without white space, or without `chars`, at both ends", "'  a ' | trim"),
    ("replace", "with `new` for each `old`, at most `count` times", "'a-b-c' | replace('-', '+')"),
    ("split", "the parts between `separator`, or between white space", "'a, b' | split(', ')"),
    ("lines", "the lines of a text", "'a\\nb' | lines"),
    ("indent", "each line but the first `width` columns further right", "'a\\nb' | indent(2)"),
    ("truncate", "at most `length` characters, `end` in place of the rest", "'a long text' | truncate(7)"),
    ("wordcount", "how many words there are", "'two words' | wordcount"),
    ("format", "`%s` and the like replaced, as in Python", "'%s: %d' | format('a', 3)"),
    ("string", "as text", "12 | string"),
    ("tojson", "as JSON, on lines of their own with `indent`", "[1, 'a'] | tojson"),
    ("fromjson", "the value of a JSON text", "'[1, 2]' | fromjson | first"),
    ("abs", "without its sign", "-3 | abs"),
    ("int", "as a whole number, `default` where it is none", "'12' | int"),
    ("float", "as a number, `default` where it is none", "'1.5' | float"),
    ("round", "rounded to `precision` digits; `method` is `common`, `ceil` or `floor`", "3.14159 | round(2)"),
    ("bool", "whether it counts as true", "[] | bool"),
    ("length", "how many elements, keys or characters", "[1, 2, 3] | length"),
    ("count", "the same", "'abc' | count"),
    ("first", "the first element", "[1, 2] | first"),
    ("last", "the last element", "[1, 2] | last"),
    ("reverse", "the other way round", "[1, 2] | reverse"),
    ("join", "the elements as one text with `d` between them; of each its `attribute`", "[1, 2] | join(', ')"),
    ("list", "the elements of a list, the characters of a text, the keys of a map", "'ab' | list"),
    ("items", "the pairs of key and value of a map", "{'a': 1} | items"),
    ("dictsort", "the pairs of a map by key, or `by` value", "{'b': 1, 'a': 2} | dictsort"),
    ("sum", "the sum, of `attribute`, from `start`; with `start=[]` lists in a row", "[[1], [2]] | sum(start=[])"),
    ("min", "the least element, by `attribute`", "[3, 1] | min"),
    ("max", "the greatest element, by `attribute`", "[3, 1] | max"),
    ("sort", "in order, by `attribute`", "[3, 1, 2] | sort(reverse=true)"),
    ("unique", "each element once, by `attribute`", "[1, 1, 2] | unique"),
    ("batch", "lists of `count` elements", "[1, 2, 3] | batch(2)"),
    ("slice", "`count` lists of about the same length", "[1, 2, 3] | slice(2)"),
    ("map", "of each element its `attribute`, or what a filter makes of it", "[{'a': 1}, {'a': 2}] | map(attribute='a')"),
    ("select", "the elements that pass a test", "[1, 2, 3] | select('odd')"),
    ("reject", "the elements that do not pass it", "[1, 2, 3] | reject('odd')"),
    ("selectattr", "the elements whose `attribute` passes a test", "[{'a': 1}, {'a': 2}] | selectattr('a', 'ge', 2)"),
];
/// Its example needs a pair of braces; beside the others, so that each stands on a line.
const MORE_FILTERS: [Entry; 1] =
    [("rejectattr", "the elements whose `attribute` does not pass it", "[{'a': 1}, {'a': 2}] | rejectattr('a', 'ge', 2)")];

const TESTS: [Entry; 31] = [
    ("defined", "there is a value; a skipped node has none", "none is defined"),
    ("undefined", "there is none", "none is undefined"),
    ("none", "the same", "none is none"),
    ("true", "it is `true`", "true is true"),
    ("false", "it is `false`", "true is false"),
    ("boolean", "it is `true` or `false`", "1 is boolean"),
    ("number", "a number", "1.5 is number"),
    ("integer", "a whole number", "1.5 is integer"),
    ("float", "a number that is not whole", "1.5 is float"),
    ("string", "a text", "'a' is string"),
    ("mapping", "a map", "{'a': 1} is mapping"),
    ("sequence", "a list", "[1] is sequence"),
    ("iterable", "a list, a map or a text", "'a' is iterable"),
    ("odd", "an odd number", "3 is odd"),
    ("even", "an even number", "3 is even"),
    ("divisibleby", "a multiple of it", "6 is divisibleby(3)"),
    ("eq", "equal", "1 is eq(1)"),
    ("equalto", "the same", "1 is equalto(1)"),
    ("==", "the same, in `select` and the like", "[1, 2] | select('==', 1)"),
    ("ne", "not equal", "1 is ne(1)"),
    ("!=", "the same, in `select` and the like", "[1, 2] | select('!=', 1)"),
    ("lt", "less", "1 is lt(2)"),
    ("lessthan", "the same", "1 is lessthan(2)"),
    ("<", "the same, in `select` and the like", "[1, 2] | select('<', 2)"),
    ("le", "less or equal", "2 is le(2)"),
    ("<=", "the same, in `select` and the like", "[1, 2] | select('<=', 1)"),
    ("gt", "greater", "2 is gt(1)"),
    ("greaterthan", "the same", "2 is greaterthan(1)"),
    (">", "the same, in `select` and the like", "[1, 2] | select('>', 1)"),
    ("ge", "greater or equal", "2 is ge(2)"),
    (">=", "the same, in `select` and the like", "[1, 2] | select('>=', 2)"),
];
const MORE_TESTS: [Entry; 4] = [
    ("in", "it is in the list, the text or the keys", "1 is in([1, 2])"),
    ("containing", "it has this element, part or key", "[1, 2] is containing(1)"),
    ("startingwith", "a text that begins so", "'abc' is startingwith('a')"),
    ("endingwith", "a text that ends so", "'abc' is endingwith('a')"),
];
const FUNCTIONS: [Entry; 1] =
    [("range", "the numbers from `start` (0) up to and without `stop`, `step` (1) apart", "range(1, 10, 3)")];

const OPERATORS: [Entry; 17] = [
    ("+ -", "sum and difference; of lists, `+` puts them in a row", "[1] + [2]"),
    ("* /", "product and quotient", "7 / 2"),
    ("//", "quotient, rounded down", "7 // 2"),
    ("%", "remainder", "7 % 2"),
    ("**", "power", "2 ** 10"),
    ("~", "joined as text", "'a' ~ 1"),
    ("== !=", "equal, not equal", "1 == 1.0"),
    ("< <= > >=", "order of numbers, and of texts", "'a' < 'b'"),
    ("and or", "both, one of them", "true and 0"),
    ("not", "the contrary", "not ''"),
    ("in", "is an element, a part, a key", "'b' in 'abc'"),
    ("not in", "is none", "3 not in [1, 2]"),
    ("is", "passes a test", "3 is odd"),
    ("| filter", "is given to a filter", "[1, 2] | sum"),
    ("a if c else b", "one or the other", "'yes' if 1 > 0 else 'no'"),
    ("a.b a[\"b\"]", "a field", "{'a': 1}.a"),
    ("a[0] a[1:3]", "an element, some elements; from the end with `-1`", "[1, 2, 3][1:]"),
];

/// A table of entries, each with what its example really gives.
fn table(head: &str, entries: impl IntoIterator<Item = (String, Entry)>) -> String {
    let mut text = format!("| {head} | does | example | gives |\n|---|---|---|---|\n");
    for (written, (_, does, example)) in entries {
        let value = Expression::parse(example).unwrap_or_else(|problem| panic!("{example}: {problem:?}")).evaluate(&Scope::new());
        let value = value.unwrap_or_else(|error| panic!("{example}: {error:?}"));
        writeln!(text, "| {} | {} | {} | {} |", code(&written), cell(does), code(example), code(&value.to_string())).unwrap();
    }
    text
}

/// That there are entries for all `names`, and for nothing else.
#[track_caller]
fn complete<'a>(entries: &[Entry], names: impl IntoIterator<Item = &'a str>) {
    let told: BTreeSet<&str> = entries.iter().map(|(name, ..)| *name).collect();
    assert_eq!(told.len(), entries.len());
    assert_eq!(told, names.into_iter().collect());
}

#[test]
fn the_page_of_templates_is_what_the_language_has() {
    let language = language();
    let filters: Vec<Entry> = FILTERS.into_iter().chain(MORE_FILTERS).collect();
    let tests: Vec<Entry> = TESTS.into_iter().chain(MORE_TESTS).collect();
    complete(&filters, language.filters.iter().map(|(name, _)| *name));
    complete(&tests, language.tests.iter().copied());
    complete(&FUNCTIONS, language.functions.iter().copied());
    let usage = |name: &str| {
        language
            .filters
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, usage)| usage.trim_end_matches("()").to_owned())
            .unwrap()
    };
    let plain = |entry: Entry| (entry.0.to_owned(), entry);
    let reserved: Vec<String> = RESERVED_NAMES.iter().map(|name| format!("`{name}`")).collect();
    let text = format!(
        "# Templates and expressions\n\nWhat can stand in `{{{{ … }}}}`, and in `when`, `until`, `map` and `route.on`. Every example was computed \
         by the version that this page belongs to. How templates are written, and where which names can be read, is told in \
         [the format](../format.md#templates-and-expressions).\n\n## Operators\n\n{}\n## Filters\n\nAfter `|`: `value | filter(arguments)`. \
         Arguments can be given by name.\n\n{}\n## Tests\n\nAfter `is` or `is not`, and as texts in `select`, `reject`, `selectattr` and \
         `rejectattr`.\n\n{}\n## Functions\n\n{}\n## Reserved names\n\nThese are no names of nodes: {}.\n",
        table("operator", OPERATORS.map(plain)),
        table("filter", filters.iter().map(|entry| (usage(entry.0), *entry))),
        table("test", tests.iter().copied().map(plain)),
        table("function", FUNCTIONS.map(|entry| ("range([start,] stop [, step])".to_owned(), entry))),
        reserved.join(", "),
    );
    holds("docs/reference/templates.md", &text);
}
