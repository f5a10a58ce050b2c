//! What `compile` finds in a workflow: every problem, at its place, once.

use std::{fmt::Write as _, path::Path, time::Duration};

use agentflow::{
    diagnostic::{Severity, StoredFiles},
    model::StoredSource,
    plan::{CompileOptions, Compiled, EdgeKind, GraphBuilder, GraphOutput, ManifestChoice, NodeKind, NodeSpec, compile},
};
use serde_json::json;

/// Compiles the first of `files`; the others are beside it.
pub(crate) fn compiled(files: &[(&str, &str)]) -> Compiled {
    let stored = files.iter().map(|(path, text)| StoredSource { path: (*path).to_owned(), text: (*text).to_owned() }).collect();
    compile(Path::new(files[0].0), ManifestChoice::Find, &StoredFiles::new(stored), &CompileOptions::default())
}

/// `code line:column excerpt: message (hint)` of each problem, one a line; the file before the position when it is not the first.
fn report(compiled: &Compiled, first: &str) -> String {
    let mut text = String::new();
    for problem in &compiled.diagnostics {
        let position = compiled.sources.position(problem.span);
        let file = if position.path == Path::new(first) { String::new() } else { format!("{}:", position.path.display()) };
        let excerpt = compiled.sources.text(problem.span).lines().next().unwrap_or_default();
        let mark = if problem.severity == Severity::Warning { " warning" } else { "" };
        write!(text, "{}{mark} {file}{}:{} {excerpt:?} {}", problem.code, position.line, position.column, problem.message)
            .unwrap();
        if let Some(hint) = &problem.hint {
            write!(text, " ({hint})").unwrap();
        }
        text.push('\n');
        for related in &problem.related {
            let position = compiled.sources.position(related.span);
            writeln!(text, "  {}:{} {}", position.line, position.column, related.message).unwrap();
        }
    }
    text
}

/// Checks the problems of a single file against `expected`.
#[track_caller]
pub(crate) fn check(workflow: &str, expected: &str) {
    check_files(&[("flow.yaml", workflow)], expected);
}

/// Checks the problems of several files, of which the first is compiled.
#[track_caller]
pub(crate) fn check_files(files: &[(&str, &str)], expected: &str) {
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.trim_start_matches('\n'))).collect();
    let found = report(&compiled(&files), files[0].0);
    assert_eq!(found.trim(), expected.trim(), "found:\n{found}");
}

#[test]
fn names_of_nodes_and_elements_are_told_apart() {
    check(
        r#"
nodes:
  outer:
    nodes:
      a: { value: 1 }
      outer: { value: 2 }
  each: { map: "[1]", as: outer, value: "{{ outer }}" }
"#,
        r#"
AF006 5:7 "outer" node `outer` has the id of an enclosing node (rename one of them: an inner graph reads outer nodes by their id)
  2:3 the other one is here
AF006 6:27 "outer" `outer` is the id of a node (give the element another name)
  2:3 the node is here
"#,
    );
}

#[test]
fn literal_values_must_follow_their_schemas() {
    check(
        r#"
inputs:
  n: { type: integer, default: x }
agents: { w: {} }
nodes:
  a: { agent: w, prompt: "{{ inputs.n }}", output: { ok: boolean }, on_error: { use: { ok: "yes" } } }
"#,
        r#"
AF017 2:32 "x" the default of input `n` breaks its type: "x" is not of type "integer"
  2:14 the type is written here
AF017 5:86 "{ ok: \"yes\" }" what `a` gives when it fails breaks its `output`: at /ok: "yes" is not of type "boolean"
  5:52 the output is written here
"#,
    );
}

#[test]
fn syntax_errors_in_templates_have_their_place_inside_the_text() {
    check(
        r#"
nodes:
  a: { value: '{{ 1 + }}' }
  b: { value: 1, when: "'ü' == " }
  c:
    value: |
      A first line.

      Then {{ 1 | upperr }} and more.
  d: { value: 1, when: "{{ true }}" }
"#,
        r#"
AF020 2:23 "}}" unexpected end of variable block
AF021 3:29 "==" unexpected end of input, expected expression
AF024 8:19 "upperr" there is no filter `upperr` (did you mean `upper`?)
AF021 9:25 "{{ true }}" this is a bare expression, without `{{` and `}}` (write only what stands between them)
"#,
    );
}

#[test]
fn unknown_names_are_reported_with_the_nearest() {
    check(
        r#"
inputs: { topic: string }
nodes:
  summarize: { value: "{{ inputs.topik }}" }
  b: { value: "{{ sumarize }}" }
  c: { value: "{{ topic }} {{ nodes.summarise.status }}" }
  build-report: { value: 1 }
  d: { value: "{{ build-report }} {{ nodes['build-report'].output }} {{ run.ids }}" }
  e: { value: "{{ inputs.topic }} {{ somewhere }}" }
"#,
        r#"
AF022 3:27 "inputs.topik" unknown input `topik` (did you mean `inputs.topic`?)
AF022 4:19 "sumarize" unknown name `sumarize` (did you mean `summarize`?)
AF022 5:19 "topic" unknown name `topic` (an input is read as `inputs.topic`)
AF022 5:31 "nodes.summarise.status" unknown node `summarise` (did you mean `summarize`?)
AF022 7:19 "build-report" `build-report` cannot be read by its bare name (an id with `-` is read as `nodes["build-report"].output`)
AF023 7:73 "run.ids" `run` has no field `ids` (did you mean `run.id`?)
AF022 8:38 "somewhere" unknown name `somewhere`
"#,
    );
}

