//! From a text to the numbers of its tokens.

use tokenizers::{PostProcessor as _, Tokenizer};

/// The tokenizer of a model.
#[derive(Debug)]
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    /// How many tokens stand around every text.
    around: usize,
}

impl Tokens {
    /// Reads `tokenizer.json`. How it pads and cuts is not taken over: that is the model's, not the tokenizer's.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|err| err.to_string())?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|err| err.to_string())?;
        let around = tokenizer.get_post_processor().map_or(0, |around| around.added_tokens(false));
        Ok(Self { tokenizer, around })
    }

    /// One more than the greatest number of a token.
    pub(super) fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab(true).values().max().map_or(0, |greatest| *greatest as usize + 1)
    }

    /// How many tokens `text` has, with those around it.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub(super) fn count(&self, text: &str) -> Result<usize, String> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|err| err.to_string())?;
        Ok(encoding.len() + self.around)
    }

    /// The numbers of the tokens of `text`, `max_tokens` at most with those around it.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub(super) fn numbers(&self, text: &str, max_tokens: usize) -> Result<Vec<u32>, String> {
        let whole = |encoding| self.tokenizer.post_process(encoding, None, true);
        let numbers = self.tokenizer.encode_fast(text, false).and_then(|mut encoding| {
            encoding.truncate(max_tokens.saturating_sub(self.around), 0, tokenizers::TruncationDirection::Right);
            whole(encoding)
        });
        numbers.map(|encoding| encoding.get_ids().to_vec()).map_err(|err| err.to_string())
    }
}
