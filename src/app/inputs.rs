//! The inputs of a run: gathered from options, files and standard input, checked against the plan, all problems told at once.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use indexmap::IndexMap;

use crate::{
    diagnostic::{Sources, nearest},
    error::{Error, ErrorKind, Result},
    manifest::read_data_text,
    model::Value,
    plan::{InputPlan, Plan},
    schema::Validator,
};

/// The largest input, in bytes: what one document of a store may hold.
const MAX_INPUT: u64 = 16 * 1024 * 1024;

/// An input as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenInput {
    /// Which one.
    pub name: String,
    /// What.
    pub value: GivenValue,
}

/// Where the text of an input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenValue {
    /// Here.
    Text(String),
    /// In a file.
    File(PathBuf),
    /// On standard input.
    StandardInput,
}

impl GivenValue {
    /// Reads what stands behind `KEY=`: `@FILE`, `-` or `@-` for standard input, `@@…` for text that begins with `@`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix('@') {
            _ if text == "-" => Self::StandardInput,
            Some("-") => Self::StandardInput,
            Some(literal) if literal.starts_with('@') => Self::Text(literal.to_owned()),
            Some(path) => Self::File(path.into()),
            None => Self::Text(text.to_owned()),
        }
    }
}

/// Standard input, which can be read once.
#[derive(Debug, Default)]
pub struct StandardInput {
    taken_for: Option<String>,
}

impl StandardInput {
    /// Reads all of it, for `purpose`.
    ///
    /// # Errors
    /// `Invalid` when it was read before, cannot be read, is too large, or is no UTF-8.
    pub fn read(&mut self, purpose: &str) -> Result<String> {
        if let Some(first) = self.taken_for.replace(purpose.to_owned()) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("standard input can be read once, but {first} and {purpose} both ask for it"),
            ));
        }
        read_text(io::stdin().lock(), "standard input")
    }
}

/// Inputs that fit the plan, and the names of those that must be given and are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// Those that were given.
    pub values: IndexMap<String, Value>,
    /// Those that are required and were not given, in the order of the plan.
    pub missing: Vec<String>,
}

/// Gathers the inputs of a run: those of `file` (`-` is standard input), then `given`, which win.
///
/// # Errors
/// `Invalid`, with everything that is wrong: files that cannot be read, unknown names, names given twice, values that break
/// their schema.
pub fn gather(plan: &Plan, given: &[GivenInput], file: Option<&Path>, stdin: &mut StandardInput) -> Result<Gathered> {
    let mut problems = Vec::new();
    let mut values = match file {
        Some(file) => read_input_file(file, stdin)?,
        None => IndexMap::new(),
    };
    for (nth, input) in given.iter().enumerate() {
        if given[..nth].iter().any(|earlier| earlier.name == input.name) {
            problems.push(format!("`{}` is given twice", input.name.escape_default()));
            continue;
        }
        let Some(wanted) = plan.inputs.get(&input.name) else {
            // Told below, with the names from the file.
            values.insert(input.name.clone(), Value::Null);
            continue;
        };
        match text_of(input, stdin) {
            Ok(text) => {
                values.insert(input.name.clone(), value_of(wanted, text));
            }
            Err(err) => problems.push(format!("`{}`: {err}", input.name)),
        }
    }
    for (name, value) in &values {
        match plan.inputs.get(name) {
            Some(wanted) => problems.extend(check(wanted, value).into_iter().map(|problem| format!("`{name}`: {problem}"))),
            None => problems.push(unknown(plan, name)),
        }
    }
    if !problems.is_empty() {
        return Err(no_fit(plan, &problems));
    }
    let missing = plan
        .inputs
        .iter()
        .filter(|(name, input)| input.default.is_none() && !values.contains_key(*name))
        .map(|(name, _)| name.clone());
    Ok(Gathered { missing: missing.collect(), values })
}

/// Reads the text a person typed for an input.
///
/// # Errors
/// `Invalid`, telling how it breaks the input's schema.
pub fn parse_typed(input: &InputPlan, text: &str) -> Result<Value> {
    let value = value_of(input, text.to_owned());
    match check(input, &value).as_slice() {
        [] => Ok(value),
        problems => Err(Error::new(ErrorKind::Invalid, problems.join("; "))),
    }
}

