//! Templates written to read what they must not, or to use up the machine: each is inert or refused, quickly and in little memory.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use agentflow::{
    ErrorKind,
    template::{Expression, Scope, Shared, Template},
};
use serde_json::{Value, json};

static SCOPE: LazyLock<Scope> = LazyLock::new(|| {
    let mut scope = Scope::new();
    scope.set("x", Shared::new(&json!("x".repeat(100_000))));
    scope.set("word", Shared::new(&json!("word")));
    scope.set("list", Shared::new(&json!([1, 2, 3])));
    scope.set("map", Shared::new(&json!({"a": 1})));
    scope.set("many", Shared::new(&Value::Array((0..20_000).map(|n| json!({"n": n, "text": "some text"})).collect())));
    // What a model said: templates in it must stay text.
    scope.set("answer", Shared::new(&json!("{{ 7 * 7 }} {% for i in range(9) %}{{ i }}{% endfor %} ${7*7} <%= 7*7 %> #{7*7}")));
    scope
});

/// What became of a template.
#[derive(Debug)]
enum Outcome {
    Refused,
    Failed,
    Text(String),
}

fn outcome(source: &str) -> Outcome {
    match Template::parse(source) {
        Err(problem) => {
            assert!(source.get(problem.range.clone()).is_some(), "{:?} is no range of the source", problem.range);
            Outcome::Refused
        }
        Ok(template) => match template.render_text(&SCOPE) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Template);
                Outcome::Failed
            }
            Ok(text) => Outcome::Text(text),
        },
    }
}

#[test]
fn injection_payloads_are_refused_or_fail() {
    let payloads = [
        // Python's object graph.
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ().__class__.__bases__[0].__subclasses__()[59] }}",
        "{{ [].__class__.__base__.__subclasses__() }}",
        "{{ {}.__class__.__init__.__globals__ }}",
        "{{ ''['__class__'] }}",
        "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
        "{{ word['__class__'] }}",
        "{{ list.__class__ }}",
        "{{ map.__class__ }}",
        "{{ word|attr('__class__') }}",
        "{{ word|attr('\\x5f\\x5fclass\\x5f\\x5f')|attr('__mro__') }}",
        "{{ (word|attr('__cla' ~ 'ss__')) }}",
        "{{ word.__format__('%s') }}",
        "{{ '{0.__class__}'.format(word) }}",
        "{{ word.mro() }}",
        "{{ word | map('attr', '__class__') }}",
        "{{ list | map(attribute='__class__') | list }}",
        // What frameworks put into their templates.
        "{{ config }}",
        "{{ config.items() }}",
        "{{ config.SECRET_KEY }}",
        "{{ request.application.__globals__.__builtins__.__import__('os').popen('id').read() }}",
        "{{ request|attr('application') }}",
        "{{ self }}",
        "{{ self.__init__.__globals__.__builtins__ }}",
        "{{ self._TemplateReference__context.cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ cycler('a', 'b') }}",
        "{{ joiner.__init__.__globals__.os }}",
        "{{ namespace.__init__.__globals__.os.popen('id').read() }}",
        "{{ namespace(a=1) }}",
        "{{ dict(a=1) }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{ lipsum(1000000) }}",
        "{{ url_for.__globals__ }}",
        "{{ get_flashed_messages.__globals__.__builtins__ }}",
        "{{ g.pop.__globals__ }}",
        "{{ debug() }}",
        "{% debug %}",
        "{{ caller() }}",
        "{{ super() }}",
        "{{ range.__class__ }}",
        "{{ range.__init__.__globals__ }}",
        "{{ range }}",
        "{{ loop }}",
        "{{ _ }}",
        "{{ __builtins__ }}",
        "{{ __import__('os').system('id') }}",
        "{{ open('/etc/passwd').read() }}",
        "{{ eval('1') }}",
        "{{ exec('1') }}",
        "{{ env.PATH }}",
        "{{ secrets.KEY }}",
        "{{ inputs.__class__ }}",
        // Other files.
        "{% include '/etc/passwd' %}",
        "{% include 'file:///etc/passwd' %}",
        "{% import 'os' as os %}{{ os.popen('id') }}",
        "{% from 'os' import popen %}{{ popen('id') }}",
        "{% extends '/etc/passwd' %}",
        "{% extends word %}",
        // Statements that are not there.
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% call x() %}{% endcall %}",
        "{% block a %}{% endblock %}",
        "{% do word.upper() %}",
        "{% filter upper %}a{% endfilter %}",
        "{% autoescape false %}{{ word }}{% endautoescape %}",
        "{% with a = 1 %}{{ a }}{% endwith %}",
        "{% set word.a = 1 %}",
        "{% set a %}{{ word }}{% endset %}",
        "{% for i in list recursive %}{{ loop(list) }}{% endfor %}",
        "{% for i in list %}{{ loop.cycle('a', 'b') }}{% endfor %}",
        "{% break %}",
        // Functions in clothes of values.
        "{{ (range)(3) }}{{ list.append(4) }}",
        "{{ map.update({'a': 2}) }}",
        "{{ map.items() }}",
        "{{ list.__len__() }}",
        "{{ ('a' ~ 'b')() }}",
        "{{ [range][0](3) }}",
        "{{ {'r': range}['r'](3) }}",
        "{{ word | safe }}",
        "{{ word | pprint }}",
        "{{ word | e }}",
        "{{ word | upper(*list) }}",
        "{{ list | join(**map) }}",
    ];
    for payload in payloads {
        if let Outcome::Text(text) = outcome(payload) {
            panic!("{payload} gave {text:?}");
        }
    }
}

