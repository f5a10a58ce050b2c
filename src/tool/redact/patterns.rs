//! The second net: what looks like a key of somebody, though this process never read it.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::tool::redact::mark;

/// How keys of one kind look: how they begin, and what must follow.
struct KeyPattern {
    begin: &'static str,
    name: &'static str,
    rest: Rest,
}

enum Rest {
    /// At least so many characters of keys, some of them digits.
    Characters(usize),
    /// Exactly so many capitals and digits.
    Capitals(usize),
    /// The rest of a JSON Web Token.
    Token,
    /// The rest of a private key, to its last line.
    PrivateKey,
}

const fn key(begin: &'static str, name: &'static str, least: usize) -> KeyPattern {
    KeyPattern { begin, name, rest: Rest::Characters(least) }
}

static PATTERNS: &[KeyPattern] = &[
    key("sk-", "API key", 20),
    KeyPattern { begin: "AKIA", name: "AWS key", rest: Rest::Capitals(16) },
    KeyPattern { begin: "ASIA", name: "AWS key", rest: Rest::Capitals(16) },
    key("ghp_", "GitHub token", 30),
    key("gho_", "GitHub token", 30),
    key("ghu_", "GitHub token", 30),
    key("ghs_", "GitHub token", 30),
    key("ghr_", "GitHub token", 30),
    key("github_pat_", "GitHub token", 30),
    key("glpat-", "GitLab token", 20),
    key("xoxb-", "Slack token", 20),
    key("xoxp-", "Slack token", 20),
    key("AIza", "Google key", 35),
    KeyPattern { begin: "eyJ", name: "JSON Web Token", rest: Rest::Token },
    KeyPattern { begin: "-----BEGIN ", name: "private key", rest: Rest::PrivateKey },
];

/// Finds keys by their looks.
pub(super) struct KeyPatterns {
    begins: AhoCorasick,
}

impl KeyPatterns {
    pub(super) fn new() -> Self {
        let begins = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(PATTERNS.iter().map(|pattern| pattern.begin));
        Self { begins: begins.expect("a few short words make a small automaton") }
    }

    /// `text` without what looks like a key.
    pub(super) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let (mut told, mut end) = (String::new(), 0);
        for found in self.begins.find_iter(text) {
            // What is within a key that was found, or in the middle of a word, begins none.
            if found.start() < end || text[..found.start()].ends_with(|c: char| c.is_ascii_alphanumeric()) {
                continue;
            }
            let pattern = &PATTERNS[found.pattern().as_usize()];
            if let Some(length) = pattern.rest.length(&text[found.end()..]) {
                told.push_str(&text[end..found.start()]);
                told.push_str(&mark(pattern.name));
                end = found.end() + length;
            }
        }
        if end == 0 {
            return Cow::Borrowed(text);
        }
        told.push_str(&text[end..]);
        Cow::Owned(told)
    }
}

impl Rest {
    /// How many bytes of `text` belong to the key, if it is one.
    fn length(&self, text: &str) -> Option<usize> {
        let run = |text: &str| text.bytes().take_while(|byte| is_key(*byte)).count();
        match self {
            Self::Characters(least) => {
                let length = run(text);
                (length >= *least && text[..length].bytes().any(|byte| byte.is_ascii_digit())).then_some(length)
            }
            Self::Capitals(exactly) => {
                let length = run(text);
                let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
                (length == *exactly && text.bytes().take(length).all(fits)).then_some(length)
            }
            Self::Token => {
                let header = run(text);
                let body = text[header..].strip_prefix(".eyJ").map(|rest| 4 + run(rest))?;
                let signature = text[header + body..].strip_prefix('.').map(|rest| 1 + run(rest))?;
                Some(header + body + signature)
            }
            Self::PrivateKey => {
                let (what, _) = text.split_once("-----")?;
                if !what.ends_with("PRIVATE KEY") || what.len() > 40 {
                    return None;
                }
                let last = format!("-----END {what}-----");
                Some(text.find(&last).map_or(text.len(), |at| at + last.len()))
            }
        }
    }
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        KeyPatterns::new().redact(text).into_owned()
    }

    #[test]
    fn what_looks_like_a_key_is_found() {
        let cases = [
            ("key=sk-proj-abcdefghij0123456789-_x.", "key=[secret API key]."),
            ("AKIAIOSFODNN7EXAMPLE,", "[secret AWS key],"),
            ("\"ghp_0123456789abcdefghijklmnopqrstuvwxyz\"", "\"[secret GitHub token]\""),
            ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN-_0 x", "Bearer [secret JSON Web Token] x"),
            ("a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb", "a\n[secret private key]\nb"),
            ("-----BEGIN PRIVATE KEY-----\nMII that was cut of", "[secret private key]"),
        ];
        for (text, expected) in cases {
            assert_eq!(redacted(text), expected);
        }
    }

    #[test]
    fn what_only_begins_like_a_key_is_left() {
        for text in [
            "risk-management-of-a-task-in-2026-and-later",
            "sk-learn is a library",
            "sk-a-very-long-name-without-any-digit",
            "AKIA is four letters",
            "AKIAIOSFODNN7EXAMPLEX1",
            "eyJhbGciOiJIUzI1NiJ9 alone",
            "eyJhbGci.é",
            "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
            "-----BEGIN ",
        ] {
            assert!(matches!(KeyPatterns::new().redact(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