#[test]
fn names_of_map_and_loop_exist_only_there() {
    check(
        r#"
nodes:
  list: { value: [1, 2] }
  a: { value: "{{ item }} {{ index }} {{ loop.iteration }}" }
  b: { map: list, as: one, when: one > 1, value: "{{ one }} {{ item }} {{ index }}" }
  c: { loop: { max: 2 }, value: "{{ loop.iteration }} {{ loop.previos }} {{ loop.previous.d | default(0) }}" }
"#,
        r#"
AF022 3:19 "item" unknown name `item` (`item` exists only in a node with `map`)
AF022 3:30 "index" unknown name `index` (`index` exists only in a node with `map`)
AF022 3:42 "loop.iteration" unknown name `loop` (`loop` exists only in a node with `loop`, and in its inner graph)
AF022 4:34 "one" unknown name `one` (`when` is evaluated once, before `map`: `one` can be read in the prompt or value of the node)
AF022 4:64 "item" unknown name `item` (`item` exists only in a node with `map`)
AF023 5:58 "loop.previos" `loop` has no field `previos` (did you mean `loop.previous`?)
AF022 5:77 "loop.previous.d" `loop.previous` has no `d` (the previous iteration has `c`)
"#,
    );
}

#[test]
fn inner_nodes_are_read_through_their_container() {
    check(
        r#"
nodes:
  improve:
    nodes:
      draft: { value: "x" }
      better: { value: "{{ draft }}!" }
  a: { value: "{{ draft }} {{ improve.better }} {{ improve.bettr }}", needs: [better] }
"#,
        r#"
AF022 6:19 "draft" unknown name `draft` (`draft` is inside another node; from here it is read as `improve.draft`)
AF023 6:52 "improve.bettr" `improve` has no field `bettr` (did you mean `improve.better`?)
AF030 6:79 "better" unknown node `better` (`better` is inside `improve`: name `improve`)
"#,
    );
}

#[test]
fn unknown_fields_are_found_along_the_path() {
    check(
        r#"
inputs: { person: { name: string, tags: [string] } }
agents: { w: {} }
nodes:
  triage: { agent: w, prompt: "{{ inputs.person.nam }} {{ inputs.person.tags.first }}", output: { risk: low | high, areas: [{ file: string }] } }
  each: { map: triage.areas, as: area, agent: w, prompt: "{{ area.fil }} {{ nodes.triage.output.rsk }} {{ nodes.triage.state }}" }
  text: { value: "{{ each[0].x }} {{ each.x }} {{ triage.risk.level }}" }
  data: { value: { copy: "{{ triage.areas }}", text: "a {{ triage.risk }}", n: 1 } }
  last: { value: "{{ data.copy[0].fille }} {{ data.txt }} {{ data.text.x }} {{ data.n }}" }
"#,
        r#"
AF023 4:35 "inputs.person.nam" `inputs.person` has no field `nam` (did you mean `inputs.person.name`?)
  1:19 the type of `inputs.person` is written here
AF023 4:59 "inputs.person.tags.first" `inputs.person.tags` is a list and has no field `first` (read one element, `inputs.person.tags[0]`, that field of all, `inputs.person.tags | map(attribute="first")`, or use `map`)
  1:19 the type of `inputs.person` is written here
AF023 5:62 "area.fil" `area` has no field `fil` (did you mean `area.file`?)
AF023 5:77 "nodes.triage.output.rsk" `nodes.triage.output` has no field `rsk` (did you mean `nodes.triage.output.risk`?)
AF023 5:107 "nodes.triage.state" `nodes.triage` has no field `state` (it has `status`, `output`, `error`, `attempts`, `cost_usd`, `duration_ms`)
AF023 6:22 "each[0].x" `each[0]` is a string and has no field `x`
AF023 6:38 "each.x" `each` is a list and has no field `x` (read one element, `each[0]`, that field of all, `each | map(attribute="x")`, or use `map`)
AF023 6:51 "triage.risk.level" `triage.risk` is a string and has no field `level`
  4:97 the output of `triage` is written here
AF023 8:22 "data.copy[0].fille" `data.copy[0]` has no field `fille` (did you mean `data.copy[0].file`?)
AF023 8:47 "data.txt" `data` has no field `txt` (did you mean `data.text`?)
AF023 8:62 "data.text.x" `data.text` is a string and has no field `x`
"#,
    );
}

#[test]
fn secrets_and_unlisted_variables_cannot_be_read() {
    check(
        r#"
env: [HOME_DIR]
nodes:
  a: { value: "{{ env.HOME_DIR }} {{ env.HOME_DIRS }} {{ env.PATH }} {{ secrets.KEY }} {{ nodes }}" }
"#,
        r#"
AF025 3:38 "env.HOME_DIRS" environment variable `HOME_DIRS` is not listed in `env` (did you mean `env.HOME_DIR`?)
AF025 3:58 "env.PATH" environment variable `PATH` is not listed in `env` (list it at the top of the workflow: `env: [PATH]`)
AF025 3:73 "secrets.KEY" secrets cannot be read here (`secrets.NAME` stands in `args` of a `tool` node only; the key of a model belongs into the manifest: `api_key = { env = "NAME" }` of its provider)
AF025 3:91 "nodes" `nodes` cannot be read as a whole (name one node, for example `nodes.ID.status`)
"#,
    );
}

#[test]
fn unknown_nodes_agents_and_capabilities() {
    check(
        r"
agents:
  writer: { capabilities: [code-review, prose] }
  critic: { capabilities: [judgement] }
nodes:
  a: { value: 1, needs: [bb] }
  b: { agent: writr, prompt: x, on_error: { goto: c2 } }
  c: { agent: { capability: code-revue }, prompt: x, route: { on: c, cases: { x: aa }, default: a } }
  d: { agent: { capability: [prose, judgement] }, prompt: x }
  e: { agent: somebody-else, prompt: x }
  f: { agent: critic, prompt: x }
",
        r#"
AF030 5:26 "bb" unknown node `bb`
AF031 6:15 "writr" unknown agent `writr` (did you mean `writer`?)
AF030 6:51 "c2" unknown node `c2`
AF032 7:29 "code-revue" no agent has the capability `code-revue` (did you mean `code-review`?)
AF030 7:82 "aa" unknown node `aa`
AF032 8:30 "prose" no agent has all of `prose`, `judgement` (ask for fewer capabilities, or give them to one agent)
AF031 9:15 "somebody-else" unknown agent `somebody-else` (the agents are `critic`, `writer`)
"#,
    );
}

