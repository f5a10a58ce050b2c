//! The filters: what may stand after `|`. This list is all there is; nothing here reads a file, the clock or the environment.

use std::{cmp::Ordering, collections::BTreeSet, sync::LazyLock};

use minijinja::{
    Environment,
    value::{Value as Data, ValueKind},
};

use crate::{
    model::Value,
    template::{
        budget::MAX_OUTPUT,
        checks::{self, is_absent, is_list},
        convert::{self, describe},
        machine::{Fault, Machine, Outcome, field},
        operate::{self, Binary},
    },
};

/// The longest text `fromjson` reads, in bytes: parsed, it takes a multiple of this.
const MAX_JSON: usize = 1024 * 1024;
/// The widest indentation and padding, in characters.
const MAX_WIDTH: usize = 200;

/// A filter.
pub(super) struct Filter {
    pub(super) name: &'static str,
    /// Names of the arguments.
    pub(super) parameters: &'static [&'static str],
    /// How many of them can be given without their name.
    pub(super) positional: usize,
    /// How many of them must be given.
    pub(super) required: usize,
    /// Whether more may follow.
    pub(super) takes_more: bool,
    pub(super) run: Run,
}

type Run = fn(&mut Machine<'_>, &Data, &Given) -> Outcome<Data>;

/// The values of the arguments.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) bound: Vec<Option<Data>>,
    pub(super) rest: Vec<Data>,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({})", self.name)
    }
}

impl Filter {
    /// How it is written, e.g. `join(d, attribute)`.
    pub(super) fn usage(&self) -> String {
        let more = if self.takes_more { ", …" } else { "" };
        format!("{}({}{more})", self.name, self.parameters.join(", "))
    }
}

impl Given {
    fn get(&self, index: usize) -> Option<&Data> {
        self.bound.get(index).and_then(Option::as_ref).filter(|value| !is_absent(value))
    }

    fn text(&self, index: usize) -> Outcome<Option<&str>> {
        self.get(index)
            .map(|value| {
                value.as_str().ok_or_else(|| Fault::new(format!("the argument must be a string, not {}", describe(value.kind()))))
            })
            .transpose()
    }

    fn count(&self, index: usize) -> Outcome<Option<usize>> {
        self.get(index)
            .map(|value| value.as_usize().ok_or_else(|| Fault::new("the argument must be a whole number, 0 or more")))
            .transpose()
    }

    fn flag(&self, index: usize) -> bool {
        self.get(index).is_some_and(Data::is_true)
    }
}

/// The filter called `name`.
pub(super) fn find(name: &str) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.name == name)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FILTERS.iter().map(|filter| filter.name)
}

