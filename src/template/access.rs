//! Fields of maps and elements of lists.

use minijinja::value::{Value as Data, ValueKind};

use crate::{
    error::nearest,
    template::{
        convert::describe,
        fault::{Fault, Outcome},
    },
};

/// What `value` has under `key`: a field of a map, an element of a list (from the end when negative). `None` when it has not, or
/// when `value` is absent itself.
pub(super) fn field(value: &Data, key: &Data) -> Outcome<Option<Data>> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(None),
        ValueKind::Map => Ok(Some(value.get_item(key)?).filter(|found| !found.is_undefined())),
        ValueKind::Seq | ValueKind::Iterable => {
            let Some(index) = key.as_i64() else {
                return Err(Fault::new(format!("a list has no field `{key}`"))
                    .hint(format!("`| map(attribute=\"{key}\")` takes it from each element")));
            };
            let length = value.len().unwrap_or_default();
            let from_end = usize::try_from(index.unsigned_abs()).ok().and_then(|back| length.checked_sub(back));
            let place = if index < 0 { from_end } else { usize::try_from(index).ok() };
            let Some(place) = place.filter(|place| *place < length) else { return Ok(None) };
            Ok(Some(value.get_item_by_index(place)?))
        }
        other => Err(Fault::new(format!("{} has no field `{key}`", describe(other)))),
    }
}

/// Says what is missing, and what there is instead.
pub(super) fn no_field(value: &Data, key: &Data) -> Fault {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Fault::new(format!("`{key}` is read of a value that is none"))
            .hint("`| default(…)` says what stands for a value that is absent"),
        ValueKind::Map => {
            let fault = Fault::new(format!("there is no field `{key}`"));
            let names: Vec<Data> = value.try_iter().map(Iterator::collect).unwrap_or_default();
            match key.as_str().and_then(|key| nearest(key, names.iter().filter_map(Data::as_str))) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint("`| default(…)` says what stands for a field that may be absent"),
            }
        }
        _ => Fault::new(format!("there is no element {key}; the list has {}", value.len().unwrap_or_default())),
    }
}

/// What stands at a dotted path in `value`; `none` where there is nothing.
pub(super) fn at_path(value: &Data, path: &str) -> Outcome<Data> {
    let mut current = value.clone();
    for part in path.split('.') {
        let key = part.parse::<i64>().map_or_else(|_| Data::from(part), Data::from);
        match field(&current, &key)? {
            Some(found) => current = found,
            None => return Ok(Data::from(())),
        }
    }
    Ok(current)
}
