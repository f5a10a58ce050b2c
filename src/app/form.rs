//! The form of an approval: filled in on the command line, by a file, or field by field at the terminal.

use std::str::FromStr;

use serde_json::Map;

use super::inputs::{GivenInput, GivenValue, StandardInput, check, text_of, value_of, values_of_file};
use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
    plan::InputPlan,
};

/// What is given of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filling {
    /// All of it: `@FILE`, or `-` for standard input.
    Whole(GivenValue),
    /// One field: `KEY=VALUE`, `KEY=@FILE` or `KEY=-`.
    Field(String, GivenValue),
}

impl FromStr for Filling {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match (text, text.split_once('=')) {
            ("-", _) => Ok(Self::Whole(GivenValue::StandardInput)),
            (file, _) if file.starts_with('@') => Ok(Self::Whole(GivenValue::parse(file))),
            (_, Some((name, value))) if !name.is_empty() => Ok(Self::Field(name.to_owned(), GivenValue::parse(value))),
            _ => Err("write KEY=VALUE, KEY=@FILE, or @FILE for the whole form".to_owned()),
        }
    }
}

/// A field that a person fills in.
#[derive(Debug)]
pub struct Blank {
    /// What it is called; `form` when the form is one value.
    pub name: String,
    /// What is filled in, with what it is for.
    pub input: InputPlan,
    /// Whether it has to be.
    pub required: bool,
    is_whole: bool,
}

/// The fields of a form, in the order written.
#[must_use]
pub fn blanks(schema: &Value) -> Vec<Blank> {
    let input = |schema: &Value| InputPlan {
        schema: schema.clone(),
        default: None,
        description: schema.get("description").and_then(Value::as_str).map(str::to_owned),
    };
    match schema.get("properties").and_then(Value::as_object) {
        Some(fields) => {
            let required = schema.get("required").and_then(Value::as_array);
            let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
            let blank = |(name, schema): (&String, &Value)| Blank {
                name: name.clone(),
                input: input(schema),
                required: is_required(name),
                is_whole: false,
            };
            fields.iter().map(blank).collect()
        }
        None => vec![Blank { name: "form".to_owned(), input: input(schema), required: true, is_whole: true }],
    }
}

/// The form with what was filled in.
#[must_use]
pub fn filled(fields: Vec<(Blank, Value)>) -> Value {
    let mut form = Map::new();
    for (blank, value) in fields {
        if blank.is_whole {
            return value;
        }
        form.insert(blank.name, value);
    }
    Value::Object(form)
}

/// The form as it is given on the command line: a whole one first, then fields, which win.
///
/// # Errors
/// `Invalid` for what cannot be read, and for fields of a form that has none. Whether it fits is found out when it is answered with.
pub fn fill(schema: &Value, given: &[Filling], stdin: &mut StandardInput) -> Result<Value> {
    let mut form = Value::Object(Map::new());
    for filling in given {
        match filling {
            Filling::Whole(value) => form = values_of_file(value, stdin)?,
            Filling::Field(..) => {}
        }
    }
    let blanks = blanks(schema);
    for filling in given {
        let Filling::Field(name, value) = filling else { continue };
        let known = blanks.iter().find(|blank| !blank.is_whole && blank.name == *name);
        let Some(blank) = known else {
            let names: Vec<String> =
                blanks.iter().filter(|blank| !blank.is_whole).map(|blank| format!("`{}`", blank.name)).collect();
            let hint = if names.is_empty() {
                "the form is one value: give it as `--form @FILE`".to_owned()
            } else {
                format!("there are {}", names.join(", "))
            };
            return Err(Error::new(ErrorKind::Invalid, format!("the form has no field `{}`", name.escape_debug())).hint(hint));
        };
        let text = text_of(&GivenInput { name: name.clone(), value: value.clone() }, stdin)?;
        let value = value_of(&blank.input, text);
        if let Some(problem) = check(&blank.input, &value).first() {
            return Err(Error::new(ErrorKind::Invalid, format!("field `{name}` of the form: {problem}")));
        }
        match form.as_object_mut() {
            Some(fields) => fields.insert(name.clone(), value),
            None => return Err(Error::new(ErrorKind::Invalid, "the form that is given has no fields that could be replaced")),
        };
    }
    Ok(form)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {"reason": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["reason"],
            "additionalProperties": false,
        })
    }

    fn filled_by(words: &[&str]) -> std::result::Result<Value, String> {
        let given: Vec<Filling> = words.iter().map(|word| word.parse().unwrap()).collect();
        fill(&schema(), &given, &mut StandardInput::default()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_field_is_text_or_json_as_the_form_has_it() {
        assert_eq!(filled_by(&["reason=7", "days=7"]), Ok(json!({"reason": "7", "days": 7})));
        assert_eq!(filled_by(&["reason=a=b"]), Ok(json!({"reason": "a=b"})));
        assert_eq!(filled_by(&[]), Ok(json!({})));
    }

    #[test]
    fn a_field_that_is_not_there_or_does_not_fit_is_told() {
        assert_eq!(filled_by(&["reasons=x"]), Err("the form has no field `reasons`".to_owned()));
        assert_eq!(filled_by(&["days=soon"]), Err("field `days` of the form: \"soon\" is not of type \"integer\"".to_owned()));
        assert!("reason".parse::<Filling>().is_err() && "=x".parse::<Filling>().is_err());
    }

    #[test]
    fn a_form_that_is_one_value_has_one_blank() {
        let blanks = blanks(&json!({"type": "string"}));
        assert_eq!(blanks.len(), 1);
        assert_eq!(filled(blanks.into_iter().map(|blank| (blank, json!("text"))).collect()), json!("text"));
        let error = fill(&json!({"type": "string"}), &["a=b".parse().unwrap()], &mut StandardInput::default()).unwrap_err();
        assert_eq!(error.hints(), ["the form is one value: give it as `--form @FILE`"]);
    }
}