static FILTERS: LazyLock<Vec<Filter>> = LazyLock::new(|| {
    let filter = |name, parameters: &'static [&'static str], required, run| Filter {
        name,
        parameters,
        positional: parameters.len(),
        required,
        takes_more: false,
        run,
    };
    vec![
        filter("default", &["value", "lax"], 0, default),
        filter("d", &["value", "lax"], 0, default),
        filter("upper", &[], 0, |machine, value, _| with_text(machine, value, str::to_uppercase)),
        filter("lower", &[], 0, |machine, value, _| with_text(machine, value, str::to_lowercase)),
        filter("title", &[], 0, |machine, value, _| builtin(machine, "title", value, &[])),
        filter("capitalize", &[], 0, |machine, value, _| builtin(machine, "capitalize", value, &[])),
        filter("trim", &["chars"], 0, trim),
        filter("replace", &["old", "new", "count"], 2, replace),
        filter("split", &["separator", "max"], 0, split),
        filter("lines", &[], 0, lines),
        filter("indent", &["width", "first", "blank"], 0, indent),
        filter("truncate", &["length", "killwords", "end"], 0, truncate),
        filter("wordcount", &[], 0, |_, value, _| Ok(Data::from(text_of(value)?.split_whitespace().count()))),
        Filter { takes_more: true, ..filter("format", &[], 0, format_text) },
        filter("string", &[], 0, |machine, value, _| convert::to_text(value, &mut machine.budget).map(Data::from)),
        filter("tojson", &["indent"], 0, tojson),
        filter("fromjson", &[], 0, fromjson),
        filter("abs", &[], 0, |machine, value, _| builtin(machine, "abs", value, &[])),
        filter("int", &["default", "base"], 0, |machine, value, given| builtin(machine, "int", value, &given.bound)),
        filter("float", &["default"], 0, |machine, value, given| builtin(machine, "float", value, &given.bound)),
        filter("round", &["precision", "method"], 0, |machine, value, given| builtin(machine, "round", value, &given.bound)),
        filter("bool", &[], 0, |_, value, _| Ok(Data::from(value.is_true()))),
        filter("length", &[], 0, length),
        filter("count", &[], 0, length),
        filter("first", &[], 0, |machine, value, _| Ok(elements(machine, value)?.into_iter().next().unwrap_or_else(none))),
        filter("last", &[], 0, |machine, value, _| Ok(elements(machine, value)?.pop().unwrap_or_else(none))),
        filter("reverse", &[], 0, reverse),
        filter("join", &["d", "attribute"], 0, join),
        filter("list", &[], 0, |machine, value, _| elements(machine, value).map(Data::from)),
        filter("items", &[], 0, |machine, value, _| {
            let pairs = pairs(machine, value)?;
            as_pairs(machine, pairs)
        }),
        filter("dictsort", &["case_sensitive", "by", "reverse"], 0, dictsort),
        filter("sum", &["attribute", "start"], 0, sum),
        filter("min", &["attribute", "case_sensitive"], 0, |machine, value, given| {
            extreme(machine, value, given, Ordering::Less)
        }),
        filter("max", &["attribute", "case_sensitive"], 0, |machine, value, given| {
            extreme(machine, value, given, Ordering::Greater)
        }),
        filter("sort", &["reverse", "case_sensitive", "attribute"], 0, sort),
        filter("unique", &["case_sensitive", "attribute"], 0, unique),
        filter("batch", &["count", "fill_with"], 1, batch),
        filter("slice", &["count", "fill_with"], 1, slice),
        Filter { takes_more: true, positional: 1, ..filter("map", &["filter", "attribute", "default"], 0, map) },
        Filter { takes_more: true, ..filter("select", &["test"], 0, |m, value, given| select(m, value, given, None, 0, true)) },
        Filter { takes_more: true, ..filter("reject", &["test"], 0, |m, value, given| select(m, value, given, None, 0, false)) },
        Filter {
            takes_more: true,
            ..filter("selectattr", &["attribute", "test"], 1, |m, value, given| select(m, value, given, given.text(0)?, 1, true))
        },
        Filter {
            takes_more: true,
            ..filter("rejectattr", &["attribute", "test"], 1, |m, value, given| select(m, value, given, given.text(0)?, 1, false))
        },
    ]
});

/// The filters that are MiniJinja's own; their results are at most as large as what they are given.
static BUILTINS: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.add_filter("title", minijinja::filters::title);
    environment.add_filter("capitalize", minijinja::filters::capitalize);
    environment.add_filter("abs", minijinja::filters::abs);
    environment.add_filter("int", minijinja::filters::int);
    environment.add_filter("float", minijinja::filters::float);
    environment.add_filter("round", minijinja::filters::round);
    environment.add_filter("format", minijinja::filters::format);
    environment
});

fn builtin(machine: &mut Machine<'_>, name: &str, value: &Data, arguments: &[Option<Data>]) -> Outcome<Data> {
    machine.budget.visit(value)?;
    let last = arguments.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let given = arguments[..last].iter().map(|argument| argument.clone().unwrap_or_else(none));
    let all: Vec<Data> = std::iter::once(value.clone()).chain(given).collect();
    let result = BUILTINS.empty_state().apply_filter(name, &all)?;
    machine.budget.bytes(result.as_str().map_or(0, str::len))?;
    Ok(result)
}

fn none() -> Data {
    Data::from(())
}