#[test]
fn models_name_a_provider() {
    check(
        r"
agents:
  a: { model: opnai/gpt-5-mini }
  b: { model: gpt-5-mini }
nodes:
  x: { agent: a, prompt: hi }
  y: { agent: b, prompt: hi, model: my-lab/small }
",
        r#"
AF037 2:15 "opnai/gpt-5-mini" unknown provider `opnai` (did you mean `openai/gpt-5-mini`?)
AF037 3:15 "gpt-5-mini" `gpt-5-mini` is no model (write `provider/model`, for example `openai/gpt-5-mini` or `ollama/qwen3:8b`)
AF037 6:37 "my-lab/small" unknown provider `my-lab` (add `[providers.my-lab]` with its `base_url` to the manifest, or use one of `anthropic`, `azure`, `deepseek`, `gemini`, `groq`, `llamacpp`, `lmstudio`, `mistral`, `mock`, `ollama`, `openai`, `openrouter`, `together`, `vllm`)
"#,
    );
}

#[test]
fn cycles_are_shown_as_a_path() {
    check(
        r#"
nodes:
  a: { value: '{{ c }}' }
  b: { value: '{{ a }}' }
  c: { value: 1, needs: [b] }
  d: { value: '{{ d }}' }
  e: { value: 1, needs: [e] }
  f: { value: 1, route: { on: f, cases: { "1": g }, default: h } }
  g: { value: '{{ h }}' }
  h: { value: 1, on_error: { goto: f } }
  i: { nodes: { k: { value: '{{ i }}' } } }
"#,
        r#"
AF040 3:19 "a" these nodes wait for each other: `a` → `b` → `c` → `a` (remove one of these edges; repetition is written as a node with `loop` and an inner graph)
  4:26 `c` needs `b`
  2:19 `a` reads `c` here
AF040 5:19 "d" node `d` reads its own output (repetition is written as `loop: { until: …, max: … }` on the node)
AF040 6:26 "e" node `e` needs itself (repetition is written as `loop: { until: …, max: … }` on the node)
AF040 7:62 "h" these nodes wait for each other: `f` → `h` → `f` (remove one of these edges; repetition is written as a node with `loop` and an inner graph)
  9:36 `h` goes to `f` when it fails
AF040 10:33 "i" a node inside `i` waits for `i` itself (a node of the inner graph can be named directly)
  10:3 `i` ends when all nodes in it have ended
"#,
    );
}

#[test]
fn nodes_that_never_run_and_conditions_that_never_change() {
    check(
        r#"
nodes:
  a: { value: 1, when: false }
  b: { value: '{{ a | default(1) }}' }
  c: { value: 1, when: 1 == 1 }
  d: { value: 1, loop: { until: "true", max: 2 } }
  e: { value: 1, on_error: { goto: f } }
  f: { value: 2 }
  g: { value: 1, route: { on: "'x'", cases: { x: h } } }
  h: { value: 1 }
"#,
        r#"
AF041 warning 2:24 "false" node `a` never runs: its `when` is always false
AF062 warning 4:24 "1 == 1" the `when` of `c` is always true (remove it: the node always runs)
AF062 warning 5:33 "\"true\"" the `until` of `d` is always true: the loop ends after its first iteration (test an output of the iteration, or leave `until` out)
AF041 7:3 "f" node `f` can never run: `e` cannot fail
AF062 warning 8:31 "\"'x'\"" the route of `g` always chooses the same (route on an output, or use `needs`)
"#,
    );
}

#[test]
fn a_loop_needs_a_bound() {
    check(
        r"
nodes:
  a: { value: 1, loop: { until: a > 1 } }
",
        r#"
AF042 2:24 "{ until: a > 1 }" the loop has no bound (add `max`, for example `loop: { until: …, max: 5 }`: every workflow must be sure to end)
"#,
    );
}

#[test]
fn map_needs_a_list() {
    check(
        r#"
inputs: { person: { name: string } }
nodes:
  text: { value: a text }
  a: { map: text, value: "{{ item }}" }
  b: { map: inputs.person, value: "{{ item }}" }
  c: { map: "12", value: "{{ item }}" }
  d: { map: "[1, 2]", value: "{{ item }}" }
"#,
        r#"
AF043 4:13 "text" `map` of `a` needs a list, but `text` is a string (a list of its lines is `… | lines`; or let its source give a list: `output: [string]`)
AF043 5:13 "inputs.person" `map` of `b` needs a list, but `inputs.person` is an object (a list of its keys and values is `… | items`)
AF043 6:13 "\"12\"" `map` of `c` needs a list, but `12` is a number (let its source give a list, for example `output: [string]`)
"#,
    );
}

