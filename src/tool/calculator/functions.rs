//! Functions and constants by name.

use crate::{
    error::{Result, nearest},
    tool::calculator::{invalid, number::Number},
};

/// How many digits `round` goes to either side of the point.
const MAX_ROUNDING: i128 = 30;

const FUNCTIONS: &[&str] = &[
    "sqrt", "abs", "round", "floor", "ceil", "trunc", "min", "max", "sum", "mean", "ln", "log10", "log2", "exp", "sin", "cos",
    "tan", "asin", "acos", "atan",
];

/// The constant that is called so.
pub(super) fn constant(name: &str) -> Option<Number> {
    match name {
        "pi" => Some(Number::Real(std::f64::consts::PI)),
        "e" => Some(Number::Real(std::f64::consts::E)),
        _ => None,
    }
}

/// Whether a function is called so.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// Calls the function that is called so.
pub(super) fn call(name: &str, arguments: &[Number]) -> Result<Number> {
    match (name, arguments) {
        ("min" | "max" | "sum" | "mean", []) => Err(invalid(format!("`{name}` takes 1 or more values"))),
        ("min", [first, others @ ..]) => {
            Ok(others.iter().fold(*first, |least, other| if other.compare(least).is_lt() { *other } else { least }))
        }
        ("max", [first, others @ ..]) => {
            Ok(others.iter().fold(*first, |most, other| if other.compare(most).is_gt() { *other } else { most }))
        }
        ("sum", all) => sum(all),
        ("mean", all) => sum(all)?.divide(Number::integer(all.len() as i128)),
        ("round", [value, digits]) => {
            let digits = digits.as_integer().filter(|digits| digits.abs() <= MAX_ROUNDING);
            let digits =
                digits.ok_or_else(|| invalid(format!("`round` takes whole digits from -{MAX_ROUNDING} to {MAX_ROUNDING}")))?;
            let scale = Number::integer(10).power(Number::integer(digits))?;
            match value {
                // Multiplied and divided, a floating-point number would come out with other last digits.
                Number::Real(real) if digits >= 0 => {
                    let digits = usize::try_from(digits).unwrap_or_default();
                    Number::real(format!("{real:.digits$}").parse().unwrap_or(*real))
                }
                _ => value.multiply(scale)?.round()?.divide(scale),
            }
        }
        (_, [value]) => one(name, *value),
        _ if is_function(name) => Err(invalid(format!("`{name}` takes 1 value, not {}", arguments.len()))),
        _ => Err(unknown(name)),
    }
}

fn one(name: &str, value: Number) -> Result<Number> {
    let real = value.as_real();
    match name {
        "sqrt" => value.square_root(),
        "abs" => {
            if real < 0.0 {
                value.negate()
            } else {
                Ok(value)
            }
        }
        "round" => value.round(),
        "floor" => value.floor(),
        "ceil" => value.negate()?.floor()?.negate(),
        "trunc" => value.truncate(),
        "ln" => Number::real(real.ln()),
        "log10" => Number::real(real.log10()),
        "log2" => Number::real(real.log2()),
        "exp" => Number::real(real.exp()),
        "sin" => Number::real(real.sin()),
        "cos" => Number::real(real.cos()),
        "tan" => Number::real(real.tan()),
        "asin" => Number::real(real.asin()),
        "acos" => Number::real(real.acos()),
        "atan" => Number::real(real.atan()),
        _ => Err(unknown(name)),
    }
}

fn sum(all: &[Number]) -> Result<Number> {
    all.iter().try_fold(Number::integer(0), |sum, value| sum.add(*value))
}

/// What to say of a name that means nothing.
pub(super) fn unknown(name: &str) -> crate::Error {
    if name == "log" {
        return invalid("`log` may mean two things: write `ln` or `log10`");
    }
    if is_function(name) {
        return invalid(format!("`{name}` is a function: write `{name}(…)`"));
    }
    match nearest(name, FUNCTIONS.iter().copied().chain(["pi", "e"])) {
        Some(near) => invalid(format!("`{name}` is neither a function nor a constant: did you mean `{near}`?")),
        None => invalid(format!("`{name}` is neither a function nor a constant")),
    }
}