/// The text of a string, and of a number or boolean as it is printed.
fn text_of(value: &Data) -> Outcome<std::borrow::Cow<'_, str>> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Ok(text.into()),
        (None, ValueKind::Number | ValueKind::Bool) => Ok(value.to_string().into()),
        (None, other) => {
            let fault = Fault::new(format!("needs a text, not {}", describe(other)));
            Err(if is_absent(value) { fault.hint("`| default(…)` says what stands for a value that is absent") } else { fault })
        }
    }
}

fn with_text(machine: &mut Machine<'_>, value: &Data, change: impl Fn(&str) -> String) -> Outcome<Data> {
    let text = text_of(value)?;
    machine.budget.bytes(text.len())?;
    Ok(Data::from(change(&text)))
}

/// The elements of a list, the keys of a map, or the characters of a string.
fn elements(machine: &mut Machine<'_>, value: &Data) -> Outcome<Vec<Data>> {
    match value.as_str() {
        Some(text) => {
            machine.budget.elements(text.len())?;
            Ok(text.chars().map(Data::from).collect())
        }
        None => machine.items(value),
    }
}

/// What stands at a dotted path in `value`; `none` where there is nothing.
fn at_path(value: &Data, path: &str) -> Outcome<Data> {
    let mut current = value.clone();
    for part in path.split('.') {
        let key = part.parse::<i64>().map_or_else(|_| Data::from(part), Data::from);
        match field(&current, &key)? {
            Some(found) => current = found,
            None => return Ok(none()),
        }
    }
    Ok(current)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a filter")]
fn default(_: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let keep = !is_absent(value) && (!given.flag(1) || value.is_true());
    Ok(if keep { value.clone() } else { given.get(0).cloned().unwrap_or_else(|| Data::from("")) })
}

fn trim(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let characters: Option<Vec<char>> = given.text(0)?.map(|text| text.chars().collect());
    with_text(machine, value, |text| match &characters {
        Some(characters) => text.trim_matches(&characters[..]).to_owned(),
        None => text.trim().to_owned(),
    })
}

fn replace(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    let (old, new) = (given.text(0)?.unwrap_or_default(), given.text(1)?.unwrap_or_default());
    let most = given.count(2)?.unwrap_or(usize::MAX);
    machine.budget.bytes(text.len())?;
    let found = text.matches(old).take(most).count();
    machine.budget.bytes(text.len().saturating_add(found.saturating_mul(new.len())).saturating_sub(found * old.len()))?;
    Ok(Data::from(text.replacen(old, new, most)))
}

fn split(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    let most = given.count(1)?.map_or(usize::MAX, |most| most.saturating_add(1));
    machine.budget.bytes(text.len())?;
    let parts: Vec<&str> = match given.text(0)? {
        None if most == usize::MAX => text.split_whitespace().collect(),
        None => text.trim_start().splitn(most, char::is_whitespace).collect(),
        Some("") => return Err(Fault::new("cannot split at nothing").hint("`| list` gives the characters of a text")),
        Some(separator) => text.splitn(most, separator).collect(),
    };
    machine.budget.elements(parts.len())?;
    Ok(parts.into_iter().collect())
}

fn lines(machine: &mut Machine<'_>, value: &Data, _: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    machine.budget.bytes(text.len())?;
    machine.budget.elements(text.lines().count())?;
    Ok(text.lines().collect())
}

fn indent(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    let width = given.count(0)?.unwrap_or(4);
    if width > MAX_WIDTH {
        return Err(Fault::new(format!("cannot indent by more than {MAX_WIDTH}")));
    }
    let (first, blank) = (given.flag(1), given.flag(2));
    machine.budget.bytes(text.len() + text.matches('\n').count() * width + width)?;
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if (index > 0 || first) && (blank || !line.trim().is_empty()) {
            out.extend(std::iter::repeat_n(' ', width));
        }
        out.push_str(line);
    }
    Ok(Data::from(out))
}

fn truncate(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    let length = given.count(0)?.unwrap_or(255);
    let end = given.text(2)?.unwrap_or("...");
    machine.budget.bytes(text.len())?;
    if text.chars().count() <= length {
        return Ok(Data::from(&*text));
    }
    let mut cut: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    if let (false, Some(space)) = (given.flag(1), cut.rfind(char::is_whitespace)) {
        cut.truncate(space);
    }
    machine.budget.bytes(cut.len() + end.len())?;
    Ok(Data::from(cut.trim_end().to_owned() + end))
}

