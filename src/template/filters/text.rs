//! Filters that read or make texts.

use minijinja::value::{Value as Data, ValueKind};

use crate::{
    model::Value,
    template::{
        access::at_path,
        budget::MAX_OUTPUT,
        checks::is_absent,
        convert::{self, describe},
        fault::{Fault, Outcome},
        filters::{Given, builtin, elements},
        machine::Machine,
    },
};

/// The longest text `fromjson` reads, in bytes: parsed, it takes a multiple of this.
const MAX_JSON: usize = 1024 * 1024;
/// The widest indentation and padding, in characters.
const MAX_WIDTH: usize = 200;

/// The text of a string, and of a number or boolean as it is printed.
pub(super) fn text_of(value: &Data) -> Outcome<std::borrow::Cow<'_, str>> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Ok(text.into()),
        (None, ValueKind::Number | ValueKind::Bool) => Ok(value.to_string().into()),
        (None, other) => {
            let fault = Fault::new(format!("needs a text, not {}", describe(other)));
            Err(if is_absent(value) { fault.hint("`| default(…)` says what stands for a value that is absent") } else { fault })
        }
    }
}

pub(super) fn with_text(machine: &mut Machine<'_>, value: &Data, change: impl Fn(&str) -> String) -> Outcome<Data> {
    let text = text_of(value)?;
    machine.budget.bytes(text.len())?;
    Ok(Data::from(change(&text)))
}

pub(super) fn trim(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let characters: Option<Vec<char>> = given.text(0)?.map(|text| text.chars().collect());
    with_text(machine, value, |text| match &characters {
        Some(characters) => text.trim_matches(&characters[..]).to_owned(),
        None => text.trim().to_owned(),
    })
}

pub(super) fn replace(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    let (old, new) = (given.text(0)?.unwrap_or_default(), given.text(1)?.unwrap_or_default());
    let most = given.count(2)?.unwrap_or(usize::MAX);
    machine.budget.bytes(text.len())?;
    let found = text.matches(old).take(most).count();
    machine.budget.bytes(text.len().saturating_add(found.saturating_mul(new.len())).saturating_sub(found * old.len()))?;
    Ok(Data::from(text.replacen(old, new, most)))
}

pub(super) fn split(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn lines(machine: &mut Machine<'_>, value: &Data, _: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    machine.budget.bytes(text.len())?;
    machine.budget.elements(text.lines().count())?;
    Ok(text.lines().collect())
}

pub(super) fn indent(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn truncate(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn format_text(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn tojson(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
    let indent = match given.get(0) {
        Some(flag) if flag.kind() == ValueKind::Bool => flag.is_true().then_some(2),
        _ => given.count(0)?,
    };
    if indent.is_some_and(|width| width > 16) {
        return Err(Fault::new("cannot indent JSON by more than 16"));
    }
    convert::to_json_text(value, &mut machine.budget, indent).map(Data::from)
}

pub(super) fn fromjson(machine: &mut Machine<'_>, value: &Data, _: &Given) -> Outcome<Data> {
    let text = text_of(value)?;
    if text.len() > MAX_JSON {
        return Err(Fault::new(format!("reads at most {} MiB of JSON", MAX_JSON >> 20)));
    }
    machine.budget.bytes(text.len())?;
    let parsed: Value = serde_json::from_str(&text).map_err(|err| Fault::new(format!("the text is no JSON: {err}")))?;
    let value = convert::from_json(&parsed);
    machine.nested(value)
}

pub(super) fn join(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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