#[test]
fn texts_of_other_engines_and_of_models_stay_as_they_are() {
    for (template, expected) in [
        (
            "${7*7} #{7*7} <%= 7*7 %> *{7*7} @(7*7) {7*7} ~{7*7} [[7*7]]",
            "${7*7} #{7*7} <%= 7*7 %> *{7*7} @(7*7) {7*7} ~{7*7} [[7*7]]",
        ),
        ("{{ '{{ 7 * 7 }}' }}", "{{ 7 * 7 }}"),
        ("{% raw %}{{ 7 * 7 }}{% endraw %}", "{{ 7 * 7 }}"),
        ("{{ '<script>' }}", "<script>"),
        ("{{ '\\u007b\\u007b 1 }}' }}", "{{ 1 }}"),
        ("{{ answer }}", "{{ 7 * 7 }} {% for i in range(9) %}{{ i }}{% endfor %} ${7*7} <%= 7*7 %> #{7*7}"),
        (
            "{{ answer | upper | lower | trim }}",
            "{{ 7 * 7 }} {% for i in range(9) %}{{ i }}{% endfor %} ${7*7} <%= 7*7 %> #{7*7}",
        ),
    ] {
        match outcome(template) {
            Outcome::Text(text) => assert_eq!(text, expected),
            other => panic!("{template}: {other:?}"),
        }
    }
}

/// The most memory this process has used so far, in MiB; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}

