//! Keeps secrets out of everything that is logged, stored, shown or told to a model: the values that this process knows, in all forms
//! they are usually written in, and, as a second net, what looks like a key.

mod forms;
mod patterns;

use std::{borrow::Cow, fmt};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use secrecy::{ExposeSecret as _, SecretString};

use crate::model::Value;

use patterns::KeyPatterns;

/// How many bytes of patterns may become a DFA.
const MOST_FOR_DFA: usize = 64 * 1024;

/// The secret values that this process has read, with their names.
#[derive(Clone, Default)]
pub struct LiveSecrets {
    values: Vec<(String, SecretString)>,
}

impl LiveSecrets {
    /// Notes a value that was read.
    pub fn note(&mut self, name: impl Into<String>, value: SecretString) {
        self.values.push((name.into(), value));
    }
}

impl fmt::Debug for LiveSecrets {
    /// The names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

/// Replaces secrets by `[secret NAME]`. Values of fewer than 8 characters are not looked for.
pub struct Redactor {
    live: AhoCorasick,
    /// The name for each pattern of `live`.
    names: Vec<String>,
    patterns: KeyPatterns,
}

impl Redactor {
    /// Looks for these values, and for what looks like a key.
    #[must_use]
    pub fn new(live: &LiveSecrets) -> Self {
        let (mut texts, mut names) = (Vec::new(), Vec::new());
        for (name, value) in &live.values {
            for form in forms::of(value.expose_secret()) {
                texts.push(form);
                names.push(name.clone());
            }
        }
        // The fastest automaton is the largest: a megabyte or two for a dozen keys.
        let is_small = texts.iter().map(String::len).sum::<usize>() <= MOST_FOR_DFA;
        let kind = is_small.then_some(AhoCorasickKind::DFA);
        // Keys begin with every character there is, so a search for their beginnings only costs time.
        let live = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).kind(kind).prefilter(false).build(&texts);
        let live = live.expect("the forms of some keys are far below four thousand million bytes");
        Self { live, names, patterns: KeyPatterns::new() }
    }

    /// `text` without secrets.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.without_live(text) {
            Cow::Borrowed(text) => self.patterns.redact(text),
            Cow::Owned(text) => Cow::Owned(self.patterns.redact(&text).into_owned()),
        }
    }

    /// `value` without secrets in its texts, keys and numbers.
    #[must_use]
    pub fn redact_value<'a>(&self, value: &'a Value) -> Cow<'a, Value> {
        self.changed(value).map_or(Cow::Borrowed(value), Cow::Owned)
    }

    fn without_live<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut matches = self.live.find_iter(text).peekable();
        if matches.peek().is_none() {
            return Cow::Borrowed(text);
        }
        let (mut told, mut end) = (String::with_capacity(text.len()), 0);
        for found in matches {
            told.push_str(&text[end..found.start()]);
            told.push_str(&mark(&self.names[found.pattern().as_usize()]));
            end = found.end();
        }
        told.push_str(&text[end..]);
        Cow::Owned(told)
    }

    /// What `value` becomes, if there is a secret in it.
    fn changed(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Null | Value::Bool(_) => None,
            Value::String(text) => self.changed_text(text).map(Value::String),
            Value::Number(number) => self.changed_text(&number.to_string()).map(Value::String),
            Value::Array(items) => {
                let changed: Vec<_> = items.iter().map(|item| self.changed(item)).collect();
                changed.iter().any(Option::is_some).then(|| {
                    let pairs = changed.into_iter().zip(items);
                    Value::Array(pairs.map(|(new, old)| new.unwrap_or_else(|| old.clone())).collect())
                })
            }
            Value::Object(fields) => {
                let changed: Vec<_> = fields.iter().map(|(key, value)| (self.changed_text(key), self.changed(value))).collect();
                changed.iter().any(|(key, value)| key.is_some() || value.is_some()).then(|| {
                    let pairs = changed.into_iter().zip(fields);
                    let pairs = pairs.map(|((key, value), (old_key, old_value))| {
                        (key.unwrap_or_else(|| old_key.clone()), value.unwrap_or_else(|| old_value.clone()))
                    });
                    Value::Object(pairs.collect())
                })
            }
        }
    }

    fn changed_text(&self, text: &str) -> Option<String> {
        match self.redact(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        }
    }
}

impl fmt::Debug for Redactor {
    /// The names only: the automaton is made of the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: std::collections::BTreeSet<_> = self.names.iter().collect();
        f.debug_struct("Redactor").field("names", &names).finish_non_exhaustive()
    }
}

