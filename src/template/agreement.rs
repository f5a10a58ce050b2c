//! What is the same here and in MiniJinja's own engine, held together over a list of templates. (A slice with a negative step ends
//! before its stop here, as in Python; MiniJinja's includes it.)

use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig, value::ValueKind};
use serde_json::json;

use crate::template::{Scope, Shared, Template};

/// Templates that both engines must render alike. Lists and maps are printed differently on purpose and do not stand bare here.
const TEMPLATES: &[&str] = &[
    "{{ n + 1 }} {{ n - 10 }} {{ n * 2 }} {{ n / 2 }} {{ n // 2 }} {{ n % 3 }} {{ n ** 3 }} {{ -n }}",
    "{{ -7 // 2 }} {{ -7 % 2 }} {{ 7 // -2 }} {{ 7 % -2 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 2 ** -1 }}",
    "{{ 1 + 2.5 }} {{ 0.1 + 0.2 }} {{ 1e3 }} {{ 10 / 4 }} {{ 10 / 5 }} {{ 3.0 }} {{ f }} {{ f * 2 }}",
    "{{ 'a' ~ 1 ~ 'b' ~ 2.5 }} {{ 'ab' * 3 }} {{ 'a' + 'b' }}",
    "{{ ([1] + [2]) | length }} {{ (words + ['z']) | join(',') }}",
    "{{ 1 < 2 }} {{ 2 <= 2 }} {{ 'a' < 'b' }} {{ 1 == 1.0 }} {{ 'a' != 'b' }} {{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }}",
    "{{ 'a' in 'cat' }} {{ 'x' in words }} {{ 'a' in map }} {{ 1 not in [2, 3] }}",
    "{{ true and false }} {{ true or false }} {{ not true }} {{ 0 or 'x' }} {{ 1 and 'y' }} {{ '' or 'z' }}",
    "{{ 'y' if n > 3 else 'n' }} {{ 'y' if n > 30 else 'n' }} {{ 'only' if false }}|",
    "{{ words[0] }} {{ words[-1] }} {{ words[1:] | join }} {{ words[::-1] | join }} {{ words[:-1] | join }} {{ words[::2] | join }}",
    "{{ text[1:3] }} {{ text[::-1] }} {{ text[-3:] }} {{ 'héllo'[1:2] }} {{ words[5:] | length }}",
    "{{ map.a }} {{ map['b'] }} {{ deep.list[1].x }} {{ words.0 }}",
    "{{ text | upper }} {{ text | lower }} {{ text | title }} {{ text | capitalize }} {{ '  x ' | trim }} {{ 'xxaxx' | trim('x') }}",
    "{{ text | replace('o', '0') }} {{ text | length }} {{ words | length }} {{ map | length }} {{ text | reverse }}",
    "{{ 'a,b,c' | split(',') | join('-') }} {{ ' a  b ' | split | join('-') }} {{ 'a,b,c' | split(',', 1) | join('-') }}",
    "{{ lines | lines | join('|') }} {{ lines | indent }} {{ lines | indent(2, true) }} {{ lines | indent(3, false, true) }}",
    "{{ words | join }} {{ words | join(', ') }} {{ people | join(', ', attribute='name') }} {{ numbers | join('+') }}",
    "{{ words | first }} {{ words | last }} {{ text | first }} {{ text | last }} {{ words | reverse | join }}",
    "{{ numbers | sort | join(',') }} {{ numbers | sort(reverse=true) | join(',') }} {{ words | sort | join(',') }}",
    "{{ ['b', 'A', 'c', 'B'] | sort | join }} {{ ['b', 'A', 'c', 'B'] | sort(case_sensitive=true) | join }}",
    "{{ people | sort(attribute='age') | map(attribute='name') | join(',') }} {{ people | sort(attribute='name', reverse=true) | map(attribute='age') | join(',') }}",
    "{{ numbers | sum }} {{ people | sum(attribute='age') }} {{ [0.5, 1] | sum }} {{ numbers | sum(start=10) }} {{ [] | sum }}",
    "{{ numbers | min }} {{ numbers | max }} {{ words | min }} {{ words | max }} {{ (people | min(attribute='age')).name }} {{ (people | max(attribute='age')).name }}",
    "{{ [3, 1, 3, 2, 1] | unique | join(',') }} {{ ['a', 'A', 'b'] | unique | join(',') }} {{ ['a', 'A'] | unique(case_sensitive=true) | join(',') }}",
    "{{ numbers | select('odd') | join(',') }} {{ numbers | reject('odd') | join(',') }} {{ numbers | select('gt', 2) | join(',') }} {{ [0, 1, ''] | select | join(',') }}",
    "{{ people | selectattr('age', 'ge', 30) | map(attribute='name') | join }} {{ people | rejectattr('age', 'ge', 30) | map(attribute='name') | join }}",
    "{{ words | map('upper') | join }} {{ words | map('replace', 'x', 'y') | join }} {{ people | map(attribute='name') | join }} {{ people | map(attribute='no', default='-') | join }}",
    "{% for row in numbers | batch(2) %}{{ row | join(',') }};{% endfor %}{% for row in numbers | batch(3, 0) %}{{ row | join(',') }};{% endfor %}",
    "{% for row in numbers | slice(2) %}{{ row | join(',') }};{% endfor %}{% for row in numbers | slice(3, 0) %}{{ row | join(',') }};{% endfor %}",
    "{% for k, v in map | items %}{{ k }}={{ v }};{% endfor %}{% for k, v in map | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in map | dictsort(by='value', reverse=true) %}{{ k }}={{ v }};{% endfor %}{% for k in map %}{{ k }};{% endfor %}",
    "{{ -3 | abs }} {{ (-3) | abs }} {{ (-2.5) | abs }} {{ '12' | int }} {{ '1.9' | int }} {{ 'x' | int(default=3) }} {{ 'ff' | int(base=16) }} {{ '2.5' | float }}",
    "{{ 2.5 | round }} {{ 3.14159 | round(2) }} {{ 2.1 | round(method='ceil') }} {{ 7 | round }} {{ 1234 | round(-2) }}",
    "{{ '%s-%d-%05.2f' | format('a', 7, 3.14159) }} {{ '%x' | format(255) }} {{ n | string }} {{ n | bool }}",
    "{{ n is odd }} {{ n is even }} {{ n is divisibleby(7) }} {{ n is number }} {{ text is string }} {{ map is mapping }} {{ words is sequence }} {{ f is float }} {{ n is integer }}",
    "{{ n is eq 7 }} {{ n is ne 7 }} {{ n is lt 8 }} {{ n is ge 7 }} {{ 'a' is in words }} {{ text is startingwith 'Hel' }} {{ text is endingwith 'x' }} {{ true is true }} {{ n is true }}",
    "{{ n is defined }} {{ missing is defined }} {{ missing is undefined }} {{ missing | default('x') }} {{ '' | default('y', true) }} {{ n | default('z') }}",
    "{% for w in words %}{{ loop.index }}/{{ loop.length }} {{ loop.index0 }} {{ loop.revindex }} {{ loop.revindex0 }} {{ loop.first }} {{ loop.last }} {{ w }};{% endfor %}",
    "{% for w in words if w != 'x' %}{{ loop.index }}{{ w }}{% else %}none{% endfor %} {% for w in [] %}x{% else %}empty{% endfor %}",
    "{% for a in [1, 2] %}{% for b in [3, 4] %}{{ loop.depth }}{{ a }}{{ b }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% for a, b in [[1, 2], [3, 4]] %}{{ a }}+{{ b }} {% endfor %}{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}{% for i in [1] %}{% set x = 3 %}{{ x }}{% endfor %}{{ x }}",
    "{% set a, b = [1, 2] %}{{ a }}{{ b }}{% set a = a + 1 %}{{ a }}",
    "{% if n > 10 %}a{% elif n > 5 %}b{% else %}c{% endif %}{% if not words %}d{% endif %}{% if [] %}e{% else %}f{% endif %}",
    "{% raw %}{{ no }}{% endraw %} {# comment #} {{- ' trimmed ' -}} end",
    "lines\n{% if true %}\n  kept\n{% endif %}\n  {% for w in words %}\n- {{ w }}\n  {% endfor %}\nend\n",
    "{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(1, 4) %}{{ i }}{% endfor %}{% for i in range(10, 0, -3) %}{{ i }} {% endfor %}",
    "{{ 'it''s' }} {{ \"a\\nb\\t\\u00e9\" }} {{ 'a' 'b' }} {{ 0x10 }} {{ 0b11 }} {{ 1_000 }}",
    "{{ deep.list | map(attribute='x') | join }} {{ {'a': 1}['a'] }} {{ [1, [2]][1][0] }} {{ (1, 2)[0] }}",
];

