//! A model with its tokenizer, loaded from a folder.

use std::path::Path;

use super::{
    bert::Bert,
    sizes::{Sizes, damaged},
    tokens::Tokens,
};
use crate::{
    error::{Error, ErrorKind, Result},
    memory::models::{TOKENIZER, WEIGHTS, read_file},
};

/// The most bytes of weights and of a tokenizer.
const MAX_WEIGHTS: u64 = 4 << 30;
const MAX_TOKENIZER: u64 = 64 << 20;
/// About the most tokens that are worked on at once: more are no faster, and take memory.
const TOKENS_AT_ONCE: usize = 2_048;

/// A model that turns texts into vectors.
#[derive(Debug)]
pub(super) struct Model {
    bert: Bert,
    tokens: std::sync::Arc<Tokens>,
    max_tokens: usize,
    hidden: usize,
}

impl Model {
    /// Loads the model in `folder`.
    ///
    /// # Errors
    /// `NotFound` for a file that is not there, `Corrupt` for one that is damaged, `Invalid` for a model of another class.
    pub(super) fn load(folder: &Path, tokens: std::sync::Arc<Tokens>) -> Result<Self> {
        let sizes = Sizes::read(folder)?;
        if tokens.vocabulary() > sizes.vocabulary {
            let why = format!("it has {} tokens, the model {}", tokens.vocabulary(), sizes.vocabulary);
            return Err(damaged(folder, TOKENIZER, &why));
        }
        let bytes = required(folder, WEIGHTS, MAX_WEIGHTS)?;
        let bert = Bert::load(&bytes, &sizes).map_err(|why| damaged(folder, WEIGHTS, &why))?;
        Ok(Self { bert, tokens, max_tokens: sizes.max_tokens, hidden: sizes.hidden })
    }

    /// A vector of length 1 for each text.
    ///
    /// # Errors
    /// `Corrupt` when the weights give no numbers; `Internal` when the model cannot be computed.
    pub(super) fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        let mut waiting: Vec<Vec<u32>> = Vec::new();
        let mut rows = 0;
        for text in texts {
            let numbers = self.tokens.numbers(text, self.max_tokens).map_err(|why| failed(&why))?;
            if rows + numbers.len() > TOKENS_AT_ONCE && !waiting.is_empty() {
                self.compute(&std::mem::take(&mut waiting), &mut vectors)?;
                rows = 0;
            }
            rows += numbers.len();
            waiting.push(numbers);
        }
        self.compute(&waiting, &mut vectors)?;
        Ok(vectors)
    }

    fn compute(&self, texts: &[Vec<u32>], vectors: &mut Vec<Vec<f32>>) -> Result<()> {
        // A tokenizer that puts nothing around texts leaves nothing of an empty one: any direction is as good as another.
        let filled: Vec<Vec<u32>> = texts.iter().map(|text| if text.is_empty() { vec![0] } else { text.clone() }).collect();
        if filled.is_empty() {
            return Ok(());
        }
        for vector in self.bert.forward(&filled).map_err(|err| failed(&err.to_string()))? {
            vectors.push(unit(vector).filter(|vector| vector.len() == self.hidden).ok_or_else(nowhere)?);
        }
        Ok(())
    }
}

/// The tokenizer of the model in `folder`.
///
/// # Errors
/// `NotFound` when it is not there, `Corrupt` when it is damaged.
pub(super) fn tokens(folder: &Path) -> Result<Tokens> {
    let bytes = required(folder, TOKENIZER, MAX_TOKENIZER)?;
    Tokens::read(&bytes).map_err(|why| damaged(folder, TOKENIZER, &why))
}

fn required(folder: &Path, name: &str, most: u64) -> Result<Vec<u8>> {
    read_file(&folder.join(name), most)?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("the model in `{}` has no `{name}`", folder.display()))
            .hint("get it anew: `agentflow models pull`, or `agentflow models import DIR`")
    })
}

/// The vector of length 1 in the same direction; `None` when it has none.
fn unit(mut numbers: Vec<f32>) -> Option<Vec<f32>> {
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    if !length.is_finite() || length == 0.0 {
        return None;
    }
    for number in &mut numbers {
        *number /= length;
    }
    Some(numbers)
}

fn nowhere() -> Error {
    Error::new(ErrorKind::Corrupt, "the local model gives a vector with numbers that are none: its weights are damaged")
        .hint("remove its folder and get it anew: `agentflow models pull`, or `agentflow models import DIR`")
}

fn failed(why: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("the local model cannot be computed: {why}"))
}