fn format_text(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let pattern = text_of(value)?;
    // A width or precision makes much of little: `%1000000000d`.
    let numbers = pattern.split(|character: char| !character.is_ascii_digit());
    if pattern.contains('*')
        || numbers.into_iter().any(|digits| digits.parse::<usize>().map_or(!digits.is_empty(), |n| n > MAX_WIDTH))
    {
        return Err(Fault::new(format!("a format has no `*` and no width above {MAX_WIDTH}")));
    }
    let mut size = pattern.len();
    let mut arguments = Vec::with_capacity(given.rest.len());
    for argument in &given.rest {
        let argument = match argument.kind() {
            ValueKind::Number | ValueKind::String => argument.clone(),
            _ => Data::from(convert::to_text(argument, &mut machine.budget)?),
        };
        size += argument.as_str().map_or(MAX_WIDTH, |text| text.len() + MAX_WIDTH);
        arguments.push(Some(argument));
    }
    machine.budget.bytes(size)?;
    builtin(machine, "format", &Data::from(&*pattern), &arguments)
}

fn tojson(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let indent = match given.get(0) {
        Some(flag) if flag.kind() == ValueKind::Bool => flag.is_true().then_some(2),
        _ => given.count(0)?,
    };
    if indent.is_some_and(|width| width > 16) {
        return Err(Fault::new("cannot indent JSON by more than 16"));
    }
    convert::to_json_text(value, &mut machine.budget, indent).map(Data::from)
}

fn fromjson(machine: &mut Machine<'_>, value: &Data, _: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    if text.len() > MAX_JSON {
        return Err(Fault::new(format!("reads at most {} MiB of JSON", MAX_JSON >> 20)));
    }
    machine.budget.bytes(text.len())?;
    let parsed: Value = serde_json::from_str(&text).map_err(|err| Fault::new(format!("the text is no JSON: {err}")))?;
    let value = convert::from_json(&parsed);
    machine.nested(value)
}

fn length(_: &mut Machine<'_>, value: &Data, _: &Given) -> Outcome<Data> {
    match value.kind() {
        ValueKind::String | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            Ok(Data::from(value.len().unwrap_or_default()))
        }
        other => {
            let fault = Fault::new(format!("{} has no length", describe(other)));
            Err(if is_absent(value) { fault.hint("`| default([])` says what stands for a value that is absent") } else { fault })
        }
    }
}

fn reverse(machine: &mut Machine<'_>, value: &Data, _: &Given) -> Outcome<Data> {
    if let Some(text) = value.as_str() {
        machine.budget.bytes(text.len())?;
        return Ok(Data::from(text.chars().rev().collect::<String>()));
    }
    let mut items = machine.items(value)?;
    items.reverse();
    Ok(Data::from(items))
}

fn join(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let separator = given.text(0)?.unwrap_or_default();
    let attribute = given.text(1)?;
    let mut out = String::new();
    for (index, item) in elements(machine, value)?.into_iter().enumerate() {
        let item = attribute.map_or_else(|| Ok(item.clone()), |path| at_path(&item, path))?;
        let text = convert::to_text(&item, &mut machine.budget)?;
        let separator = if index > 0 { separator } else { "" };
        machine.budget.bytes(separator.len() + text.len())?;
        if out.len() + separator.len() + text.len() > MAX_OUTPUT {
            return Err(Fault::new(format!("makes a text of more than {} MiB", MAX_OUTPUT >> 20)));
        }
        out.push_str(separator);
        out.push_str(&text);
    }
    Ok(Data::from(out))
}

fn pairs(machine: &mut Machine<'_>, value: &Data) -> Outcome<Vec<(Data, Data)>> {
    if value.kind() != ValueKind::Map {
        return Err(Fault::new(format!("needs a map, not {}", describe(value.kind()))));
    }
    let keys = machine.items(value)?;
    keys.into_iter().map(|key| Ok((key.clone(), value.get_item(&key)?))).collect()
}

