//! Where on a page things are drawn.

use lopdf::Object;

/// A place and a scale, as PDF writes them: `[a b c d e f]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Matrix([f32; 6]);

impl Matrix {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// What six operands say; the identity when they are fewer.
    pub(super) fn of(operands: &[Object]) -> Self {
        let mut matrix = Self::IDENTITY;
        if operands.len() >= 6 {
            for (place, operand) in matrix.0.iter_mut().zip(operands) {
                *place = number(operand);
            }
        }
        matrix
    }

    pub(super) fn shift(x: f32, y: f32) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// First this one, then `outer`.
    pub(super) fn then(self, outer: Self) -> Self {
        let outer = outer.0;
        let across = |x: f32, y: f32| (x * outer[0] + y * outer[2], x * outer[1] + y * outer[3]);
        let (right, up, origin) = (across(self.0[0], self.0[1]), across(self.0[2], self.0[3]), across(self.0[4], self.0[5]));
        Self([right.0, right.1, up.0, up.1, origin.0 + outer[4], origin.1 + outer[5]])
    }

    /// Where its origin is.
    pub(super) fn origin(self) -> (f32, f32) {
        (self.0[4], self.0[5])
    }

    /// By how much it stretches what is upright.
    pub(super) fn height(self) -> f32 {
        self.0[2].hypot(self.0[3])
    }
}

/// A number of a PDF; 0 for what is none.
pub(super) fn number(object: &Object) -> f32 {
    let number = object.as_float().unwrap_or_default();
    if number.is_finite() { number } else { 0.0 }
}