/// The error of inputs that must be given and are not.
#[must_use]
pub fn missing_error(plan: &Plan, missing: &[String]) -> Error {
    let mut lines = vec![if missing.len() == 1 {
        format!("workflow `{}` needs an input that was not given:", plan.name)
    } else {
        format!("workflow `{}` needs {} inputs that were not given:", plan.name, missing.len())
    }];
    let width = missing.iter().map(String::len).max().unwrap_or(0);
    for name in missing {
        let Some(input) = plan.inputs.get(name) else { continue };
        let description = input.description.as_deref().map(|text| format!("  {text}")).unwrap_or_default();
        lines.push(format!("  {name:<width$}  {}{description}", type_of(&input.schema)));
    }
    let first = missing.first().map_or("KEY", String::as_str);
    Error::new(ErrorKind::Invalid, lines.join("\n")).hint(format!(
        "give it as `-i {first}=VALUE`, `-i {first}=@FILE`, `-i {first}=-` (standard input), or all with `--inputs FILE`"
    ))
}

/// The type of a schema in a word or two, for people.
#[must_use]
pub fn type_of(schema: &Value) -> String {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values = values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        return values.collect::<Vec<_>>().join(" | ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => match schema.get("items") {
            Some(items) => format!("[{}]", type_of(items)),
            None => "list".to_owned(),
        },
        Some(kind) => kind.to_owned(),
        None => "any".to_owned(),
    }
}

fn no_fit(plan: &Plan, problems: &[String]) -> Error {
    let message = match problems {
        [problem] => format!("the inputs do not fit workflow `{}`: {problem}", plan.name),
        problems => format!("the inputs do not fit workflow `{}`:\n  {}", plan.name, problems.join("\n  ")),
    };
    let inputs: Vec<String> = plan.inputs.iter().map(|(name, input)| format!("`{name}` ({})", type_of(&input.schema))).collect();
    let hint = if inputs.is_empty() {
        "this workflow takes no inputs".to_owned()
    } else {
        format!("its inputs are {}", inputs.join(", "))
    };
    Error::new(ErrorKind::Invalid, message).hint(hint)
}

fn unknown(plan: &Plan, name: &str) -> String {
    let meant = nearest(name, plan.inputs.keys().map(String::as_str));
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    format!("there is no input `{}`{meant}", name.escape_default())
}

/// How `value` breaks the schema of an input; nothing when it fits.
#[must_use]
pub fn check(input: &InputPlan, value: &Value) -> Vec<String> {
    match Validator::new(&input.schema) {
        Ok(validator) => validator.problems(value),
        Err(err) => vec![err.to_string()],
    }
}

/// The value that `text` stands for: itself for a string, otherwise JSON where it is JSON.
#[must_use]
pub fn value_of(input: &InputPlan, text: String) -> Value {
    if wants_text(&input.schema) {
        return Value::String(text);
    }
    serde_json::from_str(text.trim()).unwrap_or(Value::String(text))
}

fn wants_text(schema: &Value) -> bool {
    match schema.get("type") {
        Some(kind) => kind == "string",
        None => schema.get("enum").and_then(Value::as_array).is_some_and(|values| values.iter().all(Value::is_string)),
    }
}

pub(super) fn text_of(input: &GivenInput, stdin: &mut StandardInput) -> Result<String> {
    match &input.value {
        GivenValue::Text(text) => Ok(text.clone()),
        GivenValue::File(path) => read_file(path),
        GivenValue::StandardInput => stdin.read(&format!("input `{}`", input.name)),
    }
}

fn read_input_file(path: &Path, stdin: &mut StandardInput) -> Result<IndexMap<String, Value>> {
    let (shown, text) =
        if path == Path::new("-") { (Path::new("<stdin>"), stdin.read("`--inputs`")?) } else { (path, read_file(path)?) };
    match values_of(shown, text)? {
        Value::Object(values) => Ok(values.into_iter().collect()),
        _ => Err(Error::new(ErrorKind::Invalid, format!("`{}` must hold a map from input names to values", shown.display()))),
    }
}