fn as_pairs(machine: &mut Machine<'_>, pairs: Vec<(Data, Data)>) -> Outcome<Data> {
    machine.budget.elements(pairs.len() * 2)?;
    let list = pairs.into_iter().map(|(key, value)| Data::from(vec![key, value])).collect();
    machine.nested(list)
}

fn dictsort(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let case_sensitive = given.flag(0);
    let by_value = match given.text(1)? {
        None | Some("key") => false,
        Some("value") => true,
        Some(other) => return Err(Fault::new(format!("sorts by `key` or `value`, not by `{other}`"))),
    };
    let mut pairs = pairs(machine, value)?;
    pay_sorting(machine, value, pairs.len())?;
    pairs.sort_by(|a, b| if by_value { order(&a.1, &b.1, case_sensitive) } else { order(&a.0, &b.0, case_sensitive) });
    if given.flag(2) {
        pairs.reverse();
    }
    as_pairs(machine, pairs)
}

/// Every comparison may look at all of two elements.
fn pay_sorting(machine: &mut Machine<'_>, value: &Data, count: usize) -> Outcome<()> {
    for _ in 0..=count.checked_ilog2().unwrap_or(0) {
        machine.budget.visit(value)?;
    }
    Ok(())
}

fn order(a: &Data, b: &Data, case_sensitive: bool) -> Ordering {
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) if !case_sensitive => {
            a.chars().flat_map(char::to_lowercase).cmp(b.chars().flat_map(char::to_lowercase))
        }
        _ => a.cmp(b),
    }
}

fn keyed(items: Vec<Data>, attribute: Option<&str>) -> Outcome<Vec<(Data, Data)>> {
    items.into_iter().map(|item| Ok((attribute.map_or_else(|| Ok(item.clone()), |path| at_path(&item, path))?, item))).collect()
}

