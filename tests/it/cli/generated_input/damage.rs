//! Ways to damage a field.

use serde_json::{Map, Value, json};

/// A way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    Missing,
    WrongType,
    Huge,
    Unicode,
    Control,
    Traversal,
    Bomb,
}

pub(super) const ALL: [Damage; 7] =
    [Damage::Missing, Damage::WrongType, Damage::Huge, Damage::Unicode, Damage::Control, Damage::Traversal, Damage::Bomb];

/// A document with one damaged place.
pub(super) struct Damaged {
    pub(super) document: Value,
    /// What takes the place of [`MARK`] in YAML: what no value can be.
    pub(super) in_text: Option<String>,
}

/// Stands where text is put in that is no value.
pub(super) const MARK: &str = "@MARK@";
/// Beyond what any text of a file may have.
const HUGE_TEXT: usize = 70_000;
/// Beyond what any file may hold.
const HUGE_COUNT: usize = 25_000;

impl Damage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::WrongType => "wrong type",
            Self::Huge => "huge",
            Self::Unicode => "unicode",
            Self::Control => "control",
            Self::Traversal => "traversal",
            Self::Bomb => "bomb",
        }
    }

    /// `document`, damaged at `pointer` in this way.
    pub(super) fn to(self, document: &Value, pointer: &str) -> Vec<Damaged> {
        let value = document.pointer(pointer).unwrap();
        let with = |new: Value| Damaged { document: replaced(document, pointer, new), in_text: None };
        let marked = |text: String| Damaged { in_text: Some(text), ..with(json!(MARK)) };
        match self {
            Self::Missing => vec![Damaged { document: without(document, pointer), in_text: None }],
            Self::WrongType => {
                let others =
                    [json!(null), json!(true), json!(-7.25), json!("no such thing"), json!([[]]), json!({ "no such key": [] })];
                others.into_iter().filter(|other| kind(other) != kind(value)).map(with).collect()
            }
            Self::Huge => match value {
                Value::Number(_) | Value::Bool(_) | Value::Null => vec![with(json!(1e300)), marked("9".repeat(400))],
                Value::String(_) => vec![with(json!("x".repeat(HUGE_TEXT))), with(json!("9".repeat(400)))],
                Value::Array(_) => vec![with(json!(vec!["x"; HUGE_COUNT]))],
                Value::Object(_) => {
                    vec![with((0..HUGE_COUNT).map(|n| (format!("k{n}"), json!(1))).collect::<Map<_, _>>().into())]
                }
            },
            Self::Unicode => both(document, pointer, "größe \u{202e}𝄞\u{200b}\u{feff}"),
            Self::Control => both(document, pointer, "a\u{1b}[31m\u{7}\u{0}\r\u{85}b"),
            Self::Traversal => both(document, pointer, "../../../../etc/passwd"),
            Self::Bomb => vec![
                with(json!("{{ range(1000000000) | list | length }}")),
                with(json!(format!("{}x{}", "{% for a in range(999) %}".repeat(90), "{% endfor %}".repeat(90)))),
                marked(aliases()),
                marked(format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))),
                marked(format!("{}1{}", "{\"a\":".repeat(20_000), "}".repeat(20_000))),
            ],
        }
    }
}

impl Damaged {
    /// Whether it is fit to be compared with the JSON Schema: its values say all, and they are few.
    pub(super) fn is_small(&self) -> bool {
        self.in_text.is_none() && self.document.to_string().len() < 50_000
    }
}

/// `text` as the value at `pointer`, and as its key.
fn both(document: &Value, pointer: &str, text: &str) -> Vec<Damaged> {
    let renamed = {
        let mut renamed = document.clone();
        let (parent, key) = split(pointer);
        let fields = renamed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        *fields = std::mem::take(fields)
            .into_iter()
            .map(|(name, value)| (if name == key { text.to_owned() } else { name }, value))
            .collect();
        renamed
    };
    [replaced(document, pointer, json!(text)), renamed].map(|document| Damaged { document, in_text: None }).into()
}

fn replaced(document: &Value, pointer: &str, new: Value) -> Value {
    let mut changed = document.clone();
    *changed.pointer_mut(pointer).unwrap() = new;
    changed
}

fn without(document: &Value, pointer: &str) -> Value {
    let mut changed = document.clone();
    let (parent, key) = split(pointer);
    changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(&key);
    changed
}

/// Where the map is, and the key in it.
fn split(pointer: &str) -> (&str, String) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    (parent, key.replace("~1", "/").replace("~0", "~"))
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// Nine to the power of thirty values, in a line of YAML.
fn aliases() -> String {
    let levels = (1..30).map(|level| format!("&a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", ")));
    format!("[&a0 [x, x, x, x, x, x, x, x, x], {}]", levels.collect::<Vec<_>>().join(", "))
}
