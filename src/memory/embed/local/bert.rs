//! The forward pass of a BERT-class sentence model.
//!
//! The tokens of several texts are one matrix, row after row: all but attention looks at one token at a time, and attention is
//! computed for each text alone. So no text is padded to the length of another, no mask is needed, and the vector of a text does not
//! depend on its neighbours.

use candle_core::{D, Device, Tensor};
use candle_nn::{LayerNorm, Linear, Module as _, ops::softmax_last_dim};

use super::{
    sizes::{Pooling, Sizes},
    weights::Weights,
};

/// A model, ready.
#[derive(Debug)]
pub(super) struct Bert {
    words: Tensor,
    /// By position, with that of the first kind of texts added.
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    heads: usize,
    pooling: Pooling,
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    widened: Linear,
    narrowed: Linear,
    narrowed_norm: LayerNorm,
}

impl Bert {
    /// Takes the model out of the bytes of its weights.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn load(bytes: &[u8], sizes: &Sizes) -> Result<Self, String> {
        let weights = Weights::read(bytes)?;
        let Sizes { hidden, layers, heads, vocabulary, positions, kinds, .. } = *sizes;
        let kinds = weights.take("embeddings.token_type_embeddings.weight", &[kinds, hidden])?;
        let positions = weights.take("embeddings.position_embeddings.weight", &[positions, hidden])?;
        Ok(Self {
            words: weights.take("embeddings.word_embeddings.weight", &[vocabulary, hidden])?,
            positions: kinds.narrow(0, 0, 1).and_then(|kind| positions.broadcast_add(&kind)).map_err(|err| err.to_string())?,
            norm: norm(&weights, "embeddings.LayerNorm", sizes)?,
            layers: (0..layers).map(|number| Layer::load(&weights, number, sizes)).collect::<Result<_, _>>()?,
            heads,
            pooling: sizes.pooling,
        })
    }

    /// The vectors of texts, given by the numbers of their tokens; not yet of length 1. No text is empty, or longer than the model has
    /// positions.
    ///
    /// # Errors
    /// For a token that is not in the vocabulary, a text that is too long.
    pub(super) fn forward(&self, texts: &[Vec<u32>]) -> candle_core::Result<Vec<Vec<f32>>> {
        let spans: Vec<Span> = spans(texts).collect();
        let numbers = texts.concat();
        let rows = numbers.len();
        let places: Vec<u32> = texts.iter().flat_map(|text| (0..).take(text.len())).collect();
        let words = self.words.index_select(&Tensor::from_vec(numbers, rows, &Device::Cpu)?, 0)?;
        let positions = self.positions.index_select(&Tensor::from_vec(places, rows, &Device::Cpu)?, 0)?;
        let mut tokens = self.norm.forward(&(words + positions)?)?;
        for layer in &self.layers {
            tokens = layer.forward(&tokens, &spans, self.heads)?;
        }
        let vector = |span: &Span| match self.pooling {
            Pooling::Mean => span.of(&tokens)?.mean(0)?.to_vec1(),
            Pooling::First => tokens.get(span.start)?.to_vec1(),
        };
        spans.iter().map(vector).collect()
    }
}

/// The rows of one text.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    length: usize,
}

impl Span {
    fn of(self, rows: &Tensor) -> candle_core::Result<Tensor> {
        rows.narrow(0, self.start, self.length)
    }
}

fn spans(texts: &[Vec<u32>]) -> impl Iterator<Item = Span> {
    texts.iter().scan(0, |next, text| {
        let start = *next;
        *next += text.len();
        Some(Span { start, length: text.len() })
    })
}

impl Layer {
    fn load(weights: &Weights<'_>, number: usize, sizes: &Sizes) -> Result<Self, String> {
        let Sizes { hidden, intermediate, heads, .. } = *sizes;
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let linear = |part: &str, from, to| linear(weights, &name(part), from, to, 1.0);
        let norm = |part: &str| norm(weights, &name(part), sizes);
        // The scores are divided by the root of a head's width; dividing the weights does it once and for all.
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let scale = ((hidden / heads) as f64).sqrt().recip();
        Ok(Self {
            query: self::linear(weights, &name("attention.self.query"), hidden, hidden, scale)?,
            key: linear("attention.self.key", hidden, hidden)?,
            value: linear("attention.self.value", hidden, hidden)?,
            attended: linear("attention.output.dense", hidden, hidden)?,
            attended_norm: norm("attention.output.LayerNorm")?,
            widened: linear("intermediate.dense", hidden, intermediate)?,
            narrowed: linear("output.dense", intermediate, hidden)?,
            narrowed_norm: norm("output.LayerNorm")?,
        })
    }

    fn forward(&self, tokens: &Tensor, spans: &[Span], heads: usize) -> candle_core::Result<Tensor> {
        let query = self.query.forward(tokens)?;
        let key = self.key.forward(tokens)?;
        let value = self.value.forward(tokens)?;
        let attend = |span: &Span| attention(&span.of(&query)?, &span.of(&key)?, &span.of(&value)?, heads);
        let seen: Vec<Tensor> = spans.iter().map(attend).collect::<candle_core::Result<_>>()?;
        let attended = self.attended.forward(&Tensor::cat(&seen, 0)?)?;
        let tokens = self.attended_norm.forward(&(attended + tokens)?)?;
        let narrowed = self.narrowed.forward(&self.widened.forward(&tokens)?.gelu_erf()?)?;
        self.narrowed_norm.forward(&(narrowed + tokens)?)
    }
}

/// What each token of one text sees of all its tokens.
fn attention(query: &Tensor, key: &Tensor, value: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let (length, hidden) = query.dims2()?;
    let by_head = |rows: &Tensor| rows.reshape((length, heads, hidden / heads))?.transpose(0, 1)?.contiguous();
    let scores = by_head(query)?.matmul(&by_head(key)?.transpose(D::Minus1, D::Minus2)?)?;
    softmax_last_dim(&scores)?.matmul(&by_head(value)?)?.transpose(0, 1)?.contiguous()?.reshape((length, hidden))
}

fn linear(weights: &Weights<'_>, name: &str, from: usize, to: usize, scale: f64) -> Result<Linear, String> {
    let take = |part: &str, shape: &[usize]| {
        let weight = weights.take(&format!("{name}.{part}"), shape)?;
        weight.affine(scale, 0.0).map_err(|err| err.to_string())
    };
    Ok(Linear::new(take("weight", &[to, from])?, Some(take("bias", &[to])?)))
}

fn norm(weights: &Weights<'_>, name: &str, sizes: &Sizes) -> Result<LayerNorm, String> {
    let take = |part: &str| weights.take(&format!("{name}.{part}"), &[sizes.hidden]);
    Ok(LayerNorm::new(take("weight")?, take("bias")?, sizes.epsilon))
}
