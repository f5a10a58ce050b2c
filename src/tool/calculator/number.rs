//! Numbers: exact fractions as long as that goes, floating-point numbers after that.

use std::cmp::Ordering;

use crate::{error::Result, model::Value, tool::calculator::invalid};

/// How many digits after the point a fraction is written out with, at most; more are rounded.
const MAX_DIGITS: u32 = 30;
/// How many digits of a decimal fraction a JSON number keeps for certain.
const EXACT_DIGITS: usize = 15;

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A fraction in lowest terms.
    Exact {
        numerator: i128,
        /// Above zero.
        denominator: i128,
    },
    /// Finite.
    Real(f64),
}

/// The two sides of an operation, alike.
enum Pair {
    Exact((i128, i128), (i128, i128)),
    Real(f64, f64),
}

impl Number {
    pub(super) const ONE: Self = Self::integer(1);

    pub(super) const fn integer(value: i128) -> Self {
        Self::Exact { numerator: value, denominator: 1 }
    }

    /// A floating-point number.
    ///
    /// # Errors
    /// `Invalid` when it is none: not a number, or infinite.
    pub(super) fn real(value: f64) -> Result<Self> {
        if value.is_finite() { Ok(Self::Real(value)) } else { Err(invalid("the result is no real number, or beyond all bounds")) }
    }

    /// A fraction; none when its parts do not fit.
    pub(super) fn fraction(numerator: i128, denominator: i128) -> Option<Self> {
        let divisor = i128::try_from(greatest_common_divisor(numerator.unsigned_abs(), denominator.unsigned_abs())).ok()?;
        let (numerator, denominator) = (numerator.checked_div(divisor)?, denominator.checked_div(divisor)?);
        if denominator < 0 {
            return Some(Self::Exact { numerator: numerator.checked_neg()?, denominator: denominator.checked_neg()? });
        }
        (denominator > 0).then_some(Self::Exact { numerator, denominator })
    }