/// What stands for a secret.
fn mark(name: &str) -> String {
    format!("[secret {name}]")
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
    use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assume, proptest};
    use serde_json::json;

    use super::*;

    /// With characters that every encoding changes.
    const CANARY: &str = "c4n4ry/+ \"k\\y\" é?&=~";

    fn redactor(values: &[(&str, &str)]) -> Redactor {
        let mut live = LiveSecrets::default();
        for (name, value) in values {
            live.note(*name, (*value).to_owned().into());
        }
        Redactor::new(&live)
    }

    #[test]
    fn a_canary_is_found_in_every_form() {
        let redactor = redactor(&[("CANARY", CANARY)]);
        let bytes = CANARY.as_bytes();
        let json = serde_json::to_string(CANARY).unwrap();
        let forms = [
            CANARY.to_owned(),
            json.clone(),
            serde_json::to_string(&json).unwrap(),
            BASE64.encode(bytes),
            BASE64URL_NOPAD.encode(bytes),
            HEXLOWER.encode(bytes),
            HEXUPPER.encode(bytes),
            "c4n4ry%2F%2B%20%22k%5Cy%22%20%C3%A9%3F%26%3D~".to_owned(),
            "c4n4ry%2f%2b%20%22k%5cy%22%20%c3%a9%3f%26%3d~".to_owned(),
            "c4n4ry%2F%2B+%22k%5Cy%22+%C3%A9%3F%26%3D%7E".to_owned(),
        ];
        for form in forms {
            let told = redactor.redact(&format!("before {form} after")).into_owned();
            assert!(
                told.starts_with("before ") && told.ends_with(" after") && told.contains("[secret CANARY]"),
                "{form}: {told}"
            );
            assert!(told.len() < 40, "something of it is left: {told}");
        }
    }

    #[test]
    fn a_secret_within_encoded_text_is_found_wherever_it_begins() {
        let redactor = redactor(&[("TOKEN", "0123456789abcdef")]);
        for user in ["", "u", "us", "use", "user"] {
            let basic = BASE64.encode(format!("{user}:0123456789abcdef:{user}").as_bytes());
            let told = redactor.redact(&basic).into_owned();
            assert!(told.contains("[secret TOKEN]") && told.len() < basic.len() + 4, "{user}: {basic} → {told}");
        }
    }

    #[test]
    fn the_longest_secret_wins_and_short_ones_are_left() {
        let redactor = redactor(&[("SHORT", "1234567"), ("ONE", "abcdefgh"), ("LONGER", "abcdefghij")]);
        assert_eq!(redactor.redact("1234567 abcdefghij abcdefgh"), "1234567 [secret LONGER] [secret ONE]");
    }

    #[test]
    fn the_lines_of_a_key_file_are_found_one_by_one() {
        let redactor = redactor(&[("PEM", "-----BEGIN X-----\nMIIEvQIBADANBgkqh\nkiG9w0BAQEFAASCB\n-----END X-----")]);
        assert_eq!(redactor.redact("> kiG9w0BAQEFAASCB <"), "> [secret PEM] <");
        assert_eq!(redactor.redact("-----BEGIN X-----"), "-----BEGIN X-----");
    }

    #[test]
    fn what_has_no_secret_is_not_copied() {
        let redactor = redactor(&[("TOKEN", "0123456789abcdef")]);
        assert!(matches!(redactor.redact("nothing to hide"), Cow::Borrowed(_)));
        let value = json!({ "a": [1, null, { "b": "text" }] });
        assert!(matches!(redactor.redact_value(&value), Cow::Borrowed(_)));
    }

    #[test]
    fn texts_keys_and_numbers_of_a_value_are_redacted() {
        let redactor = redactor(&[("TOKEN", "123456789012")]);
        let value = json!({ "123456789012": 1, "a": [123_456_789_012_u64, "x 123456789012", false], "b": "kept" });
        assert_eq!(
            *redactor.redact_value(&value),
            json!({ "[secret TOKEN]": 1, "a": ["[secret TOKEN]", "x [secret TOKEN]", false], "b": "kept" })
        );
    }

    #[test]
    fn debug_shows_no_value() {
        let mut live = LiveSecrets::default();
        live.note("TOKEN", "0123456789abcdef".to_owned().into());
        let shown = format!("{live:?} {:?}", Redactor::new(&live));
        assert_eq!(shown, r#"{"TOKEN"} Redactor { names: {"TOKEN"}, .. }"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_form_of_a_secret_is_left(secret in "[ -~é]{8,40}", before in any::<String>(), after in "[A-Z]{0,5}", at in 0_usize..8) {
            // What the mark is made of could be put together to a secret again.
            prop_assume!(!secret.contains("secret") && !"[secret X]".contains(&secret));
            let redactor = redactor(&[("X", &secret)]);
            let forms: Vec<String> = forms::of(&secret).into_iter().collect();
            let form = &forms[at % forms.len()];
            let told = redactor.redact(&format!("{before}{form}{after}")).into_owned();
            prop_assert!(!told.contains(&secret), "{told}");
            prop_assert!(told.contains("[secret "));
        }

        #[test]
        fn redacting_twice_is_redacting_once(texts in prop::collection::vec("(0123456789abcdef|sk-[a-z0-9]{30}|eyJ|AKIA|[ -~]{0,9})", 0..9)) {
            let redactor = redactor(&[("X", "0123456789abcdef")]);
            let once = redactor.redact(&texts.concat()).into_owned();
            prop_assert!(redactor.redact(&once) == once);
        }
    }
}
