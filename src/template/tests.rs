use serde_json::json;

use super::*;

fn scope() -> Scope {
    let mut scope = Scope::new();
    for (name, value) in json!({
        "inputs": {"diff": "a\nb", "focus": "correctness", "big": u64::MAX, "ratio": 0.5, "key-with-dash": 1},
        "triage": {"risk": "high", "areas": ["auth", "db"], "score": 8, "note": null},
        "review": [{"findings": [{"line": 3}]}, {"findings": []}, {"findings": [{"line": 9}, {"line": 1}]}],
        "skipped": null,
        "numbers": [3, 1, 2],
        "nodes": {"triage": {"status": "succeeded", "output": {"risk": "high"}}},
    })
    .as_object()
    .unwrap()
    {
        scope.set(name, Shared::new(value));
    }
    scope
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the tables read better")]
fn renders(template: &str, expected: Value) {
    let template = Template::parse(template).unwrap_or_else(|problem| panic!("{template}: {problem:?}"));
    assert_eq!(template.render(&scope()).unwrap(), expected, "{}", template.source());
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the tables read better")]
fn evaluates(expression: &str, expected: Value) {
    let expression = Expression::parse(expression).unwrap_or_else(|problem| panic!("{expression}: {problem:?}"));
    assert_eq!(expression.evaluate(&scope()).unwrap(), expected, "{}", expression.source());
}

#[track_caller]
fn fails(template: &str, expected: &str) {
    let template = Template::parse(template).unwrap_or_else(|problem| panic!("{template}: {problem:?}"));
    let error = template.render(&scope()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Template);
    let hints = error.hints().first().map_or_else(String::new, |hint| format!("; {hint}"));
    assert_eq!(format!("{error}{hints}"), expected, "{}", template.source());
}

#[track_caller]
fn refused(template: &str, expected: &str) {
    let problem = Template::parse(template).unwrap_err();
    let hint = problem.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let place = &template[problem.range.clone()];
    assert_eq!(format!("{place} | {problem}{hint}"), expected);
}

#[test]
fn one_expression_keeps_its_type() {
    renders("{{ triage }}", json!({"risk": "high", "areas": ["auth", "db"], "score": 8, "note": null}));
    renders("  {{ triage.score }}\n", json!(8));
    renders("{{ inputs.big }}", json!(u64::MAX));
    renders("{{ inputs.ratio }}", json!(0.5));
    renders("{{ skipped }}", json!(null));
    renders("{{ triage.score }}!", json!("8!"));
    renders("{{ 1 if false }}", json!(null));
    renders("{{ triage.score }}{{ triage.score }}", json!("88"));
}

#[test]
fn values_stand_in_a_text_as_json() {
    renders(
        "a {{ triage.areas }} {{ skipped }} {{ true }} {{ 1.0 }} {{ {'b': 1, 'a': '<é>'} }}",
        json!(r#"a ["auth","db"] none true 1.0 {"b":1,"a":"<é>"}"#),
    );
    renders("-{{ 'x' if false }}-", json!("--"));
}

#[test]
fn whitespace_of_tags_leaves_nothing_and_the_last_newline_stays() {
    renders(
        "Areas:\n{% for area in triage.areas %}\n  {% if loop.first %}\n- {{ area }} first\n  {% else %}\n- {{ area }}\n  {% endif %}\n{% endfor %}\n",
        json!("Areas:\n- auth first\n- db\n"),
    );
}

#[test]
fn the_workflow_of_the_format_reference_works() {
    renders("{{ review | map(attribute='findings') | sum(start=[]) }}", json!([{"line": 3}, {"line": 9}, {"line": 1}]));
    evaluates("triage.risk != \"low\"", json!(true));
    evaluates("triage.score >= 8", json!(true));
    evaluates("triage.areas", json!(["auth", "db"]));
}

#[test]
fn operators_follow_python() {
    for (source, expected) in [
        ("7 // 2", json!(3)),
        ("-7 // 2", json!(-4)),
        ("-7 % 3", json!(2)),
        ("7 / 2", json!(3.5)),
        ("4 / 2", json!(2.0)),
        ("2 ** 10", json!(1024)),
        ("2 ** -1", json!(0.5)),
        ("1 + 2.5", json!(3.5)),
        ("'a' + 'b'", json!("ab")),
        ("'a' ~ 1 ~ none", json!("a1none")),
        ("[1] + [2]", json!([1, 2])),
        ("'ab' * 2", json!("abab")),
        ("1 < 2 < 3", json!(true)),
        ("1 < 3 < 2", json!(false)),
        ("'a' in 'cat'", json!(true)),
        ("'auth' in triage.areas", json!(true)),
        ("'risk' in triage", json!(true)),
        ("'x' not in triage", json!(true)),
        ("1 == 1.0", json!(true)),
        ("triage.areas == ['auth', 'db']", json!(true)),
        ("not skipped", json!(true)),
        ("skipped or 'b'", json!("b")),
        ("numbers and 'b'", json!("b")),
        ("numbers[0]", json!(3)),
        ("numbers[-1]", json!(2)),
        ("numbers.1", json!(1)),
        ("numbers[1:]", json!([1, 2])),
        ("numbers[::-1]", json!([2, 1, 3])),
        ("'héllo'[1:3]", json!("él")),
        ("inputs['key-with-dash']", json!(1)),
        ("nodes[['triage'][0]].status", json!("succeeded")),
        ("(1, 2)", json!([1, 2])),
        ("range(3)", json!([0, 1, 2])),
        ("range(5, 0, -2)", json!([5, 3, 1])),
        ("18446744073709551615", json!(u64::MAX)),
    ] {
        evaluates(source, expected);
    }
}

#[test]
fn filters_do_what_their_names_say() {
    for (source, expected) in [
        ("'ab' | upper", json!("AB")),
        ("'a b' | title", json!("A B")),
        ("' x ' | trim", json!("x")),
        ("'xax' | trim('x')", json!("a")),
        ("'a-b-c' | replace('-', '+', 1)", json!("a+b-c")),
        ("'a,b' | split(',')", json!(["a", "b"])),
        ("' a  b ' | split", json!(["a", "b"])),
        ("inputs.diff | lines", json!(["a", "b"])),
        ("inputs.diff | indent(2)", json!("a\n  b")),
        ("'one two three' | truncate(9)", json!("one...")),
        ("'a b' | wordcount", json!(2)),
        ("'%s: %03d' | format('x', 7)", json!("x: 007")),
        ("{'a': 1} | tojson", json!("{\"a\":1}")),
        ("{'a': [1]} | tojson(indent=2)", json!("{\n  \"a\": [\n    1\n  ]\n}")),
        ("'<b>' | tojson", json!("\"<b>\"")),
        ("'{\"a\": [1, 2.5]}' | fromjson", json!({"a": [1, 2.5]})),
        ("-3 | abs", json!(3)),
        ("'12' | int", json!(12)),
        ("'x' | int(default=4)", json!(4)),
        ("'1.5' | float", json!(1.5)),
        ("2.567 | round(1)", json!(2.6)),
        ("numbers | length", json!(3)),
        ("numbers | first", json!(3)),
        ("numbers | last", json!(2)),
        ("[] | first", json!(null)),
        ("numbers | reverse", json!([2, 1, 3])),
        ("numbers | sort", json!([1, 2, 3])),
        ("numbers | sort(reverse=true)", json!([3, 2, 1])),
        ("['b', 'A'] | sort", json!(["A", "b"])),
        ("[{'n': 2}, {'n': 1}] | sort(attribute='n')", json!([{"n": 1}, {"n": 2}])),
        ("numbers | join(', ')", json!("3, 1, 2")),
        ("[{'n': 2}, {'n': 1}] | join('-', attribute='n')", json!("2-1")),
        ("{'b': 1, 'a': 2} | list", json!(["b", "a"])),
        ("{'b': 1, 'a': 2} | items", json!([["b", 1], ["a", 2]])),
        ("{'b': 1, 'a': 2} | dictsort", json!([["a", 2], ["b", 1]])),
        ("numbers | sum", json!(6)),
        ("[{'n': 2}, {'n': 1.5}] | sum(attribute='n')", json!(3.5)),
        ("numbers | min", json!(1)),
        ("numbers | max", json!(3)),
        ("[1, 1, 2] | unique", json!([1, 2])),
        ("range(5) | batch(2)", json!([[0, 1], [2, 3], [4]])),
        ("range(5) | slice(2)", json!([[0, 1, 2], [3, 4]])),
        ("['a', 'b'] | map('upper')", json!(["A", "B"])),
        ("['a-b'] | map('replace', '-', '+')", json!(["a+b"])),
        ("[{'a': {'b': 1}}] | map(attribute='a.b')", json!([1])),
        ("[{'a': 1}, {}] | map(attribute='a', default=0)", json!([1, 0])),
        ("numbers | select('gt', 1)", json!([3, 2])),
        ("numbers | reject('odd')", json!([2])),
        ("review | selectattr('findings') | length", json!(2)),
        ("[{'r': 'x'}, {'r': 'y'}] | selectattr('r', 'equalto', 'y')", json!([{"r": "y"}])),
        ("[{'r': 1}, {}] | rejectattr('r', 'defined')", json!([{}])),
        ("skipped | default('none yet')", json!("none yet")),
        ("skipped.deep.er | default([])", json!([])),
        ("skipped.deep | default(triage.nothing) | default('x')", json!("x")),
        ("(skipped.deep if true else 1) | default('x')", json!("x")),
        ("nothing | d('x')", json!("x")),
        ("'' | default('x', true)", json!("x")),
        ("triage.risk | default('x')", json!("high")),
        ("numbers | first | default('x')", json!(3)),
    ] {
        evaluates(source, expected);
    }
}

#[test]
fn tests_tell_what_a_value_is() {
    for source in [
        "triage is defined",
        "nothing is undefined",
        "skipped is none",
        "skipped is not defined",
        "triage.note is none",
        "triage.missing is undefined",
        "triage is not none",
        "1 is number",
        "1 is integer",
        "1.5 is float",
        "'a' is string",
        "[] is sequence",
        "{} is mapping",
        "true is boolean",
        "3 is odd",
        "4 is even",
        "9 is divisibleby(3)",
        "1 is eq 1",
        "'a' is in 'cat'",
        "'cat' is startingwith 'c'",
        "'cat' is containing 'a'",
    ] {
        evaluates(source, json!(true));
    }
}

#[test]
fn set_and_for_have_jinja_scopes() {
    renders("{% set x = 1 %}{% for n in numbers %}{% set x = n %}{% endfor %}{{ x }};", json!("1;"));
    renders("{% if true %}{% set x = 2 %}{% endif %}{{ x }};", json!("2;"));
    renders(
        "{% for k, v in {'a': 1, 'b': 2} | items %}{{ k }}={{ v }}{{ ',' if not loop.last }}{% endfor %};",
        json!("a=1,b=2;"),
    );
    renders("{% for n in numbers if n > 1 %}{{ loop.index }}/{{ loop.length }}:{{ n }} {% endfor %};", json!("1/2:3 2/2:2 ;"));
    renders("{% for n in [] %}x{% else %}nothing{% endfor %};", json!("nothing;"));
    renders("{% set a, b = [1, 2] %}{{ a + b }};", json!("3;"));
    renders(
        "{% for a in [1] %}{% for b in [2] %}{{ loop.depth }}{{ a }}{{ b }}{% endfor %}{{ loop.depth }}{% endfor %};",
        json!("1121;"),
    );
    renders("{# nothing #}{% raw %}{{ x }}{% endraw %};", json!("{{ x }};"));
}

#[test]
fn what_is_not_there_is_an_error_that_names_it() {
    fails("{{ nothing }}", "`nothing`: there is no `nothing` here");
    fails("x {{ triagee.risk }}", "`triagee`: there is no `triagee` here; did you mean `triage`?");
    fails("{{ triage.risc }}", "`triage.risc`: there is no field `risc`; did you mean `risk`?");
    fails(
        "a\nb {{ skipped.risk }}",
        "`skipped.risk` (line 2): `risk` is read of a value that is none; `| default(…)` says what stands for a value that is absent",
    );
    fails("{{ numbers[7] }}", "`numbers[7]`: there is no element 7; the list has 3");
    fails(
        "{{ review.findings }}",
        "`review.findings`: a list has no field `findings`; `| map(attribute=\"findings\")` takes it from each element",
    );
    fails("{{ triage.risk.x }}", "`triage.risk.x`: a string has no field `x`");
    fails("{{ skipped >= 8 }}", "`skipped >= 8`: none and a number have no order");
    fails("{{ 'a' + 1 }}", "`'a' + 1`: `+` does not work between a string and a number; use `~` to join texts");
    fails(
        "{% for x in skipped %}{% endfor %}",
        "`skipped`: none is not a list; `| default([])` says what stands for a value that is absent",
    );
    fails(
        "{{ [{'a': 1}, none] | map(attribute='a') }}",
        "`[{'a': 1}, none] | map(attribute='a')`: element 1 has no `a`; `map(attribute=\"a\", default=…)` says what stands for it",
    );
    fails("{{ 1 + (1 - (1 - 'a')) }}", "`1 - 'a'`: `-` does not work between a number and a string");
    fails("{{ ((1) + 2) + none }}", "`((1) + 2) + none`: `+` does not work between a number and none");
    fails("{{ 1 / 0 }}", "`1 / 0`: divides by zero");
    fails("{{ 9223372036854775807 * 4 }}", "`9223372036854775807 * 4`: gives a whole number of more than 64 bits");
    fails("{{ 1e308 * 10 }}", "`1e308 * 10`: gives no number that can be represented");
}

#[test]
fn unknown_functions_are_found_when_parsing() {
    refused("{{ x | uper }}", "uper | there is no filter `uper`; did you mean `upper`?");
    refused("é\n{{ x | nonsense(1) }}", "nonsense | there is no filter `nonsense`");
    refused("{{ x is defind }}", "defind | there is no test `defind`; did you mean `defined`?");
    refused("{{ lipsum(3) }}", "lipsum(3) | there is no function `lipsum`; the only function is `range`");
    refused("{{ x.upper() }}", "upper() | there is no function `upper`; values have no methods; write `| upper`");
    refused("{{ x | map('uper') }}", "'uper' | there is no filter `uper`; did you mean `upper`?");
    refused("{{ x | selectattr('a', 'equalt', 1) }}", "'equalt' | there is no test `equalt`; did you mean `equalto`?");
    assert!(Template::parse("{{ x | uper }}").unwrap_err().unknown_function);
    assert!(!Template::parse("{{ x | }}").unwrap_err().unknown_function);
}

#[test]
fn other_problems_are_found_when_parsing() {
    refused("{{ x | sum(atribute='a') }}", "sum | `sum` has no argument `atribute`; did you mean `attribute`?");
    refused("{{ x | batch }}", "batch | `batch` needs the argument `count`; batch(count, fill_with)");
    refused("{{ x | upper(1) }}", "1 | `upper` takes no further argument; upper()");
    refused("{% include 'x' %}", &format!("include | there is no statement `include`; {}", problem::STATEMENTS));
    refused(
        "{% with a = 1 %}{{ a }}{% endwith %}",
        &format!(
            "with a = 1 %}}{{{{ a }}}}{{% endwith | the statement `with` is not available in templates; {}",
            problem::STATEMENTS
        ),
    );
    refused("a {{ x", "x | unexpected end of input, expected end of variable block");
    refused("{{ a b }}", "b | unexpected identifier, expected end of variable block");
    let problem = Expression::parse("{{ a }}").unwrap_err();
    assert_eq!(problem.message, "this is a bare expression, without `{{` and `}}`");
    assert!(Expression::parse("").is_err());
    assert!(Expression::parse("a }}").is_err());
}

#[track_caller]
fn reads(template: &str, expected: &[&str]) {
    let template = Template::parse(template).unwrap_or_else(|problem| panic!("{template}: {problem:?}"));
    let shown: Vec<String> = template
        .references()
        .iter()
        .map(|reference| {
            let guarded = if reference.guarded { " guarded" } else { "" };
            format!("{} @ {}{guarded}", reference.path.join("/"), &template.source()[reference.range.clone()])
        })
        .collect();
    assert_eq!(shown, expected, "{}", template.source());
}

#[test]
fn references_have_paths_and_places() {
    reads("{{ triage.risk }}", &["triage/risk @ triage.risk"]);
    reads("é\n\n  {{ a.b.c }} ü {{ d['e-f'].g[0].h }}", &["a/b/c @ a.b.c", "d/e-f/g/0/h @ d['e-f'].g[0].h"]);
    reads("{{ a.b[c.d].e }}", &["a/b @ a.b", "c/d @ c.d"]);
    reads("{{ a.b | map(attribute=c) | join(d.e) }}", &["a/b @ a.b", "c @ c", "d/e @ d.e"]);
    reads("{{ a[1:b] ~ (c + d.e) }}", &["a @ a", "b @ b", "c @ c", "d/e @ d.e"]);
    reads("{{ x if y.z else w }}", &["x @ x", "y/z @ y.z", "w @ w"]);
    reads("{{ a < b.c <= d }}", &["a @ a", "b/c @ b.c", "d @ d"]);
    reads("{{ {'k': a, b: [c]} }}", &["a @ a", "b @ b", "c @ c"]);
    reads("{{ range(n) }}", &["n @ n"]);
}

#[test]
fn names_of_for_and_set_are_no_references() {
    reads(
        "{% for x in xs.y if x.ok and z %}{{ x }}{{ loop.index }}{{ w }}{% endfor %}{{ x }}{{ loop.iteration }}",
        &["xs/y @ xs.y", "z @ z guarded", "w @ w", "x @ x", "loop/iteration @ loop.iteration"],
    );
    reads("{{ x }}{% set x = a.b %}{{ x.c }}", &["x @ x", "a/b @ a.b"]);
    reads("{% for k, v in m | items %}{{ k ~ v }}{% else %}{{ k }}{% endfor %}", &["m @ m", "k @ k"]);
}

#[test]
fn references_that_provide_for_absence_are_guarded() {
    reads("{{ a | default(b) }}", &["a @ a guarded", "b @ b"]);
    reads("{{ a.b | d }}", &["a/b @ a.b guarded"]);
    reads("{{ a | default(b) | default(c) }}", &["a @ a guarded", "b @ b guarded", "c @ c"]);
    reads(
        "{% if loop.iteration > 1 %}{{ loop.previous.a.b }}{% endif %}",
        &["loop/iteration @ loop.iteration", "loop/previous/a/b @ loop.previous.a.b guarded"],
    );
    reads("{{ a.x if nodes.a.status == 'succeeded' }}", &["a/x @ a.x guarded", "nodes/a/status @ nodes.a.status"]);
    reads("{{ a is defined }}{{ b is none }}{{ c is not none }}", &["a @ a guarded", "b @ b guarded", "c @ c guarded"]);
    reads(
        "{% if a is defined %}{{ a.x }}{{ b }}{% else %}{{ a }}{% endif %}{{ a }}",
        &["a @ a guarded", "a/x @ a.x guarded", "b @ b", "a @ a", "a @ a"],
    );
    reads("{% if a is none %}{{ a }}{% else %}{{ a.x }}{% endif %}", &["a @ a guarded", "a @ a", "a/x @ a.x guarded"]);
    reads("{{ a.x if a is not none else b }}", &["a/x @ a.x guarded", "a @ a guarded", "b @ b"]);
    reads("{{ a is defined and a.x > 1 }}", &["a @ a guarded", "a/x @ a.x guarded"]);
    reads("{{ a is none or a.x > 1 }}", &["a @ a guarded", "a/x @ a.x guarded"]);
    reads(
        "{{ (a is defined and b is defined) and a.x and b.x }}",
        &["a @ a guarded", "b @ b guarded", "a/x @ a.x guarded", "b/x @ b.x guarded"],
    );
    reads("{{ (a is defined or b is defined) and a.x }}", &["a @ a guarded", "b @ b guarded", "a/x @ a.x"]);
    reads("{{ not (a is none) and a.x }}", &["a @ a guarded", "a/x @ a.x guarded"]);
}

#[test]
fn references_tell_what_they_stand_for() {
    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let template = Template::parse(source).unwrap();
        let found: Vec<String> = template
            .references()
            .iter()
            .map(|reference| {
                let absent: Vec<String> = reference.instead_of.iter().map(|path| path.join("/")).collect();
                format!("{} for {}", reference.path.join("/"), absent.join(" "))
            })
            .collect();
        assert_eq!(found, expected);
    }
    check("{{ a.x | default(b) | default(c) }}{{ d }}", &["a/x for ", "b for a/x", "c for a/x b", "d for "]);
    check(
        "{% if a %}{{ b }}{% elif c is none %}{{ d }}{% else %}{{ e }}{% endif %}",
        &["a for ", "b for ", "c for a", "d for a c", "e for a"],
    );
    check("{{ a if a is defined else b }}", &["a for ", "a for ", "b for a"]);
}

#[test]
fn a_condition_that_holds_tells_what_is_there() {
    let expression =
        Expression::parse("a is not none and nodes.b.status == 'succeeded' and c.x > 1 and loop.iteration != 1").unwrap();
    assert_eq!(
        expression.present_when_true(),
        [vec!["a"], vec!["b"], vec!["nodes", "b", "output"], vec!["loop", "previous"]]
            .map(|path| path.into_iter().map(str::to_owned).collect::<Vec<_>>())
    );
    assert_eq!(expression.conjuncts(), ["a is not none", "nodes.b.status == 'succeeded'", "c.x > 1", "loop.iteration != 1"]);
    assert!(expression.is_condition());
    assert!(!Expression::parse("a and b == 1").unwrap().is_condition());
    assert!(Expression::parse("a or b").unwrap().present_when_true().is_empty());
    let condition = Expression::parse("a and (not b or c.d) and e > 1").unwrap();
    let guarded = |references: &[Reference]| references.iter().map(|reference| reference.guarded).collect::<Vec<_>>();
    assert_eq!(guarded(condition.references()), [true, true, false, false]);
    assert_eq!(guarded(condition.references_of_condition()), [true, true, false, false]);
    let name = Expression::parse("a").unwrap();
    assert_eq!((guarded(name.references()), guarded(name.references_of_condition())), (vec![false], vec![true]));
}

#[test]
fn scopes_are_layered_and_children_keep_what_they_saw() {
    let mut outer = Scope::new();
    outer.set("a", Shared::new(&json!(1)));
    let mut inner = outer.child();
    inner.set("b", Shared::new(&json!(2)));
    outer.set("a", Shared::new(&json!(10)));
    let sum = Expression::parse("a + b").unwrap();
    assert_eq!(sum.evaluate(&inner).unwrap(), json!(3));
    assert!(sum.evaluate(&outer).is_err());
    let object =
        Shared::object([("x".to_owned(), Shared::new(&json!([1]))), ("y".to_owned(), Shared::none())].into_iter().collect());
    outer.set("nodes", object);
    assert_eq!(Expression::parse("nodes").unwrap().evaluate(&outer).unwrap(), json!({"x": [1], "y": null}));
}

#[test]
fn trees_render_every_string() {
    let tree = TemplateTree::Map(
        [
            ("n".to_owned(), TemplateTree::Literal(json!(1))),
            ("list".to_owned(), TemplateTree::List(vec![TemplateTree::Text(Template::parse("{{ triage.score }}").unwrap())])),
        ]
        .into_iter()
        .collect(),
    );
    assert!(!tree.is_literal());
    assert_eq!(tree.references().count(), 1);
    assert_eq!(tree.render(&scope()).unwrap(), json!({"n": 1, "list": [8]}));
    assert_eq!(tree.render(&Scope::new()).unwrap_err().to_string(), "`list`: element 0: `triage`: there is no `triage` here");
}

#[test]
fn identifiers_can_stand_bare() {
    for name in ["a", "_x", "a1", "Draft"] {
        assert!(is_identifier(name), "{name}");
    }
    for name in ["", "1a", "a-b", "not", "none", "é", "a b"] {
        assert!(!is_identifier(name), "{name}");
    }
}

#[test]
fn compiled_code_can_be_shared_between_threads() {
    fn check<T: Clone + Send + Sync + fmt::Debug + 'static>() {}
    check::<Template>();
    check::<Expression>();
    check::<TemplateTree>();
    check::<Scope>();
    check::<Shared>();
}
