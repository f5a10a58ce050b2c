//! The grammar as a reference for people and for language models, as Markdown: each object with its keys, from the outermost inwards.
//! Made from the same tables as the checks, so it cannot say anything else.

mod default;
mod sort;

use std::{collections::VecDeque, fmt::Write as _};

use super::{
    SchemaOf,
    grammar::{EVAL_FILE, Field, INTERCHANGE, Kind, MANIFEST, Object, POLICY, Rule, Shape, TEST_FILE, WORKFLOW},
};
use default::divide;
use sort::{Sorts, name_of};

/// Every key of a sort of files, with what it takes, its default and its meaning, as Markdown with headings from the second level on.
#[must_use]
pub fn reference(of: SchemaOf) -> String {
    let mut page = Page::default();
    match of {
        SchemaOf::Workflow => {
            page.objects(&WORKFLOW);
            page.text
                .push_str("## The interchange form\n\nA workflow may also be written as two lists, as programs write it.\n\n");
            page.objects(&INTERCHANGE);
        }
        SchemaOf::Agents => page.objects(&MANIFEST),
        SchemaOf::Test => page.objects(&TEST_FILE),
        SchemaOf::Eval => page.objects(&EVAL_FILE),
        SchemaOf::Policy => page.objects(&POLICY),
    }
    page.text.push_str(&page.sorts.legend());
    page.text
}

/// A page that grows.
#[derive(Default)]
struct Page {
    text: String,
    /// The objects that were told, so that each is told once.
    told: Vec<&'static str>,
    sorts: Sorts,
}

impl Page {
    /// Tells `root` and all that is within it, one level after the other.
    fn objects(&mut self, root: &'static Object) {
        let mut waiting = VecDeque::from([root]);
        while let Some(object) = waiting.pop_front() {
            if self.told.contains(&object.name) {
                continue;
            }
            self.told.push(object.name);
            self.object(object);
            for field in object.all_fields() {
                within(&field.shape, &mut waiting);
            }
        }
    }

    fn object(&mut self, object: &'static Object) {
        self.line(format_args!("## {}\n\n{}\n", name_of(object), object.doc));
        if !object.kinds.is_empty() {
            self.line(format_args!("Exactly one of these keys says what it is:\n"));
            self.keys(object.kinds.iter().map(|kind| (&kind.field, false)));
            for kind in object.kinds.iter().filter(|kind| !kind.fields.is_empty()) {
                self.kind(object, kind);
            }
        }
        if !object.fields.is_empty() {
            if !object.kinds.is_empty() {
                self.line(format_args!("### Keys of every {}\n", name_of(object)));
            }
            self.keys(object.fields.iter().map(|field| (field, field.required)));
        }
        self.rules(object.rules);
        self.later(object.later);
    }

    fn kind(&mut self, object: &'static Object, kind: &Kind) {
        self.line(format_args!("### Keys of a {} with `{}`\n", name_of(object), kind.field.name));
        self.keys(kind.fields.iter().map(|field| (field, field.required)));
        self.rules(kind.rules);
        self.later(kind.later);
    }

    fn keys<'a>(&mut self, fields: impl Iterator<Item = (&'a Field, bool)>) {
        self.line(format_args!("| key | takes | when absent | meaning |\n|---|---|---|---|"));
        for (field, is_required) in fields {
            let (meaning, default) = divide(field.doc);
            let default = if is_required { "**required**" } else { default.as_deref().unwrap_or("") };
            let meaning = format!("{meaning}{}", words_in(&field.shape));
            let takes = self.sorts.takes(&field.shape);
            self.line(format_args!("| `{}` | {} | {} | {} |", field.name, cell(&takes), cell(default), cell(&meaning)));
        }
        self.text.push('\n');
    }

    fn rules(&mut self, rules: &[Rule]) {
        for rule in rules {
            match rule {
                Rule::NotBoth(one, other) => self.line(format_args!("- Not both of `{one}` and `{other}`.")),
                Rule::Either(one, other) => self.line(format_args!("- At least one of `{one}` and `{other}`.")),
                Rule::Needs(one, other) => self.line(format_args!("- `{one}` only with `{other}`.")),
            }
        }
        if !rules.is_empty() {
            self.text.push('\n');
        }
    }

    fn later(&mut self, later: &[&str]) {
        if !later.is_empty() {
            let names: Vec<String> = later.iter().map(|name| format!("`{name}`")).collect();
            self.line(format_args!("Not in this version, and refused: {}.\n", names.join(", ")));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("writing to a string cannot fail");
    }
}

/// The objects that a value of this shape holds, in the order in which they are written.
fn within(shape: &Shape, found: &mut VecDeque<&'static Object>) {
    match shape {
        Shape::List { of, .. } | Shape::OneOrMany { of, .. } | Shape::Map { of, .. } => within(of, found),
        Shape::Object(object) => found.push_back(object),
        Shape::Short(short, object) => {
            within(short, found);
            found.push_back(object);
        }
        Shape::Text
        | Shape::Template
        | Shape::Expression
        | Shape::Name(_)
        | Shape::Url
        | Shape::Permission
        | Shape::Folder
        | Shape::Word(_)
        | Shape::Bool
        | Shape::Number { .. }
        | Shape::Whole { .. }
        | Shape::Count(_)
        | Shape::Duration { .. }
        | Shape::Rate
        | Shape::Data
        | Shape::Schema
        | Shape::Input => {}
    }
}

/// What the words mean that a value may be: ` `a`: …`.
fn words_in(shape: &Shape) -> String {
    if let Shape::Word(words) = shape {
        return words.iter().map(|(word, doc)| format!("<br>`{word}`: {doc}")).collect::<Vec<_>>().concat();
    }
    if let Shape::List { of, .. } | Shape::OneOrMany { of, .. } | Shape::Map { of, .. } | Shape::Short(of, _) = shape {
        return words_in(of);
    }
    String::new()
}

/// A text as the cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_every_format_is_told() {
        for (of, root) in [
            (SchemaOf::Workflow, &WORKFLOW),
            (SchemaOf::Workflow, &INTERCHANGE),
            (SchemaOf::Agents, &MANIFEST),
            (SchemaOf::Test, &TEST_FILE),
            (SchemaOf::Eval, &EVAL_FILE),
            (SchemaOf::Policy, &POLICY),
        ] {
            let text = reference(of);
            let mut waiting = VecDeque::from([root]);
            let mut seen: Vec<&str> = Vec::new();
            while let Some(object) = waiting.pop_front() {
                if seen.contains(&object.name) {
                    continue;
                }
                seen.push(object.name);
                let heading = format!("## {}\n", name_of(object));
                let (_, section) = text.split_once(&heading).unwrap_or_else(|| panic!("{of:?}: no section for {}", object.name));
                let section = section.split("\n## ").next().unwrap_or_default();
                for field in object.all_fields() {
                    assert!(section.contains(&format!("| `{}` |", field.name)), "{of:?}: {}: `{}`", object.name, field.name);
                    within(&field.shape, &mut waiting);
                }
            }
        }
    }

    #[test]
    fn no_two_objects_of_a_format_have_one_heading() {
        for of in [SchemaOf::Workflow, SchemaOf::Agents, SchemaOf::Test, SchemaOf::Eval, SchemaOf::Policy] {
            let text = reference(of);
            let headings: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
            for heading in &headings {
                assert_eq!(headings.iter().filter(|other| *other == heading).count(), 1, "{of:?}: {heading}");
            }
        }
    }
}
