//! Texts, numbers, durations, rates and counts.

#![expect(clippy::cast_precision_loss, reason = "bounds and counts are below 2^52")]

use super::{Checker, Place};
use crate::{
    diagnostic::{Code, Diagnostic, nearest},
    manifest::{
        Tree, TreeKind,
        grammar::{CountSize, Shape},
        load::shown,
        units,
    },
};

impl Checker {
    /// A value that is neither a list nor a map.
    pub(super) fn scalar(&mut self, shape: &Shape, tree: &Tree, place: &Place<'_>) {
        match shape {
            Shape::Text | Shape::Template => self.text(tree, place),
            Shape::Expression => {
                if tree.as_str().is_none() && !matches!(tree.kind, TreeKind::Bool(_)) {
                    self.wrong_type(tree, place, "an expression").hint =
                        Some("write it as text, e.g. `triage.risk != \"low\"`".to_owned());
                }
            }
            Shape::Name(rule) => match tree.as_str() {
                Some(name) => self.name(*rule, name, tree.span),
                None => self.text(tree, place),
            },
            Shape::Url => match tree.as_str() {
                Some(url) if !is_url(url) => {
                    let message = format!("`{}` must be an address that begins with `http://` or `https://`", place.name);
                    self.report(Diagnostic::error(Code::OUT_OF_RANGE, tree.span, message).label("no address"));
                }
                _ => self.text(tree, place),
            },
            Shape::Permission => self.permission(tree, place),
            Shape::Folder => self.folder(tree, place),
            Shape::Word(words) => self.word(words, tree, place),
            Shape::Bool => {
                if !matches!(tree.kind, TreeKind::Bool(_)) {
                    self.wrong_type(tree, place, "`true` or `false`");
                }
            }
            Shape::Number { min, max } => match tree.as_number() {
                None => self.no_number(tree, place, "a number"),
                Some(number) if number < *min || number > *max => self.out_of_range(tree, place, *min, *max),
                Some(_) => {}
            },
            Shape::Whole { min, max } => match tree.as_whole() {
                None => self.no_number(tree, place, "a whole number"),
                Some(number) if number < *min || number > *max => self.out_of_range(tree, place, *min as f64, *max as f64),
                Some(_) => {}
            },
            Shape::Count(size) => self.count(*size, tree, place),
            Shape::Duration { may_be_zero } => self.duration(*may_be_zero, tree, place),
            Shape::Rate => self.rate(tree, place),
            Shape::Data
            | Shape::Schema
            | Shape::Input
            | Shape::List { .. }
            | Shape::OneOrMany { .. }
            | Shape::Map { .. }
            | Shape::Object(_)
            | Shape::Short(..) => {}
        }
    }

    pub(super) fn text(&mut self, tree: &Tree, place: &Place<'_>) {
        if tree.as_str().is_some() {
            return;
        }
        let is_scalar = matches!(tree.kind, TreeKind::Bool(_) | TreeKind::Integer(_) | TreeKind::Float(_));
        let is_template = matches!(&tree.kind, TreeKind::Map(entries) if entries.is_empty());
        let problem = self.wrong_type(tree, place, "text");
        if is_scalar {
            problem.hint = Some("put it in quotes".to_owned());
        } else if is_template {
            problem.hint = Some("a text that begins with `{` must be quoted: `\"{{ … }}\"`".to_owned());
        }
    }