fn sort(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let case_sensitive = given.flag(1);
    let items = machine.items(value)?;
    pay_sorting(machine, value, items.len())?;
    let mut items = keyed(items, given.text(2)?)?;
    if given.flag(0) {
        items.sort_by(|a, b| order(&b.0, &a.0, case_sensitive));
    } else {
        items.sort_by(|a, b| order(&a.0, &b.0, case_sensitive));
    }
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

fn unique(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let items = machine.items(value)?;
    pay_sorting(machine, value, items.len())?;
    let mut seen = BTreeSet::new();
    let items = keyed(items, given.text(1)?)?.into_iter().filter(|(key, _)| {
        seen.insert(match key.as_str() {
            Some(text) if !given.flag(0) => Data::from(text.to_lowercase()),
            _ => key.clone(),
        })
    });
    Ok(items.map(|(_, item)| item).collect())
}

fn extreme(machine: &mut Machine<'_>, value: &Data, given: &Given, wanted: Ordering) -> Outcome<Data> {
    let case_sensitive = given.flag(1);
    machine.budget.visit(value)?;
    let items = machine.items(value)?;
    let best = keyed(items, given.text(0)?)?
        .into_iter()
        .reduce(|best, next| if order(&next.0, &best.0, case_sensitive) == wanted { next } else { best });
    Ok(best.map_or_else(none, |(_, item)| item))
}

fn sum(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let attribute = given.text(0)?;
    let items = keyed(machine.items(value)?, attribute)?.into_iter().map(|(key, _)| key);
    let start = given.get(1).cloned().unwrap_or_else(|| Data::from(0));
    if is_list(&start) {
        let mut all = Vec::new();
        operate::extend(&mut all, &start, &mut machine.budget)?;
        for item in items {
            if !is_list(&item) {
                return Err(Fault::new(format!("cannot add {} to a list", describe(item.kind()))));
            }
            operate::extend(&mut all, &item, &mut machine.budget)?;
        }
        return Ok(Data::from(all));
    }
    let mut total = start;
    for item in items {
        if is_list(&item) {
            return Err(Fault::new("cannot add a list to a number").hint("`| sum(start=[])` joins lists"));
        }
        total = operate::binary(Binary::Add, &total, &item, &mut machine.budget)?;
    }
    Ok(total)
}

fn batch(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let size = given.count(0)?.filter(|size| *size > 0).ok_or_else(|| Fault::new("the count must be at least 1"))?;
    let items = machine.items(value)?;
    let mut groups: Vec<Vec<Data>> = items.chunks(size).map(<[Data]>::to_vec).collect();
    machine.budget.elements(items.len() + groups.len())?;
    if let (Some(fill), Some(last)) = (given.get(1), groups.last_mut()) {
        machine.budget.elements(size)?;
        last.resize(size, fill.clone());
    }
    machine.nested(groups.into_iter().map(Data::from).collect())
}

fn slice(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let count = given.count(0)?.filter(|count| *count > 0).ok_or_else(|| Fault::new("the count must be at least 1"))?;
    let items = machine.items(value)?;
    machine.budget.elements(count.saturating_add(items.len()))?;
    let (size, longer) = (items.len() / count, items.len() % count);
    let mut rest = items.into_iter();
    let mut columns = Vec::with_capacity(count);
    for index in 0..count {
        let mut column: Vec<Data> = rest.by_ref().take(size + usize::from(index < longer)).collect();
        if let (Some(fill), true) = (given.get(1), longer > 0 && index >= longer) {
            column.push(fill.clone());
        }
        columns.push(Data::from(column));
    }
    machine.nested(Data::from(columns))
}

fn map(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let items = machine.items(value)?;
    if let Some(attribute) = given.text(1)? {
        let fallback = given.bound.get(2).and_then(Option::as_ref);
        let mut found = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let value = at_path(item, attribute)?;
            found.push(match (is_absent(&value), fallback) {
                (false, _) => value,
                (true, Some(fallback)) => fallback.clone(),
                (true, None) => {
                    return Err(Fault::new(format!("element {index} has no `{attribute}`"))
                        .hint(format!("`map(attribute=\"{attribute}\", default=…)` says what stands for it")));
                }
            });
        }
        return Ok(Data::from(found));
    }
    let Some(name) = given.text(0)? else {
        return Err(Fault::new("`map` needs the name of a filter, or `attribute=`"));
    };
    let filter = find(name).ok_or_else(|| Fault::new(format!("there is no filter `{name}`")))?;
    if given.rest.len() > filter.positional && !filter.takes_more || given.rest.len() < filter.required {
        return Err(Fault::new(format!("the arguments do not fit `{}`", filter.usage())));
    }
    let bound = given.rest.len().min(filter.positional);
    let arguments = Given { bound: given.rest[..bound].iter().cloned().map(Some).collect(), rest: given.rest[bound..].to_vec() };
    let items = items.iter().map(|item| {
        machine.budget.steps(1)?;
        (filter.run)(machine, item, &arguments)
    });
    let items = items.collect::<Outcome<Vec<_>>>()?;
    machine.nested(Data::from(items))
}

/// `select`, `reject`, `selectattr`, `rejectattr`: the elements, or a field of each, that pass a test, or are true without one.
fn select(
    machine: &mut Machine<'_>,
    value: &Data,
    given: &Given,
    attribute: Option<&str>,
    test_at: usize,
    keep: bool,
) -> Outcome<Data> {
    let test = match given.text(test_at)? {
        None => None,
        Some(name) => Some(checks::find(name).ok_or_else(|| Fault::new(format!("there is no test `{name}`")))?),
    };
    if given.rest.len() != usize::from(test.is_some_and(|test| test.takes_argument)) {
        return Err(Fault::new("the arguments do not fit the test"));
    }
    let argument = given.rest.first().cloned().unwrap_or_else(none);
    let mut chosen = Vec::new();
    for (key, item) in keyed(machine.items(value)?, attribute)? {
        machine.budget.steps(1)?;
        let passes = test.map_or_else(|| Ok(key.is_true()), |test| (test.run)(machine, &key, &argument))?;
        if passes == keep {
            chosen.push(item);
        }
    }
    Ok(Data::from(chosen))
}
