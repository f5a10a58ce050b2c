//! The events of a log, and what is in them: from the types that are stored.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
    rc::Rc,
};

use serde_json::Value;

use super::{
    cell, holds,
    rust_source::{Body, Field, Holds, Item, items},
    source, sources,
};
use crate::readme::{command, project, succeeds};

/// Types that are a text, a number or anything in JSON. Those of `model` that are read from a text are found by themselves.
const PLAIN: [(&str, &str); 12] = [
    ("String", "text"),
    ("bool", "`true` or `false`"),
    ("u16", "integer"),
    ("u32", "integer"),
    ("u64", "integer"),
    ("usize", "integer"),
    ("f64", "number"),
    ("Seq", "integer"),
    ("Value", "any value"),
    ("Timestamp", "time, RFC 3339"),
    ("RunId", "text, a UUID"),
    ("NodePath", "text, e.g. `review[3]` or `improve@2.draft`"),
];
/// Names that macros make.
const NAMES: [&str; 6] = ["NodeId", "AgentName", "CollectionName", "MailboxName", "MessageType", "ProviderName"];

/// The types of `model`, and those that the page has come to so far.
struct Types {
    known: BTreeMap<String, Rc<Item>>,
    waiting: VecDeque<String>,
    told: BTreeSet<String>,
}

impl Types {
    fn read() -> Self {
        let files = sources().into_iter().filter(|(path, _)| path.starts_with("src/model/") || path == "src/error.rs");
        let known = files.flat_map(|(_, text)| items(&text)).map(|item| (item.name.clone(), Rc::new(item))).collect();
        Self { known, waiting: VecDeque::new(), told: BTreeSet::new() }
    }

    /// What a value of this type is in JSON.
    fn named(&mut self, of: &str) -> String {
        if let Some(inner) = inside(of, "Vec") {
            return format!("list of {}", self.named(inner));
        }
        if let Some(inner) = inside(of, "Option").or_else(|| inside(of, "Box")) {
            return self.named(inner);
        }
        if let Some(inner) = inside(of, "IndexMap").or_else(|| inside(of, "BTreeMap")) {
            let (_, value) = inner.split_once(", ").unwrap();
            return format!("map from text to {}", self.named(value));
        }
        if let Some((_, words)) = PLAIN.iter().find(|(name, _)| *name == of) {
            return (*words).to_owned();
        }
        if NAMES.contains(&of) {
            return "text".to_owned();
        }
        let item = self.known.get(of).unwrap_or_else(|| panic!("there is no type `{of}` in src/model"));
        if is_text(item) {
            return "text".to_owned();
        }
        if let Some(words) = words(item) {
            return words;
        }
        if self.told.insert(of.to_owned()) {
            self.waiting.push_back(of.to_owned());
        }
        format!("[{of}](#{})", of.to_lowercase())
    }

    fn table(&mut self, fields: &[Field]) -> String {
        let mut text = "| field | is | meaning |\n|---|---|---|\n".to_owned();
        for field in fields {
            let known = ["default", "deny_unknown_fields"];
            for argument in &field.serde {
                let is_known = known.contains(&argument.as_str()) || argument.starts_with("skip_serializing_if = ");
                assert!(
                    is_known || argument.starts_with("rename = "),
                    "serde({argument}) of `{}` is not known here",
                    field.wire_name()
                );
            }
            let optional = if field.is_optional() { ", may be absent" } else { "" };
            let of = self.named(&field.of);
            writeln!(text, "| `{}` | {of}{optional} | {} |", field.wire_name(), cell(&field.doc)).unwrap();
        }
        text.push('\n');
        text
    }

    /// The section of a type that is more than a text or a word.
    fn section(&mut self, name: &str) -> String {
        let item = Rc::clone(&self.known[name]);
        let mut text = format!("### {name}\n\n{}\n\n", item.doc);
        match &item.body {
            Body::Struct(fields) => text.push_str(&self.table(fields)),
            Body::Newtype => panic!("`{name}` is neither a text nor has it fields"),
            Body::Enum(variants) => {
                let tag = item.serde.iter().find_map(|argument| Some(argument.strip_prefix("tag = \"")?.trim_end_matches('"')));
                text.push_str("| one of | is | meaning |\n|---|---|---|\n");
                for variant in variants {
                    let wire = variant.wire_name(&item.serde);
                    let (key, of) = match (&variant.holds, tag) {
                        (Holds::Nothing, None) => (format!("`\"{wire}\"`"), "text".to_owned()),
                        (Holds::Nothing, Some(tag)) => (format!("`{{ {tag}: {wire} }}`"), "map".to_owned()),
                        (Holds::One(of), None) => (format!("`{{ {wire}: … }}`"), self.named(of)),
                        (Holds::Fields(fields), tag) => {
                            let parts = fields.iter().map(|field| {
                                let optional = if field.is_optional() { "?" } else { "" };
                                format!("`{}{optional}`: {}, {}", field.wire_name(), self.named(&field.of), cell(&field.doc))
                            });
                            let parts = parts.collect::<Vec<_>>().join("<br>");
                            (
                                tag.map_or_else(|| format!("`{{ {wire}: {{ … }} }}`"), |tag| format!("`{{ {tag}: {wire}, … }}`")),
                                parts,
                            )
                        }
                        (Holds::One(_), Some(_)) => panic!("`{name}` holds a value beside its tag"),
                    };
                    writeln!(text, "| {key} | {of} | {} |", cell(&variant.doc)).unwrap();
                }
                text.push('\n');
            }
        }
        text
    }
}

