//! How much of a text a model of embeddings reads, and how many tokens that is.

use tiktoken_rs::{CoreBPE, cl100k_base_singleton};

/// What a model that is not known surely reads.
const SAFE_TOKENS: usize = 512;
/// Tokens of text have far fewer bytes than this; what is longer than so many times its tokens is cut before it is counted.
const BYTES_PER_TOKEN: usize = 16;
/// What stands around a text that a model reads: its beginning and its end.
const AROUND: usize = 2;

/// What is known of a model of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The most tokens of a text.
    pub(super) max_tokens: usize,
    /// How many numbers its vectors have.
    pub(super) dimension: Option<usize>,
    /// Whether the tokens are those of OpenAI's embeddings, or only known not to be more than a bound.
    is_exact: bool,
}

impl Window {
    /// That of `model`, by its own name or after the name of who offers it.
    ///
    /// # Source
    /// OpenAI's guide "Vector embeddings"; the tokens are those of `cl100k_base`.
    pub(super) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let dimension = match name {
            "text-embedding-3-small" | "text-embedding-ada-002" => 1_536,
            "text-embedding-3-large" => 3_072,
            _ => return Self { max_tokens: SAFE_TOKENS, dimension: None, is_exact: false },
        };
        Self { max_tokens: 8_191, dimension: Some(dimension), is_exact: true }
    }

    /// How many tokens `text` has: exactly for OpenAI's models, no fewer for others.
    ///
    /// For these it is half as many again as OpenAI's, and one for each letter beyond ASCII: vocabularies made for English know
    /// such letters only one by one.
    pub(super) fn count(self, text: &str) -> usize {
        let tokens = tokens().count_ordinary(text);
        if self.is_exact {
            return tokens;
        }
        let foreign = text.chars().filter(|c| !c.is_ascii()).count();
        tokens + tokens.div_ceil(2) + foreign + AROUND
    }

    /// The beginning of `text`, if all of it would be too long: about as much as is surely read.
    pub(super) fn cut(self, text: &str) -> &str {
        let mut text = head(text, self.max_tokens * BYTES_PER_TOKEN);
        // No token is shorter than a byte.
        if text.len() <= self.max_tokens / 4 {
            return text;
        }
        loop {
            let count = self.count(text);
            if count <= self.max_tokens {
                return text;
            }
            text = head(text, (text.len() * self.max_tokens / count).min(text.len() - 1));
        }
    }
}

fn tokens() -> &'static CoreBPE {
    cl100k_base_singleton()
}

/// The first `length` bytes of `text`, or a few less so that no letter is divided.
fn head(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_openai_are_known_by_their_names() {
        assert_eq!(Window::of("text-embedding-3-small").dimension, Some(1_536));
        assert_eq!(Window::of("openai/text-embedding-3-large").dimension, Some(3_072));
        assert_eq!(Window::of("nomic-embed-text"), Window { max_tokens: 512, dimension: None, is_exact: false });
    }

    #[test]
    fn tokens_are_counted_exactly_or_too_high() {
        let text = "tiktoken is great!";
        assert_eq!(Window::of("text-embedding-3-small").count(text), 6);
        assert_eq!(Window::of("bge-small").count(text), 11);
        assert_eq!(Window::of("bge-small").count(""), 2);
        // Each of these is a token of its own for a model made for English.
        assert!(Window::of("bge-small").count("привет") >= 8);
    }

    #[test]
    fn a_text_is_cut_where_the_model_would_stop_reading() {
        for model in ["text-embedding-3-small", "bge-small"] {
            let window = Window::of(model);
            assert_eq!(window.cut("short"), "short");
            for long in ["word ".repeat(10_000), "über 東京 ".repeat(5_000), "one, two; ".repeat(1 << 17)] {
                let cut = window.cut(&long);
                let tokens = window.count(cut);
                assert!(tokens <= window.max_tokens && tokens * 10 >= window.max_tokens * 9, "{model}: {tokens}");
                assert!(long.starts_with(cut));
            }
        }
    }
}