#[test]
fn routes_cover_every_value_and_no_other() {
    check(
        r#"
agents: { w: {} }
inputs: { ok: boolean }
nodes:
  a: { agent: w, prompt: x, output: { kind: bug | feature | other }, route: { on: a.kind, cases: { bug: x } } }
  b: { agent: w, prompt: x, output: bug | feature, route: { on: b, cases: { bug: x, featur: y } } }
  c: { value: 1, route: { on: inputs.ok, cases: { "yes": x }, default: y } }
  d: { value: "{{ a.kind }}", route: { on: "d != 'bug'", cases: { "true": x } } }
  e: { value: "{{ a.kind }}", route: { on: e, cases: { bug: x }, default: y } }
  x: { value: 1 }
  y: { value: 1 }
"#,
        r#"
AF044 4:83 "a.kind" the route of `a` leads nowhere for `feature`, `other` (add a case for each, or a `default`)
AF045 5:85 "featur" case `featur` can never be taken (did you mean `feature`?)
AF045 6:51 "\"yes\"" case `yes` can never be taken (`inputs.ok` is one of `true`, `false`)
AF044 7:44 "\"d != 'bug'\"" the route of `d` leads nowhere for `false` (add a case for it, or a `default`)
"#,
    );
}

#[test]
fn unused_inputs_and_agents_are_warnings() {
    check(
        r#"
inputs: { topic: string, used: string }
agents: { w: {}, v: {} }
nodes:
  a: { agent: v, prompt: "{{ inputs.used }}" }
"#,
        r#"
AF060 warning 1:11 "topic" input `topic` is never read (read it as `inputs.topic`, or remove it)
AF061 warning 2:11 "w" agent `w` is never used (name it in a node, `agent: NAME`, or remove it)
"#,
    );
}

#[test]
fn a_name_in_a_broken_template_counts_as_used() {
    check(
        r#"
inputs: { topic: string }
nodes:
  a: { value: "{{ inputs.topic + }}" }
"#,
        r#"
AF020 3:34 "}}" unexpected end of variable block
"#,
    );
}

#[test]
fn outputs_of_skipped_nodes_need_a_guard() {
    check(
        r#"
inputs: { go: boolean }
nodes:
  a: { value: 1, when: inputs.go }
  direct: { value: "{{ a }}" }
  b: { value: 2 }
  both: { value: "{{ a }} {{ b }} {{ a }}" }
  safe: { value: "{{ a | default(0) }} {{ b }} {{ a if a else 1 }} {% if a %}{{ a }}{% endif %}" }
  when1: { value: "{{ a }} {{ b }}", when: a is not none }
  when2: { value: "{{ a }} {{ b }}", when: nodes.a.status == "succeeded" and b == 2 }
  same: { value: "{{ a }} {{ b }}", when: inputs.go and b == 2 }
  state: { value: "{{ nodes.a.status }} {{ nodes.a.output }} {{ b }}" }
outputs: { direct: "{{ direct }}", b: "{{ b }}", both: "{{ both }}" }
"#,
        r#"
AF026 6:22 "a" `a` may be absent here (give a default, `a | default(…)`; or test it, `{% if a is defined %}`; or let `both` run only with it, `when: a is not none`)
  3:24 `a` is skipped when this is false
  6:38 and is read here
AF026 11:44 "nodes.a.output" `a` may be absent here (give a default, `a | default(…)`; or test it, `{% if a is defined %}`; or let `state` run only with it, `when: a is not none`)
  3:24 `a` is skipped when this is false
AF026 12:24 "direct" `direct` may be absent here (give a default, `direct | default(…)`, or test it, `{% if direct is defined %}`)
  3:24 `a` is skipped when this is false
"#,
    );
}

#[test]
fn outputs_of_failed_nodes_need_a_guard() {
    check(
        r#"
nodes:
  a: { value: "{{ 1 / 0 }}", on_error: continue }
  reads-a: { value: "{{ a }}" }
  b: { value: "{{ 1 / 0 }}", on_error: { use: 0 } }
  reads-b: { value: "{{ b }}" }
  c: { value: "{{ 1 / 0 }}", on_error: { goto: d } }
  d: { value: "{{ nodes.c.error }} {{ c }}" }
  reads-c: { value: "{{ c }}" }
  after: { value: "{{ reads-c | default(d) }}" }
  joined: { value: "{{ nodes['reads-c'].output | default(d) }}" }
outputs: { joined: "{{ joined }}", c: "{{ c }}" }
"#,
        r#"
AF026 3:25 "a" `a` may be absent here (give a default, `a | default(…)`; or test it, `{% if a is defined %}`; or let `reads-a` run only with it, `when: a is not none`)
  2:40 `a` may fail, and the run goes on without its output
AF026 7:39 "c" `c` may be absent here (give a default, `c | default(…)`; or test it, `{% if c is defined %}`; or let `d` run only with it, `when: c is not none`)
  6:40 `c` may fail, and the run goes on at `d`
AF022 9:23 "reads-c" `reads-c` cannot be read by its bare name (an id with `-` is read as `nodes["reads-c"].output`)
AF026 11:43 "c" `c` may be absent here (give a default, `c | default(…)`, or test it, `{% if c is defined %}`)
  6:40 `c` may fail, and the run goes on at `d`
"#,
    );
}

#[test]
fn of_exclusive_branches_one_is_there() {
    check(
        r#"
agents: { w: {} }
nodes:
  sort: { agent: w, prompt: hi, output: { kind: bug | feature | other }, route: { on: sort.kind, cases: { bug: fix, feature: [plan, tell], other: tell } } }
  fix: { value: { text: "{{ sort.kind }}" } }
  plan: { value: 1 }
  tell: { value: 2 }
  one: { value: "{{ fix.text | default(tell) }}" }
  not-one: { value: "{{ fix.text | default(plan) }} {{ sort.kind }}" }
  else: { value: "{% if fix is defined %}{{ fix.text }}{% else %}{{ tell }}{% endif %}" }
  after: { value: "{{ one }}", needs: [fix] }
outputs: { one: "{{ one }}", tell: "{{ tell }}", after: "{{ after }}", either: "{{ plan | default(fix) }}" }
"#,
        r#"
AF026 8:44 "plan" `plan` may be absent here (give a default, `plan | default(…)`; or test it, `{% if plan is defined %}`; or let `not-one` run only with it, `when: plan is not none`)
  3:127 `plan` runs only when `sort` chooses it
AF016 9:3 "else" `else` has another meaning in templates (choose another name, e.g. `else_1` or one that says what it does)
AF026 11:40 "tell" `tell` may be absent here (give a default, `tell | default(…)`, or test it, `{% if tell is defined %}`)
  3:133 `tell` runs only when `sort` chooses it
AF026 11:99 "fix" `fix` may be absent here (give a default, `fix | default(…)`, or test it, `{% if fix is defined %}`)
  3:112 `fix` runs only when `sort` chooses it
"#,
    );
}

