//! Expressions, computed while they are read.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = signed { ("*" | "/" | "//" | "%") signed }
//! signed  = { "+" | "-" } power
//! power   = atom [ ("^" | "**") signed ]
//! atom    = number | name [ "(" [ sum { "," sum } ] ")" ] | "(" sum ")"
//! ```

use crate::{
    error::{Error, Result},
    tool::calculator::{
        functions::{call, constant, is_function, unknown},
        invalid,
        number::{Number, too_large},
    },
};

/// How deep parentheses, signs and powers may be in one another.
const MAX_DEPTH: usize = 64;

/// The value of an expression.
pub(super) fn evaluate(text: &str) -> Result<Number> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.sum()?;
    if parser.peek().is_some() {
        return Err(parser.unexpected("an operator"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn sum(&mut self) -> Result<Number> {
        let mut value = self.product()?;
        loop {
            if self.takes("+") {
                value = value.add(self.product()?)?;
            } else if self.takes("-") {
                value = value.subtract(self.product()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<Number> {
        let mut value = self.signed()?;
        loop {
            if self.takes("*") {
                value = value.multiply(self.signed()?)?;
            } else if self.takes("//") {
                value = value.divide_down(self.signed()?)?;
            } else if self.takes("/") {
                value = value.divide(self.signed()?)?;
            } else if self.takes("%") {
                value = value.remainder(self.signed()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn signed(&mut self) -> Result<Number> {
        if self.takes("-") {
            self.deeper(Self::signed)?.negate()
        } else if self.takes("+") {
            self.deeper(Self::signed)
        } else {
            self.power()
        }
    }

    fn power(&mut self) -> Result<Number> {
        let base = self.atom()?;
        if self.takes("^") || self.takes("**") {
            return base.power(self.deeper(Self::signed)?);
        }
        Ok(base)
    }

    fn atom(&mut self) -> Result<Number> {
        match self.peek() {
            Some('(') => {
                self.takes("(");
                let value = self.deeper(Self::sum)?;
                self.expect_close()?;
                Ok(value)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => {
                let name = self.while_is(|c| c.is_alphanumeric() || c == '_');
                match constant(name) {
                    Some(value) => Ok(value),
                    None if is_function(name) && self.takes("(") => call(name, &self.arguments()?),
                    None => Err(unknown(name)),
                }
            }
            _ => Err(self.unexpected("a number")),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Number>> {
        let mut arguments = Vec::new();
        if self.takes(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.deeper(Self::sum)?);
            if !self.takes(",") {
                self.expect_close()?;
                return Ok(arguments);
            }
        }
    }

    /// Digits with a point and a decimal exponent, exact where that fits.
    fn number(&mut self) -> Result<Number> {
        let digits = |c: char| c.is_ascii_digit() || c == '_';
        let start = self.at;
        let whole = self.while_is(digits);
        let part = if self.text[self.at..].starts_with('.') {
            self.at += 1;
            self.while_is(digits)
        } else {
            ""
        };
        if !format!("{whole}{part}").contains(|c: char| c.is_ascii_digit()) {
            self.at = start;
            return Err(self.unexpected("a number"));
        }
        let exponent = self.exponent();
        let text = format!("{whole}{part}").replace('_', "");
        let places = part.bytes().filter(u8::is_ascii_digit).count();
        let shift = exponent.saturating_sub(i32::try_from(places).unwrap_or(i32::MAX));
        let scale = 10_i128.checked_pow(shift.unsigned_abs());
        let exact = text.parse::<i128>().ok().zip(scale).and_then(|(digits, scale)| {
            if shift < 0 { Number::fraction(digits, scale) } else { digits.checked_mul(scale).map(Number::integer) }
        });
        match exact {
            Some(number) => Ok(number),
            // An integer that is written out is meant exactly.
            None if places == 0 && exponent == 0 => Err(too_large()),
            None => {
                let real = self.text[start..self.at].replace('_', "").parse().map_err(|_| self.unexpected("a number"))?;
                Number::real(real).map_err(|_| too_large())
            }
        }
    }

    /// `e-3`, if there is one; an `e` before anything else is none.
    fn exponent(&mut self) -> i32 {
        let rest = &self.text[self.at..];
        let Some(after) = rest.strip_prefix(['e', 'E']) else { return 0 };
        let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
        let digits = unsigned.len() - unsigned.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            return 0;
        }
        let length = after.len() - unsigned.len() + digits;
        self.at += 1 + length;
        after[..length].parse().unwrap_or(i32::MAX)
    }

    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Result<Number>) -> Result<Number> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(invalid("the expression is too deep: compute it in parts"));
        }
        let value = parse(self);
        self.depth -= 1;
        value
    }

    /// Passes over white space.
    fn peek(&mut self) -> Option<char> {
        self.while_is(char::is_whitespace);
        self.text[self.at..].chars().next()
    }

    fn takes(&mut self, token: &str) -> bool {
        self.peek();
        let rest = &self.text[self.at..];
        // `**` is no product, and `//` is looked for before `/`.
        let is_it = rest.starts_with(token) && !(token == "*" && rest.starts_with("**"));
        if is_it {
            self.at += token.len();
        }
        is_it
    }

    fn while_is(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let taken = &rest[..rest.find(|c| !is(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn expect_close(&mut self) -> Result<()> {
        if self.takes(")") { Ok(()) } else { Err(self.unexpected("`)`")) }
    }

    fn unexpected(&mut self, wanted: &str) -> Error {
        if self.peek().is_none() {
            return invalid(format!("the expression ends where {wanted} should be"));
        }
        let rest = &self.text[self.at..];
        let is_word = |c: char| c.is_alphanumeric() || c == '.' || c == '_';
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len()).max(first);
        let place = self.text[..self.at].chars().count() + 1;
        invalid(format!("`{}` at character {place} stands where {wanted} should be", rest[..length].escape_debug()))
    }
}
