//! Holds a tree against the grammar and reports everything that does not fit, each with its place, what was expected, and a hint.

mod permissions;
mod scalars;

use std::collections::HashMap;

use crate::{
    diagnostic::{Code, Diagnostic, Span, Spanned, nearest},
    manifest::{
        Tree, TreeKind,
        grammar::{Field, Kind, NameRule, Object, Rule, Shape},
        load::shown,
        names, schema_shorthand,
    },
    model::Value,
};

/// How many problems of one file are told.
pub(super) const MAX_PROBLEMS: usize = 200;

/// The JSON Schemas that a check has made of schemas and inputs, by the place of the whole value: reading need not make them again.
pub(super) type Schemas = HashMap<Span, Value>;

/// Reports every part of `tree` that is not as `object` has it.
pub(super) fn check(tree: &Tree, object: &'static Object, problems: &mut Vec<Diagnostic>) -> Schemas {
    let mut checker = Checker { problems: Vec::new(), schemas: Schemas::new() };
    let start = Span { end: tree.span.start, ..tree.span };
    checker.object(object, tree, &Place { name: object.what, span: start });
    // A value behind an anchor is checked wherever it is used, but told of once.
    let mut told: Vec<Diagnostic> = Vec::new();
    for problem in std::mem::take(&mut checker.problems) {
        if !told.contains(&problem) {
            told.push(problem);
        }
    }
    if told.len() >= MAX_PROBLEMS {
        told.push(too_many_problems(start));
    }
    problems.append(&mut told);
    checker.schemas
}

/// The last problem of a file that has too many.
pub(super) fn too_many_problems(span: Span) -> Diagnostic {
    Diagnostic::error(Code::TOO_COMPLEX, span, format!("the file has more than {MAX_PROBLEMS} problems; the rest is not shown"))
}

/// Whose value is looked at, for messages.
struct Place<'a> {
    /// The key, or what the thing is.
    name: &'a str,
    /// Where the key stands, to be shown for what is missing in a map.
    span: Span,
}

