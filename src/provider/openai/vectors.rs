//! The words of OpenAI's embeddings: what is sent, and what must come back.

use serde::{Deserialize, Serialize};

use crate::provider::refusal::Refusal;

/// A request for the vectors of some texts. The form of the numbers is left to the server: all send floats unless asked otherwise, and
/// some do not know the question.
///
/// # Source
/// OpenAI API reference, "Create embeddings".
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    /// The model.
    pub(super) model: &'a str,
    /// The texts, none of them empty.
    pub(super) input: Vec<&'a str>,
}

/// An answer, as far as it is of use.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Vec<Item>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Item {
    /// Some servers leave it out where the order is that of the texts.
    #[serde(default)]
    index: Option<usize>,
    /// A number that is none comes as `null`.
    embedding: Vec<Option<f64>>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
}

/// The vectors of a batch.
#[derive(Debug, PartialEq)]
pub(super) struct Vectors {
    /// Of length 1, in the order of the texts.
    pub(super) vectors: Vec<Vec<f32>>,
    /// How many tokens are charged for; 0 when the server does not say.
    pub(super) charged: u64,
}

/// What may be wrong with an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    /// The server tells an error under a status of success.
    Refused(Refusal),
    /// It is no answer to the question.
    Malformed(String),
}

/// Reads the answer for `count` texts. `dimension`, where it is known, is that of every vector.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(body: &[u8], count: usize, dimension: Option<usize>) -> Result<Vectors, Wrong> {
    let malformed = |what: String| Err(Wrong::Malformed(what));
    let answer: Answer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(err) => return Err(explained(body, &err)),
    };
    if answer.data.len() != count {
        return malformed(format!("answered with {} vectors for {count} texts", answer.data.len()));
    }
    let mut vectors = vec![Vec::new(); count];
    let mut expected = dimension;
    for (place, Item { index, embedding }) in answer.data.into_iter().enumerate() {
        let index = index.unwrap_or(place);
        match vectors.get(index) {
            None => return malformed(format!("answered with a vector for text {index} of {count}, counted from 0")),
            Some(there) if !there.is_empty() => return malformed(format!("answered with two vectors for text {index}")),
            Some(_) => {}
        }
        let wanted = *expected.get_or_insert(embedding.len());
        if embedding.is_empty() || embedding.len() != wanted {
            return malformed(format!("answered with a vector of {} numbers instead of {wanted}", embedding.len()));
        }
        vectors[index] = unit(&embedding).map_err(|what| Wrong::Malformed(format!("answered with a vector that {what}")))?;
    }
    let charged = answer.usage.and_then(|usage| usage.prompt_tokens.or(usage.total_tokens)).unwrap_or(0);
    Ok(Vectors { vectors, charged })
}

/// An error object, or JSON that is something else.
fn explained(body: &[u8], err: &serde_json::Error) -> Wrong {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) if value.get("error").is_some_and(|error| !error.is_null()) => Wrong::Refused(Refusal::of_value(&value)),
        Ok(_) => Wrong::Malformed(format!("answered with JSON that holds no embeddings: {err}")),
        Err(_) => Wrong::Malformed("answered with something that is no JSON".to_owned()),
    }
}

/// The vector of length 1 in the same direction.
fn unit(numbers: &[Option<f64>]) -> Result<Vec<f32>, &'static str> {
    let numbers: Option<Vec<f64>> = numbers.iter().copied().collect();
    let numbers = numbers.ok_or("has numbers that are none")?;
    let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    if !length.is_finite() {
        return Err("has numbers that are none");
    }
    if length == 0.0 {
        return Err("points nowhere: all its numbers are 0");
    }
    #[expect(clippy::cast_possible_truncation, reason = "a number between -1 and 1")]
    let scaled = numbers.iter().map(|number| (number / length) as f32);
    Ok(scaled.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(answer: &serde_json::Value, count: usize, dimension: Option<usize>) -> Result<Vectors, Wrong> {
        read(answer.to_string().as_bytes(), count, dimension)
    }

    #[test]
    fn vectors_are_ordered_by_index_and_made_of_length_1() {
        let answer = json!({
            "object": "list", "model": "m",
            "data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4], "object": "embedding"}],
            "usage": {"prompt_tokens": 7, "total_tokens": 9},
        });
        let read = read_json(&answer, 2, None).unwrap();
        assert_eq!(read, Vectors { vectors: vec![vec![0.6, 0.8], vec![0.0, 1.0]], charged: 7 });
        let bare = json!({"data": [{"embedding": [0, 2]}, {"embedding": [-1, 0]}]});
        assert_eq!(read_json(&bare, 2, Some(2)).unwrap(), Vectors { vectors: vec![vec![0.0, 1.0], vec![-1.0, 0.0]], charged: 0 });
    }

    #[test]
    fn an_answer_that_does_not_fit_the_question_is_malformed() {
        let one = |embedding| json!({"data": [{"index": 0, "embedding": embedding}]});
        for (answer, count, dimension, expected) in [
            (json!({"data": []}), 1, None, "answered with 0 vectors for 1 texts"),
            (one(json!([1])), 2, None, "answered with 1 vectors for 2 texts"),
            (one(json!([1, 0, 0])), 1, Some(2), "answered with a vector of 3 numbers instead of 2"),
            (one(json!([])), 1, None, "answered with a vector of 0 numbers instead of 0"),
            (one(json!([1, null])), 1, None, "answered with a vector that has numbers that are none"),
            (one(json!([1, 1e300])), 1, None, "answered with a vector that has numbers that are none"),
            (one(json!([0, 0.0])), 1, None, "answered with a vector that points nowhere: all its numbers are 0"),
            (
                json!({"data": [{"index": 7, "embedding": [1]}]}),
                1,
                None,
                "answered with a vector for text 7 of 1, counted from 0",
            ),
            (
                json!({"data": [{"index": 1, "embedding": [1]}, {"index": 1, "embedding": [2]}]}),
                2,
                None,
                "answered with two vectors for text 1",
            ),
            (
                json!({"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}),
                2,
                None,
                "answered with a vector of 2 numbers instead of 1",
            ),
        ] {
            assert_eq!(read_json(&answer, count, dimension), Err(Wrong::Malformed(expected.to_owned())), "{answer}");
        }
    }

    #[test]
    fn what_holds_no_embeddings_is_told_apart_from_an_error() {
        let Err(Wrong::Refused(refusal)) = read_json(&json!({"error": {"message": "no such model"}}), 1, None) else {
            panic!("an error is no answer")
        };
        assert_eq!(refusal.message, "no such model");
        let Err(Wrong::Malformed(what)) = read_json(&json!({"data": [{"embedding": "AACAPw=="}]}), 1, None) else {
            panic!("base64 was not asked for")
        };
        assert!(what.starts_with("answered with JSON that holds no embeddings: "), "{what}");
        assert_eq!(read(b"<html>", 1, None), Err(Wrong::Malformed("answered with something that is no JSON".to_owned())));
    }
}
