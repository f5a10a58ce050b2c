//! Vectors as they are checked, kept and compared.

use crate::{
    error::{Error, ErrorKind, Result},
    memory::index::sqlite::failure::{Failure, damaged},
};

/// How far from 1 the length of a vector may be.
const TOLERANCE: f64 = 1e-3;

/// Refuses what is no vector of length 1 with `dimension` numbers.
pub(super) fn check(vector: &[f32], dimension: usize) -> Result<()> {
    let refuse = |what: String| Err(Error::new(ErrorKind::Invalid, what));
    if vector.len() != dimension {
        return refuse(format!("the vector has {} numbers; those of the collection have {dimension}", vector.len()))
            .map_err(|error| error.hint("embed with the embedder that the collection was made by"));
    }
    if let Some(at) = vector.iter().position(|number| !number.is_finite()) {
        return refuse(format!("number {at} of the vector is `{}`", vector[at]));
    }
    let length = dot(vector, vector).sqrt();
    if (length - 1.0).abs() > TOLERANCE {
        return refuse(format!("the vector has length {length:.4}; 1 is wanted"));
    }
    Ok(())
}

/// The product of two vectors: of two of length 1, the cosine of the angle between them. The same numbers give the same result.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// As it is kept.
pub(super) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// As it was kept.
pub(super) fn from_bytes(bytes: &[u8], dimension: usize) -> Result<Vec<f32>, Failure> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let vector: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if !rest.is_empty() || vector.len() != dimension || vector.iter().any(|number| !number.is_finite()) {
        return Err(damaged("a vector in memory"));
    }
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_kept_as_it_was() {
        let vector = [0.6, -0.8, f32::MIN_POSITIVE];
        assert_eq!(from_bytes(&to_bytes(&vector), 3).unwrap(), vector);
        assert!(from_bytes(&to_bytes(&vector), 2).is_err());
        assert!(from_bytes(&to_bytes(&vector)[1..], 3).is_err());
        assert!(from_bytes(&to_bytes(&[f32::NAN]), 1).is_err());
    }

    #[test]
    fn what_is_no_unit_vector_is_refused() {
        assert!(check(&[0.6, 0.8], 2).is_ok());
        for bad in [&[1.0][..], &[1.0, 0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY, 0.0], &[0.0, 0.0], &[1.0, 1.0]] {
            assert_eq!(check(bad, 2).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
    }
}
