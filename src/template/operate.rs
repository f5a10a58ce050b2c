//! Operators: arithmetic over whole numbers and floats, `+` over strings and lists, `~`, comparisons, `in`, slices.

use std::cmp::Ordering;

use minijinja::{
    machinery::ast::CompareOpKind,
    value::{Value as Data, ValueKind},
};

use crate::template::{
    budget::Budget,
    convert::{describe, to_text},
    fault::{Fault, Outcome},
};

/// An operator over two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Concatenate,
}

impl Binary {
    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Remainder => "%",
            Self::Power => "**",
            Self::Concatenate => "~",
        }
    }
}

/// A comparison of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

impl From<CompareOpKind> for Comparison {
    fn from(kind: CompareOpKind) -> Self {
        match kind {
            CompareOpKind::Eq => Self::Equal,
            CompareOpKind::Ne => Self::NotEqual,
            CompareOpKind::Lt => Self::Less,
            CompareOpKind::Lte => Self::LessOrEqual,
            CompareOpKind::Gt => Self::Greater,
            CompareOpKind::Gte => Self::GreaterOrEqual,
            CompareOpKind::In => Self::In,
            CompareOpKind::NotIn => Self::NotIn,
        }
    }
}

/// Two numbers in one representation.
enum Pair {
    Whole(i128, i128),
    Float(f64, f64),
}

fn pair(left: &Data, right: &Data) -> Option<Pair> {
    if !left.is_number() || !right.is_number() {
        return None;
    }
    if left.is_integer() && right.is_integer() {
        return Some(Pair::Whole(i128::try_from(left.clone()).ok()?, i128::try_from(right.clone()).ok()?));
    }
    Some(Pair::Float(f64::try_from(left.clone()).ok()?, f64::try_from(right.clone()).ok()?))
}

/// Whole numbers have at most 64 bits, signed or not, as JSON's do here.
fn whole(value: Option<i128>) -> Outcome<Data> {
    let value = value.ok_or_else(|| Fault::new("gives a whole number of more than 64 bits"))?;
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => Ok(Data::from(value)),
        (Err(_), Ok(value)) => Ok(Data::from(value)),
        (Err(_), Err(_)) => Err(Fault::new("gives a whole number of more than 64 bits")),
    }
}

/// Applies `operator`.
pub(super) fn binary(operator: Binary, left: &Data, right: &Data, budget: &mut Budget) -> Outcome<Data> {
    if operator == Binary::Concatenate {
        return concatenate(&to_text(left, budget)?, &to_text(right, budget)?, budget);
    }
    if let Some(numbers) = pair(left, right) {
        return match numbers {
            Pair::Whole(left, right) => whole_arithmetic(operator, left, right),
            Pair::Float(left, right) => float_arithmetic(operator, left, right).map(Data::from),
        };
    }
    match (operator, left.kind(), right.kind()) {
        (Binary::Add, ValueKind::String, ValueKind::String) => {
            concatenate(left.as_str().unwrap_or_default(), right.as_str().unwrap_or_default(), budget)
        }
        (Binary::Add, ValueKind::Seq | ValueKind::Iterable, ValueKind::Seq | ValueKind::Iterable) => {
            let mut items = Vec::new();
            extend(&mut items, left, budget)?;
            extend(&mut items, right, budget)?;
            Ok(Data::from(items))
        }
        (Binary::Multiply, ValueKind::String, ValueKind::Number) => repeat(left.as_str().unwrap_or_default(), right, budget),
        (Binary::Multiply, ValueKind::Number, ValueKind::String) => repeat(right.as_str().unwrap_or_default(), left, budget),
        (_, left, right) => {
            let fault =
                Fault::new(format!("`{}` does not work between {} and {}", operator.symbol(), describe(left), describe(right)));
            let text_and_other = operator == Binary::Add && (left == ValueKind::String) != (right == ValueKind::String);
            Err(if text_and_other { fault.hint("use `~` to join texts") } else { fault })
        }
    }
}

fn concatenate(left: &str, right: &str, budget: &mut Budget) -> Outcome<Data> {
    budget.bytes(left.len() + right.len())?;
    Ok(Data::from([left, right].concat()))
}

fn repeat(text: &str, count: &Data, budget: &mut Budget) -> Outcome<Data> {
    let count = count.as_usize().ok_or_else(|| Fault::new("a text can be repeated a whole number of times only"))?;
    budget.bytes(text.len().saturating_mul(count))?;
    Ok(Data::from(text.repeat(count)))
}

/// Adds the elements of a list.
pub(super) fn extend(items: &mut Vec<Data>, list: &Data, budget: &mut Budget) -> Outcome<()> {
    budget.elements(list.len().unwrap_or_default())?;
    items.extend(list.try_iter()?);
    Ok(())
}

