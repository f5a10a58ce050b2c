//! What a key takes, in words, and the legend that says what the words mean.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::manifest::{
    grammar::{NameRule, Object, Shape},
    names,
};

/// The sorts of values that were told, each with what it is.
#[derive(Default)]
pub(super) struct Sorts {
    used: BTreeMap<&'static str, String>,
}

impl Sorts {
    /// What a value of this shape is, as Markdown; objects are links to their sections.
    pub(super) fn takes(&mut self, shape: &Shape) -> String {
        match shape {
            Shape::Word(words) => {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                words.join(" or ")
            }
            Shape::Number { min, max } => format!("number{}", range(&told(*min), &told(*max), *max >= 1e9)),
            Shape::Whole { min, max } if min == max => format!("`{min}`"),
            Shape::Whole { min, max } => format!("integer{}", range(&grouped(*min), &grouped(*max), *max >= 1_000_000_000)),
            Shape::List { of, min } => {
                format!("list of {}{}", self.takes(of), if *min == 0 { "" } else { ", not empty" })
            }
            Shape::OneOrMany { of, .. } => format!("{}, or a list of them", self.takes(of)),
            Shape::Map { keys, of, filled } => {
                let of = self.takes(of);
                let key = self.name(*keys);
                format!("map from {key} to {of}{}", if *filled { ", not empty" } else { "" })
            }
            Shape::Object(object) => link(object),
            Shape::Short(short, object) => format!("{}, or {}", self.takes(short), link(object)),
            Shape::Name(rule) => self.name(*rule),
            Shape::Bool => "`true` or `false`".to_owned(),
            Shape::Text => "text".to_owned(),
            Shape::Duration { may_be_zero } => {
                let name = self.named("duration", "`500ms`, `1.5s`, `5m`, `1h30m`, `7d`; always with its unit");
                if *may_be_zero { name } else { format!("{name}, not zero") }
            }
            Shape::Template => self.named("template", "text in which `{{ … }}` and `{% … %}` are computed over the values of the run"),
            Shape::Expression => self.named("expression", "what stands in `{{ … }}`, without the braces; also `true` and `false`"),
            Shape::Url => self.named("URL", "an address that begins with `http://` or `https://`"),
            Shape::Permission => self.named(
                "permission",
                "`net:HOST`, `fs:read:GLOB`, `fs:write:GLOB`, `run:PROGRAM WORD…`, `mcp:SERVER/TOOL`, `memory:read:NAME`, \
                 `memory:write:NAME`, `mailbox:send:NAME`, `mailbox:read:NAME` or `secret:NAME`",
            ),
            Shape::Folder => self.named("folder", "an absolute path"),
            Shape::Count(_) => self.named("count", "a whole number of at least 1, or text such as `400k`, `1.5M`, `2G`"),
            Shape::Rate => self.named("rate", "a count for each `s`, `m`, `h` or `d`: `20/m`, `90k/m`"),
            Shape::Data => self.named("data", "any value; texts in it are templates"),
            Shape::Schema => self.named(
                "schema",
                "`string`, `integer`, `number`, `boolean`, `any`, `a \\| b`, `[T]`, a map of fields (`field?` is optional), or a JSON \
                 Schema",
            ),
            Shape::Input => {
                self.named("schema", "");
                self.named("input", "a schema, or `{ type, default, description }`")
            }
        }
    }

    fn name(&mut self, rule: NameRule) -> String {
        let name = match rule {
            NameRule::Filled => return "text".to_owned(),
            NameRule::Name => "name",
            NameRule::NodeId => "node id",
            NameRule::Identifier => "identifier",
            NameRule::ElementName => "element name",
            NameRule::Variable => "variable",
            NameRule::Output => "output name",
            NameRule::Header => "header",
        };
        let refused = if names::refused(rule).is_empty() { "" } else { ", and no reserved name" };
        self.used.insert(name, format!("`{}`{refused}", names::pattern(rule).replace('|', "\\|")));
        name.to_owned()
    }

    fn named(&mut self, name: &'static str, what: &str) -> String {
        let entry = self.used.entry(name).or_default();
        if !what.is_empty() {
            what.clone_into(entry);
        }
        name.to_owned()
    }

    /// What the sorts that were told mean, as a section.
    pub(super) fn legend(&self) -> String {
        let mut text = "## Sorts of values\n\n| sort | is |\n|---|---|\n".to_owned();
        for (name, what) in &self.used {
            writeln!(text, "| {name} | {what} |").expect("writing to a string cannot fail");
        }
        text
    }
}

/// What an object is called: its name in messages without the article.
pub(super) fn name_of(object: &Object) -> &'static str {
    let what = object.what;
    what.strip_prefix("a ").or_else(|| what.strip_prefix("an ")).unwrap_or(what)
}

fn link(object: &Object) -> String {
    format!("[{}](#{})", name_of(object), anchor(name_of(object)))
}

/// Where a heading is found: as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'));
    kept.map(|character| if character == ' ' { '-' } else { character.to_ascii_lowercase() }).collect()
}

fn range(min: &str, max: &str, is_open: bool) -> String {
    if is_open { format!(", {min} or more") } else { format!(", {min} to {max}") }
}

fn told(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 10^15")]
        let whole = number as i64;
        grouped(whole)
    } else {
        number.to_string()
    }
}

/// A number with its thousands apart.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