#[test]
fn both_engines_render_alike() {
    let values = json!({
        "n": 7, "f": 2.5, "text": "Hello wOrld", "lines": "a\nb\n\nc", "words": ["a", "x", "c"], "numbers": [3, 1, 4, 1, 5],
        "map": {"b": 2, "a": 1}, "people": [{"name": "Ann", "age": 40}, {"name": "Bob", "age": 20}],
        "deep": {"list": [{"x": 1}, {"x": 2}]},
    });
    let mut theirs = Environment::new();
    theirs.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build().unwrap();
    theirs.set_syntax(syntax);
    // Booleans stand in a text as they do in JSON and YAML, not as in Python.
    theirs.set_formatter(|out, state, value| match value.kind() {
        ValueKind::Bool => Ok(write!(out, "{}", value.is_true())?),
        _ => minijinja::escape_formatter(out, state, value),
    });
    let mut scope = Scope::new();
    for (name, value) in values.as_object().unwrap() {
        scope.set(name, Shared::new(value));
    }
    let context = Shared::new(&values).0;
    let mut differences = Vec::new();
    for source in TEMPLATES {
        let expected = theirs.render_str(source, context.clone()).unwrap_or_else(|err| format!("error: {err}"));
        let given = Template::parse(source).unwrap_or_else(|problem| panic!("{source}: {problem}")).render_text(&scope);
        let given = given.unwrap_or_else(|err| format!("error: {err}"));
        if given != expected {
            differences.push(format!("{source}\n  here:   {given:?}\n  theirs: {expected:?}\n"));
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.concat());
}