#[test]
fn bombs_end_quickly_and_in_little_memory() {
    let doubled = |start: &str, step: &str, times: usize, end: &str| format!("{start}{}{end}", step.repeat(times));
    let bombs = [
        doubled("", "{% set x = x ~ x %}", 7, "{{ x }}"),
        doubled("", "{% set x = x ~ x %}", 3000, "{{ x | length }}"),
        doubled("", "{% set x = x + x %}", 3000, "{{ x | length }}"),
        doubled("", "{% set x = x * 2 %}", 3000, "{{ x | length }}"),
        doubled("{% set l = list %}", "{% set l = l + l %}", 2000, "{{ l | length }}"),
        doubled("{% set l = list %}", "{% set l = [l, l] %}", 2000, "{{ l }}"),
        doubled("{% set l = list %}", "{% set l = {'a': l, 'b': l} %}", 1500, "{{ l }}"),
        doubled("{% set l = list %}", "{% set l = [l] %}", 2000, "{{ l }}"),
        doubled("{% set l = list %}", "{% set l = l | batch(1) %}", 2000, "{{ l }}"),
        doubled("{% set l = [1] %}", "{% set l = [l] | slice(1) %}", 2000, "{{ l }}"),
        doubled("{% set l = [[1], [1]] %}", "{% set l = [l | sum(start=[]), l | sum(start=[])] %}", 900, "{{ l }}"),
        doubled("{% set l = list %}", "{% set l = l | join(x) %}", 3, "{{ l }}"),
        doubled("{% set l = x | list %}", "{% set l = l | join('xxxxxxxxxxxxxxxx') | list %}", 6, "{{ l }}"),
        "{{ 'x' * 1000000000 }}".to_owned(),
        "{{ 'x' * 10**9 }}".to_owned(),
        "{{ 1000000000 * 'x' }}".to_owned(),
        "{{ [0] * 1000000000 }}".to_owned(),
        "{{ x * 18446744073709551615 }}".to_owned(),
        "{{ range(1000000000) | list | length }}".to_owned(),
        "{{ range(0, 1000000000, 1) }}".to_owned(),
        "{{ range(-9223372036854775808, 9223372036854775807) }}".to_owned(),
        "{{ range(9223372036854775807, -9223372036854775808, -9223372036854775808) }}{{ 1 / 0 }}".to_owned(),
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}".to_owned(),
        "{% for a in range(99999) %}{{ x }}{% endfor %}".to_owned(),
        format!("{{% for a in range(99999) %}}{}{{% endfor %}}", "y".repeat(60_000)),
        "{% for a in range(99999) %}{{ many == many }}{{ many | tojson == many | tojson }}{% endfor %}".to_owned(),
        "{% for a in range(99999) %}{% set l = many | sort(attribute='text') %}{% endfor %}".to_owned(),
        "{% for a in range(99999) %}{% set l = x | replace('x', 'y') %}{% endfor %}".to_owned(),
        "{% for a in range(99999) %}{{ 'z' in x }}{% endfor %}".to_owned(),
        "{{ x | replace('', x) }}".to_owned(),
        "{{ x | replace('x', x) }}".to_owned(),
        "{{ x | split('x') | join(x) }}".to_owned(),
        "{{ many | join(x) }}".to_owned(),
        "{{ many | map('join', x) | join }}".to_owned(),
        "{{ x | indent(1000000000) }}".to_owned(),
        "{{ (x | replace('x', '\\n')) | indent(200, true, true) }}".to_owned(),
        "{{ '%1000000000d' | format(1) }}".to_owned(),
        "{{ '%.1000000000f' | format(1.0) }}".to_owned(),
        "{{ '%*d' | format(1000000000, 1) }}".to_owned(),
        "{{ '%s' * 100000 | format(x) }}".to_owned(),
        "{{ many | tojson(indent=1000000000) }}".to_owned(),
        "{{ many | batch(1, many) }}{{ list | batch(1000000000, 0) }}".to_owned(),
        "{{ list | slice(1000000000) }}".to_owned(),
        "{{ 10 ** 1000000000 }}".to_owned(),
        "{{ 2 ** 64 }}".to_owned(),
        "{{ -9223372036854775808 // -1 * 4 }}".to_owned(),
        "{{ 1e308 * 1e308 }}".to_owned(),
        "{{ (1e308 * 10) - (1e308 * 10) }}".to_owned(),
        "{{ 1 % 0 }}".to_owned(),
        "{{ 0 ** -1 }}".to_owned(),
        "{{ ('[' * 100000) | fromjson }}".to_owned(),
        "{{ 'x' | truncate(-1) }}".to_owned(),
        "{{ list[9223372036854775807] }}".to_owned(),
        "{{ list[-9223372036854775808] }}".to_owned(),
        "{{ list[::0] }}".to_owned(),
        "{{ 1 | round(1000000000000) }}".to_owned(),
    ];
    let before = peak_memory();
    for bomb in bombs {
        let start = Instant::now();
        let outcome = outcome(&bomb);
        let took = start.elapsed();
        let shown: String = bomb.chars().take(80).collect();
        assert!(!matches!(outcome, Outcome::Text(_)), "{shown}");
        assert!(took < Duration::from_secs(10), "{shown} took {took:?}");
        let used = peak_memory().saturating_sub(before);
        assert!(used < 400, "{shown} used {used} MiB");
    }
}

#[test]
fn deep_nesting_is_refused_and_never_overflows_the_stack() {
    let nest = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{{{{ {}{inner}{} }}}}", open.repeat(times), close.repeat(times))
    };
    let deep = [
        nest("(", "1", ")", 10_000),
        nest("[", "1", "]", 10_000),
        nest("{'a':", "1", "}", 10_000),
        nest("not ", "1", "", 16_000),
        nest("- ", "1", "", 30_000),
        nest("1 if ", "1", " else 1", 4_000),
        nest("", "list", "[0]", 20_000),
        nest("", "map", ".a", 30_000),
        nest("", "word", "|upper", 9_000),
        nest("", "1", "+1", 30_000),
        nest("", "word", "~word", 12_000),
        nest("", "1", " and 1", 10_000),
        nest("", "1", " if 1", 12_000),
        nest("", "1", " is number", 5_000),
        nest("", "1", " < 1", 15_000),
        nest("", "range", "(1)", 20_000),
        nest("list[", "0", "]", 10_000),
        format!("{}{}", "{% if 1 %}".repeat(6_000), "{% endif %}"),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(5_000)),
        format!("{}x", "{% for a in list %}".repeat(3_000)),
        format!("{{% for {}a{} in list %}}{{% endfor %}}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("{{% set {}a{} = list %}}", "(".repeat(20_000), ",)".repeat(10_000)),
    ];
    for template in deep {
        assert!(matches!(outcome(&template), Outcome::Refused), "{}", &template[..40]);
        let expression = template.trim_start_matches("{{ ").trim_end_matches(" }}");
        assert!(Expression::parse(expression).is_err(), "{}", &template[..40]);
    }
}