impl Place<'_> {
    /// The key in backticks, or what the whole file is.
    fn shown(&self) -> String {
        if self.name.starts_with("a ") { self.name.to_owned() } else { format!("`{}`", shown(self.name)) }
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

struct Checker {
    problems: Vec<Diagnostic>,
    schemas: Schemas,
}

impl Checker {
    fn report(&mut self, problem: Diagnostic) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn report_all(&mut self, problems: Vec<Diagnostic>) {
        for problem in problems {
            self.report(problem);
        }
    }

    fn wrong_type(&mut self, tree: &Tree, place: &Place<'_>, expected: &str) -> &mut Diagnostic {
        let found = tree.describe();
        let problem =
            Diagnostic::error(Code::WRONG_TYPE, tree.span, format!("{} must be {expected}, found {found}", place.shown()))
                .label(format!("expected {expected}"));
        self.last(problem)
    }

    /// Reports a problem and gives it back, for a hint.
    fn last(&mut self, problem: Diagnostic) -> &mut Diagnostic {
        if self.problems.len() >= MAX_PROBLEMS {
            self.problems.pop();
        }
        self.problems.push(problem);
        self.problems.last_mut().expect("pushed above")
    }

    fn shape(&mut self, shape: &Shape, tree: &Tree, place: &Place<'_>) {
        match shape {
            Shape::Data => {}
            Shape::Schema => {
                let mut found = Vec::new();
                let schema = schema_shorthand::to_json_schema(tree, &mut found);
                self.schemas.extend(schema.map(|schema| (tree.span, schema)));
                self.report_all(found);
            }
            Shape::Input => self.input(tree),
            Shape::List { of, min } => {
                if let Some(items) = tree.as_list() {
                    self.items(of, items, *min, tree, place);
                } else {
                    let problem = self.wrong_type(tree, place, "a list");
                    if tree.as_str().is_some() {
                        problem.hint = Some("write it in brackets: `[…]`".to_owned());
                    }
                }
            }
            Shape::OneOrMany { of, min } => match tree.as_list() {
                Some(items) => self.items(of, items, *min, tree, place),
                None if matches!(of, Shape::Text) && tree.as_str().is_none() => {
                    self.wrong_type(tree, place, "text or a list of texts");
                }
                None => self.shape(of, tree, place),
            },
            Shape::Map { keys, of, filled } => self.map(*keys, of, *filled, tree, place),
            Shape::Object(object) => self.object(object, tree, place),
            Shape::Short(short, object) => match tree.kind {
                TreeKind::Map(_) => self.object(object, tree, place),
                _ => self.shape(short, tree, place),
            },
            _ => self.scalar(shape, tree, place),
        }
    }

    fn items(&mut self, of: &Shape, items: &[Tree], min: usize, tree: &Tree, place: &Place<'_>) {
        if items.len() < min {
            self.report(
                Diagnostic::error(Code::OUT_OF_RANGE, tree.span, format!("`{}` must not be empty", place.name)).label("empty"),
            );
        }
        for item in items {
            self.shape(of, item, &Place { name: place.name, span: item.span });
        }
    }

    fn map(&mut self, keys: NameRule, of: &Shape, filled: bool, tree: &Tree, place: &Place<'_>) {
        let Some(entries) = tree.as_map() else {
            let problem = self.wrong_type(tree, place, "a map");
            if tree.as_list().is_some() {
                problem.hint = Some("each entry has its name as key: `NAME: …`, without a dash".to_owned());
            }
            return;
        };
        if filled && entries.is_empty() {
            self.report(
                Diagnostic::error(Code::OUT_OF_RANGE, tree.span, format!("`{}` must not be empty", place.name)).label("empty"),
            );
        }
        for (key, value) in entries {
            if self.is_full() {
                return;
            }
            self.name(keys, &key.value, key.span);
            self.shape(of, value, &Place { name: &key.value, span: key.span });
        }
    }

    /// A name that is given or taken up here.
    fn name(&mut self, rule: NameRule, name: &str, span: Span) {
        if let Some(problem) = names::problem(rule, name, span) {
            self.report(problem);
        }
    }

    fn input(&mut self, tree: &Tree) {
        let unknown: Vec<_> = schema_shorthand::unknown_input_keys(tree).cloned().collect();
        for key in unknown.iter().take(MAX_PROBLEMS) {
            let known = nearest(&key.value, schema_shorthand::KEYWORDS.iter().copied());
            self.unknown_key(key, "an input", known, &[]);
        }
        if unknown.is_empty() {
            let mut found = Vec::new();
            let schema = schema_shorthand::input_schema(tree, &mut found);
            self.schemas.extend(schema.map(|schema| (tree.span, schema)));
            self.report_all(found);
        }
        if let (Some(_), Some(description)) = (tree.get("type"), tree.get("description")) {
            self.shape(&Shape::Text, description, &Place { name: "description", span: description.span });
        }
    }

    fn object(&mut self, object: &'static Object, tree: &Tree, place: &Place<'_>) {
        let Some(entries) = tree.as_map() else {
            let problem = self.wrong_type(tree, place, "a map");
            if place.name == "api_key" || object.name == "secret" {
                problem.hint = Some(
                    "a key is never written in a file: name a variable, `{ env = \"NAME\" }`, or a file of its own".to_owned(),
                );
            }
            return;
        };
        self.check_kinds(object, entries, place);
        let kind = match object.written_kinds(&|name| tree.get(name).is_some())[..] {
            [kind] => Some(kind),
            _ => None,
        };
        for (key, value) in entries {
            if self.is_full() {
                return;
            }
            self.entry(object, kind, key, value);
        }
        for field in object.fields.iter().filter(|field| field.required && tree.get(field.name).is_none()) {
            self.missing(object, field, entries, place);
        }
        for rule in object.rules.iter().chain(kind.iter().flat_map(|kind| kind.rules)) {
            self.rule(rule, object, tree, place);
        }
    }

    /// Reports a missing or ambiguous kind.
    fn check_kinds(&mut self, object: &'static Object, entries: &[(Spanned<String>, Tree)], place: &Place<'_>) {
        if object.kinds.is_empty() {
            return;
        }
        let names = || object.kinds.iter().map(|kind| kind.field.name);
        let kinds = object.written_kinds(&|name| entries.iter().any(|(key, _)| key.value == name));
        let is_kind = |key: &&Spanned<String>| kinds.iter().any(|kind| kind.field.name == key.value);
        let written: Vec<&Spanned<String>> = entries.iter().map(|(key, _)| key).filter(is_kind).collect();
        match written[..] {
            [] => {
                let is_slip = || {
                    entries.iter().take(MAX_PROBLEMS).any(|(key, _)| {
                        object.all_fields().all(|field| field.name != key.value)
                            && nearest(&key.value, object.all_fields().map(|field| field.name))
                                .is_some_and(|near| names().any(|name| name == near))
                    })
                };
                if !is_slip() {
                    let belongs = object
                        .kinds
                        .iter()
                        .find(|kind| kind.fields.iter().any(|field| entries.iter().any(|(key, _)| key.value == field.name)));
                    let list = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                    let problem = Diagnostic::error(
                        Code::NODE_KIND,
                        place.span,
                        format!("`{}` does not say what it does", shown(place.name)),
                    )
                    .label("no kind");
                    self.report(problem.hint(match belongs {
                        Some(kind) => format!("add `{}: …`, to which the other keys belong", kind.field.name),
                        None => format!("give {} one of the keys {list}", object.what),
                    }));
                }
            }
            [_] => {}
            [first, second, ..] => {
                let message = format!("`{}` has several kinds: `{}` and `{}`", shown(place.name), first.value, second.value);
                self.report(
                    Diagnostic::error(Code::NODE_KIND, second.span, message)
                        .label("another kind")
                        .related(first.span, "one kind")
                        .hint(format!("{} does one thing: make it two, or remove one of the keys", object.what)),
                );
            }
        }
    }

    fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    fn entry(&mut self, object: &'static Object, kind: Option<&'static Kind>, key: &Spanned<String>, value: &Tree) {
        let name = key.value.as_str();
        let is_later_here = object.later.contains(&name)
            || kind.is_some_and(|kind| kind.later.contains(&name))
            || kind.is_none() && object.kinds.iter().any(|kind| kind.later.contains(&name));
        let has = |kind: &&'static Kind| kind.has(name);
        // What is the key of one kind may be a key that another one has.
        let own = kind.and_then(|kind| std::iter::once(&kind.field).chain(kind.fields).find(|field| field.name == name));
        let field = own.or_else(|| object.all_fields().find(|field| field.name == name));
        // Kinds may share a key.
        let home = kind.filter(has).or_else(|| object.kinds.iter().find(has));
        match (field, kind, home) {
            _ if is_later_here && (field.is_none() || kind.is_some_and(|kind| kind.later.contains(&name))) => {
                self.report(
                    Diagnostic::error(Code::NOT_AVAILABLE, key.span, format!("this version has no `{name}` yet"))
                        .label("not available")
                        .hint(format!("`{name}` is part of the format, but this version does not have it yet: remove it")),
                );
            }
            (Some(_), Some(kind), Some(home)) if own.is_none() && !std::ptr::eq(kind, home) => {
                self.report(
                    Diagnostic::error(
                        Code::KEY_COMBINATION,
                        key.span,
                        format!(
                            "`{name}` belongs to `{}`, and this is {} with `{}`",
                            home.field.name, object.what, kind.field.name
                        ),
                    )
                    .label("does not belong here"),
                );
            }
            (Some(field), ..) => self.shape(&field.shape, value, &Place { name: field.name, span: key.span }),
            (None, ..) => {
                let known: Vec<&str> = object
                    .fields
                    .iter()
                    .chain(
                        object
                            .kinds
                            .iter()
                            .filter(|one| kind.is_none_or(|kind| std::ptr::eq(kind, *one)))
                            .flat_map(|kind| kind.fields),
                    )
                    .chain(object.kinds.iter().filter(|_| kind.is_none()).map(|kind| &kind.field))
                    .map(|field| field.name)
                    .collect();
                self.unknown_key(key, object.what, nearest(name, known.iter().copied()), &known);
            }
        }
    }

    fn unknown_key(&mut self, key: &Spanned<String>, what: &str, near: Option<&str>, known: &[&str]) {
        let problem = Diagnostic::error(Code::UNKNOWN_KEY, key.span, format!("{what} has no key `{}`", shown(&key.value)))
            .label("unknown key");
        self.report(match near {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None if known.is_empty() || known.len() > 12 => problem,
            None => problem
                .hint(format!("its keys are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))),
        });
    }

    fn missing(&mut self, object: &'static Object, field: &Field, entries: &[(Spanned<String>, Tree)], place: &Place<'_>) {
        // A misspelt key has been reported; that it is missing is the same mistake.
        let is_slip = entries.iter().take(MAX_PROBLEMS).any(|(key, _)| {
            object.all_fields().all(|known| known.name != key.value)
                && nearest(&key.value, object.all_fields().map(|known| known.name)) == Some(field.name)
        });
        if !is_slip {
            self.report(
                Diagnostic::error(Code::MISSING_KEY, place.span, format!("{} needs `{}`", object.what, field.name))
                    .label(format!("`{}` is missing", field.name))
                    .hint(format!("`{}`: {}", field.name, lower_first(field.doc.trim_end_matches('.')))),
            );
        }
    }

    fn rule(&mut self, rule: &Rule, object: &'static Object, tree: &Tree, place: &Place<'_>) {
        match *rule {
            Rule::NotBoth(one, other) => {
                if let (Some((first, _)), Some((second, _))) = (tree.entry(one), tree.entry(other)) {
                    let (first, second) = if first.span.start <= second.span.start { (first, second) } else { (second, first) };
                    self.report(
                        Diagnostic::error(
                            Code::KEY_COMBINATION,
                            second.span,
                            format!("`{one}` and `{other}` exclude each other"),
                        )
                        .label("one too many")
                        .related(first.span, "the other one"),
                    );
                }
            }
            Rule::Either(one, other) => {
                let is_slip = |name: &str| {
                    object.all_fields().all(|field| field.name != name)
                        && nearest(name, [one, other]).is_some()
                        && nearest(name, object.all_fields().map(|field| field.name))
                            .is_some_and(|near| near == one || near == other)
                };
                let is_there = |(key, _): &(Spanned<String>, Tree)| key.value == one || key.value == other || is_slip(&key.value);
                if !tree.as_map().unwrap_or_default().iter().take(MAX_PROBLEMS).any(is_there) {
                    self.report(
                        Diagnostic::error(
                            Code::MISSING_KEY,
                            place.span,
                            format!("`{}` needs `{one}` or `{other}`", shown(place.name)),
                        )
                        .label(format!("`{one}` is missing")),
                    );
                }
            }
            Rule::Needs(key, needed) => {
                if let (Some((key, _)), None) = (tree.entry(key), tree.entry(needed)) {
                    let message = format!("`{}` means nothing without `{needed}`", key.value);
                    self.report(
                        Diagnostic::error(Code::KEY_COMBINATION, key.span, message).label(format!("there is no `{needed}`")),
                    );
                }
            }
        }
    }
}