#[test]
fn join_any_knows_only_one_source() {
    check(
        r#"
inputs: { go: boolean }
nodes:
  a: { value: 1 }
  b: { value: 2, needs: [a] }
  c: { value: 3, needs: [a] }
  any: { join: any, value: "{{ a }} {{ b | default(c) }} {{ c }}" }
"#,
        r#"
AF060 warning 1:11 "go" input `go` is never read (read it as `inputs.go`, or remove it)
AF026 6:52 "c" `c` may be absent here (give a default, `c | default(…)`; or test it, `{% if c is defined %}`; or let `any` run only with it, `when: c is not none`)
  6:16 `any` starts at the first of its sources
  6:61 and is read here
"#,
    );
}

#[test]
fn optional_fields_need_a_guard() {
    check(
        r#"
agents: { w: {} }
nodes:
  a: { agent: w, prompt: x, output: { n: { deep?: { x: integer } }, list: [{ y?: integer }] } }
  b: { value: "{{ a.n.deep.x }} {{ a.n.deep.x | default(0) }} {{ a.list[0].y }}" }
  c: { value: "{{ a.n.deep.x }}", when: a.n.deep is defined }
"#,
        r#"
AF026 4:19 "a.n.deep.x" `a.n.deep` may be absent here (the field is optional: give a default, `a.n.deep | default(…)`, or test it, `{% if a.n.deep is defined %}`)
AF026 4:66 "a.list[0].y" `a.list[0].y` may be absent here (the field is optional: give a default, `a.list[0].y | default(…)`, or test it, `{% if a.list[0].y is defined %}`)
"#,
    );
}

#[test]
fn the_iteration_before_is_absent_in_the_first() {
    check(
        r#"
agents: { w: {} }
inputs: { go: boolean }
nodes:
  pre: { value: 1, when: inputs.go }
  improve:
    loop: { until: critique.score >= 8, max: 5 }
    needs: [pre]
    nodes:
      draft: { agent: w, prompt: "{{ loop.previous.draft }} {{ loop.previous.critique.notes | default('') }} {% if loop.iteration > 1 %}{{ loop.previous.draft }}{% endif %}" }
      critique: { agent: w, prompt: "{{ draft }} {{ pre }}", output: { score: integer, notes: string }, when: draft }
  use: { value: "{{ improve.draft }} {{ improve.critique.score }}" }
  single: { agent: w, prompt: "{{ loop.previous.single | default('') }}", loop: { until: single.score > 3, max: 3 }, output: { score: integer } }
outputs: { use: "{{ use }}" }
"#,
        r#"
AF026 6:20 "critique.score" `critique` may be absent here (give a default, `critique | default(…)`, or test it, `{% if critique is defined %}`)
  10:111 `critique` is skipped when this is false
AF026 9:38 "loop.previous.draft" `loop.previous.draft` may be absent here (in the first iteration there is none before: give a default, `loop.previous.draft | default(…)`, or write `{% if loop.iteration > 1 %}` around it)
AF026 11:41 "improve.critique.score" `improve.critique` may be absent here (give a default, `improve.critique | default(…)`, or test it, `{% if improve.critique is defined %}`)
  10:7 `critique` may be skipped or fail in there
AF026 13:21 "use" `use` may be absent here (give a default, `use | default(…)`, or test it, `{% if use is defined %}`)
  4:26 `pre` is skipped when this is false
"#,
    );
}

#[test]
fn one_mistake_gives_one_problem() {
    check(
        r#"
agents: { w: {}, Broken: {} }
nodes:
  a: { agent: w }
  b: { agent: nobody, prompt: x, output: { x: string } }
  c: { agents: w, prompt: x }
  Bad: { value: 1 }
  d: { value: "{{ a }} {{ b.x }} {{ c.anything }} {{ Bad }}", needs: [Bad] }
  e: { value: "{{ nope + }}" }
  f: { value: "{{ e }}", route: { on: f, cases: { a: nowhere } } }
  g: { agent: Broken, prompt: x }
"#,
        r#"
AF007 1:18 "Broken" `Broken` is no valid name here (use 1 to 64 of a-z, 0-9, `_` and `-`, beginning with a letter or a digit: for example `broken`)
AF005 3:3 "a" `a` needs `prompt` or `prompt_file`
AF031 4:15 "nobody" unknown agent `nobody` (the agents are `Broken`, `w`)
AF003 5:8 "agents" a node has no key `agents` (did you mean `agent`?)
AF007 6:3 "Bad" `Bad` is no valid name here (use 1 to 64 of a-z, 0-9, `_` and `-`, beginning with a letter or a digit: for example `bad`)
AF020 8:26 "}}" unexpected end of variable block
AF030 9:54 "nowhere" unknown node `nowhere`
"#,
    );
}