fn whole_arithmetic(operator: Binary, left: i128, right: i128) -> Outcome<Data> {
    let divides = matches!(operator, Binary::Divide | Binary::FloorDivide | Binary::Remainder);
    if divides && right == 0 {
        return Err(Fault::new("divides by zero"));
    }
    match operator {
        Binary::Add => whole(left.checked_add(right)),
        Binary::Subtract => whole(left.checked_sub(right)),
        Binary::Multiply => whole(left.checked_mul(right)),
        #[expect(clippy::cast_precision_loss, reason = "`/` gives a float by definition")]
        Binary::Divide => Ok(Data::from(left as f64 / right as f64)),
        // Rounds down, and the remainder has the sign of the divisor, as in Python.
        Binary::FloorDivide => whole(left.checked_div(right).map(|quotient| {
            quotient - i128::from(left.checked_rem(right).is_some_and(|rest| rest != 0) && (left < 0) != (right < 0))
        })),
        Binary::Remainder => {
            let remainder = left.checked_rem(right).unwrap_or_default();
            whole(Some(if remainder != 0 && (remainder < 0) != (right < 0) { remainder + right } else { remainder }))
        }
        Binary::Power => match u32::try_from(right) {
            Ok(exponent) => whole(left.checked_pow(exponent)),
            #[expect(clippy::cast_precision_loss, reason = "a negative exponent gives a float by definition")]
            Err(_) if right < 0 => float_arithmetic(operator, left as f64, right as f64).map(Data::from),
            Err(_) => whole(None),
        },
        Binary::Concatenate => Err(Fault::new("`~` joins texts")),
    }
}

fn float_arithmetic(operator: Binary, left: f64, right: f64) -> Outcome<f64> {
    let result = match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide => left / right,
        Binary::FloorDivide => (left / right).floor(),
        Binary::Remainder => left - right * (left / right).floor(),
        Binary::Power => left.powf(right),
        Binary::Concatenate => f64::NAN,
    };
    if result.is_finite() {
        Ok(result)
    } else if right == 0.0 {
        Err(Fault::new("divides by zero"))
    } else {
        Err(Fault::new("gives no number that can be represented"))
    }
}

/// `-value`.
pub(super) fn negative(value: &Data) -> Outcome<Data> {
    match pair(value, &Data::from(0)) {
        Some(Pair::Whole(number, _)) => whole(number.checked_neg()),
        Some(Pair::Float(number, _)) => Ok(Data::from(-number)),
        None => Err(Fault::new(format!("`-` does not work on {}", describe(value.kind())))),
    }
}

/// Compares two values. `==` works between any two; an order is only between numbers, between strings and between lists.
pub(super) fn compare(comparison: Comparison, left: &Data, right: &Data, budget: &mut Budget) -> Outcome<bool> {
    budget.visit(left)?;
    budget.visit(right)?;
    match comparison {
        Comparison::Equal => Ok(left == right),
        Comparison::NotEqual => Ok(left != right),
        Comparison::In => contains(right, left),
        Comparison::NotIn => contains(right, left).map(|found| !found),
        Comparison::Less => order(left, right).map(Ordering::is_lt),
        Comparison::LessOrEqual => order(left, right).map(Ordering::is_le),
        Comparison::Greater => order(left, right).map(Ordering::is_gt),
        Comparison::GreaterOrEqual => order(left, right).map(Ordering::is_ge),
    }
}

fn order(left: &Data, right: &Data) -> Outcome<Ordering> {
    use ValueKind::{Iterable, Number, Seq, String};
    match (left.kind(), right.kind()) {
        (Number, Number) | (String, String) | (Seq | Iterable, Seq | Iterable) => Ok(left.cmp(right)),
        (left, right) => Err(Fault::new(format!("{} and {} have no order", describe(left), describe(right)))),
    }
}

fn contains(container: &Data, value: &Data) -> Outcome<bool> {
    match (container.kind(), value.kind()) {
        (ValueKind::String, ValueKind::String) => {
            Ok(container.as_str().unwrap_or_default().contains(value.as_str().unwrap_or_default()))
        }
        (ValueKind::Map, _) => Ok(!container.get_item(value)?.is_undefined()),
        (ValueKind::Seq | ValueKind::Iterable, _) => Ok(container.try_iter()?.any(|item| &item == value)),
        (container, value) => Err(Fault::new(format!("{} cannot be in {}", describe(value), describe(container)))),
    }
}

/// `value[start:stop:step]` of a list or a string.
pub(super) fn slice(value: &Data, bounds: [Option<i64>; 3], budget: &mut Budget) -> Outcome<Data> {
    let [start, stop, stride] = bounds;
    let stride = stride.unwrap_or(1);
    if stride == 0 {
        return Err(Fault::new("the step of a slice cannot be 0"));
    }
    budget.visit(value)?;
    let text = value.as_str().is_some();
    let items: Vec<Data> = match value.kind() {
        ValueKind::String | ValueKind::Seq | ValueKind::Iterable => {
            budget.elements(value.len().unwrap_or_default())?;
            value.try_iter()?.collect()
        }
        other => return Err(Fault::new(format!("{} cannot be sliced", describe(other)))),
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (low, high) = if stride > 0 { (0, length) } else { (-1, length - 1) };
    let place = |bound: Option<i64>, absent: i64| match bound {
        None => absent,
        Some(bound) if bound < 0 => bound.saturating_add(length).clamp(low, high),
        Some(bound) => bound.clamp(low, high),
    };
    let (mut at, end) =
        if stride > 0 { (place(start, 0), place(stop, length)) } else { (place(start, length - 1), place(stop, -1)) };
    let mut chosen = Vec::new();
    while (stride > 0 && at < end) || (stride < 0 && at > end) {
        chosen.extend(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned());
        at = at.saturating_add(stride);
    }
    if !text {
        return Ok(Data::from(chosen));
    }
    let text: String = chosen.iter().filter_map(Data::as_str).collect();
    budget.bytes(text.len())?;
    Ok(Data::from(text))
}