#[test]
fn as_much_as_is_allowed_works_on_a_small_stack() {
    let parentheses = format!("{{{{ {}1{} }}}}", "[".repeat(60), "]".repeat(60));
    let chain = format!("{{{{ word{} }}}}", " | upper".repeat(140));
    let ifs = format!("{}x{}", "{% if 1 %}".repeat(100), "{% endif %}".repeat(100));
    let elifs = format!("{{% if 0 %}}{}{{% else %}}x{{% endif %}}", "{% elif 0 %}".repeat(90));
    for template in [parentheses, chain, ifs, elifs] {
        assert!(matches!(outcome(&template), Outcome::Text(_)), "{}: {:?}", &template[..40], outcome(&template));
    }
}

#[test]
fn sizes_are_bounded() {
    assert!(matches!(outcome(&"x".repeat(64 * 1024)), Outcome::Text(_)));
    assert!(matches!(outcome(&"x".repeat(64 * 1024 + 1)), Outcome::Refused));
    assert!(matches!(outcome("{% for a in range(40) %}{{ x }}{% endfor %}"), Outcome::Text(text) if text.len() == 4_000_000));
    assert!(matches!(outcome("{% for a in range(42) %}{{ x }}{% endfor %}"), Outcome::Failed));
}

#[test]
fn broken_syntax_is_refused_with_a_place() {
    for template in [
        "{{",
        "}}{{",
        "{%",
        "{#",
        "{{ }}",
        "{% %}",
        "{{ x",
        "{{ 'x }}",
        "{% if %}",
        "{% if x %}",
        "{% endif %}",
        "{% for %}",
        "{% for x %}",
        "{% for x in %}{% endfor %}",
        "{{ x | }}",
        "{{ x. }}",
        "{{ x[ }}",
        "{{ x[] }}",
        "{{ (x }}",
        "{{ {'a' } }}",
        "{{ 1 + }}",
        "{{ x is }}",
        "{{ é }}",
        "{{ x.é }}",
        "{{ \u{202e}x }}",
        "{{ \0 }}",
        "{{ '\\u12' }}",
        "{{ '\\ud800' }}",
        "{{ 0x }}",
        "{{ 1e }}",
        "{{ 99999999999999999999999999999999999999999999 }}",
        "{% raw %}",
        "{% set %}",
        "{% set x %}",
        "{% set 1 = 2 %}",
        "{% set loop = 1 %}",
        "{% set true = 1 %}",
        "{{ x if }}",
        "{{ x y }}",
        "{{ |upper }}",
        "ü{{ ü",
        "{{ \"\u{1F600}\" \"",
        "{{ x }",
        "{% else %}",
    ] {
        assert!(matches!(outcome(template), Outcome::Refused), "{template:?}: {:?}", outcome(template));
    }
}

/// Pieces that random templates are put together of.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{{-",
    "-%}",
    " if ",
    " else ",
    " elif ",
    "endif",
    " for ",
    " in ",
    "endfor",
    " set ",
    "raw",
    "endraw",
    "x",
    "word",
    "list",
    "map",
    "many",
    "nothing",
    "loop",
    "loop.index",
    ".a",
    ".0",
    "[0]",
    "[1:]",
    "[::-1]",
    "['a']",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "==",
    "<",
    " and ",
    " or ",
    " not ",
    " is ",
    "defined",
    "none",
    "odd",
    "|",
    "upper",
    "default",
    "('x')",
    "map('upper')",
    "sum(start=[])",
    "sort",
    "join(',')",
    "batch(2)",
    "tojson",
    "fromjson",
    "replace('a','b')",
    "indent",
    "round",
    "format(1)",
    "range",
    "+",
    "-",
    "*",
    "**",
    "/",
    "//",
    "%",
    "~",
    "1",
    "0",
    "2.5",
    "1e308",
    "9223372036854775807",
    "'a'",
    "\"\\u00e9\"",
    "'%s'",
    "é",
    "\u{202e}",
    "\0",
    "\n",
    "\r\n",
    " ",
    "true",
    "\\",
    "_",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_templates_neither_panic_nor_run_on(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..24), wrap in 0..3) {
        let text = pieces.concat();
        let template = match wrap {
            0 => text,
            1 => format!("{{{{ {text} }}}}"),
            _ => format!("{{% for item in list %}}{{{{ {text} }}}}{{% endfor %}}"),
        };
        let start = Instant::now();
        outcome(&template);
        if let Ok(expression) = Expression::parse(&pieces.concat()) {
            for reference in expression.references() {
                proptest::prop_assert!(expression.source().get(reference.range.clone()).is_some());
            }
            if let Ok(value) = expression.evaluate(&SCOPE) {
                proptest::prop_assert!(serde_json::to_string(&value).is_ok());
            }
        }
        proptest::prop_assert!(start.elapsed() < Duration::from_secs(10));
    }
}