#[test]
fn edges_of_generated_graphs() {
    check(
        r#"
{
  "nodes": [
    { "node_id": "a", "node_type": "value", "config": { "value": 1 } },
    { "node_id": "b", "node_type": "value", "config": { "value": 2 } },
    { "node_id": "c", "node_type": "value", "config": { "value": "{{ b }}" } },
    { "node_id": "d", "node_type": "value", "config": { "value": "{{ a }}", "route": { "on": "inputs.k", "cases": { "x": "e" }, "default": "c" } } },
    { "node_id": "e", "node_type": "value", "config": { "value": 1 } },
    { "node_id": "f", "node_type": "value", "config": { "value": 1 } }
  ],
  "edges": [
    { "from_node": "a", "to_node": "b", "condition": "a > inputs.limit" },
    { "from_node": "a", "to_node": "b" },
    { "from_node": "nope", "to_node": "c" },
    { "from_node": "c", "to_node": "nope" },
    { "from_node": "d", "to_node": "e", "condition": "d == 1" },
    { "from_node": "a", "to_node": "f", "condition": "1 > 2" },
    { "from_node": "a", "to_node": "e", "condition": "xx" }
  ],
  "initial_state": { "limit": 3, "k": "x" }
}
"#,
        r#"
AF026 5:70 "b" `b` may be absent here (give a default, `b | default(…)`; or test it, `{% if b is defined %}`; or let `c` run only with it, `when: b is not none`)
  11:20 `b` runs only when the condition of this edge holds
AF041 8:18 "\"f\"" node `f` can never run: the condition of the edge to it is always false
AF006 12:20 "\"a\"" a second edge from `a` to `b` (join their conditions with `or`)
  11:20 the first one is here
AF030 13:20 "\"nope\"" unknown node `nope`
AF030 14:36 "\"nope\"" there is no node `nope`
AF018 15:20 "\"d\"" `d` leads to `e` in two different ways (put a node between them for one of the ways)
  6:122 the other one is here
AF022 17:55 "xx" unknown name `xx`
"#,
    );
}

const TEN_MISTAKES: &str = r#"
inputs: { topic: string, unused: string }
agents: { writer: { system: "You write." } }
nodes:
  plan: { agent: writer, prompt: "Plan {{ inputs.topc }}", output: { steps: [string], kind: short | long } }
  step: { map: plan.kind, agent: writer, prompt: "{{ item }}", timeout: 5 minutes }
  first: { value: "{{ second }}" }
  second: { value: "{{ first }}" }
  pick: { agent: wrter, promt: x, prompt: "{{ plan.step }}" }
  sort: { value: "{{ plan.kind }}", route: { on: plan.kind, cases: { short: done } } }
  done: { value: "{{ plan.steps | jion }}", needs: [pik] }
"#;

const TEN_MISTAKES_IN_TOML: &str = r#"
[inputs]
topic = "string"
unused = "string"
[agents.writer]
system = "You write."
[nodes.plan]
agent = "writer"
prompt = "Plan {{ inputs.topc }}"
output = { steps = ["string"], kind = "short | long" }
[nodes.step]
map = "plan.kind"
agent = "writer"
prompt = "{{ item }}"
timeout = "5 minutes"
[nodes.first]
value = "{{ second }}"
[nodes.second]
value = "{{ first }}"
[nodes.pick]
agent = "wrter"
promt = "x"
prompt = "{{ plan.step }}"
[nodes.sort]
value = "{{ plan.kind }}"
route = { on = "plan.kind", cases = { short = "done" } }
[nodes.done]
value = "{{ plan.steps | jion }}"
needs = ["pik"]
"#;

#[test]
fn ten_mistakes_are_found_at_once_in_yaml_and_in_toml() {
    let problems = |path: &str, text: &str| -> Vec<(String, String, Option<String>)> {
        let compiled = compiled(&[(path, text)]);
        let mut found: Vec<_> =
            compiled.diagnostics.into_iter().map(|problem| (problem.code.to_string(), problem.message, problem.hint)).collect();
        found.sort();
        found
    };
    let yaml = problems("flow.yaml", TEN_MISTAKES);
    let codes: Vec<&str> = yaml.iter().map(|(code, ..)| code.as_str()).collect();
    assert_eq!(
        codes,
        ["AF003", "AF008", "AF022", "AF023", "AF024", "AF030", "AF031", "AF040", "AF043", "AF044", "AF060"],
        "{yaml:#?}"
    );
    assert_eq!(yaml, problems("flow.toml", TEN_MISTAKES_IN_TOML));
}

#[test]
fn prompt_files_are_found_beside_the_file_that_names_them() {
    check_files(
        &[
            (
                "flows/a.yaml",
                r"
nodes:
  a: { agent: w, prompt_file: ../prompts/a.md }
  b: { agent: w, prompt_file: missing.md }
  c: { agent: v, prompt_file: ../prompts/a.md }
",
            ),
            ("agents.toml", "[agents.w]\nsystem_file = \"prompts/w.md\"\n[agents.v]\nsystem_file = \"nope.md\"\n"),
            ("prompts/w.md", "You are {{ inputs.who }}."),
            ("flows/../prompts/a.md", "A line.\n\nThen {{ nothing }}."),
        ],
        r#"
AF034 3:31 "missing.md" prompt file `flows/missing.md` does not exist (the path is relative to the file that names it)
AF034 agents.toml:4:15 "\"nope.md\"" prompt file `nope.md` does not exist (the path is relative to the file that names it)
AF022 prompts/w.md:1:12 "inputs.who" unknown input `who` (the workflow has no `inputs`; declare it there)
AF022 flows/../prompts/a.md:3:9 "nothing" unknown name `nothing`
"#,
    );
}

