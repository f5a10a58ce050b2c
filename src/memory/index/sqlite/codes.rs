//! Vectors in 8 bits a number: a quarter of the memory, compared several times as fast, nearly in the same order.

use pulp::{Arch, Simd, WithSimd};

/// A vector in 8 bits a number: each is that of `numbers`, times `scale`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Code {
    pub(super) scale: f32,
    pub(super) numbers: Vec<i8>,
}

impl Code {
    pub(super) fn of(vector: &[f32]) -> Self {
        let greatest = vector.iter().fold(0_f32, |greatest, number| greatest.max(number.abs()));
        let scale = greatest / 127.0;
        let times = if scale > 0.0 { scale.recip() } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
        let numbers = vector.iter().map(|number| (number * times).round() as i8).collect();
        Self { scale, numbers }
    }
}

/// Many codes of the same dimension, one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Codes {
    dimension: usize,
    scales: Vec<f32>,
    numbers: Vec<i8>,
}

impl Codes {
    /// With room for `count` codes.
    pub(super) fn with_room(dimension: usize, count: usize) -> Self {
        Self { dimension, scales: Vec::with_capacity(count), numbers: Vec::with_capacity(count * dimension) }
    }

    pub(super) fn push(&mut self, scale: f32, numbers: &[i8]) {
        debug_assert_eq!(numbers.len(), self.dimension);
        self.scales.push(scale);
        self.numbers.extend_from_slice(numbers);
    }

    /// Sets `products` to about the product of `query` with each code of `range`, all by the same factor too small.
    pub(super) fn products(&self, range: std::ops::Range<usize>, query: &Code, products: &mut Vec<f32>) {
        products.clear();
        products.resize(range.len(), 0.0);
        let numbers = &self.numbers[range.start * self.dimension..range.end * self.dimension];
        Arch::new().dispatch(Products { numbers, scales: &self.scales[range], query: &query.numbers, products });
    }
}

/// The products, compiled for each kind of processor that there is; which of them runs is decided when it does.
struct Products<'a> {
    numbers: &'a [i8],
    scales: &'a [f32],
    query: &'a [i8],
    products: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what is not inlined is not compiled for the processor")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let rows = self.numbers.chunks_exact(self.query.len());
        for ((row, scale), product) in rows.zip(self.scales).zip(self.products) {
            // Cannot overflow: 127 · 127 fits 130,000 times.
            let sum = row.iter().zip(self.query).fold(0_i32, |sum, (a, b)| sum.wrapping_add(i32::from(*a) * i32::from(*b)));
            #[expect(clippy::cast_precision_loss, reason = "what is compared is not exact anyway")]
            let near = sum as f32 * scale;
            *product = near;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Code, Codes};

    proptest! {
        #[test]
        fn products_of_codes_are_near_those_of_vectors(
            vectors in proptest::collection::vec(proptest::collection::vec(-1_f32..1.0, 33), 2..20)
        ) {
            let query = Code::of(&vectors[0]);
            let mut codes = Codes::with_room(33, vectors.len());
            for vector in &vectors {
                let code = Code::of(vector);
                codes.push(code.scale, &code.numbers);
            }
            let mut products = Vec::new();
            codes.products(1..vectors.len(), &query, &mut products);
            prop_assert_eq!(products.len(), vectors.len() - 1);
            for (near, vector) in products.iter().zip(&vectors[1..]) {
                let exact: f32 = vector.iter().zip(&vectors[0]).map(|(a, b)| a * b).sum();
                // Each of 33 numbers is off by half a step at most, in both.
                prop_assert!((near * query.scale - exact).abs() < 33.0 / 127.0, "{} {}", near * query.scale, exact);
            }
        }
    }

    #[test]
    fn nothing_is_a_code_too() {
        assert_eq!(Code::of(&[0.0, 0.0]), Code { scale: 0.0, numbers: vec![0, 0] });
    }
}
