//! The filters: what may stand after `|`. This list is all there is; nothing here reads a file, the clock or the environment.

mod list;
mod text;

use std::{cmp::Ordering, fmt, sync::LazyLock};

use minijinja::{Environment, value::Value as Data};

use crate::template::{
    checks::is_absent,
    convert::{self, describe},
    fault::{Fault, Outcome},
    machine::Machine,
};

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

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({})", self.name)
    }
}

impl Filter {
    /// How it is written, e.g. `join(d, attribute)`.
    pub(super) fn usage(&self) -> String {
        let more = self.takes_more.then_some("…");
        let arguments: Vec<&str> = self.parameters.iter().copied().chain(more).collect();
        format!("{}({})", self.name, arguments.join(", "))
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
        filter("upper", &[], 0, |machine, value, _| text::with_text(machine, value, str::to_uppercase)),
        filter("lower", &[], 0, |machine, value, _| text::with_text(machine, value, str::to_lowercase)),
        filter("title", &[], 0, |machine, value, _| builtin(machine, "title", value, &[])),
        filter("capitalize", &[], 0, |machine, value, _| builtin(machine, "capitalize", value, &[])),
        filter("trim", &["chars"], 0, text::trim),
        filter("replace", &["old", "new", "count"], 2, text::replace),
        filter("split", &["separator", "max"], 0, text::split),
        filter("lines", &[], 0, text::lines),
        filter("indent", &["width", "first", "blank"], 0, text::indent),
        filter("truncate", &["length", "killwords", "end"], 0, text::truncate),
        filter("wordcount", &[], 0, |_, value, _| Ok(Data::from(text::text_of(value)?.split_whitespace().count()))),
        Filter { takes_more: true, ..filter("format", &[], 0, text::format_text) },
        filter("string", &[], 0, |machine, value, _| convert::to_text(value, &mut machine.budget).map(Data::from)),
        filter("tojson", &["indent"], 0, text::tojson),
        filter("fromjson", &[], 0, text::fromjson),
        filter("abs", &[], 0, |machine, value, _| builtin(machine, "abs", value, &[])),
        filter("int", &["default", "base"], 0, |machine, value, given| builtin(machine, "int", value, &given.bound)),
        filter("float", &["default"], 0, |machine, value, given| builtin(machine, "float", value, &given.bound)),
        filter("round", &["precision", "method"], 0, |machine, value, given| builtin(machine, "round", value, &given.bound)),
        filter("bool", &[], 0, |_, value, _| Ok(Data::from(value.is_true()))),
        filter("length", &[], 0, list::length),
        filter("count", &[], 0, list::length),
        filter("first", &[], 0, |machine, value, _| Ok(elements(machine, value)?.into_iter().next().unwrap_or_else(none))),
        filter("last", &[], 0, |machine, value, _| Ok(elements(machine, value)?.pop().unwrap_or_else(none))),
        filter("reverse", &[], 0, list::reverse),
        filter("join", &["d", "attribute"], 0, text::join),
        filter("list", &[], 0, |machine, value, _| elements(machine, value).map(Data::from)),
        filter("items", &[], 0, |machine, value, _| {
            let pairs = list::pairs(machine, value)?;
            list::as_pairs(machine, pairs)
        }),
        filter("dictsort", &["case_sensitive", "by", "reverse"], 0, list::dictsort),
        filter("sum", &["attribute", "start"], 0, list::sum),
        filter("min", &["attribute", "case_sensitive"], 0, |machine, value, given| {
            list::extreme(machine, value, given, Ordering::Less)
        }),
        filter("max", &["attribute", "case_sensitive"], 0, |machine, value, given| {
            list::extreme(machine, value, given, Ordering::Greater)
        }),
        filter("sort", &["reverse", "case_sensitive", "attribute"], 0, list::sort),
        filter("unique", &["case_sensitive", "attribute"], 0, list::unique),
        filter("batch", &["count", "fill_with"], 1, list::batch),
        filter("slice", &["count", "fill_with"], 1, list::slice),
        Filter { takes_more: true, positional: 1, ..filter("map", &["filter", "attribute", "default"], 0, list::map) },
        Filter {
            takes_more: true,
            ..filter("select", &["test"], 0, |m, value, given| list::select(m, value, given, None, 0, true))
        },
        Filter {
            takes_more: true,
            ..filter("reject", &["test"], 0, |m, value, given| list::select(m, value, given, None, 0, false))
        },
        Filter {
            takes_more: true,
            ..filter("selectattr", &["attribute", "test"], 1, |m, value, given| {
                list::select(m, value, given, given.text(0)?, 1, true)
            })
        },
        Filter {
            takes_more: true,
            ..filter("rejectattr", &["attribute", "test"], 1, |m, value, given| {
                list::select(m, value, given, given.text(0)?, 1, false)
            })
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

#[expect(clippy::unnecessary_wraps, reason = "the shape of a filter")]
fn default(_: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let keep = !is_absent(value) && (!given.flag(1) || value.is_true());
    Ok(if keep { value.clone() } else { given.get(0).cloned().unwrap_or_else(|| Data::from("")) })
}