#[test]
fn inner_workflows_are_checked_with_their_inputs() {
    check_files(
        &[
            (
                "a.yaml",
                r#"
nodes:
  list: { value: [1] }
  ok: { workflow: parts/b.yaml, with: { topic: x } }
  again: { workflow: parts/b.yaml, with: { topik: x, depth: deep } }
  typed: { workflow: parts/b.yaml, with: { topic: "{{ list }}" } }
  gone: { workflow: parts/c.yaml }
  bare: { workflow: parts/b.yaml }
  read: { value: "{{ ok.text }} {{ ok.txt }}" }
"#,
            ),
            (
                "parts/b.yaml",
                r#"inputs: { topic: string, depth: { type: integer, default: 1 } }
nodes: { a: { value: "{{ inputs.topic }} {{ inputs.depth }}" } }
outputs: { text: "{{ a }}" }
"#,
            ),
        ],
        r#"
AF036 4:44 "topik" workflow `parts/b.yaml` has no input `topik` (did you mean `topic`?)
AF036 4:61 "deep" input `depth` of workflow `parts/b.yaml`: "deep" is not of type "integer"
AF036 5:51 "\"{{ list }}\"" input `topic` is of type string, but this is of type array
AF035 6:21 "parts/c.yaml" workflow file `parts/c.yaml` does not exist (the path is relative to the file that names it)
AF036 7:21 "parts/b.yaml" workflow `parts/b.yaml` needs the input `topic` (add `with: { topic: … }`)
AF023 8:36 "ok.txt" `ok` has no field `txt` (did you mean `ok.text`?)
"#,
    );
}

#[test]
fn problems_of_an_inner_workflow_are_reported_there_and_once() {
    check_files(
        &[
            ("a.yaml", "nodes:\n  x: { workflow: b.yaml }\n  y: { workflow: b.yaml }\n  z: { value: '{{ x.any }}' }\n"),
            ("b.yaml", "nodes:\n  a: { value: '{{ aa }}' }\n"),
        ],
        r#"
AF022 b.yaml:2:19 "aa" unknown name `aa`
"#,
    );
}

#[test]
fn a_workflow_that_calls_itself_is_shown_as_a_path() {
    check_files(
        &[
            ("a.yaml", "nodes:\n  x: { workflow: parts/b.yaml }\n"),
            ("parts/b.yaml", "nodes:\n  y: { workflow: c.yaml }\n"),
            ("parts/c.yaml", "nodes:\n  z: { workflow: ../a.yaml }\n"),
        ],
        r#"
AF046 parts/c.yaml:2:18 "../a.yaml" workflow calls itself: `a.yaml` → `parts/b.yaml` → `parts/c.yaml` → `a.yaml` (repetition is written as a `loop` with a bound)
  2:18 calls `parts/b.yaml` here
  2:18 calls `parts/c.yaml` here
"#,
    );
}

#[test]
fn a_manifest_is_found_in_the_nearest_folder_above() {
    let workflow = ("x/y/flow.yaml", "nodes:\n  a: { agent: w, prompt: hi }\n");
    let near = ("x/agents.yaml", "agents: { w: { model: openai/near } }\n");
    let far = ("agents.toml", "[agents.w]\nmodel = \"openai/far\"\n");
    let above = ("../agents.json", "{ \"agents\": { \"w\": { \"model\": \"openai/above\" } } }\n");
    let model = |files: &[(&str, &str)]| {
        let plan = compiled(files).plan.unwrap();
        plan.agents["w"].model.as_ref().unwrap().to_string()
    };
    assert_eq!(model(&[workflow, near, far, above]), "openai/near");
    assert_eq!(model(&[workflow, far, above]), "openai/far");
    assert_eq!(model(&[workflow, above]), "openai/above");
}

#[test]
fn the_nearest_definition_and_the_strongest_model_win() {
    let workflow = r"
agents: { w: { capabilities: [prose], model: openai/inline } }
nodes:
  a: { agent: w, prompt: hi }
  b: { agent: w, prompt: hi, model: openai/node }
  c: { agent: { capability: prose }, prompt: hi }
  d: { agent: { capability: rhyme }, prompt: hi }
";
    let manifest = r#"
[defaults]
model = "openai/default"
timeout = "5s"
retry = { max_attempts = 2, initial = "1s" }
[agents.w]
model = "openai/manifest"
[agents.poet]
capabilities = ["prose", "rhyme"]
"#;
    let files = [("flow.yaml", workflow), ("agents.toml", manifest)]
        .map(|(path, text)| StoredSource { path: path.to_owned(), text: text.to_owned() });
    let overrides = [("poet".to_owned(), "ollama/local".parse().unwrap())].into();
    let options = CompileOptions { model_overrides: overrides, ..CompileOptions::default() };
    let compiled = compile(Path::new("flow.yaml"), ManifestChoice::Find, &StoredFiles::new(files.to_vec()), &options);
    let plan = compiled.plan.unwrap();
    let seen: Vec<_> = plan
        .graph
        .nodes
        .iter()
        .map(|node| {
            let NodeKind::Agent(agent) = &node.kind else { panic!("all nodes run agents") };
            (agent.agent.name.to_string(), agent.model.as_ref().unwrap().to_string(), agent.chosen_by.clone())
        })
        .collect();
    let chosen = "the first by name of 2 agents with `prose`: `poet`, `w`".to_owned();
    assert_eq!(
        seen,
        [
            ("w".to_owned(), "openai/inline".to_owned(), None),
            ("w".to_owned(), "openai/node".to_owned(), None),
            ("poet".to_owned(), "ollama/local".to_owned(), Some(chosen)),
            ("poet".to_owned(), "ollama/local".to_owned(), Some("the only agent with `rhyme`".to_owned())),
        ]
    );
    let first = &plan.graph.nodes[0];
    assert_eq!((first.retry.max_attempts, first.retry.initial), (2, Duration::from_secs(1)));
    assert_eq!(first.timeout, Some(Duration::from_secs(900)));
    assert_eq!(plan.agents["poet"].timeout, Some(Duration::from_secs(5)));
    assert_eq!(plan.stored_sources.iter().map(|source| source.path.as_str()).collect::<Vec<_>>(), ["flow.yaml", "agents.toml"]);
    assert_eq!(plan.digest.len(), 64);
}

