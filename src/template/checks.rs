//! The tests: what may stand after `is`, and in `select`, `reject`, `selectattr` and `rejectattr`.

use std::sync::LazyLock;

use minijinja::value::{Value as Data, ValueKind};

use crate::template::{
    fault::Outcome,
    machine::Machine,
    operate::{Comparison, compare},
};

/// A test.
pub(super) struct Test {
    pub(super) name: &'static str,
    /// Whether it compares with something.
    pub(super) takes_argument: bool,
    /// Whether `value` passes; the argument is `none` for tests that take none.
    pub(super) run: fn(&mut Machine<'_>, &Data, &Data) -> Outcome<bool>,
}

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Test({})", self.name)
    }
}

/// The test called `name`.
pub(super) fn find(name: &str) -> Option<&'static Test> {
    TESTS.iter().find(|test| test.name == name)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TESTS.iter().map(|test| test.name)
}

static TESTS: LazyLock<Vec<Test>> = LazyLock::new(|| {
    let plain = |name, run| Test { name, takes_argument: false, run };
    let with = |name, run| Test { name, takes_argument: true, run };
    vec![
        plain("defined", |_, value, _| Ok(!is_absent(value))),
        plain("undefined", |_, value, _| Ok(is_absent(value))),
        plain("none", |_, value, _| Ok(is_absent(value))),
        plain("true", |_, value, _| Ok(value.kind() == ValueKind::Bool && value.is_true())),
        plain("false", |_, value, _| Ok(value.kind() == ValueKind::Bool && !value.is_true())),
        plain("boolean", |_, value, _| Ok(value.kind() == ValueKind::Bool)),
        plain("number", |_, value, _| Ok(value.is_number())),
        plain("integer", |_, value, _| Ok(value.is_integer())),
        plain("float", |_, value, _| Ok(value.is_number() && !value.is_integer())),
        plain("string", |_, value, _| Ok(value.kind() == ValueKind::String)),
        plain("mapping", |_, value, _| Ok(value.kind() == ValueKind::Map)),
        plain("sequence", |_, value, _| Ok(is_list(value))),
        plain("iterable", |_, value, _| Ok(is_list(value) || matches!(value.kind(), ValueKind::Map | ValueKind::String))),
        plain("odd", |_, value, _| Ok(value.is_integer() && i128::try_from(value.clone()).is_ok_and(|number| number % 2 != 0))),
        plain("even", |_, value, _| Ok(value.is_integer() && i128::try_from(value.clone()).is_ok_and(|number| number % 2 == 0))),
        with("divisibleby", |_, value, by| {
            let numbers = i128::try_from(value.clone()).ok().zip(i128::try_from(by.clone()).ok());
            Ok(numbers.is_some_and(|(number, by)| by != 0 && number % by == 0))
        }),
        with("eq", |machine, a, b| compare(Comparison::Equal, a, b, &mut machine.budget)),
        with("equalto", |machine, a, b| compare(Comparison::Equal, a, b, &mut machine.budget)),
        with("==", |machine, a, b| compare(Comparison::Equal, a, b, &mut machine.budget)),
        with("ne", |machine, a, b| compare(Comparison::NotEqual, a, b, &mut machine.budget)),
        with("!=", |machine, a, b| compare(Comparison::NotEqual, a, b, &mut machine.budget)),
        with("lt", |machine, a, b| compare(Comparison::Less, a, b, &mut machine.budget)),
        with("lessthan", |machine, a, b| compare(Comparison::Less, a, b, &mut machine.budget)),
        with("<", |machine, a, b| compare(Comparison::Less, a, b, &mut machine.budget)),
        with("le", |machine, a, b| compare(Comparison::LessOrEqual, a, b, &mut machine.budget)),
        with("<=", |machine, a, b| compare(Comparison::LessOrEqual, a, b, &mut machine.budget)),
        with("gt", |machine, a, b| compare(Comparison::Greater, a, b, &mut machine.budget)),
        with("greaterthan", |machine, a, b| compare(Comparison::Greater, a, b, &mut machine.budget)),
        with(">", |machine, a, b| compare(Comparison::Greater, a, b, &mut machine.budget)),
        with("ge", |machine, a, b| compare(Comparison::GreaterOrEqual, a, b, &mut machine.budget)),
        with(">=", |machine, a, b| compare(Comparison::GreaterOrEqual, a, b, &mut machine.budget)),
        with("in", |machine, a, b| compare(Comparison::In, a, b, &mut machine.budget)),
        with("containing", |machine, a, b| compare(Comparison::In, b, a, &mut machine.budget)),
        with("startingwith", |_, value, start| {
            Ok(value.as_str().zip(start.as_str()).is_some_and(|(text, start)| text.starts_with(start)))
        }),
        with("endingwith", |_, value, end| Ok(value.as_str().zip(end.as_str()).is_some_and(|(text, end)| text.ends_with(end)))),
    ]
});

/// Whether a value counts as not there: what a skipped node gives does.
pub(super) fn is_absent(value: &Data) -> bool {
    value.is_undefined() || value.is_none()
}

/// Whether it is a list, however it is made.
pub(super) fn is_list(value: &Data) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}
