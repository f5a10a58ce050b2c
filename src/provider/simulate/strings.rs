//! Makes up strings: readable ones by the name of their field, and those of a format or a pattern.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::Map;

use crate::{
    model::Value,
    provider::simulate::{Maker, Place, size},
};

/// Makes a text longer.
const FILLING: &str = " (simulated)";

impl Maker<'_> {
    pub(super) fn string(&mut self, keywords: &Map<String, Value>, place: Place<'_>) -> String {
        if let Some(pattern) = keywords.get("pattern").and_then(Value::as_str) {
            self.unsure = true;
            if let Some(text) = self.matching(pattern) {
                return text;
            }
        }
        let number = place.index.map_or(1, |index| index + 1);
        if let Some(text) = keywords.get("format").and_then(Value::as_str).and_then(|format| self.formatted(format, number)) {
            return text;
        }
        let words = words(place.name);
        let numbered = place.index.map(|index| format!(" {}", index + 1)).unwrap_or_default();
        let mut text = match words.rsplit(' ').next().unwrap_or_default() {
            "url" | "uri" | "link" | "urls" | "links" => format!("https://example.com/simulated/{number}"),
            "email" | "emails" => format!("simulated{number}@example.com"),
            "file" | "path" | "files" | "paths" => format!("simulated/file-{number}.txt"),
            "date" => self.formatted("date", number).unwrap_or_default(),
            _ => format!("Simulated {words}{numbered} by {}", self.agent),
        };
        let least = size(keywords, "minLength").unwrap_or(0).min(1_000_000);
        let most = size(keywords, "maxLength").unwrap_or(usize::MAX);
        let missing = least.saturating_sub(text.chars().count());
        text.push_str(&FILLING.repeat(missing.div_ceil(FILLING.len())));
        if text.chars().count() > most.max(least) {
            text = text.chars().take(most).collect();
        }
        text
    }

    /// A text of a well-known format; `None` for others.
    fn formatted(&mut self, format: &str, number: usize) -> Option<String> {
        let (month, day) = (self.rng.u8(1..=12), self.rng.u8(1..=28));
        let (hour, minute) = (self.rng.u8(..24), self.rng.u8(..60));
        Some(match format {
            "date" => format!("2030-{month:02}-{day:02}"),
            "time" => format!("{hour:02}:{minute:02}:00Z"),
            "date-time" => format!("2030-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z"),
            "duration" => format!("PT{}M", minute + 1),
            "email" | "idn-email" => format!("simulated{number}@example.com"),
            "hostname" | "idn-hostname" => format!("simulated{number}.example.com"),
            "uri" | "iri" | "url" => format!("https://example.com/simulated/{number}"),
            "uri-reference" | "iri-reference" | "json-pointer" => format!("/simulated/{number}"),
            "ipv4" => format!("192.0.2.{}", number % 254 + 1),
            "ipv6" => format!("2001:db8::{:x}", number % 0xffff),
            "uuid" => uuid::Builder::from_random_bytes(self.rng.u128(..).to_le_bytes()).into_uuid().to_string(),
            "regex" => "simulated".to_owned(),
            _ => return None,
        })
    }

    /// A text that a regular expression matches, if it is one we can read.
    fn matching(&mut self, pattern: &str) -> Option<String> {
        let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).nest_limit(50).build();
        let hir = parser.parse(pattern).ok()?;
        let mut bytes = Vec::new();
        self.sample(&hir, &mut bytes);
        String::from_utf8(bytes).ok()
    }

    fn sample(&mut self, hir: &Hir, text: &mut Vec<u8>) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
            HirKind::Class(Class::Bytes(class)) => {
                // Printable characters if there are any: a class like `.` or `[^a]` holds control characters too.
                let all: Vec<u8> = class.iter().flat_map(|range| range.start()..=range.end()).collect();
                let plain: Vec<u8> = all.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
                let chosen = if plain.is_empty() { &all } else { &plain };
                text.extend(chosen.get(self.rng.usize(..chosen.len().max(1))));
            }
            HirKind::Class(Class::Unicode(class)) => {
                let range = class.iter().next();
                text.extend(range.map(|range| range.start().to_string()).unwrap_or_default().bytes());
            }
            HirKind::Repetition(repetition) => {
                let most = repetition.max.unwrap_or(repetition.min.saturating_add(6)).min(repetition.min.saturating_add(6));
                let count = self.rng.u32(repetition.min..=most);
                // A star may stay empty, but a readable text is worth more.
                for _ in 0..count.max(u32::from(most > 0)) {
                    if self.left == 0 {
                        break;
                    }
                    self.sample(&repetition.sub, text);
                }
            }
            HirKind::Capture(capture) => self.sample(&capture.sub, text),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.sample(part, text)),
            HirKind::Alternation(parts) => {
                let chosen = self.rng.usize(..parts.len().max(1));
                if let Some(part) = parts.get(chosen) {
                    self.sample(part, text);
                }
            }
        }
    }
}

/// `rootCause`, `root_cause` and `root-cause` as `root cause`.
pub(super) fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && after_lower {
            words.push(' ');
        }
        after_lower = c.is_lowercase();
        words.extend(if c == '_' || c == '-' { vec![' '] } else { c.to_lowercase().collect() });
    }
    words
}
