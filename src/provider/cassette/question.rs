//! What is asked, as lines for people, and whether the same is asked again.

use super::entry::{Asked, Called, Question, Said};
use crate::model::Value;

/// How a redactor's mark begins and ends.
const MARK: (&str, char) = ("[secret ", ']');

impl Question for Asked {
    fn rank(&self) -> (usize, &str) {
        (self.messages.len(), &self.model)
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("model: {}", self.model)];
        lines.extend(self.temperature.map(|temperature| format!("temperature: {temperature}")));
        lines.extend(self.max_tokens.map(|most| format!("max_tokens: {most}")));
        lines.extend(self.schema.as_ref().map(|schema| format!("schema: {schema}")));
        lines.extend(self.tools.iter().map(|tool| format!("tool: {tool}")));
        for said in &self.messages {
            let (who, text) = said.who();
            lines.push(format!("{who}:"));
            lines.extend(text.lines().map(|line| format!("  {line}")));
            lines.extend(said.calls.iter().map(|call| format!("  calls {} {}", call.name, call.arguments)));
        }
        lines
    }

    fn is_met_by(&self, now: &Self) -> bool {
        let settings = |asked: &Self| {
            let Self { model, temperature, max_tokens, schema, tools, .. } = asked.clone();
            Self { model, temperature, max_tokens, schema, tools, messages: Vec::new() }
        };
        self.messages.len() == now.messages.len()
            && self.messages.iter().any(Said::has_secret)
            && settings(self) == settings(now)
            && self.messages.iter().zip(&now.messages).all(|(one, other)| one.is_met_by(other))
    }
}

impl Said {
    fn has_secret(&self) -> bool {
        self.who().1.contains(MARK.0) || self.calls.iter().any(|call| call.arguments.contains(MARK.0))
    }

    fn is_met_by(&self, now: &Self) -> bool {
        let ((who, text), (who_now, text_now)) = (self.who(), now.who());
        who == who_now
            && self.of == now.of
            && self.calls.len() == now.calls.len()
            && stands_for(text, text_now)
            && self
                .calls
                .iter()
                .zip(&now.calls)
                .all(|(one, other)| one.id == other.id && one.name == other.name && stands_for(&one.arguments, &other.arguments))
    }
}

impl Question for Called {
    fn rank(&self) -> (usize, &str) {
        (0, &self.tool)
    }

    fn lines(&self) -> Vec<String> {
        let arguments = serde_json::to_string_pretty(&self.arguments).unwrap_or_default();
        std::iter::once(format!("tool: {}", self.tool)).chain(arguments.lines().map(str::to_owned)).collect()
    }

    fn is_met_by(&self, now: &Self) -> bool {
        let sorted = |value: &Value| {
            let mut value = value.clone();
            value.sort_all_objects();
            value.to_string()
        };
        let text = sorted(&self.arguments);
        self.tool == now.tool && text.contains(MARK.0) && stands_for(&text, &sorted(&now.arguments))
    }
}

/// Whether `text` is `pattern` with something on one line in the place of each secret.
fn stands_for(pattern: &str, text: &str) -> bool {
    let mut parts = vec![];
    let mut rest = pattern;
    while let Some(at) = rest.find(MARK.0) {
        let Some(end) = rest[at..].find(MARK.1) else { break };
        parts.push(&rest[..at]);
        rest = &rest[at + end + MARK.1.len_utf8()..];
    }
    if parts.is_empty() {
        return pattern == text;
    }
    let (Some(mut left), Some((first, between))) = (text.strip_suffix(rest), parts.split_first()) else { return false };
    let Some(after_first) = left.strip_prefix(first) else { return false };
    left = after_first;
    for part in between {
        let line_end = |at: usize| left[..at].contains('\n');
        match left.match_indices(part).find(|(at, found)| !found.is_empty() || *at == left.len()) {
            Some((at, found)) if !line_end(at) => left = &left[at + found.len()..],
            _ => return false,
        }
    }
    !left.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_on_one_line_stands_in_the_place_of_a_secret() {
        let met = [
            ("a [secret K] b", "a 1234-5678 b"),
            ("[secret K]", "x"),
            ("[secret K]", ""),
            ("[secret A] and [secret B]", "x and y"),
            ("[secret A], [secret B]\nend", "[secret A], y\nend"),
            ("plain", "plain"),
        ];
        for (pattern, text) in met {
            assert!(stands_for(pattern, text), "{pattern} / {text}");
        }
        let unmet = [
            ("a [secret K] b", "a x c"),
            ("a [secret K]", "b x"),
            ("[secret K] b", "x\ny b"),
            ("plain", "other"),
            ("[secret", "x"),
        ];
        for (pattern, text) in unmet {
            assert!(!stands_for(pattern, text), "{pattern} / {text}");
        }
    }
}
