//! `calculator`: arithmetic that is right. Models guess at digits; this does not.
//!
//! Integers and fractions are exact, so that `0.1 + 0.2` is `0.3` and `1/3*3` is `1`. What has no exact value (roots, logarithms, sines)
//! goes on as a floating-point number.

mod functions;
#[doc(hidden)]
pub mod fuzz;
mod number;
mod parse;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, ToolName, ToolSpec, Value},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput, arguments::read_arguments},
};

/// The longest expression, in bytes.
const MAX_EXPRESSION: usize = 2_000;

/// Computes the value of an expression.
#[derive(Debug)]
pub struct Calculator {
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    expression: String,
}

impl Calculator {
    /// Makes the tool.
    ///
    /// # Errors
    /// Never: its name is a good one.
    pub fn new() -> Result<Self> {
        Ok(Self { spec: Self::described() })
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Computes an arithmetic expression, exactly where that is possible. Use it for every calculation rather than \
            doing it in your head. Operators: + - * / // (division rounded down) % (remainder, with the sign of the divisor) ^ or **, and \
            parentheses. Functions: sqrt abs round(x) round(x, digits) floor ceil trunc min max sum mean ln log10 log2 exp sin cos tan \
            asin acos atan (angles in radians). Constants: pi e. Write 12 % as 12 / 100.";
        let parameters = json!({
            "type": "object",
            "properties": {
                "expression": { "type": "string", "maxLength": MAX_EXPRESSION, "description": "For example `round(1250 * 1.19, 2)`." }
            },
            "required": ["expression"],
            "additionalProperties": false
        });
        let name = ToolName::new("calculator").expect("a name of ours is one");
        ToolSpec { name, description: description.to_owned(), parameters, effect: Effect::Pure }
    }
}

#[async_trait]
impl Tool for Calculator {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        read_arguments::<Arguments>(arguments)?;
        Ok(Vec::new())
    }

    async fn call(&self, call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        let Arguments { expression } = read_arguments(&call.arguments)?;
        compute(&expression).map(ToolOutput::new)
    }
}

/// The value of an expression: a JSON number where that holds all its digits, else a text.
fn compute(expression: &str) -> Result<Value> {
    if expression.len() > MAX_EXPRESSION {
        return Err(invalid(format!("the expression is longer than {MAX_EXPRESSION} bytes")));
    }
    Ok(parse::evaluate(expression)?.to_value())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "so that `json!` can be given")]
    fn check(expression: &str, expected: Value) {
        assert_eq!(compute(expression).unwrap(), expected, "{expression}");
    }

    #[track_caller]
    fn fails(expression: &str, part: &str) {
        let error = compute(expression).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.message().contains(part), "{expression}: {error}");
    }

    #[test]
    fn integers_and_fractions_are_exact() {
        check("0.1 + 0.2", json!(0.3));
        check("1/3*3", json!(1));
        check("1 - 0.9 - 0.1", json!(0));
        check("10/4", json!(2.5));
        check("1/3", json!(1.0 / 3.0));
        check("9007199254740993 + 0", json!(9_007_199_254_740_993_i64));
        check("2^64 - 1", json!(u64::MAX));
        check("2^100", json!("1267650600228229401496703205376"));
        check("-(2^126)*2 + 1", json!("-170141183460469231731687303715884105727"));
        check("1e3 + 1_000 + .5 + 2.", json!(2002.5));
        check("123456789.123456789012", json!("123456789.123456789012"));
        check("round(1250 * 1.19, 2)", json!(1487.5));
        check("2^-2", json!(0.25));
        check("0.5^2", json!(0.25));
    }

    #[test]
    fn operators_bind_as_on_paper() {
        check("1 + 2 * 3", json!(7));
        check("(1 + 2) * 3", json!(9));
        check("-2^2", json!(-4));
        check("2^3^2", json!(512));
        check("2 ** 3", json!(8));
        check("2 - 3 - 4", json!(-5));
        check("7 // 2 * 2", json!(6));
        check("- - 3", json!(3));
        check("2 * -3", json!(-6));
    }

    #[test]
    fn a_remainder_has_the_sign_of_the_divisor() {
        check("7 % 3", json!(1));
        check("-7 % 3", json!(2));
        check("7 % -3", json!(-2));
        check("-7 // 2", json!(-4));
        check("7.5 % 2", json!(1.5));
        check("sqrt(2) // 1", json!(1.0));
    }

    #[test]
    fn functions_are_exact_where_they_can_be() {
        check("sqrt(144) + abs(-3)", json!(15));
        check("sqrt(2.25)", json!(1.5));
        check("sqrt(2)", json!(std::f64::consts::SQRT_2));
        check("round(2.5)", json!(3));
        check("round(-2.5)", json!(-3));
        check("round(2.345, 2)", json!(2.35));
        check("round(1234, -2)", json!(1200));
        check("floor(-1.5) + ceil(-1.5) + trunc(-1.5)", json!(-4));
        check("min(3, 1/2, 2) + max(1, 2)", json!(2.5));
        check("sum(1, 2, 3) + mean(1, 2)", json!(7.5));
        check("cos(0) + ln(e)", json!(2.0));
        check("log10(1000) + log2(8)", json!(6.0));
        check("round(pi * 3, 4)", json!(9.4248));
        check("max(2, sqrt(5))", json!(5f64.sqrt()));
    }

    #[test]
    fn what_has_no_value_says_why() {
        fails("1/0", "division by zero");
        fails("1 % 0", "division by zero");
        fails("0^-1", "division by zero");
        fails("sqrt(-1)", "no real number");
        fails("ln(0)", "no real number");
        fails("(-8)^0.5", "no real number");
        fails("2^127", "larger than");
        fails("2^1000000", "larger than");
        fails("99999999999999999999999999999999999999 * 99", "larger than");
        fails("1e400", "larger than");
        fails("exp(1000)", "no real number");
    }

    #[test]
    fn what_is_no_expression_says_where() {
        fails("", "ends where a number");
        fails("1 +", "ends where a number");
        fails("(1", "`)`");
        fails("1 2", "`2` at character 3");
        fails("1,5 + 2", "`,` at character 2");
        fails("two + 2", "`two` is neither");
        fails("sine(1)", "did you mean `sin`");
        fails("log(8)", "`ln` or `log10`");
        fails("sqrt(1, 2)", "takes 1");
        fails("min()", "takes 1 or more");
        fails("5 = 5", "`=` at character 3");
        fails("1.2.3", "`.3`");
        fails("0x10", "`x10`");
        fails("__import__('os')", "`__import__`");
    }

    #[test]
    fn no_expression_takes_long_or_deep() {
        fails(&"(".repeat(2_000), "too deep");
        fails(&"-".repeat(2_000), "too deep");
        fails(&format!("2{}", "^2".repeat(900)), "too deep");
        fails(&"1+".repeat(2_000), "longer than");
        check(&format!("1{}", "+1".repeat(900)), json!(901));
    }
}
