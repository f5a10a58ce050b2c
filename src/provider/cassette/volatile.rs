//! What is another in every run, though the same is asked: ids and times that the run itself has made, placeholders of secrets. In keys
//! and in the file a mark stands in their place; in what is played, what this run has there.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

use jiff::{SignedDuration, Timestamp};

use super::Scrub;
use crate::model::{RunId, Value};

/// How long a UUID is, written with hyphens.
const UUID: usize = 36;
/// How long the id of a message is.
const MESSAGE: usize = 32;
/// How a time begins: `2026-01-02T03:04:05`.
const TIME: &str = "0000-00-00T00:00:00";
/// How long after its beginning a run is taken to make times of its own.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How marks begin and end.
const MARK: (char, char) = ('⟦', '⟧');

/// What is seen in the order in which it is asked, in one request.
#[derive(Debug)]
pub(super) struct Volatile<'a> {
    scrub: &'a dyn Scrub,
    /// What came out of the cassette, or goes into it, as it is: the same in every run that is played.
    settled: &'a HashSet<String>,
    /// When the run began, and until when times are taken to be its own.
    since: Timestamp,
    until: Timestamp,
    seen: Vec<(&'static str, String)>,
    /// The placeholders of secrets in this run, by name.
    placeholders: BTreeMap<String, String>,
}

impl<'a> Volatile<'a> {
    pub(super) fn new(run: RunId, scrub: &'a dyn Scrub, settled: &'a HashSet<String>) -> Self {
        let now = Timestamp::now();
        let since = run.made_at().unwrap_or(now);
        let until = since.checked_add(LONGEST).unwrap_or(now).min(now);
        Self { scrub, settled, since, until, seen: Vec::new(), placeholders: BTreeMap::new() }
    }

    /// `text` as a key is made of it and as it is written: without secrets, with marks for what is another in every run.
    pub(super) fn asked(&mut self, text: &str) -> String {
        self.marked(text, true)
    }

    /// The same for what is answered: marks stand only for what was asked with; what is new stays as it is.
    pub(super) fn answered(&mut self, text: &str) -> String {
        self.marked(text, false)
    }

    /// `text` with what this run has in the places of marks.
    pub(super) fn played(&self, text: &str) -> String {
        let mut told = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(MARK.0) {
            told.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some(end) = rest.find(MARK.1) else { break };
            let (mark, after) = rest.split_at(end + MARK.1.len_utf8());
            told.push_str(self.meant(mark).unwrap_or(mark));
            rest = after;
        }
        told.push_str(rest);
        told
    }