/// What stands in `Name<…>`.
fn inside<'of>(of: &'of str, name: &str) -> Option<&'of str> {
    of.strip_prefix(name)?.strip_prefix('<')?.strip_suffix('>')
}

/// Whether it is written as a text.
fn is_text(item: &Item) -> bool {
    let is_read_from_text = item.serde.iter().any(|argument| argument == "try_from = \"String\"");
    is_read_from_text || matches!(item.body, Body::Newtype) && item.serde.iter().any(|argument| argument == "transparent")
}

/// The words of an enum that holds nothing.
fn words(item: &Item) -> Option<String> {
    let Body::Enum(variants) = &item.body else { return None };
    if variants.len() > 8 || !variants.iter().all(|variant| matches!(variant.holds, Holds::Nothing)) {
        return if item.name == "ErrorKind" { Some("[kind of error](exit-codes.md#kinds-of-errors)".to_owned()) } else { None };
    }
    let words: Vec<String> = variants.iter().map(|variant| format!("`{}`", variant.wire_name(&item.serde))).collect();
    Some(words.join(" or "))
}

fn body() -> Item {
    items(&source("src/model/event.rs")).into_iter().find(|item| item.name == "EventBody").unwrap()
}

#[test]
fn the_page_of_events_is_what_is_stored() {
    let mut types = Types::read();
    let event = body();
    let Body::Enum(variants) = &event.body else { panic!("`EventBody` is no enum") };
    assert!(variants.len() > 30);
    let mut text = "# Events\n\nA run is a list of events, and nothing else is stored of it. `agentflow runs events RUN --format json` prints \
                    those of a run, `agentflow run --output jsonl` prints them as they come, a line of JSON each. What is recorded when, and what \
                    a resume does with it, is told in [what a run promises](../semantics.md#what-is-recorded-and-when).\n\n\
                    Each event has these fields, and those of its type:\n\n| field | is | meaning |\n|---|---|---|\n\
                    | `seq` | integer | its number in the run, from 0 |\n\
                    | `at` | time, RFC 3339 | when it was made, by the clock of the process that made it |\n\
                    | `type` | text | what happened: a heading of this page |\n\
                    | `trace_id` | text | the trace of the run, as in W3C Trace Context |\n\
                    | `span_id` | text, may be absent | the span of the attempt, of events about a node |\n\n"
        .to_owned();
    for variant in variants {
        write!(text, "## {}\n\n{}\n\n", variant.wire_name(&event.serde), variant.doc).unwrap();
        match &variant.holds {
            Holds::Fields(fields) => text.push_str(&types.table(fields)),
            Holds::Nothing | Holds::One(_) => panic!("an event has named fields"),
        }
    }
    text.push_str("## Parts of events\n\n");
    while let Some(name) = types.waiting.pop_front() {
        text.push_str(&types.section(&name));
    }
    holds("docs/reference/events.md", &text);
}

/// What the page says is what a log holds: no event of a real run has a type or a field that the page does not have.
#[test]
fn the_events_of_real_runs_are_on_the_page() {
    let event = body();
    let Body::Enum(variants) = &event.body else { panic!("`EventBody` is no enum") };
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for variant in variants {
        let Holds::Fields(fields) = &variant.holds else { panic!("an event has named fields") };
        known.insert(variant.wire_name(&event.serde), fields.iter().map(Field::wire_name).collect());
    }
    let project = project();
    let mut seen = BTreeSet::new();
    for workflow in ["decision.yaml", "debate.yaml", "triage.toml", "repo-report.yaml"] {
        let arguments = ["run", &format!("workflows/{workflow}"), "--mock", "--output", "jsonl"];
        let output = command(env!("CARGO_BIN_EXE_agentflow"), project.path()).args(arguments).output().unwrap();
        for line in succeeds(&output, workflow).lines() {
            let event: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            let kind = event["type"].as_str().unwrap();
            let fields = known.get(kind).unwrap_or_else(|| panic!("{kind} is not on the page"));
            for field in event.keys().filter(|field| !["seq", "at", "type", "trace_id", "span_id"].contains(&field.as_str())) {
                assert!(fields.contains(field), "{kind}: {field}");
            }
            seen.insert(kind.to_owned());
        }
    }
    assert!(seen.len() >= 8, "{seen:?}");
}
