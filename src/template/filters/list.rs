//! Filters over lists and maps.

use std::{cmp::Ordering, collections::BTreeSet};

use minijinja::value::{Value as Data, ValueKind};

use crate::template::{
    access::at_path,
    checks::{self, is_absent, is_list},
    convert::describe,
    fault::{Fault, Outcome},
    filters::{Given, find, none},
    machine::Machine,
    operate::{self, Binary},
};

pub(super) fn length(_: &mut Machine<'_>, value: &Data, _: &Given) -> Outcome<Data> {
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

pub(super) fn reverse(machine: &mut Machine<'_>, value: &Data, _: &Given) -> Outcome<Data> {
    if let Some(text) = value.as_str() {
        machine.budget.bytes(text.len())?;
        return Ok(Data::from(text.chars().rev().collect::<String>()));
    }
    let mut items = machine.items(value)?;
    items.reverse();
    Ok(Data::from(items))
}

pub(super) fn pairs(machine: &mut Machine<'_>, value: &Data) -> Outcome<Vec<(Data, Data)>> {
    if value.kind() != ValueKind::Map {
        return Err(Fault::new(format!("needs a map, not {}", describe(value.kind()))));
    }
    let keys = machine.items(value)?;
    keys.into_iter().map(|key| Ok((key.clone(), value.get_item(&key)?))).collect()
}

pub(super) fn as_pairs(machine: &mut Machine<'_>, pairs: Vec<(Data, Data)>) -> Outcome<Data> {
    machine.budget.elements(pairs.len() * 2)?;
    let list = pairs.into_iter().map(|(key, value)| Data::from(vec![key, value])).collect();
    machine.nested(list)
}

pub(super) fn dictsort(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn sort(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn unique(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn extreme(machine: &mut Machine<'_>, value: &Data, given: &Given, wanted: Ordering) -> Outcome<Data> {
    let case_sensitive = given.flag(1);
    machine.budget.visit(value)?;
    let items = machine.items(value)?;
    let best = keyed(items, given.text(0)?)?
        .into_iter()
        .reduce(|best, next| if order(&next.0, &best.0, case_sensitive) == wanted { next } else { best });
    Ok(best.map_or_else(none, |(_, item)| item))
}

pub(super) fn sum(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn batch(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn slice(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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

pub(super) fn map(machine: &mut Machine<'_>, value: &Data, given: &Given) -> Outcome<Data> {
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
pub(super) fn select(
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
