//! Whom a cassette asks what may not stand in a file.

use std::{borrow::Cow, fmt};

/// Knows what is secret.
pub trait Scrub: fmt::Debug + Send + Sync {
    /// `text` without secrets; what stands in their place begins with `[secret `.
    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str>;

    /// The placeholders of secrets in `text`, which are others in every run, each with the name of its secret.
    fn placeholders(&self, text: &str) -> Vec<(String, String)>;
}

#[cfg(test)]
pub(super) mod tests {
    use std::borrow::Cow;

    use super::Scrub;

    /// Knows one secret, and placeholders that are written `{{NAME:NUMBER}}`.
    #[derive(Debug)]
    pub(in crate::provider::cassette) struct Canary;

    impl Scrub for Canary {
        fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
            if text.contains("canary-value") { text.replace("canary-value", "[secret CANARY]").into() } else { text.into() }
        }

        fn placeholders(&self, text: &str) -> Vec<(String, String)> {
            let parts = text.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
            let named = parts.filter_map(|(inner, _)| Some((inner, inner.split_once(':')?.0)));
            named.map(|(inner, name)| (format!("{{{{{inner}}}}}"), name.to_owned())).collect()
        }
    }
}