    pub(super) fn as_real(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "what is asked for")]
            Self::Exact { numerator, denominator } => numerator as f64 / denominator as f64,
            Self::Real(value) => value,
        }
    }

    /// The integer that it is, if it is one.
    pub(super) fn as_integer(self) -> Option<i128> {
        match self {
            Self::Exact { numerator, denominator: 1 } => Some(numerator),
            Self::Exact { .. } | Self::Real(_) => None,
        }
    }

    pub(super) fn is_zero(self) -> bool {
        self.as_real() == 0.0
    }

    pub(super) fn negate(self) -> Result<Self> {
        Self::integer(0).subtract(self)
    }

    pub(super) fn add(self, other: Self) -> Result<Self> {
        self.combine(
            other,
            |(a, b), (c, d)| {
                // Over the least common denominator, which is small where the denominators are alike.
                let shared = i128::try_from(greatest_common_divisor(b.unsigned_abs(), d.unsigned_abs())).ok()?;
                let (left, right) = (a.checked_mul(d / shared)?, c.checked_mul(b / shared)?);
                Self::fraction(left.checked_add(right)?, b.checked_mul(d / shared)?)
            },
            |a, b| a + b,
        )
    }

    pub(super) fn subtract(self, other: Self) -> Result<Self> {
        let minus_one = Self::integer(-1);
        self.add(other.multiply(minus_one)?)
    }

    pub(super) fn multiply(self, other: Self) -> Result<Self> {
        self.combine(
            other,
            |(a, b), (c, d)| {
                // Shortened crosswise first, so that nothing is large on the way only.
                let (Self::Exact { numerator: a, denominator: d }, Self::Exact { numerator: c, denominator: b }) =
                    (Self::fraction(a, d)?, Self::fraction(c, b)?)
                else {
                    return None;
                };
                Self::fraction(a.checked_mul(c)?, b.checked_mul(d)?)
            },
            |a, b| a * b,
        )
    }

    pub(super) fn divide(self, other: Self) -> Result<Self> {
        if other.is_zero() {
            return Err(invalid("division by zero"));
        }
        match other {
            Self::Exact { numerator, denominator } => match Self::fraction(denominator, numerator) {
                Some(inverse) => self.multiply(inverse),
                None => Self::real(self.as_real() / other.as_real()),
            },
            Self::Real(divisor) => Self::real(self.as_real() / divisor),
        }
    }

    /// The quotient, rounded down.
    pub(super) fn divide_down(self, other: Self) -> Result<Self> {
        self.divide(other)?.floor()
    }

    /// What is left of a division rounded down: it has the sign of the divisor, as in Python.
    pub(super) fn remainder(self, other: Self) -> Result<Self> {
        self.subtract(self.divide_down(other)?.multiply(other)?)
    }

    pub(super) fn power(self, exponent: Self) -> Result<Self> {
        if self.is_zero() && exponent.as_real() < 0.0 {
            return Err(invalid("division by zero"));
        }
        let (Self::Exact { .. }, Some(times)) = (self, exponent.as_integer()) else {
            return Self::real(self.as_real().powf(exponent.as_real()));
        };
        if self == Self::ONE || times == 0 {
            return Ok(Self::ONE);
        }
        let (mut left, mut square, mut result) = (times.unsigned_abs(), self, Self::ONE);
        while left > 0 {
            if left & 1 == 1 {
                result = result.multiply(square)?;
            }
            left >>= 1;
            if left > 0 {
                square = square.multiply(square)?;
            }
        }
        if times < 0 { Self::ONE.divide(result) } else { Ok(result) }
    }

    pub(super) fn floor(self) -> Result<Self> {
        match self {
            Self::Exact { numerator, denominator } => Ok(Self::integer(numerator.div_euclid(denominator))),
            Self::Real(value) => Self::real(value.floor()),
        }
    }

    pub(super) fn truncate(self) -> Result<Self> {
        match self {
            Self::Exact { numerator, denominator } => Ok(Self::integer(numerator / denominator)),
            Self::Real(value) => Self::real(value.trunc()),
        }
    }

    /// The nearest integer; halves go away from zero.
    pub(super) fn round(self) -> Result<Self> {
        match self {
            Self::Exact { .. } => {
                let half = Self::Exact { numerator: if self.as_real() < 0.0 { -1 } else { 1 }, denominator: 2 };
                self.add(half)?.truncate()
            }
            Self::Real(value) => Self::real(value.round()),
        }
    }

    pub(super) fn square_root(self) -> Result<Self> {
        if let Self::Exact { numerator, denominator } = self
            && numerator >= 0
        {
            let (top, bottom) = (numerator.isqrt(), denominator.isqrt());
            if top * top == numerator && bottom * bottom == denominator {
                return Ok(Self::Exact { numerator: top, denominator: bottom });
            }
        }
        Self::real(self.as_real().sqrt())
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        let exact = match self.pair(other) {
            Pair::Exact((a, b), (c, d)) => a.checked_mul(d).zip(c.checked_mul(b)).map(|(left, right)| left.cmp(&right)),
            Pair::Real(..) => None,
        };
        exact.unwrap_or_else(|| self.as_real().total_cmp(&other.as_real()))
    }

    fn pair(self, other: Self) -> Pair {
        match (self, other) {
            (Self::Exact { numerator: a, denominator: b }, Self::Exact { numerator: c, denominator: d }) => {
                Pair::Exact((a, b), (c, d))
            }
            _ => Pair::Real(self.as_real(), other.as_real()),
        }
    }

    /// Integers that grow too large are an error, as digits of theirs would be lost; fractions go on rounded.
    fn combine(
        self,
        other: Self,
        exact: impl Fn((i128, i128), (i128, i128)) -> Option<Self>,
        real: impl Fn(f64, f64) -> f64,
    ) -> Result<Self> {
        match self.pair(other) {
            Pair::Exact(left, right) => match exact(left, right) {
                Some(result) => Ok(result),
                None if left.1 == 1 && right.1 == 1 => Err(too_large()),
                None => Self::real(real(self.as_real(), other.as_real())),
            },
            Pair::Real(left, right) => Self::real(real(left, right)),
        }
    }

    /// As JSON: a number where that holds all its digits, else a text with them.
    pub(super) fn to_value(self) -> Value {
        let Self::Exact { numerator, denominator } = self else {
            return self.as_real().into();
        };
        if denominator == 1 {
            let number = i64::try_from(numerator).map(Value::from).or_else(|_| u64::try_from(numerator).map(Value::from));
            return number.unwrap_or_else(|_| Value::String(numerator.to_string()));
        }
        match decimal(numerator, denominator) {
            Some(text) if text.bytes().filter(u8::is_ascii_digit).count() > EXACT_DIGITS => Value::String(text),
            _ => self.as_real().into(),
        }
    }
}

pub(super) fn too_large() -> crate::Error {
    invalid("a number on the way is larger than 2^127, beyond which integers are not exact: use a decimal exponent or logarithms")
}

/// A fraction with all its decimal digits, if they end soon enough.
fn decimal(numerator: i128, denominator: i128) -> Option<String> {
    let places = (1..=MAX_DIGITS).find(|places| 10_i128.pow(*places) % denominator == 0)?;
    let scaled = numerator.checked_mul(10_i128.pow(places) / denominator)?;
    let (whole, part) = (scaled.unsigned_abs() / 10_u128.pow(places), scaled.unsigned_abs() % 10_u128.pow(places));
    let sign = if numerator < 0 { "-" } else { "" };
    Some(format!("{sign}{whole}.{part:0width$}", width = places as usize))
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