#[test]
fn unknown_overrides_are_problems_of_the_command_line() {
    let options = CompileOptions {
        model_overrides: [("nobody".to_owned(), "nowhere/x".parse().unwrap())].into(),
        ..CompileOptions::default()
    };
    let files = StoredFiles::new(vec![StoredSource { path: "f.yaml".into(), text: "nodes: { a: { value: 1 } }".into() }]);
    let compiled = compile(Path::new("f.yaml"), ManifestChoice::Find, &files, &options);
    let codes: Vec<String> = compiled.diagnostics.iter().map(|problem| problem.code.to_string()).collect();
    assert_eq!((codes, compiled.plan.is_none()), (vec!["AF031".to_owned(), "AF037".to_owned()], true));
}

#[test]
fn edges_come_from_references_needs_routes_and_handlers() {
    let compiled = compiled(&[(
        "flow.yaml",
        r#"
nodes:
  last: { value: "{{ inner.x }} {{ nodes.start.status }}", needs: [skipped] }
  inner: { nodes: { x: { value: "{{ start }}" } } }
  skipped: { value: 1, when: start == 2 }
  start: { value: "{{ 1 + 0 }}", route: { on: start, cases: { "1": chosen }, default: [] }, on_error: { goto: handler } }
  chosen: { value: "{{ start }}" }
  handler: { value: "{{ nodes.start.error }}" }
  looped: { loop: { max: 3 }, value: "{{ loop.iteration }}", retry: { max_attempts: 2 } }
"#,
    )]);
    let plan = compiled.plan.as_ref().unwrap_or_else(|| panic!("{}", report(&compiled, "")));
    let names: Vec<&str> = plan.graph.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(names, ["start", "inner", "skipped", "last", "chosen", "handler", "looped"]);
    let edges: Vec<String> = plan
        .graph
        .nodes
        .iter()
        .flat_map(|node| node.incoming.iter().map(move |edge| (node, edge)))
        .map(|(node, edge)| {
            let kind = match edge.kind {
                EdgeKind::Plain => "",
                EdgeKind::Routed => " routed",
                EdgeKind::Conditional(_) => " conditional",
                EdgeKind::OnError => " on error",
            };
            format!("{} → {}{kind}", names[edge.from], node.id)
        })
        .collect();
    assert_eq!(
        edges,
        [
            "start → inner",
            "start → skipped",
            "start → last",
            "inner → last",
            "skipped → last",
            "start → chosen routed",
            "start → handler on error"
        ]
    );
    let looped = &plan.graph.nodes[6];
    let NodeKind::Graph(iteration) = &looped.kind else { panic!("a looped leaf becomes a graph") };
    assert_eq!((iteration.output, iteration.nodes.len()), (GraphOutput::Single, 1));
    assert_eq!((looped.retry.max_attempts, iteration.nodes[0].retry.max_attempts), (1, 2));
    assert_eq!(plan.outputs.keys().collect::<Vec<_>>(), ["last", "chosen", "handler", "looped"]);
    assert_eq!(plan.output_schema["required"], json!(["looped"]));
}

#[test]
fn a_thousand_nodes_compile() {
    let mut text = "agents: { w: {} }\nnodes:\n".to_owned();
    for number in 0..1000 {
        let before = if number == 0 { String::new() } else { format!("{{{{ n{}.text }}}}", number - 1) };
        writeln!(text, "  n{number}: {{ agent: w, prompt: 'Go on {before}', output: {{ text: string }} }}").unwrap();
    }
    let compiled = compiled(&[("flow.yaml", &text)]);
    assert_eq!(report(&compiled, "flow.yaml"), "");
    assert_eq!(compiled.plan.unwrap().graph.nodes.len(), 1000);
}

#[test]
fn a_graph_built_in_code_goes_through_the_same_checks() {
    let graph = GraphBuilder::new("decide")
        .input("score", json!({"type": "integer", "default": 7}))
        .agent("judge", json!({"description": "Judges"}))
        .add_node("judge", NodeSpec::agent("judge").prompt("Judge {{ inputs.score }}").output(json!({"good": "boolean"})))
        .add_node("yes", NodeSpec::value(json!("good")))
        .add_node("no", NodeSpec::value(json!("bad")))
        .add_node("end", NodeSpec::value(json!("{{ yes | default(no) }}")))
        .add_condition_map("judge", "judge.good", [("true", "yes"), ("false", "no")], None)
        .add_node("rare", NodeSpec::value(json!(1)))
        .add_conditional_edge("judge", "rare", "inputs.score > 100")
        .add_edge("end", "rare")
        .output("text", json!("{{ end }}"));
    let plan = graph.build().unwrap();
    assert_eq!(plan.name, "decide");
    let names: Vec<&str> = plan.graph.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(names, ["judge", "yes", "no", "end", "rare"]);
    assert!(matches!(plan.graph.nodes[4].incoming[0].kind, EdgeKind::Conditional(_)));

    let problems = graph.add_edge("end", "judge").add_edge("rare", "nowhere").build().unwrap_err();
    let text = problems.to_string();
    let codes: Vec<&str> = text.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(codes, ["AF040", "AF030"], "{text}");
    assert!(text.starts_with("<graph decide>:"), "{text}");
}

#[test]
fn a_route_reads_its_own_output_only_when_there_is_one() {
    check(
        r"
agents: { a: { model: mock/m } }
nodes:
  sort: { agent: a, prompt: x, output: { kind: bug | idea }, on_error: continue, route: { on: sort.kind, cases: { bug: fix, idea: plan } } }
  fix: { value: 1 }
  plan: { value: 2 }
",
        "",
    );
}