/// Reads a value that is a file of its own, or standard input.
pub(super) fn values_of_file(value: &GivenValue, stdin: &mut StandardInput) -> Result<Value> {
    match value {
        GivenValue::File(path) => values_of(path, read_file(path)?),
        GivenValue::StandardInput => values_of(Path::new("<stdin>"), stdin.read("`--form`")?),
        GivenValue::Text(text) => values_of(Path::new("<argument>"), text.clone()),
    }
}

/// Reads a file of inputs. JSON may be as large as an input may be; YAML and TOML keep to the bounds of a workflow file.
fn values_of(path: &Path, text: String) -> Result<Value> {
    if path.extension().is_some_and(|extension| extension == "json") || text.trim_start().starts_with('{') {
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        return serde_json::from_str(text)
            .map_err(|err| Error::new(ErrorKind::Invalid, format!("`{}` is no valid JSON", path.display())).source(err));
    }
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let tree = read_data_text(path, text, &mut sources, &mut problems);
    match (problems.first(), tree) {
        (None, Some(tree)) => Ok(tree.to_value()),
        (None, None) => Ok(Value::Null),
        (Some(problem), _) => {
            let at = sources.position(problem.span);
            let message = format!("{}:{}:{}: {}", at.path.display(), at.line, at.column, problem.message);
            Err(Error::new(ErrorKind::Invalid, message))
        }
    }
}

fn read_file(path: &Path) -> Result<String> {
    let shown = format!("`{}`", path.display());
    let cannot = |err: io::Error| {
        let kind = if err.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Invalid };
        Error::new(kind, format!("cannot read {shown}")).source(err)
    };
    if path.is_dir() {
        return Err(Error::new(ErrorKind::Invalid, format!("{shown} is a folder, not a file")));
    }
    read_text(File::open(path).map_err(cannot)?, &shown)
}

fn read_text(from: impl io::Read, what: &str) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(|err| Error::new(ErrorKind::Invalid, format!("cannot read {what}")).source(err))?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Error::new(ErrorKind::Invalid, format!("{what} is larger than 16 MiB")));
    }
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::Invalid, format!("{what} is no text in UTF-8")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(schema: Value) -> InputPlan {
        InputPlan { schema, default: None, description: None }
    }

    #[test]
    fn a_value_is_text_a_file_or_standard_input() {
        assert_eq!(GivenValue::parse("x"), GivenValue::Text("x".into()));
        assert_eq!(GivenValue::parse(""), GivenValue::Text(String::new()));
        assert_eq!(GivenValue::parse("@a/b.txt"), GivenValue::File("a/b.txt".into()));
        assert_eq!(GivenValue::parse("-"), GivenValue::StandardInput);
        assert_eq!(GivenValue::parse("@-"), GivenValue::StandardInput);
        assert_eq!(GivenValue::parse("@@home"), GivenValue::Text("@home".into()));
        assert_eq!(GivenValue::parse("--"), GivenValue::Text("--".into()));
    }

    #[test]
    fn text_becomes_what_the_schema_asks_for() {
        let typed = |schema, text| parse_typed(&input(schema), text).map_err(|err| err.to_string());
        assert_eq!(typed(json!({"type": "string"}), "12"), Ok(json!("12")));
        assert_eq!(typed(json!({"type": "integer"}), " 12 "), Ok(json!(12)));
        assert_eq!(typed(json!({"type": "array"}), "[1, \"a\"]"), Ok(json!([1, "a"])));
        assert_eq!(typed(json!({}), "{\"a\": 1}"), Ok(json!({"a": 1})));
        assert_eq!(typed(json!({}), "plain"), Ok(json!("plain")));
        assert_eq!(typed(json!({"enum": ["1", "2"]}), "1"), Ok(json!("1")));
        assert_eq!(typed(json!({"type": "integer"}), "many"), Err("\"many\" is not of type \"integer\"".into()));
    }

    #[test]
    fn types_read_like_the_shorthand() {
        assert_eq!(type_of(&json!({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}})), "[a | b]");
        assert_eq!(type_of(&json!({})), "any");
        assert_eq!(type_of(&json!({"type": "object"})), "object");
    }
}
