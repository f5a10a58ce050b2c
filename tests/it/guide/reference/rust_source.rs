//! Types as they stand in the source, with what is said of them: enough of Rust to read plain data types that rustfmt has laid out.
//! What it does not know fails the test that reads.

/// A struct or an enum.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) doc: String,
    /// The arguments of `#[serde(…)]`.
    pub(super) serde: Vec<String>,
    pub(super) body: Body,
}

/// What is in it.
#[derive(Debug)]
pub(super) enum Body {
    /// A struct with named fields.
    Struct(Vec<Field>),
    /// A struct around one value.
    Newtype,
    /// An enum.
    Enum(Vec<Variant>),
}

/// A field of a struct or a variant.
#[derive(Debug)]
pub(super) struct Field {
    name: String,
    pub(super) doc: String,
    pub(super) serde: Vec<String>,
    /// Its type as written.
    pub(super) of: String,
}

/// A variant of an enum.
#[derive(Debug)]
pub(super) struct Variant {
    name: String,
    pub(super) doc: String,
    serde: Vec<String>,
    pub(super) holds: Holds,
}

/// What a variant holds.
#[derive(Debug)]
pub(super) enum Holds {
    /// Nothing.
    Nothing,
    /// A value of this type.
    One(String),
    /// Fields.
    Fields(Vec<Field>),
}

impl Field {
    /// Its name in JSON.
    pub(super) fn wire_name(&self) -> String {
        renamed(&self.serde).unwrap_or_else(|| self.name.clone())
    }

    /// Whether JSON may be without it.
    pub(super) fn is_optional(&self) -> bool {
        self.serde.iter().any(|argument| argument == "default")
    }
}

impl Variant {
    /// Its name in JSON, in an enum with these arguments of serde.
    pub(super) fn wire_name(&self, of_enum: &[String]) -> String {
        if let Some(name) = renamed(&self.serde) {
            return name;
        }
        assert!(of_enum.iter().any(|argument| argument == "rename_all = \"snake_case\""), "`{}` is not renamed", self.name);
        let mut name = String::new();
        for (at, character) in self.name.char_indices() {
            if character.is_uppercase() && at > 0 {
                name.push('_');
            }
            name.extend(character.to_lowercase());
        }
        name
    }
}

fn renamed(serde: &[String]) -> Option<String> {
    serde.iter().find_map(|argument| Some(argument.strip_prefix("rename = \"")?.trim_end_matches('"').to_owned()))
}

/// What stands before something: what is said of it, and its attributes.
#[derive(Default)]
struct Before {
    doc: String,
    serde: Vec<String>,
}

impl Before {
    /// Takes a line that belongs to what follows; `false` for any other.
    fn takes(&mut self, line: &str) -> bool {
        if let Some(doc) = line.strip_prefix("///") {
            format!("{} {}", self.doc, doc.trim()).trim().clone_into(&mut self.doc);
        } else if let Some(arguments) = line.strip_prefix("#[serde(").and_then(|rest| rest.strip_suffix(")]")) {
            self.serde.extend(arguments.split(", ").map(str::to_owned));
        } else if !line.starts_with("#[") {
            return false;
        }
        true
    }
}

/// The public structs and enums of a file, but those of its macros.
pub(super) fn items(text: &str) -> Vec<Item> {
    let mut found = Vec::new();
    let mut before = Before::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if before.takes(line) {
            continue;
        }
        let Before { doc, serde } = std::mem::take(&mut before);
        let (kind, name) = match line.strip_prefix("pub struct ").map(|rest| ("struct", rest)) {
            Some(found) => found,
            None => match line.strip_prefix("pub enum ") {
                Some(rest) => ("enum", rest),
                None => continue,
            },
        };
        let end = name.find(|character: char| !character.is_alphanumeric()).unwrap_or(name.len());
        let (name, rest) = name.split_at(end);
        let body = match (kind, rest.trim()) {
            ("struct", "{") => Body::Struct(fields(&mut lines, "}", "    ")),
            ("enum", "{") => Body::Enum(variants(&mut lines)),
            _ => Body::Newtype,
        };
        found.push(Item { name: name.to_owned(), doc, serde, body });
    }
    found
}

type Lines<'text> = std::iter::Peekable<std::str::Lines<'text>>;

fn fields(lines: &mut Lines<'_>, end: &str, indent: &str) -> Vec<Field> {
    let mut found = Vec::new();
    let mut before = Before::default();
    for line in lines.by_ref() {
        if line == end {
            break;
        }
        let line = line.strip_prefix(indent).unwrap_or(line);
        if before.takes(line) || line.is_empty() {
            continue;
        }
        let Before { doc, serde } = std::mem::take(&mut before);
        let (name, of) = line.trim_end_matches(',').split_once(": ").unwrap_or_else(|| panic!("`{line}` is no field"));
        let name = name.rsplit(' ').next().unwrap().trim_start_matches("r#").to_owned();
        found.push(Field { name, doc, serde, of: of.to_owned() });
    }
    found
}

fn variants(lines: &mut Lines<'_>) -> Vec<Variant> {
    let mut found = Vec::new();
    let mut before = Before::default();
    while let Some(line) = lines.next() {
        if line == "}" {
            break;
        }
        let line = line.trim_start();
        if before.takes(line) || line.is_empty() {
            continue;
        }
        let Before { doc, serde } = std::mem::take(&mut before);
        let (name, holds) = if let Some(name) = line.strip_suffix(" {") {
            (name, Holds::Fields(fields(lines, "    },", "        ")))
        } else if let Some((name, of)) = line.trim_end_matches(',').split_once('(') {
            (name, Holds::One(of.trim_end_matches(')').to_owned()))
        } else {
            (line.trim_end_matches(','), Holds::Nothing)
        };
        found.push(Variant { name: name.to_owned(), doc, serde, holds });
    }
    found
}

#[test]
fn plain_types_are_read() {
    let text = "/// What\n/// it is.\n#[derive(Debug)]\n#[serde(rename_all = \"snake_case\")]\npub enum Kind {\n    /// One.\n    FirstOne,\n    \
                /// Two.\n    Second(String),\n    /// Three.\n    Third {\n        /// A.\n        #[serde(default, rename = \"type\")]\n        \
                kind: Option<u64>,\n    },\n}\n\npub struct Id(String);\n";
    let items = items(text);
    assert_eq!((items[0].name.as_str(), items[0].doc.as_str()), ("Kind", "What it is."));
    assert!(matches!(items[1].body, Body::Newtype));
    let Body::Enum(variants) = &items[0].body else { panic!() };
    assert_eq!(variants[0].wire_name(&items[0].serde), "first_one");
    assert!(matches!(&variants[1].holds, Holds::One(of) if of == "String"));
    let Holds::Fields(fields) = &variants[2].holds else { panic!() };
    assert!(fields[0].wire_name() == "type" && fields[0].is_optional() && fields[0].of == "Option<u64>" && fields[0].doc == "A.");
}
