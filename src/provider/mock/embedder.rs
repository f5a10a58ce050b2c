//! Vectors without a model: texts that share words are near, the same text has the same vector everywhere.

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::{error::Result, provider::Embedder};

/// How many numbers a vector has.
const DIMENSION: usize = 64;
/// The most tokens of a text that count.
const MAX_TOKENS: usize = 512;
/// How many characters of a word are a token.
const CHARACTERS_PER_TOKEN: usize = 4;

/// Adds up a direction for each word. Different words are almost at right angles, so the angle of two texts tells how many
/// words they share.
#[derive(Debug, Clone, Copy, Default)]
pub struct MockEmbedder;

#[async_trait]
impl Embedder for MockEmbedder {
    fn id(&self) -> &'static str {
        "mock"
    }

    fn dimension(&self) -> Option<usize> {
        Some(DIMENSION)
    }

    fn max_tokens(&self) -> usize {
        MAX_TOKENS
    }

    fn count_tokens(&self, text: &str) -> usize {
        words(text).map(tokens).sum()
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|text| vector(text)).collect())
    }
}

/// The runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn tokens(word: &str) -> usize {
    word.chars().count().div_ceil(CHARACTERS_PER_TOKEN)
}

/// The sum of the directions of the words, of length 1; that of no word is a direction of its own.
fn vector(text: &str) -> Vec<f32> {
    let mut sum = [0_f32; DIMENSION];
    let mut left = MAX_TOKENS;
    for word in words(text) {
        let Some(rest) = left.checked_sub(tokens(word)) else { break };
        left = rest;
        add(&word.to_lowercase(), &mut sum);
    }
    if sum.iter().all(|number| *number == 0.0) {
        add("", &mut sum);
    }
    let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
    sum.iter().map(|number| number / length).collect()
}

/// Adds the direction of `word`: a step forth or back along each axis, by the bits of its hash.
fn add(word: &str, sum: &mut [f32; DIMENSION]) {
    let hash = Sha256::digest(word);
    for (axis, number) in sum.iter_mut().enumerate() {
        let is_forth = (hash[axis / 8] >> (axis % 8)) & 1 == 1;
        *number += if is_forth { 1.0 } else { -1.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn embed(texts: &[&str]) -> Vec<Vec<f32>> {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        MockEmbedder.embed(&texts).await.unwrap()
    }

    fn cosine(one: &[f32], other: &[f32]) -> f32 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
    }

    #[tokio::test]
    async fn texts_that_share_words_are_nearer_than_others() {
        let vectors = embed(&[
            "the store keeps every event of a run",
            "Every event of the run is kept in a store.",
            "bread needs flour, water and salt",
        ])
        .await;
        let (near, far) = (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
        assert!(near > 0.7 && far < 0.4, "{near} {far}");
    }

    #[tokio::test]
    async fn every_text_has_a_vector_of_length_1_and_always_the_same() {
        let texts = ["", "…", "one", "one two", "Ünïcödé 東京"];
        let vectors = embed(&texts).await;
        assert_eq!(vectors, embed(&texts).await);
        for vector in &vectors {
            assert_eq!(vector.len(), DIMENSION);
            assert!((cosine(vector, vector) - 1.0).abs() < 1e-5, "{vector:?}");
        }
        assert_eq!(vectors[0], vectors[1]);
        assert_ne!(vectors[1], vectors[2]);
    }

    #[tokio::test]
    async fn what_is_after_the_last_token_is_not_seen() {
        let full = "word ".repeat(MAX_TOKENS);
        assert_eq!(MockEmbedder.count_tokens(&full), MAX_TOKENS);
        let vectors = embed(&[&full, &format!("{full} other things"), &format!("other things {full}")]).await;
        assert_eq!(vectors[0], vectors[1]);
        assert_ne!(vectors[0], vectors[2]);
    }
}