    /// Every text in `value`, keys included, as `text` makes it.
    pub(super) fn value(value: &Value, text: &mut dyn FnMut(&str) -> String) -> Value {
        match value {
            Value::String(string) => Value::String(text(string)),
            Value::Array(items) => Value::Array(items.iter().map(|item| Self::value(item, text)).collect()),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(key, value)| (text(key), Self::value(value, text))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn marked(&mut self, text: &str, is_asked: bool) -> String {
        let mut text = Cow::Borrowed(text);
        for (whole, name) in self.scrub.placeholders(&text) {
            text = Cow::Owned(text.replace(&whole, &format!("{}secret {name}{}", MARK.0, MARK.1)));
            if is_asked {
                self.placeholders.insert(name, whole);
            }
        }
        let text = self.scrub.redact(&text).into_owned();
        let (mut told, mut done) = (String::with_capacity(text.len()), 0);
        for (start, end, kind) in found(&text) {
            let word = &text[start..end];
            if let Some(number) = self.number(word, kind, is_asked) {
                told.push_str(&text[done..start]);
                write!(told, "{}{kind} {number}{}", MARK.0, MARK.1).expect("writing to a string cannot fail");
                done = end;
            }
        }
        told.push_str(&text[done..]);
        told
    }

    /// The number of what the run itself has made, from 1.
    fn number(&mut self, word: &str, kind: &'static str, is_asked: bool) -> Option<usize> {
        let known = self.seen.iter().position(|(_, seen)| seen == word);
        if known.is_some() || !is_asked || self.settled.contains(word) || !self.is_own(word, kind) {
            return known.map(|at| at + 1);
        }
        self.seen.push((kind, word.to_owned()));
        Some(self.seen.len())
    }

    fn is_own(&self, word: &str, kind: &str) -> bool {
        let made_at = match kind {
            "time" => word.parse::<Timestamp>().ok(),
            _ if word.len() == MESSAGE => return true,
            _ => word.parse::<RunId>().ok().and_then(RunId::made_at),
        };
        made_at.is_some_and(|at| self.since <= at && at <= self.until)
    }

    fn meant(&self, mark: &str) -> Option<&str> {
        let inner = mark.strip_prefix(MARK.0)?.strip_suffix(MARK.1)?;
        let (kind, which) = inner.split_once(' ')?;
        if kind == "secret" {
            return self.placeholders.get(which).map(String::as_str);
        }
        let (known, word) = self.seen.get(which.parse::<usize>().ok()?.checked_sub(1)?)?;
        (*known == kind).then_some(word)
    }
}

/// Notes what in `text` could be taken for an id or a time of a run, so that it never is.
pub(super) fn settle(text: &str, settled: &mut HashSet<String>) {
    settled.extend(found(text).into_iter().map(|(start, end, _)| text[start..end].to_owned()));
}

/// The same for all texts of a value.
pub(super) fn settle_value(value: &Value, settled: &mut HashSet<String>) {
    match value {
        Value::String(text) => settle(text, settled),
        Value::Array(items) => items.iter().for_each(|item| settle_value(item, settled)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            settle(key, settled);
            settle_value(value, settled);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What has the form of an id or a time, with its kind: UUIDs, times as RFC 3339 has them, and ids of messages between quotes.
fn found(text: &str) -> Vec<(usize, usize, &'static str)> {
    let bytes = text.as_bytes();
    let (mut all, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let begins = bytes[at].is_ascii_hexdigit() && (at == 0 || !is_word(bytes[at - 1]));
        let word = if begins { uuid(bytes, at).or_else(|| time(text, at)).or_else(|| message(bytes, at)) } else { None };
        match word {
            Some((end, kind)) => {
                all.push((at, end, kind));
                at = end;
            }
            None => at += 1,
        }
    }
    all
}

fn uuid(bytes: &[u8], at: usize) -> Option<(usize, &'static str)> {
    let word = bytes.get(at..at + UUID)?;
    let fits = |(place, byte): (usize, &u8)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (word.iter().enumerate().all(fits) && ends(bytes, at + UUID)).then_some((at + UUID, "id"))
}

fn message(bytes: &[u8], at: usize) -> Option<(usize, &'static str)> {
    let word = bytes.get(at..at + MESSAGE)?;
    let is_quoted = at > 0 && bytes[at - 1] == b'"' && bytes.get(at + MESSAGE) == Some(&b'"');
    (is_quoted && word.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))).then_some((at + MESSAGE, "id"))
}

fn time(text: &str, at: usize) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let head = bytes.get(at..at + TIME.len())?;
    let fits = |(form, byte): (u8, &u8)| if form == b'0' { byte.is_ascii_digit() } else { form == *byte };
    if !TIME.bytes().zip(head).all(fits) {
        return None;
    }
    let mut end = at + TIME.len();
    if bytes.get(end) == Some(&b'.') {
        end += 1 + bytes[end + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    match bytes.get(end)? {
        b'Z' => end += 1,
        b'+' | b'-' if bytes.get(end + 3) == Some(&b':') => end += 6,
        _ => return None,
    }
    (end <= bytes.len() && ends(bytes, end)).then_some((end, "time"))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn ends(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| !is_word(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::cassette::scrub::tests::Canary;

    #[test]
    fn what_the_run_has_made_is_marked_and_comes_back_as_it_is_in_the_run_that_is_played() {
        let (run, settled) = (RunId::generate(), HashSet::new());
        let mut volatile = Volatile::new(run, &Canary, &settled);
        let now = volatile.since;
        let text = format!("run {run} at {now}, message \"0123456789abcdef0123456789abcdef\", run {run}.");
        let asked = volatile.asked(&text);
        assert_eq!(asked, "run ⟦id 1⟧ at ⟦time 2⟧, message \"⟦id 3⟧\", run ⟦id 1⟧.");
        assert_eq!(volatile.played(&asked), text);
        assert_eq!(volatile.answered(&format!("to {run}")), "to ⟦id 1⟧");
        assert_eq!(volatile.played("⟦id 2⟧ ⟦time 9⟧ ⟦id⟧ ⟦"), "⟦id 2⟧ ⟦time 9⟧ ⟦id⟧ ⟦", "only what is known");
    }

    #[test]
    fn what_others_have_made_stays() {
        let (run, mut settled) = (RunId::generate(), HashSet::new());
        let own = format!("{run}");
        settle(&own, &mut settled);
        let mut volatile = Volatile::new(run, &Canary, &settled);
        for text in [
            "on 2020-01-01T00:00:00Z and 2020-01-01T00:00:00.5+02:00",
            "0189f7a0-1111-7222-8333-444455556666",
            "digest 0123456789abcdef0123456789abcdef",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "2020-01-01",
            "2020-01-01T00:00:00",
            own.as_str(),
        ] {
            assert_eq!(volatile.asked(text), text);
        }
        assert_eq!(volatile.answered(&format!("{}", RunId::generate())).len(), UUID, "what is new in an answer stays");
    }

    #[test]
    fn placeholders_are_those_of_the_run() {
        let settled = HashSet::new();
        let mut one = Volatile::new(RunId::generate(), &Canary, &settled);
        assert_eq!(one.asked("use {{K:11}} and canary-value"), "use ⟦secret K⟧ and [secret CANARY]");
        let mut two = Volatile::new(RunId::generate(), &Canary, &settled);
        assert_eq!(two.asked("use {{K:22}}"), "use ⟦secret K⟧");
        assert_eq!(two.played("token ⟦secret K⟧ ⟦secret L⟧"), "token {{K:22}} ⟦secret L⟧");
    }
}