    fn word(&mut self, words: &[(&'static str, &'static str)], tree: &Tree, place: &Place<'_>) {
        let list = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let Some(text) = tree.as_str() else {
            self.wrong_type(tree, place, &format!("one of {list}"));
            return;
        };
        if words.iter().all(|(word, _)| *word != text) {
            let message = format!("`{}` is none of the values of `{}`", shown(text), place.name);
            let problem = Diagnostic::error(Code::OUT_OF_RANGE, tree.span, message).label(format!("expected one of {list}"));
            self.report(match nearest(text, words.iter().map(|(word, _)| *word)) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
    }

    fn no_number(&mut self, tree: &Tree, place: &Place<'_>, expected: &str) {
        let is_quoted = tree.as_str().is_some_and(|text| text.trim().parse::<f64>().is_ok());
        let problem = self.wrong_type(tree, place, expected);
        if is_quoted {
            problem.hint = Some("write it without quotes".to_owned());
        }
    }

    fn out_of_range(&mut self, tree: &Tree, place: &Place<'_>, min: f64, max: f64) {
        let message = match tree.as_number().or_else(|| Some(units::parse_count(tree.as_str()?).ok()? as f64)) {
            _ if place.name == "format" => "this version of agentflow reads format 1 only".to_owned(),
            Some(number) if number < min => format!("{} must be at least {min}", place.shown()),
            _ => format!("{} must be at most {max}", place.shown()),
        };
        self.report(Diagnostic::error(Code::OUT_OF_RANGE, tree.span, message).label("out of range"));
    }

    fn count(&mut self, size: CountSize, tree: &Tree, place: &Place<'_>) {
        let count = match (&tree.kind, tree.as_whole()) {
            (TreeKind::String(text), _) => match units::parse_count(text) {
                Ok(count) => count,
                Err(reason) => return self.bad_unit(Code::BAD_COUNT, tree, place, &reason),
            },
            (_, Some(number)) => match u64::try_from(number) {
                Ok(count) => count,
                Err(_) => return self.out_of_range(tree, place, 1.0, size.max() as f64),
            },
            (TreeKind::Float(_), None) => return self.bad_unit(Code::BAD_COUNT, tree, place, "is no whole number"),
            _ => {
                self.wrong_type(tree, place, "a count such as `400` or `400k`");
                return;
            }
        };
        if count < 1 || count > size.max() {
            self.out_of_range(tree, place, 1.0, size.max() as f64);
        }
    }

    fn duration(&mut self, may_be_zero: bool, tree: &Tree, place: &Place<'_>) {
        match (&tree.kind, tree.as_number()) {
            (TreeKind::String(text), _) => match units::parse_duration(text) {
                Err(reason) => self.bad_unit(Code::BAD_DURATION, tree, place, &reason),
                Ok(_) if !may_be_zero && !text.contains(|c: char| ('1'..='9').contains(&c)) => {
                    let message = format!("`{}` must be more than nothing", place.name);
                    self.report(Diagnostic::error(Code::OUT_OF_RANGE, tree.span, message).label("out of range"));
                }
                Ok(_) => {}
            },
            (_, Some(number)) => {
                self.bad_unit(
                    Code::BAD_DURATION,
                    tree,
                    place,
                    &format!("has no unit: write `{number}s` for seconds, or `ms`, `m`, `h`, `d`"),
                );
            }
            _ => {
                self.wrong_type(tree, place, "a duration such as `30s`");
            }
        }
    }

    fn rate(&mut self, tree: &Tree, place: &Place<'_>) {
        match (&tree.kind, tree.as_number()) {
            (TreeKind::String(text), _) => {
                if let Err(reason) = units::parse_rate(text) {
                    self.bad_unit(Code::BAD_RATE, tree, place, &reason);
                }
            }
            (_, Some(_)) => self.bad_unit(Code::BAD_RATE, tree, place, "has no span of time: write for example `20/m`"),
            _ => {
                self.wrong_type(tree, place, "a rate such as `20/m`");
            }
        }
    }

    /// `reason` is a sentence without its subject; what follows its colon becomes the hint.
    fn bad_unit(&mut self, code: Code, tree: &Tree, place: &Place<'_>, reason: &str) {
        let (what, hint) = reason.split_once(": ").map_or((reason, None), |(what, hint)| (what, Some(hint)));
        let value = match &tree.kind {
            TreeKind::String(text) => shown(text),
            _ => tree.to_value().to_string(),
        };
        let problem = Diagnostic::error(code, tree.span, format!("`{value}` {what}")).label(format!("for `{}`", place.name));
        self.report(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}
